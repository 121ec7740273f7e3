//! Answers of the API that are given again, through the facade.

use super::{Host, HostError};
use crate::store::KeptAnswer;

impl Host {
    /// What was answered to an actor's key within the last day.
    pub fn kept_answer(&self, actor: &str, key: &str) -> Result<Option<KeptAnswer>, HostError> {
        Ok(self.store.kept_answer(actor, key)?)
    }

    /// Keeps an answer for a day.
    pub async fn keep_answer(
        &self,
        actor: String,
        key: String,
        digest: String,
        status: u16,
        answer: String,
    ) -> Result<(), HostError> {
        let kept = KeptAnswer {
            digest,
            status,
            answer,
        };
        Ok(self.store.keep_answer(actor, key, kept).await?)
    }
}

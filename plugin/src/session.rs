//! What every capability is handed: the settings, a client, and where observations go.
//!
//! The contract's imports hide behind [`Sink`], so that a scan runs natively against [`Recorder`].

use crate::contract::Observation;
use crate::contract::log::Level;
use crate::contract::sink::{Progress, Stop};
use crate::http::Client;
use crate::settings::Settings;

/// One call of the host: what was configured, and the way out.
pub struct Session<'t> {
    /// The settings in their normal form.
    pub settings: Settings,
    /// Outbound HTTP.
    pub client: Client<'t>,
}

/// Where a scan puts what it sees, and the host's cache.
pub trait Sink {
    /// Hands over observations and the cursor that covers everything emitted so far; returns once both are
    /// stored. After a [`Stop`] the scan returns `failure.stopped`.
    fn emit(&mut self, observations: Vec<Observation>, cursor: String) -> Result<(), Stop>;
    /// What the call has done so far; may be dropped.
    fn progress(&mut self, progress: Progress);
    /// A blob that an earlier call kept.
    fn cache_get(&mut self, key: &str) -> Option<Vec<u8>>;
    /// Keeps a blob; never fails.
    fn cache_put(&mut self, key: &str, value: &[u8]);
    /// A line for the operator's log.
    fn log(&mut self, level: Level, message: &str);
}

/// Tells the host how far a call is, where no [`Sink`] is at hand (the steps of `verify`). Natively there
/// is no host, and nothing happens.
pub fn report(progress: &Progress) {
    #[cfg(target_arch = "wasm32")]
    crate::contract::sink::report(progress);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = progress;
}

/// The host's sink, log and cache.
#[cfg(target_arch = "wasm32")]
#[derive(Debug, Default)]
pub struct HostSink;

#[cfg(target_arch = "wasm32")]
impl Sink for HostSink {
    fn emit(&mut self, observations: Vec<Observation>, cursor: String) -> Result<(), Stop> {
        crate::contract::sink::emit(&observations, &cursor)
    }

    fn progress(&mut self, progress: Progress) {
        crate::contract::sink::report(&progress);
    }

    fn cache_get(&mut self, key: &str) -> Option<Vec<u8>> {
        crate::contract::cache::get(key)
    }

    fn cache_put(&mut self, key: &str, value: &[u8]) {
        crate::contract::cache::put(key, value);
    }

    fn log(&mut self, level: Level, message: &str) {
        crate::contract::log::write(level, message);
    }
}

/// A sink for tests: keeps everything, and says stop when told to.
#[cfg(test)]
#[derive(Debug, Default)]
pub struct Recorder {
    /// Each `emit`: its observations and its cursor.
    pub batches: Vec<(Vec<Observation>, String)>,
    /// Every progress.
    pub progress: Vec<Progress>,
    /// The cache; survives when the recorder is handed to a second scan.
    pub cache: std::collections::BTreeMap<String, Vec<u8>>,
    /// Every log line.
    pub log: Vec<(Level, String)>,
    /// `emit` answers this once that many batches were taken.
    pub stop_after: Option<(usize, Stop)>,
}

#[cfg(test)]
impl Recorder {
    /// Every observation, in the order emitted.
    pub fn observations(&self) -> impl Iterator<Item = &Observation> {
        self.batches
            .iter()
            .flat_map(|(observations, _)| observations)
    }

    /// The cursor of the newest batch.
    pub fn cursor(&self) -> Option<String> {
        self.batches.last().map(|(_, cursor)| cursor.clone())
    }
}

#[cfg(test)]
impl Sink for Recorder {
    fn emit(&mut self, observations: Vec<Observation>, cursor: String) -> Result<(), Stop> {
        if let Some((batches, stop)) = self.stop_after
            && self.batches.len() >= batches
        {
            return Err(stop);
        }
        self.batches.push((observations, cursor));
        Ok(())
    }

    fn progress(&mut self, progress: Progress) {
        self.progress.push(progress);
    }

    fn cache_get(&mut self, key: &str) -> Option<Vec<u8>> {
        self.cache.get(key).cloned()
    }

    fn cache_put(&mut self, key: &str, value: &[u8]) {
        // As in the contract: an empty value keeps nothing.
        if !value.is_empty() {
            self.cache.insert(key.to_owned(), value.to_vec());
        }
    }

    fn log(&mut self, level: Level, message: &str) {
        self.log.push((level, message.to_owned()));
    }
}

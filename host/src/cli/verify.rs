//! `verify`: try everything that a scan of a connected account needs.

use clap::Args;

use super::context::Context;
use super::errors::CliResult;
use super::exit::of_verification;
use super::ticks::Ticks;
use crate::report::json;

/// Verify a connected account again, step by step.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// Name of the connection
    name: String,
    /// Write one JSON document instead of ticks
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        let connection = context.connection(&self.name)?;
        let manifest = context.manifest(&connection.connector).await?;
        if connection.network.insecure_tls {
            context.warning("certificates of this connection are not verified");
        }
        let reporter = context.reporter();
        let ticks = Ticks::new(&manifest, &context.out, !self.json, reporter.clone());
        let _watch = context.watch(&reporter);
        let verified = context
            .backend
            .verify(&self.name, &ticks, &context.cancel)
            .await;
        reporter.finish();
        let verification = verified?;
        ticks.close(&verification);
        if self.json {
            context.out.data(&json::verification(
                &self.name,
                &verification,
                &ticks.labels,
                None,
            ));
        }
        Ok(of_verification(&verification))
    }
}

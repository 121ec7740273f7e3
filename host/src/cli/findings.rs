//! `findings`: what the tools found.

use clap::Args;

use super::args::{Format, KindChoice, ListFlags, SeverityChoice};
use super::context::Context;
use super::errors::CliResult;
use super::exit::Exit;
use crate::report::{findings, json};

/// List what the tools found, worst first.
#[derive(Args, Debug)]
pub(crate) struct Findings {
    #[command(flatten)]
    list: ListFlags,
    /// Only findings at least this severe
    #[arg(long, value_enum)]
    severity: Option<SeverityChoice>,
    /// Only findings of this kind (repeatable)
    #[arg(long, value_enum)]
    kind: Vec<KindChoice>,
    /// Only what this tool reported ("GitLab")
    #[arg(long, value_name = "TOOL")]
    source_tool: Option<String>,
    /// Only findings of this image (a digest, or a beginning of one)
    #[arg(long, value_name = "DIGEST")]
    image: Option<String>,
}

impl Findings {
    pub(crate) fn run(&self, context: &Context) -> CliResult {
        let mut filter = context.filter(&self.list)?;
        filter.min_severity = self.severity.map(Into::into);
        filter.kinds = self.kind.iter().map(|&kind| kind.into()).collect();
        filter.source_tool = self.source_tool.clone();
        filter.image = self.image.as_deref().map(super::images::with_algorithm);
        let rows = context.backend.findings(&filter)?;
        if rows.is_empty() {
            context.remark("No findings.");
        }
        context.out.data(&match self.list.format {
            Format::Table => findings::table(&rows, context.out.look),
            Format::Json => json::findings(&rows),
            Format::Jsonl => json::finding_lines(&rows),
        });
        Ok(Exit::Ok)
    }
}

//! What every command is given: the host, the streams, and how much to say.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::args::{Global, ListFlags, ProgressChoice};
use super::backend::Backend;
use super::errors::{CliError, CliResult};
use super::globs;
use super::interrupt::{self, Watch};
use super::output::Output;
use super::progress::{self, Reporter};
use crate::contract::Manifest;
use crate::host::{Connection, Filter, HostError};

/// Everything a command needs.
pub(crate) struct Context {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) out: Arc<Output>,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
    pub(crate) progress: ProgressChoice,
    /// Stops what is under way.
    pub(crate) cancel: CancellationToken,
}

impl Context {
    pub(crate) fn new(backend: Arc<dyn Backend>, out: Arc<Output>, global: &Global) -> Self {
        let progress = match global.progress {
            _ if global.quiet => ProgressChoice::None,
            // Log lines and bars don't mix.
            ProgressChoice::Auto if out.err_terminal && global.verbose == 0 => ProgressChoice::Bars,
            ProgressChoice::Auto => ProgressChoice::Plain,
            chosen => chosen,
        };
        Self {
            backend,
            out,
            quiet: global.quiet,
            verbose: global.verbose,
            progress,
            cancel: CancellationToken::new(),
        }
    }

    /// A remark for people, on stderr.
    pub(crate) fn remark(&self, text: &str) {
        if !self.quiet && self.progress != ProgressChoice::Json {
            self.out.note(&format!("{text}\n"));
        }
    }

    /// A remark that somebody should act on.
    pub(crate) fn warning(&self, text: &str) {
        let text = crate::report::text::inert(text);
        self.remark(&format!("{} {text}", self.out.err_look.warn("warning:")));
    }

    /// Shows what goes on, in the way that was chosen.
    pub(crate) fn reporter(&self) -> Arc<dyn Reporter> {
        progress::reporter(self.progress, self.verbose, &self.out)
    }

    /// From now on, and as long as the answer lives, the first Ctrl-C stops orderly and the second one at
    /// once. The answer lives to the end of the command: a handler once set keeps the system's own away.
    pub(crate) fn watch(&self, reporter: &Arc<dyn Reporter>) -> Watch {
        interrupt::watch(self.cancel.clone(), Arc::clone(reporter))
    }

    /// The manifest of a connector.
    pub(crate) async fn manifest(&self, connector: &str) -> CliResult<Manifest> {
        let known = self.backend.connectors().await?;
        known.into_iter().map(|(manifest, _)| manifest).find(|one| one.id == connector).ok_or_else(|| {
            CliError::usage(
                format!("no connector is called {connector:?}"),
                "`ox-host plugin list` lists those that are installed; `ox-host plugin install FILE` adds \
                 one, and --plugin FILE uses one without installing it",
            )
        })
    }

    /// A saved connection.
    pub(crate) fn connection(&self, name: &str) -> CliResult<Connection> {
        let known = self.backend.connections()?;
        known
            .into_iter()
            .find(|one| one.name == name)
            .ok_or_else(|| {
                HostError::Unknown {
                    what: "connection",
                    name: name.to_owned(),
                    list: "connections",
                }
                .into()
            })
    }

    /// The filter that a list's flags describe.
    pub(crate) fn filter(&self, flags: &ListFlags) -> CliResult<Filter> {
        globs::check(&flags.location)?;
        Ok(Filter {
            connection: flags.connection.clone(),
            locations: flags.location.clone(),
            ..Filter::default()
        })
    }
}

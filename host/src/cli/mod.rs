//! The program `ox-host`: one file a command. Each parses, calls the host, and renders what comes back.
//!
//! Data goes to stdout and everything else to stderr; the exit codes are in [`exit`].

mod advisories;
mod args;
mod backend;
mod connect;
mod connections;
mod context;
mod diff;
mod disconnect;
mod errors;
mod exclusions;
pub mod exit;
mod files;
mod findings;
mod form;
mod globs;
mod image;
mod images;
mod interrupt;
mod issue;
mod issues;
mod limits;
mod locations;
mod output;
mod plugin;
mod policy;
mod progress;
mod queue;
mod reference;
mod remote;
mod scan;
mod select;
mod serve;
mod skipped;
mod ticks;
mod token;
mod users;
mod verify;
mod when;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Cli, Command, Global, ProgressChoice};
use backend::Backend;
use context::Context;
use errors::{CliError, CliResult};
use exit::Exit;
use output::{Output, mask_tokens};

use crate::host::{Host, HostOptions};

/// How long calls that were given up may still clean up after themselves at the end.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// The program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error).into(),
    };
    let out = Arc::new(Output::process(cli.global.color.into()));
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let error =
                CliError::new(Exit::Unexpected, "the program could not start", "").because(error);
            out.note(&error.render(out.err_look, true));
            return error.exit.into();
        }
    };
    let exit = runtime.block_on(start(cli, out));
    runtime.shutdown_timeout(SHUTDOWN);
    exit.into()
}

/// Help and version go to stdout; a command line that can't be understood is told on stderr, without what
/// looks like a token in it.
fn refused(error: &clap::Error) -> Exit {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let _ = error.print();
        return Exit::Ok;
    }
    let out = Output::process(anstream::ColorChoice::Auto);
    let text = if out.err_look.colour {
        error.render().ansi().to_string()
    } else {
        error.render().to_string()
    };
    out.note(&mask_tokens(&text));
    Exit::Usage
}

async fn start(cli: Cli, out: Arc<Output>) -> Exit {
    match &cli.command {
        Command::Serve(command) => command.log(cli.global.verbose),
        _ => log_to_stderr(cli.global.verbose),
    }
    let backend = match &cli.global.server.server {
        Some(_) => distant(&cli, &out),
        None => open(&cli).await.map(|host| host as Arc<dyn Backend>),
    };
    match backend {
        Ok(backend) => run(cli, backend, out).await,
        Err(error) => fail(&error, &cli.global, &out),
    }
}

/// A daemon in the place of the data folder.
fn distant(cli: &Cli, out: &Output) -> CliResult<Arc<dyn Backend>> {
    cli.command.check()?;
    if let Command::Serve(_) | Command::Users(_) = &cli.command {
        return Err(CliError::usage(
            "this is done where the data folder is, not through a daemon",
            "leave out --server (and OX_HOST_SERVER), and run it on the daemon's machine",
        ));
    }
    let flags = &cli.global.server;
    let token = flags.token()?;
    if let Some(token) = &token {
        out.protect(token.clone());
    }
    let address = flags.server.as_deref().unwrap_or_default();
    Ok(Arc::new(remote::Remote::new(address, token, &flags.ca()?)?))
}

async fn open(cli: &Cli) -> CliResult<Arc<Host>> {
    cli.command.check()?;
    let options = HostOptions {
        data_dir: data_dir(cli.global.data_dir.clone(), |name| std::env::var_os(name))?,
        cache_dir: None,
        jobs: cli.command.jobs(),
        plugin: cli.global.plugin.clone(),
        limits: cli.global.limits.assignments()?,
    };
    Ok(Host::open(options).await?)
}

/// Runs one command against a host; the whole program but for starting it.
async fn run(cli: Cli, backend: Arc<dyn Backend>, out: Arc<Output>) -> Exit {
    let context = Context::new(backend, Arc::clone(&out), &cli.global);
    let outcome = match cli.command.check() {
        Ok(()) => cli.command.run(&context).await,
        Err(error) => Err(error),
    };
    let outcome = match outcome {
        // Whatever a call says when it was cancelled: it was cancelled.
        Err(error) if context.cancel.is_cancelled() => Err(CliError {
            exit: Exit::Interrupted,
            ..error
        }),
        other => other,
    };
    let exit = match outcome {
        Ok(exit) => exit,
        Err(error) => fail(&error, &cli.global, &out),
    };
    if let Some(error) = out.failure() {
        let error =
            CliError::new(Exit::Unexpected, "the output could not be written", "").because(error);
        return fail(&error, &cli.global, &out);
    }
    exit
}

fn fail(error: &CliError, global: &Global, out: &Output) -> Exit {
    if global.progress == ProgressChoice::Json {
        out.note(&error.json());
    } else {
        out.note(&error.render(out.err_look, global.verbose > 0));
    }
    error.exit
}

impl Command {
    /// What can be refused before anything is opened.
    fn check(&self) -> CliResult<()> {
        match self {
            Self::Connect(command) => command.check(),
            Self::Scan(command) => command.form.token.check(),
            _ => Ok(()),
        }
    }

    /// Instances that scan at the same time.
    fn jobs(&self) -> usize {
        let chosen = match self {
            Self::Scan(command) => command.jobs,
            Self::Serve(command) => command.jobs,
            _ => None,
        };
        chosen
            .map(|jobs| usize::from(jobs.get()))
            .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
            .unwrap_or(1)
    }

    async fn run(&self, context: &Context) -> CliResult {
        match self {
            Self::Connect(command) => command.run(context).await,
            Self::Connections(command) => command.run(context),
            Self::Disconnect(command) => command.run(context),
            Self::Verify(command) => command.run(context).await,
            Self::Locations(command) => command.run(context).await,
            Self::Select(command) => command.run(context).await,
            Self::Scan(command) => command.run(context).await,
            Self::Findings(command) => command.run(context),
            Self::Images(command) => command.run(context),
            Self::Image(command) => command.run(context),
            Self::Skipped(command) => command.run(context),
            Self::Issues(command) => command.run(context),
            Self::Issue(command) => command.run(context).await,
            Self::Exclusions(command) => command.run(context).await,
            Self::Diff(command) => command.run(context),
            Self::Scans(command) => command.run(context),
            Self::Advisories(command) => command.run(context).await,
            Self::Policy(command) => command.run(context).await,
            Self::Plugin(command) => command.run(context).await,
            Self::Serve(command) => command.run(context).await,
            Self::Users(command) => command.run(context).await,
        }
    }
}

/// The data folder: the flag (or OX_HOST_DATA_DIR), else the XDG folder of this user.
fn data_dir(
    given: Option<PathBuf>,
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> CliResult<PathBuf> {
    if let Some(given) = given {
        return Ok(given);
    }
    // The XDG rules: a relative path in the variable does not count.
    let folder = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    folder("XDG_DATA_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("ox-host"))
        .ok_or_else(|| {
            CliError::settings(
                "there is no folder to keep connections and findings in: HOME is not set",
                "give one with --data-dir DIR or OX_HOST_DATA_DIR",
            )
        })
}

/// The host's own log, for those who look for a fault in the host itself.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 | 1 => return,
        2 => "ox_host=debug",
        _ => "debug",
    };
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .try_init();
}

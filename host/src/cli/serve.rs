//! `ox-host serve`: the daemon.

use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::args::ProgressChoice;
use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use super::interrupt::Signals;
use crate::host::HostError;
use crate::serve::{ServeOptions, Server, serve};

/// Stay up: scan on a schedule, and serve the console and the API.
///
/// Runs go on where they were when the daemon ended, however it ended. One signal (Ctrl-C, SIGTERM) ends it in
/// order, a second one at once.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ox-host serve
  ox-host serve --listen 0.0.0.0:8470 --public-url https://ox.example.com --log json
  ox-host serve --data-dir /var/lib/ox-host --scans-at-once 4 --drain-seconds 30")]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8470",
        env = "OX_HOST_LISTEN"
    )]
    listen: SocketAddr,
    /// The address that people open, where it is another one (behind a proxy that does TLS)
    #[arg(long, value_name = "URL", env = "OX_HOST_PUBLIC_URL")]
    public_url: Option<String>,
    /// Connections that are scanned at the same time
    #[arg(long, value_name = "N", default_value = "2")]
    scans_at_once: NonZeroU8,
    /// Locations of one connection that are scanned at the same time [default: number of cores]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroU8>,
    /// Folder that is watched for component files [default: plugins/incoming of the data folder]
    #[arg(long, value_name = "DIR")]
    drop_folder: Option<PathBuf>,
    /// Ed25519 public key (base64) that a component's signature, FILE.wasm.sig, has to verify under
    #[arg(long, value_name = "KEY", env = "OX_HOST_PLUGIN_KEY")]
    plugin_key: Option<String>,
    /// Seconds that what runs may take to end in order
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    drain_seconds: u64,
    /// Answer /metrics without an API token, to whoever can reach the port
    #[arg(long)]
    metrics_open: bool,
    /// How the daemon's log is written to stderr
    #[arg(long, value_enum, default_value_t, env = "OX_HOST_LOG")]
    log: Log,
    /// What the log takes: error, warn, info, debug, trace, or a filter like ox_host::egress=debug,info
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        env = "OX_HOST_LOG_LEVEL"
    )]
    log_level: String,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Log {
    /// A line for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

impl Serve {
    /// Sets the log up. Identities (run, connection, location) are fields; secrets are never in it.
    pub(crate) fn log(&self, verbose: u8) {
        let level = match verbose {
            0 | 1 => self.log_level.as_str(),
            2 => "ox_host=debug,info",
            _ => "debug",
        };
        let filter = EnvFilter::builder()
            .parse(level)
            .unwrap_or_else(|_| EnvFilter::new("info"));
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr);
        // A second one in the same process (a test) keeps the first.
        let _ = match self.log {
            Log::Text => log.with_ansi(false).try_init(),
            Log::Json => log.json().flatten_event(true).try_init(),
        };
    }

    fn options(&self) -> ServeOptions {
        ServeOptions {
            listen: self.listen,
            public_url: self.public_url.clone(),
            scans_at_once: usize::from(self.scans_at_once.get()),
            drop_folder: self.drop_folder.clone(),
            plugin_key: self.plugin_key.clone(),
            drain_seconds: self.drain_seconds,
            metrics_open: self.metrics_open,
        }
    }

    fn check(&self) -> CliResult<()> {
        if let Some(public) = &self.public_url {
            let fine = url::Url::parse(public)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !fine {
                return Err(CliError::usage(
                    format!("the address {public:?} can't be read"),
                    "write it as people open it: --public-url https://ox.example.com",
                ));
            }
        }
        if EnvFilter::builder().parse(&self.log_level).is_err() {
            return Err(CliError::usage(
                format!("the log level {:?} can't be read", self.log_level),
                "give one of error, warn, info, debug, trace",
            ));
        }
        Ok(())
    }

    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        self.check()?;
        // From here on: a signal at any moment is heard.
        let signals = Signals::listen();
        let host = Arc::clone(&context.backend).shared()?;
        host.must_own()?;
        let options = self.options();
        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            let why = match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "another program has that port; choose one with --listen 127.0.0.1:PORT"
                }
                std::io::ErrorKind::PermissionDenied => {
                    "ports below 1024 are for privileged programs; choose one with --listen 127.0.0.1:PORT"
                }
                _ => "choose an address of this machine with --listen ADDRESS:PORT",
            };
            CliError::settings(format!("can't listen on {}", options.listen), why).because(error)
        })?;
        let address = listener.local_addr().unwrap_or(options.listen);
        let server = Server::new(host, options).await?;
        let stopping = obey(signals, &server, context);
        self.say_where(context, address, &server);
        let served = serve(server, listener).await;
        stopping.abort();
        served.map_err(HostError::from)?;
        Ok(Exit::Ok)
    }

    fn say_where(&self, context: &Context, address: SocketAddr, server: &Server) {
        let base = self
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{address}"));
        let base = base.trim_end_matches('/');
        let url = format!("{base}/");
        if context.progress == ProgressChoice::Json {
            let line = json!({ "address": address.to_string(), "url": url });
            context
                .out
                .note(&crate::report::json::line("listening", line));
        }
        context.remark(&format!("the console is at {url}"));
        if let Some(link) = server.accounts.first_run_link(base) {
            context.remark(&format!(
                "make the first account (this link works once): {link}"
            ));
        }
    }
}

/// Turns the first signal into an end in order, and the second into the end.
fn obey(
    mut signals: Signals,
    server: &Arc<Server>,
    context: &Context,
) -> tokio::task::JoinHandle<()> {
    let stopping = server.stopping.clone();
    let seconds = server.options.drain_seconds;
    let cancel = context.cancel.clone();
    let out = Arc::clone(&context.out);
    let quiet = context.quiet || context.progress == ProgressChoice::Json;
    tokio::spawn(async move {
        tokio::select! {
            () = signals.next() => {}
            () = cancel.cancelled() => {}
        }
        if !quiet {
            out.note(&format!(
                "Stopping: what runs is stored and goes on with the next start. It takes at most {seconds} seconds; \
                 a second signal ends it now.\n"
            ));
        }
        stopping.cancel();
        signals.next().await;
        std::process::exit(Exit::Interrupted.code().into());
    })
}

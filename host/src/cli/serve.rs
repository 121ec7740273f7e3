//! `ox-host serve`: the daemon.

use std::net::SocketAddr;

use clap::Args;
use tokio::net::TcpListener;

use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use crate::host::HostError;
use crate::serve::{ServeOptions, Server, serve};

/// Stay up: scan on a schedule, and serve the console and the API
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8470",
        env = "OX_HOST_LISTEN"
    )]
    listen: SocketAddr,
}

impl Serve {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        let host = std::sync::Arc::clone(&context.backend).shared()?;
        let options = ServeOptions {
            listen: self.listen,
            ..ServeOptions::default()
        };
        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            CliError::settings(
                format!("can't listen on {}", options.listen),
                "another program has that port; choose one with --listen 127.0.0.1:PORT",
            )
            .because(error)
        })?;
        let address = listener.local_addr().unwrap_or(options.listen);
        let server = Server::new(host, options).await?;
        let stopping = server.stopping.clone();
        let cancel = context.cancel.clone();
        tokio::spawn(async move {
            cancel.cancelled().await;
            stopping.cancel();
        });
        context.remark(&format!("the console is at http://{address}/"));
        if let Some(link) = server
            .accounts
            .first_run_link(&format!("http://{address}"))
        {
            context.remark(&format!("make the first account (this link works once): {link}"));
        }
        serve(server, listener).await.map_err(HostError::from)?;
        Ok(Exit::Ok)
    }
}

//! The only way out of the sandbox.
//!
//! A connector asks for requests; this room decides whether they happen, to which address they go, with
//! which credential, and what of the answer the connector sees. Deny by default; every refusal has a
//! sentence and, where a person could allow it, the exact flag.
//!
//! The life of one request, in `request`: take a place in the queue, collect the body, judge the URL
//! (`target`, `policy`), put the secret where its stand-in stands (`secrets`), send (`client`, which dials
//! through `connect`, which resolves and judges addresses with `resolve` and `address`), follow redirects
//! (`redirect`) with all of that anew, and hand back a body that counts, times, hashes and redacts as it
//! streams (`body`, `digest`, `redact`).
//! An answer that the redaction could not read is not handed over (`echo`).
//!
//! One [`Egress`] a connection: pools and TLS sessions are never shared between two connections. One
//! [`CallEgress`] a call: it is closed until the connector's declared origins are granted, and ends with it.

mod address;
mod ahead;
mod body;
mod call;
mod client;
mod connect;
mod digest;
mod echo;
mod fault;
mod hooks;
mod limits;
mod origin;
mod policy;
mod proxy;
mod redact;
mod redirect;
mod request;
mod resolve;
mod secrets;
mod stream;
mod target;
mod tls;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::Semaphore;

pub use address::{AddressClass, classify};
pub use call::{CallEgress, EgressCounters, GrantRefused, HostCounters};
pub use digest::DIGEST_HEADER;
pub(crate) use hooks::BODY_CHUNK;
pub use hooks::Hooks;
pub use limits::EgressLimits;
pub use origin::{Host, Origin, OriginError, Scheme};
pub use policy::{Allowance, Denied, Policy};
pub(crate) use redact::MIN_SECRET;
pub use redact::Redactor;
pub use resolve::{Resolver, SystemResolver};
pub use secrets::StandIn;

use crate::secret::SecretString;

/// How requests of one connection leave.
#[derive(Clone, Debug)]
pub struct EgressConfig {
    /// Scheme, host and port of the address that the person entered. Only there may secrets go.
    pub operator_origin: Origin,
    /// What the operator added with `--allow`.
    pub allow: Vec<Origin>,
    /// PEM certificates that are trusted besides the system's.
    pub ca_pem: Vec<String>,
    /// PEM certificate chain and key that this host shows.
    pub client_pem: Option<String>,
    /// `http://[user:password@]host:port`.
    pub proxy: Option<String>,
    /// Do not verify certificates.
    pub insecure_tls: bool,
    /// Sizes, counts and times.
    pub limits: EgressLimits,
    /// Turns names into addresses.
    pub resolver: Arc<dyn Resolver>,
}

/// Why a connection's network options can't be used.
#[derive(Debug, thiserror::Error)]
pub enum EgressConfigError {
    /// A file given as CA holds no certificate, or a broken one.
    #[error(
        "the CA certificate can't be used: {0}; give a PEM file with one or more CERTIFICATE blocks"
    )]
    Ca(String),
    /// The client certificate or its key.
    #[error(
        "the client certificate can't be used: {0}; give a PEM file with the certificate chain and its key"
    )]
    Client(String),
    /// The proxy's address.
    #[error(
        "the proxy {0:?} can't be used: {1}; write it as http://host:port or http://user:password@host:port"
    )]
    Proxy(String, &'static str),
    /// Roots could not be loaded, or TLS could not be set up.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
}

/// The outbound side of one connection: policy, TLS and connection pool.
#[derive(Debug)]
pub struct Egress {
    policy: Arc<Policy>,
    limits: EgressLimits,
    client: client::Pool,
}

impl Egress {
    /// Reads certificates and proxy, and builds the pool. Sends nothing.
    pub fn new(config: EgressConfig) -> Result<Arc<Self>, EgressConfigError> {
        let policy = Arc::new(Policy::new(config.operator_origin, config.allow));
        let proxy = config
            .proxy
            .as_deref()
            .map(proxy::Proxy::parse)
            .transpose()?
            .map(Arc::new);
        let tls = tls::client_config(
            &config.ca_pem,
            config.client_pem.as_deref(),
            config.insecure_tls,
        )?;
        let connector = connect::Connector::new(connect::Setup {
            policy: Arc::clone(&policy),
            resolver: config.resolver,
            tls: Arc::new(tls),
            proxy: proxy.clone(),
            permits: Arc::new(Semaphore::new(config.limits.connections)),
            limits: config.limits.clone(),
        });
        Ok(Arc::new(Self {
            policy,
            client: client::Pool::new(connector, proxy, &config.limits),
            limits: config.limits,
        }))
    }

    /// The outbound side of one call. It refuses everything until [`CallEgress::grant`].
    pub fn open_call(self: &Arc<Self>, secrets: &[(StandIn, SecretString)]) -> Arc<CallEgress> {
        CallEgress::new(Arc::clone(self), secrets)
    }
}

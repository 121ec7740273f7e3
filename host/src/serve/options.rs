//! What the daemon is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where the daemon listens when nobody says otherwise.
pub(crate) const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8470);

/// What the daemon is started with.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address that people open, where it is another than `listen` (behind a proxy):
    /// `https://ox.example.com`. Its host is accepted in `Host` and `Origin`, and https makes cookies `Secure`.
    pub public_url: Option<String>,
    /// Scans of different connections at the same time.
    pub scans_at_once: usize,
    /// Folder that is watched for component files. `None` watches `plugins/incoming` of the data folder.
    pub drop_folder: Option<PathBuf>,
    /// Public key (Ed25519, base64) that a component's signature (`FILE.wasm.sig`) has to verify under. Without
    /// one, signatures are not asked for.
    pub plugin_key: Option<String>,
    /// Seconds that running scans may take to stop in order before they are cut.
    pub drain_seconds: u64,
    /// `/metrics` is answered to whoever can reach the port. Without it, only to this machine, or with an API
    /// token.
    pub metrics_open: bool,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: LISTEN,
            public_url: None,
            scans_at_once: 2,
            drop_folder: None,
            plugin_key: None,
            drain_seconds: 10,
            metrics_open: false,
        }
    }
}

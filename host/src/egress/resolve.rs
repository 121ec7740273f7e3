//! Names to addresses. The host resolves, never the connector.

use std::fmt;
use std::io;
use std::net::IpAddr;

/// Answers at most this many addresses of a name; the rest would never be tried.
pub(super) const MAX_ADDRESSES: usize = 16;

/// Turns a name into addresses. The caller sets the time limit and judges what comes back.
#[async_trait::async_trait]
pub trait Resolver: Send + Sync + fmt::Debug {
    /// All addresses of a name, in the order to try them. No address is an error as well.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver: `/etc/hosts`, search domains, DNS.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait::async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut addresses = Vec::new();
        for address in tokio::net::lookup_host((name, 0)).await? {
            // A scope belongs to link-local addresses, which are never dialled.
            let ip = address.ip();
            if !addresses.contains(&ip) && addresses.len() < MAX_ADDRESSES {
                addresses.push(ip);
            }
        }
        Ok(addresses)
    }
}

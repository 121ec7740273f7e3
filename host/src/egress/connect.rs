//! Dials: resolve, judge every address, connect to exactly a judged address, TLS. One time limit over all
//! but TLS, waiting for a permit included.
//!
//! There is no second look-up between the check and the connection, so a name that answers differently the
//! second time is judged the second time.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::address::{AddressClass, classify};
use super::fault::{Code, Fault};
use super::limits::EgressLimits;
use super::origin::{Host, Origin, Scheme};
use super::policy::{AddressRule, AddressVerdict, Policy, allow_flag};
use super::proxy::Proxy;
use super::resolve::{MAX_ADDRESSES, Resolver};
use super::stream::Stream;
use super::tls;

/// How long one address may take before the next is tried beside it (RFC 8305's value).
const STAGGER: Duration = Duration::from_millis(250);

/// What a connector needs to dial.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) policy: Arc<Policy>,
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) proxy: Option<Arc<Proxy>>,
    /// One for each open connection.
    pub(super) permits: Arc<Semaphore>,
    pub(super) limits: EgressLimits,
}

/// The service that the HTTP client dials with.
#[derive(Clone, Debug)]
pub(super) struct Connector(Arc<Setup>);

impl Connector {
    pub(super) fn new(setup: Setup) -> Self {
        Self(Arc::new(setup))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let setup = Arc::clone(&self.0);
        Box::pin(async move {
            // The client's own key, made from a target that was judged; read again to take nothing on trust.
            let origin = Origin::parse_url(&uri.to_string())
                .map_err(|why| Fault::connector(Code::Uri, format!("The address {uri} {why}.")))?;
            setup.open(&origin).await
        })
    }
}

impl Setup {
    async fn open(&self, origin: &Origin) -> Result<Stream, Fault> {
        let deadline = Instant::now() + self.limits.connect;
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| {
                Fault::new(
                    Code::LimitReached,
                    format!(
                        "No connection to {origin} could be opened: {} connections are open, which is the limit.",
                        self.limits.connections
                    ),
                    "Scan fewer locations at the same time (--jobs).",
                )
            })?;
        let tcp = timeout_at(deadline, self.reach(origin, deadline))
            .await
            .unwrap_or_else(|_| {
                Err(Fault::new(
                    Code::ConnectTimeout,
                    format!("{origin} did not accept a connection within {:?}.", self.limits.connect),
                    "Check the address and port, and whether a firewall or proxy stands in between.",
                ))
            })?;
        if origin.scheme == Scheme::Http {
            return Ok(Stream::plain(tcp, self.proxy.is_some(), permit));
        }
        let name = match &origin.host {
            Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| {
                Fault::connector(
                    Code::Uri,
                    format!("{name} can't be the name on a certificate."),
                )
            })?,
            Host::V4(ip) => ServerName::from(IpAddr::V4(*ip)),
            Host::V6(ip) => ServerName::from(IpAddr::V6(*ip)),
        };
        let handshake = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp);
        match timeout(self.limits.tls, handshake).await {
            Ok(Ok(tls)) => Ok(Stream::tls(tls, permit)),
            Ok(Err(error)) => Err(tls::fault(&error, origin)),
            Err(_) => Err(Fault::new(
                Code::ConnectTimeout,
                format!(
                    "{origin} did not finish the TLS handshake within {:?}.",
                    self.limits.tls
                ),
                "Check the port, and whether a proxy or firewall stands in between.",
            )),
        }
    }

    /// A TCP connection to the origin, or a tunnel to it.
    async fn reach(&self, origin: &Origin, deadline: Instant) -> Result<TcpStream, Fault> {
        let Some(proxy) = &self.proxy else {
            let addresses = self
                .judged(origin, self.policy.addresses(&origin.host), deadline)
                .await?;
            return dial(&addresses, origin).await;
        };
        if !matches!(origin.host, Host::Name(_)) || origin.host.is_literal_loopback() {
            // An address in the URL can be judged even though the proxy dials.
            self.judged(origin, self.policy.addresses(&origin.host), deadline)
                .await?;
        }
        let addresses = self
            .judged(&proxy.origin, Policy::operator_words(), deadline)
            .await?;
        let mut tcp = dial(&addresses, &proxy.origin).await.map_err(|mut fault| {
            fault.message = format!("The proxy can't be reached: {}", fault.message);
            fault
        })?;
        if origin.scheme == Scheme::Https {
            proxy.tunnel(&mut tcp, origin).await?;
        }
        Ok(tcp)
    }

    /// The addresses of an origin that may be dialled.
    async fn judged(
        &self,
        origin: &Origin,
        rule: AddressRule,
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, Fault> {
        let mut good = Vec::new();
        let mut refused = None;
        let mut operator_is_private = None;
        for ip in self.lookup(&origin.host, deadline).await? {
            let class = classify(ip);
            let dial = match rule.judge(class) {
                AddressVerdict::Dial => true,
                AddressVerdict::Refuse => false,
                AddressVerdict::DialIfOperatorIsPrivate => {
                    if operator_is_private.is_none() {
                        operator_is_private = Some(self.operator_is_private(deadline).await);
                    }
                    operator_is_private == Some(true)
                }
            };
            if dial {
                good.push(SocketAddr::new(ip, origin.port));
            } else {
                refused = Some((ip, class));
            }
        }
        match refused {
            Some((ip, class)) if good.is_empty() => Err(prohibited(origin, ip, class)),
            _ => Ok(good),
        }
    }

    /// Whether the host of the operator's own URL lives at a private address.
    async fn operator_is_private(&self, deadline: Instant) -> bool {
        self.lookup(&self.policy.operator().host, deadline)
            .await
            .is_ok_and(|ips| {
                ips.into_iter()
                    .any(|ip| classify(ip) == AddressClass::Private)
            })
    }

    async fn lookup(&self, host: &Host, deadline: Instant) -> Result<Vec<IpAddr>, Fault> {
        let name = match host {
            Host::V4(ip) => return Ok(vec![IpAddr::V4(*ip)]),
            Host::V6(ip) => return Ok(vec![IpAddr::V6(*ip)]),
            Host::Name(name) => name,
        };
        let unknown = |why: &str| {
            Fault::new(
                Code::Dns,
                format!("The name {name} can't be resolved: {why}."),
                "Check the spelling, and this machine's DNS.",
            )
        };
        match timeout_at(deadline, self.resolver.resolve(name)).await {
            Ok(Ok(mut ips)) => {
                ips.truncate(MAX_ADDRESSES);
                if ips.is_empty() {
                    return Err(unknown("it has no address"));
                }
                Ok(ips)
            }
            Ok(Err(error)) => Err(unknown(&error.to_string())),
            Err(_) => Err(Fault::new(
                Code::DnsTimeout,
                format!(
                    "The name {name} was not resolved within {:?}.",
                    self.limits.connect
                ),
                "Check this machine's DNS.",
            )),
        }
    }
}

fn prohibited(origin: &Origin, ip: IpAddr, class: AddressClass) -> Fault {
    let flag = allow_flag(origin);
    let place = match &origin.host {
        Host::Name(name) => format!("{name} leads to {ip}, {}", class.in_words()),
        Host::V4(_) | Host::V6(_) => format!("{ip} is {}", class.in_words()),
    };
    let (hint, allow) = match class {
        AddressClass::Never(_) => (
            "Such an address is never reached, and no option allows it.".to_owned(),
            None,
        ),
        AddressClass::Loopback if !origin.host.is_literal_loopback() => {
            let literal = Origin {
                host: match ip {
                    IpAddr::V4(ip) => Host::V4(ip),
                    IpAddr::V6(ip) => Host::V6(ip),
                },
                ..origin.clone()
            };
            let hint = format!(
                "This machine is reached only when the operator names it by address: use {literal} as the URL, or {}.",
                allow_flag(&literal)
            );
            (hint, None)
        }
        _ => (
            format!("If this is right, allow it with `{flag}`."),
            Some(flag),
        ),
    };
    Fault {
        allow,
        ..Fault::new(
            Code::AddressProhibited,
            format!("{place}, so the request to {origin} was refused."),
            hint,
        )
    }
}

/// Connects to the first address that answers; the next one is tried beside a slow one.
async fn dial(addresses: &[SocketAddr], origin: &Origin) -> Result<TcpStream, Fault> {
    let mut waiting = addresses.iter().copied();
    let mut trying = FuturesUnordered::new();
    let mut first_error: Option<io::Error> = None;
    if let Some(address) = waiting.next() {
        trying.push(TcpStream::connect(address));
    }
    while !trying.is_empty() {
        tokio::select! {
            result = trying.next() => match result {
                Some(Ok(tcp)) => {
                    // Small requests must not wait for each other's acknowledgements.
                    let _ = tcp.set_nodelay(true);
                    return Ok(tcp);
                }
                Some(Err(error)) => {
                    first_error.get_or_insert(error);
                    if let Some(address) = waiting.next() {
                        trying.push(TcpStream::connect(address));
                    }
                }
                None => break,
            },
            () = sleep(STAGGER), if waiting.len() > 0 => {
                if let Some(address) = waiting.next() {
                    trying.push(TcpStream::connect(address));
                }
            }
        }
    }
    let error = first_error.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into());
    let at = match addresses {
        [one] => format!(" ({one})"),
        _ => String::new(),
    };
    Err(match error.kind() {
        io::ErrorKind::ConnectionRefused => Fault::new(
            Code::Refused,
            format!("{origin}{at} refused the connection."),
            "Check the port, and whether the server runs.",
        ),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Fault::new(
            Code::Unroutable,
            format!("{origin}{at} can't be reached from this machine: {error}."),
            "Check this machine's network.",
        ),
        _ => Fault::new(
            Code::Terminated,
            format!("The connection to {origin}{at} failed: {error}."),
            "Check the address and port, and whether a firewall or proxy stands in between.",
        ),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// `private.*` names live at a private address, `both.*` at a private and a public one, all others at a
    /// public one.
    #[derive(Debug)]
    struct Names;

    #[async_trait::async_trait]
    impl Resolver for Names {
        async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
            let ips: &[&str] = match name.split('.').next() {
                Some("private") => &["10.0.0.7"],
                Some("both") => &["10.0.0.8", "93.184.216.34"],
                _ => &["93.184.216.34"],
            };
            Ok(ips.iter().map(|ip| ip.parse().unwrap()).collect())
        }
    }

    async fn judged(operator: &str, asked: &str) -> Result<Vec<String>, Code> {
        let limits = EgressLimits::default();
        let setup = Setup {
            policy: Arc::new(Policy::new(operator.parse().unwrap(), Vec::new())),
            resolver: Arc::new(Names),
            tls: Arc::new(tls::client_config(&[], None, false).unwrap()),
            proxy: None,
            permits: Arc::new(Semaphore::new(1)),
            limits: limits.clone(),
        };
        let asked: Origin = asked.parse().unwrap();
        let rule = setup.policy.addresses(&asked.host);
        let addresses = setup
            .judged(&asked, rule, Instant::now() + limits.connect)
            .await;
        let texts = |found: Vec<SocketAddr>| found.iter().map(|a| a.ip().to_string()).collect();
        addresses.map(texts).map_err(|fault| fault.code)
    }

    #[tokio::test]
    async fn siblings_may_be_private_only_when_the_operators_host_is() {
        let private = vec!["10.0.0.7".to_owned()];
        let inside = "https://private.example.com";
        assert_eq!(judged(inside, inside).await, Ok(private.clone()));
        assert_eq!(
            judged(
                "https://private.a.example.com",
                "https://private.b.example.com"
            )
            .await,
            Ok(private)
        );
        assert_eq!(
            judged("https://www.example.com", inside).await,
            Err(Code::AddressProhibited)
        );
        assert_eq!(
            judged(inside, "https://private.other.test").await,
            Err(Code::AddressProhibited)
        );
    }

    #[tokio::test]
    async fn what_may_not_be_dialled_is_left_out_of_a_mixed_answer() {
        let public = vec!["93.184.216.34".to_owned()];
        assert_eq!(
            judged("https://www.example.com", "https://both.other.test").await,
            Ok(public)
        );
    }
}

//! An HTTP proxy between this host and the world.
//!
//! `https` goes through a tunnel (`CONNECT`), plain `http` in absolute form. The proxy resolves the names, so
//! addresses can't be judged then; names still are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::EgressConfigError;
use super::fault::{Code, Fault};
use super::origin::{Origin, Scheme};

/// Bytes of a proxy's answer to `CONNECT`.
const MAX_ANSWER: usize = 8 << 10;

/// Where the proxy is, and how to sign in to it.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) origin: Origin,
    /// `Proxy-Authorization`, marked as sensitive.
    pub(super) authorization: Option<HeaderValue>,
}

impl Proxy {
    pub(super) fn parse(text: &str) -> Result<Self, EgressConfigError> {
        // What is shown of it must not hold its password.
        let shown = text.rsplit_once('@').map_or(text, |(_, place)| place);
        let bad = |why| EgressConfigError::Proxy(shown.to_owned(), why);
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let mut url = url::Url::parse(&with_scheme).map_err(|_| bad("it can't be read"))?;
        let decode = |part: &str| {
            percent_encoding::percent_decode_str(part)
                .decode_utf8()
                .map(|text| text.into_owned())
                .map_err(|_| bad("its user name or password can't be read"))
        };
        let user = decode(url.username())?;
        let password = decode(url.password().unwrap_or_default())?;
        let authorization = if user.is_empty() && password.is_empty() {
            None
        } else {
            let mut value = HeaderValue::from_str(&format!(
                "Basic {}",
                STANDARD.encode(format!("{user}:{password}"))
            ))
            .map_err(|_| bad("its user name or password can't be sent"))?;
            value.set_sensitive(true);
            Some(value)
        };
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            return Err(bad("it has no host"));
        }
        let origin = Origin::of_url(&url).map_err(|_| bad("it has no usable host and port"))?;
        if origin.scheme != Scheme::Http {
            return Err(bad("only http proxies are supported"));
        }
        if !matches!(url.path(), "" | "/") {
            return Err(bad("it has a path"));
        }
        Ok(Self {
            origin,
            authorization,
        })
    }

    /// Asks for a tunnel over a connection to the proxy. The caller sets the time limit.
    pub(super) async fn tunnel(
        &self,
        stream: &mut TcpStream,
        target: &Origin,
    ) -> Result<(), Fault> {
        let broken = |why: &str| {
            Fault::new(
                Code::Unavailable,
                format!(
                    "The proxy {} gave no tunnel to {target}: {why}.",
                    self.origin
                ),
                "Look at the proxy's log.",
            )
        };
        let place = format!("{}:{}", target.host, target.port);
        let mut request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n").into_bytes();
        if let Some(value) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        stream
            .write_all(&request)
            .await
            .map_err(|e| broken(&e.to_string()))?;

        // Byte by byte: what follows the head belongs to the tunnel.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= MAX_ANSWER {
                return Err(broken("its answer is too long"));
            }
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return Err(broken("it closed the connection")),
            }
        }
        let status = std::str::from_utf8(&head)
            .ok()
            .and_then(|head| head.lines().next())
            .filter(|line| line.starts_with("HTTP/1."))
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|status| status.parse::<u16>().ok());
        match status {
            Some(200..=299) => Ok(()),
            Some(407) => Err(Fault::new(
                Code::Unavailable,
                format!(
                    "The proxy {} wants a user name and password, or does not accept these (407).",
                    self.origin
                ),
                "Give them in the proxy's address: http://user:password@host:port.",
            )),
            Some(403) => Err(Fault::new(
                Code::Unavailable,
                format!(
                    "The proxy {} does not allow connections to {place} (403).",
                    self.origin
                ),
                "Have the proxy's administrator allow it.",
            )),
            Some(status) => Err(broken(&format!("it answered {status}"))),
            None => Err(broken("its answer is not HTTP")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_and_their_passwords_never_shown() {
        let proxy = Proxy::parse("http://me:p%40ss@proxy.corp:3128").unwrap();
        assert_eq!(proxy.origin.to_string(), "http://proxy.corp:3128");
        let value = proxy.authorization.as_ref().unwrap();
        assert_eq!(
            value.to_str().unwrap(),
            format!("Basic {}", STANDARD.encode("me:p@ss"))
        );
        assert!(!format!("{proxy:?}").contains(&STANDARD.encode("me:p@ss")));
        assert_eq!(
            Proxy::parse("proxy:3128").unwrap().origin.to_string(),
            "http://proxy:3128"
        );
        for bad in [
            "https://me:hidden@proxy",
            "socks5://me:hidden@proxy",
            "http://me:hidden@",
            "http://me:hidden@proxy/path",
        ] {
            let error = Proxy::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}

//! The seam between the sandbox and the way out of it.
//!
//! The sandbox needs little of the egress side: stand-ins for the secrets of a call, the hooks through which
//! its requests pass, and the words about what was refused. These two traits say exactly that, so the
//! sandbox is tested without a network and the egress side without a component.

use std::borrow::Cow;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::contract::{Explanation, Origin};
use crate::egress::{BODY_CHUNK, CallEgress, Egress, EgressCounters, GrantRefused, Hooks, StandIn};
use crate::secret::SecretString;

/// What opens a way out for a call: one per connection, with its policy, addresses and pools.
pub trait Ways: Send + Sync {
    /// A way for one call, closed until origins are granted, and a fresh stand-in for each secret, in order.
    fn open_way(self: Arc<Self>, secrets: &[SecretString]) -> Result<Opened, getrandom::Error>;
}

/// The stand-ins, and the way.
pub type Opened = (Vec<String>, Arc<dyn Way>);

/// The way out of one call.
pub trait Way: Send + Sync {
    /// What the component's requests pass through.
    fn hooks(self: Arc<Self>) -> Box<dyn WasiHttpHooks>;
    /// Opens the origins that `configure` answered; all of them or none.
    fn grant(&self, origins: &[Origin]) -> Result<(), GrantRefused>;
    /// The words on the newest refused or failed request to that address.
    fn explain(&self, url: &str) -> Option<Explanation>;
    /// The text without the secrets of the call.
    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str>;
    /// What went over the wire so far.
    fn counters(&self) -> EgressCounters;
    /// Ends every request; nothing leaves any more.
    fn close(&self);
}

impl Ways for Egress {
    fn open_way(self: Arc<Self>, secrets: &[SecretString]) -> Result<Opened, getrandom::Error> {
        let pairs = secrets
            .iter()
            .map(|secret| Ok((StandIn::random()?, secret.clone())))
            .collect::<Result<Vec<_>, getrandom::Error>>()?;
        let stand_ins = pairs
            .iter()
            .map(|(stand_in, _)| stand_in.as_str().to_owned())
            .collect();
        Ok((stand_ins, self.open_call(&pairs)))
    }
}

impl Way for CallEgress {
    fn hooks(self: Arc<Self>) -> Box<dyn WasiHttpHooks> {
        Box::new(Hooks::new(self))
    }

    fn grant(&self, origins: &[Origin]) -> Result<(), GrantRefused> {
        CallEgress::grant(self, origins)
    }

    fn explain(&self, url: &str) -> Option<Explanation> {
        CallEgress::explain(self, url)
    }

    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redactor().text(text)
    }

    fn counters(&self) -> EgressCounters {
        CallEgress::counters(self)
    }

    fn close(&self) {
        CallEgress::close(self);
    }
}

/// A way that leads nowhere: for what makes no requests.
pub struct NoWay;

impl Ways for NoWay {
    fn open_way(self: Arc<Self>, secrets: &[SecretString]) -> Result<Opened, getrandom::Error> {
        let stand_ins = secrets
            .iter()
            .map(|_| Ok(StandIn::random()?.as_str().to_owned()))
            .collect::<Result<_, getrandom::Error>>()?;
        Ok((stand_ins, self))
    }
}

impl Way for NoWay {
    fn hooks(self: Arc<Self>) -> Box<dyn WasiHttpHooks> {
        Box::new(Refusing)
    }

    fn grant(&self, _: &[Origin]) -> Result<(), GrantRefused> {
        Ok(())
    }

    fn explain(&self, _: &str) -> Option<Explanation> {
        None
    }

    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }

    fn counters(&self) -> EgressCounters {
        EgressCounters::default()
    }

    fn close(&self) {}
}

/// Refuses every request.
struct Refusing;

impl WasiHttpHooks for Refusing {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        Box::new(async move {
            // The body is read to its end first: a component that is still writing would otherwise see a
            // broken stream instead of the refusal.
            let mut body = request.into_body();
            while let Some(Ok(_)) = body.frame().await {}
            Err(Error::HttpRequestDenied)
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }
}

/// A response, and what drives its connection.
type Sent = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

//! The whole state of the simulator, and the way of a request through it.

use super::fault::{Fault, Place, effect};
use super::http::{Incoming, Reply};
use super::keys::Keys;
use super::modes::{Modes, Registry};
use super::organisation::Organisation;
use super::throttle::Throttle;

/// One request that was answered.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Where it arrived.
    pub place: Place,
    /// `GET`.
    pub method: String,
    /// The host it was sent to.
    pub host: String,
    /// Path, percent-encoded as it came.
    pub path: String,
    /// Query, as it came. Tokens do not belong here; a test may look for one.
    pub query: String,
    /// Names of the headers, lower case. Never their values.
    pub headers: Vec<String>,
    /// Body, when it is a GraphQL request.
    pub body: String,
    /// Status of the answer; 0 when the connection was dropped instead.
    pub status: u16,
}

/// The addresses that the simulator listens on.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) scheme: &'static str,
    /// With the relative root.
    pub(crate) gitlab: String,
    /// `127.0.0.1:port`.
    pub(crate) registry: String,
    pub(crate) storage: String,
    /// `/gitlab`, or empty.
    pub(crate) root: String,
}

/// Everything that can be changed while the simulator runs.
pub struct World {
    /// What there is.
    pub organisation: Organisation,
    /// How it is set up.
    pub modes: Modes,
    pub(crate) faults: Vec<Fault>,
    pub(crate) log: Vec<LogEntry>,
    pub(crate) keys: Keys,
    pub(crate) site: Site,
    pub(crate) throttle: Throttle,
    pub(crate) failed_sign_ins: u32,
    pub(crate) requests: u64,
}

impl World {
    pub(crate) fn new(organisation: Organisation, modes: Modes, keys: Keys, site: Site) -> Self {
        Self {
            organisation,
            modes,
            keys,
            site,
            faults: Vec::new(),
            log: Vec::new(),
            throttle: Throttle::default(),
            failed_sign_ins: 0,
            requests: 0,
        }
    }

    /// The address that GitLab believes it has.
    pub(crate) fn url(&self) -> String {
        self.modes
            .external_url
            .clone()
            .unwrap_or_else(|| self.site.gitlab.clone())
    }

    /// `host[:port]` of the registry, when the instance has one.
    pub(crate) fn registry_host(&self) -> Option<String> {
        match &self.modes.registry {
            Registry::Disabled => None,
            Registry::External(host) => Some(host.clone()),
            Registry::Database | Registry::Legacy => Some(self.site.registry.clone()),
        }
    }

    /// Answers a request, with faults, throttles and the log.
    pub(crate) fn answer(&mut self, place: Place, request: &Incoming) -> Reply {
        self.requests += 1;
        let mut effect = effect(&mut self.faults, place, request);
        for change in std::mem::take(&mut effect.changes) {
            change(self);
        }
        let reply = match effect.answer.take() {
            Some(answer) => answer,
            None => self.throttled(place, request),
        };
        let mut reply = effect.finish(reply);
        reply.delay += self.modes.latency;
        if matches!(place, Place::Api | Place::GraphQl | Place::Jwt | Place::Web) {
            reply = reply
                .header("x-request-id", format!("01SIM{:021}", self.requests))
                .header("x-runtime", "0.010000")
                .header("vary", "Origin");
        }
        self.note(place, request, &reply);
        reply
    }

    fn throttled(&mut self, place: Place, request: &Incoming) -> Reply {
        let limited = matches!(place, Place::Api | Place::GraphQl | Place::Jwt);
        match self.modes.requests_per_minute.filter(|_| limited) {
            Some(limit) => {
                let standing = self.throttle.count(request, limit);
                if standing.exceeded() {
                    return standing.refusal();
                }
                standing.mark(self.route(place, request))
            }
            None => self.route(place, request),
        }
    }

    fn route(&mut self, place: Place, request: &Incoming) -> Reply {
        match place {
            Place::Api => super::rest::answer(self, request),
            Place::GraphQl => super::graphql::answer(self, request),
            Place::Jwt => super::jwt::answer(self, request),
            Place::Registry => super::registry::answer(self, request),
            Place::Storage => super::storage::answer(self, request),
            Place::Web => Reply::of(
                404,
                "text/html",
                "<html><body>404 Page Not Found</body></html>",
            ),
        }
    }

    fn note(&mut self, place: Place, request: &Incoming, reply: &Reply) {
        let body = match place {
            Place::GraphQl => String::from_utf8_lossy(&request.body).into_owned(),
            _ => String::new(),
        };
        self.log.push(LogEntry {
            place,
            method: request.method.to_string(),
            host: request.host.clone(),
            path: request.path.clone(),
            query: request.raw_query.clone(),
            headers: request
                .headers
                .keys()
                .map(|name| name.as_str().to_owned())
                .collect(),
            body,
            status: if reply.hang_up { 0 } else { reply.status },
        });
    }
}

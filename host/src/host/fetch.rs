//! How advisories are fetched: through the same way out as a connector's requests, with its policy,
//! addresses, redirects, certificates and proxy, and without any secret.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use http::Request as HttpRequest;
use http_body_util::{BodyExt, Empty};
use ox_advisory::update::{Fetch, FetchError, Request, Response};
use tokio::runtime::Handle;
use wasmtime_wasi_http::WasiBody;

use super::{HostError, UpdateOptions};
use crate::egress::{CallEgress, Egress, EgressConfig, EgressLimits, Origin, SystemResolver};

/// Bytes that one update may receive: the whole public export is about a gigabyte.
const UPDATE_BYTES: u64 = 8 << 30;

/// Gets addresses for an update.
pub(super) struct Fetcher {
    call: Arc<CallEgress>,
    runtime: Handle,
}

impl Fetcher {
    pub(super) fn new(options: &UpdateOptions) -> Result<Self, HostError> {
        let addresses = [
            Some(&options.update.base),
            options.update.kev.as_ref(),
            options.update.epss.as_ref(),
        ];
        let mut origins: Vec<Origin> = Vec::new();
        for address in addresses.into_iter().flatten() {
            let origin: Origin = address.parse().map_err(|error| {
                HostError::Settings(anyhow::anyhow!("{address:?} can't be fetched: it {error}"))
            })?;
            origins.push(origin);
        }
        let mut allow = origins.clone();
        for text in &options.allow {
            allow.push(text.parse().map_err(|error| {
                HostError::Settings(anyhow::anyhow!("--allow {text:?}: it {error}"))
            })?);
        }
        let operator_origin = origins
            .into_iter()
            .next()
            .ok_or_else(|| HostError::Settings(anyhow::anyhow!("no address is given")))?;
        let egress = Egress::new(EgressConfig {
            operator_origin,
            allow,
            ca_pem: options.ca_pem.clone(),
            client_pem: None,
            proxy: options.proxy.clone(),
            insecure_tls: false,
            limits: EgressLimits {
                call_bytes: UPDATE_BYTES,
                response_body_bytes: UPDATE_BYTES,
                ..EgressLimits::default()
            },
            resolver: Arc::new(SystemResolver),
        })
        .map_err(|error| HostError::Settings(error.into()))?;
        let call = egress.open_call(&[]);
        call.grant(&[]).map_err(anyhow::Error::from)?;
        Ok(Self {
            call,
            runtime: Handle::current(),
        })
    }
}

impl Fetch for Fetcher {
    fn get(&self, request: &Request<'_>) -> Result<Response, FetchError> {
        let mut builder = HttpRequest::get(request.url).header("accept-encoding", "identity");
        if let Some(etag) = request.etag {
            builder = builder.header("if-none-match", etag);
        }
        if let Some((from, etag)) = request.resume {
            builder = builder
                .header("range", format!("bytes={from}-"))
                .header("if-range", etag);
        }
        let body: WasiBody = Empty::<Bytes>::new()
            .map_err(|never| match never {})
            .boxed_unsync();
        let request_of_call = builder
            .body(body)
            .map_err(|error| FetchError(format!("the address can't be used: {error}")))?;
        let answer = self.runtime.block_on(self.call.send(request_of_call, None));
        let answer = answer.map_err(|error| {
            let why = self.call.explain(request.url);
            FetchError(why.map_or_else(
                || format!("{error:?}"),
                |why| format!("{} {}", why.message, why.hint).trim().to_owned(),
            ))
        })?;
        let header = |name: &str| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        Ok(Response {
            status: answer.status().as_u16(),
            etag: header("etag"),
            length: header("content-length").and_then(|length| length.parse().ok()),
            body: Box::new(Body {
                body: answer.into_body(),
                piece: Bytes::new(),
                runtime: self.runtime.clone(),
            }),
        })
    }
}

/// A body for who reads and waits.
struct Body {
    body: WasiBody,
    piece: Bytes,
    runtime: Handle,
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.piece.has_remaining() {
            match self.runtime.block_on(self.body.frame()) {
                None => return Ok(0),
                Some(Err(error)) => return Err(io::Error::other(format!("{error:?}"))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.piece = data;
                    }
                }
            }
        }
        let length = self.piece.remaining().min(out.len());
        self.piece
            .copy_to_slice(out.get_mut(..length).unwrap_or_default());
        Ok(length)
    }
}

//! The hook by which `wasi:http` sends: everything goes through [`CallEgress`].

use std::sync::Arc;

use http::Request;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::call::CallEgress;

/// Bytes of a request's body that a guest may hand over at once. The library keeps two such pieces for every
/// body that is begun, sent or not, so this times the limit on resources is what a hoard of bodies costs.
pub(crate) const BODY_CHUNK: usize = 16 << 10;

/// Hooks of one call's store.
#[derive(Clone, Debug)]
pub struct Hooks(pub Arc<CallEgress>);

impl Hooks {
    /// Sends through this call.
    pub fn new(call: Arc<CallEgress>) -> Self {
        Self(call)
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn set_host_header(&mut self) -> bool {
        // The client sets it for HTTP/1.1 from the judged target; with HTTP/2 it must not be there.
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _done: Io,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io), Error>> + Send> {
        let answer = self.0.send(request, options);
        Box::new(async move {
            let io: Io = Box::new(async { Ok(()) });
            Ok((answer.await?, io))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }
}

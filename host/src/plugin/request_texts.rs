//! Bounds for the texts of a request that is being made.
//!
//! The library keeps a request's method and authority from the moment they are set, and takes any length
//! that parses. A component that makes requests and never sends them could so lay up gigabytes outside its
//! own memory: 16 MiB a call of a host function, times the limit on resources. These two functions stand
//! before the library's and refuse what no server would take. (Path and scheme it bounds itself.)

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::{
    HostOutgoingRequest as _, Method, OutgoingRequest,
};

use super::store_data::StoreData;

/// The interface whose functions are bounded, as the library registers it.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Bytes of a method; the longest registered one has 17.
const MAX_METHOD: usize = 32;

/// Bytes of an authority: a name of at most 253, a port, and room for what is refused later with a sentence.
const MAX_AUTHORITY: usize = 1 << 10;

type Set = wasmtime::Result<(Result<(), ()>,)>;

/// Puts the bounds before the library's functions, which are registered already.
pub(crate) fn bound(linker: &mut Linker<StoreData>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, StoreData>,
         (request, method): (Resource<OutgoingRequest>, Method)|
         -> Set {
            if matches!(&method, Method::Other(text) if text.len() > MAX_METHOD) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_method(request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: StoreContextMut<'_, StoreData>,
         (request, authority): (Resource<OutgoingRequest>, Option<String>)|
         -> Set {
            if authority
                .as_ref()
                .is_some_and(|text| text.len() > MAX_AUTHORITY)
            {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_authority(request, authority)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

//! An answer that may repeat a secret must be readable for the redaction.
//!
//! A server that echoes a request shows the secret which the host put into it. The redaction finds it in
//! plain bytes only, and in one piece only. So a request that carries a secret asks for its answer as it is
//! and as a whole, whatever the connector asked for; a server that compresses it all the same is refused,
//! because the connector could unpack what the host can't look into.

use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, IF_RANGE, RANGE,
    TRANSFER_ENCODING,
};

use super::fault::{Code, Fault};
use super::target::Target;

/// Delta encoding (RFC 3229): another way to ask for less than the whole.
const A_IM: HeaderName = HeaderName::from_static("a-im");

/// Makes a request that carries a secret ask for a plain and whole answer.
pub(super) fn ask_for_plain(headers: &mut HeaderMap) {
    // A half of the secret in each of two ranges would be found in neither.
    for name in [RANGE, IF_RANGE, A_IM] {
        headers.remove(name);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Refuses an answer to such a request that is compressed all the same.
pub(super) fn readable(headers: &HeaderMap, target: &Target) -> Result<(), Fault> {
    for (name, plain) in [
        (CONTENT_ENCODING, "identity"),
        (TRANSFER_ENCODING, "chunked"),
    ] {
        for value in headers.get_all(&name) {
            let fine = value.to_str().is_ok_and(|value| {
                value
                    .split(',')
                    .map(str::trim)
                    .all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(plain))
            });
            if !fine {
                return Err(Fault::new(
                    Code::Protocol,
                    format!(
                        "{target} compressed its answer ({name}) although it was asked not to, so the host \
                         could not make sure that the answer does not repeat the secret, and refused it."
                    ),
                    "Look at the server, or a proxy before it: it ignores `Accept-Encoding: identity`.",
                ));
            }
        }
    }
    Ok(())
}

//! The object storage behind the registry: addresses that are signed for one method and a short time, and
//! no other way in.

use super::http::{Incoming, Reply};
use super::world::World;
use crate::image::digest_of;
use bytes::Bytes;

/// Seconds that a signed address is good.
const VALID: i64 = 1_200;
/// The secret of the signatures. Worth nothing outside a test.
const SECRET: &[u8] = b"simulated storage secret";

fn signature(method: &str, path: &str, expires: i64) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET);
    let tag = ring::hmac::sign(&key, format!("{method}\n{path}\n{expires}").as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The address that the registry redirects to.
pub(crate) fn signed_address(world: &World, method: &str, digest: &str) -> String {
    let hex = digest.trim_start_matches("sha256:");
    let two = hex.get(..2).unwrap_or("xx");
    let path = format!("/registry-bucket/docker/registry/v2/blobs/sha256/{two}/{hex}/data");
    let expires = jiff::Timestamp::now().as_second() + VALID;
    let base = world
        .modes
        .storage_url
        .as_deref()
        .unwrap_or(&world.site.storage);
    let signature = signature(method, &path, expires);
    format!("{base}{path}?X-Method={method}&X-Expires={expires}&X-Signature={signature}")
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Reply::of(status, "application/xml", body)
}

pub(crate) fn answer(world: &World, request: &Incoming) -> Reply {
    if ["authorization", "private-token", "job-token"]
        .iter()
        .any(|h| request.header(h).is_some())
    {
        return refusal(400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    if !request.reads() {
        return refusal(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed",
        );
    }
    let expires = request
        .param("X-Expires")
        .and_then(|value| value.parse::<i64>().ok());
    let (Some(expires), Some(given)) = (expires, request.param("X-Signature")) else {
        return refusal(403, "AccessDenied", "Access Denied");
    };
    if given != signature(request.method.as_str(), &request.path, expires) {
        return refusal(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided",
        );
    }
    if expires <= jiff::Timestamp::now().as_second() {
        return refusal(403, "AccessDenied", "Request has expired");
    }
    let hex = request
        .path
        .trim_end_matches("/data")
        .rsplit('/')
        .next()
        .unwrap_or("");
    match world.organisation.store.blobs.get(&format!("sha256:{hex}")) {
        Some(bytes) => {
            let etag = format!("\"{}\"", digest_of(bytes).trim_start_matches("sha256:"));
            content(request, bytes, &etag)
        }
        None => refusal(404, "NoSuchKey", "The specified key does not exist."),
    }
}

/// A file: whole, a range of it, or nothing new.
pub(crate) fn content(request: &Incoming, bytes: &Bytes, etag: &str) -> Reply {
    let mark = |reply: Reply| reply.header("etag", etag).header("accept-ranges", "bytes");
    if request
        .header("if-none-match")
        .is_some_and(|given| given == etag)
    {
        return mark(Reply::new(304));
    }
    let total = bytes.len();
    let whole = || mark(Reply::of(200, "application/octet-stream", bytes.clone()));
    let Some(range) = request
        .header("range")
        .and_then(|value| value.strip_prefix("bytes="))
    else {
        return whole();
    };
    let Some((from, to)) = range.split_once('-').filter(|_| !range.contains(',')) else {
        return whole();
    };
    let (start, end) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) => (from, to.saturating_add(1).min(total)),
        (Ok(from), Err(_)) if to.is_empty() => (from, total),
        (Err(_), Ok(last)) if from.is_empty() => (total.saturating_sub(last), total),
        _ => return whole(),
    };
    if start >= end {
        let unsatisfied = Reply::text(416, "invalid range: failed to overlap\n");
        return mark(unsatisfied).header("content-range", format!("bytes */{total}"));
    }
    let part = Reply::of(206, "application/octet-stream", bytes.slice(start..end));
    mark(part).header(
        "content-range",
        format!("bytes {start}-{}/{total}", end - 1),
    )
}

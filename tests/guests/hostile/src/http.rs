//! Requests, as plain as `wasi:http` has them.

use wasi::http::outgoing_handler::handle;
use wasi::http::types::{
    Fields, FutureIncomingResponse, Headers, IncomingBody, Method, OutgoingBody, OutgoingRequest,
    Scheme,
};
use wasi::io::streams::StreamError;

use crate::contract::ox::connector::{egress, log};
use crate::{filled, setting};

/// Bytes of a body that are looked at.
const ENOUGH: usize = 256 << 10;

/// Makes the request that the settings describe to `url`; answers `key=value` lines: `status`, `header`,
/// `body`, `error` and `explain`.
pub(crate) fn fetch(url: &str) -> Vec<String> {
    let mut seen = Vec::new();
    match send(url) {
        Err(error) => seen.push(format!("error={error}")),
        Ok(future) => {
            future.subscribe().block();
            match future.get() {
                Some(Ok(Ok(response))) => {
                    seen.push(format!("status={}", response.status()));
                    for (name, value) in response.headers().entries() {
                        seen.push(format!(
                            "header={name}: {}",
                            String::from_utf8_lossy(&value)
                        ));
                    }
                    match response.consume().map(read) {
                        Ok(Ok(body)) => {
                            seen.push(format!("body={}", String::from_utf8_lossy(&body)))
                        }
                        Ok(Err(error)) => seen.push(format!("error={error}")),
                        Err(()) => seen.push("error=no body".to_owned()),
                    }
                }
                Some(Ok(Err(code))) => seen.push(format!("error={code:?}")),
                _ => seen.push("error=nothing".to_owned()),
            }
        }
    }
    if let Some(why) = egress::explain(url) {
        seen.push(format!("explain={} {}", why.message, why.hint));
    }
    seen
}

fn send(url: &str) -> Result<FutureIncomingResponse, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    let other = filled("path");
    let path = if other.is_empty() { path } else { &other };
    let headers = Headers::new();
    for line in filled("headers").lines() {
        let (name, value) = line.split_once(':').ok_or("no colon")?;
        headers
            .append(name.trim(), value.trim().as_bytes())
            .map_err(|error| format!("header {name}: {error:?}"))?;
    }
    let request = OutgoingRequest::new(headers);
    let scheme = if scheme == "http" {
        Scheme::Http
    } else {
        Scheme::Https
    };
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    request
        .set_authority(Some(authority))
        .map_err(|()| "authority")?;
    request
        .set_path_with_query(Some(path))
        .map_err(|()| "path")?;
    let method = match setting("method") {
        "" | "GET" => Method::Get,
        "POST" => Method::Post,
        other => Method::Other(other.to_owned()),
    };
    request.set_method(&method).map_err(|()| "method")?;
    let body = request.body().map_err(|()| "body")?;
    let future = handle(request, None).map_err(|code| format!("{code:?}"))?;
    {
        let stream = body.write().map_err(|()| "stream")?;
        for chunk in filled("body").as_bytes().chunks(4096) {
            if stream.blocking_write_and_flush(chunk).is_err() {
                break;
            }
        }
    }
    let _ = OutgoingBody::finish(body, None);
    Ok(future)
}

fn read(body: IncomingBody) -> Result<Vec<u8>, String> {
    let stream = body.stream().map_err(|()| "no stream".to_owned())?;
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(bytes) if all.len() < ENOUGH => all.extend(bytes),
            Ok(_) => {}
            Err(StreamError::Closed) => return Ok(all),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasi::http::types::http_error_code(&error);
                return Err(match code {
                    Some(code) => format!("{code:?}"),
                    None => error.to_debug_string(),
                });
            }
        }
    }
}

/// Starts requests without waiting for any, then counts how they ended.
pub(crate) fn flood(url: &str) -> Vec<(String, String)> {
    let mut started = Vec::new();
    let mut refused = Vec::new();
    for _ in 0..2000 {
        match send(url) {
            Ok(future) => started.push(future),
            Err(error) => refused.push(error),
        }
    }
    let mut answered = 0;
    for future in &started {
        future.subscribe().block();
        match future.get() {
            Some(Ok(Ok(_))) => answered += 1,
            Some(Ok(Err(code))) => refused.push(format!("{code:?}")),
            _ => {}
        }
    }
    refused.sort();
    refused.dedup();
    refused.truncate(5);
    let mut seen = vec![("answered".to_owned(), answered.to_string())];
    seen.extend(refused.into_iter().map(|error| ("error".to_owned(), error)));
    seen
}

/// Takes handles and never gives one back.
pub(crate) fn hoard_fields() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(Fields::new());
    }
}

/// Begins requests, fills their bodies as far as they take it, and never sends one. Logs how many bytes the
/// host holds for it.
pub(crate) fn hoard_bodies() {
    let mut hoard = Vec::new();
    let mut held = 0;
    loop {
        let request = OutgoingRequest::new(Headers::new());
        let body = request.body().unwrap();
        let stream = body.write().unwrap();
        while let Ok(room @ 1..) = stream.check_write() {
            stream.write_zeroes(room).unwrap();
            held += room;
        }
        hoard.push((stream, body, request));
        if hoard.len() % 50 == 0 {
            log::write(log::Level::Info, &held.to_string());
        }
    }
}

/// Fills header fields nearly as far as they take it (beyond is a trap), and never sends them. Logs as above.
pub(crate) fn hoard_full_fields() {
    let mut hoard = Vec::new();
    let mut held = 0;
    let value = vec![b'v'; 1000];
    loop {
        let fields = Fields::new();
        for _ in 0..30 {
            fields.append("x", &value).unwrap();
            held += value.len();
        }
        hoard.push(fields);
        if hoard.len() % 50 == 0 {
            log::write(log::Level::Info, &held.to_string());
        }
    }
}

/// Which long texts a request takes that is never sent.
pub(crate) fn long_texts() -> Vec<(String, String)> {
    let long = "A".repeat(1 << 20);
    let request = OutgoingRequest::new(Headers::new());
    [
        ("method", request.set_method(&Method::Other(long.clone()))),
        (
            "scheme",
            request.set_scheme(Some(&Scheme::Other(long.clone()))),
        ),
        ("authority", request.set_authority(Some(&long))),
        (
            "path",
            request.set_path_with_query(Some(&format!("/{long}"))),
        ),
        (
            "method",
            request.set_method(&Method::Other("REPORT".to_owned())),
        ),
        (
            "authority",
            request.set_authority(Some("gitlab.example.com:8443")),
        ),
    ]
    .map(|(key, set)| (key.to_owned(), set.is_ok().to_string()))
    .into()
}

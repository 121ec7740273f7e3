//! URLs with a user and a password in them.

use std::ops::Range;

use super::noise;

/// Bytes of a URL up to its host that are looked at.
const MAX_AUTHORITY: usize = 512;

/// A URL's credentials.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    /// The password.
    pub(super) password: Range<usize>,
    /// The host; none where it is no plain name.
    pub(super) host: Range<usize>,
}

/// The credentials of the URL whose scheme begins at `at`. `strict` where only what is surely none of a text
/// for people counts.
pub(super) fn find(text: &[u8], at: usize, strict: bool) -> Option<Credentials> {
    let rest = text.get(at..)?;
    let scheme = rest.get(..24).unwrap_or(rest);
    let start = at + scheme.windows(3).position(|window| window == b"://")? + 3;
    let authority = text.get(start..)?;
    let end = authority
        .iter()
        .take(MAX_AUTHORITY)
        .position(|byte| {
            matches!(
                byte,
                b'/' | b'?'
                    | b'#'
                    | b'"'
                    | b'\''
                    | b'<'
                    | b'>'
                    | b'`'
                    | b'\\'
                    | b','
                    | b';'
                    | b')'
                    | b']'
            ) || !byte.is_ascii_graphic()
        })
        .unwrap_or(authority.len().min(MAX_AUTHORITY));
    let authority = authority.get(..end)?;
    let sign = authority.iter().rposition(|byte| *byte == b'@')?;
    let (credentials, host) = authority.split_at(sign);
    let host = host.get(1..)?;
    let colon = credentials.iter().position(|byte| *byte == b':')?;
    let (user, password) = credentials.split_at(colon);
    let password = password.get(1..)?;
    let name_end = host
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')))
        .unwrap_or(host.len());
    let name = host.get(..name_end)?;
    let queue = text
        .get(at..)
        .is_some_and(|rest| rest.starts_with(b"redis"));
    if password.len() < 4
        || (user.is_empty() && !queue)
        || name.is_empty()
        || name == password
        || noise::is_no_password(password)
        || noise::is_placeholder(user) && !user.is_empty()
        || password.eq_ignore_ascii_case(user)
        || is_made_up(password)
        || is_made_up_host(name)
        || (strict && !noise::is_strong(password))
    {
        return None;
    }
    let password_start = start + colon + 1;
    let host_start = start + sign + 1;
    Some(Credentials {
        password: password_start..password_start + password.len(),
        host: host_start..host_start + name_end,
    })
}

/// Passwords of documentation.
fn is_made_up(password: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"pass",
        b"pw",
        b"pwd",
        b"foo",
        b"bar",
        b"baz",
        b"guest",
        b"admin",
        b"root",
        b"postgres",
        b"mysql",
        b"redis",
        b"mongo",
        b"tiger",
        b"pass123",
        b"1234",
        b"12345",
        b"p@ss",
        b"p4ss",
        b"port",
        b"key",
        b"host",
        b"domain",
        b"x-oauth-basic",
        b"x-token-auth",
        b"rabbitmq",
        b"hunter2",
        b"sesame",
        b"open",
    ];
    WORDS.iter().any(|word| password.eq_ignore_ascii_case(word))
}

/// Hosts of documentation.
fn is_made_up_host(host: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[
        b"host",
        b"hostname",
        b"server",
        b"domain",
        b"domain.com",
        b"foo",
        b"bar",
        b"foo.com",
        b"bar.com",
        b"site",
        b"site.com",
        b"proxy",
        b"proxy.com",
        b"url",
        b"test",
        b"h",
        b"a",
        b"b",
        b"c",
        b"host.com",
        b"hostname.com",
        b"server.com",
        b"myhost",
        b"mydomain.com",
        b"company.com",
        b"abc.com",
        b"xyz.com",
    ];
    let lower = host.to_ascii_lowercase();
    NAMES.iter().any(|name| lower == *name)
        || lower.windows(7).any(|window| window == b"example")
        || lower.ends_with(b"company.com")
        || lower.ends_with(b".test")
        || lower.ends_with(b".invalid")
}

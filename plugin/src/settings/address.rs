//! The address of a GitLab, as people enter it, brought to one form.

use url::{Host, Url};

/// Bytes of an address.
const LONGEST_ADDRESS: usize = 2048;
/// Bytes of a host name (RFC 1035).
const LONGEST_HOST: usize = 253;
/// Bytes of one part of a host name.
const LONGEST_LABEL: usize = 63;

/// A sentence, and what to do.
type Fault = (String, String);

/// Takes `https://gitlab.com`, `gitlab.example.com`, `host:8443`, a relative root of any depth, and a
/// pasted `/api/v4`; refuses the rest.
pub(super) fn read(entered: &str, insecure_http: bool) -> Result<Url, Fault> {
    check_text(entered)?;
    let lower = entered.to_ascii_lowercase();
    let full = match entered.split_once("://") {
        Some((_, rest)) if rest.starts_with('/') => return Err(no_address()),
        Some(_) => entered.to_owned(),
        None if lower.starts_with("http:")
            || lower.starts_with("https:")
            || lower.starts_with('/') =>
        {
            return Err(no_address());
        }
        None => format!("https://{entered}"),
    };
    let mut url = Url::parse(&full).map_err(|error| {
        (
            format!("The address can't be read: {error}."),
            "Enter it like https://gitlab.example.com.".to_owned(),
        )
    })?;
    check_parts(&full, &url)?;
    check_host(&mut url)?;
    check_scheme(&url, insecure_http)?;
    let root = relative_root(&url)?;
    url.set_path(&root);
    Ok(url)
}

fn fault(message: impl Into<String>, hint: impl Into<String>) -> Fault {
    (message.into(), hint.into())
}

fn no_address() -> Fault {
    fault(
        "The address has no host.",
        "Enter it like https://gitlab.example.com.",
    )
}

/// What the parser would silently take out or turn into something else.
fn check_text(entered: &str) -> Result<(), Fault> {
    if entered.is_empty() {
        return Err(fault(
            "The address of GitLab is missing.",
            "Enter it like https://gitlab.example.com.",
        ));
    }
    if entered.len() > LONGEST_ADDRESS {
        return Err(fault(
            format!("The address is longer than {LONGEST_ADDRESS} bytes."),
            "Enter only the address of GitLab itself, like https://gitlab.example.com.",
        ));
    }
    if entered
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
    {
        return Err(fault(
            "The address contains a blank, a control character or a backslash.",
            "Enter it like https://gitlab.example.com.",
        ));
    }
    Ok(())
}

fn check_parts(full: &str, url: &Url) -> Result<(), Fault> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fault(
            format!(
                "The address begins with {}://, which is not spoken here.",
                url.scheme()
            ),
            "Enter an address that begins with https://.",
        ));
    }
    let authority = full.split_once("://").map_or(full, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or(authority);
    // Not repeated in the message: what stands before the @ may be a password.
    if authority.contains('@') {
        return Err(fault(
            "The address contains a user name or a password.",
            "Remove everything up to the @; the token has a field of its own.",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fault(
            "The address contains a '?' or a '#'.",
            "Enter only the address of GitLab itself, like https://gitlab.example.com.",
        ));
    }
    if url.port() == Some(0) {
        return Err(fault(
            "Port 0 is no port.",
            "Enter the port that GitLab listens on, or none.",
        ));
    }
    Ok(())
}

fn check_host(url: &mut Url) -> Result<(), Fault> {
    let Some(Host::Domain(domain)) = url.host() else {
        return if url.has_host() {
            Ok(())
        } else {
            Err(no_address())
        };
    };
    let name = domain.strip_suffix('.').unwrap_or(domain).to_owned();
    let sound = |label: &str| {
        !label.is_empty()
            && label.len() <= LONGEST_LABEL
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() > LONGEST_HOST || !name.split('.').all(sound) {
        let shown: String = name.chars().take(LONGEST_HOST).collect();
        return Err(fault(
            format!("{shown:?} is not a host name."),
            "Enter the address like https://gitlab.example.com.",
        ));
    }
    if name != domain && url.set_host(Some(&name)).is_err() {
        return Err(no_address());
    }
    Ok(())
}

/// Plain http would show the token to everyone on the way.
fn check_scheme(url: &Url, insecure_http: bool) -> Result<(), Fault> {
    if url.scheme() == "https" || insecure_http || is_loopback(url) {
        return Ok(());
    }
    Err(fault(
        "The address begins with http://, so the token would travel unencrypted.",
        "Enter it with https://, or switch on \"Allow plain http\" if the network between is trusted.",
    ))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The path below which GitLab answers, without a slash at its end.
fn relative_root(url: &Url) -> Result<String, Fault> {
    let parts: Vec<&str> = url
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let root = match parts.as_slice() {
        [root @ .., "api", "v4"] => root,
        all => all,
    };
    let itself = "Enter the address of GitLab itself; which locations are scanned is chosen later.";
    if root
        .windows(2)
        .any(|pair| matches!(pair, ["api", "v4" | "graphql"]))
    {
        return Err(fault(
            "The address is that of one API call; only /api/v4 at its end is understood.",
            itself,
        ));
    }
    // `/-/` stands in every page below a project or group, and in no relative root.
    // A password may end up behind a slash, too: no root holds an @.
    if root.iter().any(|part| *part == "-" || part.contains('@'))
        || (url.host_str() == Some("gitlab.com") && !root.is_empty())
    {
        return Err(fault("The address is that of a page in GitLab.", itself));
    }
    Ok(format!("/{}", root.join("/")))
}

//! Signing in, the first account, and pages about errors.

use askama::Template;

use crate::Chrome;

/// `/signin`.
#[derive(Template)]
#[template(path = "pages/signin.html")]
pub struct SignIn {
    /// Around it.
    pub chrome: Chrome,
    /// Why the last try was refused.
    pub error: Option<String>,
    /// The name of the last try.
    pub name: String,
    /// Where to go afterwards; a path of this console.
    pub next: String,
    /// Nobody has an account on this host yet.
    pub nobody_yet: bool,
}

/// `/setup`: the first administrator, by the one-time link.
#[derive(Template)]
#[template(path = "pages/setup.html")]
pub struct SetUp {
    /// Around it.
    pub chrome: Chrome,
    /// Why the last try was refused.
    pub error: Option<String>,
    /// The name of the last try.
    pub name: String,
    /// The one-time token of the link.
    pub token: String,
}

/// Any error.
#[derive(Template)]
#[template(path = "pages/problem.html")]
pub struct Problem {
    /// Around it.
    pub chrome: Chrome,
    /// HTTP status.
    pub status: u16,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Where to go.
    pub back: Option<(String, String)>,
}

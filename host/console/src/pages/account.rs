//! One's own account, and the settings: who has an account, and what they may do.

use askama::Template;

use crate::Chrome;
use crate::parts::{Choice, When};

/// An API token in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Row.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// Its first characters.
    pub beginning: String,
    /// `admin`, `analyst`, `viewer`.
    pub role: &'static str,
    /// Class and words of its state.
    pub state: (&'static str, String),
    /// When it was made.
    pub created: When,
    /// When it was used last.
    pub used: Option<When>,
    /// It opens something, so it can be revoked.
    pub live: bool,
}

/// `/account`.
#[derive(Template)]
#[template(path = "pages/account.html")]
pub struct Account {
    /// Around it.
    pub chrome: Chrome,
    /// Name.
    pub name: String,
    /// `admin`, `analyst`, `viewer`.
    pub role: &'static str,
    /// Browsers that are signed in, this one included.
    pub sessions: u64,
    /// Why the password was not changed.
    pub password_error: Option<String>,
    /// Why the token was not made.
    pub token_error: Option<String>,
    /// What the new token was to be called, where it was not made.
    pub token_name: String,
    /// The token that was just made: its name, and itself. It is shown this once.
    pub new_token: Option<(String, String)>,
    /// Roles that a token may have.
    pub roles: Vec<Choice>,
    /// When a token ends.
    pub days: Vec<Choice>,
    /// The tokens.
    pub tokens: Vec<TokenRow>,
}

/// A user in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// Name.
    pub name: String,
    /// Address of their page.
    pub href: String,
    /// `admin`, `analyst`, `viewer`.
    pub role: &'static str,
    /// They may come in.
    pub enabled: bool,
    /// Tokens that open something.
    pub tokens: u64,
    /// When they were here last.
    pub seen: Option<When>,
    /// It is whoever looks.
    pub you: bool,
}

/// `/settings`.
#[derive(Template)]
#[template(path = "pages/settings.html")]
pub struct Settings {
    /// Around it.
    pub chrome: Chrome,
    /// Why the last user was not added.
    pub error: Option<String>,
    /// The name of that try.
    pub name: String,
    /// Roles to choose among.
    pub roles: Vec<Choice>,
    /// The users; empty for those who may not see them.
    pub users: Vec<UserRow>,
    /// What there is to set besides: label, address, what it is.
    pub more: Vec<(String, String, String)>,
    /// What this host says of itself: words and values.
    pub facts: Vec<(String, String)>,
}

/// `/settings/users/{name}`.
#[derive(Template)]
#[template(path = "pages/user.html")]
pub struct UserPage {
    /// Around it.
    pub chrome: Chrome,
    /// The user.
    pub user: UserRow,
    /// When the account was made.
    pub created: When,
    /// Since when they may not come in.
    pub disabled: Option<When>,
    /// Browsers that are signed in.
    pub sessions: u64,
    /// Why the last change was not made.
    pub error: Option<String>,
    /// Roles to choose among.
    pub roles: Vec<Choice>,
    /// The tokens.
    pub tokens: Vec<TokenRow>,
}

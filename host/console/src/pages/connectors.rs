//! Connecting accounts: the connectors there are, the form, a verification as it happens, one account.

use askama::Template;

use crate::Chrome;
use crate::parts::{Choice, When};

/// A word with a colour: `good`, `bad`, `warn`, `busy` or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The word.
    pub label: String,
    /// Class of the badge.
    pub tone: &'static str,
    /// What stands behind it, for those who want to know.
    pub why: Option<String>,
}

impl State {
    /// A state without more to say.
    #[must_use]
    pub fn new(label: impl Into<String>, tone: &'static str) -> Self {
        Self {
            label: label.into(),
            tone,
            why: None,
        }
    }

    /// With what stands behind it.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }
}

/// A fault: what happened and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// What happened, in a sentence.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// `/connectors`.
#[derive(Template)]
#[template(path = "pages/connectors.html")]
pub struct Connectors {
    /// Around it.
    pub chrome: Chrome,
    /// The connectors, by category.
    pub categories: Vec<Category>,
    /// The connected accounts.
    pub accounts: Vec<AccountRow>,
    /// Why no connector can be used.
    pub fault: Option<Fault>,
}

/// A family of connectors.
pub struct Category {
    /// "Registry".
    pub name: String,
    /// Its connectors.
    pub connectors: Vec<ConnectorCard>,
}

/// A connector.
pub struct ConnectorCard {
    /// "GitLab Container Registry".
    pub name: String,
    /// What it does.
    pub description: String,
    /// Its version.
    pub version: String,
    /// "2 accounts connected".
    pub state: State,
    /// Where its form is.
    pub connect: String,
}

/// A connected account in a list.
pub struct AccountRow {
    /// Name of the connection.
    pub name: String,
    /// Where its page is.
    pub href: String,
    /// Where its gear leads.
    pub locations: String,
    /// Name of the connector, and the version in use.
    pub connector: String,
    /// Its version.
    pub version: String,
    /// Verified, failed, never.
    pub verified: State,
    /// When it was verified.
    pub verified_at: Option<When>,
    /// Badges beside the name: failing, TLS not verified.
    pub badges: Vec<State>,
    /// State of the newest run.
    pub last: Option<RunLink>,
    /// When it runs next.
    pub next: Option<When>,
    /// Locations completely scanned of those selected.
    pub coverage: Coverage,
}

/// A run, in a few words.
pub struct RunLink {
    /// Where it is.
    pub href: String,
    /// How it stands.
    pub state: State,
    /// When it ended, began or was asked for.
    pub at: When,
}

/// How much of what is selected was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Selected locations whose last scan was complete.
    pub complete: u64,
    /// Selected locations.
    pub selected: u64,
    /// Locations that could be scanned.
    pub scannable: u64,
}

impl Coverage {
    /// In whole percent, rounded down: 100 means all of it.
    #[must_use]
    pub fn percent(self) -> u64 {
        (self.complete.min(self.selected) * 100)
            .checked_div(self.selected)
            .unwrap_or(0)
    }

    /// True when nothing was listed yet.
    #[must_use]
    pub fn unknown(self) -> bool {
        self.scannable == 0
    }
}

// ---- The form ----------------------------------------------------------------------------------------

/// How a field is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// An address.
    Url,
    /// One line.
    Text,
    /// Never shown again.
    Secret,
    /// On or off.
    Toggle,
    /// A whole number.
    Number,
    /// Patterns, one a line.
    Patterns,
}

/// A field of a connector's form.
#[derive(Clone, Debug)]
pub struct FormField {
    /// Its name in the request.
    pub name: String,
    /// What stands beside it.
    pub label: String,
    /// What stands below it.
    pub help: String,
    /// How it is filled in.
    pub input: Input,
    /// It can't be left empty.
    pub required: bool,
    /// What it holds. Always empty for a secret.
    pub value: String,
    /// What it is when it is left empty.
    pub placeholder: String,
    /// What is wrong with it.
    pub fault: Option<Fault>,
    /// A secret that is kept when the field is left empty.
    pub is_kept: bool,
}

/// How requests leave, as a form.
#[derive(Clone, Debug, Default)]
pub struct NetworkForm {
    /// PEM certificates.
    pub ca_pem: String,
    /// `http://host:port`.
    pub proxy: String,
    /// Origins, one a line.
    pub allow: String,
    /// Certificates are not verified.
    pub insecure_tls: bool,
    /// The fold is open.
    pub is_open: bool,
    /// A client certificate is kept; it is set on the command line.
    pub has_client_certificate: bool,
}

/// A form for an account.
#[derive(Clone, Debug)]
pub struct AccountForm {
    /// Where it posts to.
    pub action: String,
    /// What its button says.
    pub submit: &'static str,
    /// The connection's name, where it can be chosen.
    pub name: Option<String>,
    /// What most people fill in.
    pub fields: Vec<FormField>,
    /// What most people leave alone.
    pub advanced: Vec<FormField>,
    /// The fold of those is open.
    pub advanced_open: bool,
    /// How requests leave.
    pub network: NetworkForm,
}

/// A permission that the token needs.
#[derive(Clone, Debug)]
pub struct Scope {
    /// `read_api`.
    pub name: String,
    /// What for.
    pub purpose: String,
}

/// `/connectors/{id}/new`.
#[derive(Template)]
#[template(path = "pages/connector_new.html")]
pub struct NewConnection {
    /// Around it.
    pub chrome: Chrome,
    /// "GitLab Container Registry".
    pub connector: String,
    /// What connecting does.
    pub description: String,
    /// "GitLab".
    pub source_tool: String,
    /// What the token needs.
    pub scopes: Vec<Scope>,
    /// The form.
    pub form: AccountForm,
    /// What was wrong with what came.
    pub fault: Option<Fault>,
}

// ---- An attempt --------------------------------------------------------------------------------------

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Its turn has not come.
    Pending,
    /// It is being tried.
    Running,
    /// Good.
    Passed,
    /// Works, but look at it.
    Warning,
    /// Not good.
    Failed,
    /// Not tried.
    Skipped,
}

impl StepState {
    /// The class of its row.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// What is read out.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "Waiting",
            Self::Running => "Running",
            Self::Passed => "Passed",
            Self::Warning => "Warning",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
        }
    }
}

/// A step of a verification.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it makes sure of.
    pub label: String,
    /// How it stands.
    pub state: StepState,
    /// What was seen.
    pub seen: String,
    /// What to do.
    pub hint: String,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It goes on.
    Running,
    /// The account is connected, or its changes are saved.
    Saved {
        /// "Connected".
        title: &'static str,
        /// Name of the connection.
        name: String,
        /// Where its page is.
        href: String,
        /// Where its gear leads.
        locations: String,
        /// Where a scan is asked for.
        scan: String,
    },
    /// A saved connection was verified.
    Verified {
        /// Every step passed.
        is_good: bool,
        /// Where its page is.
        href: String,
    },
    /// Locations were listed.
    Listed {
        /// How many.
        count: String,
        /// Where they are.
        href: String,
    },
    /// It did not work.
    Failed {
        /// Why.
        fault: Fault,
        /// Where "save anyway" posts to, where there is something to save.
        save_anyway: Option<String>,
    },
}

/// `/attempts/{id}`.
#[derive(Template)]
#[template(path = "pages/attempt.html")]
pub struct AttemptPage {
    /// Around it.
    pub chrome: Chrome,
    /// Its id.
    pub id: String,
    /// Where it came from: label and address.
    pub back: (String, String),
    /// The steps.
    pub steps: Vec<Step>,
    /// "1 200 locations so far".
    pub progress: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Where it is stopped.
    pub cancel: String,
    /// The form again.
    pub form: Option<AccountForm>,
}

impl AttemptPage {
    /// True while it goes on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.outcome, Outcome::Running)
    }
}

// ---- One account -------------------------------------------------------------------------------------

/// When a connection is scanned by itself, as a form.
pub struct ScheduleForm {
    /// Where it posts to.
    pub action: String,
    /// Presets and the one for an expression of one's own.
    pub presets: Vec<Choice>,
    /// The expression.
    pub cron: String,
    /// IANA name.
    pub time_zone: String,
    /// Names to choose from.
    pub time_zones: Vec<String>,
    /// Minutes.
    pub jitter: u32,
    /// What becomes of missed times.
    pub missed: Vec<Choice>,
    /// On.
    pub enabled: bool,
    /// The next times, in its zone.
    pub next: Vec<String>,
    /// What is wrong with it.
    pub fault: Option<String>,
}

/// `/connections/{name}`.
#[derive(Template)]
#[template(path = "pages/connection.html")]
pub struct ConnectionPage {
    /// Around it.
    pub chrome: Chrome,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub href: String,
    /// Name of the connector.
    pub connector: String,
    /// Its version in use.
    pub version: String,
    /// Verified, failed, never.
    pub verified: State,
    /// When.
    pub verified_at: Option<When>,
    /// Badges beside the name.
    pub badges: Vec<State>,
    /// Account, address, when it was connected.
    pub facts: Vec<(String, String)>,
    /// When it runs next.
    pub next: Option<When>,
    /// How much was looked at.
    pub coverage: Coverage,
    /// The newest runs.
    pub runs: Vec<super::runs::RunRow>,
    /// A run that is not over: where it is.
    pub running: Option<String>,
    /// When it runs by itself; `None` where that can't be said.
    pub schedule: Option<ScheduleForm>,
    /// What can be changed; `None` for those who may not.
    pub options: Option<AccountForm>,
    /// What was wrong with what came.
    pub fault: Option<Fault>,
}

/// `/connections/{name}/remove`.
#[derive(Template)]
#[template(path = "pages/connection_remove.html")]
pub struct RemoveConnection {
    /// Around it.
    pub chrome: Chrome,
    /// Its name.
    pub name: String,
    /// Where its page is.
    pub href: String,
    /// What is lost, a line each.
    pub lost: Vec<String>,
}

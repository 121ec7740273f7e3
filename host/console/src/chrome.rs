//! What is around every page: title, navigation, who is signed in, a message.

/// Which part of the console a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Trend, age, deadlines, coverage.
    Dashboard,
    /// The queue.
    Issues,
    /// What is scanned, and what is not.
    Images,
    /// What changed between two scans.
    Changes,
    /// Scans and updates, running and over.
    Runs,
    /// Connected accounts.
    Connectors,
    /// What is known about vulnerabilities.
    Advisories,
    /// Who did what.
    Audit,
    /// Users, tokens, policy, versions of connectors.
    Settings,
    /// Sign-in and the like.
    None,
}

impl Section {
    /// The navigation, in its order.
    pub const NAVIGATION: [Section; 9] = [
        Self::Dashboard,
        Self::Issues,
        Self::Images,
        Self::Changes,
        Self::Runs,
        Self::Connectors,
        Self::Advisories,
        Self::Audit,
        Self::Settings,
    ];

    /// What the navigation calls it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Dashboard => "Dashboard",
            Self::Issues => "Active issues",
            Self::Images => "Images",
            Self::Changes => "Changes",
            Self::Runs => "Runs",
            Self::Connectors => "Connectors",
            Self::Advisories => "Advisories",
            Self::Audit => "Audit",
            Self::Settings => "Settings",
            Self::None => "",
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Dashboard => "/dashboard",
            Self::Issues => "/issues",
            Self::Images => "/images",
            Self::Changes => "/changes",
            Self::Runs => "/runs",
            Self::Connectors => "/connectors",
            Self::Advisories => "/advisories",
            Self::Audit => "/audit",
            Self::Settings => "/settings",
            Self::None => "/",
        }
    }

    /// Name of its icon in `templates/icons.html`.
    #[must_use]
    pub fn icon(self) -> &'static str {
        self.path().trim_start_matches('/')
    }
}

/// Colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The value of `data-theme`, of the cookie and of the form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// From its word; anything else is the system's.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: String,
    /// `admin`, `analyst`, `viewer`.
    pub role: &'static str,
}

impl Person {
    /// True when they may work on issues and ask for scans.
    #[must_use]
    pub fn is_analyst(&self) -> bool {
        self.role != "viewer"
    }

    /// True when they may change how the host is set up.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role == "admin"
    }
}

/// A message about what was just done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// `good`, `bad` or `note`.
    pub tone: &'static str,
    /// A sentence.
    pub message: String,
    /// A way back: label and the address that a form posts to.
    pub undo: Option<(String, String)>,
}

/// What is around a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chrome {
    /// Title of the page, without the product's name.
    pub title: String,
    /// Where it belongs.
    pub section: Section,
    /// Who is signed in.
    pub person: Option<Person>,
    /// A message.
    pub flash: Option<Flash>,
    /// Colours.
    pub theme: Theme,
    /// Where the page is, with its query: forms come back to it.
    pub here: String,
}

impl Chrome {
    /// A page that anybody may see.
    #[must_use]
    pub fn open(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            section: Section::None,
            person: None,
            flash: None,
            theme: Theme::System,
            here: "/".to_owned(),
        }
    }

    /// True when the person may work on issues and ask for scans.
    #[must_use]
    pub fn is_analyst(&self) -> bool {
        self.person.as_ref().is_some_and(Person::is_analyst)
    }

    /// True when the person may change how the host is set up.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.person.as_ref().is_some_and(Person::is_admin)
    }
}

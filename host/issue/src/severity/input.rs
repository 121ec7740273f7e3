//! What the rules ask for, and what is said when it is not there.

/// Something that a rule needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// A severity that somebody stated.
    Rating,
    /// A CVE id.
    Cve,
    /// The catalogue of known exploited vulnerabilities.
    Kev,
    /// The EPSS scores.
    Epss,
    /// An EPSS score of each of its CVEs.
    EpssScore,
    /// Advisories of the package's ecosystem.
    Advisories,
    /// A CVSS vector.
    CvssVector,
    /// The version that fixes it.
    Fix,
    /// The package.
    Package,
    /// Who put the package there.
    Origin,
    /// Whether the package is for tests only.
    TestOnly,
    /// The images that have it, with their tags.
    Images,
    /// When the images were made and pushed.
    ImageDates,
    /// When the repository was pushed to last.
    LastPush,
    /// The config of the images.
    ImageConfig,
    /// Who may see the project.
    Visibility,
    /// Whether the project is archived.
    Archived,
    /// When something last happened in the project.
    LastActivity,
    /// How much the application matters.
    Priority,
    /// Where the application runs.
    Environment,
    /// Whether it faces the internet.
    InternetFacing,
    /// What data it holds.
    Data,
    /// How the form of a secret was checked.
    SecretForm,
    /// Whether a finding is in the base image.
    FindingLayer,
}

impl Input {
    /// What it is called in tables and as evidence.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What is not known without it, and how it can be supplied; a sentence.
    pub fn missing(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Rating => (
                "a stated severity",
                "Nobody has stated a severity that can be read, so it counts as Medium until an advisory or a tool does.",
            ),
            Self::Cve => (
                "a CVE id",
                "It has no CVE id, so neither KEV nor EPSS can tell whether it is exploited; an advisory with one would.",
            ),
            Self::Kev => (
                "the KEV catalogue",
                "Whether it is known to be exploited is not known, and a low EPSS score lowers nothing, until the KEV catalogue is there: `ox-host advisories import` takes it.",
            ),
            Self::Epss => (
                "EPSS scores",
                "How likely it is to be exploited is not known until EPSS scores are there: `ox-host advisories import` takes them.",
            ),
            Self::EpssScore => (
                "an EPSS score of each CVE",
                "EPSS has no score for all of its CVEs (yet), so how likely it is to be exploited is not known; newer scores may have it.",
            ),
            Self::Advisories => (
                "advisories of its ecosystem",
                "Whether an exploit is public is not known: no advisories of its ecosystem were imported (`ox-host advisories import`).",
            ),
            Self::CvssVector => (
                "a CVSS vector",
                "From where and with what rights it can be attacked is not known: no rating comes with a CVSS vector that can be read.",
            ),
            Self::Fix => (
                "a fixed version",
                "No fixed version is known: no advisory that was imported names one.",
            ),
            Self::Package => (
                "the package",
                "Which package it is in is not known: the tool that reported it does not say.",
            ),
            Self::Origin => (
                "who put the package there",
                "Whether the base image or a layer above brought the package is not known for all places: the image's layers could not be told apart.",
            ),
            Self::TestOnly => (
                "whether it is for tests only",
                "Whether the package is for tests or development only is not known: its package manager's record does not say.",
            ),
            Self::Images => (
                "the images that have it",
                "Which images and tags have it now is not known: scan the location to tell.",
            ),
            Self::ImageDates => (
                "when the images were made and pushed",
                "Whether the images are old is not known: the registry or the config gives no date of all of them; a token with `read_api` reads push dates.",
            ),
            Self::LastPush => (
                "when the repository was pushed to",
                "When the repository was last pushed to is not known; a token with `read_api` reads push dates.",
            ),
            Self::ImageConfig => (
                "the images' config",
                "As which user the images run and which ports they expose is not known for all of them: their config was not read.",
            ),
            Self::Visibility => (
                "the project's visibility",
                "Who may see the project is not known; a token with `read_api` reads its visibility.",
            ),
            Self::Archived => (
                "whether the project is archived",
                "Whether the project is archived is not known; a token with `read_api` reads it.",
            ),
            Self::LastActivity => (
                "the project's last activity",
                "Whether the project is still worked on is not known; a token with `read_api` reads its last activity.",
            ),
            Self::Priority => (
                "the application's priority",
                "How much the application matters is not known: give it a `priority` in the policy file.",
            ),
            Self::Environment => (
                "the application's environment",
                "Where the application runs is not known: give it an `environment` in the policy file.",
            ),
            Self::InternetFacing => (
                "whether it faces the internet",
                "Whether the application faces the internet is not known: say `internet-facing` in the policy file.",
            ),
            Self::Data => (
                "the application's data",
                "What data the application holds is not known: say `data` in the policy file.",
            ),
            Self::SecretForm => (
                "how the secret was checked",
                "Whether it is a real secret is not known: the tool that found it does not say how it checked.",
            ),
            Self::FindingLayer => (
                "the layer of the finding",
                "Whether the base image has it, too, is not known: the tool that found it does not name the layer.",
            ),
        }
    }
}

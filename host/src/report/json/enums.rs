//! The contract's enumerations as JSON has them: the words of [`super::super::words`], as types that can be read
//! again and that describe themselves.

use serde::{Deserialize, Serialize};

use crate::contract;
use crate::host::FailureClass;

macro_rules! mirrored {
    ($(#[$about:meta])* $name:ident of $theirs:ty { $($variant:ident),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "kebab-case")]
        #[allow(missing_docs, reason = "the contract says what each means")]
        pub enum $name { $($variant),* }

        impl From<$theirs> for $name {
            fn from(theirs: $theirs) -> Self {
                match theirs { $(<$theirs>::$variant => Self::$variant),* }
            }
        }

        impl From<$name> for $theirs {
            fn from(ours: $name) -> Self {
                match ours { $($name::$variant => Self::$variant),* }
            }
        }
    };
}

mirrored!(
    /// The severity that a tool gave.
    Severity of contract::Severity { Unknown, Info, Low, Medium, High, Critical }
);
mirrored!(
    /// How a finding stands in its tool.
    FindingState of contract::FindingState { Detected, Confirmed, Resolved, Dismissed }
);
mirrored!(
    /// What a finding is about.
    FindingKind of contract::FindingKind { Vulnerability, Secret, Misconfiguration, Licence, Other }
);
mirrored!(
    /// How a step of a verification ended.
    StepStatus of contract::StepStatus { Passed, Failed, Warning, Skipped }
);
mirrored!(
    /// What was skipped.
    SkipSubject of contract::SkipSubject { Location, Tag, Image, Layer, File, Source }
);
mirrored!(
    /// Why it was skipped.
    SkipReason of contract::SkipReason {
        NotSelected, NotAnImage, UnavailableHere, Gone, Forbidden, Unsupported, OverLimit, Corrupt, Unreachable,
        Empty, NotLicensed,
    }
);
mirrored!(
    /// What put a package into its image.
    PackageOrigin of contract::PackageOrigin { Unknown, BaseImage, OperatingSystem, UserLayer, JavaArchive }
);
mirrored!(
    /// What kind of value a field of a form takes.
    FieldKind of contract::FieldKind { Url, Text, Secret, Toggle, Number, Patterns }
);
mirrored!(
    /// What kind of reason a location failed for.
    LocationFailure of FailureClass { Permission, Connectivity, Limit, Connector }
);

/// How a location of a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All of it was looked at.
    Complete,
    /// Parts were not.
    Partial,
    /// The connector gave up.
    Failed,
    /// Cancelled before it ended.
    Interrupted,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::words;

    fn word(value: impl Serialize) -> String {
        match serde_json::to_value(value) {
            Ok(serde_json::Value::String(word)) => word,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_types_say_the_same_words_as_the_tables() {
        use crate::contract as c;
        for one in words::SEVERITIES {
            assert_eq!(word(Severity::from(one)), words::severity(one));
        }
        for one in [
            c::SkipReason::NotSelected,
            c::SkipReason::NotAnImage,
            c::SkipReason::UnavailableHere,
            c::SkipReason::Gone,
            c::SkipReason::Forbidden,
            c::SkipReason::Unsupported,
            c::SkipReason::OverLimit,
            c::SkipReason::Corrupt,
            c::SkipReason::Unreachable,
            c::SkipReason::Empty,
            c::SkipReason::NotLicensed,
        ] {
            assert_eq!(word(SkipReason::from(one)), words::skip_reason(one));
        }
        for one in [
            c::PackageOrigin::Unknown,
            c::PackageOrigin::BaseImage,
            c::PackageOrigin::OperatingSystem,
            c::PackageOrigin::UserLayer,
            c::PackageOrigin::JavaArchive,
        ] {
            assert_eq!(word(PackageOrigin::from(one)), words::package_origin(one));
        }
        for one in [
            c::StepStatus::Passed,
            c::StepStatus::Failed,
            c::StepStatus::Warning,
            c::StepStatus::Skipped,
        ] {
            assert_eq!(word(StepStatus::from(one)), words::step_status(one));
        }
        for one in [
            c::FieldKind::Url,
            c::FieldKind::Text,
            c::FieldKind::Secret,
            c::FieldKind::Toggle,
            c::FieldKind::Number,
            c::FieldKind::Patterns,
        ] {
            assert_eq!(word(FieldKind::from(one)), words::field_kind(one));
        }
    }
}

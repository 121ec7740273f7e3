//! OX's categories of the container policies.

use crate::facts::Kind;

/// What a category depends on.
#[derive(Clone, Debug, Default)]
pub struct Input<'a> {
    /// What the issue is about.
    pub kind: Kind,
    /// Origins of the package in every occurrence (`base-image`, `operating-system`, `user-layer`,
    /// `java-archive`, `unknown`), each with whether its layer is the base image's, where that is known.
    pub occurrences: &'a [(&'a str, Option<bool>)],
    /// The package was made to do harm ([`crate::compliance::is_malicious`]).
    pub is_malicious: bool,
    /// Every image that has it is another's: all its layers are a public base image's.
    pub is_public_image: bool,
}

/// The vulnerable package lies in a layer of the base image, and is no package of the operating system.
pub const BASE_IMAGE: &str = "Vulnerable dependency from base image";
/// It is a package of the operating system.
pub const OPERATING_SYSTEM: &str = "Vulnerable dependency from operating system";
/// It came with the program.
pub const USER_CODE: &str = "Vulnerable dependency from user code";
/// A step of the image's own Dockerfile installed it with the operating system's package manager.
pub const USER_INSTRUCTION: &str = "Vulnerable dependency from user instruction";
/// It lies in a Java archive.
pub const JAVA_ARCHIVE: &str = "Vulnerable dependency in Java archive";
/// The whole image is a public one.
pub const PUBLIC_IMAGE: &str = "Vulnerable dependency in public image in private registry";
/// Where it comes from can't be told.
pub const UNKNOWN: &str = "Vulnerable dependency in container";
/// Made to do harm.
pub const MALICIOUS: &str = "Malicious dependency in container";
/// A secret.
pub const SECRET: &str = "Secret in container";
/// How the image is made.
pub const MISCONFIGURATION: &str = "Misconfiguration in container";
/// A licence.
pub const LICENCE: &str = "Unapproved licence in container";
/// Anything else.
pub const OTHER: &str = "Other issue in container";

/// All categories.
pub const ALL: [&str; 12] = [
    MALICIOUS,
    USER_CODE,
    JAVA_ARCHIVE,
    USER_INSTRUCTION,
    OPERATING_SYSTEM,
    BASE_IMAGE,
    PUBLIC_IMAGE,
    UNKNOWN,
    SECRET,
    MISCONFIGURATION,
    LICENCE,
    OTHER,
];

/// The category of an issue. Where occurrences differ, the one counts that the image's own authors can do
/// most about: what they wrote before what they built upon.
pub fn of(input: &Input<'_>) -> &'static str {
    match input.kind {
        Kind::Secret => SECRET,
        Kind::Misconfiguration => MISCONFIGURATION,
        Kind::Licence => LICENCE,
        Kind::Other => OTHER,
        Kind::Vulnerability if input.is_malicious => MALICIOUS,
        Kind::Vulnerability if input.is_public_image => PUBLIC_IMAGE,
        Kind::Vulnerability => {
            let nearest = input
                .occurrences
                .iter()
                .map(|(origin, from_base)| match (*origin, from_base) {
                    ("java-archive", _) => JAVA_ARCHIVE,
                    ("operating-system", Some(false)) => USER_INSTRUCTION,
                    ("operating-system", _) => OPERATING_SYSTEM,
                    ("base-image", _) | ("user-layer", Some(true)) => BASE_IMAGE,
                    ("user-layer", _) => USER_CODE,
                    _ => UNKNOWN,
                })
                .filter_map(|found| ALL.iter().position(|one| *one == found))
                .min();
            nearest
                .and_then(|index| ALL.get(index).copied())
                .unwrap_or(UNKNOWN)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vulnerability(occurrences: &[(&str, Option<bool>)]) -> &'static str {
        of(&Input {
            occurrences,
            ..Input::default()
        })
    }

    #[test]
    fn a_vulnerable_package_is_sorted_by_where_it_comes_from() {
        for (origin, from_base, category) in [
            ("base-image", None, BASE_IMAGE),
            ("base-image", Some(true), BASE_IMAGE),
            ("operating-system", Some(true), OPERATING_SYSTEM),
            ("operating-system", None, OPERATING_SYSTEM),
            ("operating-system", Some(false), USER_INSTRUCTION),
            ("user-layer", Some(false), USER_CODE),
            ("java-archive", Some(true), JAVA_ARCHIVE),
            ("unknown", None, UNKNOWN),
        ] {
            assert_eq!(vulnerability(&[(origin, from_base)]), category);
        }
        assert_eq!(vulnerability(&[]), UNKNOWN);
    }

    #[test]
    fn of_several_places_the_one_counts_that_its_authors_can_change() {
        let (base, own) = (("base-image", Some(true)), ("user-layer", Some(false)));
        assert_eq!(vulnerability(&[base, own]), USER_CODE);
        assert_eq!(vulnerability(&[own, base]), USER_CODE);
        assert_eq!(vulnerability(&[base, ("unknown", None)]), BASE_IMAGE);
    }

    #[test]
    fn what_is_no_vulnerability_is_sorted_by_its_kind() {
        let of_kind = |kind| {
            of(&Input {
                kind,
                ..Input::default()
            })
        };
        assert_eq!(of_kind(Kind::Secret), SECRET);
        assert_eq!(of_kind(Kind::Misconfiguration), MISCONFIGURATION);
        assert_eq!(of_kind(Kind::Licence), LICENCE);
        assert_eq!(of_kind(Kind::Other), OTHER);
    }

    #[test]
    fn a_malicious_package_is_called_so_wherever_it_is() {
        let input = Input {
            is_malicious: true,
            is_public_image: true,
            occurrences: &[("base-image", None)],
            ..Input::default()
        };
        assert_eq!(of(&input), MALICIOUS);
        let input = Input {
            is_malicious: false,
            ..input
        };
        assert_eq!(of(&input), PUBLIC_IMAGE);
    }
}

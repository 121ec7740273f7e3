//! The images that have it: their tags, their user, their ports.

use super::{ATTACKABLE, EVERY, VULNERABILITY};
use crate::factor::Category;
use crate::severity::case::{Case, listed};
use crate::severity::input::Input;
use crate::severity::rule::{Change, Judged, Rule, evidence};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "current-tag",
        category: Category::Reachable,
        short_name: "In current tags",
        meaning: "Whether the image that people get now has it: the tag `latest`, or what was pushed last.",
        kinds: EVERY,
        needs: &[Input::Images],
        changes: &[
            Change {
                name: "current",
                short_name: "In a current tag",
                default: 0.25,
                when: "an image that has it is `latest` or the newest",
            },
            Change {
                name: "old",
                short_name: "In old tags only",
                default: -0.35,
                when: "its images have tags, none of them current",
            },
            Change {
                name: "untagged",
                short_name: "In untagged images only",
                default: -0.6,
                when: "no image that has it has a tag",
            },
        ],
        thresholds: &[],
        bounds: true,
        judge: tags,
    },
    Rule {
        id: "runs-as-root",
        category: Category::Damage,
        short_name: "Runs as root",
        meaning: "Who takes over a process of root is root in the container, and nearer to the host.",
        kinds: VULNERABILITY,
        needs: &[Input::ImageConfig],
        changes: &[
            Change {
                name: "root",
                short_name: "Runs as root",
                default: 0.15,
                when: "an image that has it runs as root",
            },
            Change {
                name: "user",
                short_name: "Does not run as root",
                default: -0.1,
                when: "every image that has it runs as another user",
            },
        ],
        thresholds: &[],
        bounds: false,
        judge: root,
    },
    Rule {
        id: "exposed-ports",
        category: Category::Reachable,
        short_name: "Exposes ports",
        meaning: "The image says that it listens on ports.",
        kinds: ATTACKABLE,
        needs: &[Input::ImageConfig],
        changes: &[Change {
            name: "some",
            short_name: "Exposes ports",
            default: 0.1,
            when: "an image that has it exposes a port",
        }],
        thresholds: &[],
        bounds: false,
        judge: ports,
    },
];

fn tags(case: &Case<'_>) -> Judged {
    let images = &case.facts.images;
    if images.is_empty() {
        return Judged::not_known(Input::Images);
    }
    let tags = || {
        images
            .iter()
            .flat_map(|image| image.tags.iter().map(String::as_str))
    };
    if let Some(image) = images.iter().find(|image| image.latest) {
        let reason = "The image tagged `latest` has it.".to_owned();
        return Judged::applies(
            "current",
            reason,
            vec![evidence("Digest", image.digest.clone())],
        );
    }
    if let Some(image) = images.iter().find(|image| image.newest) {
        let reason = match image.tags.is_empty() {
            true => "The image that was pushed last has it.".to_owned(),
            false => format!(
                "The image that was pushed last has it: {}.",
                listed(image.tags.iter().map(String::as_str))
            ),
        };
        return Judged::applies(
            "current",
            reason,
            vec![evidence("Digest", image.digest.clone())],
        );
    }
    if tags().next().is_none() {
        let count = match images.len() {
            1 => "The image that has it has no tag".to_owned(),
            many => format!("None of the {many} images that have it has a tag"),
        };
        let reason = format!("{count}: nobody gets it by a name.");
        return Judged::applies("untagged", reason, Vec::new());
    }
    let reason = format!(
        "Neither `latest` nor the image that was pushed last has it, only {}.",
        listed(tags())
    );
    let shown = tags()
        .take(3)
        .map(|tag| evidence("Tag", crate::severity::case::quoted(tag)));
    Judged::applies("old", reason, shown.collect())
}

/// Root is user 0 or its name, with or without a group; an empty user is root, too.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default().trim();
    name.is_empty() || name == "root" || name.bytes().all(|byte| byte == b'0')
}

fn root(case: &Case<'_>) -> Judged {
    let images = &case.facts.images;
    let mut users = images.iter().filter_map(|image| image.user.as_deref());
    if users.clone().any(is_root) {
        let reason = "The image that has it runs as root.".to_owned();
        return Judged::applies("root", reason, vec![evidence("User", "root")]);
    }
    if images.is_empty() || images.iter().any(|image| image.user.is_none()) {
        return Judged::not_known(Input::ImageConfig);
    }
    let reason = format!(
        "What has it runs as {}, not as root.",
        listed(users.by_ref())
    );
    Judged::applies("user", reason, Vec::new())
}

fn ports(case: &Case<'_>) -> Judged {
    let images = &case.facts.images;
    let mut exposed: Vec<&str> = images
        .iter()
        .flat_map(|image| image.exposed_ports.iter().map(String::as_str))
        .collect();
    exposed.sort_unstable();
    exposed.dedup();
    if !exposed.is_empty() {
        let reason = format!(
            "The image says that it listens on {}.",
            listed(exposed.into_iter())
        );
        return Judged::applies("some", reason, Vec::new());
    }
    // The config tells user and ports together.
    if images.is_empty() || images.iter().any(|image| image.user.is_none()) {
        return Judged::not_known(Input::ImageConfig);
    }
    Judged::Nothing
}

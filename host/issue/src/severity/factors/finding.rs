//! Secrets and misconfigurations: how real, how open, and whose.

use crate::factor::Category;
use crate::facts::Kind;
use crate::severity::case::{Case, quoted};
use crate::severity::input::Input;
use crate::severity::rule::{Change, Judged, Rule, evidence};

const SECRET: &[Kind] = &[Kind::Secret];
const FINDING: &[Kind] = &[Kind::Secret, Kind::Misconfiguration];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "secret-form",
        category: Category::Exploitable,
        short_name: "Form of the secret",
        meaning: "How real a secret looks: its checksum or structure is right, or it is an example's.",
        kinds: SECRET,
        needs: &[Input::SecretForm],
        changes: &[
            Change {
                name: "checked",
                short_name: "Form is checked",
                default: 0.3,
                when: "its checksum, alphabet or structure is right",
            },
            Change {
                name: "placeholder",
                short_name: "Looks like an example",
                default: -1.0,
                when: "it looks like an example or a placeholder",
            },
        ],
        thresholds: &[],
        bounds: false,
        judge: form,
    },
    Rule {
        id: "secret-visibility",
        category: Category::Reachable,
        short_name: "Who can read it",
        meaning: "Who can pull the image can read the secret: everybody, where the project is public.",
        kinds: SECRET,
        needs: &[Input::Visibility],
        changes: &[
            Change {
                name: "public",
                short_name: "Readable by everybody",
                default: 0.75,
                when: "the project is public",
            },
            Change {
                name: "internal",
                short_name: "Readable by all users",
                default: 0.15,
                when: "every signed-in user may see the project",
            },
            Change {
                name: "private",
                short_name: "Readable by members",
                default: -0.2,
                when: "only members may see the project",
            },
        ],
        thresholds: &[],
        bounds: true,
        judge: visibility,
    },
    Rule {
        id: "inherited",
        category: Category::Damage,
        short_name: "From the base image",
        meaning: "The base image has it, too: it is not your secret or setting, and is mended there.",
        kinds: FINDING,
        needs: &[Input::FindingLayer],
        changes: &[
            Change {
                name: "base-image",
                short_name: "From the base image",
                default: -0.25,
                when: "a layer of the base image has it",
            },
            Change {
                name: "own-layer",
                short_name: "From your own layer",
                default: 0.1,
                when: "a layer above the base image has it",
            },
        ],
        thresholds: &[],
        bounds: false,
        judge: inherited,
    },
];

fn form(case: &Case<'_>) -> Judged {
    let Some(finding) = &case.facts.finding else {
        return Judged::not_known(Input::SecretForm);
    };
    let shown = || vec![evidence("Rule", quoted(&finding.rule))];
    if finding.placeholder == Some(true) {
        let reason = "It looks like an example or a placeholder, not like a secret in use.";
        return Judged::applies("placeholder", reason.to_owned(), shown());
    }
    match finding.form_checked {
        Some(true) => {
            let reason = "Its form was checked beyond its pattern: it is built as a real one is.";
            Judged::applies("checked", reason.to_owned(), shown())
        }
        Some(false) => Judged::Nothing,
        None => Judged::not_known(Input::SecretForm),
    }
}

fn visibility(case: &Case<'_>) -> Judged {
    let place = &case.facts.place;
    let project = quoted(&place.project);
    let (change, reason) = match place.visibility.as_deref() {
        Some("public") => (
            "public",
            format!("{project} is public: everybody can pull the image and read the secret."),
        ),
        Some("internal") => (
            "internal",
            format!(
                "{project} is internal: every signed-in user can pull the image and read the secret."
            ),
        ),
        Some("private") => (
            "private",
            format!("{project} is private: only its members can pull the image."),
        ),
        _ => return Judged::not_known(Input::Visibility),
    };
    Judged::applies(change, reason, vec![evidence("Visibility", change)])
}

fn inherited(case: &Case<'_>) -> Judged {
    match case
        .facts
        .finding
        .as_ref()
        .and_then(|finding| finding.from_base)
    {
        Some(true) => {
            let reason =
                "A layer of the base image has it: everybody who uses that image has it, too.";
            Judged::applies("base-image", reason.to_owned(), Vec::new())
        }
        Some(false) => {
            let reason = "A layer above the base image has it: it is yours.";
            Judged::applies("own-layer", reason.to_owned(), Vec::new())
        }
        None => Judged::not_known(Input::FindingLayer),
    }
}

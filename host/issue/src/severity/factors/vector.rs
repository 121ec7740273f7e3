//! What the CVSS vector says of the way in: from where, with what rights, with whose help.
//!
//! The score has these in it already, so the numbers are small, but for what a container changes: who attacks
//! locally must be inside it first, and nobody stands before one.

use ox_advisory::cvss::{AttackVector, Cvss, Interaction, Privileges};

use super::VULNERABILITY;
use crate::factor::{Category, Evidence};
use crate::severity::case::{Case, quoted};
use crate::severity::input::Input;
use crate::severity::rule::{Change, Judged, Rule, evidence};

const fn change(
    name: &'static str,
    short_name: &'static str,
    default: f64,
    when: &'static str,
) -> Change {
    Change {
        name,
        short_name,
        default,
        when,
    }
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "attack-vector",
        category: Category::Reachable,
        short_name: "Attack vector",
        meaning: "From where it can be attacked, by the CVSS vector. A local attacker must be in the container first.",
        kinds: VULNERABILITY,
        needs: &[Input::CvssVector],
        changes: &[
            change("network", "Attacked over the network", 0.1, "AV:N"),
            change("adjacent", "Attacked from nearby", -0.1, "AV:A"),
            change("local", "Attacked locally only", -0.5, "AV:L"),
            change("physical", "Attacked by hand only", -1.0, "AV:P"),
        ],
        thresholds: &[],
        bounds: true,
        judge: attack_vector,
    },
    Rule {
        id: "privileges-required",
        category: Category::Exploitable,
        short_name: "Privileges required",
        meaning: "What an attacker must be allowed to do before, by the CVSS vector.",
        kinds: VULNERABILITY,
        needs: &[Input::CvssVector],
        changes: &[
            change("none", "No privileges needed", 0.05, "PR:N or Au:N"),
            change("low", "User privileges needed", -0.1, "PR:L or Au:S"),
            change("high", "High privileges needed", -0.25, "PR:H or Au:M"),
        ],
        thresholds: &[],
        bounds: false,
        judge: privileges,
    },
    Rule {
        id: "user-interaction",
        category: Category::Exploitable,
        short_name: "User interaction",
        meaning: "Whether somebody else must do something, by the CVSS vector (2.0 does not say).",
        kinds: VULNERABILITY,
        needs: &[Input::CvssVector],
        changes: &[
            change("none", "No interaction needed", 0.05, "UI:N"),
            change(
                "required",
                "Interaction needed",
                -0.15,
                "UI:R, or UI:P of 4.0",
            ),
            change("active", "Active interaction needed", -0.2, "UI:A of 4.0"),
        ],
        thresholds: &[],
        bounds: false,
        judge: interaction,
    },
];

fn shown(cvss: &Cvss, source: &str) -> Vec<Evidence> {
    let label = format!("CVSS {}", cvss.version);
    vec![evidence(
        &label,
        format!("{} ({})", cvss.vector, quoted(source)),
    )]
}

fn attack_vector(case: &Case<'_>) -> Judged {
    let Some((cvss, source)) = case.vector else {
        return Judged::not_known(Input::CvssVector);
    };
    let (change, reason) = match cvss.attack_vector {
        AttackVector::Network => ("network", "It can be attacked over the network."),
        AttackVector::Adjacent => (
            "adjacent",
            "It can be attacked only from the same network as the container.",
        ),
        AttackVector::Local => (
            "local",
            "It can be attacked only by who already runs something in the container.",
        ),
        AttackVector::Physical => (
            "physical",
            "It can be attacked only by who has the machine in their hands.",
        ),
    };
    Judged::applies(change, reason.to_owned(), shown(cvss, source))
}

fn privileges(case: &Case<'_>) -> Judged {
    let Some((cvss, source)) = case.vector else {
        return Judged::not_known(Input::CvssVector);
    };
    let (change, reason) = match cvss.privileges {
        Privileges::None => ("none", "An attacker needs no account and no rights."),
        Privileges::Low => ("low", "An attacker needs the rights of a user first."),
        Privileges::High => (
            "high",
            "An attacker needs the rights of an administrator first.",
        ),
    };
    Judged::applies(change, reason.to_owned(), shown(cvss, source))
}

fn interaction(case: &Case<'_>) -> Judged {
    let Some((cvss, source)) = case.vector else {
        return Judged::not_known(Input::CvssVector);
    };
    let (change, reason) = match cvss.interaction {
        None => return Judged::Nothing,
        Some(Interaction::None) => ("none", "It works without anybody's help."),
        Some(Interaction::Required) => (
            "required",
            "Somebody else must do something for it to work.",
        ),
        Some(Interaction::Active) => (
            "active",
            "Somebody else must do something unusual for it to work.",
        ),
    };
    Judged::applies(change, reason.to_owned(), shown(cvss, source))
}

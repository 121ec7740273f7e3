//! What it means to the business, by the policy's mapping.

use super::{ATTACKABLE, EVERY};
use crate::factor::Category;
use crate::severity::case::{Case, listed, quoted};
use crate::severity::input::Input;
use crate::severity::rule::{Change, Judged, Rule, evidence};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "business-priority",
        category: Category::Damage,
        short_name: "Business priority",
        meaning: "How much the application matters, by the policy.",
        kinds: EVERY,
        needs: &[Input::Priority],
        changes: &[
            Change {
                name: "critical",
                short_name: "Critical business priority",
                default: 0.5,
                when: "the application's priority is critical",
            },
            Change {
                name: "high",
                short_name: "High business priority",
                default: 0.25,
                when: "it is high",
            },
            Change {
                name: "low",
                short_name: "Low business priority",
                default: -0.4,
                when: "it is low",
            },
        ],
        thresholds: &[],
        bounds: false,
        judge: priority,
    },
    Rule {
        id: "environment",
        category: Category::Reachable,
        short_name: "Environment",
        meaning: "Where the application runs, by the policy.",
        kinds: EVERY,
        needs: &[Input::Environment],
        changes: &[
            Change {
                name: "production",
                short_name: "Runs in production",
                default: 0.3,
                when: "it is production (prod, live)",
            },
            Change {
                name: "staging",
                short_name: "Runs in staging only",
                default: -0.1,
                when: "it is staging (stage, pre-production, preprod, uat)",
            },
            Change {
                name: "test",
                short_name: "Runs in test only",
                default: -0.4,
                when: "it is test or development (dev, qa, testing, sandbox)",
            },
        ],
        thresholds: &[],
        bounds: true,
        judge: environment,
    },
    Rule {
        id: "internet-facing",
        category: Category::Reachable,
        short_name: "Internet-facing",
        meaning: "Whether anybody on the internet can send something to the application, by the policy.",
        kinds: ATTACKABLE,
        needs: &[Input::InternetFacing],
        changes: &[
            Change {
                name: "yes",
                short_name: "Faces the internet",
                default: 0.4,
                when: "the policy says so",
            },
            Change {
                name: "no",
                short_name: "Does not face the internet",
                default: -0.25,
                when: "the policy says that it does not",
            },
        ],
        thresholds: &[],
        bounds: true,
        judge: internet,
    },
    Rule {
        id: "sensitive-data",
        category: Category::Damage,
        short_name: "Sensitive data",
        meaning: "The application holds data that must not get out, by the policy.",
        kinds: EVERY,
        needs: &[Input::Data],
        changes: &[Change {
            name: "some",
            short_name: "Holds sensitive data",
            default: 0.3,
            when: "the policy names kinds of data",
        }],
        thresholds: &[],
        bounds: false,
        judge: data,
    },
];

fn application(case: &Case<'_>) -> String {
    match case.facts.business.application.trim() {
        "" => "The application".to_owned(),
        name => format!("The application {}", quoted(name)),
    }
}

fn priority(case: &Case<'_>) -> Judged {
    let Some(stated) = case.facts.business.priority.as_deref() else {
        return Judged::not_known(Input::Priority);
    };
    let change = match stated.trim().to_lowercase().as_str() {
        "critical" => "critical",
        "high" => "high",
        "low" => "low",
        "medium" => return Judged::Nothing,
        _ => {
            return Judged::NotKnown {
                input: Input::Priority,
                reason: Some(format!(
                    "How much the application matters is not known: its priority {:?} is none of critical, high, medium and low.",
                    quoted(stated)
                )),
            };
        }
    };
    let reason = format!(
        "{} has {change} priority for the business.",
        application(case)
    );
    Judged::applies(
        change,
        reason,
        vec![evidence("Policy", format!("priority: {change}"))],
    )
}

/// The change that an environment's name stands for.
pub(crate) fn environment_change(name: &str) -> Option<&'static str> {
    match name.trim().to_lowercase().as_str() {
        "production" | "prod" | "live" => Some("production"),
        "staging" | "stage" | "pre-production" | "preproduction" | "preprod" | "uat" => {
            Some("staging")
        }
        "test" | "testing" | "qa" | "development" | "dev" | "sandbox" => Some("test"),
        _ => None,
    }
}

fn environment(case: &Case<'_>) -> Judged {
    let Some(stated) = case.facts.business.environment.as_deref() else {
        return Judged::not_known(Input::Environment);
    };
    let Some(change) = environment_change(stated) else {
        return Judged::NotKnown {
            input: Input::Environment,
            reason: Some(format!(
                "What the environment {:?} means is not known: production, staging, test and development have numbers.",
                quoted(stated)
            )),
        };
    };
    let only = if change == "production" { "" } else { " only" };
    let reason = format!("{} runs in {}{only}.", application(case), quoted(stated));
    Judged::applies(
        change,
        reason,
        vec![evidence(
            "Policy",
            format!("environment: {}", quoted(stated)),
        )],
    )
}

fn internet(case: &Case<'_>) -> Judged {
    match case.facts.business.internet_facing {
        Some(true) => Judged::applies(
            "yes",
            format!("{} faces the internet.", application(case)),
            vec![evidence("Policy", "internet-facing: true")],
        ),
        Some(false) => Judged::applies(
            "no",
            format!("{} does not face the internet.", application(case)),
            vec![evidence("Policy", "internet-facing: false")],
        ),
        None => Judged::not_known(Input::InternetFacing),
    }
}

fn data(case: &Case<'_>) -> Judged {
    let kinds = &case.facts.business.data;
    if kinds.is_empty() {
        return Judged::not_known(Input::Data);
    }
    let kinds = listed(kinds.iter().map(String::as_str));
    let reason = format!("{} holds sensitive data: {kinds}.", application(case));
    Judged::applies(
        "some",
        reason,
        vec![evidence("Policy", format!("data: {kinds}"))],
    )
}

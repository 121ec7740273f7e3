//! The project: who sees it, and whether anybody still works on it.

use super::age::days;
use super::{ATTACKABLE, EVERY};
use crate::factor::Category;
use crate::severity::case::{Case, quoted};
use crate::severity::input::Input;
use crate::severity::rule::{Change, Judged, Rule, evidence};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "visibility",
        category: Category::Reachable,
        short_name: "Visibility",
        meaning: "Who can pull the image can look for a way in, and may run it.",
        kinds: ATTACKABLE,
        needs: &[Input::Visibility],
        changes: &[
            Change {
                name: "public",
                short_name: "Public project",
                default: 0.25,
                when: "the project is public",
            },
            Change {
                name: "internal",
                short_name: "Internal project",
                default: 0.05,
                when: "every signed-in user may see the project",
            },
            Change {
                name: "private",
                short_name: "Private project",
                default: -0.1,
                when: "only members may see the project",
            },
        ],
        thresholds: &[],
        bounds: false,
        judge: visibility,
    },
    Rule {
        id: "archived-project",
        category: Category::Reachable,
        short_name: "Archived project",
        meaning: "Nobody works on the project any more, and says so.",
        kinds: EVERY,
        needs: &[Input::Archived],
        changes: &[Change {
            name: "yes",
            short_name: "Archived project",
            default: -0.5,
            when: "the project is archived",
        }],
        thresholds: &[],
        bounds: true,
        judge: archived,
    },
    Rule {
        id: "inactive-project",
        category: Category::Reachable,
        short_name: "Inactive project",
        meaning: "Nothing happened in the project for six months.",
        kinds: EVERY,
        needs: &[Input::LastActivity],
        changes: &[Change {
            name: "yes",
            short_name: "Inactive project",
            default: -0.3,
            when: "the last activity was `days` ago or before, and the project is not archived",
        }],
        thresholds: &[days("days", 180.0, "days since the last activity")],
        bounds: false,
        judge: inactive,
    },
];

fn visibility(case: &Case<'_>) -> Judged {
    let place = &case.facts.place;
    let project = quoted(&place.project);
    let (change, who) = match place.visibility.as_deref() {
        Some("public") => ("public", "everybody can pull the image"),
        Some("internal") => ("internal", "every signed-in user can pull the image"),
        Some("private") => ("private", "only its members can pull the image"),
        _ => return Judged::not_known(Input::Visibility),
    };
    let reason = format!("{project} is {change}: {who}.");
    Judged::applies(change, reason, vec![evidence("Visibility", change)])
}

fn archived(case: &Case<'_>) -> Judged {
    match case.facts.place.archived {
        Some(true) => Judged::applies(
            "yes",
            format!("{} is archived.", quoted(&case.facts.place.project)),
            Vec::new(),
        ),
        Some(false) => Judged::Nothing,
        None => Judged::not_known(Input::Archived),
    }
}

fn inactive(case: &Case<'_>) -> Judged {
    let place = &case.facts.place;
    let Some(ago) = case.days_since(place.last_activity.as_deref()) else {
        return Judged::not_known(Input::LastActivity);
    };
    if place.archived == Some(true) || (ago as f64) < case.threshold("days") {
        return Judged::Nothing;
    }
    let when = quoted(place.last_activity.as_deref().unwrap_or_default());
    Judged::applies(
        "yes",
        format!(
            "Nothing happened in {} for {ago} days.",
            quoted(&place.project)
        ),
        vec![evidence("Last activity", when)],
    )
}

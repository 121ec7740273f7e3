//! How old it is: images that nobody pushed for long are less likely to run.

use super::EVERY;
use crate::factor::Category;
use crate::severity::case::{Case, quoted};
use crate::severity::input::Input;
use crate::severity::rule::{Change, Judged, Rule, Threshold, evidence};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "image-age",
        category: Category::Reachable,
        short_name: "Old images only",
        meaning: "Every image that has it was made and pushed long ago.",
        kinds: EVERY,
        needs: &[Input::ImageDates],
        changes: &[Change {
            name: "old",
            short_name: "Old images only",
            default: -0.2,
            when: "all were made `image-days` and pushed `push-days` ago or before",
        }],
        thresholds: &[
            days("image-days", 365.0, "days since an image was made"),
            days("push-days", 180.0, "days since an image was pushed"),
        ],
        bounds: false,
        judge: image_age,
    },
    Rule {
        id: "last-push",
        category: Category::Reachable,
        short_name: "No push for long",
        meaning: "Nothing was pushed to the repository for long.",
        kinds: EVERY,
        needs: &[Input::LastPush],
        changes: &[Change {
            name: "long-ago",
            short_name: "No push for long",
            default: -0.15,
            when: "the newest push was `days` ago or before",
        }],
        thresholds: &[days("days", 365.0, "days since the newest push")],
        bounds: false,
        judge: last_push,
    },
];

pub(super) const fn days(name: &'static str, default: f64, meaning: &'static str) -> Threshold {
    Threshold {
        name,
        default,
        least: 1.0,
        most: 36_500.0,
        meaning,
    }
}

fn image_age(case: &Case<'_>) -> Judged {
    let images = &case.facts.images;
    if images.is_empty() {
        return Judged::not_known(Input::Images);
    }
    let mut youngest = None;
    let mut all_known = true;
    for image in images {
        let made = case.days_since(image.created.as_deref());
        let pushed = case.days_since(image.pushed.as_deref());
        let recent = |days: Option<i64>, limit: &str| {
            days.is_some_and(|days| (days as f64) < case.threshold(limit))
        };
        if recent(made, "image-days") || recent(pushed, "push-days") {
            return Judged::Nothing;
        }
        match (made, pushed) {
            (Some(made), Some(pushed)) => {
                let younger = youngest.is_none_or(|(so_far, _)| made < so_far);
                if younger {
                    youngest = Some((made, pushed));
                }
            }
            _ => all_known = false,
        }
    }
    match youngest {
        Some((made, pushed)) if all_known => Judged::applies(
            "old",
            format!(
                "The youngest image that has it was made {made} days ago and pushed {pushed} days ago."
            ),
            Vec::new(),
        ),
        _ => Judged::not_known(Input::ImageDates),
    }
}

fn last_push(case: &Case<'_>) -> Judged {
    let Some(ago) = case.days_since(case.facts.place.last_push.as_deref()) else {
        return Judged::not_known(Input::LastPush);
    };
    if (ago as f64) < case.threshold("days") {
        return Judged::Nothing;
    }
    let when = quoted(case.facts.place.last_push.as_deref().unwrap_or_default());
    Judged::applies(
        "long-ago",
        format!("Nothing was pushed to the repository for {ago} days."),
        vec![evidence("Last push", when)],
    )
}

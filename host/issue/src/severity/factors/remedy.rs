//! What can be done about it.

use super::VULNERABILITY;
use crate::factor::Category;
use crate::severity::case::{Case, quoted};
use crate::severity::input::Input;
use crate::severity::rule::{Change, Judged, Rule, evidence};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "fix",
    category: Category::Exploitable,
    short_name: "Fix",
    meaning: "A published fix shows where the fault is and can be taken at once; where none will come, waiting does not help.",
    kinds: VULNERABILITY,
    needs: &[Input::Fix],
    changes: &[
        Change {
            name: "available",
            short_name: "Fix available",
            default: 0.1,
            when: "a fixed version is known",
        },
        Change {
            name: "refused",
            short_name: "No fix will come",
            default: 0.05,
            when: "the distribution says that it will not fix it, or its release has ended",
        },
    ],
    thresholds: &[],
    bounds: false,
    judge: fix,
}];

fn fix(case: &Case<'_>) -> Judged {
    let package = case.package();
    if let Some(fixed) = package.and_then(|package| package.fixed.as_deref()) {
        let reason = format!("{} has the fix.", quoted(fixed));
        return Judged::applies(
            "available",
            reason,
            vec![evidence("Fixed version", quoted(fixed))],
        );
    }
    if let Some(why) = package.and_then(|package| package.fix_refused.as_deref()) {
        let reason = format!(
            "No fix will come: {}. Move to what is maintained, or take the package out.",
            quoted(why).trim_end_matches('.')
        );
        return Judged::applies("refused", reason, Vec::new());
    }
    Judged::not_known(Input::Fix)
}

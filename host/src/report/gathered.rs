//! What a run of the queue did, in a sentence.

use super::text::count;
use crate::host::Gathered;

/// `3 issues are new, 1 is resolved; 20 components were matched.`
pub fn sentence(gathered: &Gathered) -> String {
    let issues = &gathered.issues;
    let parts: Vec<String> = [
        (issues.opened, "new"),
        (issues.reopened, "back"),
        (issues.changed, "changed"),
        (issues.resolved, "resolved"),
        (issues.removed, "removed"),
    ]
    .into_iter()
    .filter(|(many, _)| *many > 0)
    .map(|(many, word)| format!("{many} {word}"))
    .collect();
    let what = if parts.is_empty() {
        "nothing changed".to_owned()
    } else {
        parts.join(", ")
    };
    let mut text = format!(
        "Issues: {what} ({} weighed, {} matched)\n",
        count(issues.locations as u64, "location", "locations"),
        count(gathered.matched as u64, "component", "components"),
    );
    if issues.failed > 0 {
        text.push_str(&format!(
            "The issues of {} could not be brought up to date, and stay as they were; `ox-host skipped` says why.\n",
            count(issues.failed as u64, "location", "locations"),
        ));
    }
    text
}

//! What comes out of a component, made fit to be stored and shown.
//!
//! Every text of every record passes through here once, at the border: secrets and their stand-ins are taken
//! out, control characters and the characters that turn the direction of writing are stripped (a terminal
//! or a reviewer would be misled by them), and what is too long is cut with a note. The records are taken
//! apart field by field with no `..`, so a field that is added to the contract does not compile until it is
//! cleaned here.

use std::borrow::Cow;

use crate::contract::*;

/// Bytes of one text of an observation or a location.
pub(crate) const MAX_TEXT: usize = 64 << 10;

/// Bytes of one message, hint or note for people.
pub(crate) const MAX_MESSAGE: usize = 4 << 10;

/// What stands where a text was cut.
const CUT: &str = " … (cut)";

/// What stands where a secret, or what stands for it, was.
const GONE: &str = "[secret]";

/// Bytes that a record costs besides its texts; what a batch is weighed with.
const RECORD_WEIGHT: usize = 16;

/// Takes secrets out of a text.
pub(crate) type Redact<'a> = dyn for<'t> Fn(&'t str) -> Cow<'t, str> + Send + Sync + 'a;

/// Cleans texts, and weighs them on the way.
pub(crate) struct Cleaner<'a> {
    redact: &'a Redact<'a>,
    stand_ins: &'a [String],
    max: usize,
    weight: usize,
}

impl<'a> Cleaner<'a> {
    /// A cleaner for the texts of one call.
    pub(crate) fn new(redact: &'a Redact<'a>, stand_ins: &'a [String], max: usize) -> Self {
        Self {
            redact,
            stand_ins,
            max,
            weight: 0,
        }
    }

    /// Bytes of everything that was cleaned so far, as it came.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// One text; line breaks and tabs stay.
    pub(crate) fn text(&mut self, text: &mut String) {
        self.weight = self.weight.saturating_add(text.len());
        if text.is_empty() {
            return;
        }
        // The order matters: characters that are stripped could hide a secret, and half of one that was
        // cut would not be recognised.
        if text.chars().any(is_unwanted) {
            text.retain(|character| !is_unwanted(character));
        }
        if let Some(clean) = self.without_secrets(text) {
            *text = clean;
        }
        cut(text, self.max);
    }

    /// One text, on one line.
    pub(crate) fn line(&mut self, text: &mut String) {
        self.text(text);
        if text.contains(['\n', '\t']) {
            *text = text.replace(['\n', '\t'], " ");
        }
    }

    /// The text without what is secret in it; `None` when nothing is, which is nearly always.
    fn without_secrets(&self, text: &str) -> Option<String> {
        let mut clean = (self.redact)(text);
        for stand_in in self.stand_ins {
            if !stand_in.is_empty() && clean.contains(stand_in.as_str()) {
                clean = Cow::Owned(clean.replace(stand_in.as_str(), GONE));
            }
        }
        match clean {
            Cow::Borrowed(_) => None,
            Cow::Owned(clean) => Some(clean),
        }
    }

    /// A whole record.
    pub(crate) fn clean<T: Clean>(&mut self, record: &mut T) {
        record.clean(self);
    }
}

/// Cuts at a character's end, with a note.
fn cut(text: &mut String, max: usize) {
    if text.len() > max {
        let end = text.floor_char_boundary(max.saturating_sub(CUT.len()));
        text.truncate(end);
        text.push_str(CUT);
    }
}

/// Control characters but line break and tab, and the characters that turn or hide text.
pub(crate) fn is_unwanted(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        // Line and paragraph separators break a line in some viewers and not in others.
        '\u{2028}' | '\u{2029}' | '\u{feff}' => true,
        other => other.is_control(),
    }
}

/// A record of the contract.
pub(crate) trait Clean {
    /// Cleans every text in it.
    fn clean(&mut self, cleaner: &mut Cleaner<'_>);
}

impl Clean for String {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        cleaner.text(self);
    }
}

impl<T: Clean> Clean for Option<T> {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        if let Some(value) = self {
            value.clean(cleaner);
        }
    }
}

impl<T: Clean> Clean for Vec<T> {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        cleaner.weight = cleaner.weight.saturating_add(RECORD_WEIGHT * self.len());
        for value in self {
            value.clean(cleaner);
        }
    }
}

impl Clean for (String, String) {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        cleaner.text(&mut self.0);
        cleaner.text(&mut self.1);
    }
}

macro_rules! plain {
    ($($type:ty),+) => { $( impl Clean for $type { fn clean(&mut self, _: &mut Cleaner<'_>) {} } )+ };
}

plain!(
    bool,
    u32,
    u64,
    FieldKind,
    StepStatus,
    PackageOrigin,
    FindingKind,
    Severity,
    FindingState,
    SkipSubject,
    SkipReason
);

macro_rules! records {
    ($( $type:ident { $($field:ident),+ $(,)? } )+) => { $(
        impl Clean for $type {
            fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
                let Self { $($field),+ } = self;
                $( $field.clean(cleaner); )+
            }
        }
    )+ };
}

records! {
    FieldFault { field, why }
    LackOfPermission { missing_scopes, why }
    RateLimit { retry_after, why }
    Field { key, label, help, kind, required, default, advanced }
    StepInfo { id, label }
    ScopeInfo { name, purpose }
    KindInfo { id, label, scannable }
    Manifest {
        id, name, version, category, source_tool, description, fields, verify_steps, scopes, location_kinds,
        emits, attributes,
    }
    Verification { steps, attributes }
    Location {
        id, kind, name, path, parent, scannable, has_children, unscannable, web_url, attributes,
    }
    ScanSummary {
        complete, tags, images, packages, findings, skipped, layers_read, layers_reused, attributes,
    }
    Platform { os, architecture, variant, os_version }
    OperatingSystem { id, version_id, pretty_name, attributes }
    Layer { digest, diff_id, media_type, size, command }
    HistoryStep { created, command, comment, empty_layer }
    ConfigFacts {
        digest, created, author, user, env_names, labels, exposed_ports, entrypoint, command, working_dir,
        volumes, history,
    }
    Image {
        digest, media_type, registry, repository, tags, index, platform, size, pushed, config, layers,
        operating_system, package_count, complete, attributes,
    }
    PackageBatch { image, packages }
    Package {
        format, name, version, architecture, source_name, source_version, purl, licences, path, layer, origin,
        owner, attributes,
    }
    Identifier { kind, value, name, url }
    Link { name, url }
    Finding {
        id, source, kind, title, description, severity, severity_as_said, state, state_reason,
        no_longer_detected, identifiers, scanner_id, scanner_name, scanner_vendor, package_name,
        package_version, operating_system, image_reference, image_digest, solution, links, cvss, detected_at,
        changed_at, web_url, evidence, attributes,
    }
    Context { location, attributes }
    Skip { reason, why }
    Skipped { subject, name, image, skip }
    ScanProgress { done, total, doing }
}

/// Sentences for people: one line each, and shorter than other texts.
impl Clean for Explanation {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        let Self { message, hint } = self;
        for text in [message, hint] {
            cleaner.line(text);
            cut(text, MAX_MESSAGE);
        }
    }
}

/// A score that is no number between 0 and 10 is none.
impl Clean for Cvss {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        let Self {
            vendor,
            vector,
            score,
        } = self;
        vendor.clean(cleaner);
        vector.clean(cleaner);
        *score = score.filter(|score| (0.0..=10.0).contains(score));
    }
}

impl Clean for StepResult {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        let Self {
            id,
            status: _,
            seen,
            hint,
        } = self;
        for text in [id, seen, hint] {
            cleaner.line(text);
            cut(text, MAX_MESSAGE);
        }
    }
}

/// The cursor is the connector's own and is never shown, so it stays as it is.
impl Clean for LocationPage {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        let Self {
            locations,
            next: _,
            skipped,
        } = self;
        locations.clean(cleaner);
        skipped.clean(cleaner);
    }
}

impl Clean for Failure {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        match self {
            Failure::InvalidSettings(fault) => fault.clean(cleaner),
            Failure::Forbidden(lack) => lack.clean(cleaner),
            Failure::RateLimited(limit) => limit.clean(cleaner),
            Failure::Unauthenticated(why)
            | Failure::NotFound(why)
            | Failure::Unavailable(why)
            | Failure::UnexpectedAnswer(why)
            | Failure::OverLimit(why) => why.clean(cleaner),
            Failure::Stopped => {}
        }
    }
}

impl Clean for Progress {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        match self {
            Progress::Step(step) => step.clean(cleaner),
            Progress::Scan(scan) => scan.clean(cleaner),
        }
    }
}

impl Clean for Observation {
    fn clean(&mut self, cleaner: &mut Cleaner<'_>) {
        match self {
            Observation::Image(image) => image.clean(cleaner),
            Observation::Packages(batch) => batch.clean(cleaner),
            Observation::Finding(finding) => finding.clean(cleaner),
            Observation::Context(context) => context.clean(cleaner),
            Observation::Skipped(skipped) => skipped.clean(cleaner),
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redact(text: &str) -> Cow<'_, str> {
        Cow::Owned(text.replace("glpat-real", GONE))
    }

    fn cleaned(text: &str, max: usize) -> String {
        let stand_ins = vec!["stand-in-1".to_owned()];
        let mut text = text.to_owned();
        Cleaner::new(&redact, &stand_ins, max).text(&mut text);
        text
    }

    #[test]
    fn secrets_their_stand_ins_and_what_moves_a_cursor_are_gone() {
        assert_eq!(
            cleaned("a glpat-real b stand-in-1 c", 100),
            "a [secret] b [secret] c"
        );
        assert_eq!(
            cleaned(
                "red \u{1b}[31m\u{7}, \u{202e}txt.exe, tab\tand\nline stay",
                100
            ),
            { "red [31m, txt.exe, tab\tand\nline stay" }
        );
        assert_eq!(cleaned("plain – ünïcode ✓", 100), "plain – ünïcode ✓");
    }

    #[test]
    fn a_score_that_no_version_of_cvss_has_is_none() {
        let of = |score: f64| {
            let mut cvss = Cvss {
                vendor: String::new(),
                vector: String::new(),
                score: Some(score),
            };
            let stand_ins = Vec::new();
            Cleaner::new(&redact, &stand_ins, 10).clean(&mut cvss);
            cvss.score
        };
        for bad in [f64::NAN, f64::INFINITY, -0.1, 10.1, 1e308] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!((of(0.0), of(10.0)), (Some(0.0), Some(10.0)));
    }

    #[test]
    fn a_secret_across_the_cut_does_not_leave_a_half() {
        for pad in 0..40 {
            let text = format!("{}glpat-real{}", "x".repeat(pad), "y".repeat(60));
            let text = cleaned(&text, 40);
            assert!(text.len() <= 40 && text.ends_with(CUT), "{text}");
            assert!(!text.contains("glpat"), "{text}");
        }
    }

    #[test]
    fn a_secret_that_is_hidden_by_control_characters_is_still_found() {
        // Redacted before the stripping, the pieces would join afterwards.
        assert_eq!(cleaned("glpat\u{200e}-re\u{0}al", 100), GONE);
    }

    #[test]
    fn a_deep_record_is_cleaned_and_weighed_to_its_last_field() {
        let mut skipped = Skipped {
            subject: SkipSubject::Tag,
            name: "stand-in-1".to_owned(),
            image: Some("glpat-real".to_owned()),
            skip: Skip {
                reason: SkipReason::Corrupt,
                why: Explanation {
                    message: "two\nlines of glpat-real".to_owned(),
                    hint: "h".repeat(2 * MAX_MESSAGE),
                },
            },
        };
        let stand_ins = vec!["stand-in-1".to_owned()];
        let mut cleaner = Cleaner::new(&redact, &stand_ins, MAX_TEXT);
        cleaner.clean(&mut skipped);
        assert!(cleaner.weight() > 2 * MAX_MESSAGE);
        let text = format!("{skipped:?}");
        assert!(
            !text.contains("glpat-real") && !text.contains("stand-in-1"),
            "{text}"
        );
        assert_eq!(skipped.skip.why.message, "two lines of [secret]");
        assert!(skipped.skip.why.hint.len() <= MAX_MESSAGE);
    }

    proptest! {
        #[test]
        fn any_text_comes_out_short_clean_and_the_same_the_second_time(text in "\\PC{0,30}[\u{0}-\u{ff}]{0,80}") {
            let once = cleaned(&text, 48);
            prop_assert!(once.len() <= 48);
            prop_assert!(!once.chars().any(is_unwanted));
            prop_assert_eq!(cleaned(&once, 48), once);
        }
    }
}

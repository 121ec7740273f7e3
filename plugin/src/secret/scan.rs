//! Runs the rules over a text: a window of it at a time, around the places that the prefilter names.

use std::io::{self, Read};
use std::ops::Range;

use super::check::{self, Candidate};
use super::places::{Place, Style};
use super::prefilter::{self, Keyword};
use super::rules::{Pattern, Reach, Rule};
use super::{Hit, MAX_FILE_HITS, assign, mask, noise, pem, shape, url};

/// Bytes of a window.
const WINDOW: usize = 128 * 1024;
/// Bytes behind a keyword that are there when it is looked at: all that a rule looks at.
const AHEAD: usize = 8 * 1024;
/// Bytes before it.
const BEHIND: usize = 1024;
/// Bytes of a user and password in base64.
const MAX_BASIC: usize = 512;

/// A secret in a text.
pub(super) struct Match {
    pub(super) rule: &'static Rule,
    /// Where the value is, from the beginning of the text.
    pub(super) value: Range<u64>,
    pub(super) line: u32,
    pub(super) masked: String,
}

impl Match {
    /// How sure it is: a form of its own outweighs the name that a value is given.
    fn rank(&self) -> u8 {
        match self.rule.pattern {
            Pattern::Assigned | Pattern::AssignedKey => 0,
            Pattern::Url | Pattern::Basic => 1,
            _ => 2,
        }
    }
}

/// What was found, each value once.
#[derive(Default)]
pub(super) struct Matches(Vec<Match>);

impl Matches {
    fn add(&mut self, new: Match) {
        let mut clash = self
            .0
            .iter_mut()
            .filter(|old| old.value.start < new.value.end && new.value.start < old.value.end);
        match clash.next() {
            Some(old) if old.rank() < new.rank() => *old = new,
            Some(_) => {}
            None => self.0.push(new),
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() > MAX_FILE_HITS
    }

    pub(super) fn into_hits(mut self) -> impl Iterator<Item = Hit> {
        self.0.sort_by_key(|found| found.value.start);
        self.0.into_iter().map(|found| Hit {
            rule: found.rule.id.to_owned(),
            line: found.line,
            masked: found.masked,
        })
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter().map(|found| &found.value)
    }
}

/// What was there before the window.
#[derive(Clone, Copy, Default)]
struct Before {
    bytes: u64,
    lines: u32,
}

/// Reads a text. Stops when more is found than is told.
pub(super) fn stream(
    contents: &mut dyn Read,
    size: u64,
    place: &Place<'_>,
    matches: &mut Matches,
) -> io::Result<()> {
    let room = usize::try_from(size)
        .unwrap_or(WINDOW)
        .saturating_add(1)
        .clamp(64, WINDOW);
    let mut window = vec![0; room];
    let mut filled = 0;
    let mut scanned = 0;
    let mut before = Before::default();
    loop {
        let mut end = false;
        while let Some(rest) = window.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match contents.read(rest) {
                Ok(0) => {
                    end = true;
                    break;
                }
                Ok(count) => filled += count.min(rest.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if !end && window.len() < WINDOW {
            // It is longer than was said.
            window.resize(WINDOW, 0);
            continue;
        }
        let text = window.get(..filled).unwrap_or_default();
        let limit = if end {
            filled
        } else {
            filled.saturating_sub(AHEAD)
        };
        slice(text, scanned..limit, place, before, matches);
        if end || matches.is_full() {
            return Ok(());
        }
        let drop = limit.saturating_sub(BEHIND);
        let gone = text.get(..drop).unwrap_or_default();
        before.bytes += drop as u64;
        before.lines = before.lines.saturating_add(lines(gone));
        window.copy_within(drop..filled, 0);
        filled -= drop;
        scanned = limit - drop;
    }
}

fn lines(text: &[u8]) -> u32 {
    let count: usize = text
        .chunks(128)
        .map(|chunk| {
            usize::from(
                chunk
                    .iter()
                    .map(|byte| u8::from(*byte == b'\n'))
                    .sum::<u8>(),
            )
        })
        .sum();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Looks at a text that is there as a whole.
pub(super) fn text(text: &[u8], place: &Place<'_>, matches: &mut Matches) {
    slice(text, 0..text.len(), place, Before::default(), matches);
}

fn slice(
    text: &[u8],
    range: Range<usize>,
    place: &Place<'_>,
    before: Before,
    matches: &mut Matches,
) {
    let filter = &*prefilter::ALL;
    let mut at = range.start;
    while let Some(found) = filter.next(text, at, range.end) {
        at = found.0 + 1;
        for keyword in filter.keywords(text, found) {
            for rule in &keyword.rules {
                if place.vendor && rule.reach == Reach::OwnFiles {
                    continue;
                }
                let Some((rule, value, masked)) = apply(rule, text, found.0, keyword, place) else {
                    continue;
                };
                let line = before
                    .lines
                    .saturating_add(lines(text.get(..value.start).unwrap_or_default()))
                    .saturating_add(1);
                matches.add(Match {
                    rule,
                    value: before.bytes + value.start as u64..before.bytes + value.end as u64,
                    line,
                    masked,
                });
            }
        }
        if matches.is_full() {
            return;
        }
    }
}

type Applied = (&'static Rule, Range<usize>, String);

/// Applies one rule at one place.
fn apply(
    rule: &'static Rule,
    text: &[u8],
    at: usize,
    keyword: &Keyword,
    place: &Place<'_>,
) -> Option<Applied> {
    match rule.pattern {
        Pattern::Token { before, parts } => {
            let found = shape::find(text, at, before, parts)?;
            let secret = text.get(found.secret..found.all.end)?;
            let candidate = Candidate {
                text,
                start: found.all.start,
                end: found.all.end,
                secret,
                key: place.key,
            };
            if noise::entropy(secret) < rule.entropy
                || noise::is_example(secret)
                || !check::passes(rule.check, &candidate)
            {
                return None;
            }
            let given = text.get(found.all.start..found.secret)?;
            Some((rule, found.all, mask::token(given, secret)))
        }
        Pattern::Assigned | Pattern::AssignedKey => {
            let found = assign::find(text, at, keyword.text.len(), place.style)?;
            let (name, value) = (
                text.get(found.name.clone())?,
                text.get(found.value.clone())?,
            );
            let rule = assign::judge(name, value, found.quoted, place.style, place.key)?;
            let named = matches!(rule.pattern, Pattern::Named(..));
            if place.vendor && !named {
                return None;
            }
            Some((rule, found.value, mask::assigned(name)))
        }
        Pattern::Url => {
            if place.vendor {
                return None;
            }
            let strict = matches!(place.style, Style::Code | Style::Prose);
            let found = url::find(text, at, strict)?;
            let host = text.get(found.host)?;
            Some((rule, found.password, mask::url(keyword.text, host)))
        }
        Pattern::Basic => {
            if place.vendor {
                return None;
            }
            let value = if keyword.text.ends_with(b" ") {
                let start = at + keyword.text.len();
                let length = text
                    .get(start..)?
                    .iter()
                    .take(MAX_BASIC)
                    .take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte))
                    .count();
                start..start + length
            } else {
                let found = assign::find(text, at, keyword.text.len(), place.style)?;
                let name = text.get(found.name.clone())?;
                if !(name.eq_ignore_ascii_case(b"auth")
                    || name.eq_ignore_ascii_case(b"_auth")
                    || name.ends_with(b":_auth"))
                {
                    return None;
                }
                found.value
            };
            let encoded = text.get(value.clone())?;
            let written = encoded
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte));
            (encoded.len() >= 8 && written && check::is_basic(encoded))
                .then(|| (rule, value, mask::token(b"", b"")))
        }
        Pattern::PrivateKey => {
            // In the source of a published package it is a sample: whoever has the package has it.
            if place.vendor && !place.style.takes_bare() {
                return None;
            }
            let key = pem::find(text, at)?;
            let rule = match (key.locked, key.service_account) {
                (true, _) => with(|pattern| matches!(pattern, Pattern::LockedKey)),
                (false, true) => with(|pattern| matches!(pattern, Pattern::ServiceAccount)),
                (false, false) => Some(rule),
            }?;
            Some((rule, key.all, mask::key(&key.label)))
        }
        Pattern::Named(..) | Pattern::LockedKey | Pattern::ServiceAccount | Pattern::Pgpass => None,
    }
}

/// The first rule with such a pattern.
pub(super) fn with(is: impl Fn(&Pattern) -> bool) -> Option<&'static Rule> {
    super::rules::all().find(|rule| is(&rule.pattern))
}

//! Patterns as GitLab matches CODEOWNERS: Ruby's `File.fnmatch` with paths and dot files.
//!
//! `*` and `?` stop at `/`, `**/` takes any number of folders, `[a-c]` and `[!a]` one letter, `\` takes the
//! next letter as it is. There are no braces. `**` that is not a whole folder is `*`: `/docs/**` takes what
//! lies in `docs` itself and nothing deeper.
//!
//! Of the stars only the last one is gone back to, within a folder and between folders, so the work is at
//! most the length of the pattern times the length of the path; a [`Budget`] bounds it over all patterns.

/// Steps that may still be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(pub(super) u64);

/// The work allowed is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

impl Budget {
    fn take(&mut self, steps: usize) -> Result<(), Exhausted> {
        let steps = u64::try_from(steps).map_err(|_| Exhausted)?;
        self.0 = self.0.checked_sub(steps).ok_or(Exhausted)?;
        Ok(())
    }
}

/// True when the pattern takes the whole path. Both begin with `/` or both don't.
pub(super) fn takes(pattern: &str, path: &str, budget: &mut Budget) -> Result<bool, Exhausted> {
    budget.take(pattern.len() + path.len())?;
    let folders: Vec<&str> = pattern.split('/').collect();
    let names: Vec<&str> = path.split('/').collect();
    let (mut folder, mut name) = (0, 0);
    // Where to go on when what follows the last `**/` does not fit: behind it, and one name later.
    let mut back: Option<(usize, usize)> = None;
    loop {
        budget.take(1)?;
        let is_last = folder + 1 == folders.len();
        match (folders.get(folder), names.get(name)) {
            (None, None) => return Ok(true),
            (Some(&"**"), Some(_)) if !is_last => {
                folder += 1;
                back = Some((folder, name));
                continue;
            }
            (Some(part), Some(text)) if segment(part, text, budget)? => {
                folder += 1;
                name += 1;
                continue;
            }
            _ => {}
        }
        match back {
            Some((behind, from)) if from < names.len() => {
                back = Some((behind, from + 1));
                (folder, name) = (behind, from + 1);
            }
            _ => return Ok(false),
        }
    }
}

/// One folder or file name.
fn segment(pattern: &str, text: &str, budget: &mut Budget) -> Result<bool, Exhausted> {
    budget.take(pattern.len() + text.len())?;
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut on) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        budget.take(1)?;
        match (pattern.get(at), text.get(on)) {
            (None, None) => return Ok(true),
            (Some('*'), _) => {
                at += 1;
                back = Some((at, on));
                continue;
            }
            (Some(_), Some(letter)) => {
                if let Some(length) = one(&pattern, at, *letter, budget)? {
                    at += length;
                    on += 1;
                    continue;
                }
            }
            _ => {}
        }
        match back {
            Some((behind, from)) if from < text.len() => {
                back = Some((behind, from + 1));
                (at, on) = (behind, from + 1);
            }
            _ => return Ok(false),
        }
    }
}

/// How many letters of the pattern take this one letter; `None` when they don't.
fn one(
    pattern: &[char],
    at: usize,
    letter: char,
    budget: &mut Budget,
) -> Result<Option<usize>, Exhausted> {
    match pattern.get(at) {
        Some('?') => Ok(Some(1)),
        Some('[') => set(pattern, at, letter, budget),
        Some('\\') => Ok(match pattern.get(at + 1) {
            Some(escaped) => (*escaped == letter).then_some(2),
            None => (letter == '\\').then_some(1),
        }),
        Some(plain) => Ok((*plain == letter).then_some(1)),
        None => Ok(None),
    }
}

/// `[a-c]`, `[!a]`, `[^a]`. One that is not closed takes nothing.
fn set(
    pattern: &[char],
    at: usize,
    letter: char,
    budget: &mut Budget,
) -> Result<Option<usize>, Exhausted> {
    let mut next = at + 1;
    let is_not = matches!(pattern.get(next), Some('!' | '^'));
    if is_not {
        next += 1;
    }
    let mut is_in = false;
    let mut is_first = true;
    let plain = |next: usize| match pattern.get(next) {
        Some('\\') => pattern.get(next + 1).map(|letter| (*letter, next + 2)),
        Some(letter) => Some((*letter, next + 1)),
        None => None,
    };
    loop {
        budget.take(1)?;
        if pattern.get(next) == Some(&']') && !is_first {
            return Ok((is_in != is_not).then_some(next + 1 - at));
        }
        is_first = false;
        let Some((low, behind)) = plain(next) else {
            return Ok(None);
        };
        next = behind;
        let mut high = low;
        if pattern.get(next) == Some(&'-')
            && pattern.get(next + 1).is_some_and(|end| *end != ']')
            && let Some((end, behind)) = plain(next + 1)
        {
            (high, next) = (end, behind);
        }
        is_in |= (low..=high).contains(&letter);
    }
}

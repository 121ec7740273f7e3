//! Licences as packages state them, brought to SPDX expressions where that can be told.
//!
//! The list of ids and the grammar are the `spdx` crate's; what people write instead of them is here. Nothing
//! is guessed: "BSD" or "GPL" without a version name several licences and stay as stated, and so does a text
//! of which one word is not known. What is changed is a valid expression.

use std::collections::HashMap;
use std::sync::LazyLock;

use spdx::identifiers::{EXCEPTIONS, LICENSES};

use super::lines;

/// Bytes of a statement that may be an expression. Longer ones are the text of a licence.
const MAX_STATEMENT: usize = 400;

/// The SPDX expression for a stated licence; the statement itself, trimmed and cut, where there is none.
/// Empty for an empty statement.
pub fn normalise(stated: &str) -> String {
    let stated = lines::text(stated.as_bytes());
    if stated.len() > MAX_STATEMENT {
        return stated;
    }
    if let Some(rest) = stated.strip_prefix("License ::") {
        return classifier(rest);
    }
    match stated.as_str() {
        "NOASSERTION" | "NONE" => String::new(),
        _ => term(&stated)
            .or_else(|| expression(&stated))
            .filter(|made| spdx::Expression::parse(made).is_ok())
            .unwrap_or(stated),
    }
}

/// A classifier of the Python index after its `License ::`. The last part names the licence.
fn classifier(rest: &str) -> String {
    match rest.rsplit("::").next().unwrap_or_default().trim() {
        "OSI Approved" => String::new(),
        last => normalise(last),
    }
}

/// One licence: by its id, or in one of the forms that people use.
fn term(text: &str) -> Option<String> {
    by_id(text).or_else(|| by_form(text)).or_else(|| {
        // `Mozilla Public License 2.0 (MPL 2.0)`: the abbreviation says nothing new.
        let (before, inside) = text.strip_suffix(')')?.rsplit_once('(')?;
        let is_abbreviation = inside.len() < 16
            && inside.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && inside.chars().all(|letter| {
                letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '.' | '-' | '+')
            });
        let before = Some(before.trim()).filter(|before| is_abbreviation && !before.is_empty())?;
        by_id(before).or_else(|| by_form(before))
    })
}

/// By its id in any case. Deprecated ids become what replaced them.
fn by_id(text: &str) -> Option<String> {
    if text.starts_with("LicenseRef-") || text.starts_with("DocumentRef-") {
        return (!text.contains([' ', '(', ')', '/'])).then(|| text.to_owned());
    }
    let (bare, plus) = match text.strip_suffix('+') {
        Some(bare) => (bare, "+"),
        None => (text, ""),
    };
    let known = LICENSES
        .iter()
        .find(|one| one.name.eq_ignore_ascii_case(text))
        .map(|one| (one, ""))
        .or_else(|| {
            let one = LICENSES
                .iter()
                .find(|one| one.name.eq_ignore_ascii_case(bare))?;
            Some((one, plus))
        });
    let (known, plus) = known?;
    if let Some((_, new)) = REPLACED
        .iter()
        .find(|(old, _)| old.eq_ignore_ascii_case(text))
    {
        return Some((*new).to_owned());
    }
    let deprecated = known.flags & spdx::flags::IS_DEPRECATED != 0;
    if known.flags & spdx::flags::IS_GNU != 0 && (deprecated || !plus.is_empty()) {
        return gnu(&squash(text));
    }
    Some(format!("{}{plus}", known.name))
}

/// By its full name, or by a form that is in use.
fn by_form(text: &str) -> Option<String> {
    static FORMS: LazyLock<HashMap<String, Option<&'static str>>> = LazyLock::new(|| {
        let mut forms: HashMap<String, Option<&'static str>> = HashMap::new();
        let current = LICENSES
            .iter()
            .filter(|one| one.flags & spdx::flags::IS_DEPRECATED == 0);
        for one in current {
            for form in [squash(one.name), squash(one.full_name)] {
                let entry = forms.entry(form).or_insert(Some(one.name));
                // Two licences that differ in words without weight only: neither is meant for sure.
                if *entry != Some(one.name) {
                    *entry = None;
                }
            }
        }
        for (form, id) in IN_USE {
            forms.insert((*form).to_owned(), Some(id));
        }
        forms
    });
    // Brackets around nothing known, or around half of it, carry weight.
    if text.trim_start().starts_with('(') || text.matches('(').count() != text.matches(')').count()
    {
        return None;
    }
    let squashed = squash(text);
    if let Some(gnu) = gnu(&squashed) {
        return Some(gnu);
    }
    match squashed.strip_suffix('+') {
        None => (*FORMS.get(&squashed)?).map(str::to_owned),
        Some(bare) => (*FORMS.get(bare)?).map(|id| format!("{id}+")),
    }
}

/// The words that carry weight: lower case, `v2.0` as `2`, none twice in a row.
fn squash(text: &str) -> String {
    let mut squashed = String::with_capacity(text.len());
    let mut last = String::new();
    let words = text
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '+' || letter == '.'))
        .map(|word| word.trim_matches('.').to_ascii_lowercase());
    for mut word in words {
        if matches!(
            word.as_str(),
            "" | "the" | "license" | "licence" | "licenses" | "software" | "version" | "v"
        ) {
            continue;
        }
        if let Some(number) = word.strip_prefix('v')
            && number.starts_with(|letter: char| letter.is_ascii_digit())
        {
            word = number.to_owned();
        }
        let plus = word.ends_with('+');
        let bare = word.trim_end_matches('+');
        if let Some(short) = bare.strip_suffix(".0")
            && short.ends_with(|letter: char| letter.is_ascii_digit())
        {
            word = format!("{short}{}", if plus { "+" } else { "" });
        }
        if word == last {
            continue;
        }
        if !squashed.is_empty() {
            squashed.push(' ');
        }
        squashed.push_str(&word);
        last = word;
    }
    squashed
}

/// A licence of the GNU project in any of its spellings: `gplv2+`, `gnu lesser general public 2.1 or later`.
fn gnu(squashed: &str) -> Option<String> {
    const NAMES: &[(&[&str], &str)] = &[
        (&["affero", "general", "public"], "AGPL"),
        (&["lesser", "general", "public"], "LGPL"),
        (&["library", "general", "public"], "LGPL"),
        (&["library", "or", "lesser", "general", "public"], "LGPL"),
        (&["general", "public"], "GPL"),
        (&["free", "documentation"], "GFDL"),
    ];
    const SHORT: &[(&str, &str)] = &[
        ("agpl", "AGPL"),
        ("lgpl", "LGPL"),
        ("gpl", "GPL"),
        ("gfdl", "GFDL"),
    ];
    let words: Vec<&str> = squashed.split(' ').filter(|word| *word != "gnu").collect();
    let named = NAMES
        .iter()
        .find_map(|(name, family)| Some((*family, "", words.strip_prefix(*name)?)));
    let (family, glued, mut rest) = match named {
        Some(named) => named,
        None => {
            let (first, rest) = words.split_first()?;
            SHORT.iter().find_map(|(short, family)| {
                let glued = first.strip_prefix(short)?;
                Some((*family, glued.strip_prefix('v').unwrap_or(glued), rest))
            })?
        }
    };
    let short = family.to_ascii_lowercase();
    // `v3 (GPLv3)` and `(GPL) v3` say it twice.
    if glued.is_empty()
        && let Some((first, after)) = rest.split_first()
        && *first == short
    {
        rest = after;
    }
    let version = if glued.is_empty() {
        let (version, after) = rest.split_first()?;
        rest = after;
        *version
    } else {
        glued
    };
    let (bare, plus) = match version.strip_suffix('+') {
        Some(bare) => (bare, true),
        None => (version, false),
    };
    let version = match (family, bare.strip_suffix(".0").unwrap_or(bare)) {
        // Any version ever published.
        ("GPL", "") if plus => "1.0",
        ("LGPL", "") if plus => "2.0",
        ("GPL" | "AGPL", "1") => "1.0",
        ("GPL" | "LGPL", "2") => "2.0",
        ("LGPL", "2.1") => "2.1",
        ("GPL" | "LGPL" | "AGPL", "3") => "3.0",
        ("GFDL", "1.1") => "1.1",
        ("GFDL", "1.2") => "1.2",
        ("GFDL", "1.3") => "1.3",
        _ => return None,
    };
    let rest: Vec<&str> = rest
        .iter()
        .copied()
        .filter(|word| !word.starts_with(&short))
        .collect();
    let later = match rest.as_slice() {
        [] => plus,
        ["only"] if !plus => false,
        ["or", "later" | "newer" | "greater"] | ["or", "any", "later"] | ["and", "later"] => true,
        _ => return None,
    };
    let which = if later { "or-later" } else { "only" };
    Some(format!("{family}-{version}-{which}"))
}

/// Terms joined by words or slashes. `None` when one of them is not known.
fn expression(text: &str) -> Option<String> {
    let spaced = text
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " / ");
    let mut words = spaced.split_ascii_whitespace().peekable();
    let mut made = String::new();
    let mut operand = String::new();
    let mut is_addition = false;
    while let Some(word) = words.next() {
        let operator = match word {
            "(" => "(",
            ")" => ")",
            "/" => "OR",
            _ if word.eq_ignore_ascii_case("and") => "AND",
            _ if word.eq_ignore_ascii_case("with") => "WITH",
            _ if word.eq_ignore_ascii_case("or") => {
                if words.peek().is_some_and(|next| {
                    next.eq_ignore_ascii_case("later") || next.eq_ignore_ascii_case("newer")
                }) {
                    ""
                } else {
                    "OR"
                }
            }
            _ => "",
        };
        if operator.is_empty() {
            if !operand.is_empty() {
                operand.push(' ');
            }
            operand.push_str(word);
            continue;
        }
        finish(&mut operand, &mut made, is_addition)?;
        is_addition = operator == "WITH";
        append(&mut made, operator);
    }
    finish(&mut operand, &mut made, is_addition)?;
    Some(without_outer_brackets(&made).to_owned())
}

/// Appends the operand that was gathered, if any.
fn finish(operand: &mut String, made: &mut String, is_addition: bool) -> Option<()> {
    if !operand.is_empty() {
        let term = if is_addition {
            addition(operand)?
        } else {
            term(operand)?
        };
        append(made, &term);
        operand.clear();
    }
    Some(())
}

fn append(made: &mut String, part: &str) {
    if !made.is_empty() && !made.ends_with('(') && part != ")" {
        made.push(' ');
    }
    made.push_str(part);
}

/// An exception to a licence.
fn addition(text: &str) -> Option<String> {
    let id = match text.to_ascii_lowercase().as_str() {
        "classpath exception" | "classpath-exception" => "Classpath-exception-2.0",
        "llvm exception" | "llvm exceptions" => "LLVM-exception",
        _ => {
            EXCEPTIONS
                .iter()
                .find(|one| one.name.eq_ignore_ascii_case(text))?
                .name
        }
    };
    Some(id.to_owned())
}

fn without_outer_brackets(text: &str) -> &str {
    let Some(inner) = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
    else {
        return text;
    };
    let mut depth = 0_i32;
    for letter in inner.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return text;
        }
    }
    without_outer_brackets(inner)
}

/// Deprecated ids that are not of the plain GNU kind.
const REPLACED: &[(&str, &str)] = &[
    (
        "GPL-2.0-with-autoconf-exception",
        "GPL-2.0-only WITH Autoconf-exception-2.0",
    ),
    (
        "GPL-2.0-with-bison-exception",
        "GPL-2.0-only WITH Bison-exception-2.2",
    ),
    (
        "GPL-2.0-with-classpath-exception",
        "GPL-2.0-only WITH Classpath-exception-2.0",
    ),
    (
        "GPL-2.0-with-font-exception",
        "GPL-2.0-only WITH Font-exception-2.0",
    ),
    (
        "GPL-2.0-with-GCC-exception",
        "GPL-2.0-only WITH GCC-exception-2.0",
    ),
    (
        "GPL-3.0-with-autoconf-exception",
        "GPL-3.0-only WITH Autoconf-exception-3.0",
    ),
    (
        "GPL-3.0-with-GCC-exception",
        "GPL-3.0-only WITH GCC-exception-3.1",
    ),
    ("StandardML-NJ", "SMLNJ"),
    ("bzip2-1.0.5", "bzip2-1.0.6"),
    ("eCos-2.0", "GPL-2.0-or-later WITH eCos-exception-2.0"),
    (
        "wxWindows",
        "LGPL-2.0-or-later WITH WxWindows-exception-3.1",
    ),
];

/// Forms that are in use, squashed: of Debian, of Fedora before it went over to SPDX, of the Python index,
/// and of people.
const IN_USE: &[(&str, &str)] = &[
    ("apache", "Apache-2.0"),
    ("apache2", "Apache-2.0"),
    ("apachev2", "Apache-2.0"),
    ("apache 2", "Apache-2.0"),
    ("apache asl 2", "Apache-2.0"),
    ("asl 1.1", "Apache-1.1"),
    ("asl 2", "Apache-2.0"),
    ("asl2", "Apache-2.0"),
    ("artistic", "Artistic-1.0-Perl"),
    ("bsd 2", "BSD-2-Clause"),
    ("bsd2", "BSD-2-Clause"),
    ("2 clause bsd", "BSD-2-Clause"),
    ("bsd 2clause", "BSD-2-Clause"),
    ("simplified bsd", "BSD-2-Clause"),
    ("bsd 3", "BSD-3-Clause"),
    ("bsd3", "BSD-3-Clause"),
    ("3 clause bsd", "BSD-3-Clause"),
    ("bsd 3clause", "BSD-3-Clause"),
    ("modified bsd", "BSD-3-Clause"),
    ("new bsd", "BSD-3-Clause"),
    ("revised bsd", "BSD-3-Clause"),
    ("bsd with advertising", "BSD-4-Clause"),
    ("original bsd", "BSD-4-Clause"),
    ("boost", "BSL-1.0"),
    ("cc0", "CC0-1.0"),
    ("cc0 1 universal", "CC0-1.0"),
    ("expat", "MIT"),
    ("mit expat", "MIT"),
    ("mit x11", "MIT"),
    ("x11 mit", "MIT"),
    ("isc iscl", "ISC"),
    ("mplv1.1", "MPL-1.1"),
    ("mplv2", "MPL-2.0"),
    ("mpl2", "MPL-2.0"),
    ("psf", "PSF-2.0"),
    ("psf 2", "PSF-2.0"),
    ("psfl", "PSF-2.0"),
    ("python foundation", "PSF-2.0"),
    ("unlicense", "Unlicense"),
    ("zlib", "Zlib"),
    ("zlib libpng", "Zlib"),
];

#[cfg(test)]
#[path = "licence_tests.rs"]
mod tests;

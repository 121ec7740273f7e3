//! Alpine's order (`apk-package(5)`): `1.2.3a_rc1~hash-r4`, read as tokens and compared token by token; where
//! two versions differ in the kind of the next token, the kinds have an order too, in which a pre-release
//! suffix stands below the end.
//!
//! `apk` 2 and 3 agree on everything that 3 takes as a version, but for a number after a dot that begins with
//! zeros (`1.00`): there it is 3's rule, Gentoo's, which compares such numbers as text. What only 2 takes
//! (`6.6.2p1`, `-r` without a number) is a version here too, and sorts as in 2. The rest of a string that
//! neither takes stands below the end, so `1.2_blah` comes before `1.2`, as in 3. Own code: there is no crate.

use std::cmp::Ordering;

use super::text::{numbers, run, skip_one, skip_word};

/// A token. The sequence of the kinds is their order at one place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// `_alpha`, `_beta`, `_pre`, `_rc`.
    PreSuffix,
    /// Something that is in no version. Nothing is read after it.
    Invalid,
    /// A number without digits, as between two dots.
    NoNumber,
    End,
    /// `-r4`
    Revision,
    /// `~` and a commit.
    Hash,
    /// The number of a suffix.
    SuffixNumber,
    /// `_cvs`, `_svn`, `_git`, `_hg`, `_p`.
    PostSuffix,
    Letter,
    Number,
    /// The number that a version begins with.
    First,
}

struct Token<'v> {
    kind: Kind,
    /// Digits, a letter or a hash.
    text: &'v [u8],
    /// Which suffix, in their order.
    suffix: usize,
}

impl<'v> Token<'v> {
    fn new(kind: Kind, text: &'v [u8]) -> Self {
        Self {
            kind,
            text,
            suffix: 0,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.kind.cmp(&other.kind).then_with(|| match self.kind {
            Kind::First | Kind::SuffixNumber | Kind::Revision => numbers(self.text, other.text),
            Kind::Number => {
                if self.text.starts_with(b"0") || other.text.starts_with(b"0") {
                    self.text.cmp(other.text)
                } else {
                    numbers(self.text, other.text)
                }
            }
            Kind::Letter | Kind::Hash => self.text.cmp(other.text),
            Kind::PreSuffix | Kind::PostSuffix => self.suffix.cmp(&other.suffix),
            Kind::Invalid | Kind::NoNumber | Kind::End => Ordering::Equal,
        })
    }
}

const PRE_SUFFIXES: &[&[u8]] = &[b"alpha", b"beta", b"pre", b"rc"];
const POST_SUFFIXES: &[&[u8]] = &[b"cvs", b"svn", b"git", b"hg", b"p"];

/// Reads tokens. `after` is what the last one was, which decides what may follow.
struct Tokens<'v> {
    rest: &'v [u8],
    after: Option<Kind>,
}

impl<'v> Tokens<'v> {
    fn of(version: &'v str) -> Self {
        Self {
            rest: version.as_bytes(),
            after: None,
        }
    }

    fn next(&mut self) -> Token<'v> {
        let token = self.read();
        self.after = Some(match token.kind {
            Kind::First | Kind::NoNumber => Kind::Number,
            Kind::PreSuffix => Kind::PostSuffix,
            kind => kind,
        });
        token
    }

    fn number(&mut self, kind: Kind) -> Token<'v> {
        let digits = run(&mut self.rest, u8::is_ascii_digit);
        let kind = if digits.is_empty() {
            Kind::NoNumber
        } else {
            kind
        };
        Token::new(kind, digits)
    }

    fn read(&mut self) -> Token<'v> {
        let invalid = Token::new(Kind::Invalid, b"");
        let Some(after) = self.after else {
            return self.number(Kind::First);
        };
        let Some(first) = self.rest.first() else {
            return Token::new(Kind::End, b"");
        };
        // From number to revision, the kinds that may follow stand ever lower.
        match first {
            b'.' if after == Kind::Number => {
                skip_one(&mut self.rest, |_| true);
                self.number(Kind::Number)
            }
            b'0'..=b'9' if after == Kind::Letter => self.number(Kind::Number),
            b'0'..=b'9' if after == Kind::PostSuffix => self.number(Kind::SuffixNumber),
            b'a'..=b'z' if after == Kind::Number => {
                let (letter, rest) = self.rest.split_at(1);
                self.rest = rest;
                Token::new(Kind::Letter, letter)
            }
            b'_' if after >= Kind::SuffixNumber => {
                skip_one(&mut self.rest, |_| true);
                let name = run(&mut self.rest, u8::is_ascii_lowercase);
                let place = |list: &[&[u8]]| list.iter().position(|one| *one == name);
                let (kind, suffix) = match (place(PRE_SUFFIXES), place(POST_SUFFIXES)) {
                    (Some(suffix), _) => (Kind::PreSuffix, suffix),
                    (_, Some(suffix)) => (Kind::PostSuffix, suffix),
                    (None, None) => return invalid,
                };
                Token {
                    kind,
                    text: b"",
                    suffix,
                }
            }
            b'~' if after > Kind::Hash => {
                skip_one(&mut self.rest, |_| true);
                match run(&mut self.rest, u8::is_ascii_hexdigit) {
                    b"" => invalid,
                    hash => Token::new(Kind::Hash, hash),
                }
            }
            b'-' if after > Kind::Revision && skip_word(&mut self.rest, b"-r") => {
                let digits = run(&mut self.rest, u8::is_ascii_digit);
                match self.rest.first() {
                    Some(sign) if digits.is_empty() && *sign != b'-' => invalid,
                    _ => Token::new(Kind::Revision, digits),
                }
            }
            _ => invalid,
        }
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (Tokens::of(a.trim()), Tokens::of(b.trim()));
    loop {
        let (a, b) = (a.next(), b.next());
        let order = a.compare(&b);
        if order.is_ne() || matches!(a.kind, Kind::End | Kind::Invalid) {
            return order;
        }
    }
}

/// What `apk` 2 or 3 takes.
pub(super) fn is_version(version: &str) -> bool {
    let mut tokens = Tokens::of(version.trim());
    loop {
        match tokens.next().kind {
            Kind::End => return true,
            Kind::Invalid | Kind::NoNumber => return false,
            _ => {}
        }
    }
}

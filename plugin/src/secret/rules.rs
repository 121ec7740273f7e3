//! What secrets look like, as data: the engine knows nothing of any vendor, the tables below nothing of the
//! engine. Written from the formats that the vendors publish.
//!
//! To add a secret: a line in a table, a line that must fire and one that must not in `corpus_tests.rs`, and
//! [`super::VERSION`] goes up.

mod cloud;
mod files;
mod forges;
mod services;

pub use crate::contract::Severity;

/// Which characters a part of a token consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `0-9`
    Digit,
    /// `0-9a-f`
    Hex,
    /// `0-9A-F` and lower case
    AnyHex,
    /// `A-Z0-9`
    Upper,
    /// `a-z0-9`
    Lower,
    /// `A-Z2-7`
    Base32,
    /// `A-Za-z0-9`
    Alnum,
    /// and `_`
    Word,
    /// and `_-`
    Url,
    /// and `_-.`
    Dotted,
    /// and `_-.~`
    Tilde,
    /// Letters, digits and `+/`
    Base64,
    /// and `=`
    Padded,
    /// Base64 as part of a URL: `%` for what is encoded
    Percent,
    /// Letters, digits and `./`, as crypt(3) writes hashes
    Crypt,
}

impl Class {
    /// True when the byte is one of it.
    pub fn has(self, byte: u8) -> bool {
        match self {
            Self::Digit => byte.is_ascii_digit(),
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::AnyHex => byte.is_ascii_hexdigit(),
            Self::Upper => matches!(byte, b'0'..=b'9' | b'A'..=b'Z'),
            Self::Lower => matches!(byte, b'0'..=b'9' | b'a'..=b'z'),
            Self::Base32 => matches!(byte, b'2'..=b'7' | b'A'..=b'Z'),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Tilde => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~')
            }
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
            Self::Padded => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Crypt => byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'),
            Self::Percent => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'%')
            }
        }
    }
}

/// A part of a token.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// This text.
    Lit(&'static str),
    /// This text in any case.
    Any(&'static str),
    /// So many characters of a class.
    Run(Class, u16, u16),
}

/// How a secret is found from its keyword.
#[derive(Clone, Copy, Debug)]
pub enum Pattern {
    /// The keyword begins it (or stands after so many characters of a class), the parts follow one after the
    /// other, and no letter or digit stands before or behind.
    Token {
        /// What stands before the keyword.
        before: Option<(Class, u16, u16)>,
        /// What it consists of, the keyword first.
        parts: &'static [Part],
    },
    /// The value given to a name that has one of these in it (lower case, without `_`, `-`, `.`). Looked at
    /// wherever [`Pattern::Assigned`] finds a value.
    Named(&'static [&'static str], &'static [Part]),
    /// The value given to a name that ends like a password's.
    Assigned,
    /// The value given to a name that ends like a key's or token's.
    AssignedKey,
    /// A URL with user and password, the scheme being the keyword.
    Url,
    /// A PEM block.
    PrivateKey,
    /// A PEM block whose key has a password.
    LockedKey,
    /// A PEM block in the key file of a Google service account.
    ServiceAccount,
    /// The base64 form of user and password after a name or a header.
    Basic,
    /// A line of a file that consists of them.
    Pgpass,
}

/// What else has to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing.
    None,
    /// The last six of 36 characters are the CRC-32 of the others in base 62.
    Crc32,
    /// As [`Check::Crc32`], for a token of that length only.
    Crc32IfShort,
    /// Three parts, of which the first is the header of a signed token.
    Jwt,
    /// A shared access signature has its version and end beside it.
    Sas,
    /// The base64 form of a PEM block, a private key's.
    EncodedPem,
    /// Letters and digits both.
    Mixed,
    /// Only in a file whose name has this in it.
    InFile(&'static str),
    /// `sk-` stands before.
    AfterSk,
}

/// In which files a rule is sure enough to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All that are read.
    Everywhere,
    /// Not those of packages that others published.
    OwnFiles,
}

/// A kind of secret.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable name.
    pub id: &'static str,
    /// What it is ("GitLab personal access token").
    pub title: &'static str,
    /// Who made it.
    pub provider: &'static str,
    /// What it opens, as the end of "It gives access to …".
    pub opens: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where to look for it. Empty: the first text of its parts.
    pub keywords: &'static [&'static str],
    /// How.
    pub pattern: Pattern,
    /// Shannon's entropy in hundredths of bits a character that its value has at least.
    pub entropy: u16,
    /// In which files.
    pub reach: Reach,
    /// What else has to be right.
    pub check: Check,
}

impl Rule {
    const fn new(
        id: &'static str,
        title: &'static str,
        (provider, opens): (&'static str, &'static str),
        severity: Severity,
        pattern: Pattern,
    ) -> Self {
        Self {
            id,
            title,
            provider,
            opens,
            severity,
            keywords: &[],
            pattern,
            entropy: 300,
            reach: Reach::Everywhere,
            check: Check::None,
        }
    }

    const fn token(
        id: &'static str,
        title: &'static str,
        vendor: (&'static str, &'static str),
        severity: Severity,
        parts: &'static [Part],
    ) -> Self {
        Self::new(
            id,
            title,
            vendor,
            severity,
            Pattern::Token {
                before: None,
                parts,
            },
        )
    }

    const fn named(
        id: &'static str,
        title: &'static str,
        vendor: (&'static str, &'static str),
        severity: Severity,
        names: &'static [&'static str],
        value: &'static [Part],
    ) -> Self {
        Self::new(id, title, vendor, severity, Pattern::Named(names, value))
    }

    const fn after(mut self, class: Class, least: u16, most: u16) -> Self {
        if let Pattern::Token { parts, .. } = self.pattern {
            self.pattern = Pattern::Token {
                before: Some((class, least, most)),
                parts,
            };
        }
        self
    }

    const fn keys(mut self, keywords: &'static [&'static str]) -> Self {
        self.keywords = keywords;
        self
    }

    const fn entropy(mut self, hundredths: u16) -> Self {
        self.entropy = hundredths;
        self
    }

    const fn own_files(mut self) -> Self {
        self.reach = Reach::OwnFiles;
        self
    }

    const fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// Where to look for it.
    pub fn looked_for(&self) -> impl Iterator<Item = &'static str> {
        let first = match self.pattern {
            Pattern::Token { parts, .. } if self.keywords.is_empty() => match parts.first() {
                Some(Part::Lit(text) | Part::Any(text)) => Some(*text),
                _ => None,
            },
            _ => None,
        };
        self.keywords.iter().copied().chain(first)
    }
}

/// All rules. The surer one comes first.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    forges::RULES
        .iter()
        .chain(cloud::RULES)
        .chain(services::RULES)
        .chain(files::RULES)
}

/// The rule of that id.
pub fn by_id(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

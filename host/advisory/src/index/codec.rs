//! How heads and affected packages lie in the database: lengths and texts one after the other, without
//! field names. Reading is checked at every step; the first byte of a block says how it is packed.
//!
//! A change here needs a new [`super::schema::CONTENT`].

use std::io::Read;

use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};

use crate::LookupError;
use crate::osv::{Affected, Event, Head, Import, Range, Reference, SeverityScore};

type Result<T> = std::result::Result<T, LookupError>;

/// Blocks from this size on are compressed when they are rarely read.
const COMPRESS_BYTES: usize = 256;
/// Blocks that matching reads are compressed only when they are long lists of versions.
const COMPRESS_HOT_BYTES: usize = 2048;
/// No block that this program writes is larger when unpacked.
const MAX_BLOCK_BYTES: u64 = 64 << 20;

const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;
// From here on, Go's packages are stored with the platforms that they are concerned on. Blocks without are
// still read: those of an index whose records were not imported again.
const PLAIN_WITH_PLATFORMS: u8 = 2;
const DEFLATED_WITH_PLATFORMS: u8 = 3;

/// Pages that a head keeps besides those that show an exploit.
const MAX_PAGES: usize = 6;

/// The head as matching needs it: without details, and only with the references that show an exploit and a
/// few more: the advisory's own page first, then what fixed it, then others.
pub(super) fn head(head: &Head) -> Vec<u8> {
    let mut out = Out::new();
    out.head(head, &kept(&head.references));
    out.plain()
}

fn kept(references: &[Reference]) -> Vec<&Reference> {
    let mut kept: Vec<&Reference> = references
        .iter()
        .filter(|reference| reference.shows_exploit())
        .collect();
    let mut pages: Vec<(usize, &Reference)> = references
        .iter()
        .filter(|reference| !reference.shows_exploit())
        .filter_map(|reference| {
            let rank = ["ADVISORY", "FIX", "WEB"]
                .iter()
                .position(|kind| *kind == reference.kind)?;
            Some((rank, reference))
        })
        .collect();
    pages.sort_by_key(|(rank, _)| *rank);
    kept.extend(
        pages
            .into_iter()
            .take(MAX_PAGES)
            .map(|(_, reference)| reference),
    );
    kept
}

/// What only people read, and all that is affected.
pub(super) fn body(head: &Head, affected: &[Affected]) -> Vec<u8> {
    let mut out = Out::new();
    out.text(&head.details);
    out.references(&head.references.iter().collect::<Vec<_>>());
    out.number(affected.len());
    for element in affected {
        out.text(&element.ecosystem);
        out.text(&element.name);
        out.affected(element);
    }
    out.packed(COMPRESS_BYTES)
}

/// What a record says about one package, whose ecosystem and normalised name the reader knows.
pub(super) fn slice<'a>(
    name: &str,
    elements: impl ExactSizeIterator<Item = &'a Affected>,
) -> Vec<u8> {
    let mut out = Out::new();
    out.number(elements.len());
    for element in elements {
        let suffix = element.ecosystem.split_once(':').map(|(_, suffix)| suffix);
        out.option(suffix);
        out.option((element.name != name).then_some(element.name.as_str()));
        out.affected(element);
    }
    out.packed(COMPRESS_HOT_BYTES)
}

pub(super) fn read_head(block: &[u8]) -> Result<Head> {
    let mut buffer = Vec::new();
    In::new(block, &mut buffer)?.head()
}

/// Details, references and everything affected.
pub(super) fn read_body(block: &[u8]) -> Result<(String, Vec<Reference>, Vec<Affected>)> {
    let mut buffer = Vec::new();
    let mut input = In::new(block, &mut buffer)?;
    let details = input.text()?;
    let references = input.references()?;
    let affected = input.list(|input| {
        let (ecosystem, name) = (input.text()?, input.text()?);
        input.affected(ecosystem, name)
    })?;
    Ok((details, references, affected))
}

pub(super) fn read_slice(ecosystem: &str, name: &str, block: &[u8]) -> Result<Vec<Affected>> {
    let mut buffer = Vec::new();
    let mut input = In::new(block, &mut buffer)?;
    input.list(|input| {
        let ecosystem = match input.option()? {
            Some(suffix) => [ecosystem, suffix.as_str()].join(":"),
            None => ecosystem.to_owned(),
        };
        let name = input.option()?.unwrap_or_else(|| name.to_owned());
        input.affected(ecosystem, name)
    })
}

struct Out(Vec<u8>);

impl Out {
    fn new() -> Self {
        Self(vec![PLAIN_WITH_PLATFORMS])
    }

    fn plain(self) -> Vec<u8> {
        self.0
    }

    fn packed(self, threshold: usize) -> Vec<u8> {
        if self.0.len() < threshold {
            return self.0;
        }
        let mut packed = vec![DEFLATED_WITH_PLATFORMS];
        let contents = self.0.get(1..).unwrap_or_default();
        let done = DeflateEncoder::new(contents, Compression::new(3)).read_to_end(&mut packed);
        match done {
            Ok(_) if packed.len() < self.0.len() => packed,
            _ => self.0,
        }
    }

    fn number(&mut self, number: usize) {
        let mut rest = number;
        while rest >= 0x80 {
            self.0.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Zero for nothing, otherwise one more than the length.
    fn option(&mut self, text: Option<&str>) {
        match text {
            None => self.0.push(0),
            Some(text) => {
                self.number(text.len() + 1);
                self.0.extend_from_slice(text.as_bytes());
            }
        }
    }

    fn texts(&mut self, texts: &[String]) {
        self.number(texts.len());
        for text in texts {
            self.text(text);
        }
    }

    fn severities(&mut self, severities: &[SeverityScore]) {
        self.number(severities.len());
        for severity in severities {
            self.text(&severity.kind);
            self.text(&severity.score);
        }
    }

    fn references(&mut self, references: &[&Reference]) {
        self.number(references.len());
        for reference in references {
            self.text(&reference.kind);
            self.text(&reference.url);
        }
    }

    fn head(&mut self, head: &Head, references: &[&Reference]) {
        self.text(&head.id);
        self.text(&head.modified);
        self.option(head.published.as_deref());
        self.option(head.withdrawn.as_deref());
        self.texts(&head.aliases);
        self.texts(&head.upstream);
        self.texts(&head.related);
        self.text(&head.summary);
        self.severities(&head.severity);
        self.option(head.severity_word.as_deref());
        self.texts(&head.cwes);
        self.references(references);
        self.option(head.informational.as_deref());
    }

    fn affected(&mut self, affected: &Affected) {
        self.severities(&affected.severity);
        self.ranges(&affected.ranges);
        self.texts(&affected.versions);
        self.number(affected.imports.len());
        for import in &affected.imports {
            self.text(&import.path);
            self.texts(&import.symbols);
            self.texts(&import.goos);
            self.texts(&import.goarch);
        }
        self.ranges(&affected.custom_ranges);
        self.option(affected.urgency.as_deref());
        self.texts(&affected.binaries);
    }

    fn ranges(&mut self, ranges: &[Range]) {
        self.number(ranges.len());
        for range in ranges {
            match range.kind.as_str() {
                "SEMVER" => self.0.push(1),
                "ECOSYSTEM" => self.0.push(2),
                other => {
                    self.0.push(0);
                    self.text(other);
                }
            }
            self.number(range.events.len());
            for event in &range.events {
                // "From the beginning" is by far the most frequent event.
                let (mark, version) = match event {
                    Event::Introduced(version) if version == "0" => (0, None),
                    Event::Introduced(version) => (1, Some(version)),
                    Event::Fixed(version) => (2, Some(version)),
                    Event::LastAffected(version) => (3, Some(version)),
                    Event::Limit(version) => (4, Some(version)),
                };
                self.0.push(mark);
                if let Some(version) = version {
                    self.text(version);
                }
            }
        }
    }
}

struct In<'a> {
    rest: &'a [u8],
    has_platforms: bool,
}

impl<'a> In<'a> {
    fn new(block: &'a [u8], buffer: &'a mut Vec<u8>) -> Result<Self> {
        match block.split_first() {
            Some((mark @ &(PLAIN | PLAIN_WITH_PLATFORMS), contents)) => Ok(Self {
                rest: contents,
                has_platforms: *mark == PLAIN_WITH_PLATFORMS,
            }),
            Some((mark @ &(DEFLATED | DEFLATED_WITH_PLATFORMS), contents)) => {
                let mut unpacked = DeflateDecoder::new(contents).take(MAX_BLOCK_BYTES);
                let done = unpacked.read_to_end(buffer);
                done.map_err(|_| LookupError::Encoding("it can't be unpacked"))?;
                Ok(Self {
                    rest: buffer,
                    has_platforms: *mark == DEFLATED_WITH_PLATFORMS,
                })
            }
            Some(_) => Err(LookupError::Encoding("it is packed in an unknown way")),
            None => Err(LookupError::Encoding("it is empty")),
        }
    }

    fn byte(&mut self) -> Result<u8> {
        let (&byte, rest) = self.rest.split_first().ok_or(ENDS)?;
        self.rest = rest;
        Ok(byte)
    }

    fn number(&mut self) -> Result<usize> {
        let mut number = 0_usize;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(LookupError::Encoding("a number in it is too large"))
    }

    fn take(&mut self, bytes: usize) -> Result<String> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(ENDS)?;
        self.rest = rest;
        let text = std::str::from_utf8(taken);
        Ok(text
            .map_err(|_| LookupError::Encoding("a text in it is not UTF-8"))?
            .to_owned())
    }

    fn text(&mut self) -> Result<String> {
        let bytes = self.number()?;
        self.take(bytes)
    }

    fn option(&mut self) -> Result<Option<String>> {
        match self.number()?.checked_sub(1) {
            Some(bytes) => self.take(bytes).map(Some),
            None => Ok(None),
        }
    }

    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.number()?;
        // Every element has a byte at least: a broken count can't ask for more memory than that.
        if count > self.rest.len() {
            return Err(ENDS);
        }
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(element(self)?);
        }
        Ok(list)
    }

    fn texts(&mut self) -> Result<Vec<String>> {
        self.list(Self::text)
    }

    fn severities(&mut self) -> Result<Vec<SeverityScore>> {
        self.list(|input| {
            let (kind, score) = (input.text()?, input.text()?);
            Ok(SeverityScore { kind, score })
        })
    }

    fn references(&mut self) -> Result<Vec<Reference>> {
        self.list(|input| {
            let (kind, url) = (input.text()?, input.text()?);
            Ok(Reference { kind, url })
        })
    }

    fn head(&mut self) -> Result<Head> {
        Ok(Head {
            id: self.text()?,
            modified: self.text()?,
            published: self.option()?,
            withdrawn: self.option()?,
            aliases: self.texts()?,
            upstream: self.texts()?,
            related: self.texts()?,
            summary: self.text()?,
            details: String::new(),
            severity: self.severities()?,
            severity_word: self.option()?,
            cwes: self.texts()?,
            references: self.references()?,
            informational: self.option()?,
        })
    }

    fn affected(&mut self, ecosystem: String, name: String) -> Result<Affected> {
        Ok(Affected {
            ecosystem,
            name,
            severity: self.severities()?,
            ranges: self.ranges()?,
            versions: self.texts()?,
            imports: self.list(|input| {
                let (path, symbols) = (input.text()?, input.texts()?);
                let (goos, goarch) = if input.has_platforms {
                    (input.texts()?, input.texts()?)
                } else {
                    (Vec::new(), Vec::new())
                };
                Ok(Import {
                    path,
                    symbols,
                    goos,
                    goarch,
                })
            })?,
            custom_ranges: self.ranges()?,
            urgency: self.option()?,
            binaries: self.texts()?,
        })
    }

    fn ranges(&mut self) -> Result<Vec<Range>> {
        self.list(|input| {
            let kind = match input.byte()? {
                1 => "SEMVER".to_owned(),
                2 => "ECOSYSTEM".to_owned(),
                0 => input.text()?,
                _ => return Err(LookupError::Encoding("a range in it is of an unknown kind")),
            };
            let events = input.list(|input| {
                Ok(match input.byte()? {
                    0 => Event::Introduced("0".to_owned()),
                    1 => Event::Introduced(input.text()?),
                    2 => Event::Fixed(input.text()?),
                    3 => Event::LastAffected(input.text()?),
                    4 => Event::Limit(input.text()?),
                    _ => {
                        return Err(LookupError::Encoding(
                            "an event in it is of an unknown kind",
                        ));
                    }
                })
            })?;
            Ok(Range { kind, events })
        })
    }
}

const ENDS: LookupError = LookupError::Encoding("it ends too early");

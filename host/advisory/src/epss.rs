//! Exploit prediction scores (EPSS): how likely a vulnerability is exploited in the next 30 days.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use serde::{Deserialize, Serialize};

use crate::index::Cve;

/// Scores of one file; today's has 300,000.
pub const MAX_SCORES: usize = 3_000_000;
/// Uncompressed bytes of one file; today's has 10 MB.
pub const MAX_BYTES: u64 = 256 << 20;
/// Bytes of one line.
const MAX_LINE_BYTES: u64 = 1024;

/// One CVE's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = EpssScore)]
pub struct Score {
    /// The CVE.
    pub cve: String,
    /// Probability, 0 to 1.
    pub score: f64,
    /// The part of all CVEs that have at most this score, 0 to 1.
    pub percentile: f64,
    /// Day of the score (`2026-05-18`).
    pub date: String,
}

/// A file of scores that could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// The model that made them (`v2025.03.14`).
    pub model: Option<String>,
    /// Their day (`2026-05-18`).
    pub date: String,
    /// Sorted by CVE, each once.
    pub(crate) rows: Vec<(Cve, f64, f64)>,
    /// Lines that could not be read.
    pub broken: u64,
}

impl Scores {
    /// The scores, sorted by CVE.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Score> + '_ {
        self.rows.iter().map(|(cve, score, percentile)| Score {
            cve: cve.to_string(),
            score: *score,
            percentile: *percentile,
            date: self.date.clone(),
        })
    }
}

/// Why a file of scores can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BrokenScores {
    /// The first line says the day, the second the columns.
    #[error(
        "it does not begin as EPSS scores do (`#model_version:…,score_date:…` and `cve,epss,percentile`)"
    )]
    Header,
    /// Too many rows or bytes.
    #[error("it has more than {MAX_SCORES} scores or {MAX_BYTES} bytes")]
    TooLarge,
    /// It ends in the middle, or can't be unpacked.
    #[error("it can't be read: {0}")]
    Io(#[from] io::Error),
}

/// Reads scores, packed with gzip or plain. Never panics, whatever the bytes are.
pub fn parse(bytes: &[u8]) -> Result<Scores, BrokenScores> {
    read(bytes)
}

/// As [`parse`], from a stream.
pub fn read(source: impl Read) -> Result<Scores, BrokenScores> {
    let mut source = BufReader::new(source);
    if source.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        lines(BufReader::new(GzDecoder::new(source).take(MAX_BYTES + 1)))
    } else {
        lines(source.take(MAX_BYTES + 1))
    }
}

fn lines(mut source: impl BufRead) -> Result<Scores, BrokenScores> {
    let mut line = Vec::new();
    let mut bytes = 0;
    let mut scores = Scores::default();
    let mut rows = BTreeMap::new();
    let mut in_header = true;
    loop {
        line.clear();
        let read = Read::take(&mut source, MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        bytes += read as u64;
        if bytes > MAX_BYTES || rows.len() > MAX_SCORES {
            return Err(BrokenScores::TooLarge);
        }
        if read == 0 {
            break;
        }
        let Some(text) = std::str::from_utf8(&line).ok().map(str::trim) else {
            scores.broken += 1;
            continue;
        };
        if in_header {
            if let Some(facts) = text.strip_prefix('#') {
                header(facts, &mut scores);
                continue;
            }
            // Without a day a score says nothing.
            if !text.starts_with("cve,epss,percentile") || scores.date.is_empty() {
                return Err(BrokenScores::Header);
            }
            in_header = false;
            continue;
        }
        match row(text) {
            Some((cve, score)) => _ = rows.insert(cve, score),
            None if text.is_empty() => {}
            None => scores.broken += 1,
        }
    }
    if in_header {
        return Err(BrokenScores::Header);
    }
    scores.rows = rows
        .into_iter()
        .map(|(cve, (score, percentile))| (cve, score, percentile))
        .collect();
    Ok(scores)
}

fn header(facts: &str, scores: &mut Scores) {
    for fact in facts.split(',') {
        match fact.split_once(':') {
            Some(("model_version", model)) => scores.model = Some(model.to_owned()),
            Some(("score_date", time)) => {
                let day = time.split('T').next().unwrap_or_default();
                if crate::kev::is_day(day) {
                    day.clone_into(&mut scores.date);
                }
            }
            _ => {}
        }
    }
}

fn row(text: &str) -> Option<(Cve, (f64, f64))> {
    let mut columns = text.split(',');
    let cve = Cve::parse(columns.next()?)?;
    let mut part = || {
        let part: f64 = columns.next()?.parse().ok()?;
        (0.0..=1.0).contains(&part).then_some(part)
    };
    Some((cve, (part()?, part()?)))
}

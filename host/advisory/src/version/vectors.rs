//! Checks an order against vectors: lines like `1.0 < 1.1`, as other projects publish them.

use std::cmp::Ordering;
use std::io::{self, BufRead, Read};

use super::Order;

/// Wrong and unread lines that a report keeps; all are counted.
const KEPT: usize = 100;
/// The longest line. A longer one is unread.
const MAX_LINE: u64 = 64 * 1024;

/// What came of checking vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Comparisons that were made.
    pub compared: u64,
    /// Those of them that the order sees otherwise.
    pub wrong: u64,
    /// Lines that say nothing: blank, or a comment.
    pub blank: u64,
    /// Lines that are neither a comparison nor blank.
    pub unread: u64,
    /// The first hundred wrong ones.
    pub first_wrong: Vec<Wrong>,
    /// The numbers of the first hundred lines that could not be read, from 1.
    pub first_unread: Vec<u64>,
}

/// A line that the order sees otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its number, from 1.
    pub line: u64,
    /// The left version.
    pub left: String,
    /// What the line says.
    pub expected: &'static str,
    /// What the order says.
    pub found: &'static str,
    /// The right version.
    pub right: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            line,
            left,
            expected,
            found,
            right,
        } = self;
        write!(
            f,
            "line {line}: {left} {expected} {right}, but the order says {left} {found} {right}"
        )
    }
}

/// Compares every line `a < b`, `a = b` or `a > b` with what the order says, in both directions. Lines that
/// begin with `#` or `//` are comments. `<=`, `>=` and `==` are taken too.
pub fn check_vectors(order: &dyn Order, mut reader: impl BufRead) -> io::Result<Report> {
    let mut report = Report::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)?
            == 0
        {
            break;
        }
        if !line.ends_with(b"\n") && line.len() as u64 == MAX_LINE {
            skip_line(&mut reader)?;
            unread(&mut report, number);
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') || text.starts_with("//") {
            report.blank += 1;
            continue;
        }
        match read(text) {
            Some((left, operator, right)) => {
                check(&mut report, order, number, left, operator, right);
            }
            None => unread(&mut report, number),
        }
    }
    Ok(report)
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let (length, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(place) => (place + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        reader.consume(length);
        if ended {
            return Ok(());
        }
    }
}

fn unread(report: &mut Report, number: u64) {
    report.unread += 1;
    if report.first_unread.len() < KEPT {
        report.first_unread.push(number);
    }
}

fn read(text: &str) -> Option<(&str, &'static str, &str)> {
    let mut words = text.split_whitespace();
    let (left, operator, right) = (words.next()?, words.next()?, words.next()?);
    let operator = match operator {
        "<" => "<",
        ">" => ">",
        "=" | "==" => "=",
        "<=" => "<=",
        ">=" => ">=",
        _ => return None,
    };
    words.next().is_none().then_some((left, operator, right))
}

fn check(
    report: &mut Report,
    order: &dyn Order,
    line: u64,
    left: &str,
    expected: &'static str,
    right: &str,
) {
    report.compared += 1;
    let found = order.compare(left, right);
    let back = order.compare(right, left).reverse();
    let holds = |found: Ordering| match expected {
        "<" => found.is_lt(),
        ">" => found.is_gt(),
        "<=" => found.is_le(),
        ">=" => found.is_ge(),
        _ => found.is_eq(),
    };
    if holds(found) && holds(back) {
        return;
    }
    report.wrong += 1;
    if report.first_wrong.len() < KEPT {
        report.first_wrong.push(Wrong {
            line,
            left: left.to_owned(),
            expected,
            found: match found {
                Ordering::Less => "<",
                Ordering::Equal => "=",
                Ordering::Greater => ">",
            },
            right: right.to_owned(),
        });
    }
}

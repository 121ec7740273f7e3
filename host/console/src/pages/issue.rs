//! One issue: what it is, why it is as severe as it is, what shows it, what to do, what was done.

use askama::Template;

use crate::Chrome;
use crate::parts::{Badge, Choice, Pager, When};
use crate::text;

/// `/issues/{id}`.
#[derive(Template)]
#[template(path = "pages/issue.html")]
pub struct Issue {
    /// Around it.
    pub chrome: Chrome,
    /// Its number.
    pub id: i64,
    /// One line.
    pub title: String,
    /// The first paragraph of what is said of it.
    pub lead: String,
    /// OX's severity.
    pub badge: Badge,
    /// The tool's, where it is another.
    pub before: Option<Badge>,
    /// Words about it, each with a tone.
    pub marks: Vec<(String, &'static str)>,
    /// Why it is not in the queue, when it is not.
    pub decision: Option<Decision>,
    /// The way to its severity.
    pub ladder: Ladder,
    /// What to do.
    pub remedy: Remedy,
    /// Facts: label and what is known.
    pub facts: Vec<Fact>,
    /// What tools say.
    pub sources: Vec<Source>,
    /// Where it is.
    pub occurrences: Occurrences,
    /// What the advisory says at length.
    pub about: Vec<Block>,
    /// The text was cut.
    pub about_cut: bool,
    /// Controls that it touches: standard, control, what it asks for.
    pub compliance: Vec<(String, String, String)>,
    /// Pages about it.
    pub references: Vec<Reference>,
    /// What happened, the newest first.
    pub history: Vec<Happened>,
    /// What people said, oldest first.
    pub comments: Vec<Comment>,
    /// What can be done with it.
    pub edit: Edit,
    /// Address of the list that it was opened from.
    pub list: String,
    /// The issue before it in that list.
    pub previous: Option<String>,
    /// The one after it.
    pub next: Option<String>,
}

/// Why an issue is not in the queue.
#[derive(Clone, Debug)]
pub struct Decision {
    /// "Excluded", "Resolved".
    pub state: String,
    /// Why.
    pub why: String,
    /// Who, when, what it covers.
    pub more: String,
    /// Number of the exclusion, where it can be ended here.
    pub exclusion: Option<i64>,
}

/// The way from the tool's severity to OX's.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// "Why it is High and not Critical".
    pub title: String,
    /// The answer in a sentence or two.
    pub answer: String,
    /// The steps, the tool's severity first, the outcome last.
    pub steps: Vec<Step>,
    /// What is not known and would count.
    pub unknown: Vec<Unknown>,
}

/// A step of the ladder.
#[derive(Clone, Debug)]
pub struct Step {
    /// `from`, `up`, `down`, `held`, `set`, `to`.
    pub class: &'static str,
    /// The number, signed, or a word.
    pub change: String,
    /// What it is.
    pub name: String,
    /// OX's category of factors; empty where it is none.
    pub category: &'static str,
    /// The sentence.
    pub reason: String,
    /// What shows it.
    pub evidence: Vec<Shown>,
    /// Severity after this step.
    pub badge: Badge,
    /// Rank after this step.
    pub score: String,
}

/// A factor of which nothing is known.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// What it is.
    pub name: String,
    /// Its category.
    pub category: &'static str,
    /// The sentence.
    pub reason: String,
}

/// Something that shows that it is so.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What it is.
    pub label: String,
    /// Its value.
    pub value: String,
    /// Where it can be looked up.
    pub link: Option<String>,
    /// It has several lines: code, a part of a file.
    pub is_snippet: bool,
}

/// What to do.
#[derive(Clone, Debug, Default)]
pub struct Remedy {
    /// A sentence.
    pub summary: String,
    /// The version with the fix.
    pub fixed_version: Option<String>,
    /// Commands, to be copied.
    pub command: Option<String>,
    /// The base image with the fix.
    pub base_image: Option<String>,
}

/// A fact.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What it is.
    pub label: &'static str,
    /// Its values, each with a link where there is one.
    pub values: Vec<(String, Option<String>)>,
}

/// What one tool says.
#[derive(Clone, Debug)]
pub struct Source {
    /// The tool, with its scanner.
    pub tool: String,
    /// Its id of it.
    pub id: String,
    /// Severity, state, certainty in words.
    pub said: String,
    /// What shows it.
    pub evidence: Vec<Shown>,
    /// Where it is there.
    pub link: Option<String>,
}

/// Where it is.
#[derive(Clone, Debug, Default)]
pub struct Occurrences {
    /// "In 12 images of acme/shop".
    pub summary: String,
    /// A page of them.
    pub rows: Vec<Occurrence>,
    /// Where it goes on.
    pub pager: Option<Pager>,
}

/// An image that has it.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// Repository and first tag.
    pub image: String,
    /// All tags but the first.
    pub tags: Vec<String>,
    /// The digest.
    pub digest: String,
    /// The digest, short.
    pub short: String,
    /// Platform.
    pub platform: String,
    /// "Debian GNU/Linux 12".
    pub system: String,
    /// Installed version.
    pub version: String,
    /// The file.
    pub path: String,
    /// "Layer 3, of the base image".
    pub layer: String,
    /// The command that made the layer.
    pub command: String,
}

/// A part of a text that was written as Markdown: its words, and nothing that could be markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// A paragraph.
    Paragraph(Vec<Span>),
    /// Items.
    List(Vec<Vec<Span>>),
    /// Code.
    Code(String),
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Words.
    Text(String),
    /// Code.
    Code(String),
    /// A link: what is read, and where it leads.
    Link(String, String),
}

/// A page about it.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The address.
    pub label: String,
    /// Where it leads, where that is a web page.
    pub href: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Happened {
    /// When.
    pub when: When,
    /// What.
    pub sentence: String,
}

/// What somebody said.
#[derive(Clone, Debug)]
pub struct Comment {
    /// Who.
    pub by: String,
    /// When.
    pub when: When,
    /// What.
    pub text: String,
}

/// What can be done with an issue.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// Which state of the issue is shown.
    pub version: String,
    /// Who works on it.
    pub assignee: String,
    /// Name of the person that is signed in.
    pub me: String,
    /// Severities.
    pub severities: Vec<Choice>,
    /// The severity was set by a person.
    pub is_set: bool,
    /// The first day on which an exclusion may end.
    pub earliest: String,
}

/// Somebody else changed an issue meanwhile.
#[derive(Template)]
#[template(path = "pages/conflict.html")]
pub struct Conflict {
    /// Around it.
    pub chrome: Chrome,
    /// What happened, in a sentence.
    pub sentence: String,
    /// What was to be done: label and value.
    pub wanted: Vec<(String, String)>,
    /// What the issue is now: label and value.
    pub now: Vec<(String, String)>,
    /// Where the form posts to when it is done all the same.
    pub action: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
    /// Where the issue, or the list, is.
    pub back: String,
}

/// Longest text of an advisory that is shown, in bytes.
pub const LONGEST: usize = 40_000;
/// Most blocks of it.
const BLOCKS: usize = 400;
/// Most parts of one line.
const SPANS: usize = 200;

/// Reads the little Markdown that advisories use: headings, lists, code and links. Everything else is words.
#[must_use]
pub fn blocks(markdown: &str) -> Vec<Block> {
    let mut all = Vec::new();
    let mut paragraph = String::new();
    let mut items: Vec<String> = Vec::new();
    let mut code: Option<String> = None;
    let end = |paragraph: &mut String, items: &mut Vec<String>, all: &mut Vec<Block>| {
        if !paragraph.is_empty() {
            all.push(Block::Paragraph(spans(paragraph)));
            paragraph.clear();
        }
        if !items.is_empty() {
            all.push(Block::List(items.iter().map(|one| spans(one)).collect()));
            items.clear();
        }
    };
    for line in text::plain(markdown).lines() {
        if all.len() >= BLOCKS {
            break;
        }
        let trimmed = line.trim();
        if let Some(mut text) = code.take() {
            if trimmed.starts_with("```") {
                all.push(Block::Code(text));
            } else {
                text.push_str(line);
                text.push('\n');
                code = Some(text);
            }
            continue;
        }
        if trimmed.starts_with("```") {
            end(&mut paragraph, &mut items, &mut all);
            code = Some(String::new());
        } else if trimmed.is_empty() {
            end(&mut paragraph, &mut items, &mut all);
        } else if let Some(heading) = heading(trimmed) {
            end(&mut paragraph, &mut items, &mut all);
            all.push(Block::Heading(heading.to_owned()));
        } else if let Some(item) = item(trimmed) {
            if !paragraph.is_empty() {
                end(&mut paragraph, &mut items, &mut all);
            }
            items.push(item.to_owned());
        } else if let Some(last) = items.last_mut() {
            last.push(' ');
            last.push_str(trimmed);
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(trimmed);
        }
    }
    end(&mut paragraph, &mut items, &mut all);
    if let Some(text) = code {
        all.push(Block::Code(text));
    }
    all
}

fn heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let marks = line.len() - rest.len();
    ((1..=6).contains(&marks) && rest.starts_with(' ')).then(|| rest.trim())
}

fn item(line: &str) -> Option<&str> {
    if let Some(rest) = line
        .strip_prefix("- ")
        .or_else(|| line.strip_prefix("* "))
        .or_else(|| line.strip_prefix("+ "))
    {
        return Some(rest.trim());
    }
    let (number, rest) = line.split_once(". ")?;
    (!number.is_empty() && number.len() <= 3 && number.bytes().all(|one| one.is_ascii_digit()))
        .then(|| rest.trim())
}

/// Code and links of a line.
fn spans(line: &str) -> Vec<Span> {
    let mut all = Vec::new();
    let mut words = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if all.len() >= SPANS {
            words.push_str(rest);
            break;
        }
        let found = match first {
            '`' => code_span(rest),
            '[' => link_span(rest),
            'h' | 'H' => bare_link(rest, &words),
            '<' => angle_link(rest),
            _ => None,
        };
        match found {
            Some((span, after)) => {
                if !words.is_empty() {
                    all.push(Span::Text(unmarked(&words)));
                    words.clear();
                }
                all.push(span);
                rest = after;
            }
            None => {
                words.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    if !words.is_empty() {
        all.push(Span::Text(unmarked(&words)));
    }
    all
}

/// Words without the marks of bold type.
fn unmarked(words: &str) -> String {
    words.replace("**", "").replace("__", "")
}

fn code_span(rest: &str) -> Option<(Span, &str)> {
    let inner = rest.get(1..)?;
    let end = inner.find('`')?;
    let code = inner.get(..end)?;
    let after = inner.get(end + 1..)?;
    (!code.is_empty()).then(|| (Span::Code(code.to_owned()), after))
}

fn link_span(rest: &str) -> Option<(Span, &str)> {
    let inner = rest.get(1..)?;
    let middle = inner.find("](")?;
    let label = inner.get(..middle)?;
    let target = inner.get(middle + 2..)?;
    let end = target.find(')')?;
    let address = target.get(..end)?.split_whitespace().next()?;
    let href = text::link(address)?;
    (!label.contains(['[', '\n'])).then(|| {
        (
            Span::Link(unmarked(label), href.to_owned()),
            target.get(end + 1..).unwrap_or_default(),
        )
    })
}

fn angle_link(rest: &str) -> Option<(Span, &str)> {
    let inner = rest.get(1..)?;
    let end = inner.find('>')?;
    let address = inner.get(..end)?;
    let href = text::link(address).filter(|href| !href.contains(char::is_whitespace))?;
    Some((
        Span::Link(href.to_owned(), href.to_owned()),
        inner.get(end + 1..).unwrap_or_default(),
    ))
}

fn bare_link<'a>(rest: &'a str, before: &str) -> Option<(Span, &'a str)> {
    if before.ends_with(char::is_alphanumeric) {
        return None;
    }
    text::link(rest)?;
    let end = rest
        .find(|one: char| one.is_whitespace() || matches!(one, '<' | '>' | '"' | ')' | ']' | '`'))
        .unwrap_or(rest.len());
    let address = rest
        .get(..end)?
        .trim_end_matches(['.', ',', ';', ':', '!', '?']);
    (address.len() > 8).then(|| {
        (
            Span::Link(address.to_owned(), address.to_owned()),
            rest.get(address.len()..).unwrap_or_default(),
        )
    })
}

#[cfg(test)]
#[path = "issue_tests.rs"]
mod tests;

//! Takes a TOML document apart key by key, so that every fault is told with its place in the file.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, MAX_FAULTS, PolicyError, listed, nearest, position};

/// Faults that are kept until it is known which come first in the file.
const MAX_GATHERED: usize = 1_000;
/// Values in one list.
pub(super) const MAX_LIST: usize = 200;
/// Tables of one kind.
pub(super) const MAX_TABLES: usize = 2_000;
/// Bytes of one text.
pub(super) const MAX_TEXT: usize = 256;
/// Characters of a wrong text that are quoted.
const MAX_QUOTE: usize = 60;

/// Where faults are gathered while a document is read.
pub(super) struct Faults<'t> {
    text: &'t str,
    found: RefCell<Vec<(usize, Fault)>>,
    more: Cell<usize>,
}

impl<'t> Faults<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            text,
            found: RefCell::default(),
            more: Cell::default(),
        }
    }

    pub(super) fn tell(&self, at: &Range<usize>, key: &str, message: String, hint: Option<String>) {
        let mut found = self.found.borrow_mut();
        if found.len() >= MAX_GATHERED {
            self.more.set(self.more.get() + 1);
            return;
        }
        let key = key.to_owned();
        found.push((
            at.start,
            Fault {
                line: 1,
                column: 1,
                key,
                message,
                hint,
            },
        ));
    }

    /// The error, when there was a fault.
    pub(super) fn into_error(self) -> Option<PolicyError> {
        let mut found = self.found.into_inner();
        if found.is_empty() {
            return None;
        }
        found.sort_by_key(|(at, _)| *at);
        let more = self.more.get() + found.len().saturating_sub(MAX_FAULTS);
        let faults = found
            .into_iter()
            .take(MAX_FAULTS)
            .map(|(at, fault)| {
                let (line, column) = position(self.text, at);
                Fault {
                    line,
                    column,
                    ..fault
                }
            })
            .collect();
        Some(PolicyError { faults, more })
    }
}

/// One value, with its place.
#[derive(Clone)]
pub(super) struct Value<'a, 't> {
    faults: &'a Faults<'t>,
    /// `application[2].priority`
    pub(super) path: String,
    pub(super) span: Range<usize>,
    value: &'a DeValue<'t>,
}

/// One table, with its place.
#[derive(Clone)]
pub(super) struct Table<'a, 't> {
    faults: &'a Faults<'t>,
    pub(super) path: String,
    pub(super) span: Range<usize>,
    entries: &'a DeTable<'t>,
}

impl<'a, 't> Table<'a, 't> {
    pub(super) fn root(faults: &'a Faults<'t>, document: &'a Spanned<DeTable<'t>>) -> Self {
        Self {
            faults,
            path: String::new(),
            span: 0..0,
            entries: document.get_ref(),
        }
    }

    pub(super) fn tell(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.faults
            .tell(&self.span, &self.path, message.into(), Some(hint.into()));
    }

    /// Refuses every key that is not one of these.
    pub(super) fn only(&self, known: &[&str]) {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let hint = match nearest(name, known) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("known here: {}", listed(known)),
            };
            let message = format!("there is no key {}", quoted(name));
            self.faults
                .tell(&key.span(), &self.path, message, Some(hint));
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Value<'a, 't>> {
        let (key, value) = self.entries.iter().find(|(key, _)| key.get_ref() == name)?;
        Some(self.value(key.get_ref(), value))
    }

    /// Every entry, in the order of the keys.
    pub(super) fn all(&self) -> Vec<(&'a str, Value<'a, 't>)> {
        if self.entries.len() > MAX_LIST {
            self.tell(
                format!("it has more than {MAX_LIST} keys"),
                "take some out, or use patterns",
            );
        }
        self.entries
            .iter()
            .take(MAX_LIST)
            .map(|(key, value)| (&**key.get_ref(), self.value(key.get_ref(), value)))
            .collect()
    }

    fn value(&self, name: &str, value: &'a Spanned<DeValue<'t>>) -> Value<'a, 't> {
        let name: String = name
            .chars()
            .filter(|letter| !letter.is_control())
            .take(MAX_QUOTE)
            .collect();
        let path = match self.path.as_str() {
            "" => name,
            path => format!("{path}.{name}"),
        };
        Value {
            faults: self.faults,
            path,
            span: value.span(),
            value: value.get_ref(),
        }
    }

    pub(super) fn table(&self, name: &str) -> Option<Self> {
        self.get(name)?.table()
    }

    /// `[[name]]`, in the order of the file.
    pub(super) fn tables(&self, name: &str) -> Vec<Self> {
        let Some(value) = self.get(name) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.value else {
            value.tell(
                format!("it has to be a list of tables, not {}", value.kind()),
                format!("write [[{name}]]"),
            );
            return Vec::new();
        };
        if items.len() > MAX_TABLES {
            value.tell(
                format!("there are more than {MAX_TABLES}"),
                "use patterns that take more at once",
            );
        }
        items
            .iter()
            .take(MAX_TABLES)
            .enumerate()
            .filter_map(|(index, item)| {
                Value {
                    faults: self.faults,
                    path: format!("{}[{}]", value.path, index + 1),
                    span: item.span(),
                    value: item.get_ref(),
                }
                .table()
            })
            .collect()
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.text()
    }

    /// A text that has to be there.
    pub(super) fn needed(&self, name: &str, example: &str) -> Option<String> {
        if self.get(name).is_none() {
            self.tell(format!("it has no {name}"), format!("write {example}"));
        }
        self.text(name)
    }

    /// One of these words.
    pub(super) fn word(&self, name: &str, known: &[&str]) -> Option<String> {
        self.get(name)?.word(known)
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        match value.value {
            DeValue::Boolean(flag) => Some(*flag),
            _ => {
                value.tell(
                    format!("it has to be true or false, not {}", value.kind()),
                    format!("write {name} = true"),
                );
                None
            }
        }
    }

    /// A text, or a list of texts.
    pub(super) fn texts(&self, name: &str) -> Vec<Value<'a, 't>> {
        self.get(name)
            .map(|value| value.texts())
            .unwrap_or_default()
    }

    /// The texts of [`Table::texts`].
    pub(super) fn words(&self, name: &str) -> Vec<String> {
        self.texts(name)
            .into_iter()
            .filter_map(|value| value.text())
            .collect()
    }
}

impl<'a, 't> Value<'a, 't> {
    pub(super) fn tell(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.faults
            .tell(&self.span, &self.path, message.into(), Some(hint.into()));
    }

    fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    pub(super) fn table(&self) -> Option<Table<'a, 't>> {
        match self.value {
            DeValue::Table(entries) => Some(Table {
                faults: self.faults,
                path: self.path.clone(),
                span: self.span.clone(),
                entries,
            }),
            _ => {
                self.tell(
                    format!("it has to be a table, not {}", self.kind()),
                    format!("write [{}]", self.path),
                );
                None
            }
        }
    }

    pub(super) fn text(&self) -> Option<String> {
        let DeValue::String(text) = self.value else {
            self.tell(
                format!("it has to be a text, not {}", self.kind()),
                "put it into quotes",
            );
            return None;
        };
        if text.len() > MAX_TEXT {
            self.tell(
                format!("it is longer than {MAX_TEXT} bytes"),
                "write a shorter one",
            );
            return None;
        }
        if text.trim().is_empty() {
            self.tell("it is empty", "write something, or take the key out");
            return None;
        }
        if text.chars().any(char::is_control) {
            self.tell("it has a control character in it", "take it out");
            return None;
        }
        Some(text.trim().to_owned())
    }

    pub(super) fn texts(&self) -> Vec<Self> {
        let DeValue::Array(items) = self.value else {
            return vec![self.clone()];
        };
        if items.len() > MAX_LIST {
            self.tell(
                format!("it has more than {MAX_LIST} values"),
                "use patterns that take more at once",
            );
        }
        items
            .iter()
            .take(MAX_LIST)
            .enumerate()
            .map(|(index, item)| Self {
                faults: self.faults,
                path: format!("{}[{}]", self.path, index + 1),
                span: item.span(),
                value: item.get_ref(),
            })
            .collect()
    }

    pub(super) fn word(&self, known: &[&str]) -> Option<String> {
        let text = self.text()?;
        let lower = text.to_lowercase();
        if known.contains(&lower.as_str()) {
            return Some(lower);
        }
        let hint = match nearest(&text, known) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("known: {}", listed(known)),
        };
        self.tell(format!("{} is not known here", quoted(&text)), hint);
        None
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, bounds: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let number = match self.value {
            DeValue::Integer(number) => {
                u32::from_str_radix(number.as_str().trim_start_matches('+'), number.radix()).ok()
            }
            _ => None,
        };
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            let message = match self.value {
                DeValue::Integer(_) => "it is no number of days that is allowed".to_owned(),
                _ => format!("it has to be a whole number of days, not {}", self.kind()),
            };
            let hint = format!("write one from {} to {}", bounds.start(), bounds.end());
            self.tell(message, hint);
        }
        number
    }

    /// True for the word `none`, which takes a default away.
    pub(super) fn is_none(&self) -> bool {
        matches!(self.value, DeValue::String(text) if text.trim().eq_ignore_ascii_case("none"))
    }

    /// A day, as TOML's own date or as text.
    pub(super) fn day(&self) -> Option<String> {
        let text = match self.value {
            DeValue::Datetime(date) => date.to_string(),
            DeValue::String(text) => text.trim().to_owned(),
            _ => String::new(),
        };
        if text.len() == 10
            && text
                .parse::<jiff::civil::Date>()
                .is_ok_and(|date| date.year() >= 1970)
        {
            return Some(text);
        }
        self.tell(
            "it has to be a day",
            "write it as year, month and day: 2026-01-31",
        );
        None
    }

    /// The value as JSON, for those who read a section themselves. `None` for what JSON has no word for.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        let json = json(self.value);
        if json.is_none() {
            self.tell(
                "it holds a number that is too large, or no number",
                "write a finite number",
            );
        }
        json
    }
}

fn json(value: &DeValue<'_>) -> Option<serde_json::Value> {
    Some(match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()?
            .into(),
        DeValue::Float(number) => {
            let number: f64 = number.as_str().parse().ok()?;
            serde_json::Number::from_f64(number)?.into()
        }
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(date) => date.to_string().into(),
        DeValue::Array(items) => items
            .iter()
            .map(|item| json(item.get_ref()))
            .collect::<Option<Vec<_>>>()?
            .into(),
        DeValue::Table(entries) => entries
            .iter()
            .map(|(key, value)| Some((key.get_ref().to_string(), json(value.get_ref())?)))
            .collect::<Option<serde_json::Map<_, _>>>()?
            .into(),
    })
}

/// A text in quotes, its end cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(MAX_QUOTE).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{dots}")
}

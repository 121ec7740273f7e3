//! An OSV record as it is written: every field may be missing or `null`, unknown ones are passed over, and
//! every list has a limit, so that a small text can't become a large memory.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A text; a number is taken by its digits, everything else for nothing.
#[derive(Default)]
pub(super) struct Text(pub(super) Option<String>);

impl Text {
    /// The text, when there is one.
    pub(super) fn filled(self) -> Option<String> {
        self.0.filter(|text| !text.is_empty())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Some(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Text, E> {
                Ok(Text(Some(text)))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
                Ok(Text(None))
            }
            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A list of at most `N` elements; one more is an error. `null` is an empty list.
pub(super) struct List<T, const N: usize>(pub(super) Vec<T>);

impl<T, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for List<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T, const N: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Elements<T, N> {
            type Value = List<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(List::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    if elements.len() == N {
                        return Err(de::Error::custom(format_args!(
                            "a list of more than {N} elements"
                        )));
                    }
                    elements.push(element);
                }
                Ok(List(elements))
            }
        }
        deserializer.deserialize_any(Elements(PhantomData))
    }
}

/// What is not needed for matching is kept as text and read by itself: when it has another shape than
/// expected, it is as good as absent, and the record stays whole.
pub(super) fn lax<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

/// Identifiers of a record in one field.
pub(super) type Ids = List<Text, 10_000>;

#[derive(Deserialize)]
pub(super) struct Record<'a> {
    #[serde(default)]
    pub(super) id: Text,
    #[serde(default)]
    pub(super) modified: Text,
    #[serde(default)]
    pub(super) published: Text,
    #[serde(default)]
    pub(super) withdrawn: Text,
    #[serde(default)]
    pub(super) aliases: Ids,
    #[serde(default)]
    pub(super) upstream: Ids,
    #[serde(default)]
    pub(super) related: Ids,
    #[serde(default)]
    pub(super) summary: Text,
    #[serde(default)]
    pub(super) details: Text,
    #[serde(default, borrow)]
    pub(super) severity: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) affected: List<Affected<'a>, 20_000>,
    #[serde(default, borrow)]
    pub(super) references: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) database_specific: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Affected<'a> {
    #[serde(default)]
    pub(super) package: Option<Package>,
    #[serde(default)]
    pub(super) ranges: Ranges,
    #[serde(default)]
    pub(super) versions: List<Text, 200_000>,
    #[serde(default, borrow)]
    pub(super) severity: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) ecosystem_specific: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) database_specific: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
pub(super) struct Package {
    #[serde(default)]
    pub(super) ecosystem: Text,
    #[serde(default)]
    pub(super) name: Text,
}

pub(super) type Ranges = List<Range, 2_000>;

#[derive(Deserialize)]
pub(super) struct Range {
    #[serde(default, rename = "type")]
    pub(super) kind: Text,
    #[serde(default)]
    pub(super) events: List<Event, 5_000>,
}

#[derive(Deserialize)]
pub(super) struct Event {
    #[serde(default)]
    pub(super) introduced: Text,
    #[serde(default)]
    pub(super) fixed: Text,
    #[serde(default)]
    pub(super) last_affected: Text,
    #[serde(default)]
    pub(super) limit: Text,
}

#[derive(Deserialize)]
pub(super) struct Severity {
    #[serde(default, rename = "type")]
    pub(super) kind: Text,
    #[serde(default)]
    pub(super) score: Text,
}

#[derive(Deserialize)]
pub(super) struct Reference {
    #[serde(default, rename = "type")]
    pub(super) kind: Text,
    #[serde(default)]
    pub(super) url: Text,
}

/// The fields of `ecosystem_specific` that any ecosystem is known to have.
#[derive(Default, Deserialize)]
pub(super) struct EcosystemSpecific<'a> {
    #[serde(default, borrow)]
    pub(super) imports: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) custom_ranges: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) binaries: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) urgency: Text,
    #[serde(default)]
    pub(super) ubuntu_priority: Text,
    #[serde(default)]
    pub(super) severity: Text,
}

#[derive(Deserialize)]
pub(super) struct Import {
    #[serde(default)]
    pub(super) path: Text,
    #[serde(default)]
    pub(super) symbols: List<Text, 20_000>,
    #[serde(default)]
    pub(super) goos: List<Text, 1_000>,
    #[serde(default)]
    pub(super) goarch: List<Text, 1_000>,
}

/// The fields of `database_specific` that any database is known to have.
#[derive(Default, Deserialize)]
pub(super) struct DatabaseSpecific<'a> {
    #[serde(default)]
    pub(super) severity: Text,
    #[serde(default)]
    pub(super) informational: Text,
    #[serde(default, borrow)]
    pub(super) cwe_ids: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) cwes: Option<&'a RawValue>,
}

/// A weakness: its id, or an object with it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Weakness {
    Id(String),
    Object {
        #[serde(alias = "cweId", alias = "cwe_id")]
        id: String,
    },
    Other(IgnoredAny),
}

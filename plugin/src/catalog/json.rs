//! JSON of files that may be hostile: strings of any length, fields of any type, fields stated twice.
//!
//! A file is read as a stream into the few fields that matter. What is of another type than expected is as
//! good as absent, of a field stated twice the last one counts (as in JavaScript), and no string takes more
//! memory than [`MAX_STRING`]. Depth is bounded by the library (128).

use std::fmt;
use std::io::{self, BufReader, Cursor, Read};
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::{licence, lines};

/// Bytes of one string, as the file spells it, that are kept while it is read. Beyond them a string is cut.
pub const MAX_STRING: usize = 64 * 1024;
/// Licences of one package.
const MAX_LICENCES: usize = 32;

/// Reads one JSON text. The outer error is the reader's, the inner one says what is wrong with the text.
pub fn read<S: DeserializeSeed<'static>>(
    contents: &mut dyn Read,
    seed: S,
) -> io::Result<Result<S::Value, String>> {
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    let mut head = Vec::with_capacity(MARK.len());
    Read::take(&mut *contents, MARK.len() as u64).read_to_end(&mut head)?;
    if head == MARK {
        head.clear();
    }
    let mut told = Told {
        reader: contents,
        failed: None,
    };
    let short = ShortStrings::new(Cursor::new(head).chain(&mut told));
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(short));
    let read = seed
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value));
    drop(json);
    match told.failed {
        Some(error) => Err(error),
        None => Ok(read.map_err(|error| error.to_string())),
    }
}

/// Remembers the reader's error: the parser keeps to the first one it met, and what is wrong with the text
/// may have come before.
struct Told<'r> {
    reader: &'r mut dyn Read,
    failed: Option<io::Error>,
}

impl Read for Told<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(target) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
            other => other,
        }
    }
}

/// Reads one JSON text into an object of known fields.
pub fn object<T: Fields>(contents: &mut dyn Read) -> io::Result<Result<T, String>> {
    Ok(read(contents, PhantomData::<Object<T>>)?.map(|object| object.0))
}

/// Cuts the strings of a JSON text on its way: at the end of a character, never inside an escape.
struct ShortStrings<R> {
    reader: R,
    inside: bool,
    /// Bytes of the present string so far.
    length: usize,
    /// Whether the present character is passed on.
    keep: bool,
    /// Bytes that still belong to the present escape.
    escape: u8,
}

impl<R> ShortStrings<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            inside: false,
            length: 0,
            keep: true,
            escape: 0,
        }
    }

    fn passes(&mut self, byte: u8) -> bool {
        if !self.inside {
            self.inside = byte == b'"';
            self.length = 0;
            self.keep = true;
            return true;
        }
        if self.escape > 0 {
            self.escape = match (self.escape, byte) {
                (5, b'u') => 4,
                (5, _) => 0,
                (left, _) => left - 1,
            };
        } else if byte == b'"' {
            self.inside = false;
            return true;
        } else if !matches!(byte, 0x80..=0xBF) {
            self.keep = self.length < MAX_STRING;
            if byte == b'\\' {
                self.escape = 5;
            }
        }
        self.length = self.length.saturating_add(1);
        // A character has four bytes at most: more that go on with it are no text.
        self.keep && self.length <= MAX_STRING + 8
    }
}

impl<R: Read> Read for ShortStrings<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.reader.read(buffer)?;
            if count == 0 {
                return Ok(0);
            }
            let mut kept = 0;
            for index in 0..count {
                let byte = buffer.get(index).copied().unwrap_or_default();
                if self.passes(byte)
                    && let Some(slot) = buffer.get_mut(kept)
                {
                    *slot = byte;
                    kept += 1;
                }
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

/// Answers the default for values of the types that a visitor does not expect.
macro_rules! otherwise_nothing {
    ($($kind:ident)*) => { $(otherwise_nothing!(@ $kind);)* };
    (@ scalar) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
        otherwise_nothing!(@ number);
    };
    (@ number) => {
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
        fn visit_unit<E>(self) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
    };
    (@ text) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
    };
    (@ list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@ object) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

/// The fields of an object that matter.
pub trait Fields: Default {
    /// Takes the value of the field `key` from `map`: [`MapAccess::next_value`] once, [`skip`] for those of
    /// no interest.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Passes over a field's value.
pub fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(|_| ())
}

/// An object of known fields; the default of anything else.
#[derive(Default)]
pub struct Object<T>(pub T);

impl<'de, T: Fields> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of<T>(PhantomData<T>);
        impl<'de, T: Fields> Visitor<'de> for Of<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = T::default();
                while let Some(key) = map.next_key::<String>()? {
                    fields.take(&key, &mut map)?;
                }
                Ok(Object(fields))
            }

            otherwise_nothing!(scalar text list);
        }
        deserializer.deserialize_any(Of(PhantomData))
    }
}

/// A string, trimmed and cut at [`lines::MAX_FIELD`]; `None` where it is empty or none.
#[derive(Debug, Default, PartialEq)]
pub struct Text(pub Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(
                    Some(lines::text(text.as_bytes())).filter(|text| !text.is_empty()),
                ))
            }

            otherwise_nothing!(scalar list object);
        }
        deserializer.deserialize_any(Of)
    }
}

/// `true`; anything else is not.
#[derive(Debug, Default, PartialEq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Flag, E> {
                Ok(Flag(flag))
            }

            otherwise_nothing!(number text list object);
        }
        deserializer.deserialize_any(Of)
    }
}

/// True when an object or a list has anything in it.
#[derive(Debug, Default, PartialEq)]
pub struct Any(pub bool);

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Any;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
                let mut any = Any(false);
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    any.0 = true;
                }
                Ok(any)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Any, A::Error> {
                let mut any = Any(false);
                while list.next_element::<IgnoredAny>()?.is_some() {
                    any.0 = true;
                }
                Ok(any)
            }

            otherwise_nothing!(scalar text);
        }
        deserializer.deserialize_any(Of)
    }
}

/// Licences as packages state them: a string, an object with a `type`, or a list of both.
#[derive(Debug, Default, PartialEq)]
pub struct Licences(pub Vec<String>);

impl<'de> Deserialize<'de> for Licences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Licences;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a licence")
            }

            fn visit_str<E>(self, text: &str) -> Result<Licences, E> {
                let licence = licence::normalise(text);
                Ok(Licences(
                    Some(licence)
                        .filter(|licence| !licence.is_empty())
                        .into_iter()
                        .collect(),
                ))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Licences, A::Error> {
                let (mut by_type, mut by_name) = (Licences::default(), Licences::default());
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "type" => by_type = map.next_value()?,
                        "name" => by_name = map.next_value()?,
                        _ => skip(&mut map)?,
                    }
                }
                Ok(if by_type.0.is_empty() {
                    by_name
                } else {
                    by_type
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Licences, A::Error> {
                let mut all = Licences::default();
                while let Some(some) = list.next_element::<Licences>()? {
                    all.add(some);
                }
                Ok(all)
            }

            otherwise_nothing!(scalar);
        }
        deserializer.deserialize_any(Of)
    }
}

impl Licences {
    /// Adds those that are new.
    pub fn add(&mut self, more: Self) {
        for licence in more.0 {
            if self.0.len() < MAX_LICENCES && !self.0.contains(&licence) {
                self.0.push(licence);
            }
        }
    }
}

/// Hands every item of a list, or every value of an object, to a function with its key (empty in a list).
/// Nothing is kept of them, so a list may be of any length.
pub struct Each<'f, T, F>(&'f mut F, PhantomData<T>);

impl<'f, T, F: FnMut(&str, T)> Each<'f, T, F> {
    /// For that function.
    pub fn new(take: &'f mut F) -> Self {
        Self(take, PhantomData)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(&str, T)> DeserializeSeed<'de> for Each<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(&str, T)> Visitor<'de> for Each<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element()? {
            (self.0)("", item);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            (self.0)(&key, map.next_value()?);
        }
        Ok(())
    }

    otherwise_nothing!(scalar text);
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;

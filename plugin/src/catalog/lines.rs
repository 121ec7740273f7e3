//! Lines of a text that may be hostile: of any length, in any encoding, without an end.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes of a line that are looked at. Fields that matter are far shorter; a dependency list may be longer,
/// and nobody needs it.
pub const MAX_LINE: u64 = 8 * 1024;

/// Bytes of one field that are kept.
pub const MAX_FIELD: usize = 1024;

/// Reads line after line.
pub struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    /// The lines of `reader`.
    pub fn new(reader: R) -> Self {
        Self { reader: BufReader::with_capacity(32 * 1024, reader), line: Vec::new() }
    }

    /// The next line without its end, cut after [`MAX_LINE`] bytes; `None` after the last.
    pub fn advance(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let count = (&mut self.reader).take(MAX_LINE).read_until(b'\n', &mut self.line)?;
        if count == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
        } else if count as u64 == MAX_LINE {
            self.reader.skip_until(b'\n')?;
        }
        Ok(Some(&self.line))
    }
}

/// A field's value as text: trimmed, what is not UTF-8 replaced, cut at [`MAX_FIELD`].
pub fn text(value: &[u8]) -> String {
    let value = value.trim_ascii();
    let value = value.get(..MAX_FIELD).unwrap_or(value);
    String::from_utf8_lossy(value).into_owned()
}

/// Splits `Name: value` at the first colon.
pub fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    Some((name, value.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn a_line_of_any_length_takes_little_memory_and_hides_none_after_it() {
        let mut data = vec![b'x'; 1_000_000];
        data.extend(b"\nPackage: bash\r\nlast");
        let mut lines = Lines::new(&data[..]);
        assert_eq!(lines.advance().unwrap().unwrap().len() as u64, MAX_LINE);
        assert_eq!(lines.advance().unwrap().unwrap(), b"Package: bash");
        assert_eq!(lines.advance().unwrap().unwrap(), b"last");
        assert!(lines.advance().unwrap().is_none());
    }

    #[test]
    fn a_line_that_just_fits_is_not_joined_with_the_next() {
        let mut data = vec![b'x'; MAX_LINE as usize - 1];
        data.extend(b"\ny\n");
        let mut lines = Lines::new(&data[..]);
        lines.advance().unwrap();
        assert_eq!(lines.advance().unwrap().unwrap(), b"y");
    }
}

//! The header of a text in the form of electronic mail, as Python and R keep what they say of a package:
//! `Name: value` a line, continued by lines that begin with a blank, to the first empty line.

use std::io::{self, Read};

use super::lines::{Lines, field, text};

/// Lines of a header that are looked at. A description may be part of it; a long one has some thousand.
const MAX_LINES: u32 = 100_000;

/// Hands every field to `take`, its name in lower case. Only the first line of a value is read.
pub fn read(contents: &mut dyn Read, mut take: impl FnMut(&str, String)) -> io::Result<()> {
    let mut lines = Lines::new(contents);
    for _ in 0..MAX_LINES {
        let Some(line) = lines.advance()? else {
            break;
        };
        match line.first() {
            None => break,
            Some(b' ' | b'\t') => {}
            Some(_) => {
                if let Some((name, value)) = field(line) {
                    take(&text(name).to_ascii_lowercase(), text(value));
                }
            }
        }
    }
    Ok(())
}

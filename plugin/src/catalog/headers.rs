//! The header of a text in the form of electronic mail, as Python and R keep what they say of a package:
//! `Name: value` a line, continued by lines that begin with a blank, to the first empty line.

use std::io::{self, Read};

use super::lines::{Lines, field, text};

/// Hands every field to `take`, its name in lower case. Only the first line of a value is read.
pub fn read(contents: &mut dyn Read, mut take: impl FnMut(&str, String)) -> io::Result<()> {
    let mut lines = Lines::new(contents);
    while let Some(line) = lines.advance()? {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn fields_are_read_to_the_first_empty_line_and_no_further() {
        let text = "Name: a\r\nX-Long: one\r\n two\r\n \r\n\tthree\r\nno field\r\nVERSION:1\r\n\r\nName: b\r\n";
        let mut all = Vec::new();
        read(&mut text.as_bytes(), |name, value| {
            all.push(format!("{name}={value}"));
        })
        .unwrap();
        assert_eq!(all, ["name=a", "x-long=one", "version=1"]);
    }
}

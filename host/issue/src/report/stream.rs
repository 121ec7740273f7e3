//! A JSON document written piece by piece: only one element of a list is in memory at a time.

use std::io;

use serde::Serialize;

use super::text::inert_json;

/// One JSON object that is being written, two spaces an indent.
pub(super) struct JsonStream<'w> {
    out: &'w mut dyn io::Write,
    depth: usize,
    /// Whether the list or object that is open has nothing yet.
    empty: bool,
    clean: String,
}

impl<'w> JsonStream<'w> {
    /// Opens the outermost object.
    pub(super) fn open(out: &'w mut dyn io::Write) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(Self {
            out,
            depth: 1,
            empty: true,
            clean: String::new(),
        })
    }

    fn next(&mut self) -> io::Result<()> {
        if !self.empty {
            self.out.write_all(b",")?;
        }
        self.empty = false;
        self.line()
    }

    fn line(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")?;
        for _ in 0..self.depth {
            self.out.write_all(b"  ")?;
        }
        Ok(())
    }

    fn value(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.clean.clear();
        // A line break inside a string is written `\n`: those that are there are the layout's.
        for (place, line) in text.split('\n').enumerate() {
            if place > 0 {
                self.clean.push('\n');
                for _ in 0..self.depth {
                    self.clean.push_str("  ");
                }
            }
            inert_json(line, &mut self.clean);
        }
        self.out.write_all(self.clean.as_bytes())
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        self.next()?;
        write!(self.out, "\"{name}\": ")
    }

    /// A field of the object that is open. Names are ours and need no escapes.
    pub(super) fn field(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.name(name)?;
        self.value(value)
    }

    /// Opens an object as a field.
    pub(super) fn open_object(&mut self, name: &str) -> io::Result<()> {
        self.name(name)?;
        self.opened(b"{")
    }

    /// Opens a list as a field.
    pub(super) fn open_list(&mut self, name: &str) -> io::Result<()> {
        self.name(name)?;
        self.opened(b"[")
    }

    /// Opens an object as an element of a list.
    pub(super) fn open_element(&mut self) -> io::Result<()> {
        self.next()?;
        self.opened(b"{")
    }

    fn opened(&mut self, bracket: &[u8]) -> io::Result<()> {
        self.out.write_all(bracket)?;
        self.depth += 1;
        self.empty = true;
        Ok(())
    }

    /// An element of the list that is open.
    pub(super) fn element(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.next()?;
        self.value(value)
    }

    fn closed(&mut self, bracket: &[u8]) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if !self.empty {
            self.line()?;
        }
        self.empty = false;
        self.out.write_all(bracket)
    }

    /// Closes the list that is open.
    pub(super) fn close_list(&mut self) -> io::Result<()> {
        self.closed(b"]")
    }

    /// Closes the object that is open.
    pub(super) fn close_object(&mut self) -> io::Result<()> {
        self.closed(b"}")
    }

    /// Closes the outermost object.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.closed(b"}")?;
        self.out.write_all(b"\n")
    }
}

/// One object in one line.
pub(super) fn line(
    value: &impl Serialize,
    clean: &mut String,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    clean.clear();
    inert_json(&serde_json::to_string(value)?, clean);
    clean.push('\n');
    out.write_all(clean.as_bytes())
}

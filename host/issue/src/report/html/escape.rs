//! The only way into the page for text that is not ours.

use super::super::text::{inert, inert_lines, link};

/// A page that is being written. [`Page::raw`] takes our own markup only; everything else is escaped.
#[derive(Default)]
pub(in super::super) struct Page(String);

impl Page {
    /// Our own markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Foreign text in one line.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.escape(&inert(text));
        self
    }

    /// Foreign text in one line, with what stands between backticks as code.
    pub(super) fn prose(&mut self, text: &str) -> &mut Self {
        let text = inert(text);
        if !text.matches('`').count().is_multiple_of(2) {
            self.escape(&text);
            return self;
        }
        for (place, part) in text.split('`').enumerate() {
            if place.is_multiple_of(2) {
                self.escape(part);
            } else {
                self.raw("<code>").escape(part);
                self.raw("</code>");
            }
        }
        self
    }

    /// Foreign text with its line breaks.
    pub(super) fn lines(&mut self, text: &str) -> &mut Self {
        self.escape(&inert_lines(text));
        self
    }

    /// A link where the address may be one, else its text alone. A foreign page learns nothing of this one.
    pub(super) fn link(&mut self, url: &str, text: &str) -> &mut Self {
        match link(url) {
            Some(url) => {
                self.raw("<a rel=\"noopener noreferrer nofollow\" href=\"");
                self.escape(url);
                self.raw("\">").text(text).raw("</a>")
            }
            None => self.text(text),
        }
    }

    /// What was written, and an empty page in its place.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.0)
    }

    fn escape(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
    }
}

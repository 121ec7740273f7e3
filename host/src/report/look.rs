//! How a report looks: the width of the screen, and the few colours.

use anstyle::{AnsiColor, Style};

/// What a report may use of the screen it goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal; `None` when the text goes to a file or another program, where nothing is
    /// shortened to fit.
    pub width: Option<usize>,
    /// Whether colours may be used.
    pub colour: bool,
}

impl Look {
    /// No terminal, no colours.
    pub const PLAIN: Self = Self {
        width: None,
        colour: false,
    };

    fn paint(self, style: Style, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// What matters in a line.
    pub fn strong(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// What is there for completeness.
    pub fn faint(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// All is well.
    pub fn good(self, text: &str) -> String {
        self.paint(colour(AnsiColor::Green), text)
    }

    /// Somebody should look at it.
    pub fn warn(self, text: &str) -> String {
        self.paint(colour(AnsiColor::Yellow), text)
    }

    /// Something is wrong.
    pub fn bad(self, text: &str) -> String {
        self.paint(colour(AnsiColor::Red), text)
    }

    /// Paints a cell by its tone.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        match tone {
            Tone::Plain => text.to_owned(),
            Tone::Strong => self.strong(text),
            Tone::Faint => self.faint(text),
            Tone::Good => self.good(text),
            Tone::Warn => self.warn(text),
            Tone::Bad => self.bad(text),
        }
    }
}

/// What a piece of text says by its colour; the words always say it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Strong,
    Faint,
    Good,
    Warn,
    Bad,
}

fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(colour.into()))
}

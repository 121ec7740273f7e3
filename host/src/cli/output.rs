//! Where the program writes: data to stdout, everything else to stderr.
//!
//! A reader that went away (`| head`) is no error: what is left is dropped in silence, and the exit code is
//! still that of the work. As a last line of defence nothing is written that contains a secret which this
//! process was given.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

use anstream::ColorChoice;

use crate::host::SecretString;
use crate::report::Look;

/// Secrets shorter than this are not looked for in the output: they would be found in everything.
const MIN_MASKED: usize = 6;

/// Both streams, and how they look.
pub(crate) struct Output {
    stdout: Mutex<Pipe>,
    stderr: Mutex<Pipe>,
    /// What reports on stdout may use.
    pub(crate) look: Look,
    /// The same for stderr.
    pub(crate) err_look: Look,
    /// Whether a person watches stderr.
    pub(crate) err_terminal: bool,
    secrets: Mutex<Vec<SecretString>>,
}

struct Pipe {
    writer: Box<dyn Write + Send>,
    /// The reader went away.
    closed: bool,
    /// Writing failed for another reason (a full disk).
    failed: Option<io::Error>,
}

impl Pipe {
    fn new(writer: Box<dyn Write + Send>) -> Self {
        Self {
            writer,
            closed: false,
            failed: None,
        }
    }

    fn write(&mut self, text: &str) {
        if self.closed || self.failed.is_some() {
            return;
        }
        match self
            .writer
            .write_all(text.as_bytes())
            .and_then(|()| self.writer.flush())
        {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            Err(error) => self.failed = Some(error),
        }
    }
}

impl Output {
    /// The streams of this process.
    pub(crate) fn process(choice: ColorChoice) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let err_terminal =
            stderr.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let look = Look {
            width: stdout
                .is_terminal()
                .then(|| columns(&console::Term::stdout())),
            colour: colours(choice, || anstream::AutoStream::choice(&stdout)),
        };
        let err_look = Look {
            width: stderr
                .is_terminal()
                .then(|| columns(&console::Term::stderr())),
            colour: colours(choice, || anstream::AutoStream::choice(&stderr)),
        };
        Self {
            stdout: Mutex::new(Pipe::new(Box::new(stdout))),
            stderr: Mutex::new(Pipe::new(Box::new(stderr))),
            look,
            err_look,
            err_terminal,
            secrets: Mutex::default(),
        }
    }

    /// Streams for tests: no terminal.
    #[cfg(test)]
    pub(crate) fn to(
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
        look: Look,
    ) -> Self {
        Self {
            stdout: Mutex::new(Pipe::new(stdout)),
            stderr: Mutex::new(Pipe::new(stderr)),
            look,
            err_look: look,
            err_terminal: false,
            secrets: Mutex::default(),
        }
    }

    /// Never lets this text out from now on.
    pub(crate) fn protect(&self, secret: SecretString) {
        if secret.expose().len() >= MIN_MASKED {
            lock(&self.secrets).push(secret);
        }
    }

    /// What the command was asked for.
    pub(crate) fn data(&self, text: &str) {
        let text = self.masked(text);
        lock(&self.stdout).write(&text);
    }

    /// What goes on besides.
    pub(crate) fn note(&self, text: &str) {
        let text = self.masked(text);
        lock(&self.stderr).write(&text);
    }

    /// The error that ended the writing of data, unless the reader just went away.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        lock(&self.stdout).failed.take()
    }

    /// The text without the secrets.
    pub(crate) fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in lock(&self.secrets).iter() {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), "…");
            }
        }
        text
    }
}

/// A lock that a panic elsewhere does not take away: text is written whole or not at all.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn columns(term: &console::Term) -> usize {
    term.size_checked()
        .map_or(80, |(_, columns)| usize::from(columns))
        .max(40)
}

/// `--color` comes first, then `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR`, and whether it is a terminal.
fn colours(choice: ColorChoice, detect: impl Fn() -> ColorChoice) -> bool {
    let decided = if choice == ColorChoice::Auto {
        detect()
    } else {
        choice
    };
    matches!(decided, ColorChoice::Always | ColorChoice::AlwaysAnsi)
}

/// Masks what looks like a GitLab token (`glpat-…`), in text that repeats the command line.
pub(crate) fn mask_tokens(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if is_part(c) {
            word.push(c);
            continue;
        }
        match word.split_once('-') {
            Some((kind, rest)) if kind.len() >= 4 && kind.starts_with("gl") && rest.len() >= 8 => {
                out.push_str(kind);
                out.push_str("-…");
            }
            _ => out.push_str(&word),
        }
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_decides_over_the_environment_and_the_terminal() {
        assert!(colours(ColorChoice::Always, || ColorChoice::Never));
        assert!(!colours(ColorChoice::Never, || ColorChoice::Always));
        assert!(!colours(ColorChoice::Auto, || ColorChoice::Never));
        assert!(colours(ColorChoice::Auto, || ColorChoice::Always));
    }

    #[test]
    fn what_looks_like_a_token_is_masked() {
        assert_eq!(
            mask_tokens("unexpected argument 'glpat-abcDEF123_456.01' found"),
            "unexpected argument 'glpat-…' found"
        );
        assert_eq!(
            mask_tokens("the gl-container-scanning"),
            "the gl-container-scanning"
        );
        assert_eq!(mask_tokens("--token-file x"), "--token-file x");
    }
}

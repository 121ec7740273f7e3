//! How a token gets in: stdin, a file, an environment variable, or typed without echo. Never the command
//! line, where every process of the machine and the shell's history see it.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::errors::{CliError, CliResult};
use super::output::mask_tokens;
use crate::host::SecretString;

/// Bytes of a token. GitLab's have some tens; a job's JWT a few thousand.
const MAX_TOKEN_BYTES: u64 = 16 * 1024;

const THREE_WAYS: &str = "use --token-stdin, --token-file FILE or --token-env VAR";

/// Where the token comes from.
#[derive(Args, Clone, Debug, Default)]
#[group(id = "token-source", multiple = false)]
pub(crate) struct TokenFlags {
    /// Read the token from standard input
    #[arg(long, help_heading = "Token")]
    token_stdin: bool,
    /// Read the token from a file
    #[arg(long, value_name = "FILE", help_heading = "Token")]
    token_file: Option<PathBuf>,
    /// Read the token from an environment variable
    #[arg(long, value_name = "VAR", help_heading = "Token")]
    token_env: Option<String>,
    // Only here to be refused with a sentence.
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    token: Option<String>,
}

/// The surroundings that a token can come from.
pub(crate) struct Sources<'a> {
    pub(crate) stdin: &'a mut dyn Read,
    /// Whether a person types into stdin.
    pub(crate) terminal: bool,
    /// Asks without echo.
    pub(crate) prompt: &'a dyn Fn() -> std::io::Result<String>,
    pub(crate) variable: &'a dyn Fn(&str) -> Option<std::ffi::OsString>,
}

impl TokenFlags {
    /// Whether no source was named.
    pub(crate) fn is_empty(&self) -> bool {
        !self.token_stdin && self.token_file.is_none() && self.token_env.is_none()
    }

    /// Refuses a token on the command line, before anything else is done.
    pub(crate) fn check(&self) -> CliResult<()> {
        if self.token.is_some() {
            return Err(CliError::usage(
                "a token on the command line is seen by every process of this machine and kept in the \
                 shell's history",
                format!("{THREE_WAYS}; revoke the token if it was a real one"),
            ));
        }
        Ok(())
    }

    /// The token, from where the flags say.
    pub(crate) fn read(&self, sources: Sources<'_>) -> CliResult<SecretString> {
        self.check()?;
        if let Some(name) = &self.token_env {
            return from_variable(name, sources.variable);
        }
        if let Some(path) = &self.token_file {
            return from_file(path);
        }
        if sources.terminal {
            let typed = (sources.prompt)().map_err(|error| {
                CliError::usage("the token could not be read from the terminal", THREE_WAYS)
                    .because(error)
            })?;
            return checked(
                Zeroizing::new(typed.into_bytes()),
                "the token that was typed",
            );
        }
        if !self.token_stdin {
            return Err(CliError::usage("no token was given", THREE_WAYS));
        }
        let bytes = capped(sources.stdin).map_err(|error| {
            CliError::usage(
                "the token could not be read from standard input",
                THREE_WAYS,
            )
            .because(error)
        })?;
        checked(bytes, "the token on standard input")
    }
}

fn from_variable(
    name: &str,
    variable: &dyn Fn(&str) -> Option<std::ffi::OsString>,
) -> CliResult<SecretString> {
    let is_name = !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        // It may be the token itself, so it is not repeated.
        return Err(CliError::usage(
            "what follows --token-env is not the name of an environment variable",
            "give the name of the variable that holds the token (--token-env GITLAB_TOKEN), not the token",
        ));
    }
    let value = variable(name).ok_or_else(|| {
        CliError::usage(
            format!("the environment variable {name} is not set"),
            THREE_WAYS,
        )
    })?;
    let bytes = Zeroizing::new(value.into_encoded_bytes());
    checked(
        bytes,
        &format!("the token in the environment variable {name}"),
    )
}

fn from_file(path: &Path) -> CliResult<SecretString> {
    let shown = mask_tokens(&path.display().to_string());
    let bytes = std::fs::File::open(path)
        .and_then(|mut file| capped(&mut file))
        .map_err(|error| {
            CliError::usage(
                format!("the token file {shown} could not be read: {error}"),
                THREE_WAYS,
            )
        })?;
    checked(bytes, &format!("the token in {shown}"))
}

fn capped(reader: &mut dyn Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // One allocation, so that no copy of the token is left behind by a growing buffer.
    let size = usize::try_from(MAX_TOKEN_BYTES + 1).unwrap_or(usize::MAX);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    reader.take(MAX_TOKEN_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// One line of printable ASCII; what else it is, is said without repeating any of it.
fn checked(bytes: Zeroizing<Vec<u8>>, what: &str) -> CliResult<SecretString> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let wrong = if line.is_empty() {
        Some("is empty")
    } else if bytes.len() as u64 > MAX_TOKEN_BYTES {
        Some("is longer than 16 KiB")
    } else if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        Some("has more than one line")
    } else if line.iter().any(|byte| byte.is_ascii_whitespace()) {
        Some("has a blank in it")
    } else if !line.iter().all(u8::is_ascii_graphic) {
        Some("has characters that no token has")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        return Err(CliError::usage(
            format!("{what} {wrong}"),
            "give the token alone, as GitLab showed it when it was made",
        ));
    }
    Ok(SecretString::new(
        String::from_utf8_lossy(line).into_owned(),
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    fn read(flags: &TokenFlags, stdin: &[u8], terminal: bool) -> CliResult<SecretString> {
        flags.read(Sources {
            stdin: &mut { stdin },
            terminal,
            prompt: &|| Ok("typed-token".to_owned()),
            variable: &|name| (name == "TOKEN").then(|| "from-env".into()),
        })
    }

    fn stdin_flags() -> TokenFlags {
        TokenFlags {
            token_stdin: true,
            ..TokenFlags::default()
        }
    }

    #[test]
    fn one_line_end_is_trimmed_and_nothing_else() {
        for text in ["glpat-abc", "glpat-abc\n", "glpat-abc\r\n"] {
            assert_eq!(
                read(&stdin_flags(), text.as_bytes(), false)
                    .unwrap()
                    .expose(),
                "glpat-abc"
            );
        }
    }

    #[test]
    fn what_is_no_token_is_refused_with_a_sentence_that_does_not_repeat_it() {
        for (text, word) in [
            (&b""[..], "empty"),
            (b"\n", "empty"),
            (b"hunter22\nhunter22\n", "more than one line"),
            (b"hunter22\n\n", "more than one line"),
            (b"hunter22 x", "blank"),
            (b" hunter22", "blank"),
            (b"hunter22\x1b", "characters"),
            ("hunter22ß".as_bytes(), "characters"),
            (b"hunter22\0", "characters"),
        ] {
            let error = read(&stdin_flags(), text, false).unwrap_err();
            assert!(error.message.contains(word), "{}", error.message);
            assert!(!format!("{error:?}").contains("hunter22"));
            assert_eq!(error.exit, Exit::Usage);
        }
        let endless = vec![b'a'; 20_000];
        assert!(
            read(&stdin_flags(), &endless, false)
                .unwrap_err()
                .message
                .contains("16 KiB")
        );
    }

    #[test]
    fn a_terminal_is_asked_and_a_pipe_is_not_read_unasked() {
        assert_eq!(
            read(&TokenFlags::default(), b"", true).unwrap().expose(),
            "typed-token"
        );
        assert_eq!(
            read(&stdin_flags(), b"", true).unwrap().expose(),
            "typed-token"
        );
        let error = read(&TokenFlags::default(), b"glpat-abc", false).unwrap_err();
        assert!(error.hint.contains("--token-stdin"));
    }

    #[test]
    fn a_token_in_place_of_a_variable_or_a_path_is_not_repeated() {
        let token = "glpat-abcdEFGH12345678";
        let by_env = TokenFlags {
            token_env: Some(token.to_owned()),
            ..TokenFlags::default()
        };
        let by_file = TokenFlags {
            token_file: Some(token.into()),
            ..TokenFlags::default()
        };
        for flags in [by_env, by_file] {
            let error = read(&flags, b"", false).unwrap_err();
            assert!(!format!("{error:?}").contains("abcdEFGH"), "{error:?}");
        }
    }

    #[test]
    fn a_variable_is_read_and_a_missing_one_is_named() {
        let flags = |name: &str| TokenFlags {
            token_env: Some(name.to_owned()),
            ..TokenFlags::default()
        };
        assert_eq!(
            read(&flags("TOKEN"), b"", false).unwrap().expose(),
            "from-env"
        );
        assert!(
            read(&flags("OTHER"), b"", false)
                .unwrap_err()
                .message
                .contains("OTHER")
        );
    }

    #[test]
    fn a_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "glpat-file\n").unwrap();
        let flags = TokenFlags {
            token_file: Some(path),
            ..TokenFlags::default()
        };
        assert_eq!(read(&flags, b"", false).unwrap().expose(), "glpat-file");
    }
}

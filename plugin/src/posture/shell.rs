//! Commands of `RUN` steps, as far as two rules need them: split at what separates commands, without the
//! grammar of a shell. What is quoted may be split, too; a finding needs a whole pattern, which the halves
//! of a quoted text don't make.

/// Bytes of a command that are looked at.
const MAX_COMMAND: usize = 16 * 1024;

/// A script that is run straight from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piped<'c> {
    /// The command.
    pub command: &'c str,
    /// Nothing makes sure even whom it came from: no TLS, or TLS that is not checked.
    pub unprotected: bool,
}

/// The first command that runs a script straight from the network: `curl … | sh`, `sh -c "$(curl …)"`,
/// `bash <(curl …)`.
pub fn piped_to_shell(run: &str) -> Option<Piped<'_>> {
    statements(run)
        .find(|statement| is_piped(statement) || is_substituted(statement))
        .map(|command| Piped {
            command,
            unprotected: is_unprotected(command),
        })
}

/// The first command that lets everybody write (`chmod 777`, `chmod -R a+rwX`).
pub fn chmod_for_all(run: &str) -> Option<&str> {
    statements(run).find(|statement| {
        let mut words = words(statement);
        program(&mut words) == Some("chmod")
            && words
                .find(|word| !word.starts_with('-'))
                .is_some_and(lets_all_write)
    })
}

/// True for modes of `chmod` that let everybody write what is not sticky.
pub fn lets_all_write(mode: &str) -> bool {
    if mode.bytes().all(|byte| byte.is_ascii_digit()) {
        return u32::from_str_radix(mode, 8)
            .is_ok_and(|mode| mode & 0o002 != 0 && mode & 0o1000 == 0);
    }
    let mut writes = false;
    for clause in mode.split(',') {
        let Some(at) = clause.find(['+', '=']) else {
            continue;
        };
        let (who, rights) = clause.split_at(at);
        if rights.contains('t') {
            return false;
        }
        // Without a letter the umask decides.
        writes |= who.contains(['o', 'a']) && rights.contains('w');
    }
    writes
}

/// The parts between `&&`, `||`, `;` and ends of lines.
fn statements(run: &str) -> impl Iterator<Item = &str> {
    let mut end = run.len().min(MAX_COMMAND);
    while !run.is_char_boundary(end) {
        end -= 1;
    }
    run.get(..end)
        .unwrap_or_default()
        .split(['\n', ';'])
        .flat_map(|part| part.split("&&"))
        .flat_map(|part| part.split("||"))
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn words(command: &str) -> impl Iterator<Item = &str> {
    command
        .split_ascii_whitespace()
        .map(|word| word.trim_matches(['(', ')', '{', '}', '"', '\'', '`']))
        .filter(|word| !word.is_empty())
}

/// The name of the program that a command starts, behind assignments, `sudo` and the like.
fn program<'w>(words: &mut impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let mut wrapped = false;
    for word in words {
        let name = word.rsplit('/').next().unwrap_or(word);
        match name {
            "sudo" | "env" | "exec" | "time" | "nice" | "if" | "then" | "do" | "!" | "set" => {
                wrapped = true;
            }
            _ if is_assignment(word) => {}
            _ if wrapped && word.starts_with('-') => {}
            _ => return Some(name),
        }
    }
    None
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

fn fetches(name: &str) -> bool {
    matches!(name, "curl" | "wget" | "fetch" | "aria2c")
}

fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh")
}

/// `curl … | sh`: a shell, or an interpreter, that reads its script from the pipe.
fn is_piped(statement: &str) -> bool {
    let mut fetched = false;
    for part in statement.split('|') {
        let mut words = words(part);
        let Some(name) = program(&mut words) else {
            continue;
        };
        if fetches(name) {
            fetched = true;
        } else if fetched {
            let plain =
                name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
            if is_shell(name) {
                // Its own script (`-c`) or a file instead of the pipe.
                let mut from_pipe = true;
                for word in words {
                    match word {
                        "-s" | "-" => break,
                        "-c" => from_pipe = false,
                        word if word.starts_with(['-', '>', '<']) || word.starts_with("2>") => {}
                        _ => from_pipe = false,
                    }
                    if !from_pipe {
                        break;
                    }
                }
                if from_pipe {
                    return true;
                }
            } else if matches!(plain, "python" | "perl" | "ruby" | "node" | "php") {
                // `python3 -m json.tool` and the like read data from the pipe.
                let next = words.next();
                if next.is_none_or(|word| word == "-") {
                    return true;
                }
            }
        }
    }
    false
}

/// `sh -c "$(curl …)"`, `eval "$(curl …)"`, `bash <(curl …)`, `. <(curl …)`.
fn is_substituted(statement: &str) -> bool {
    let opens = |mark: &str| {
        statement
            .match_indices(mark)
            .filter_map(|(at, _)| statement.get(at + mark.len()..))
            .any(|inside| program(&mut words(inside)).is_some_and(fetches))
    };
    if !(opens("$(") || opens("<(") || opens("`")) {
        return false;
    }
    let mut words = words(statement);
    match program(&mut words) {
        Some("eval" | "source" | ".") => true,
        Some(name) if is_shell(name) => {
            opens("<(") || words.any(|word| word.starts_with('-') && word.ends_with('c'))
        }
        _ => false,
    }
}

fn is_unprotected(command: &str) -> bool {
    command.contains("http://")
        || words(command).any(|word| {
            matches!(word, "--insecure" | "--no-check-certificate")
                || (word.starts_with('-')
                    && !word.starts_with("--")
                    && word.len() <= 6
                    && word.contains('k')
                    && command.contains("curl"))
        })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scripts_from_the_network_are_seen_in_their_usual_forms() {
        for (run, unprotected) in [
            (
                "curl -fsSL https://deb.nodesource.com/setup_20.x | bash -",
                false,
            ),
            (
                "apt-get update && curl -sSL https://install.example | sh -s -- -y && rm x",
                false,
            ),
            ("wget -qO- https://x.example/i.sh | sudo -E bash", false),
            ("curl https://x.example | POETRY_HOME=/opt python3 -", false),
            ("curl https://sh.rustup.rs -sSf | sh -s -- -y", false),
            (
                "sh -c \"$(curl -fsSL https://x.example/install.sh)\"",
                false,
            ),
            ("bash <(curl -s https://x.example)", false),
            ("eval \"$(wget -qO- https://x.example)\"", false),
            ("curl http://x.example/i.sh | sh", true),
            ("curl -skL https://x.example/i.sh | /bin/bash", true),
            (
                "wget --no-check-certificate -O - https://x.example | sh",
                true,
            ),
            ("set -eux; curl https://x.example | tar xz | sh", false),
        ] {
            let found = piped_to_shell(run).unwrap_or_else(|| panic!("{run}"));
            assert_eq!(found.unprotected, unprotected, "{run}");
        }
    }

    #[test]
    fn data_from_the_network_is_no_script() {
        for run in [
            "curl -fsSL https://x.example/key | gpg --dearmor -o /usr/share/keyrings/x.gpg",
            "curl https://x.example | tar xz -C /opt",
            "curl -s https://x.example | python3 -c 'import sys,json; print(json.load(sys.stdin))'",
            "curl -s https://x.example | python3 -m json.tool",
            "curl -s https://x.example | sh -c 'cat >/x'",
            "curl -o i.sh https://x.example && echo 'aa  i.sh' | sha256sum -c && sh i.sh",
            "curl https://x.example || sh fallback.sh",
            "echo sh | bash",
            "VERSION=$(curl -s https://x.example) && echo $VERSION",
            "sh -c 'make' # $(date)",
            "",
        ] {
            assert_eq!(piped_to_shell(run), None, "{run}");
        }
    }

    #[test]
    fn only_modes_that_let_everybody_write_count() {
        for mode in [
            "777",
            "0777",
            "666",
            "a+rwx",
            "o+w",
            "ugo+rw",
            "u=rwx,o=rw",
            "757",
        ] {
            assert!(lets_all_write(mode), "{mode}");
        }
        for mode in [
            "755", "1777", "+w", "u+w", "g+w", "a+rx", "775", "a+rwt", "o-w", "a=rwxt", "x", "",
        ] {
            assert!(!lets_all_write(mode), "{mode}");
        }
        assert_eq!(
            chmod_for_all("mkdir /data && chmod -R 777 /data; ls"),
            Some("chmod -R 777 /data")
        );
        assert_eq!(chmod_for_all("echo chmod 777"), None);
        assert_eq!(chmod_for_all("chmod 755 /a/777"), None);
    }

    proptest! {
        #[test]
        fn any_command_is_survived(run in ".{0,300}") {
            let _ = piped_to_shell(&run);
            let _ = chmod_for_all(&run);
        }

        #[test]
        fn any_mixture_of_shell_words_is_survived(words in prop::collection::vec(prop::sample::select(vec![
            "curl", "sh", "|", "||", "&&", ";", "$(", ")", "<(", "`", "-c", "chmod", "777", "é", "'", "\"", "sudo", "A=b",
        ]), 0..20)) {
            let run = words.join(" ");
            let _ = piped_to_shell(&run);
            let _ = chmod_for_all(&words.concat());
        }
    }
}

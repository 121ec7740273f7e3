//! One step of an image's history, read: which instruction it was, by which tool, and with which words.
//!
//! Every builder writes its own spelling: the classic Docker builder and Buildah `/bin/sh -c #(nop) …` (and
//! a bare shell command for RUN), BuildKit the line of the Dockerfile with `# buildkit` at its end, kaniko
//! the bare line, others their own name.

use crate::contract::HistoryStep;

/// Words of an `ADD` or `COPY` that are looked at.
const MAX_WORDS: usize = 64;

/// Who wrote a step, as far as its spelling tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The classic builder of Docker, or Buildah.
    Classic,
    /// BuildKit.
    BuildKit,
    /// A line of a Dockerfile without a mark: kaniko and others.
    Plain,
    /// debuerreotype, which makes Debian's root file systems.
    Debuerreotype,
    /// Bazel's rules.
    Bazel,
    /// apko.
    Apko,
    /// ko.
    Ko,
    /// Jib.
    Jib,
    /// A buildpack.
    Buildpack,
    /// Nix.
    Nix,
    /// The step says nothing.
    Unnamed,
    /// Something else: a command that ran in a container that was committed.
    Other,
}

impl Tool {
    /// True when it reads Dockerfiles.
    pub fn reads_dockerfiles(self) -> bool {
        matches!(self, Self::Classic | Self::BuildKit | Self::Plain)
    }

    /// For sentences.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classic => "the classic builder",
            Self::BuildKit => "BuildKit",
            Self::Plain => "another builder of Dockerfiles",
            Self::Debuerreotype => "debuerreotype",
            Self::Bazel => "Bazel",
            Self::Apko => "apko",
            Self::Ko => "ko",
            Self::Jib => "Jib",
            Self::Buildpack => "a buildpack",
            Self::Nix => "Nix",
            Self::Unnamed => "a tool that leaves no name",
            Self::Other => "something else",
        }
    }
}

/// The instruction of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// `ADD`
    Add,
    /// `COPY`
    Copy,
    /// `RUN`
    Run,
    /// `CMD`
    Cmd,
    /// `ENTRYPOINT`
    Entrypoint,
    /// `HEALTHCHECK`
    Healthcheck,
    /// `WORKDIR`
    Workdir,
    /// `ENV`, `LABEL` and the others that only change the config.
    Setting,
    /// None that is known.
    Unknown,
}

/// A step, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'s> {
    /// Who wrote it.
    pub tool: Tool,
    /// What it did.
    pub instruction: Instruction,
    /// What follows the instruction; for `RUN` the command without the shell.
    pub rest: &'s str,
}

impl<'s> Step<'s> {
    /// Reads a step.
    pub fn of(step: &'s HistoryStep) -> Self {
        let comment = step.comment.as_deref().unwrap_or_default();
        let command = step.command.trim();
        let unmarked = command.strip_suffix("# buildkit").map(str::trim_end);
        let is_buildkit = unmarked.is_some() || comment.starts_with("buildkit.");
        let command = unmarked.unwrap_or(command);
        if !is_buildkit && let Some(tool) = named(command, comment) {
            return Self {
                tool,
                instruction: Instruction::Unknown,
                rest: command,
            };
        }
        let own = if is_buildkit {
            Some(Tool::BuildKit)
        } else {
            None
        };
        // `/bin/sh -c #(nop)  CMD ["bash"]`; the mark is near the beginning, behind the shell.
        if let Some((shell, rest)) = command.split_once("#(nop)")
            && shell.len() < 64
        {
            let (instruction, rest) = instruction(rest.trim_start());
            return Self {
                tool: own.unwrap_or(Tool::Classic),
                instruction,
                rest,
            };
        }
        match instruction(command) {
            (Instruction::Unknown, _) => {}
            (found, rest) => {
                let rest = match found {
                    Instruction::Run => without_shell(rest).unwrap_or(rest),
                    _ => rest,
                };
                return Self {
                    tool: own.unwrap_or(Tool::Plain),
                    instruction: found,
                    rest,
                };
            }
        }
        match without_shell(command) {
            Some(rest) => Self {
                tool: own.unwrap_or(Tool::Classic),
                instruction: Instruction::Run,
                rest,
            },
            None => Self {
                tool: own.unwrap_or(Tool::Other),
                instruction: Instruction::Unknown,
                rest: command,
            },
        }
    }

    /// Sources and target of an `ADD` or `COPY`, without its flags.
    pub fn operands(&self) -> Option<(Vec<String>, String)> {
        if !matches!(self.instruction, Instruction::Add | Instruction::Copy) {
            return None;
        }
        let rest = self.rest.trim_start();
        let after_flags = skip_flags(rest);
        let mut words: Vec<String> = if after_flags.starts_with('[') {
            serde_json::from_str::<Vec<String>>(after_flags).ok()?
        } else {
            // The classic builder writes `file:DIGEST in /target`.
            after_flags
                .split_ascii_whitespace()
                .filter(|word| *word != "in")
                .take(MAX_WORDS)
                .map(str::to_owned)
                .collect()
        };
        let target = words.pop()?;
        (!words.is_empty()).then_some((words, target))
    }

    /// The value of a flag (`--chmod=777`) of an `ADD` or `COPY`.
    pub fn flag(&self, name: &str) -> Option<&'s str> {
        self.rest
            .split_ascii_whitespace()
            .take(MAX_WORDS)
            .take_while(|word| word.starts_with("--"))
            .find_map(|word| {
                word.strip_prefix("--")?
                    .strip_prefix(name)?
                    .strip_prefix('=')
            })
    }
}

/// The tools that sign their steps with a name.
fn named(command: &str, comment: &str) -> Option<Tool> {
    // (Its "auto-generated by Jib" stands for layers of a base image that has no history.)
    if command.starts_with("jib-") {
        return Some(Tool::Jib);
    }
    if command.starts_with("ko build ") || command.starts_with("ko publish ") {
        return Some(Tool::Ko);
    }
    if command == "apko" || comment.starts_with("This is an apko ") {
        return Some(Tool::Apko);
    }
    if command.starts_with("bazel build") {
        return Some(Tool::Bazel);
    }
    if comment.starts_with("debuerreotype ") || command.starts_with("# debian.sh ") {
        return Some(Tool::Debuerreotype);
    }
    if comment.starts_with("store paths: [") {
        return Some(Tool::Nix);
    }
    if is_buildpack(command) {
        return Some(Tool::Buildpack);
    }
    if command.is_empty() {
        return Some(Tool::Unnamed);
    }
    None
}

/// What the lifecycle of Cloud Native Buildpacks writes.
fn is_buildpack(command: &str) -> bool {
    const MARKS: &[&str] = &[
        "Buildpacks Launcher Config",
        "Buildpacks Application Launcher",
        "Buildpacks Process Types",
        "Software Bill-of-Materials",
        "Application Layer",
        "Application Slice",
        "Launcher Config",
        "Process Types",
    ];
    MARKS.iter().any(|mark| command.starts_with(mark))
        || (command.starts_with("Layer: '") && command.contains("Created by buildpack"))
}

fn instruction(line: &str) -> (Instruction, &str) {
    let end = line
        .find(|letter: char| !letter.is_ascii_uppercase())
        .unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    // `CMD["bash"]` has been seen; a path or a shell command never begins with these words alone.
    if !(rest.is_empty() || rest.starts_with([' ', '\t', '['])) {
        return (Instruction::Unknown, line);
    }
    let found = match word {
        "ADD" => Instruction::Add,
        "COPY" => Instruction::Copy,
        "RUN" => Instruction::Run,
        "CMD" => Instruction::Cmd,
        "ENTRYPOINT" => Instruction::Entrypoint,
        "HEALTHCHECK" => Instruction::Healthcheck,
        "WORKDIR" => Instruction::Workdir,
        "ENV" | "ARG" | "LABEL" | "EXPOSE" | "VOLUME" | "USER" | "STOPSIGNAL" | "ONBUILD"
        | "SHELL" | "MAINTAINER" => Instruction::Setting,
        _ => return (Instruction::Unknown, line),
    };
    (found, rest.trim_start())
}

/// The command that a shell ran, without build arguments (`|2 A=… B=… /bin/sh -c`) and shell.
fn without_shell(command: &str) -> Option<&str> {
    let mut rest = command;
    if let Some(arguments) = rest.strip_prefix('|')
        && arguments.starts_with(|first: char| first.is_ascii_digit())
    {
        let shell = [" /bin/", " cmd ", " powershell "]
            .iter()
            .filter_map(|shell| arguments.find(shell))
            .min()?;
        rest = arguments.get(shell..)?.trim_start();
    }
    let is_shell = rest.starts_with("/bin/") || rest.starts_with("/usr/bin/");
    if is_shell && let Some((shell, command)) = rest.split_once(" -c ") {
        // `/bin/bash -o pipefail -c …`, not a program that has such an option itself.
        let plain = shell
            .split_ascii_whitespace()
            .skip(1)
            .all(|word| word.starts_with('-') || word == "pipefail");
        if plain && shell.len() < 64 {
            return Some(command.trim_start());
        }
    }
    for shell in ["cmd /S /C ", "powershell -Command "] {
        if let Some(command) = rest.strip_prefix(shell) {
            return Some(command);
        }
    }
    None
}

fn skip_flags(mut rest: &str) -> &str {
    while rest.starts_with("--") {
        rest = match rest.find([' ', '\t']) {
            Some(end) => rest.get(end..).unwrap_or_default().trim_start(),
            None => "",
        };
    }
    rest
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

    fn step(command: &str, comment: &str) -> HistoryStep {
        HistoryStep {
            created: None,
            command: command.to_owned(),
            comment: Some(comment.to_owned()).filter(|text| !text.is_empty()),
            empty_layer: false,
        }
    }

    #[test]
    fn one_instruction_is_read_in_the_spelling_of_every_builder() {
        use Instruction::{Add, Cmd, Copy, Run};
        for (command, comment, tool, instruction, rest) in [
            (
                "/bin/sh -c #(nop)  CMD [\"bash\"]",
                "",
                Tool::Classic,
                Cmd,
                "[\"bash\"]",
            ),
            (
                "CMD [\"bash\"]",
                "buildkit.dockerfile.v0",
                Tool::BuildKit,
                Cmd,
                "[\"bash\"]",
            ),
            ("CMD [\"bash\"]", "", Tool::Plain, Cmd, "[\"bash\"]"),
            (
                "/bin/sh -c apt-get update",
                "",
                Tool::Classic,
                Run,
                "apt-get update",
            ),
            ("|1 A=… /bin/sh -c make", "", Tool::Classic, Run, "make"),
            (
                "/bin/bash -o pipefail -c make",
                "",
                Tool::Classic,
                Run,
                "make",
            ),
            (
                "RUN /bin/sh -c make # buildkit",
                "buildkit.dockerfile.v0",
                Tool::BuildKit,
                Run,
                "make",
            ),
            (
                "RUN |1 A=… /bin/sh -c make # buildkit",
                "",
                Tool::BuildKit,
                Run,
                "make",
            ),
            ("RUN make", "", Tool::Plain, Run, "make"),
            ("cmd /S /C dir", "", Tool::Classic, Run, "dir"),
            ("COPY . /app # buildkit", "", Tool::BuildKit, Copy, ". /app"),
            (
                "/bin/sh -c #(nop) ADD file:ab in / ",
                "",
                Tool::Classic,
                Add,
                "file:ab in /",
            ),
        ] {
            let step = step(command, comment);
            let read = Step::of(&step);
            assert_eq!(
                (read.tool, read.instruction, read.rest),
                (tool, instruction, rest),
                "{command}"
            );
        }
    }

    #[test]
    fn tools_that_sign_their_steps_are_known() {
        for (command, comment, tool) in [
            ("jib-maven-plugin:3.4.0", "dependencies", Tool::Jib),
            (
                "ko build ko://example.com/cmd",
                "go build output, at /ko-app/cmd",
                Tool::Ko,
            ),
            ("apko", "This is an apko single-layer image", Tool::Apko),
            ("bazel build ...", "", Tool::Bazel),
            (
                "# debian.sh --arch 'amd64' out/ 'bookworm' '@1733788800'",
                "debuerreotype 0.15",
                Tool::Debuerreotype,
            ),
            ("", "store paths: ['/nix/store/x']", Tool::Nix),
            ("Buildpacks Launcher Config", "", Tool::Buildpack),
            (
                "Layer: 'jre', Created by buildpack: paketo-buildpacks/bellsoft-liberica@10.4.1",
                "",
                Tool::Buildpack,
            ),
            ("", "", Tool::Unnamed),
            ("bash", "", Tool::Other),
            ("/usr/bin/program file -c x", "", Tool::Other),
            ("", "auto-generated by Jib", Tool::Unnamed),
        ] {
            assert_eq!(Step::of(&step(command, comment)).tool, tool, "{command}");
        }
    }

    #[test]
    fn operands_are_told_from_flags_in_every_form() {
        for (command, sources, target) in [
            (
                "COPY --from=build --chown=1:1 /a /b /c # buildkit",
                vec!["/a", "/b"],
                "/c",
            ),
            ("COPY [\"a b\", \"/c\"]", vec!["a b"], "/c"),
            ("/bin/sh -c #(nop) ADD file:ab in / ", vec!["file:ab"], "/"),
            (
                "ADD https://example.com/x.tgz /opt/",
                vec!["https://example.com/x.tgz"],
                "/opt/",
            ),
        ] {
            let step = step(command, "");
            let (found, to) = Step::of(&step).operands().unwrap();
            assert_eq!(
                (found, to.as_str()),
                (
                    sources.iter().map(|text| (*text).to_owned()).collect(),
                    target
                )
            );
        }
        assert_eq!(Step::of(&step("COPY x", "")).operands(), None);
        let chmod = step("COPY --chmod=777 a b", "");
        assert_eq!(Step::of(&chmod).flag("chmod"), Some("777"));
        assert_eq!(Step::of(&chmod).flag("chown"), None);
    }

    proptest! {
        #[test]
        fn any_step_is_survived(command in ".{0,200}", comment in proptest::option::of(".{0,40}")) {
            let step = HistoryStep { created: None, command, comment, empty_layer: false };
            let read = Step::of(&step);
            let _ = read.operands();
            let _ = read.flag("chmod");
        }

        #[test]
        fn any_mixture_of_known_words_is_survived(words in prop::collection::vec(prop::sample::select(vec![
            "/bin/sh", "-c", "#(nop)", "ADD", "COPY", "RUN", "|1", "A=…", "[", "\"a\"]", "--chmod", "--", "=",
            "in", "/", "# buildkit", "é", "file:ab",
        ]), 0..12)) {
            let step = step(&words.join(" "), "");
            let _ = Step::of(&step).operands();
        }
    }
}

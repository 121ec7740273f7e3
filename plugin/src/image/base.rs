//! How many of an image's lowest layers are its base image's, as far as the image itself tells.
//!
//! No format says it. What does: a step of the history that only the end of a Dockerfile has (`CMD`), with
//! more layers above it; another builder from some layer on; what Buildah notes of `FROM`; a first layer
//! that is a distribution's root file system, or that can't be one. The highest layer where one of these
//! says "here another build begins" counts. Where nothing does, the answer is `None`: the packages of such
//! an image then are of unknown origin, which is better than a wrong one.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::paths;
use super::step::{Instruction, Step, Tool};
use crate::contract::{ConfigFacts, HistoryStep};
use crate::time;

/// Annotation and label with the reference of the base image.
const NAME: &str = "org.opencontainers.image.base.name";
/// Annotation and label with its digest.
const DIGEST: &str = "org.opencontainers.image.base.digest";
/// Bytes of a name or digest that are kept.
const MAX_NAME: usize = 512;
/// Two steps that are less apart were made by one build.
const ONE_BUILD_SECONDS: u64 = 60 * 60;
/// Times before are those of reproducible builds (1970, 1980), not of a build. Images came in 2013.
const FIRST_YEAR: i16 = 2013;
/// Bytes of a command that are quoted.
const MAX_QUOTE: usize = 80;

/// What is known of the base image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// The lowest layers that are its.
    pub layers: u32,
    /// Reference of it, where the image names it.
    pub name: Option<String>,
    /// Digest of it, where the image names it.
    pub digest: Option<String>,
    /// How this is known, as the rest of a sentence.
    pub why: String,
}

/// Tells the base image's layers from those above. `None` when nothing tells.
pub fn of(config: &ConfigFacts, annotations: &[(String, String)], layers: u32) -> Option<Base> {
    let history = History::of(config, layers)?;
    let (boundary, why) = history.boundary()?;
    let (name, digest) = named(config, annotations);
    Some(Base {
        layers: u32::try_from(boundary).ok()?,
        name,
        digest,
        why,
    })
}

/// Reference and digest of the base image, where the image names them, whether or not its layers can be
/// told.
pub fn named(
    config: &ConfigFacts,
    annotations: &[(String, String)],
) -> (Option<String>, Option<String>) {
    let find = |list: &[(String, String)], key: &str| {
        list.iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.trim())
            .filter(|value| {
                !value.is_empty()
                    && value.len() <= MAX_NAME
                    && !value.contains(|letter: char| letter.is_whitespace() || letter.is_control())
            })
            .map(str::to_owned)
    };
    let is_digest = |text: &String| text.split_once(':').is_some_and(|(_, hex)| hex.len() >= 32);
    let mut name = find(annotations, NAME);
    let mut digest = find(annotations, DIGEST).filter(is_digest);
    if name.is_none() {
        name = last_from(&config.history).map(|(_, name)| name.to_owned());
    }
    // Labels come with the base image: they may speak of the base image's own base. So they count last,
    // and never beside what the manifest says.
    if name.is_none() && digest.is_none() {
        name = find(&config.labels, NAME);
        digest = find(&config.labels, DIGEST).filter(is_digest);
    }
    (name, digest)
}

/// How many steps of the history are the base image's, of which that many layers are.
pub fn steps(config: &ConfigFacts, layers: u32) -> usize {
    let layers = usize::try_from(layers).unwrap_or(usize::MAX);
    let (mut made, mut last_layer, mut last_end) = (0, 0, 0);
    for (index, step) in config.history.iter().enumerate() {
        if !step.empty_layer {
            if made == layers {
                // Settings behind its last layer are the base image's up to its last CMD.
                return last_end;
            }
            made += 1;
            (last_layer, last_end) = (index + 1, index + 1);
        } else if made > 0
            && matches!(
                Step::of(step).instruction,
                Instruction::Cmd | Instruction::Entrypoint
            )
        {
            last_end = index + 1;
        }
    }
    // Above the last layer of all the last CMD is the image's own.
    last_layer
}

/// When the base image was made: the newest of its steps. `None` for times that stand for "not given".
pub fn created(config: &ConfigFacts, layers: u32) -> Option<Timestamp> {
    let end = steps(config, layers);
    config.history.iter().take(end).filter_map(made_at).max()
}

/// When a step was made, where it says so.
fn made_at(step: &HistoryStep) -> Option<Timestamp> {
    let at = time::parse(step.created.as_deref()?)?;
    (at.to_zoned(TimeZone::UTC).year() >= FIRST_YEAR).then_some(at)
}

/// The last step that Buildah says begins a build, with the name of what it is from.
fn last_from(history: &[HistoryStep]) -> Option<(usize, &str)> {
    history
        .iter()
        .enumerate()
        .rev()
        .find_map(|(index, step)| Some((index, from(step)?)))
}

/// `FROM docker.io/library/debian:12` in the comment of a step. Steps of one build name the one before
/// them, by its identity.
fn from(step: &HistoryStep) -> Option<&str> {
    let name = step.comment.as_deref()?.strip_prefix("FROM ")?.trim();
    let is_identity = name.len() >= 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_name = !name.is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_whitespace);
    (is_name && !is_identity).then_some(name)
}

/// A history that accounts for every layer.
struct History<'c> {
    all: &'c [HistoryStep],
    /// Those that made a layer: place in `all`, and what they say.
    made: Vec<(usize, Step<'c>)>,
}

impl<'c> History<'c> {
    fn of(config: &'c ConfigFacts, layers: u32) -> Option<Self> {
        let all = config.history.as_slice();
        let made: Vec<(usize, Step<'_>)> = all
            .iter()
            .enumerate()
            .filter(|(_, step)| !step.empty_layer)
            .map(|(index, step)| (index, Step::of(step)))
            .collect();
        let accounts = u32::try_from(made.len()).is_ok_and(|count| count == layers);
        (accounts && layers > 0).then_some(Self { all, made })
    }

    /// How many layers lie below the highest place where another build begins, and how that is known.
    fn boundary(&self) -> Option<(usize, String)> {
        let buildah = self.buildah();
        (1..=self.made.len())
            .rev()
            .find_map(|layers| {
                if let Some((below, why)) = &buildah
                    && *below == layers
                {
                    return Some((layers, why.clone()));
                }
                Some((layers, self.begins(layers)?))
            })
            .or(buildah)
            .or_else(|| self.bottom())
    }

    /// What Buildah notes: the name of the base image, in the comment of the first step above it.
    fn buildah(&self) -> Option<(usize, String)> {
        let (index, name) = last_from(self.all)?;
        let below = self.made.iter().filter(|(at, _)| *at < index).count();
        let why = match name {
            "scratch" => "the history says FROM scratch".to_owned(),
            _ => format!("the history says FROM {name} above them"),
        };
        Some((below, why))
    }

    /// Why another build begins with the layer above that many, if one does.
    fn begins(&self, layers: usize) -> Option<String> {
        let (before, below) = self.made.get(layers.checked_sub(1)?)?;
        let (after, above) = self.made.get(layers)?;
        let step = self.all.get(*after)?;
        if step
            .comment
            .as_deref()
            .is_some_and(|comment| comment.starts_with("merge sha256:"))
        {
            return Some("the layers above them were squashed into one".to_owned());
        }
        if changes(below.tool, above.tool) {
            return Some(format!(
                "{} made the last of them, and {} the next layer",
                below.tool.name(),
                above.tool.name()
            ));
        }
        // The settings between the two: how the lower build ended.
        let between = self.all.get(before + 1..*after)?;
        let find = |wanted| {
            between
                .iter()
                .rfind(|step| Step::of(step).instruction == wanted)
        };
        let (end, is_cmd) = match find(Instruction::Cmd) {
            Some(end) => (end, true),
            None => (find(Instruction::Entrypoint)?, false),
        };
        let end_made = made_at(end).or_else(|| made_at(self.all.get(*before)?));
        let apart = match (end_made, made_at(step)) {
            (Some(end), Some(next)) => Some(next.as_second().saturating_sub(end.as_second())),
            _ => None,
        };
        let quoted = quote(end);
        match apart {
            Some(seconds) if seconds.unsigned_abs() < ONE_BUILD_SECONDS => None,
            Some(seconds) => Some(format!(
                "the history ends them with {quoted}, and the next layer was made {}",
                later(seconds)
            )),
            // An ENTRYPOINT before the last layers is nothing unusual in one Dockerfile.
            None if is_cmd => Some(format!("the history ends them with {quoted}")),
            None => None,
        }
    }

    /// What the first layers alone tell.
    fn bottom(&self) -> Option<(usize, String)> {
        let (_, first) = self.made.first()?;
        match first.tool {
            Tool::Debuerreotype => {
                Some((1, "the first layer is Debian's root file system".to_owned()))
            }
            Tool::Apko => Some((
                self.made
                    .iter()
                    .take_while(|(_, step)| step.tool == Tool::Apko)
                    .count(),
                "apko made them of packages".to_owned(),
            )),
            Tool::Jib | Tool::Ko | Tool::Buildpack | Tool::Nix => Some((
                0,
                format!(
                    "{} made all layers, so there is no base image",
                    first.tool.name()
                ),
            )),
            tool if tool.reads_dockerfiles() => first_copied(first),
            _ => None,
        }
    }
}

/// True when one build does not use both tools, one layer after the other.
fn changes(below: Tool, above: Tool) -> bool {
    let is_known = |tool: Tool| !matches!(tool, Tool::Other | Tool::Unnamed);
    below != above
        && match (below, above) {
            (Tool::Other, _) => false,
            (Tool::Unnamed, above) => above.reads_dockerfiles() || is_whole_build(above),
            (below, above) => is_known(below) && is_known(above),
        }
}

/// Tools that make all layers of a build by themselves.
fn is_whole_build(tool: Tool) -> bool {
    matches!(tool, Tool::Jib | Tool::Ko | Tool::Buildpack | Tool::Nix)
}

/// A first layer that is copied in: a root file system, or anything else on top of nothing.
fn first_copied(first: &Step<'_>) -> Option<(usize, String)> {
    if first.instruction == Instruction::Workdir {
        return Some((
            0,
            "the first layer is a WORKDIR, so there is nothing below it".to_owned(),
        ));
    }
    let (sources, target) = first.operands()?;
    if target != "/" && target != "./" && target != "." {
        let target: String = target.chars().take(MAX_QUOTE).collect();
        return Some((
            0,
            format!("the first layer only copies to {target}, so there is nothing below it"),
        ));
    }
    let [source] = sources.as_slice() else {
        return None;
    };
    let name = paths::split(source.trim_end_matches('/')).1;
    let is_root = match first.instruction {
        Instruction::Add => source.starts_with("file:") || is_archive(name),
        _ => name.starts_with("rootfs"),
    };
    is_root.then(|| (1, "the first layer is a root file system".to_owned()))
}

/// True for names of archives that `ADD` unpacks.
pub fn is_archive(name: &str) -> bool {
    const ENDS: &[&str] = &[
        ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".tzst",
    ];
    ENDS.iter().any(|end| name.ends_with(end))
}

fn quote(step: &HistoryStep) -> String {
    let read = Step::of(step);
    let word = match read.instruction {
        Instruction::Cmd => "CMD",
        _ => "ENTRYPOINT",
    };
    let rest: String = read.rest.chars().take(MAX_QUOTE).collect();
    format!("{word} {rest}")
}

fn later(seconds: i64) -> String {
    let hours = seconds.unsigned_abs() / 3600;
    let (count, unit) = match hours {
        0..48 => (hours, "hour"),
        _ => (hours / 24, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    let way = if seconds < 0 { "earlier" } else { "later" };
    format!("{count} {unit}{plural} {way}")
}

#[cfg(test)]
#[path = "base_tests.rs"]
mod tests;

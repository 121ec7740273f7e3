//! The config of an image: what it says of itself, with the values of environment variables and build
//! arguments left out, because they hold secrets.

use serde_json::{Map, Value};

use crate::contract::{ConfigFacts, HistoryStep, Platform};
use crate::secret::{self, Hit};
use crate::time;

/// Bytes of a config blob. Those of real images have a few kilobytes; a manifest may have 4 MiB too.
pub const MAX_CONFIG_BYTES: usize = 4 << 20;
/// Steps of the history, environment variables, labels, arguments that are kept.
const MAX_ITEMS: usize = 1024;
/// Bytes of one text that are kept.
const MAX_TEXT: usize = 4096;
/// Secrets in values that are noted.
const MAX_SECRETS: usize = 2048;
/// Characters of the name of a place.
const MAX_PLACE: usize = 120;
/// Bytes of all text that is kept: an observation is part of a batch of 8 MiB.
const MAX_ALL_TEXT: usize = 1 << 20;

/// What a config says.
#[derive(Debug)]
pub struct Config {
    /// For the image's observation.
    pub facts: ConfigFacts,
    /// What it runs on, where it says so.
    pub platform: Platform,
    /// Digests of the uncompressed layers, the lowest first.
    pub diff_ids: Vec<String>,
    /// Secrets in values that are not kept: where (`env NAME`, `label NAME`, `history 3`), and what.
    pub secrets: Vec<(String, Hit)>,
    /// True when more was said than is kept.
    pub cut: bool,
}

/// Reads a config. `None` when it is no JSON object.
pub fn parse(bytes: &[u8], digest: &str) -> Option<Config> {
    let Ok(Value::Object(root)) = serde_json::from_slice::<Value>(bytes) else {
        return None;
    };
    let mut text = Texts {
        left: MAX_ALL_TEXT,
        cut: false,
        secrets: Vec::new(),
    };
    let empty = Map::new();
    let config = root
        .get("config")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let platform = Platform {
        os: text.of(root.get("os")).unwrap_or_default(),
        architecture: text.of(root.get("architecture")).unwrap_or_default(),
        variant: text.of(root.get("variant")),
        os_version: text.of(root.get("os.version")),
    };
    let facts = ConfigFacts {
        digest: digest.to_owned(),
        created: root
            .get("created")
            .and_then(Value::as_str)
            .and_then(time::normal),
        author: text.of(root.get("author")),
        user: text.of(config.get("User")).unwrap_or_default(),
        env_names: env_names(config.get("Env"), &mut text),
        labels: labels(config.get("Labels"), &mut text),
        exposed_ports: keys(config.get("ExposedPorts"), &mut text),
        entrypoint: text.commands("entrypoint", config.get("Entrypoint")),
        command: text.commands("command", config.get("Cmd")),
        working_dir: text.of(config.get("WorkingDir")),
        volumes: keys(config.get("Volumes"), &mut text),
        history: history(root.get("history"), &mut text),
    };
    let diff_ids = text.list(root.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")));
    Some(Config {
        facts,
        platform,
        diff_ids,
        secrets: text.secrets,
        cut: text.cut,
    })
}

/// The command of the history that made each layer, where the history accounts for every layer.
pub fn layer_commands(history: &[HistoryStep], layers: usize) -> Vec<Option<String>> {
    let steps: Vec<&HistoryStep> = history.iter().filter(|step| !step.empty_layer).collect();
    if steps.len() != layers {
        return vec![None; layers];
    }
    steps
        .iter()
        .map(|step| Some(step.command.clone()).filter(|command| !command.is_empty()))
        .collect()
}

/// Hands out texts within the caps.
struct Texts {
    left: usize,
    cut: bool,
    secrets: Vec<(String, Hit)>,
}

impl Texts {
    fn clip(&mut self, text: &str) -> String {
        let mut end = text.len().min(MAX_TEXT).min(self.left);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.cut |= end < text.len();
        self.left -= end;
        text.get(..end).unwrap_or_default().to_owned()
    }

    /// Notes the secrets of a setting whose value is about to be dropped.
    fn setting(&mut self, place: &str, name: &str, value: &str) {
        let mut hits = Vec::new();
        secret::in_setting(name, value, &mut hits);
        self.note(place, hits);
    }

    /// A text without the secrets in it, which are noted.
    fn without_secrets(&mut self, place: &str, text: &str) -> String {
        let mut hits = Vec::new();
        let text = secret::in_command(text, &mut hits);
        self.note(place, hits);
        text
    }

    fn note(&mut self, place: &str, hits: Vec<Hit>) {
        for hit in hits {
            if self.secrets.len() >= MAX_SECRETS {
                self.cut = true;
                return;
            }
            let place: String = place.chars().take(MAX_PLACE).collect();
            self.secrets.push((place, hit));
        }
    }

    /// The words of a command line.
    fn commands(&mut self, place: &str, value: Option<&Value>) -> Vec<String> {
        let mut words = self.list(value);
        for word in &mut words {
            *word = self.without_secrets(place, word);
        }
        words
    }

    /// A text that says something.
    fn of(&mut self, value: Option<&Value>) -> Option<String> {
        let text = value?.as_str().filter(|text| !text.is_empty())?;
        Some(self.clip(text))
    }

    fn list(&mut self, value: Option<&Value>) -> Vec<String> {
        match value {
            // Old images have a command line where others have a list.
            Some(Value::String(text)) => vec![self.clip(text)],
            Some(Value::Array(items)) => {
                self.cut |= items.len() > MAX_ITEMS;
                items
                    .iter()
                    .filter_map(Value::as_str)
                    .take(MAX_ITEMS)
                    .map(|text| self.clip(text))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

fn keys(value: Option<&Value>, text: &mut Texts) -> Vec<String> {
    let Some(map) = value.and_then(Value::as_object) else {
        return Vec::new();
    };
    text.cut |= map.len() > MAX_ITEMS;
    map.keys()
        .take(MAX_ITEMS)
        .map(|key| text.clip(key))
        .collect()
}

fn labels(value: Option<&Value>, text: &mut Texts) -> Vec<(String, String)> {
    let Some(map) = value.and_then(Value::as_object) else {
        return Vec::new();
    };
    text.cut |= map.len() > MAX_ITEMS;
    map.iter()
        .filter_map(|(key, value)| Some((key, value.as_str()?)))
        .take(MAX_ITEMS)
        .map(|(key, value)| {
            let value = text.without_secrets(&format!("label {key}"), value);
            (text.clip(key), text.clip(&value))
        })
        .collect()
}

fn env_names(value: Option<&Value>, text: &mut Texts) -> Vec<String> {
    let Some(items) = value.and_then(Value::as_array) else {
        return Vec::new();
    };
    text.cut |= items.len() > MAX_ITEMS;
    items
        .iter()
        .filter_map(Value::as_str)
        .take(MAX_ITEMS)
        .map(|item| {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            text.setting(&format!("env {name}"), name, value);
            text.clip(name)
        })
        .collect()
}

fn history(value: Option<&Value>, text: &mut Texts) -> Vec<HistoryStep> {
    let Some(items) = value.and_then(Value::as_array) else {
        return Vec::new();
    };
    text.cut |= items.len() > MAX_ITEMS;
    items
        .iter()
        .take(MAX_ITEMS)
        .enumerate()
        .map(|(index, item)| HistoryStep {
            created: item
                .get("created")
                .and_then(Value::as_str)
                .and_then(time::normal),
            command: item
                .get("created_by")
                .and_then(Value::as_str)
                .map(|command| {
                    let place = format!("history {}", index + 1);
                    let (command, values) = without_values(command);
                    for (name, value) in values {
                        text.setting(&place, &name, &value);
                    }
                    let command = text.without_secrets(&place, &command);
                    text.clip(&command)
                })
                .unwrap_or_default(),
            comment: text.of(item.get("comment")),
            empty_layer: item
                .get("empty_layer")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        })
        .collect()
}

/// Names and the values that they are given.
type Values = Vec<(String, String)>;

/// A command of the history without the values of `ENV`, `ARG` and build arguments (`|2 A=x B=y /bin/sh …`),
/// and those.
fn without_values(command: &str) -> (String, Values) {
    let trimmed = command.trim_start();
    let step = match trimmed.split_once("#(nop)") {
        Some((_, rest)) => rest.trim_start(),
        None => trimmed,
    };
    for word in ["ENV", "ARG"] {
        if let Some(rest) = step
            .strip_prefix(word)
            .filter(|rest| rest.starts_with([' ', '\t']))
        {
            let (names, values) = names(rest);
            return (format!("{word} {names}"), values);
        }
    }
    // BuildKit writes the word before it, the classic builder does not.
    let (word, step) = match trimmed.strip_prefix("RUN ") {
        Some(rest) => ("RUN ", rest.trim_start()),
        None => ("", trimmed),
    };
    if let Some(rest) = step.strip_prefix('|')
        && rest.starts_with(|first: char| first.is_ascii_digit())
    {
        let (count, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let (arguments, shell) = match rest.find(" /bin/") {
            Some(shell) => rest.split_at(shell),
            None => (rest, ""),
        };
        let (names, values) = names(arguments);
        return (format!("{word}|{count} {names}{shell}"), values);
    }
    (command.to_owned(), Vec::new())
}

/// `A=… B=…` for the names that are set, and what they are set to. A value may have blanks in it, quoted or
/// not: it ends where the next name is.
fn names(assignments: &str) -> (String, Values) {
    let name = |word: &str| -> Option<usize> {
        let end = word.find('=')?;
        let name = word.get(..end)?;
        (!name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .then_some(end)
    };
    let mut values: Values = Vec::new();
    for word in assignments.split_ascii_whitespace() {
        match name(word) {
            Some(end) => {
                let (name, value) = word.split_at(end);
                let value = value.get(1..).unwrap_or_default();
                values.push((name.to_owned(), value.to_owned()));
            }
            None => {
                if let Some((_, value)) = values.last_mut() {
                    value.push(' ');
                    value.push_str(word);
                }
            }
        }
    }
    for (_, value) in &mut values {
        let bare = value.trim_matches(['"', '\'']);
        if bare.len() != value.len() {
            *value = bare.to_owned();
        }
    }
    if values.is_empty() {
        // `ENV NAME value`, `ARG NAME`
        let text = assignments.trim();
        let (name, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        return (
            name.to_owned(),
            vec![(name.to_owned(), value.trim().to_owned())],
        );
    }
    let names: Vec<String> = values.iter().map(|(name, _)| format!("{name}=…")).collect();
    (names.join(" "), values)
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

    use super::*;

    #[test]
    fn values_of_variables_and_arguments_never_come_through() {
        let config = parse(
            br##"{"os":"linux","architecture":"amd64","created":"2024-01-02T03:04:05.678Z",
                "config":{"Env":["PATH=/bin","TOKEN=s3cret","ODD"],"User":"app","Cmd":["sh"],"Entrypoint":null,
                  "Labels":{"a":"b","n":1},"ExposedPorts":{"8080/tcp":{}},"Volumes":{"/data":{}}},
                "rootfs":{"type":"layers","diff_ids":["sha256:aa"]},
                "history":[
                  {"created_by":"/bin/sh -c #(nop)  ENV TOKEN=s3cret OTHER=s3cret","empty_layer":true},
                  {"created_by":"ENV TOKEN=s3cret","empty_layer":true},
                  {"created_by":"ENV TOKEN s3cret","empty_layer":true},
                  {"created_by":"ARG TOKEN=s3cret","empty_layer":true},
                  {"created_by":"|1 TOKEN=s3cret /bin/sh -c make"},
                  {"created_by":"RUN |1 TOKEN=s3cret /bin/sh -c make # buildkit","empty_layer":true},
                  {"created_by":"/bin/sh -c echo ENVIRONMENT","empty_layer":true}]}"##,
            "sha256:cc",
        )
        .unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        let facts = config.facts;
        assert_eq!(facts.env_names, ["PATH", "TOKEN", "ODD"]);
        assert_eq!(facts.labels, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(facts.exposed_ports, ["8080/tcp"]);
        assert_eq!(facts.history[0].command, "ENV TOKEN=… OTHER=…");
        assert_eq!(facts.history[4].command, "|1 TOKEN=… /bin/sh -c make");
        assert_eq!(
            facts.history[5].command,
            "RUN |1 TOKEN=… /bin/sh -c make # buildkit"
        );
        assert_eq!(facts.history[6].command, "/bin/sh -c echo ENVIRONMENT");
        assert_eq!(
            layer_commands(&facts.history, 1),
            [Some("|1 TOKEN=… /bin/sh -c make".to_owned())]
        );
        assert_eq!(layer_commands(&facts.history, 2), [None, None]);
    }

    #[test]
    fn secrets_of_values_that_are_dropped_are_told_without_their_value() {
        let token = ["glp", "at-", "pK3vQ9xZ7mT2wR8sLd04"].concat();
        let text = format!(
            r##"{{"config":{{"Env":["PATH=/bin","DB_PASSWORD=letmein","LANG=C.UTF-8","PASSWORD_FILE=/x/y"],
                "Cmd":["app","--token={token}"],"Labels":{{"build.token":"{token}"}}}},
                "history":[
                  {{"created_by":"ARG CI_TOKEN={token}","empty_layer":true}},
                  {{"created_by":"|1 CI_TOKEN={token} /bin/sh -c make"}},
                  {{"created_by":"RUN /bin/sh -c curl -H 'Private-Token: {token}' x # buildkit"}}]}}"##
        );
        let config = parse(text.as_bytes(), "sha256:cc").unwrap();
        let told: Vec<(&str, &str)> = config
            .secrets
            .iter()
            .map(|(place, hit)| (place.as_str(), hit.rule.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("env DB_PASSWORD", "password"),
                ("label build.token", "gitlab-pat"),
                ("command", "gitlab-pat"),
                ("history 1", "gitlab-pat"),
                ("history 2", "gitlab-pat"),
                ("history 3", "gitlab-pat"),
            ]
            .into_iter()
            .collect::<Vec<_>>(),
        );
        let shown = format!("{config:?}");
        for part in token.as_bytes()[6..].windows(5) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!shown.contains(part), "{shown}");
        }
        assert!(!shown.contains("letmein"));
        assert_eq!(
            config.facts.history[2].command,
            "RUN /bin/sh -c curl -H 'Private-Token: ****' x # buildkit"
        );
    }

    #[test]
    fn a_config_of_wrong_types_says_nothing_instead_of_failing() {
        let config = parse(
            br#"{"os":1,"config":[],"history":{},"rootfs":"x","created":"yesterday","author":null}"#,
            "sha256:cc",
        )
        .unwrap();
        assert_eq!(config.facts.created, None);
        assert!(config.diff_ids.is_empty());
        assert!(parse(b"[]", "").is_none());
        assert!(parse(&b"[".repeat(100_000), "").is_none());
    }

    #[test]
    fn a_config_of_megabytes_is_cut() {
        let labels: Vec<String> = (0..1000)
            .map(|n| format!("\"{n}\":\"{}\"", "x".repeat(4000)))
            .collect();
        let config = parse(
            format!("{{\"config\":{{\"Labels\":{{{}}}}}}}", labels.join(",")).as_bytes(),
            "",
        )
        .unwrap();
        let kept: usize = config
            .facts
            .labels
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        assert!(config.cut && kept <= MAX_ALL_TEXT);
    }
}

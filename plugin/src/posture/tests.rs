#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::File;
use crate::contract::{Layer, OperatingSystem, Platform};
use crate::image::config as image_config;
use crate::image::layer::LayerInventory;
use crate::image::merge::{Inventory, Merge};
use crate::image::tar::Kind;
use crate::time;

const NOW: &str = "2026-11-22T18:00:00Z";
const BK: &str = "buildkit.dockerfile.v0";

/// An image to be judged.
struct Sample {
    image: Image,
    layers: Vec<LayerInventory>,
    signed: Option<bool>,
}

/// (path, mode, bytes): `/` at the end for folders.
type Entry = (&'static str, u32, u64);

impl Sample {
    /// History as (created, command, made no layer); all by BuildKit unless it begins with `/bin/sh`.
    fn new(config: serde_json::Value, history: &[(&str, &str, bool)], layers: &[&[Entry]]) -> Self {
        let history: Vec<_> = history
            .iter()
            .map(|(created, command, empty)| {
                let mut step =
                    json!({ "created": created, "created_by": command, "empty_layer": empty });
                if !(command.starts_with("/bin/sh")
                    || command.starts_with('#')
                    || command.starts_with("bazel"))
                {
                    step["comment"] = BK.into();
                }
                step
            })
            .collect();
        let text =
            json!({ "os": "linux", "architecture": "amd64", "config": config, "history": history });
        let parsed = image_config::parse(text.to_string().as_bytes(), "sha256:cc").unwrap();
        let commands = image_config::layer_commands(&parsed.facts.history, layers.len());
        let image = Image {
            digest: format!("sha256:{}", "1".repeat(64)),
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            registry: "registry.example".to_owned(),
            repository: "acme/shop/api".to_owned(),
            tags: vec!["1.2.3".to_owned()],
            index: None,
            platform: Platform {
                os: "linux".to_owned(),
                architecture: "amd64".to_owned(),
                variant: None,
                os_version: None,
            },
            size: 0,
            pushed: None,
            layers: commands
                .into_iter()
                .enumerate()
                .map(|(index, command)| Layer {
                    digest: format!("sha256:layer-{index}"),
                    diff_id: None,
                    media_type: String::new(),
                    size: 0,
                    command,
                })
                .collect(),
            config: parsed.facts,
            operating_system: None,
            package_count: 0,
            complete: true,
            attributes: Vec::new(),
        };
        let layers = layers.iter().map(|entries| layer(entries)).collect();
        Self {
            image,
            layers,
            signed: None,
        }
    }

    fn os(mut self, id: &str, version: &str) -> Self {
        self.image.operating_system = Some(OperatingSystem {
            id: id.to_owned(),
            version_id: Some(version.to_owned()),
            pretty_name: None,
            attributes: Vec::new(),
        });
        self
    }

    fn findings(&self) -> Vec<Finding> {
        let mut merge = Merge::default();
        for (index, layer) in self.layers.iter().enumerate() {
            merge.apply(index as u32, layer.clone());
        }
        let Inventory {
            special, traces, ..
        } = merge.finish();
        let base = base::of(&self.image.config, &[], self.layers.len() as u32);
        findings(&Inspected {
            image: &self.image,
            packages: &[],
            base: base.as_ref(),
            secrets: &[],
            config_secrets: &[],
            special: &special,
            traces: &traces,
            signed: self.signed,
            now: time::parse(NOW).unwrap().as_second() as u64,
        })
    }

    /// `rule severity` of every finding.
    fn told(&self) -> Vec<String> {
        self.findings()
            .iter()
            .map(|finding| format!("{} {}", finding.attributes[0].1, finding.severity_as_said))
            .collect()
    }
}

fn layer(entries: &[Entry]) -> LayerInventory {
    let mut layer = LayerInventory::default();
    for (path, mode, size) in entries {
        let (path, kind) = match path.strip_suffix('/') {
            Some(path) => (path, Kind::Directory),
            None => (*path, Kind::File),
        };
        let file = File {
            mode: *mode,
            size: *size,
            ..File::of_path(path)
        };
        layer.traces.see(kind, &file);
    }
    layer
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let numbers: Vec<String> = finding
            .identifiers
            .iter()
            .skip(1)
            .map(|one| format!("{} {}", one.kind, one.value))
            .collect();
        writeln!(text, "{}: {}", finding.severity_as_said, finding.title).unwrap();
        writeln!(text, "  {} ({})", finding.id, numbers.join(", ")).unwrap();
        writeln!(text, "  {}", finding.description).unwrap();
        for (key, value) in &finding.evidence {
            writeln!(text, "  | {key}: {value}").unwrap();
        }
        writeln!(text, "  > {}\n", finding.solution.as_deref().unwrap()).unwrap();
    }
    text
}

const DEBIAN: (&str, &str, bool) = (
    "2026-11-10T00:00:00Z",
    "# debian.sh --arch 'amd64' out/ 'bookworm' '@1762202650'",
    false,
);
/// What Debian's essential packages bring.
const DEBIAN_FILES: &[Entry] = &[
    ("tmp/", 0o1777, 0),
    ("usr/bin/su", 0o4755, 1),
    ("usr/bin/mount", 0o4755, 1),
    ("usr/bin/umount", 0o4755, 1),
    ("usr/bin/passwd", 0o4755, 1),
    ("usr/bin/chage", 0o2755, 1),
    ("usr/sbin/unix_chkpwd", 0o2755, 1),
    ("usr/bin/bash", 0o755, 1),
];

fn careless() -> Sample {
    let mut sample = Sample::new(
        json!({
            "Env": ["PATH=/bin"], "Cmd": ["python3", "app.py"],
            "ExposedPorts": { "80/tcp": {}, "8080/tcp": {}, "22/tcp": {} },
            "Volumes": { "/var/run/docker.sock": {} },
        }),
        &[
            ("2026-01-10T00:00:00Z", "# debian.sh --arch 'amd64' out/ 'bullseye'", false),
            ("2026-01-12T00:00:00Z", "RUN /bin/sh -c set -eux; wget -O python.tar.xz # buildkit", false),
            ("2026-01-12T00:00:00Z", "CMD [\"python3\"]", true),
            ("2026-11-20T10:00:00Z", "RUN /bin/sh -c apt-get update && apt-get install -y openssh-server sudo # buildkit", false),
            ("2026-11-20T10:01:00Z", "RUN /bin/sh -c curl -fsSL http://tools.example/install.sh | sh # buildkit", false),
            ("2026-11-20T10:02:00Z", "ADD https://tools.example/tool.tar.gz /opt/ # buildkit", false),
            ("2026-11-20T10:03:00Z", "ADD . /app # buildkit", false),
            ("2026-11-20T10:04:00Z", "RUN /bin/sh -c chmod -R 777 /app && chmod u+s /usr/bin/python3.11 # buildkit", false),
            ("2026-11-20T10:04:00Z", "CMD [\"python3\" \"app.py\"]", true),
        ],
        &[
            DEBIAN_FILES,
            &[("usr/bin/python3.11", 0o755, 1)],
            &[
                ("usr/bin/sudo", 0o4755, 1),
                ("usr/lib/openssh/ssh-keysign", 0o4755, 1),
                ("usr/sbin/sshd", 0o755, 1),
                ("etc/ssh/ssh_host_rsa_key", 0o600, 1),
                ("var/lib/apt/lists/deb.debian.org_dists_bullseye_Packages.lz4", 0o644, 17_000_000),
                ("var/cache/apt/archives/sudo.deb", 0o644, 1_000_000),
            ],
            &[("root/.npm/_cacache/x", 0o644, 2_000_000)],
            &[("opt/tool.tar.gz", 0o600, 1)],
            &[("app/", 0o755, 0), ("app/app.py", 0o644, 1), ("app/.git/HEAD", 0o644, 1), ("root/.bash_history", 0o600, 9)],
            &[("app/", 0o777, 0), ("app/app.py", 0o777, 1), ("app/.git/HEAD", 0o644, 1), ("usr/bin/python3.11", 0o4755, 1)],
        ],
    )
    .os("debian", "11");
    sample.image.tags = vec!["latest".to_owned()];
    sample.signed = Some(false);
    sample
}

fn alpine() -> Sample {
    Sample::new(
        json!({ "Env": ["PATH=/bin"], "Cmd": ["/bin/sh"] }),
        &[
            (
                "2026-01-27T21:00:00Z",
                "ADD alpine-minirootfs-3.20.9-x86_64.tar.gz / # buildkit",
                false,
            ),
            ("2026-01-27T21:00:00Z", "CMD [\"/bin/sh\"]", true),
        ],
        &[&[
            ("bin/bbsuid", 0o4111, 1),
            ("bin/busybox", 0o755, 1),
            ("tmp/", 0o1777, 0),
            ("var/tmp/", 0o1777, 0),
        ]],
    )
    .os("alpine", "3.20.9")
}

fn distroless() -> Sample {
    Sample::new(
        json!({ "User": "65532", "Env": ["PATH=/bin"], "Entrypoint": ["/app"], "ExposedPorts": { "8443/tcp": {} } }),
        &[
            ("1970-01-01T00:00:00Z", "bazel build ...", false),
            ("1970-01-01T00:00:00Z", "bazel build ...", false),
            ("2026-11-20T10:00:00Z", "COPY /src/app /app # buildkit", false),
            ("2026-11-20T10:00:00Z", "ENTRYPOINT [\"/app\"]", true),
        ],
        &[&[("tmp/", 0o1777, 0), ("etc/passwd", 0o644, 1)], &[("usr/lib/libc.so.6", 0o755, 1)], &[("app", 0o755, 1)]],
    )
    .os("debian", "12")
}

#[test]
fn what_is_told_of_three_images_reads_well() {
    insta::assert_snapshot!("careless", text(&careless().findings()));
    insta::assert_snapshot!("alpine", text(&alpine().findings()));
    insta::assert_snapshot!("distroless", text(&distroless().findings()));
}

#[test]
fn a_careless_image_shows_every_fault_and_once_each() {
    assert_eq!(
        careless().told(),
        [
            "root-user medium",
            "os-end-of-life medium",
            "old-base low",
            "unsigned medium",
            "latest-only low",
            "set-uid-shell high",
            "set-uid low",
            "set-uid-base info",
            "world-writable low",
            "pipe-to-shell medium",
            "add-url low",
            "add-not-copy info",
            "ssh-server medium",
            "ssh-host-key medium",
            "docker-socket medium",
            "shell-history low",
            "git-folder low",
            "privileged-port info",
            "package-cache info",
            "no-healthcheck info",
        ]
    );
}

#[test]
fn good_images_give_a_handful() {
    let node = Sample::new(
        json!({ "Env": ["PATH=/bin"], "Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["node"] }),
        &[
            DEBIAN,
            (
                "2026-11-12T00:00:00Z",
                "RUN /bin/sh -c set -eux; apt-get update; rm -rf /var/lib/apt/lists/* # buildkit",
                false,
            ),
            (
                "2026-11-12T00:00:00Z",
                "RUN /bin/sh -c set -ex && curl -fsSLO https://nodejs.org/x && tar x # buildkit",
                false,
            ),
            (
                "2026-11-12T00:00:00Z",
                "COPY docker-entrypoint.sh /usr/local/bin/ # buildkit",
                false,
            ),
            (
                "2026-11-12T00:00:00Z",
                "ENTRYPOINT [\"docker-entrypoint.sh\"]",
                true,
            ),
            ("2026-11-12T00:00:00Z", "CMD [\"node\"]", true),
        ],
        &[
            DEBIAN_FILES,
            &[
                ("usr/bin/ssh-agent", 0o2755, 1),
                ("usr/lib/openssh/ssh-keysign", 0o4755, 1),
            ],
            &[("usr/local/bin/node", 0o755, 1)],
            &[("usr/local/bin/docker-entrypoint.sh", 0o755, 1)],
        ],
    )
    .os("debian", "12");
    assert_eq!(
        node.told(),
        [
            "root-user medium",
            "set-uid low",
            "set-uid-base info",
            "no-healthcheck info"
        ]
    );
    let debian =
        Sample::new(json!({ "Cmd": ["bash"] }), &[DEBIAN], &[DEBIAN_FILES]).os("debian", "12");
    assert_eq!(debian.told(), ["root-user medium", "set-uid-base info"]);
    // 3.20 ended in April of that year, and nobody has built the image since January.
    assert_eq!(
        alpine().told(),
        [
            "root-user medium",
            "os-end-of-life high",
            "old-base low",
            "set-uid-base info"
        ]
    );
    assert!(distroless().told().len() <= 1, "{:?}", distroless().told());
}

#[test]
fn a_real_debian_gives_two_findings() {
    let roots = std::env::var("OX_DEBIAN_ROOTS").unwrap_or_else(|_| "/tmp/roots".to_owned());
    for (suite, version) in [("bookworm", "12"), ("trixie", "13")] {
        let root = Path::new(&roots).join(suite);
        if !root.join("usr/bin").is_dir() {
            println!("skipped: no {suite} in the folder of Debian roots (OX_DEBIAN_ROOTS)");
            continue;
        }
        let mut sample =
            Sample::new(json!({ "Cmd": ["bash"] }), &[DEBIAN], &[&[]]).os("debian", version);
        let mut seen = 0;
        walk(&root, &root, &mut sample.layers[0].traces, &mut seen);
        assert!(seen > 3000, "{seen}");
        assert_eq!(
            sample.told(),
            ["root-user medium", "set-uid-base info"],
            "{suite}"
        );
        let findings = sample.findings();
        let paths = findings[1].evidence.iter().filter(|(key, _)| key == "path");
        let paths: Vec<&str> = paths.map(|(_, path)| path.as_str()).collect();
        for path in ["/usr/bin/su", "/usr/bin/passwd", "/usr/bin/chage"] {
            assert!(
                paths.contains(&path) || paths.contains(&path.trim_start_matches("/usr")),
                "{suite}: {paths:?}"
            );
        }
        // As a layer of the user's own, what the tool that made the root left in apt's cache is told, too.
        sample.image.config.history[0].command = "RUN /bin/sh -c debootstrap".to_owned();
        println!(
            "{suite}: {seen} files, without a known base {:?}",
            sample.told()
        );
        assert!(sample.told().len() <= 4);
    }
}

fn walk(root: &Path, folder: &Path, traces: &mut Traces, seen: &mut usize) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(about) = entry.path().symlink_metadata() else {
            continue;
        };
        let path = entry.path();
        let Some(key) = path.strip_prefix(root).ok().and_then(Path::to_str) else {
            continue;
        };
        let kind = about.file_type();
        let kind = match (kind.is_dir(), kind.is_file(), kind.is_symlink()) {
            (true, _, _) => Kind::Directory,
            (_, true, _) => Kind::File,
            (_, _, true) => Kind::Symlink,
            _ => Kind::Other,
        };
        *seen += 1;
        let file = File {
            mode: about.mode() & 0o7777,
            uid: u64::from(about.uid()),
            size: about.len(),
            ..File::of_path(key)
        };
        traces.see(kind, &file);
        if kind == Kind::Directory {
            walk(root, &path, traces, seen);
        }
    }
}

#[test]
fn only_root_is_root() {
    let mut sample = distroless();
    for (user, is_root) in [
        ("", true),
        ("root", true),
        ("0", true),
        ("0:0", true),
        ("root:app", true),
        ("00", true),
        ("app", false),
        ("10001", false),
        ("1000:0", false),
        ("rooty", false),
        ("nonroot:nonroot", false),
    ] {
        sample.image.config.user = user.to_owned();
        assert_eq!(
            sample.told().contains(&"root-user medium".to_owned()),
            is_root,
            "{user:?}"
        );
    }
    sample.image.platform.os = "windows".to_owned();
    for (user, is_root) in [
        ("", false),
        ("ContainerUser", false),
        ("ContainerAdministrator", true),
    ] {
        sample.image.config.user = user.to_owned();
        assert_eq!(
            sample.told().contains(&"root-user medium".to_owned()),
            is_root,
            "{user:?}"
        );
    }
}

#[test]
fn a_config_that_could_not_be_read_is_not_blamed() {
    let mut sample = distroless();
    sample.image.config.history.clear();
    sample.image.config.entrypoint.clear();
    sample.image.config.env_names.clear();
    sample.image.config.user.clear();
    assert!(sample.told().is_empty(), "{:?}", sample.told());
}

#[test]
fn what_the_base_image_does_in_its_steps_is_not_this_images_fault() {
    let rows = |commands: [&'static str; 2]| {
        Sample::new(
            json!({ "User": "1", "Cmd": ["x", "y"] }),
            &[
                DEBIAN,
                ("2026-11-12T00:00:00Z", commands[0], false),
                ("2026-11-12T00:00:00Z", "CMD [\"python3\"]", true),
                ("2026-11-20T00:00:00Z", commands[1], false),
                (
                    "2026-11-20T00:00:00Z",
                    "HEALTHCHECK &{[\"CMD\" \"true\"] \"0s\"}",
                    true,
                ),
            ],
            &[&[], &[], &[]],
        )
    };
    let piped = "RUN /bin/sh -c curl https://x.example | sh # buildkit";
    assert!(rows([piped, "COPY . /app # buildkit"]).told().is_empty());
    assert_eq!(
        rows(["RUN /bin/sh -c true # buildkit", piped]).told(),
        ["pipe-to-shell low"]
    );
}

#[test]
fn chmod_777_is_told_by_the_files_where_they_could_be_read() {
    let mut sample = Sample::new(
        json!({ "User": "1", "Cmd": ["bash"] }),
        &[
            DEBIAN,
            (
                "2026-11-20T00:00:00Z",
                "RUN /bin/sh -c chmod 777 /x && rm /x # buildkit",
                false,
            ),
        ],
        &[&[], &[]],
    );
    assert!(sample.told().is_empty());
    sample.image.complete = false;
    assert_eq!(sample.told(), ["chmod-777 low"]);
}

#[test]
fn a_program_that_everybody_may_replace_is_worse_than_a_folder() {
    let with = |entry: Entry| {
        Sample::new(
            json!({ "User": "1", "Cmd": ["bash"] }),
            &[
                DEBIAN,
                ("2026-11-20T00:00:00Z", "COPY a b # buildkit", false),
            ],
            &[&[], &[entry]],
        )
        .told()
    };
    assert_eq!(with(("data/", 0o777, 0)), ["world-writable low"]);
    assert_eq!(
        with(("usr/local/bin/app", 0o777, 1)),
        ["world-writable medium"]
    );
    assert!(with(("data/", 0o1777, 0)).is_empty());
}

#[test]
fn set_uid_programs_that_give_root_are_told_wherever_they_come_from() {
    let with = |path, mode| {
        Sample::new(
            json!({ "User": "1", "Cmd": ["bash"] }),
            &[DEBIAN],
            &[&[(path, mode, 1)]],
        )
        .told()
    };
    for path in [
        "bin/bash",
        "usr/bin/python3.11",
        "usr/bin/find",
        "usr/bin/perl5.36.0",
    ] {
        assert_eq!(with(path, 0o4755), ["set-uid-shell high"], "{path}");
    }
    // Only its group may start it; only its group is changed; another program.
    for (path, mode) in [
        ("bin/bash", 0o4750),
        ("bin/bash", 0o2755),
        ("usr/bin/passwd", 0o4755),
    ] {
        assert_eq!(with(path, mode), ["set-uid-base info"], "{path}");
    }
}

#[test]
fn small_caches_and_those_of_the_base_image_are_not_worth_a_word() {
    let with = |layers: &[&[Entry]]| {
        Sample::new(
            json!({ "User": "1", "Cmd": ["bash"] }),
            &[
                DEBIAN,
                ("2026-11-20T00:00:00Z", "COPY a b # buildkit", false),
            ],
            layers,
        )
        .told()
    };
    let lists: &[Entry] = &[("var/lib/apt/lists/x", 0o644, 20_000_000)];
    assert_eq!(with(&[&[], lists]), ["package-cache info"]);
    assert!(with(&[lists, &[]]).is_empty());
    assert!(with(&[&[], &[("var/lib/apt/lists/x", 0o644, 1000)]]).is_empty());
}

#[test]
fn an_id_is_one_image_and_one_rule() {
    let first = careless();
    let mut second = careless();
    second.image.digest = format!("sha256:{}", "2".repeat(64));
    let ids = |sample: &Sample| -> Vec<String> {
        sample
            .findings()
            .into_iter()
            .map(|finding| finding.id)
            .collect()
    };
    assert_eq!(ids(&first), ids(&careless()));
    let mut all = [ids(&first), ids(&second)].concat();
    let number = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), number);
    assert!(all.iter().all(|id| id.len() < 1024));
}

#[test]
fn every_rule_is_complete() {
    for rule in RULES {
        assert_eq!(
            RULES.iter().filter(|other| other.id == rule.id).count(),
            1,
            "{}",
            rule.id
        );
        assert!(!rule.title.ends_with('.') && !rule.title.is_empty());
        for sentence in [rule.why, rule.remedy] {
            let end = sentence.chars().last().unwrap();
            assert!(end == '.', "{}: {sentence}", rule.id);
            assert!(!sentence.contains("  "), "{}", rule.id);
        }
    }
}

proptest! {
    #[test]
    fn any_config_and_any_files_are_survived_and_give_at_most_one_finding_a_rule(
        user in ".{0,10}",
        ports in prop::collection::vec(prop_oneof![".{0,8}", Just("22/tcp".to_owned()), Just("80".to_owned())], 0..4),
        steps in prop::collection::vec((".{0,60}", any::<bool>()), 0..6),
        files in prop::collection::vec((
            prop::sample::select(vec!["bin/bash", "usr/bin/x", "data", "root/.bash_history", "var/lib/apt/lists/x", "usr/sbin/sshd"]),
            0_u32..0o10000,
            any::<u64>(),
        ), 0..8),
        now in any::<u64>(),
        version in ".{0,6}",
    ) {
        let mut sample = distroless().os("debian", &version);
        sample.image.config.user = user;
        sample.image.config.exposed_ports = ports;
        for (command, empty_layer) in steps {
            sample.image.config.history.push(crate::contract::HistoryStep {
                created: None, command, comment: None, empty_layer,
            });
        }
        let entries: Vec<Entry> = files;
        sample.layers.push(layer(&entries));
        let mut merge = Merge::default();
        for (index, layer) in sample.layers.iter().enumerate() {
            merge.apply(index as u32, layer.clone());
        }
        let Inventory { special, traces, .. } = merge.finish();
        let base = base::of(&sample.image.config, &[], sample.layers.len() as u32);
        let found = findings(&Inspected {
            image: &sample.image, packages: &[], base: base.as_ref(), secrets: &[], config_secrets: &[],
            special: &special, traces: &traces, signed: None, now,
        });
        prop_assert!(found.len() <= RULES.len());
        let mut ids: Vec<&str> = found.iter().map(|finding| finding.id.as_str()).collect();
        ids.dedup();
        prop_assert_eq!(ids.len(), found.len());
    }
}

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;
use crate::image::config;

/// A history as tools write it: (created, command, comment, made no layer).
type Row = (&'static str, &'static str, &'static str, bool);

const L: bool = false;
const E: bool = true;
const BK: &str = "buildkit.dockerfile.v0";

/// The config as a registry would hand it out, so that its reader is tested with it.
fn facts(rows: &[Row]) -> ConfigFacts {
    let history: Vec<serde_json::Value> = rows
        .iter()
        .map(|(created, command, comment, empty)| {
            let mut step = serde_json::json!({ "created_by": command });
            for (key, value) in [("created", created), ("comment", comment)] {
                if !value.is_empty() {
                    step[key] = (*value).into();
                }
            }
            if *empty {
                step["empty_layer"] = true.into();
            }
            step
        })
        .collect();
    let text = serde_json::json!({ "os": "linux", "history": history }).to_string();
    config::parse(text.as_bytes(), "sha256:cc").unwrap().facts
}

fn layers(rows: &[Row]) -> u32 {
    rows.iter().filter(|(_, _, _, empty)| !empty).count() as u32
}

struct Case {
    name: &'static str,
    rows: &'static [Row],
    /// Layers of the base, and a word of the reason.
    expected: Option<(u32, &'static str)>,
}

const DEBIAN: Row = (
    "2025-11-03T20:44:21Z",
    "# debian.sh --arch 'amd64' out/ 'bookworm' '@1762202650'",
    "debuerreotype 0.16",
    L,
);

const CASES: &[Case] = &[
    Case {
        name: "official debian, made by debuerreotype and BuildKit: it is its own base",
        rows: &[DEBIAN],
        expected: Some((1, "Debian's root file system")),
    },
    Case {
        name: "official debian of before, with its CMD",
        rows: &[
            (
                "2023-05-03T00:20:31Z",
                "/bin/sh -c #(nop) ADD file:1d256392db10c0ca4a31f0d7ae45a1f1e9d7bb5ac2cdb1b1cd3c0d5dd4a5a5ee in / ",
                "",
                L,
            ),
            (
                "2023-05-03T00:20:31Z",
                "/bin/sh -c #(nop)  CMD [\"bash\"]",
                "",
                E,
            ),
        ],
        expected: Some((1, "root file system")),
    },
    Case {
        name: "official python on debian: the base is debian",
        rows: &[
            DEBIAN,
            (
                "2025-10-14T15:00:00Z",
                "ENV PATH=/usr/local/bin:/usr/local/sbin",
                BK,
                E,
            ),
            (
                "2025-10-14T15:00:00Z",
                "RUN /bin/sh -c set -eux; apt-get update; # buildkit",
                BK,
                L,
            ),
            (
                "2025-10-14T15:00:00Z",
                "RUN /bin/sh -c set -eux; wget -O python.tar.xz # buildkit",
                BK,
                L,
            ),
            ("2025-10-14T15:00:00Z", "CMD [\"python3\"]", BK, E),
        ],
        expected: Some((1, "debuerreotype made the last of them")),
    },
    Case {
        name: "an application on python, made by BuildKit, which stops at python and not at debian",
        rows: &[
            DEBIAN,
            (
                "2025-10-14T15:00:00Z",
                "RUN /bin/sh -c set -eux; apt-get update; # buildkit",
                BK,
                L,
            ),
            ("2025-10-14T15:00:00Z", "CMD [\"python3\"]", BK, E),
            ("2025-11-20T09:00:00Z", "WORKDIR /app", BK, L),
            ("2025-11-20T09:00:01Z", "COPY . . # buildkit", BK, L),
            (
                "2025-11-20T09:00:40Z",
                "RUN /bin/sh -c pip install -r requirements.txt # buildkit",
                BK,
                L,
            ),
            (
                "2025-11-20T09:00:40Z",
                "CMD [\"python3\" \"app.py\"]",
                BK,
                E,
            ),
        ],
        expected: Some((
            2,
            "CMD [\"python3\"], and the next layer was made 36 days later",
        )),
    },
    Case {
        name: "official node: debian, then the layers of buildpack-deps and its own",
        rows: &[
            (
                "2024-08-13T00:00:00Z",
                "/bin/sh -c #(nop) ADD file:aa in / ",
                "",
                L,
            ),
            (
                "2024-08-13T00:00:00Z",
                "/bin/sh -c #(nop)  CMD [\"bash\"]",
                "",
                E,
            ),
            (
                "2024-08-13T01:31:50Z",
                "/bin/sh -c set -eux; \tapt-get update; ",
                "",
                L,
            ),
            (
                "2024-08-13T01:32:20Z",
                "/bin/sh -c apt-get update && apt-get install -y git",
                "",
                L,
            ),
            (
                "2024-08-21T20:34:33Z",
                "/bin/sh -c groupadd --gid 1000 node",
                "",
                L,
            ),
            (
                "2024-08-21T20:35:07Z",
                "/bin/sh -c #(nop) COPY file:4d19 in /usr/local/bin/ ",
                "",
                L,
            ),
            (
                "2024-08-21T20:35:07Z",
                "/bin/sh -c #(nop)  ENTRYPOINT [\"docker-entrypoint.sh\"]",
                "",
                E,
            ),
            (
                "2024-08-21T20:35:07Z",
                "/bin/sh -c #(nop)  CMD [\"node\"]",
                "",
                E,
            ),
        ],
        expected: Some((1, "CMD [\"bash\"]")),
    },
    Case {
        name: "golang built in stages onto scratch",
        rows: &[
            (
                "2025-11-20T09:00:01Z",
                "COPY /src/app /app # buildkit",
                BK,
                L,
            ),
            ("2025-11-20T09:00:01Z", "ENTRYPOINT [\"/app\"]", BK, E),
        ],
        expected: Some((0, "copies to /app")),
    },
    Case {
        name: "golang built in stages onto alpine",
        rows: &[
            (
                "2025-10-08T11:04:56Z",
                "ADD alpine-minirootfs-3.22.2-x86_64.tar.gz / # buildkit",
                BK,
                L,
            ),
            ("2025-10-08T11:04:56Z", "CMD [\"/bin/sh\"]", BK, E),
            (
                "2025-11-20T09:00:01Z",
                "RUN /bin/sh -c apk add --no-cache ca-certificates # buildkit",
                BK,
                L,
            ),
            (
                "2025-11-20T09:00:01Z",
                "COPY /src/app /app # buildkit",
                BK,
                L,
            ),
            ("2025-11-20T09:00:01Z", "ENTRYPOINT [\"/app\"]", BK, E),
        ],
        expected: Some((1, "CMD [\"/bin/sh\"]")),
    },
    Case {
        name: "plain alpine",
        rows: &[
            (
                "2025-10-08T11:04:56Z",
                "ADD alpine-minirootfs-3.22.2-x86_64.tar.gz / # buildkit",
                BK,
                L,
            ),
            ("2025-10-08T11:04:56Z", "CMD [\"/bin/sh\"]", BK, E),
        ],
        expected: Some((1, "root file system")),
    },
    Case {
        name: "pages on nginx",
        rows: &[
            DEBIAN,
            (
                "2025-10-28T21:47:47Z",
                "RUN /bin/sh -c set -x && groupadd # buildkit",
                BK,
                L,
            ),
            (
                "2025-10-28T21:47:47Z",
                "COPY docker-entrypoint.sh / # buildkit",
                BK,
                L,
            ),
            (
                "2025-10-28T21:47:47Z",
                "ENTRYPOINT [\"/docker-entrypoint.sh\"]",
                BK,
                E,
            ),
            ("2025-10-28T21:47:47Z", "EXPOSE map[80/tcp:{}]", BK, E),
            ("2025-10-28T21:47:47Z", "STOPSIGNAL SIGQUIT", BK, E),
            (
                "2025-10-28T21:47:47Z",
                "CMD [\"nginx\" \"-g\" \"daemon off;\"]",
                BK,
                E,
            ),
            (
                "2025-11-20T09:00:01Z",
                "COPY dist /usr/share/nginx/html # buildkit",
                BK,
                L,
            ),
        ],
        expected: Some((3, "CMD [\"nginx\"")),
    },
    Case {
        name: "an application on UBI by podman: Buildah names the base in a comment",
        rows: &[
            (
                "2025-11-03T07:06:25Z",
                "/bin/sh -c #(nop) ADD file:5b in /",
                "",
                L,
            ),
            (
                "2025-11-03T07:06:26Z",
                "/bin/sh -c #(nop) CMD [\"/bin/bash\"]",
                "",
                E,
            ),
            (
                "2025-11-03T07:06:28Z",
                "/bin/sh -c #(nop) ADD file:6c in /root/buildinfo/content_manifests/ubi9.json",
                "",
                L,
            ),
            (
                "2025-11-20T09:00:00Z",
                "/bin/sh -c dnf install -y nginx",
                "FROM registry.access.redhat.com/ubi9/ubi:latest",
                L,
            ),
            (
                "2025-11-20T09:00:10Z",
                "/bin/sh -c #(nop) COPY dir:7d in /app ",
                "FROM 0f1e2d3c4b5a",
                L,
            ),
            (
                "2025-11-20T09:00:11Z",
                "/bin/sh -c #(nop) CMD [\"nginx\"]",
                "FROM 1f1e2d3c4b5a",
                E,
            ),
        ],
        expected: Some((2, "FROM registry.access.redhat.com/ubi9/ubi:latest")),
    },
    Case {
        name: "UBI itself: layers behind its CMD that the same build made are its own",
        rows: &[
            (
                "2025-11-03T07:06:25Z",
                "/bin/sh -c #(nop) ADD file:5b in /",
                "",
                L,
            ),
            (
                "2025-11-03T07:06:26Z",
                "/bin/sh -c #(nop) CMD [\"/bin/bash\"]",
                "",
                E,
            ),
            (
                "2025-11-03T07:06:28Z",
                "/bin/sh -c #(nop) ADD file:6c in /root/buildinfo/content_manifests/ubi9.json",
                "",
                L,
            ),
        ],
        expected: Some((1, "root file system")),
    },
    Case {
        name: "an application on distroless, whose layers Bazel made",
        rows: &[
            ("1970-01-01T00:00:00Z", "bazel build ...", "", L),
            ("1970-01-01T00:00:00Z", "bazel build ...", "", L),
            ("1970-01-01T00:00:00Z", "bazel build ...", "", L),
            ("2025-11-20T09:00:01Z", "COPY /app /app # buildkit", BK, L),
            ("2025-11-20T09:00:01Z", "ENTRYPOINT [\"/app\"]", BK, E),
        ],
        expected: Some((3, "Bazel made the last of them")),
    },
    Case {
        name: "an application on a newer distroless, whose layers have no name",
        rows: &[
            ("0001-01-01T00:00:00Z", "", "", L),
            ("0001-01-01T00:00:00Z", "", "", L),
            ("2025-11-20T09:00:01Z", "COPY /app /app # buildkit", BK, L),
        ],
        expected: Some((2, "leaves no name")),
    },
    Case {
        name: "all by Bazel: distroless itself, or an application on it",
        rows: &[
            ("1970-01-01T00:00:00Z", "bazel build ...", "", L),
            ("1970-01-01T00:00:00Z", "bazel build ...", "", L),
        ],
        expected: None,
    },
    Case {
        name: "ko on a Chainguard base",
        rows: &[
            (
                "2025-11-19T00:00:00Z",
                "apko",
                "This is an apko single-layer image",
                L,
            ),
            (
                "0001-01-01T00:00:00Z",
                "ko build ko://example.com/cmd",
                "kodata contents, at $KO_DATA_PATH",
                L,
            ),
            (
                "0001-01-01T00:00:00Z",
                "ko build ko://example.com/cmd",
                "go build output, at /ko-app/cmd",
                L,
            ),
        ],
        expected: Some((1, "apko made the last of them, and ko")),
    },
    Case {
        name: "plain Chainguard",
        rows: &[(
            "2025-11-19T00:00:00Z",
            "apko",
            "This is an apko single-layer image",
            L,
        )],
        expected: Some((1, "apko")),
    },
    Case {
        name: "Jib on temurin",
        rows: &[
            (
                "2025-10-01T02:03:04Z",
                "/bin/sh -c #(nop) ADD file:ab in / ",
                "",
                L,
            ),
            (
                "2025-10-01T02:03:04Z",
                "/bin/sh -c #(nop)  CMD [\"/bin/bash\"]",
                "",
                E,
            ),
            (
                "2025-10-22T19:00:00Z",
                "RUN /bin/sh -c set -eux; java --version # buildkit",
                BK,
                L,
            ),
            (
                "2025-10-22T19:00:00Z",
                "ENTRYPOINT [\"/__cacert_entrypoint.sh\"]",
                BK,
                E,
            ),
            (
                "1970-01-01T00:00:00Z",
                "jib-maven-plugin:3.4.6",
                "dependencies",
                L,
            ),
            (
                "1970-01-01T00:00:00Z",
                "jib-maven-plugin:3.4.6",
                "resources",
                L,
            ),
            (
                "1970-01-01T00:00:00Z",
                "jib-maven-plugin:3.4.6",
                "classes",
                L,
            ),
            (
                "1970-01-01T00:00:00Z",
                "jib-maven-plugin:3.4.6",
                "jvm arg files",
                L,
            ),
        ],
        expected: Some((2, "and Jib the next layer")),
    },
    Case {
        name: "Jib on a base without a history",
        rows: &[
            ("1970-01-01T00:00:00Z", "", "auto-generated by Jib", L),
            ("1970-01-01T00:00:00Z", "", "auto-generated by Jib", L),
            (
                "1970-01-01T00:00:00Z",
                "jib-gradle-plugin:3.4.6",
                "classes",
                L,
            ),
        ],
        expected: Some((2, "Jib")),
    },
    Case {
        name: "Spring Boot by buildpacks",
        rows: &[
            (
                "2025-11-01T01:00:00Z",
                "/bin/sh -c #(nop) ADD file:ab in / ",
                "",
                L,
            ),
            (
                "2025-11-01T01:00:00Z",
                "/bin/sh -c #(nop)  CMD [\"/bin/bash\"]",
                "",
                E,
            ),
            (
                "2025-11-01T04:00:00Z",
                "/bin/sh -c apt-get install -y locales",
                "",
                L,
            ),
            (
                "1980-01-01T00:00:01Z",
                "Layer: 'helper', Created by buildpack: paketo-buildpacks/ca-certificates@3.10.3",
                "",
                L,
            ),
            (
                "1980-01-01T00:00:01Z",
                "Layer: 'jre', Created by buildpack: paketo-buildpacks/bellsoft-liberica@11.3.0",
                "",
                L,
            ),
            ("1980-01-01T00:00:01Z", "Application Slice: 1", "", L),
            ("1980-01-01T00:00:01Z", "Software Bill-of-Materials", "", L),
            ("1980-01-01T00:00:01Z", "Buildpacks Launcher Config", "", L),
            ("1980-01-01T00:00:01Z", "Buildpacks Process Types", "", L),
        ],
        expected: Some((2, "a buildpack the next layer")),
    },
    Case {
        name: "kaniko on alpine",
        rows: &[
            (
                "2025-10-08T11:04:56Z",
                "ADD alpine-minirootfs-3.22.2-x86_64.tar.gz / # buildkit",
                BK,
                L,
            ),
            ("2025-10-08T11:04:56Z", "CMD [\"/bin/sh\"]", BK, E),
            ("0001-01-01T00:00:00Z", "RUN apk add --no-cache curl", "", L),
            ("0001-01-01T00:00:00Z", "COPY . .", "", L),
        ],
        expected: Some((1, "BuildKit made the last of them, and another builder")),
    },
    Case {
        name: "docker commit on debian",
        rows: &[
            (
                "2023-05-03T00:20:31Z",
                "/bin/sh -c #(nop) ADD file:1d in / ",
                "",
                L,
            ),
            (
                "2023-05-03T00:20:31Z",
                "/bin/sh -c #(nop)  CMD [\"bash\"]",
                "",
                E,
            ),
            ("2025-11-20T09:00:00Z", "bash", "as it worked", L),
        ],
        expected: Some((1, "CMD [\"bash\"]")),
    },
    Case {
        name: "docker build --squash on debian keeps the base's layer",
        rows: &[
            (
                "2025-11-20T07:00:00Z",
                "/bin/sh -c #(nop) ADD file:1d in / ",
                "",
                L,
            ),
            ("2025-11-20T08:59:58Z", "/bin/sh -c apt-get update", "", E),
            (
                "2025-11-20T08:59:59Z",
                "/bin/sh -c #(nop)  CMD [\"app\"]",
                "",
                E,
            ),
            (
                "2025-11-20T09:00:00Z",
                "",
                "merge sha256:aa to sha256:bb",
                L,
            ),
        ],
        expected: Some((1, "squashed")),
    },
    Case {
        name: "everything squashed into one layer",
        rows: &[("2025-11-20T09:00:00Z", "", "Imported from -", L)],
        expected: None,
    },
    Case {
        name: "flattened by a last stage",
        rows: &[
            ("2025-11-20T09:00:00Z", "COPY / / # buildkit", BK, L),
            ("2025-11-20T09:00:00Z", "CMD [\"app\"]", BK, E),
        ],
        expected: None,
    },
    Case {
        name: "a company's base, made with the same builder minutes before: the lower base is the sure one",
        rows: &[
            DEBIAN,
            (
                "2025-11-20T08:55:00Z",
                "RUN /bin/sh -c apt-get update # buildkit",
                BK,
                L,
            ),
            ("2025-11-20T08:55:00Z", "CMD [\"bash\"]", BK, E),
            ("2025-11-20T09:00:00Z", "COPY . /app # buildkit", BK, L),
        ],
        expected: Some((1, "debuerreotype")),
    },
    Case {
        name: "podman onto scratch",
        rows: &[(
            "2025-11-20T09:00:00Z",
            "/bin/sh -c #(nop) COPY file:aa in / ",
            "FROM scratch",
            L,
        )],
        expected: Some((0, "FROM scratch")),
    },
    Case {
        name: "Nix without a base",
        rows: &[(
            "1970-01-01T00:00:01Z",
            "",
            "store paths: ['/nix/store/x-hello']",
            L,
        )],
        expected: Some((0, "Nix")),
    },
    Case {
        name: "Windows: nothing in its history is a sign",
        rows: &[
            ("2025-11-08T00:00:00Z", "Apply image 10.0.20348.4405", "", L),
            (
                "2025-11-11T00:00:00Z",
                "Install update 10.0.20348.4405",
                "",
                L,
            ),
        ],
        expected: None,
    },
];

#[test]
fn real_histories_are_told_apart() {
    let mut wrong = Vec::new();
    for case in CASES {
        let facts = facts(case.rows);
        let found = of(&facts, &[], layers(case.rows));
        let good = match (&found, case.expected) {
            (None, None) => true,
            (Some(base), Some((layers, why))) => base.layers == layers && base.why.contains(why),
            _ => false,
        };
        if !good {
            wrong.push(format!(
                "{}: {found:?}, expected {:?}",
                case.name, case.expected
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(CASES.len() >= 15);
}

#[test]
fn a_history_that_does_not_account_for_the_layers_tells_nothing() {
    let facts = facts(CASES[1].rows);
    assert_eq!(of(&facts, &[], 2), None);
    assert_eq!(of(&facts, &[], 0), None);
    assert_eq!(of(&super::tests::facts(&[]), &[], 1), None);
}

#[test]
fn what_the_manifest_says_of_the_base_counts_before_its_labels() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut facts = facts(CASES[0].rows);
    facts.labels = vec![
        pair(NAME, "docker.io/library/debian:12"),
        pair(DIGEST, &digest),
    ];
    let found = of(&facts, &[], 1).unwrap();
    assert_eq!(
        (found.name.as_deref(), found.digest.as_deref()),
        (Some("docker.io/library/debian:12"), Some(digest.as_str()))
    );
    // The label's digest is not put beside the annotation's name: it may be another image's.
    let annotations = [pair(NAME, "docker.io/library/python:3")];
    let found = of(&facts, &annotations, 1).unwrap();
    assert_eq!(
        (found.name.as_deref(), found.digest),
        (Some("docker.io/library/python:3"), None)
    );
    // Known although the layers are not.
    facts.history.clear();
    assert_eq!(of(&facts, &annotations, 1), None);
    assert_eq!(
        named(&facts, &annotations).0.as_deref(),
        Some("docker.io/library/python:3")
    );
    for nonsense in ["", " ", "a b", &"x".repeat(1000)] {
        facts.labels = vec![pair(NAME, nonsense), pair(DIGEST, "sha256:1")];
        assert_eq!(named(&facts, &[]), (None, None), "{nonsense:?}");
    }
}

#[test]
fn the_steps_of_the_base_end_with_its_last_command() {
    let nginx = CASES
        .iter()
        .find(|case| case.name == "pages on nginx")
        .unwrap();
    let facts = facts(nginx.rows);
    assert_eq!(steps(&facts, 3), 7);
    assert_eq!(steps(&facts, 0), 0);
    assert_eq!(steps(&facts, 1), 1);
    assert_eq!(steps(&facts, 4), 8);
    assert_eq!(steps(&facts, 400), 8);
}

#[test]
fn the_age_of_a_base_is_that_of_its_newest_step_and_never_1970() {
    let app = facts(CASES[3].rows);
    assert_eq!(
        created(&app, 2).unwrap().to_string(),
        "2025-11-03T20:44:21Z"
    );
    let distroless = facts(CASES[11].rows);
    assert_eq!(created(&distroless, 3), None);
    let go = facts(&[
        ("0001-01-01T00:00:00Z", "x", "", L),
        ("1980-01-01T00:00:01Z", "x", "", L),
    ]);
    assert_eq!(created(&go, 2), None);
}

proptest! {
    #[test]
    fn any_history_is_survived_and_never_gives_more_layers_than_there_are(
        rows in prop::collection::vec((
            prop::option::of(prop::sample::select(vec![
                "2025-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "x",
            ])),
            prop_oneof![
                ".{0,60}",
                prop::sample::select(CASES.iter().flat_map(|case| case.rows).map(|row| row.1.to_owned()).collect::<Vec<_>>()),
            ],
            prop::option::of(prop_oneof![
                ".{0,30}",
                prop::sample::select(CASES.iter().flat_map(|case| case.rows).map(|row| row.2.to_owned()).collect::<Vec<_>>()),
            ]),
            any::<bool>(),
        ), 0..20),
        claimed in 0_u32..25,
    ) {
        let mut facts = facts(&[]);
        facts.history = rows
            .into_iter()
            .map(|(created, command, comment, empty_layer)| HistoryStep {
                created: created.map(str::to_owned), command, comment, empty_layer,
            })
            .collect();
        if let Some(base) = of(&facts, &[], claimed) {
            prop_assert!(base.layers <= claimed);
            prop_assert!(!base.why.is_empty());
            prop_assert!(steps(&facts, base.layers) <= facts.history.len());
        }
        let _ = created(&facts, claimed);
        let _ = steps(&facts, claimed);
    }
}

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::cmp::Ordering;

use super::*;

/// Versions that are numbers.
struct Numbers;

impl Order for Numbers {
    fn name(&self) -> &'static str {
        "numbers"
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        let number = |text: &str| text.parse::<u64>().unwrap_or(0);
        number(a).cmp(&number(b)).then_with(|| a.cmp(b))
    }

    fn is_version(&self, version: &str) -> bool {
        version.parse::<u64>().is_ok()
    }
}

pub(super) fn package<'a>(format: &'a str, name: &'a str, fixed: Option<&'a str>) -> Package<'a> {
    Package {
        format,
        name,
        versions: &["1"],
        fixed,
        from_base: Some(false),
        ..Package::default()
    }
}

pub(super) fn of(package: Package<'_>) -> Remediation {
    advise(&Input {
        package: Some(package),
        ..Input::default()
    })
}

pub(super) fn command(format: &str, name: &str, fixed: &str) -> String {
    of(package(format, name, Some(fixed)))
        .command
        .unwrap_or_else(|| "none".to_owned())
}

#[test]
fn every_package_manager_has_its_command() {
    let all = [
        ("dpkg", "zlib1g", "1:1.2.13.dfsg-1+deb12u1"),
        ("apk", "zlib", "1.2.13-r1"),
        ("rpm", "openssl-libs", "1:3.0.7-25.el9_3"),
        ("pacman", "openssl", "3.2.0-1"),
        ("opkg", "libopenssl3", "3.0.12-1"),
        ("python", "requests", "2.31.0"),
        ("conda", "openssl", "3.0.12"),
        ("npm", "lodash", "4.17.21"),
        ("npm", "@babel/traverse", "7.23.2"),
        ("go-binary", "golang.org/x/net", "0.17.0"),
        ("go-binary", "stdlib", "1.21.5"),
        ("ruby", "rack", "2.2.8"),
        ("java", "org.apache.logging.log4j:log4j-core", "2.17.1"),
        ("composer", "guzzlehttp/psr7", "2.4.5"),
        ("dotnet", "System.Text.Json", "8.0.4"),
        ("rust-binary", "hyper", "0.14.10"),
        ("r", "commonmark", "1.8"),
        ("bitnami", "wordpress", "6.4"),
    ];
    let text: Vec<String> = all
        .iter()
        .map(|(format, name, fixed)| {
            let advice = of(package(format, name, Some(fixed)));
            format!(
                "{format}: {}\n  {}",
                advice.summary,
                advice.command.unwrap_or_default()
            )
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"), @r####"
dpkg: Update zlib1g to 1:1.2.13.dfsg-1+deb12u1 or later, in the Dockerfile, behind FROM.
  RUN apt-get update && apt-get install -y --only-upgrade zlib1g && dpkg --compare-versions "$(dpkg-query -W -f '${source:Version}' zlib1g)" ge 1:1.2.13.dfsg-1+deb12u1 && rm -rf /var/lib/apt/lists/*
apk: Update zlib to 1.2.13-r1 or later, in the Dockerfile, behind FROM.
  RUN apk add --no-cache --upgrade 'zlib>=1.2.13-r1'
rpm: Update openssl-libs to 1:3.0.7-25.el9_3 or later, in the Dockerfile, behind FROM.
  RUN dnf upgrade -y openssl-libs-1:3.0.7-25.el9_3 && dnf clean all
pacman: Update openssl to 3.2.0-1 or later, in the Dockerfile, behind FROM.
  RUN pacman -Syu --noconfirm
opkg: Update libopenssl3 to 3.0.12-1 or later, in the Dockerfile, behind FROM.
  RUN opkg update && opkg upgrade libopenssl3
python: Update requests to 2.31.0 or later, and write it into the file that lists the requirements.
  pip install 'requests>=2.31.0'
conda: Update openssl to 3.0.12 or later, in the step that installs the environment.
  conda install --yes 'openssl>=3.0.12'
npm: Update lodash to 4.17.21 or later, in the program's source (or by `overrides` where another package asks for it), and rebuild.
  npm install lodash@4.17.21
npm: Update @babel/traverse to 7.23.2 or later, in the program's source (or by `overrides` where another package asks for it), and rebuild.
  npm install @babel/traverse@7.23.2
go-binary: Update golang.org/x/net to 0.17.0 or later, in the source of the program, and build it anew.
  go get golang.org/x/net@v0.17.0
go-binary: Build the program with Go 1.21.5 or later.
  go get go@1.21.5
ruby: Update rack to 2.2.8 or later, in the source of the program, and rebuild.
  bundle update --conservative rack
java: Update org.apache.logging.log4j:log4j-core to 2.17.1 or later, as a dependency (or a managed one, where another asks for it), and build the archive anew.
  org.apache.logging.log4j:log4j-core:2.17.1
composer: Update guzzlehttp/psr7 to 2.4.5 or later, in the source of the program, and rebuild.
  composer require --update-with-all-dependencies 'guzzlehttp/psr7:^2.4.5'
dotnet: Update System.Text.Json to 8.0.4 or later, in the source of the program, and rebuild.
  dotnet add package System.Text.Json --version 8.0.4
rust-binary: Update hyper to 0.14.10 or later, in the source of the program, and rebuild.
  cargo update -p hyper --precise 0.14.10
r: Update commonmark to 1.8 or later, in the step that installs it.
  Rscript -e 'install.packages("commonmark")'
bitnami: Update wordpress to 6.4 or later.
"####);
}

#[test]
fn a_distribution_has_its_own_manager() {
    let of_os = |os| {
        of(Package {
            os: Some(os),
            ..package("rpm", "zlib", Some("1.2.13-2"))
        })
        .command
        .unwrap()
    };
    assert_eq!(
        of_os("sles"),
        "RUN zypper --non-interactive install 'zlib>=1.2.13-2' && zypper clean --all"
    );
    assert_eq!(
        of_os("azurelinux"),
        "RUN tdnf update -y zlib && tdnf clean all"
    );
    assert_eq!(
        of_os("almalinux"),
        "RUN dnf upgrade -y zlib-1.2.13-2 && dnf clean all"
    );
}

#[test]
fn the_package_url_counts_before_the_format() {
    let one = Package {
        purl: "pkg:pypi/jinja2",
        ..package("sbom", "jinja2", Some("3.1.3"))
    };
    assert_eq!(of(one).command.unwrap(), "pip install 'jinja2>=3.1.3'");
}

#[test]
fn a_part_of_npm_is_brought_up_to_date_with_npm() {
    let one = Package {
        paths: &["usr/lib/node_modules/npm/node_modules/tar/package.json"],
        ..package("npm", "tar", Some("6.2.1"))
    };
    assert_eq!(
        of(one).command.unwrap(),
        "RUN npm install --global npm@latest"
    );
    let own = Package {
        paths: &[
            "usr/lib/node_modules/npm/node_modules/tar/package.json",
            "srv/node_modules/tar/package.json",
        ],
        ..one
    };
    assert_eq!(of(own).command.unwrap(), "npm install tar@6.2.1");
}

const OLD: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const NEW: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const NEWER: &str = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

fn candidate<'a>(
    tag: &'a str,
    digest: &'a str,
    pushed: &'a str,
    versions: &'a [&'a str],
) -> Candidate<'a> {
    Candidate {
        repository: "reg.example.com/acme/debian",
        tag: Some(tag),
        digest,
        pushed: Some(pushed),
        versions,
        is_complete: true,
    }
}

fn on_base(candidates: &[Candidate<'_>]) -> Remediation {
    advise(&Input {
        package: Some(Package {
            from_base: Some(true),
            ..package("dpkg", "zlib1g", Some("5"))
        }),
        base: Base {
            name: Some("reg.example.com/acme/debian:12"),
            digest: Some(OLD),
        },
        candidates,
        order: Some(&Numbers),
        ..Input::default()
    })
}

#[test]
fn what_the_base_image_brings_is_mended_by_the_base_image_that_holds_the_fix() {
    let advice = on_base(&[
        candidate("12", OLD, "2026-01-01", &["1"]),
        candidate("12.1", NEW, "2026-02-01", &["5"]),
    ]);
    let expected = format!("reg.example.com/acme/debian:12.1@{NEW}");
    assert_eq!(advice.base_image.as_deref(), Some(expected.as_str()));
    assert_eq!(advice.command.unwrap(), format!("FROM {expected}"));
    assert_eq!(
        advice.summary,
        format!(
            "zlib1g comes with the base image reg.example.com/acme/debian:12. Move to {expected}, which has zlib1g 5, \
             and rebuild."
        )
    );
}

#[test]
fn a_base_image_that_is_known_by_its_digest_only_is_looked_up() {
    let of = |digest| {
        advise(&Input {
            package: Some(Package {
                from_base: Some(true),
                ..package("dpkg", "zlib1g", Some("5"))
            }),
            base: Base { name: None, digest },
            candidates: &[
                candidate("12", OLD, "2026-01-01", &["1"]),
                candidate("12", NEW, "2026-02-01", &["5"]),
            ],
            ..Input::default()
        })
        .base_image
    };
    let expected = format!("reg.example.com/acme/debian:12@{NEW}");
    assert_eq!(of(Some(OLD)), Some(expected));
    assert_eq!(of(Some(NEWER)), None);
    assert_eq!(of(None), None);
}

#[test]
fn the_same_tag_counts_before_the_newest_push() {
    let chosen = |all: &[Candidate<'_>]| {
        on_base(all)
            .base_image
            .map(|text| text.split('@').next().unwrap().to_owned())
    };
    let same = candidate("12", NEW, "2026-02-01", &["6"]);
    let other = candidate("13", NEWER, "2026-03-01", &["7"]);
    assert_eq!(
        chosen(&[same, other]).unwrap(),
        "reg.example.com/acme/debian:12"
    );
    assert_eq!(
        chosen(&[other, same]).unwrap(),
        "reg.example.com/acme/debian:12"
    );
    let older = candidate("12.1", NEW, "2026-02-01", &["6"]);
    assert_eq!(
        chosen(&[older, other]).unwrap(),
        "reg.example.com/acme/debian:13"
    );
}

#[test]
fn an_image_that_is_not_known_to_hold_the_fix_is_not_named() {
    let good = candidate("12.1", NEW, "2026-02-01", &["5"]);
    assert!(on_base(&[good]).base_image.is_some());
    for bad in [
        Candidate {
            versions: &["4"],
            ..good
        },
        Candidate {
            versions: &["5", "4"],
            ..good
        },
        Candidate {
            versions: &["five"],
            ..good
        },
        Candidate {
            digest: OLD,
            ..good
        },
        Candidate {
            is_complete: false,
            ..good
        },
        Candidate {
            is_complete: false,
            versions: &[],
            ..good
        },
        Candidate {
            repository: "reg.example.com/acme/ubuntu",
            ..good
        },
        Candidate {
            tag: Some("a\nRUN id"),
            ..good
        },
    ] {
        let advice = on_base(&[bad]);
        assert_eq!(advice.base_image, None, "{bad:?}");
        assert!(
            advice.command.unwrap().starts_with("RUN apt-get"),
            "{bad:?}"
        );
    }
    let without = on_base(&[Candidate {
        versions: &[],
        ..good
    }]);
    assert!(without.summary.contains("which is without zlib1g"));
}

#[test]
fn names_of_docker_hub_are_one_however_they_are_written() {
    for (base, repository) in [
        ("debian:12", "docker.io/library/debian"),
        ("docker.io/debian", "debian"),
        ("index.docker.io/library/debian:12", "docker.io/debian"),
        ("acme/app", "docker.io/acme/app"),
        ("localhost:5000/a/b:1", "localhost:5000/a/b"),
    ] {
        let advice = advise(&Input {
            package: Some(Package {
                from_base: Some(true),
                ..package("dpkg", "zlib1g", Some("5"))
            }),
            base: Base {
                name: Some(base),
                digest: None,
            },
            candidates: &[Candidate {
                repository,
                tag: Some("x"),
                digest: NEW,
                versions: &["5"],
                is_complete: true,
                pushed: None,
            }],
            ..Input::default()
        });
        assert!(advice.base_image.is_some(), "{base} {repository}");
    }
}

#[test]
fn without_a_package_manager_there_is_no_step_to_write() {
    let one = Package {
        paths: &["var/lib/dpkg/status.d/zlib1g"],
        ..package("dpkg", "zlib1g", Some("5"))
    };
    let advice = of(one);
    assert_eq!(advice.command, None);
    assert!(advice.summary.contains("no package manager"));
    let advice = of(Package {
        from_base: Some(true),
        ..one
    });
    assert_eq!(advice.command, None);
    assert!(advice.summary.contains("no package manager"));
}

#[test]
fn without_a_fix_it_says_what_to_do_meanwhile() {
    let none = of(package("dpkg", "zlib1g", None));
    assert!(
        none.summary
            .starts_with("There is no fixed version of zlib1g yet."),
        "{}",
        none.summary
    );
    assert_eq!((none.fixed_version, none.command), (None, None));
    let refused = of(Package {
        fix_refused: Some("will not be fixed."),
        ..package("dpkg", "zlib1g", None)
    });
    assert!(
        refused
            .summary
            .starts_with("The distribution says of zlib1g: will not be fixed. Move"),
        "{}",
        refused.summary
    );
    let ended = |fixed| {
        advise(&Input {
            package: Some(package("dpkg", "zlib1g", fixed)),
            operating_system: Some("Debian GNU/Linux 10 (buster)"),
            has_ended: true,
            ..Input::default()
        })
    };
    assert!(
        ended(None)
            .summary
            .starts_with("Debian GNU/Linux 10 (buster) gets no fixes any more, so zlib1g stays")
    );
    assert!(
        ended(Some("5"))
            .summary
            .starts_with("Debian GNU/Linux 10 (buster) gets no fixes any more: move")
    );
    assert!(ended(Some("5")).command.is_some());
}

#[test]
fn a_malicious_package_is_removed_and_not_updated() {
    let advice = advise(&Input {
        package: Some(package("npm", "evil", Some("2"))),
        is_malicious: true,
        ..Input::default()
    });
    assert_eq!(advice.command, None);
    assert!(advice.summary.contains("replace every secret"));
}

#[test]
fn a_secret_is_revoked_before_anything_else() {
    let of = |place| {
        advise(&Input {
            kind: Kind::Secret,
            secret: Some("AWS secret access key"),
            place: Some(place),
            ..Input::default()
        })
    };
    insta::assert_snapshot!(
        ["srv/mailer/.env", "env AWS_KEY", "history 3", "app.jar!/config/x.yml", "", "a b/$(id)\n.env"]
            .map(|place| {
                let advice = of(place);
                format!("{}\n  {}", advice.summary, advice.command.unwrap())
            })
            .join("\n"),
        @r####"
First revoke the AWS secret access key in srv/mailer/.env and make a new one: it has to be taken as known. Keep the file out of every stage that ends up in the image (.dockerignore, a multi-stage build): a later layer that deletes it leaves it in the one before. What a build needs comes in by a mount that leaves nothing behind. Then rebuild, and delete the images that hold it from the registry.
  RUN --mount=type=secret,id=env,target=/srv/mailer/.env COMMAND
First revoke the AWS secret access key in the variable AWS_KEY and make a new one: it has to be taken as known. Take ENV and ARG out of the Dockerfile: give it to the program when it runs, and to a step of the build by a mount that leaves nothing behind. Then rebuild, and delete the images that hold it from the registry.
  RUN --mount=type=secret,id=aws_key COMMAND
First revoke the AWS secret access key in step 3 of the history and make a new one: it has to be taken as known. Take it out of the Dockerfile: give it to the step of the build that needs it by a mount that leaves nothing behind. Then rebuild, and delete the images that hold it from the registry.
  RUN --mount=type=secret,id=build_secret COMMAND
First revoke the AWS secret access key in app.jar!/config/x.yml and make a new one: it has to be taken as known. Keep the file out of every stage that ends up in the image (.dockerignore, a multi-stage build): a later layer that deletes it leaves it in the one before. What a build needs comes in by a mount that leaves nothing behind. Then rebuild, and delete the images that hold it from the registry.
  RUN --mount=type=secret,id=app_jar,target=/app.jar COMMAND
First revoke the AWS secret access key in the image and make a new one: it has to be taken as known. Give it to the step of the build that needs it by a mount that leaves nothing behind. Then rebuild, and delete the images that hold it from the registry.
  RUN --mount=type=secret,id=build_secret COMMAND
First revoke the AWS secret access key in a b/$(id)�.env and make a new one: it has to be taken as known. Keep the file out of every stage that ends up in the image (.dockerignore, a multi-stage build): a later layer that deletes it leaves it in the one before. What a build needs comes in by a mount that leaves nothing behind. Then rebuild, and delete the images that hold it from the registry.
  RUN --mount=type=secret,id=__id___env COMMAND
"####
    );
}

#[test]
fn a_misconfiguration_has_the_line_to_write() {
    let of = |rule, place| {
        advise(&Input {
            kind: Kind::Misconfiguration,
            rule: Some(rule),
            place,
            base: Base {
                name: Some("debian:10"),
                digest: None,
            },
            ..Input::default()
        })
    };
    assert_eq!(
        of("posture/root-user", None).command.unwrap(),
        "RUN useradd --system --uid 10001 app\nUSER 10001"
    );
    assert_eq!(
        of("set-uid", Some("usr/bin/a b")).command.unwrap(),
        "RUN chmod a-s '/usr/bin/a b'"
    );
    assert_eq!(of("set-uid", None).command.unwrap(), "RUN chmod a-s FILE");
    assert_eq!(
        of("set-uid", Some("a\nRUN id")).command.unwrap(),
        "RUN chmod a-s FILE"
    );
    assert!(
        of("os-end-of-life", None)
            .summary
            .ends_with("The base image is debian:10.")
    );
    let other = advise(&Input {
        kind: Kind::Misconfiguration,
        rule: Some("DS002"),
        solution: Some("Add a\n  USER\tstep\u{1b}[2J."),
        ..Input::default()
    });
    assert_eq!(other.summary, "Add a USER step\u{fffd}[2J.");
}

#[test]
fn every_rule_of_the_connector_has_a_remedy() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin/src/posture/rules.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let mut count = 0;
    for block in text.split(": Rule = Rule {").skip(1) {
        let id = block.split('"').nth(1).unwrap();
        assert!(setup::of(id).is_some(), "{id}");
        count += 1;
    }
    assert!(count >= 20);
}

#[test]
fn what_no_rule_knows_is_told_in_the_tools_own_words() {
    let advice = advise(&Input {
        kind: Kind::Other,
        solution: Some("Do this."),
        ..Input::default()
    });
    assert_eq!(advice.summary, "Do this.");
    let advice = advise(&Input {
        kind: Kind::Licence,
        ..Input::default()
    });
    assert!(!advice.summary.is_empty());
}

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use super::*;
use crate::contract::{ConfigFacts, Image, Layer, Platform};
use crate::image::merge::Secret;
use crate::secret::Hit;

fn image(layers: usize) -> Image {
    Image {
        digest: "sha256:1".to_owned(),
        media_type: String::new(),
        registry: String::new(),
        repository: String::new(),
        tags: Vec::new(),
        index: None,
        platform: Platform {
            os: String::new(),
            architecture: String::new(),
            variant: None,
            os_version: None,
        },
        size: 0,
        pushed: None,
        config: ConfigFacts {
            digest: String::new(),
            created: None,
            author: None,
            user: String::new(),
            env_names: Vec::new(),
            labels: Vec::new(),
            exposed_ports: Vec::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            working_dir: None,
            volumes: Vec::new(),
            history: Vec::new(),
        },
        layers: (0..layers)
            .map(|index| Layer {
                digest: format!("sha256:layer{index}"),
                diff_id: None,
                media_type: String::new(),
                size: 0,
                command: Some(format!("COPY {index}")),
            })
            .collect(),
        operating_system: None,
        package_count: 0,
        complete: true,
        attributes: Vec::new(),
    }
}

fn hit(rule: &str, line: u32, masked: &str) -> Hit {
    Hit {
        rule: rule.to_owned(),
        line,
        masked: masked.to_owned(),
    }
}

fn told(secrets: &[Secret], config: &[(String, Hit)]) -> (Vec<Finding>, Vec<(String, Skip)>) {
    let image = image(3);
    let inspected = Inspected {
        image: &image,
        packages: &[],
        base: None,
        secrets,
        config_secrets: config,
        special: &[],
        traces: &[],
        signed: None,
        now: 0,
    };
    let mut skips = Vec::new();
    (findings(&inspected, &mut skips), skips)
}

fn value<'f>(finding: &'f Finding, key: &str) -> Option<&'f str> {
    finding
        .evidence
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}

#[test]
fn a_secret_that_a_later_layer_deletes_is_told_with_both_layers() {
    let secret = Secret {
        path: "etc/app.env".to_owned(),
        layer: 1,
        removed: Some(2),
        hits: vec![
            hit("gitlab-pat", 3, "glpat-****04"),
            hit("gitlab-pat", 9, "glpat-****04"),
        ],
    };
    let (findings, skips) = told(&[secret], &[]);
    assert_eq!((findings.len(), skips.len()), (1, 0));
    let finding = &findings[0];
    assert_eq!(finding.title, "GitLab personal access token in etc/app.env");
    assert_eq!(value(finding, "layer"), Some("sha256:layer1"));
    assert_eq!(value(finding, "layer.command"), Some("COPY 1"));
    assert_eq!(value(finding, "removed-by"), Some("sha256:layer2"));
    assert_eq!(value(finding, "lines"), Some("3, 9"));
    assert_eq!(value(finding, "match"), Some("glpat-****04"));
    assert!(
        finding.description.contains("does not remove it"),
        "{}",
        finding.description
    );
    assert!(finding.id.starts_with("secret/") && finding.id.len() == 39);
}

#[test]
fn the_same_secret_in_two_layers_is_one_and_stays_as_long_as_one_holds_it() {
    let secret = |layer, removed| Secret {
        path: "a".to_owned(),
        layer,
        removed,
        hits: vec![hit("npm-token", 1, "npm_****aa")],
    };
    let (findings, _) = told(&[secret(0, Some(1)), secret(1, None)], &[]);
    assert_eq!(findings.len(), 1);
    assert_eq!(value(&findings[0], "removed-by"), None);
    let (again, _) = told(&[secret(2, None)], &[]);
    assert_eq!(findings[0].id, again[0].id);
}

#[test]
fn a_variable_is_told_once_although_the_history_has_it_too() {
    let config = [
        ("env TOKEN".to_owned(), hit("secret", 0, "TOKEN=****")),
        ("history 4".to_owned(), hit("secret", 0, "TOKEN=****")),
        ("history 5".to_owned(), hit("secret", 0, "OTHER_TOKEN=****")),
        ("history 6".to_owned(), hit("no-such-rule", 0, "x")),
    ];
    let (findings, _) = told(&[], &config);
    let places: Vec<_> = findings
        .iter()
        .map(|finding| value(finding, "place").unwrap())
        .collect();
    assert_eq!(places, ["env TOKEN", "history 5"]);
}

#[test]
fn what_is_too_much_to_tell_is_said() {
    let secrets: Vec<Secret> = (0..30)
        .map(|file| Secret {
            path: format!("f{file}"),
            layer: 0,
            removed: None,
            hits: (0..=100)
                .map(|n| hit("password", n, &format!("P{n}=****")))
                .collect(),
        })
        .collect();
    let (findings, skips) = told(&secrets, &[]);
    assert_eq!(findings.len(), MAX_IMAGE_FINDINGS);
    assert_eq!(skips.len(), 31);
    assert_eq!(skips[0].0, "f0");
    assert!(
        skips[30].0.is_empty() && skips[30].1.why.message.contains("1000 more"),
        "{:?}",
        skips[30]
    );
}

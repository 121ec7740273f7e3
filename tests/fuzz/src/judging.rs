//! What reads advisories, catalogues, package URLs and the files of people, and by which rules: nothing
//! panics, the same bytes say the same twice, and what is read keeps the limits that it promises.

use ox_advisory::cvss::Cvss;
use ox_advisory::matching::{Lookup, from_purl, lookup};
use ox_advisory::version::order_of;
use ox_advisory::{affected, alias, epss, kev, osv, rating};
use ox_issue::Policy;
use ox_issue::context::codeowners::CodeOwners;
use ox_issue::vex;

use crate::{Chosen, versions};

/// A name, what is done with an input, and inputs to begin with.
pub struct Target {
    /// By which `OX_FUZZ` chooses it.
    pub name: &'static str,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "versions",
        run: versions::run,
        seeds: versions::seeds,
    },
    Target {
        name: "osv",
        run: record,
        seeds: || texts(RECORDS),
    },
    Target {
        name: "kev",
        run: known_exploited,
        seeds: || texts(KEV),
    },
    Target {
        name: "epss",
        run: scores,
        seeds: || texts(EPSS),
    },
    Target {
        name: "purl",
        run: package_url,
        seeds: || texts(PURLS),
    },
    Target {
        name: "cvss",
        run: vector,
        seeds: || texts(VECTORS),
    },
    Target {
        name: "policy",
        run: policy,
        seeds: || vec![Policy::default_text().as_bytes().to_vec()],
    },
    Target {
        name: "codeowners",
        run: owners,
        seeds: || texts(OWNERS),
    },
    Target {
        name: "vex",
        run: statements,
        seeds: || texts(VEX),
    },
];

/// The target of a name.
pub fn by_name(name: &str) -> Option<Chosen> {
    let target = TARGETS.iter().find(|target| target.name == name)?;
    Some(Chosen {
        run: Box::new(target.run),
        seeds: Box::new(target.seeds),
    })
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const RECORDS: &[&str] = &[
    r#"{"id":"GO-2021-1","modified":"2024-01-01T00:00:00Z","withdrawn":"0001-01-01T00:00:00Z","aliases":["CVE-2021-1"],"affected":[{"package":{"ecosystem":"Go","name":"stdlib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.3-0"},{"introduced":"1.3.0"},{"limit":"*"}]}],"versions":["1.0"],"ecosystem_specific":{"imports":[{"path":"net/http","symbols":["Get"],"goos":["windows"],"goarch":["amd64"]}],"custom_ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"last_affected":"2"}]}]}}],"references":[{"type":"WEB","url":"https://example.org"}]}"#,
    r#"{"id":"ALSA-2024:1","summary":"Important: nodejs:10 security update","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":"AlmaLinux:8","name":"nodejs"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:10.24.0-1.module_el8.3.0+2023+d2377ea3"}]}],"ecosystem_specific":{"binaries":[{"nodejs":"1"}],"urgency":"high"}}],"database_specific":{"severity":"HIGH","cwe_ids":["CWE-1"],"informational":null}}"#,
];
const KEV: &[&str] = &[
    r#"{"title":"CISA","catalogVersion":"2025.08.25","dateReleased":"2025-08-25T00:00:00Z","count":1,"vulnerabilities":[{"cveID":"CVE-2021-44228","vendorProject":"Apache","product":"Log4j2","vulnerabilityName":"x","dateAdded":"2021-12-10","shortDescription":"x","requiredAction":"x","dueDate":"2021-12-24","knownRansomwareCampaignUse":"Known","notes":"","cwes":["CWE-20"]}]}"#,
];
const EPSS: &[&str] = &[
    "#model_version:v2025.03.14,score_date:2025-08-25T00:00:00Z\ncve,epss,percentile\nCVE-2021-44228,0.94358,0.99957\nCVE-2024-1,0.00043,0.1\n",
];
const PURLS: &[&str] = &[
    "pkg:pypi/PyYAML@5.3.1",
    "pkg:golang/stdlib@go1.20rc4",
    "pkg:golang/github.com/a/b/v2@v2.0.0-20210421170649-83a5a9bb288b%2Bincompatible#sub/path",
    "pkg:rpm/almalinux/openssl-libs@1.1.1k-5.el8_5?arch=x86_64&epoch=1&upstream=openssl-1.1.1k-5.el8_5.src.rpm&distro=almalinux-8.5&rpmmod=nodejs:10:8010:c",
    "pkg:deb/debian/libssl3@1:3.0.1-1%2Bb1?distro=debian-12&upstream=openssl%403.0.1-1",
    "pkg:apk/wolfi/curl@8.5.0-r0",
    "pkg:maven/org.apache/log4j@2?type=jar",
    "pkg:npm/%40angular/animation@12.3.1",
];
const VECTORS: &[&str] = &[
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P/RL:O/RC:C",
    "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:A",
    "AV:N/AC:L/Au:N/C:P/I:P/A:P",
    "important",
    "9.8",
];
const OWNERS: &[&str] = &[
    "* @all\n[Docs][2] @docs\n/docs/**/*.md @a @b mail@example.org\n!docs/x\n^[Optional]\n\\#file\\ name @c # no comment\n",
];
const VEX: &[&str] = &[
    r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"a","timestamp":"2024-01-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2024-1","aliases":["GHSA-x"]},"products":[{"@id":"pkg:oci/app?repository_url=example.org","subcomponents":[{"@id":"pkg:npm/a@1"}]}],"status":"not_affected","justification":"component_not_present","impact_statement":"x"}]}"#,
    r#"{"bomFormat":"CycloneDX","specVersion":"1.5","vulnerabilities":[{"id":"CVE-2024-1","analysis":{"state":"not_affected","justification":"code_not_reachable","detail":"x"},"affects":[{"ref":"pkg:npm/a@1"}]}],"components":[{"bom-ref":"a","purl":"pkg:npm/a@1","name":"a"}]}"#,
];

fn record(data: &[u8]) {
    let first = osv::parse(data);
    assert_eq!(first, osv::parse(data));
    let Ok(parsed) = first else { return };
    assert!(!parsed.head.id.is_empty() && !parsed.head.id.chars().any(char::is_whitespace));
    assert!(parsed.head.details.len() <= osv::MAX_DETAILS_BYTES);
    let groups = alias::groups(&[&parsed.head, &parsed.head]);
    assert_eq!(groups, alias::groups(&[&parsed.head, &parsed.head]));
    for severity in &parsed.head.severity {
        let _ = rating::rate(&severity.kind, &severity.score);
    }
    // Each boundary against its own element: what fixes does not match, unless it opens again or is listed.
    for element in &parsed.affected {
        let ecosystem = element.ecosystem.split(':').next().unwrap_or_default();
        let rule = affected::Rule::of(ecosystem, order_of(ecosystem));
        let listed = element.versions.iter().map(String::as_str);
        for version in listed.take(3).chain(["1.2.3", "0", ""]) {
            let found = affected::judge(element, version, rule);
            assert_eq!(found, affected::judge(element, version, rule));
            let fix = affected::fix(std::iter::once(element), version, rule);
            assert!(fix.is_none_or(|fix| fix != version));
        }
    }
}

fn known_exploited(data: &[u8]) {
    let text = |data| kev::parse(data).map(|found| format!("{found:?}")).ok();
    assert_eq!(text(data), text(data));
}

fn scores(data: &[u8]) {
    let Ok(found) = epss::read(data) else { return };
    for score in found.iter() {
        assert!((0.0..=1.0).contains(&score.score), "{score:?}");
        assert!((0.0..=1.0).contains(&score.percentile), "{score:?}");
    }
}

fn package_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (purl, distro) = text.split_once('\n').unwrap_or((&text, ""));
    let distro = (!distro.is_empty()).then_some(distro);
    let Ok(owned) = from_purl(purl, distro) else {
        return;
    };
    let first = lookup(&owned.package());
    assert_eq!(first, lookup(&owned.package()));
    if let Lookup::Component(component) = first {
        assert!(!component.name.is_empty() && !component.ecosystem.is_empty());
        assert!(component.by_name_only);
    }
}

fn vector(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(parsed) = text.parse::<Cvss>() {
        assert!((0.0..=10.0).contains(&parsed.score), "{parsed:?}");
        let again = text.parse::<Cvss>().expect("the same text");
        assert_eq!(format!("{parsed:?}"), format!("{again:?}"));
    }
    for kind in ["CVSS_V2", "CVSS_V3", "CVSS_V4", "Ubuntu", ""] {
        let _ = rating::rate(kind, &text);
    }
    rating::of_word(&text);
}

fn policy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Policy::parse(&text) {
        Ok(policy) => assert_eq!(
            policy.digest(),
            Policy::parse(&text).expect("the same text").digest()
        ),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The last line is a path.
fn owners(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (file, path) = text.rsplit_once('\n').unwrap_or((&text, "docs/a.md"));
    let owners = CodeOwners::parse(file);
    for path in [path, "docs/a.md", ""] {
        if let Ok(found) = owners.of_path(path) {
            assert!(found.iter().all(|one| !one.owners.is_empty()));
            assert!(found.is_empty() || !owners.is_empty());
        }
    }
}

fn statements(data: &[u8]) {
    let text = |data| vex::read(data).map(|found| format!("{found:?}"));
    match (text(data), text(data)) {
        (Ok(first), Ok(again)) => assert_eq!(first, again),
        (Err(first), Err(again)) => assert_eq!(first.to_string(), again.to_string()),
        _ => panic!("the same bytes are read once and refused once"),
    }
}

//! What GitLab's own scanners found: from the vulnerability report where there is one, else from CI, else a
//! note; and never at the price of the images.

use std::collections::BTreeSet;

use ox_harness::image::{Artefact, Image, root};
use ox_harness::rig::Rig;
use ox_harness::sim::{
    Edition, Fault, Finding, GitLab, Modes, Organisation, Place, Running, Trouble, Version, level,
    report, scope,
};
use ox_host::contract::{self, FindingState, Severity, SkipReason, SkipSubject};

use super::scan::{TOKEN, acme, push};

const REPORTER: &str = "glpat-rex";

fn image() -> Artefact {
    Image::amd64().layer(root::debian(9).layer).build()
}

/// `acme/App` with the repositories `acme/app`, `acme/app/web` and `acme/app/web-admin`.
fn organisation() -> (Organisation, u64) {
    let (mut org, project) = acme();
    for name in ["", "web", "web-admin"] {
        push(&mut org, project, name, &[("1", &image())]);
    }
    let rex = org.user("rex");
    org.token(rex, REPORTER, &scope::CONNECTOR);
    org.groups[0].members.push((rex, level::REPORTER));
    (org, project)
}

/// Findings of each kind; the registry's host is known only when it listens.
fn some(host: &str) -> Vec<Finding> {
    let of = |cve: &str, path: &str| {
        Finding::new(
            cve,
            "libssl3",
            "3.0.11-1~deb12u2",
            &format!("{host}/{path}"),
        )
    };
    let mut worst = of("CVE-2024-0001", "acme/app/web:1");
    "CRITICAL".clone_into(&mut worst.severity);
    worst.cvss = Some((
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned(),
        9.8,
    ));
    worst.enrichment = Some((0.42, true));
    let mut dismissed = of("CVE-2024-0002", "acme/app/web:1");
    "DISMISSED".clone_into(&mut dismissed.state);
    dismissed.dismissal_reason = Some("ACCEPTABLE_RISK".to_owned());
    let mut resolved = of("CVE-2024-0003", "acme/app/web:0.9");
    "RESOLVED".clone_into(&mut resolved.state);
    "LOW".clone_into(&mut resolved.severity);
    let mut confirmed = of("CVE-2024-0004", "acme/app/web@sha256:0000");
    "CONFIRMED".clone_into(&mut confirmed.state);
    "INFO".clone_into(&mut confirmed.severity);
    let mut code = of("CVE-2024-0005", "acme/app/web:1");
    "SAST".clone_into(&mut code.report_type);
    vec![
        worst,
        dismissed,
        resolved,
        confirmed,
        code,
        of("CVE-2024-0006", "acme/app/web-admin:1"),
        of("CVE-2024-0007", "acme/app:1"),
        Finding::new(
            "CVE-2024-0008",
            "zlib1g",
            "1",
            "registry.elsewhere.example/acme/app/web:1",
        ),
    ]
}

const OF_WEB: [&str; 4] = [
    "CVE-2024-0001",
    "CVE-2024-0002",
    "CVE-2024-0003",
    "CVE-2024-0004",
];

/// A GitLab whose project has these findings in its vulnerability report.
fn reporting(modes: Modes, findings: impl FnOnce(&str) -> Vec<Finding>) -> Running {
    let (org, project) = organisation();
    let gitlab = GitLab::start(org, modes).unwrap();
    let findings = findings(&gitlab.registry_host());
    gitlab.world(|world| {
        for finding in &findings {
            world.organisation.vulnerability(project, finding);
        }
    });
    gitlab
}

/// A GitLab whose newest CI job of the project left these findings in its report.
fn leaving(modes: Modes) -> Running {
    let (org, project) = organisation();
    let gitlab = GitLab::start(org, modes).unwrap();
    let findings = some(&gitlab.registry_host());
    gitlab.world(|world| {
        world
            .organisation
            .scan_job(project, &report(&findings[..4]));
    });
    gitlab
}

fn cves(findings: &[contract::Finding]) -> BTreeSet<String> {
    let ids = findings.iter().flat_map(|finding| &finding.identifiers);
    ids.filter(|id| id.kind == "cve")
        .map(|id| id.value.clone())
        .collect()
}

fn of_web() -> BTreeSet<String> {
    OF_WEB.map(str::to_owned).into()
}

/// Scans `acme/app/web` and makes sure that its image is there whatever became of GitLab's findings, which it
/// answers.
async fn scanned(gitlab: &Running, token: &str) -> (Rig, Vec<contract::Finding>) {
    let rig = Rig::connected(gitlab, token).await.unwrap();
    rig.scan(&["acme/app/web"]).await.unwrap();
    assert_eq!(rig.images("acme/app/web").unwrap().len(), 1);
    assert_eq!(rig.packages(&image().digest).unwrap().len(), 9);
    let mut findings = rig.findings("acme/app/web").unwrap();
    findings.retain(|finding| finding.source != "connector");
    (rig, findings)
}

fn note(rig: &Rig) -> contract::Skipped {
    let told = rig.skipped("acme/app/web").unwrap();
    let mut notes = told
        .into_iter()
        .filter(|s| s.subject == SkipSubject::Source);
    notes.next().expect("a note on the source of the findings")
}

#[tokio::test]
async fn the_vulnerability_report_is_told_whole_and_of_this_repository_only() {
    let gitlab = reporting(Modes::default(), some);
    let (rig, findings) = scanned(&gitlab, TOKEN).await;
    assert_eq!(cves(&findings), of_web());
    let of = |cve: &str| {
        let fits =
            |finding: &&contract::Finding| finding.identifiers.iter().any(|id| id.value == cve);
        findings.iter().find(fits).unwrap()
    };
    let worst = of(OF_WEB[0]);
    assert_eq!(worst.source, "gitlab-graphql");
    assert_eq!(
        (worst.severity, worst.severity_as_said.as_str()),
        (Severity::Critical, "CRITICAL")
    );
    assert_eq!(worst.state, FindingState::Detected);
    assert_eq!(worst.package_name.as_deref(), Some("libssl3"));
    assert_eq!(worst.package_version.as_deref(), Some("3.0.11-1~deb12u2"));
    assert_eq!(worst.solution.as_deref(), Some("Upgrade libssl3"));
    assert_eq!(worst.operating_system.as_deref(), Some("debian 12.5"));
    assert_eq!(
        worst.image_reference,
        Some(format!("{}/acme/app/web:1", gitlab.registry_host()))
    );
    assert_eq!(worst.scanner_id, "trivy");
    assert!(worst.links[0].url.contains(OF_WEB[0]), "{worst:#?}");
    assert_eq!(worst.cvss[0].score, Some(9.8));
    assert!(worst.cvss[0].vector.starts_with("CVSS:3.1/"));
    assert!(
        worst
            .attributes
            .iter()
            .any(|(key, value)| key == "kev" && value == "true"),
        "{worst:#?}"
    );
    assert!(worst.detected_at.is_some());
    let dismissed = of(OF_WEB[1]);
    assert_eq!(dismissed.state, FindingState::Dismissed);
    let reason = dismissed
        .state_reason
        .as_deref()
        .unwrap_or_default()
        .to_lowercase();
    assert!(reason.contains("acceptable"), "{dismissed:#?}");
    let resolved = of(OF_WEB[2]);
    assert_eq!(
        (resolved.state, resolved.severity),
        (FindingState::Resolved, Severity::Low)
    );
    assert!(resolved.no_longer_detected);
    let confirmed = of(OF_WEB[3]);
    assert_eq!(
        (confirmed.state, confirmed.severity),
        (FindingState::Confirmed, Severity::Info)
    );

    // The path alone does not make it ours; but it is told.
    let note = note(&rig);
    assert!(
        note.skip
            .why
            .message
            .contains("1 container vulnerabilities"),
        "{note:#?}"
    );
    assert_eq!(note.skip.reason, SkipReason::NotSelected);

    rig.scan(&[]).await.unwrap();
    assert_eq!(
        cves(&rig.findings("acme/app").unwrap()),
        ["CVE-2024-0007".to_owned()].into()
    );
    assert_eq!(
        cves(&rig.findings("acme/app/web-admin").unwrap()),
        ["CVE-2024-0006".to_owned()].into()
    );
}

#[tokio::test]
async fn an_old_gitlab_is_asked_only_for_the_fields_that_it_has() {
    let gitlab = reporting(Modes::version(Version::V15_11), some);
    let (_, findings) = scanned(&gitlab, TOKEN).await;
    assert_eq!(cves(&findings), of_web());
    assert!(
        findings
            .iter()
            .all(|finding| finding.source == "gitlab-graphql")
    );
    let asked = gitlab.log();
    let mut asked = asked.iter().filter(|entry| entry.place == Place::GraphQl);
    assert!(asked.all(|entry| !entry.body.contains("cveEnrichment")));
}

#[tokio::test]
async fn pages_time_outs_and_complexity_are_worked_around() {
    let many = |host: &str| {
        (0..230)
            .map(|n| {
                Finding::new(
                    &format!("CVE-2023-{n:04}"),
                    "bash",
                    "5",
                    &format!("{host}/acme/app/web:1"),
                )
            })
            .collect()
    };
    for modes in [
        Modes::default(),
        Modes {
            graphql_page_limit: Some(25),
            ..Modes::default()
        },
        Modes {
            max_complexity: 60,
            ..Modes::default()
        },
    ] {
        let shown = format!("{:?} {}", modes.graphql_page_limit, modes.max_complexity);
        let gitlab = reporting(modes, many);
        let (_, findings) = scanned(&gitlab, TOKEN).await;
        assert_eq!(findings.len(), 230, "{shown}");
        assert!(
            findings
                .iter()
                .all(|finding| finding.source == "gitlab-graphql")
        );
    }
}

#[tokio::test]
async fn without_a_licence_the_reports_of_ci_are_read() {
    for (edition, null) in [
        (Edition::Community, false),
        (Edition::Free, false),
        (Edition::Free, true),
        (Edition::Premium, false),
    ] {
        let modes = Modes {
            edition,
            unlicensed_is_null: null,
            ..Modes::default()
        };
        let gitlab = leaving(modes);
        let (rig, findings) = scanned(&gitlab, TOKEN).await;
        assert_eq!(cves(&findings), of_web(), "{edition:?} {null}");
        assert!(
            findings
                .iter()
                .all(|finding| finding.source == "gitlab-report")
        );
        let told = rig.skipped("acme/app/web").unwrap();
        assert!(told.is_empty(), "{edition:?}: {told:#?}");
    }
}

#[tokio::test]
async fn without_licence_and_report_a_note_says_so() {
    for edition in [Edition::Community, Edition::Free] {
        let (org, _) = organisation();
        let gitlab = GitLab::start(org, Modes::edition(edition)).unwrap();
        let (rig, findings) = scanned(&gitlab, TOKEN).await;
        assert!(findings.is_empty());
        let note = note(&rig);
        assert!(
            matches!(
                note.skip.reason,
                SkipReason::NotLicensed | SkipReason::Empty
            ),
            "{note:#?}"
        );
        assert!(!note.skip.why.hint.is_empty());
        let report = rig.scan(&["acme/app/web"]).await.unwrap();
        assert!(report.complete, "a licence that is not there is no loss");
    }
}

#[tokio::test]
async fn a_reporter_is_told_that_the_role_does_not_suffice() {
    let gitlab = reporting(Modes::default(), some);
    let (rig, findings) = scanned(&gitlab, REPORTER).await;
    assert!(findings.is_empty());
    let told = rig.skipped("acme/app/web").unwrap();
    let developer = told.iter().find(|s| s.skip.why.hint.contains("Developer"));
    assert_eq!(
        developer.map(|s| s.skip.reason),
        Some(SkipReason::Forbidden),
        "{told:#?}"
    );
}

#[tokio::test]
async fn trouble_with_the_findings_never_costs_the_images() {
    let text = |status, text: &str| Trouble::Answer(ox_harness::sim::Reply::text(status, text));
    let said = |message: &str| {
        let body = serde_json::json!({ "data": null, "errors": [{ "message": message }] });
        Trouble::Answer(ox_harness::sim::Reply::json(200, &body))
    };
    let invalid = serde_json::json!({ "errors": [{ "message": "Invalid token" }] });
    for (name, trouble) in [
        ("a page", text(200, "<html>sign in</html>")),
        ("forbidden", text(403, "Forbidden by policy")),
        ("not there", text(404, "not found")),
        ("a word", said("Something that nobody expects")),
        ("time-out", said("Timeout on Vulnerability.location")),
        (
            "denied",
            said(
                "The resource that you are attempting to access does not exist or you don't have permission to perform this action",
            ),
        ),
        (
            "token",
            Trouble::Answer(ox_harness::sim::Reply::json(401, &invalid)),
        ),
    ] {
        let gitlab = reporting(Modes::default(), some);
        gitlab.fault(Fault::new(trouble).at(Place::GraphQl).always());
        let (rig, findings) = scanned(&gitlab, TOKEN).await;
        assert!(findings.is_empty(), "{name}");
        let note = note(&rig);
        assert!(!note.skip.why.message.is_empty(), "{name}: {note:#?}");
    }
}

#[tokio::test]
async fn a_report_that_is_gone_hidden_or_broken_is_a_note() {
    for (name, change) in [
        (
            "expired",
            (|job| job.expired = true) as fn(&mut ox_harness::sim::Job),
        ),
        ("not downloadable", |job| job.files.clear()),
        ("broken", |job| {
            for bytes in job.files.values_mut() {
                *bytes = bytes.slice(..bytes.len() / 2);
            }
        }),
    ] {
        let gitlab = leaving(Modes::edition(Edition::Community));
        gitlab.world(|world| {
            for project in &mut world.organisation.projects {
                project.jobs.iter_mut().for_each(change);
            }
        });
        let (rig, findings) = scanned(&gitlab, TOKEN).await;
        assert!(findings.is_empty(), "{name}");
        note(&rig);
    }
}

//! Findings of GitLab's own scanners: as the vulnerability report has them, and as a CI report has them.

use super::organisation::{Organisation, stamp};
use serde_json::{Value, json};

/// A finding of container scanning.
#[derive(Clone, Debug)]
pub struct Finding {
    /// `CVE-2023-0286`.
    pub cve: String,
    /// `HIGH`.
    pub severity: String,
    /// `DETECTED`, `CONFIRMED`, `RESOLVED`, `DISMISSED`.
    pub state: String,
    /// Why it was dismissed.
    pub dismissal_reason: Option<String>,
    /// `CONTAINER_SCANNING`, or another report type.
    pub report_type: String,
    /// Package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// `debian 12.1`.
    pub operating_system: String,
    /// `host/path:tag`, as scanned.
    pub image: String,
    /// What to do.
    pub solution: Option<String>,
    /// CVSS vector and score.
    pub cvss: Option<(String, f64)>,
    /// EPSS, and whether it is known to be exploited.
    pub enrichment: Option<(f64, bool)>,
}

impl Finding {
    /// An open one of high severity, in the first package that comes to mind.
    pub fn new(cve: &str, package: &str, version: &str, image: &str) -> Self {
        Self {
            cve: cve.to_owned(),
            severity: "HIGH".to_owned(),
            state: "DETECTED".to_owned(),
            dismissal_reason: None,
            report_type: "CONTAINER_SCANNING".to_owned(),
            package: package.to_owned(),
            version: version.to_owned(),
            operating_system: "debian 12.5".to_owned(),
            image: image.to_owned(),
            solution: Some(format!("Upgrade {package}")),
            cvss: None,
            enrichment: None,
        }
    }

    fn link(&self) -> String {
        format!("https://nvd.nist.gov/vuln/detail/{}", self.cve)
    }

    fn graphql(&self, id: u64) -> Value {
        let identifier = json!({ "externalType": "cve", "externalId": self.cve, "name": self.cve,
                                 "url": self.link() });
        let at = |state: &str| (self.state == state).then(|| stamp(id + 7));
        let location_type = match self.report_type.as_str() {
            "CLUSTER_IMAGE_SCANNING" => "VulnerabilityLocationClusterImageScanning",
            "DEPENDENCY_SCANNING" => "VulnerabilityLocationDependencyScanning",
            _ => "VulnerabilityLocationContainerScanning",
        };
        let cvss: Vec<Value> = self
            .cvss
            .iter()
            .map(|(vector, score)| {
                let level = match score {
                    s if *s >= 9.0 => "CRITICAL",
                    s if *s >= 7.0 => "HIGH",
                    s if *s >= 4.0 => "MEDIUM",
                    s if *s > 0.0 => "LOW",
                    _ => "NONE",
                };
                json!({ "vector": vector, "vendor": "NVD", "version": 3.1, "baseScore": score,
                        "overallScore": score, "severity": level })
            })
            .collect();
        json!({
            "id": format!("gid://gitlab/Vulnerability/{id}"),
            "uuid": format!("{id:08x}-e8fa-5668-957e-8d88f932ddc7"),
            "title": format!("{} in {}", self.cve, self.package),
            "description": format!("{} affects {} {}.", self.cve, self.package, self.version),
            "solution": self.solution, "state": self.state, "severity": self.severity,
            "reportType": self.report_type, "resolvedOnDefaultBranch": self.state == "RESOLVED",
            "presentOnDefaultBranch": true, "detectedAt": stamp(id), "confirmedAt": at("CONFIRMED"),
            "resolvedAt": at("RESOLVED"), "dismissedAt": at("DISMISSED"), "updatedAt": stamp(id + 8),
            "stateComment": self.dismissal_reason.as_ref().map(|_| "Discussed with the team."),
            "dismissalReason": self.dismissal_reason, "falsePositive": false, "hasRemediations": false,
            "userNotesCount": 0, "links": [{ "name": null, "url": self.link() }],
            "identifiers": [identifier], "primaryIdentifier": identifier,
            "scanner": { "id": "gid://gitlab/Vulnerabilities::Scanner/1", "externalId": "trivy",
                         "name": "Trivy", "vendor": "GitLab", "reportType": self.report_type },
            "location": {
                "__typename": location_type, "image": self.image,
                "operatingSystem": self.operating_system, "containerRepositoryUrl": null,
                "dependency": { "version": self.version, "package": { "name": self.package } },
            },
            "cvss": cvss,
            "cveEnrichment": self.enrichment.map(|(epss, known)| {
                json!({ "cve": self.cve, "epssScore": epss, "isKnownExploit": known })
            }),
            "reachability": null, "details": [],
            "severityOverrides": { "nodes": [], "pageInfo": { "hasNextPage": false,
                                   "hasPreviousPage": false, "startCursor": null, "endCursor": null } },
            "stateTransitions": { "nodes": [], "pageInfo": { "hasNextPage": false,
                                  "hasPreviousPage": false, "startCursor": null, "endCursor": null } },
        })
    }

    fn report(&self, number: usize) -> Value {
        let mut severity = self.severity.to_lowercase();
        if let Some(first) = severity.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        json!({
            "id": format!("finding-{number}"), "name": self.cve, "severity": severity,
            "description": format!("{} affects {}.", self.cve, self.package),
            "solution": self.solution,
            "identifiers": [{ "type": "cve", "name": self.cve, "value": self.cve, "url": self.link() }],
            "links": [{ "url": self.link() }],
            "location": {
                "dependency": { "package": { "name": self.package }, "version": self.version },
                "operating_system": self.operating_system, "image": self.image,
            },
        })
    }
}

impl Organisation {
    /// Adds a finding to a project's vulnerability report.
    pub fn vulnerability(&mut self, project: u64, finding: &Finding) {
        let id = self.id();
        let value = finding.graphql(id);
        self.change_project(project, |p| p.vulnerabilities.push(value));
    }
}

/// A `gl-container-scanning-report.json` of schema 15.0.4.
pub fn report(findings: &[Finding]) -> Value {
    let rows: Vec<Value> = findings
        .iter()
        .enumerate()
        .map(|(n, finding)| finding.report(n))
        .collect();
    json!({
        "version": "15.0.4",
        "scan": {
            "analyzer": { "id": "gcs", "name": "GitLab Container Scanning", "version": "8.0.0",
                          "vendor": { "name": "GitLab" } },
            "scanner": { "id": "trivy", "name": "Trivy", "version": "0.60.0",
                         "vendor": { "name": "GitLab" } },
            "type": "container_scanning", "status": "success",
            "start_time": "2025-05-01T09:59:00", "end_time": "2025-05-01T10:00:00",
        },
        "vulnerabilities": rows, "remediations": [],
    })
}

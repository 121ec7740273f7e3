//! An issue all of whose texts come from somebody who means harm.

use super::{text, vulnerability};
use crate::factor::Evidence;
use crate::issue::*;
use crate::{Issue, Severity};

/// What a hostile image or advisory puts into any text: markup, a script, a formula, an escape sequence, a
/// right-to-left override, an isolate, line breaks, quotes, a link of Markdown, braces.
pub(crate) const HOSTILE: &str = "=cmd|' /C calc'!A0\"><script>alert(1)</script>\u{1b}[31m\u{202e}gnp\u{2066}.exe\r\n\t&amp;[click](https://evil.example){0}`\\ \u{feff}<img src=x onerror=alert(2)>";

/// Every text that comes from outside is [`HOSTILE`].
pub(crate) fn hostile() -> Issue {
    hostile_with(17, HOSTILE)
}

/// Every text that comes from outside is this one.
pub(crate) fn hostile_with(id: i64, hostile: &str) -> Issue {
    let h = || hostile.to_owned();
    let mut issue = vulnerability();
    issue.id = id;
    issue.severity = Severity::Info;
    issue.title = h();
    issue.description = h();
    issue.primary = h();
    issue.verdict.original_why = h();
    issue.verdict.held = Some(h());
    issue.verdict.score = f64::NAN;
    let evidence = Evidence {
        label: h(),
        value: h(),
        link: Some(format!("javascript:alert(1)//{hostile}")),
    };
    for factor in &mut issue.verdict.factors {
        factor.rule = h();
        factor.short_name = h();
        factor.reason = h();
        factor.evidence = vec![evidence.clone()];
    }
    issue.override_ = Some(SeverityOverride {
        severity: Severity::Info,
        reason: h(),
        by: h(),
        at: h(),
    });
    issue.identifiers = ["cve", "cwe", hostile]
        .into_iter()
        .map(|kind| Identifier {
            kind: text(kind),
            value: h(),
            same: true,
            url: Some(format!("https://x.example/{hostile}")),
        })
        .collect();
    issue.cvss = vec![CvssScore {
        source: h(),
        version: h(),
        vector: h(),
        score: f64::INFINITY,
    }];
    issue.epss = Some(ox_advisory::epss::Score {
        cve: h(),
        score: f64::NAN,
        percentile: -3.0,
        date: h(),
    });
    issue.known_exploited = Some(ox_advisory::kev::Known {
        cve: h(),
        name: h(),
        added: h(),
        due: h(),
        ransomware: false,
        action: h(),
    });
    issue.references = vec![
        h(),
        text("javascript:alert(1)"),
        text("https://a@evil.example/"),
    ];
    issue.package = Some(IssuePackage {
        ecosystem: h(),
        format: h(),
        name: h(),
        source_name: Some(h()),
        versions: vec![h()],
        purl: h(),
    });
    issue.remediation = Remediation {
        summary: h(),
        fixed_version: Some(h()),
        command: Some(h()),
        base_image: Some(h()),
    };
    issue.sources = vec![Source {
        tool: h(),
        scanner: Some(h()),
        id: h(),
        severity: Some(h()),
        state: Some(h()),
        state_reason: Some(h()),
        evidence: vec![evidence],
        certainty: Some(h()),
        url: Some(h()),
    }];
    for one in &mut issue.occurrences {
        one.repository = h();
        one.digest = h();
        one.tags = vec![h()];
        one.platform = h();
        one.operating_system = Some(h());
        one.layer_digest = Some(h());
        one.layer_command = Some(h());
        one.path = format!("../../{hostile}");
        one.version = h();
        one.purl = format!("pkg:deb/{hostile}");
        one.origin = h();
        one.first_seen = h();
    }
    issue.connection = h();
    issue.source_tool = h();
    issue.location = h();
    issue.project = h();
    issue.registry = Some(h());
    issue.web_url = Some(format!("data:text/html,{hostile}"));
    issue.context = BusinessContext {
        application: h(),
        service: Some(h()),
        team: Some(h()),
        priority: Some(h()),
        environment: Some(h()),
        owners: vec![Owner {
            name: h(),
            from: h(),
        }],
    };
    issue.compliance = vec![Control {
        standard: h(),
        control: h(),
        description: h(),
    }];
    issue.category = h();
    issue.assignee = Some(h());
    issue.first_seen = h();
    issue.last_seen = h();
    issue
}

//! The filters of the queue as query parameters, named like the flags of the command line.

use ox_issue::Severity;
use ox_issue::facts::Kind;
use ox_issue::issue::AgainstLastScan;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::scan::Patterns;
use crate::serve::api::{ApiError, ErrorCode};
use crate::store::issues::{IssueFilter, IssueOrder, Reprioritised, SlaFilter, SortKey, Standing};

/// Which issues. Several values of one parameter are "or", several parameters are "and".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IssueQuery {
    /// Numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) issue: Vec<i64>,
    /// Where they stand; open unless told otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) standing: Vec<Standing>,
    /// The tool of the connection ("GitLab").
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) source_tool: Vec<String>,
    /// Who reported it ("GitLab", "OSV match", "OX connector").
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reported_by: Vec<String>,
    /// Names of connections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) connection: Vec<String>,
    /// Globs over paths of locations; `*` stops at `/`, `**` does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) location: Vec<String>,
    /// OX's severities.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "severities")]
    pub(crate) severity: Vec<Severity>,
    /// At least this severe.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "severity")]
    pub(crate) min_severity: Option<Severity>,
    /// The tool's severities.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "severities")]
    pub(crate) severity_before: Vec<Severity>,
    /// Which way a severity was moved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reprioritised: Vec<Reprioritised>,
    /// Rules of factors (`known-exploited`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) factor: Vec<String>,
    /// What it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) kind: Vec<Kind>,
    /// OX's categories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) category: Vec<String>,
    /// CVEs and other ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cve: Vec<String>,
    /// Names of packages, source packages too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) package: Vec<String>,
    /// Whether a newer version mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fixable: Option<bool>,
    /// Whether it is known to be exploited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exploited: Option<bool>,
    /// EPSS score at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 1)]
    pub(crate) min_epss: Option<f64>,
    /// Applications.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) application: Vec<String>,
    /// Owners.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) owner: Vec<String>,
    /// Teams.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) team: Vec<String>,
    /// Services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) service: Vec<String>,
    /// Environments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) environment: Vec<String>,
    /// Business priorities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) priority: Vec<String>,
    /// Repositories, with their registry's host or without.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) repository: Vec<String>,
    /// Tags of images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tag: Vec<String>,
    /// Digests of images, or beginnings of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) digest: Vec<String>,
    /// Seen first on this day (or at this time) or after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// Seen first before this day (or time).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    /// Against the last scan of the location.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) status: Vec<AgainstLastScan>,
    /// Deadlines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sla: Vec<SlaFilter>,
    /// Standards ("PCI DSS 4.0.1"), or controls with their standard in front.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) compliance: Vec<String>,
    /// Who works on it; the empty text means nobody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) assignee: Vec<String>,
    /// In title, ids, package, application or location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// What the list is sorted by; severity unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sort: Option<SortKey>,
    /// The other way round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reverse: Option<bool>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// Rows of the page; 100 unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<usize>,
    /// Of an export only: its format.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub(crate) format: Option<ExportFormat>,
}

/// Formats of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExportFormat {
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// RFC 4180.
    Csv,
    /// SARIF 2.1.0.
    Sarif,
    /// CycloneDX 1.6.
    #[serde(rename = "cyclonedx")]
    CycloneDx,
    /// CycloneDX 1.6, decisions only.
    #[serde(rename = "cyclonedx-vex")]
    CycloneDxVex,
    /// OpenVEX 0.2.0.
    #[serde(rename = "openvex")]
    OpenVex,
    /// GitLab's container-scanning report.
    #[serde(rename = "gitlab")]
    GitLab,
    /// OX's manual upload.
    Ox,
    /// One page that needs nothing else.
    Html,
}

impl From<ExportFormat> for ox_issue::report::Format {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Json => Self::Json,
            ExportFormat::Jsonl => Self::JsonLines,
            ExportFormat::Csv => Self::Csv,
            ExportFormat::Sarif => Self::Sarif,
            ExportFormat::CycloneDx => Self::CycloneDx,
            ExportFormat::CycloneDxVex => Self::CycloneDxVex,
            ExportFormat::OpenVex => Self::OpenVex,
            ExportFormat::GitLab => Self::GitLab,
            ExportFormat::Ox => Self::OxUpload,
            ExportFormat::Html => Self::Html,
        }
    }
}

/// Letter case does not count, and commas part several.
fn severities<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Severity>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    words
        .iter()
        .flat_map(|word| word.split(','))
        .map(|word| word.trim().parse().map_err(D::Error::custom))
        .collect()
}

fn severity<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Severity>, D::Error> {
    let word = Option::<String>::deserialize(from)?;
    word.map(|word| word.parse().map_err(D::Error::custom))
        .transpose()
}

fn wrong(field: &str, why: String) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, why).field(field)
}

/// A day or a time, as the store writes it.
fn time(field: &str, text: &str) -> Result<String, ApiError> {
    let day = text.parse::<jiff::civil::Date>().ok().and_then(|date| {
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    });
    let time = day.or_else(|| text.parse().ok()).ok_or_else(|| {
        wrong(field, format!("{text:?} is neither a day nor a time"))
            .hint("write for example 2026-01-31 or 2026-01-31T12:00:00Z")
    })?;
    Ok(format!("{time:.3}"))
}

impl IssueQuery {
    /// As the store takes it.
    pub(crate) fn filter(&self) -> Result<IssueFilter, ApiError> {
        Patterns::new(&self.location).map_err(|error| wrong("location", error.to_string()))?;
        if self
            .min_epss
            .is_some_and(|score| !(0.0..=1.0).contains(&score))
        {
            return Err(wrong("min_epss", "an EPSS score is 0 to 1".to_owned()));
        }
        let one = self.clone();
        Ok(IssueFilter {
            ids: one.issue,
            standing: one.standing,
            source_tool: one.source_tool,
            reported_by: one.reported_by,
            connection: one.connection,
            location: one.location,
            severity: one.severity,
            min_severity: one.min_severity,
            severity_before: one.severity_before,
            reprioritised: one.reprioritised,
            factor: one.factor,
            kind: one.kind,
            category: one.category,
            id: one.cve,
            package: one.package,
            fixable: one.fixable,
            known_exploited: one.exploited,
            min_epss: one.min_epss,
            application: one.application,
            owner: one.owner,
            team: one.team,
            service: one.service,
            environment: one.environment,
            priority: one.priority,
            repository: one.repository,
            tag: one.tag,
            digest: one.digest,
            first_seen_from: one.since.map(|text| time("since", &text)).transpose()?,
            first_seen_until: one.until.map(|text| time("until", &text)).transpose()?,
            against_last_scan: one.status,
            sla: one.sla,
            compliance: one.compliance,
            assignee: one.assignee,
            text: one.text,
        })
    }

    /// The order of the list.
    pub(crate) fn order(&self) -> Result<IssueOrder, ApiError> {
        Ok(IssueOrder {
            by: self.sort.unwrap_or_default(),
            reverse: self.reverse.unwrap_or_default(),
            after: self.after.clone(),
            limit: crate::serve::api::answer::rows(self.limit)?,
        })
    }

    /// What asks for a filter and an order: the way back.
    pub(crate) fn of(filter: &IssueFilter, order: &IssueOrder) -> Self {
        let one = filter.clone();
        Self {
            issue: one.ids,
            standing: one.standing,
            source_tool: one.source_tool,
            reported_by: one.reported_by,
            connection: one.connection,
            location: one.location,
            severity: one.severity,
            min_severity: one.min_severity,
            severity_before: one.severity_before,
            reprioritised: one.reprioritised,
            factor: one.factor,
            kind: one.kind,
            category: one.category,
            cve: one.id,
            package: one.package,
            fixable: one.fixable,
            exploited: one.known_exploited,
            min_epss: one.min_epss,
            application: one.application,
            owner: one.owner,
            team: one.team,
            service: one.service,
            environment: one.environment,
            priority: one.priority,
            repository: one.repository,
            tag: one.tag,
            digest: one.digest,
            since: one.first_seen_from,
            until: one.first_seen_until,
            status: one.against_last_scan,
            sla: one.sla,
            compliance: one.compliance,
            assignee: one.assignee,
            text: one.text,
            sort: (order.by != SortKey::default()).then_some(order.by),
            reverse: order.reverse.then_some(true),
            after: order.after.clone(),
            limit: (order.limit > 0)
                .then_some(order.limit.min(crate::serve::api::answer::MOST_ROWS)),
            format: None,
        }
    }

    /// As a query string.
    pub(crate) fn text(&self) -> String {
        serde_html_form::to_string(self).unwrap_or_default()
    }

    /// The filter in words, for the head of a report.
    pub(crate) fn words(&self) -> String {
        let plain = Self {
            sort: None,
            reverse: None,
            after: None,
            limit: None,
            format: None,
            ..self.clone()
        };
        let pairs: Vec<(String, String)> =
            serde_html_form::from_str(&plain.text()).unwrap_or_default();
        let mut parts: Vec<(String, Vec<String>)> = Vec::new();
        for (key, value) in pairs {
            match parts.last_mut() {
                Some((last, values)) if *last == key => values.push(value),
                _ => parts.push((key, vec![value])),
            }
        }
        let words = parts
            .into_iter()
            .map(|(key, values)| format!("{} {}", key.replace('_', " "), values.join(" or ")));
        words.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]

    use super::*;

    fn parsed(text: &str) -> Result<IssueQuery, String> {
        serde_html_form::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_parameter_comes_as_often_as_it_is_said() {
        let query =
            parsed("severity=critical&severity=High,low&fixable=true&cve=CVE-1&sort=first-seen")
                .unwrap();
        assert_eq!(
            query.severity,
            [Severity::Critical, Severity::High, Severity::Low]
        );
        let filter = query.filter().unwrap();
        assert_eq!(
            (filter.fixable, filter.id),
            (Some(true), vec!["CVE-1".to_owned()])
        );
        assert_eq!(query.order().unwrap().by, SortKey::FirstSeen);
        assert_eq!(
            query.words(),
            "severity Critical or High or Low, cve CVE-1, fixable true"
        );
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        assert!(parsed("severty=critical").unwrap_err().contains("severty"));
        assert!(
            parsed("severity=terrible")
                .unwrap_err()
                .contains("terrible")
        );
        assert!(parsed("min_epss=NaN").unwrap().filter().is_err());
        assert!(parsed("since=soon").unwrap().filter().is_err());
        assert!(parsed("location=%5B").unwrap().filter().is_err());
        assert!(parsed("limit=0").unwrap().order().is_err());
    }

    #[test]
    fn every_filter_survives_the_way_through_the_address() {
        let text = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<String>>()
        };
        let filter = IssueFilter {
            ids: vec![1, 2],
            standing: vec![Standing::Open, Standing::Excluded],
            source_tool: text(&["GitLab"]),
            reported_by: text(&["OSV match"]),
            connection: text(&["a & b", "c"]),
            location: text(&["acme/**"]),
            severity: vec![Severity::Appoxalypse],
            min_severity: Some(Severity::Low),
            severity_before: vec![Severity::Info],
            reprioritised: vec![Reprioritised::Increased],
            factor: text(&["known-exploited"]),
            kind: vec![Kind::Secret],
            category: text(&["x"]),
            id: text(&["CVE-2024-1"]),
            package: text(&["zlib1g"]),
            fixable: Some(false),
            known_exploited: Some(true),
            min_epss: Some(0.25),
            application: text(&["shop"]),
            owner: text(&["@mira"]),
            team: text(&["t"]),
            service: text(&["s"]),
            environment: text(&["e"]),
            priority: text(&["high"]),
            repository: text(&["r/s"]),
            tag: text(&["1.0"]),
            digest: text(&["sha256:ab"]),
            first_seen_from: Some("2026-01-31T00:00:00.000Z".to_owned()),
            first_seen_until: Some("2026-02-28T00:00:00.000Z".to_owned()),
            against_last_scan: vec![AgainstLastScan::New],
            sla: vec![SlaFilter::Overdue, SlaFilter::None],
            compliance: text(&["PCI DSS 4.0.1 6.3.3"]),
            assignee: text(&[""]),
            text: Some("ä=ö&".to_owned()),
        };
        let order = IssueOrder {
            by: SortKey::Due,
            reverse: true,
            after: Some("x y".to_owned()),
            limit: 7,
        };
        let query = parsed(&IssueQuery::of(&filter, &order).text()).unwrap();
        assert_eq!(query.filter().unwrap(), filter);
        assert_eq!(query.order().unwrap(), order);
    }
}

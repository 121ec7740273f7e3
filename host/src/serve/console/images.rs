//! `/images`: what is scanned, what is not and why; and the page of one image with its bills of materials.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ox_console::Section;
use ox_console::pages::images::{
    BaseImage, FailedLine, Finding, ImageLine, ImagePage, Images, Layer, PackageLine,
    SeverityCount, Shown, SkipGroup, SkipLine, Tab,
};
use ox_console::parts::{Badge, Choice, Pager, When};
use ox_console::text;
use ox_issue::Severity;

use super::asked::{Asked, href, image_href, reading};
use super::{Frame, page};
use crate::contract::{FindingKind, SkipReason};
use crate::host::{Host, HostError, LookedAt, SkippedRow};
use crate::report::detail::Detail;
use crate::report::sbom::{self, Form};
use crate::report::{findings, image, images, json, words};
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::Viewer;
use crate::store::{FailedLocation, ImageEntry, ImageQuery, PackageEntry};

/// Rows of a page.
const ROWS: usize = 50;
/// Tags of one image that a list shows.
const TAGS: usize = 6;
/// Things left out that a group shows before it links to all of them.
const EXAMPLES: usize = 8;
/// Packages of a page.
const PACKAGES: usize = 100;
/// Findings that the page of an image shows.
const FINDINGS: usize = 100;
/// Licences that the page of an image shows.
const LICENCES: usize = 30;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/images", get(list))
        .route("/images/{connection}/{digest}", get(one))
        .route("/images/{connection}/{digest}/{file}", get(download))
}

async fn list(
    _: Viewer,
    frame: Frame,
    State(server): State<Arc<Server>>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let host = server.host.clone();
    let shown = reading(move || listed(&host, &frame, &asked)).await?;
    Ok(page(&shown))
}

/// The address of this list with something else asked for.
fn again(tab: &str, query: &ImageQuery, more: &[(&str, &str)]) -> String {
    let mut pairs = vec![
        ("tab", tab),
        ("q", query.text.as_deref().unwrap_or_default()),
        (
            "connection",
            query.connection.as_deref().unwrap_or_default(),
        ),
        ("location", query.location.as_deref().unwrap_or_default()),
    ];
    pairs.extend(more);
    href("/images", &pairs)
}

fn listed(host: &Host, frame: &Frame, asked: &Asked) -> Result<Images, HostError> {
    let now = crate::store::now();
    let tab = match asked.text("tab").as_str() {
        "skipped" => "skipped",
        "failed" => "failed",
        _ => "scanned",
    };
    let connections = host.connections()?;
    let connection = asked
        .get("connection")
        .filter(|name| connections.iter().any(|one| one.name == *name));
    let reason = asked
        .get("reason")
        .filter(|_| tab == "skipped")
        .and_then(|word| {
            REASONS
                .into_iter()
                .find(|one| words::skip_reason(*one) == word)
        });
    let query = ImageQuery {
        connection,
        location: asked.get("location"),
        text: asked.get("q"),
        reason,
        after: asked.get("after"),
        limit: ROWS,
    };
    // The other tabs are counted by the same question without a row.
    let counting = ImageQuery {
        limit: 1,
        after: None,
        reason: None,
        ..query.clone()
    };
    let reasons = host.skip_reasons(&ImageQuery {
        reason: None,
        ..query.clone()
    })?;
    let left_out = reasons.iter().map(|(_, many)| many).sum();
    let (shown, next, total, unit) = match tab {
        "skipped" => {
            let (groups, next, total) = skipped(host, &query, &reasons, &now)?;
            (Shown::Skipped(groups), next, total, ("thing", "things"))
        }
        "failed" => {
            let part = host.failed_locations(&query)?;
            let lines = part.rows.into_iter().map(|row| failed_line(row, &now));
            (
                Shown::Failed(lines.collect()),
                part.next,
                Some(part.total),
                ("location", "locations"),
            )
        }
        _ => {
            let part = host.image_page(&query)?;
            let lines = part.rows.iter().map(|row| image_line(row, &now));
            (
                Shown::Scanned(lines.collect()),
                part.next,
                Some(part.total),
                ("image", "images"),
            )
        }
    };
    let scanned = match (tab, total) {
        ("scanned", Some(total)) => total,
        _ => host.image_page(&counting)?.total,
    };
    let failed = match (tab, total) {
        ("failed", Some(total)) => total,
        _ => host.failed_locations(&counting)?.total,
    };
    let tabs = [
        ("scanned", "Scanned", scanned),
        ("skipped", "Not scanned", left_out),
        ("failed", "Failed or partial", failed),
    ];
    let word = query.reason.map(words::skip_reason).unwrap_or_default();
    let pager = Pager {
        summary: total.map_or_else(String::new, |total| text::counted(total, unit.0, unit.1)),
        first: query
            .after
            .is_some()
            .then(|| again(tab, &query, &[("reason", word)])),
        next: next.map(|next| again(tab, &query, &[("reason", word), ("after", &next)])),
    };
    Ok(Images {
        chrome: frame.chrome("Images", Section::Images),
        tabs: tabs
            .into_iter()
            .map(|(word, label, count)| Tab {
                label,
                href: again(word, &query, &[]),
                count: Some(count),
                current: word == tab,
            })
            .collect(),
        tab,
        query: text::plain(query.text.as_deref().unwrap_or_default()),
        connected: !connections.is_empty(),
        connections: std::iter::once(Choice::new("", "All", query.connection.is_none()))
            .chain(connections.into_iter().map(|one| {
                let chosen = query.connection.as_deref() == Some(one.name.as_str());
                Choice::new(one.name.clone(), text::plain(&one.name), chosen)
            }))
            .collect(),
        location: text::plain(query.location.as_deref().unwrap_or_default()),
        reason: word.to_owned(),
        shown,
        pager,
        filtered: query.connection.is_some()
            || query.location.is_some()
            || query.text.is_some()
            || query.reason.is_some(),
    })
}

/// Every reason, for the words of a query.
const REASONS: [SkipReason; 11] = [
    SkipReason::NotSelected,
    SkipReason::NotAnImage,
    SkipReason::UnavailableHere,
    SkipReason::Gone,
    SkipReason::Forbidden,
    SkipReason::Unsupported,
    SkipReason::OverLimit,
    SkipReason::Corrupt,
    SkipReason::Unreachable,
    SkipReason::Empty,
    SkipReason::NotLicensed,
];

fn is_worrying(reason: SkipReason) -> bool {
    matches!(
        reason,
        SkipReason::Forbidden
            | SkipReason::Unsupported
            | SkipReason::OverLimit
            | SkipReason::Corrupt
            | SkipReason::Unreachable
    )
}

type Groups = (Vec<SkipGroup>, Option<String>, Option<u64>);

/// Each reason with the first of its things; or all things of one reason, a page at a time.
fn skipped(
    host: &Host,
    query: &ImageQuery,
    reasons: &[(SkipReason, u64)],
    now: &str,
) -> Result<Groups, HostError> {
    if let Some(reason) = query.reason {
        let part = host.skip_page(query)?;
        if part.rows.is_empty() {
            return Ok((Vec::new(), None, Some(part.total)));
        }
        let group = skip_group(reason, part.total, &part.rows, None, now);
        return Ok((vec![group], part.next, Some(part.total)));
    }
    let mut groups = Vec::with_capacity(reasons.len());
    for (reason, count) in reasons {
        let part = host.skip_page(&ImageQuery {
            reason: Some(*reason),
            after: None,
            limit: EXAMPLES,
            ..query.clone()
        })?;
        let word = words::skip_reason(*reason);
        let all = part
            .next
            .map(|_| again("skipped", query, &[("reason", word)]));
        groups.push(skip_group(*reason, *count, &part.rows, all, now));
    }
    // What should have been read comes first.
    groups.sort_by_key(|group| !group.worrying);
    let total = reasons.iter().map(|(_, many)| many).sum();
    Ok((groups, None, Some(total)))
}

fn skip_group(
    reason: SkipReason,
    count: u64,
    rows: &[SkippedRow],
    all: Option<String>,
    now: &str,
) -> SkipGroup {
    SkipGroup {
        reason: words::skip_reason(reason).to_owned(),
        phrase: words::skip_reason_phrase(reason).to_owned(),
        worrying: is_worrying(reason),
        count,
        lines: rows.iter().map(|row| skip_line(row, now)).collect(),
        all,
    }
}

fn skip_line(row: &SkippedRow, now: &str) -> SkipLine {
    let skipped = &row.skipped;
    let image = skipped.image.as_deref();
    SkipLine {
        subject: words::skip_subject(skipped.subject),
        name: text::plain(&skipped.name),
        image: image.map(|digest| image_href(&row.connection, digest)),
        location: text::plain(&row.location),
        message: text::plain(&skipped.skip.why.message),
        hint: text::plain(&skipped.skip.why.hint),
        seen: When::new(&row.seen, now),
    }
}

fn failed_line(row: FailedLocation, now: &str) -> FailedLine {
    let failed = row.state == "failed";
    let what_was_left = href(
        "/images",
        &[
            ("tab", "skipped"),
            ("connection", &row.connection),
            ("location", &row.location),
        ],
    );
    FailedLine {
        location: text::plain(&row.location),
        connection: text::plain(&row.connection),
        failed,
        class: row.class.unwrap_or_default(),
        message: match row.message {
            Some(message) => text::plain(&message),
            None if failed => "It says no reason.".to_owned(),
            None => "Parts of it were not looked at.".to_owned(),
        },
        hint: text::plain(&row.hint.unwrap_or_default()),
        skipped: (!failed).then_some(what_was_left),
        at: row.at.map(|at| When::new(&at, now)),
    }
}

/// Counts by severity, as badges that lead to the list of those issues.
pub(super) fn severity_counts(counts: &[(u8, u64)], pairs: &[(&str, &str)]) -> Vec<SeverityCount> {
    counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|&(rank, count)| {
            let severity = Severity::from_rank(rank);
            let word = severity.word().to_lowercase();
            let mut pairs = pairs.to_vec();
            pairs.push(("severity", &word));
            SeverityCount {
                badge: Badge::of(severity),
                count,
                href: href("/issues", &pairs),
            }
        })
        .collect()
}

fn image_line(row: &ImageEntry, now: &str) -> ImageLine {
    let image = &row.image;
    let more = image.tags.len().saturating_sub(TAGS);
    ImageLine {
        href: image_href(&row.connection, &image.digest),
        repository: text::plain(&crate::report::detail::name(image)),
        tags: image
            .tags
            .iter()
            .take(TAGS)
            .map(|tag| text::plain(tag))
            .collect(),
        more_tags: more as u64,
        digest: text::plain(&text::short_digest(&image.digest)),
        platform: text::plain(&crate::report::detail::platform(image)),
        system: text::plain(&images::system(image)),
        base: text::plain(
            crate::report::detail::attribute(&image.attributes, "base.name").unwrap_or_default(),
        ),
        packages: text::count(u64::from(image.package_count)),
        issues: severity_counts(
            &row.issues,
            &[("connection", &row.connection), ("digest", &image.digest)],
        ),
        complete: image.complete,
        connection: text::plain(&row.connection),
        location: text::plain(&row.location),
        first_seen: When::new(&row.first_seen, now),
        last_seen: When::new(&row.last_seen, now),
    }
}

async fn one(
    _: Viewer,
    frame: Frame,
    State(server): State<Arc<Server>>,
    Path((connection, digest)): Path<(String, String)>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let host = server.host.clone();
    let shown = reading(move || {
        let looked = host.image(&connection, &digest)?;
        Ok(image_page(&looked, &frame, &asked))
    })
    .await?;
    Ok(page(&shown))
}

fn image_page(looked: &LookedAt, frame: &Frame, asked: &Asked) -> ImagePage {
    let now = crate::store::now();
    let detail = &looked.detail;
    let row = &detail.row;
    let image = &row.image;
    let here = image_href(&row.connection, &image.digest);
    let name = crate::report::detail::references(row)
        .into_iter()
        .next()
        .unwrap_or_default();
    let name = text::plain(&name);
    let whole = detail.packages.is_some();
    let packages = Packages::new(looked, asked, &here);
    let layers: Vec<Layer> = detail
        .layers()
        .into_iter()
        .map(|layer| Layer {
            index: layer.index,
            digest: text::plain(layer.digest),
            short: text::plain(&text::short_digest(layer.digest)),
            size: text::bytes(layer.size),
            command: text::plain(layer.command.unwrap_or_default()),
            of: match layer.base {
                Some(true) => "base",
                Some(false) => "own",
                None => "",
            },
            packages: text::count(layer.packages as u64),
            packages_href: (layer.packages > 0)
                .then(|| format!("{here}?layer={}#packages", layer.index)),
            findings: text::count(layer.findings as u64),
        })
        .collect();
    let issue_pairs = [
        ("connection", row.connection.as_str()),
        ("digest", image.digest.as_str()),
    ];
    ImagePage {
        chrome: frame.chrome(name.clone(), Section::Images),
        name,
        complete: image.complete && whole,
        incomplete: if whole {
            "A part of it could not be read; see below what and why.".to_owned()
        } else {
            "Its packages have not come whole; scan it again.".to_owned()
        },
        facts: facts(detail),
        digest: text::plain(&image.digest),
        tags: image.tags.iter().map(|tag| text::plain(tag)).collect(),
        base: base_image(detail),
        issues: severity_counts(&looked.issues, &issue_pairs),
        issues_href: href("/issues", &issue_pairs),
        downloads: downloads(whole, &here),
        no_downloads: (!whole).then(|| {
            "There is no bill of materials: the packages of this image have not come whole, so it would leave some out. Scan it again.".to_owned()
        }),
        layers,
        findings: shown_findings(detail),
        more_findings: detail.findings.len().saturating_sub(FINDINGS) as u64,
        skipped: skipped_of(detail, &now),
        formats: packages.formats,
        layer_choices: packages.layers,
        query: packages.query,
        packages: packages.lines,
        pager: packages.pager,
        also: detail
            .also
            .iter()
            .map(|other| text::plain(&format!("{}: {}", other.location, other.image.tags.join(", "))))
            .collect(),
        licences: detail
            .licences()
            .rows
            .into_iter()
            .take(LICENCES)
            .map(|(name, count)| (text::plain(name), text::count(count as u64)))
            .collect(),
    }
}

/// The facts that have no place of their own on the page.
fn facts(detail: &Detail) -> Vec<(&'static str, String)> {
    image::facts(detail)
        .into_iter()
        .filter(|(name, value)| {
            !value.is_empty() && !matches!(*name, "tags" | "digest" | "base image" | "complete")
        })
        .map(|(name, value)| (name, text::plain(&value)))
        .collect()
}

fn downloads(whole: bool, here: &str) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if whole {
        all.push(("SBOM, CycloneDX", format!("{here}/sbom.cdx.json")));
        all.push(("SBOM, SPDX", format!("{here}/sbom.spdx.json")));
    }
    all.push(("JSON", format!("{here}/image.json")));
    all
}

fn base_image(detail: &Detail) -> Option<BaseImage> {
    let base = detail.base()?;
    Some(BaseImage {
        name: text::plain(base.name.unwrap_or_default()),
        digest: text::plain(base.digest.unwrap_or_default()),
        layers: match base.layers {
            None => String::new(),
            Some(1) => "the lowest layer".to_owned(),
            Some(layers) => format!("the lowest {layers} layers"),
        },
        why: text::plain(base.why.unwrap_or_default()),
    })
}

/// The severity of a tool as a badge. What a tool does not say is shown as what it is least.
fn badge(severity: crate::contract::Severity) -> Badge {
    use crate::contract::Severity as Said;
    Badge::of(match severity {
        Said::Critical => Severity::Critical,
        Said::High => Severity::High,
        Said::Medium => Severity::Medium,
        Said::Low => Severity::Low,
        Said::Info | Said::Unknown => Severity::Info,
    })
}

fn shown_findings(detail: &Detail) -> Vec<Finding> {
    // Secrets and misconfigurations first: vulnerabilities are in the queue, laid together.
    let own =
        |kind: FindingKind| matches!(kind, FindingKind::Secret | FindingKind::Misconfiguration);
    let mut rows: Vec<_> = detail.findings.iter().collect();
    rows.sort_by_key(|row| !own(row.finding.kind));
    rows.into_iter()
        .take(FINDINGS)
        .map(|row| {
            let finding = &row.finding;
            let layer = detail.layer_of(finding);
            Finding {
                badge: badge(finding.severity),
                kind: words::finding_kind(finding.kind),
                title: text::plain(&finding.title),
                seen: text::plain(&findings::seen(finding)),
                place: text::plain(&findings::place(finding)),
                layer: layer.map_or_else(String::new, |layer| layer.to_string()),
                state: findings::state(finding).to_owned(),
            }
        })
        .collect()
}

fn skipped_of(detail: &Detail, now: &str) -> Vec<SkipGroup> {
    let mut groups: Vec<(SkipReason, Vec<SkippedRow>)> = Vec::new();
    for row in &detail.skipped {
        let reason = row.skipped.skip.reason;
        match groups.iter_mut().find(|(one, _)| *one == reason) {
            Some((_, rows)) => rows.push(row.clone()),
            None => groups.push((reason, vec![row.clone()])),
        }
    }
    groups
        .into_iter()
        .map(|(reason, rows)| {
            let count = rows.len() as u64;
            let few = rows.get(..rows.len().min(FINDINGS)).unwrap_or_default();
            skip_group(reason, count, few, None, now)
        })
        .collect()
}

/// The part of the page that lists packages.
struct Packages {
    formats: Vec<Choice>,
    layers: Vec<Choice>,
    query: String,
    lines: Option<Vec<PackageLine>>,
    pager: Pager,
}

impl Packages {
    fn new(looked: &LookedAt, asked: &Asked, here: &str) -> Self {
        let name = asked.text("package").to_lowercase();
        let format = asked.text("format");
        let layer = asked
            .number("layer")
            .and_then(|layer| u32::try_from(layer).ok());
        let begin = asked
            .number("from")
            .and_then(|from| usize::try_from(from).ok())
            .unwrap_or(0);
        let formats = std::iter::once(Choice::new("", "All", format.is_empty()))
            .chain(looked.detail.formats().into_iter().map(|row| Choice {
                count: Some(row.packages as u64),
                ..Choice::new(row.format, text::plain(row.format), row.format == format)
            }))
            .collect();
        let layers = std::iter::once(Choice::new("", "All", layer.is_none()))
            .chain(
                looked
                    .detail
                    .layers()
                    .into_iter()
                    .filter(|row| row.packages > 0)
                    .map(|row| {
                        let number = row.index.to_string();
                        let chosen = u32::try_from(row.index).ok() == layer;
                        Choice {
                            count: Some(row.packages as u64),
                            ..Choice::new(number.clone(), number, chosen)
                        }
                    }),
            )
            .collect();
        let Some(all) = &looked.packages else {
            return Self {
                formats,
                layers,
                query: text::plain(&asked.text("package")),
                lines: None,
                pager: Pager::default(),
            };
        };
        let wanted: Vec<&PackageEntry> = all
            .iter()
            .filter(|one| {
                let package = &one.package;
                (format.is_empty() || package.format == format)
                    && layer.is_none_or(|layer| package.layer == layer)
                    && (name.is_empty() || package.name.to_lowercase().contains(&name))
            })
            .collect();
        let total = wanted.len();
        let begin = begin.min(total);
        let lines: Vec<PackageLine> = wanted
            .into_iter()
            .skip(begin)
            .take(PACKAGES)
            .map(package_line)
            .collect();
        let end = begin + lines.len();
        let to = |from: usize| {
            let layer = layer.map_or_else(String::new, |layer| layer.to_string());
            let from = if from == 0 {
                String::new()
            } else {
                from.to_string()
            };
            let pairs = [
                ("package", name.as_str()),
                ("format", &format),
                ("layer", &layer),
                ("from", &from),
            ];
            format!("{}#packages", href(here, &pairs))
        };
        Self {
            formats,
            layers,
            query: text::plain(&asked.text("package")),
            pager: Pager {
                summary: if total > lines.len() {
                    format!(
                        "{}–{} of {}",
                        begin + 1,
                        end,
                        text::counted(total as u64, "package", "packages")
                    )
                } else {
                    text::counted(total as u64, "package", "packages")
                },
                first: (begin > 0).then(|| to(0)),
                next: (end < total).then(|| to(end)),
            },
            lines: Some(lines),
        }
    }
}

fn package_line(entry: &PackageEntry) -> PackageLine {
    let package = &entry.package;
    PackageLine {
        name: text::plain(&package.name),
        version: text::plain(&package.version),
        format: text::plain(&package.format),
        ecosystem: match (&entry.ecosystem, entry.no_lookup.as_deref()) {
            (Some(ecosystem), _) => text::plain(ecosystem),
            (None, Some(word)) => {
                format!(
                    "not looked up: {}",
                    crate::report::advisories::reason_words(word)
                )
            }
            (None, None) => "not looked up yet".to_owned(),
        },
        licences: text::plain(&package.licences.join(", ")),
        layer: package.layer.to_string(),
        origin: words::package_origin(package.origin),
        path: text::plain(&package.path),
    }
}

/// A bill of materials, or the raw JSON.
async fn download(
    _: Viewer,
    State(server): State<Arc<Server>>,
    Path((connection, digest, file)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    let form = match file.as_str() {
        "sbom.cdx.json" => Some(Form::CycloneDx),
        "sbom.spdx.json" => Some(Form::Spdx),
        "image.json" => None,
        _ => {
            return Err(
                ApiError::new(ErrorCode::NotFound, "an image has no such file")
                    .hint("there are sbom.cdx.json, sbom.spdx.json and image.json"),
            );
        }
    };
    let host = server.host.clone();
    let looked = reading(move || host.image(&connection, &digest)).await?;
    let text = match form {
        None => json::image_report(&looked.detail),
        Some(_) if looked.detail.packages.is_none() => {
            return Err(ApiError::new(
                ErrorCode::Conflict,
                "the packages of this image have not come whole, so a bill of materials would leave some out",
            )
            .hint("scan it again"));
        }
        Some(form) => {
            let made = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
            sbom::write(form, &looked.detail, &made.to_string())
        }
    };
    let media_type = match form {
        Some(Form::CycloneDx) => "application/vnd.cyclonedx+json; version=1.6",
        Some(Form::Spdx) => "application/spdx+json",
        None => "application/json",
    };
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The name is made of what we chose, and of nothing that came from outside.
    let hex: String = looked
        .detail
        .row
        .image
        .digest
        .chars()
        .filter(char::is_ascii_hexdigit)
        .rev()
        .take(12)
        .collect();
    let name = format!("attachment; filename=\"image-{hex}.{file}\"");
    if let Ok(value) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

//! One image: what it is, what its layers brought, and what is wrong with it.

use super::detail::{Base, Detail, name, platform, references};
use super::findings::{by_severity, tone};
use super::look::{Look, Tone};
use super::skipped;
use super::table::{Cell, Column, Table};
use super::text::{bytes, count, inert, minute, number, pad, short_digest, width, wrap};
use super::words;
use crate::contract::{ConfigFacts, FindingKind};
use crate::host::FindingRow;

/// Columns of the page where the screen does not say how wide it is. Tables may be wider.
const MAX_LINE: usize = 120;
/// Licences that are shown unless all are asked for.
const TOP_LICENCES: usize = 10;
/// Tags, places and ports that are shown before the rest is counted.
const MAX_LISTED: usize = 8;
/// Columns between a name and its value.
const GAP: usize = 2;

/// The page.
pub fn page(detail: &Detail, all_licences: bool, look: Look) -> String {
    let mut page = Page {
        out: String::new(),
        look,
    };
    let title = match &detail.tag {
        Some(tag) => Some(format!("{}:{tag}", name(&detail.row.image))),
        None => references(&detail.row).into_iter().next(),
    };
    let title = inert(&title.unwrap_or_default());
    page.out.push_str(&format!("{}\n\n", look.strong(&title)));
    page.pairs(&facts(detail));
    layers(&mut page, detail);
    packages(&mut page, detail);
    findings(&mut page, detail);
    licences(&mut page, detail, all_licences);
    if !detail.skipped.is_empty() {
        page.heading("Not looked at", "");
        page.out.push_str(&skipped::table(&detail.skipped, look));
    }
    page.out
}

/// What is known of it, name by name; a value is empty where nothing is known.
pub(crate) fn facts(detail: &Detail) -> Vec<(&'static str, String)> {
    let row = &detail.row;
    let image = &row.image;
    let config = &image.config;
    let mut created = config
        .created
        .as_deref()
        .map_or_else(String::new, |at| format!("created {}", minute(at)));
    if let Some(at) = &image.pushed {
        let and = if created.is_empty() { "" } else { ", " };
        created.push_str(&format!("{and}pushed {}", minute(at)));
    }
    let tags = few(image.tags.iter().map(String::as_str));
    let others = detail.also.iter().map(|other| other.location.as_str());
    let mut place = format!("{} of {}", row.location, row.connection);
    if !detail.also.is_empty() {
        place.push_str(&format!("; also {}", few(others)));
    }
    vec![
        ("tags", tags),
        ("digest", image.digest.clone()),
        ("index", image.index.clone().unwrap_or_default()),
        ("platform", platform(image)),
        ("size", size(detail)),
        ("time", created),
        ("runs", runs(config)),
        (
            "ports",
            few(config.exposed_ports.iter().map(String::as_str)),
        ),
        ("system", system(detail)),
        ("base image", detail.base().map_or_else(String::new, base)),
        ("location", place),
        ("complete", complete(detail)),
    ]
}

fn size(detail: &Detail) -> String {
    let layers = detail.row.image.layers.len() as u64;
    format!(
        "{} in {}",
        bytes(detail.row.image.size),
        count(layers, "layer", "layers")
    )
}

/// What is started, as whom, and where.
fn runs(config: &ConfigFacts) -> String {
    let words: Vec<&str> = config
        .entrypoint
        .iter()
        .chain(&config.command)
        .map(String::as_str)
        .collect();
    let what = if words.is_empty() {
        "nothing by itself".to_owned()
    } else {
        words.join(" ")
    };
    let user = match config.user.as_str() {
        "" => "root (no user is set)",
        user => user,
    };
    let folder = match config.working_dir.as_deref() {
        None | Some("" | "/") => String::new(),
        Some(folder) => format!(" in {folder}"),
    };
    format!("{what}, as {user}{folder}")
}

fn system(detail: &Detail) -> String {
    let Some(system) = &detail.row.image.operating_system else {
        return "none".to_owned();
    };
    let name = match (&system.pretty_name, &system.version_id) {
        (Some(name), _) => name.clone(),
        (None, Some(version)) => format!("{} {version}", system.id),
        (None, None) => system.id.clone(),
    };
    match detail.ecosystem() {
        Some(ecosystem) => format!("{name}; advisories of {ecosystem}"),
        None => name,
    }
}

fn base(base: Base<'_>) -> String {
    let mut parts = Vec::new();
    parts.extend(base.name.map(str::to_owned));
    parts.extend(base.digest.map(str::to_owned));
    match base.layers {
        None => {}
        Some(1) => parts.push("the lowest layer".to_owned()),
        Some(layers) => parts.push(format!("the lowest {} layers", number(layers as u64))),
    }
    let mut text = parts.join(", ");
    if let Some(why) = base.why {
        text.push_str(&format!(" ({why})"));
    }
    text
}

fn complete(detail: &Detail) -> String {
    let skipped = detail.skipped.len() as u64;
    let mut text = if detail.row.image.complete {
        "yes".to_owned()
    } else {
        "no: a part could not be read".to_owned()
    };
    if detail.packages.is_none() {
        "no: its packages have not come whole; scan it again".clone_into(&mut text);
    }
    if skipped > 0 {
        let parts = count(skipped, "thing was", "things were");
        text.push_str(&format!("; {parts} not looked at, see below"));
    }
    text
}

fn layers(page: &mut Page, detail: &Detail) {
    let rows = detail.layers();
    if rows.is_empty() {
        return;
    }
    page.heading("Layers", "");
    let mut table = Table::new([
        Column::number("#"),
        Column::fixed("DIGEST"),
        Column::number("SIZE"),
        Column::fixed("OF"),
        Column::number("PACKAGES"),
        Column::number("FINDINGS"),
        Column::text("COMMAND"),
    ]);
    for row in rows {
        let hex = row
            .digest
            .split_once(':')
            .map_or(row.digest, |(_, hex)| hex);
        let short: String = hex.chars().take(12).collect();
        let of = match row.base {
            Some(true) => Cell::toned("base", Tone::Faint),
            Some(false) => "user".into(),
            None => "".into(),
        };
        table.row([
            row.index.to_string().into(),
            Cell::toned(short, Tone::Faint),
            bytes(row.size).into(),
            of,
            some(row.packages),
            some(row.findings),
            Cell::toned(row.command.unwrap_or_default(), Tone::Faint),
        ]);
    }
    page.out.push_str(&table.render(page.look));
}

/// A number; nothing where it is none, so that the eye finds the others.
fn some(value: usize) -> Cell {
    match value {
        0 => "".into(),
        value => number(value as u64).into(),
    }
}

fn packages(page: &mut Page, detail: &Detail) {
    if detail.packages().is_empty() {
        return;
    }
    let all = number(detail.packages().len() as u64);
    page.heading("Packages", &format!("{all}; --packages lists them"));
    let mut table = Table::new([
        Column::text("FORMAT"),
        Column::number("PACKAGES"),
        Column::number("OWNED BY THE SYSTEM"),
        Column::number("IN THE BASE"),
    ]);
    for row in detail.formats() {
        table.row([
            row.format.into(),
            number(row.packages as u64).into(),
            some(row.owned),
            some(row.in_base),
        ]);
    }
    page.out.push_str(&table.render(page.look));
}

fn findings(page: &mut Page, detail: &Detail) {
    for (kind, heading) in [
        (FindingKind::Secret, "Secrets"),
        (FindingKind::Misconfiguration, "Configuration"),
    ] {
        let rows: Vec<&FindingRow> = detail.of_kind(kind).collect();
        if rows.is_empty() {
            continue;
        }
        page.heading(heading, &by_severity(rows.iter().copied(), page.look));
        let mut table = Table::new([
            Column::fixed("SEVERITY"),
            Column::text("WHAT"),
            Column::text("MATCH"),
            Column::text("PATH"),
            Column::number("LAYER"),
            Column::fixed("STATE"),
        ]);
        for row in rows {
            let finding = &row.finding;
            let layer = detail.layer_of(finding);
            table.row([
                Cell::toned(words::severity(finding.severity), tone(finding.severity)),
                finding.title.as_str().into(),
                super::findings::seen(finding).into(),
                super::findings::place(finding).into(),
                layer
                    .map_or_else(String::new, |layer| layer.to_string())
                    .into(),
                Cell::toned(super::findings::state(finding), Tone::Faint),
            ]);
        }
        page.out.push_str(&table.render(page.look));
    }
    let rest: Vec<&FindingRow> = detail
        .findings
        .iter()
        .filter(|row| {
            !matches!(
                row.finding.kind,
                FindingKind::Secret | FindingKind::Misconfiguration
            )
        })
        .collect();
    if !rest.is_empty() {
        let severities = by_severity(rest.iter().copied(), page.look);
        page.heading("Vulnerabilities and other findings", &severities);
        page.line(&format!(
            "`ox-host findings --image {}` lists them",
            short_digest(&detail.row.image.digest)
        ));
    }
}

fn licences(page: &mut Page, detail: &Detail, all: bool) {
    let licences = detail.licences();
    if licences.rows.is_empty() {
        return;
    }
    let shown = if all {
        licences.rows.len()
    } else {
        TOP_LICENCES
    };
    let more = licences.rows.len().saturating_sub(shown);
    let note = if more > 0 {
        format!(
            "{}; --licences lists all",
            number(licences.rows.len() as u64)
        )
    } else {
        number(licences.rows.len() as u64)
    };
    page.heading("Licences", &note);
    let mut table = Table::new([Column::number("PACKAGES"), Column::text("LICENCE")]);
    for &(licence, packages) in licences.rows.iter().take(shown) {
        table.row([number(packages as u64).into(), licence.into()]);
    }
    if licences.none > 0 {
        table.row([
            Cell::toned(number(licences.none as u64), Tone::Faint),
            Cell::toned("none stated", Tone::Faint),
        ]);
    }
    page.out.push_str(&table.render(page.look));
}

/// The first few of a list, and how many more there are.
fn few<'a>(list: impl Iterator<Item = &'a str>) -> String {
    let list: Vec<&str> = list.collect();
    let mut text = list
        .iter()
        .take(MAX_LISTED)
        .copied()
        .collect::<Vec<_>>()
        .join(" ");
    if let Some(more) = list.len().checked_sub(MAX_LISTED).filter(|&more| more > 0) {
        text.push_str(&format!(" +{more}"));
    }
    text
}

struct Page {
    out: String,
    look: Look,
}

impl Page {
    fn heading(&mut self, text: &str, note: &str) {
        let note = if note.is_empty() {
            String::new()
        } else {
            format!("  {note}")
        };
        self.out
            .push_str(&format!("\n{}{note}\n", self.look.strong(text)));
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(&format!("{}\n", inert(text)));
    }

    /// Names and values; a value that is longer than the screen goes on below itself, an empty one is left
    /// out.
    fn pairs(&mut self, pairs: &[(&str, String)]) {
        let shown = || pairs.iter().filter(|(_, value)| !value.is_empty());
        let column = shown().map(|(name, _)| width(name)).max().unwrap_or(0) + GAP;
        let room = self
            .look
            .width
            .unwrap_or(MAX_LINE)
            .saturating_sub(column)
            .max(20);
        for (name, value) in shown() {
            for (place, line) in wrap(&inert(value), Some(room)).into_iter().enumerate() {
                let name = if place == 0 { name } else { "" };
                let name = self.look.faint(&pad(name, column));
                self.out.push_str(format!("{name}{line}").trim_end());
                self.out.push('\n');
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::super::samples;
    use super::*;

    fn look(columns: usize) -> Look {
        Look {
            width: Some(columns),
            colour: false,
        }
    }

    #[test]
    fn an_image_reads_well() {
        insta::assert_snapshot!(page(&samples::detail(), false, look(120)));
    }

    #[test]
    fn an_image_fits_eighty_columns() {
        let text = page(&samples::detail(), false, look(80));
        // A digest is not broken: it would not be one any more.
        let fits = |line: &&str| width(line) <= 80 || line.contains("sha256:");
        assert!(text.lines().all(|line| fits(&line)), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn an_image_of_which_little_is_known_says_so() {
        let mut detail = samples::detail();
        detail.packages = None;
        detail.findings.clear();
        detail.also.clear();
        let image = &mut detail.row.image;
        image.attributes.clear();
        image.operating_system = None;
        image.tags.clear();
        image.index = None;
        image.layers.clear();
        image.config.entrypoint.clear();
        image.config.created = None;
        image.config.exposed_ports.clear();
        image.complete = false;
        insta::assert_snapshot!(page(&detail, false, look(80)));
    }

    #[test]
    fn the_licences_are_cut_unless_all_are_asked_for() {
        let mut detail = samples::detail();
        let packages = detail.packages.as_mut().unwrap();
        packages[0].licences = (0..30).map(|n| format!("LicenseRef-{n:02}")).collect();
        let few = page(&detail, false, Look::PLAIN);
        assert!(few.contains("--licences lists all") && !few.contains("LicenseRef-29"));
        let all = page(&detail, true, Look::PLAIN);
        assert!(!all.contains("--licences") && all.contains("LicenseRef-29"));
    }

    #[test]
    fn hostile_words_of_an_image_stay_on_their_line() {
        let mut detail = samples::detail();
        let evil = "a\u{1b}[2J\r\nPackages  0\u{202e}";
        detail.row.image.config.entrypoint = vec![evil.to_owned()];
        detail.row.image.tags = vec![evil.to_owned()];
        detail.row.image.layers[0].command = Some(evil.to_owned());
        detail.findings[0].finding.title = evil.to_owned();
        let text = page(&detail, false, Look::PLAIN);
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{text}");
        assert!(!text.lines().any(|line| line == "Packages  0"), "{text}");
    }
}

//! Connectors: what is installed, and what a component file is.

use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{bytes, inert, pad, short_digest, width, wrap};
use super::words;
use crate::contract::Manifest;
use crate::host::{Inspection, PluginVersion, VersionState};

/// One line a connector.
pub fn table(list: &[(Manifest, String)], look: Look) -> String {
    let mut table = Table::new([
        Column::fixed("CONNECTOR"),
        Column::fixed("VERSION"),
        Column::text("NAME"),
        Column::text("CATEGORY"),
        Column::fixed("DIGEST"),
    ]);
    for (manifest, digest) in list {
        table.row([
            Cell::toned(&manifest.id, Tone::Strong),
            manifest.version.as_str().into(),
            manifest.name.as_str().into(),
            manifest.category.as_str().into(),
            Cell::toned(short_digest(digest), Tone::Faint),
        ]);
    }
    table.render(look)
}

/// One line a version.
pub fn versions(list: &[PluginVersion], look: Look) -> String {
    let mut table = Table::new([
        Column::fixed("CONNECTOR"),
        Column::fixed("VERSION"),
        Column::fixed("STATE"),
        Column::fixed("CONTRACT"),
        Column::fixed("DIGEST"),
        Column::fixed("INSTALLED"),
        Column::text("WHY"),
    ]);
    for version in list {
        let (state, tone) = match version.state {
            _ if version.failing => ("failing", Tone::Bad),
            VersionState::Active => ("active", Tone::Good),
            VersionState::Installed => ("installed", Tone::Plain),
            VersionState::Refused => ("refused", Tone::Bad),
        };
        table.row([
            Cell::toned(&version.connector, Tone::Strong),
            version.version.as_str().into(),
            Cell::toned(state, tone),
            version.contract.as_str().into(),
            Cell::toned(short_digest(&version.digest), Tone::Faint),
            version.installed_at.as_str().into(),
            version.report.refused.as_deref().unwrap_or_default().into(),
        ]);
    }
    table.render(look)
}

/// Everything that can be known of a component without connecting anything.
pub fn inspected(inspected: &Inspection, look: Look) -> String {
    let manifest = &inspected.manifest;
    let mut page = Page {
        out: String::new(),
        look,
    };
    page.out.push_str(&format!(
        "{} {}\n",
        look.strong(&inert(&manifest.name)),
        inert(&manifest.version)
    ));
    for line in wrap(&inert(&manifest.description), look.width) {
        page.out.push_str(&line);
        page.out.push('\n');
    }
    page.out.push('\n');
    page.pairs(&[
        ("id", manifest.id.clone()),
        ("category", manifest.category.clone()),
        ("source tool", manifest.source_tool.clone()),
        ("contract", contract(inspected).unwrap_or_default()),
        ("digest", inspected.digest.clone()),
        ("size", bytes(inspected.size)),
        ("emits", manifest.emits.join(", ")),
    ]);

    page.heading("Form");
    let mut fields = Table::new([
        Column::fixed(""),
        Column::fixed(""),
        Column::fixed(""),
        Column::text(""),
    ]);
    for field in &manifest.fields {
        let default = field
            .default
            .as_deref()
            .map(|value| format!("default {value}"));
        let need = if field.required {
            "required".to_owned()
        } else {
            default.unwrap_or_default()
        };
        fields.row([
            format!("  {}", field.key).into(),
            words::field_kind(field.kind).into(),
            need.into(),
            Cell::toned(&field.help, Tone::Faint),
        ]);
    }
    page.rows(&fields);

    page.heading("Verify steps");
    for step in &manifest.verify_steps {
        page.line(&step.label);
    }
    page.heading("Token scopes");
    let mut scopes = Table::new([Column::fixed(""), Column::text("")]);
    for scope in &manifest.scopes {
        scopes.row([
            format!("  {}", scope.name).into(),
            Cell::toned(&scope.purpose, Tone::Faint),
        ]);
    }
    page.rows(&scopes);
    page.heading("Locations");
    for kind in &manifest.location_kinds {
        let mark = if kind.scannable { " (scanned)" } else { "" };
        page.line(&format!("{}{mark}", kind.label));
    }
    page.heading("Imports");
    for import in &inspected.imports {
        page.line(import);
    }
    page.heading("Exports");
    for export in &inspected.exports {
        page.line(export);
    }
    if !inspected.limits.is_empty() {
        page.heading("Limits of a call");
        let mut limits = Table::new([Column::fixed(""), Column::text("")]);
        for (name, value) in &inspected.limits {
            limits.row([format!("  {name}").into(), value.into()]);
        }
        page.rows(&limits);
    }
    page.out
}

/// The version of the contract that a component speaks, from the name of what it exports
/// (`ox:connector/connector@0.1.0` means `ox:connector@0.1.0`).
pub(crate) fn contract(inspected: &Inspection) -> Option<String> {
    let version = inspected
        .exports
        .iter()
        .find_map(|name| name.strip_prefix("ox:connector/connector@"))?;
    Some(format!("ox:connector@{version}"))
}

struct Page {
    out: String,
    look: Look,
}

impl Page {
    fn heading(&mut self, text: &str) {
        self.out.push('\n');
        self.out.push_str(&self.look.strong(text));
        self.out.push('\n');
    }

    fn line(&mut self, text: &str) {
        self.out.push_str("  ");
        self.out.push_str(&inert(text));
        self.out.push('\n');
    }

    fn pairs(&mut self, pairs: &[(&str, String)]) {
        let column = pairs.iter().map(|(name, _)| width(name)).max().unwrap_or(0) + 2;
        for (name, value) in pairs {
            let name = self.look.faint(&pad(name, column));
            self.out.push_str(&format!("{name}{}\n", inert(value)));
        }
    }

    /// The rows of a table whose headings are empty, without the empty line that those make.
    fn rows<const N: usize>(&mut self, table: &Table<N>) {
        let text = table.render(self.look);
        self.out
            .push_str(text.split_once('\n').map_or("", |(_, rows)| rows));
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn an_inspected_component_reads_well() {
        insta::assert_snapshot!(inspected(&samples::inspected(), Look::PLAIN));
    }

    #[test]
    fn installed_connectors_read_well() {
        let list = [(samples::manifest(), samples::digest('7'))];
        insta::assert_snapshot!(table(&list, Look::PLAIN));
    }
}

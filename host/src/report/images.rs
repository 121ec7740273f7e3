//! Images and their packages.

use super::detail::platform;
use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{bytes, count, number, short_digest};
use crate::contract::{Image, Package};
use crate::host::ImageRow;

/// Tags of one image that a list shows before it says how many more there are.
const MAX_TAGS: usize = 4;

/// One line an image.
pub fn table(rows: &[ImageRow], look: Look) -> String {
    let several = rows
        .first()
        .is_some_and(|first| rows.iter().any(|row| row.connection != first.connection));
    let mut table = Table::new([
        Column::text("LOCATION"),
        Column::text("TAGS"),
        Column::fixed("PLATFORM"),
        Column::text("SYSTEM"),
        Column::number("PACKAGES"),
        Column::number("SECRETS"),
        Column::number("CONFIG"),
        Column::number("LAYERS"),
        Column::number("SIZE"),
        Column::fixed("DIGEST"),
        Column::text("CONNECTION"),
    ]);
    for row in rows {
        let image = &row.image;
        let packages = number(u64::from(image.package_count));
        let packages = if image.complete {
            Cell::from(packages)
        } else {
            Cell::toned(format!("! {packages}"), Tone::Warn)
        };
        table.row([
            row.location.as_str().into(),
            tags(&image.tags).into(),
            platform(image).into(),
            system(image).into(),
            packages,
            found(row.secrets, Tone::Bad),
            found(row.misconfigurations, Tone::Warn),
            number(image.layers.len() as u64).into(),
            bytes(image.size).into(),
            Cell::toned(short_digest(&image.digest), Tone::Faint),
            if several {
                row.connection.as_str().into()
            } else {
                "".into()
            },
        ]);
    }
    let mut out = table.render(look);
    if !rows.is_empty() {
        out.push_str(&format!(
            "\n{}",
            count(rows.len() as u64, "image", "images")
        ));
        if rows.iter().any(|row| !row.image.complete) {
            out.push_str(&look.warn("; ! marks those of which a part could not be read"));
        }
        out.push('\n');
    }
    out
}

/// How many; nothing where there are none.
fn found(many: u32, tone: Tone) -> Cell {
    match many {
        0 => "".into(),
        many => Cell::toned(number(u64::from(many)), tone),
    }
}

/// One line a package.
pub fn packages(rows: &[Package], look: Look) -> String {
    let mut table = Table::new([
        Column::text("PACKAGE"),
        Column::text("VERSION"),
        Column::fixed("ARCH"),
        Column::fixed("FORMAT"),
        Column::text("SOURCE"),
        Column::text("LICENCE"),
        Column::number("LAYER"),
        Column::text("FILE"),
    ]);
    for package in rows {
        let source = match (&package.source_name, &package.source_version) {
            (Some(name), Some(version)) if version != &package.version => {
                format!("{name} {version}")
            }
            (Some(name), _) if name != &package.name => name.clone(),
            _ => String::new(),
        };
        table.row([
            Cell::toned(&package.name, Tone::Strong),
            package.version.as_str().into(),
            package.architecture.as_deref().unwrap_or_default().into(),
            package.format.as_str().into(),
            Cell::toned(source, Tone::Faint),
            Cell::toned(package.licences.join(" "), Tone::Faint),
            package.layer.to_string().into(),
            Cell::toned(&package.path, Tone::Faint),
        ]);
    }
    let mut out = table.render(look);
    if !rows.is_empty() {
        out.push_str(&format!(
            "\n{}\n",
            count(rows.len() as u64, "package", "packages")
        ));
    }
    out
}

fn tags(tags: &[String]) -> String {
    let mut text = tags
        .iter()
        .take(MAX_TAGS)
        .cloned()
        .collect::<Vec<_>>()
        .join(" ");
    if let Some(more) = tags.len().checked_sub(MAX_TAGS).filter(|&more| more > 0) {
        text.push_str(&format!(" +{more}"));
    }
    text
}

/// `debian 12`; empty where there is none.
pub(crate) fn system(image: &Image) -> String {
    match &image.operating_system {
        Some(system) => match &system.version_id {
            Some(version) => format!("{} {version}", system.id),
            None => system.id.clone(),
        },
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn images_read_well() {
        insta::assert_snapshot!(table(&samples::images(), Look::PLAIN));
    }

    #[test]
    fn packages_read_well() {
        insta::assert_snapshot!(packages(&samples::packages(), Look::PLAIN));
    }

    #[test]
    fn many_tags_are_counted_not_listed() {
        let many: Vec<_> = (0..40).map(|n| format!("v{n}")).collect();
        assert_eq!(tags(&many), "v0 v1 v2 v3 +36");
    }
}

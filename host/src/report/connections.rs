//! The configured accounts.

use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{inert, minute, without_userinfo};
use crate::host::{Connection, NewLocations, Selection};

/// One line a connection, and below it what makes a connection unlike the others.
pub fn table(list: &[Connection], look: Look) -> String {
    let mut table = Table::new([
        Column::text("NAME"),
        Column::fixed("CONNECTOR"),
        Column::text("ACCOUNT"),
        Column::text("SELECTION"),
        Column::text("VERIFIED"),
        Column::text("NOTE"),
    ]);
    for connection in list {
        let verified = match &connection.verified {
            Some((at, true)) => Cell::toned(format!("✓ {}", minute(at)), Tone::Good),
            Some((at, false)) => Cell::toned(format!("✗ {}", minute(at)), Tone::Bad),
            None => Cell::toned("–", Tone::Faint),
        };
        table.row([
            Cell::toned(&connection.name, Tone::Strong),
            connection.connector.as_str().into(),
            connection.display_name.as_str().into(),
            selection(&connection.selection).into(),
            verified,
            note(connection),
        ]);
    }
    table.render(look)
}

fn note(connection: &Connection) -> Cell {
    let network = &connection.network;
    let mut notes = Vec::new();
    if network.insecure_tls {
        notes.push("certificates are NOT verified".to_owned());
    }
    if let Some(proxy) = &network.proxy {
        notes.push(format!("through {}", without_userinfo(proxy)));
    }
    if !network.ca_pem.is_empty() {
        notes.push("own CA".to_owned());
    }
    if network.client_pem.is_some() {
        notes.push("client certificate".to_owned());
    }
    if !network.allow.is_empty() {
        notes.push(format!("also allowed: {}", network.allow.join(" ")));
    }
    let tone = if network.insecure_tls {
        Tone::Warn
    } else {
        Tone::Faint
    };
    Cell::toned(notes.join(", "), tone)
}

/// A selection in a few words (`acme/** but not **/old, new ones left out`).
pub fn selection(selection: &Selection) -> String {
    let mut words = if selection.include.is_empty() {
        "all".to_owned()
    } else {
        selection.include.join(" ")
    };
    if !selection.exclude.is_empty() {
        words.push_str(" but not ");
        words.push_str(&selection.exclude.join(" "));
    }
    if selection.new_locations == NewLocations::Exclude {
        words.push_str(", new ones left out");
    }
    inert(&words)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn connections_read_well() {
        let mut plain = samples::connection();
        plain.name = "plain".to_owned();
        plain.network = crate::host::NetworkOptions::default();
        plain.selection.exclude.clear();
        plain.selection.include.clear();
        plain.selection.new_locations = NewLocations::Include;
        plain.verified = None;
        insta::assert_snapshot!(table(&[plain, samples::connection()], Look::PLAIN));
    }
}

//! The README's tables are what the code says. `UPDATE_README=1 cargo test --test readme` writes them anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::path::PathBuf;

use gitlab_registry_connector::catalog::CATALOGUERS;

fn formats() -> String {
    let mut table = String::from(
        "| what | id | files | besides name and version |\n| --- | --- | --- | --- |\n",
    );
    for one in CATALOGUERS {
        let about = one.about();
        table.push_str(&format!(
            "| {} | `{}` | `{}` | {} |\n",
            about.title,
            one.id(),
            about.reads.replace('|', "\\|"),
            about.tells
        ));
    }
    table
}

/// The part of the README between two marks, and what it should be.
fn holds(name: &str, generated: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = format!("<!-- {name}: generated -->\n");
    let end = format!("<!-- /{name} -->");
    let start = text.find(&begin).expect("the README has the mark") + begin.len();
    let stop = start
        + text[start..]
            .find(&end)
            .expect("the README has the closing mark");
    if text[start..stop] == *generated {
        return;
    }
    if std::env::var_os("UPDATE_README").is_some() {
        let text = format!("{}{generated}{}", &text[..start], &text[stop..]);
        std::fs::write(&path, text).unwrap();
        return;
    }
    panic!(
        "the README's table `{name}` is not what the code says; \
         `UPDATE_README=1 cargo test --test readme` writes it anew:\n{generated}"
    );
}

#[test]
fn the_table_of_formats_is_that_of_the_code() {
    holds("formats", &formats());
}

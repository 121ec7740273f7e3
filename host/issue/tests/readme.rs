//! The README's table of controls is what the code says. `UPDATE_README=1 cargo test -p ox-issue --test
//! readme` writes it anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;

#[test]
fn the_table_of_controls_is_that_of_the_code() {
    let generated = ox_issue::compliance::table();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = "<!-- compliance: generated -->\n";
    let end = "<!-- /compliance -->";
    let start = text.find(begin).expect("the README has the mark") + begin.len();
    let stop = start
        + text[start..]
            .find(end)
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
        "the README's table `compliance` is not what the code says; \
         `UPDATE_README=1 cargo test -p ox-issue --test readme` writes it anew:\n{generated}"
    );
}

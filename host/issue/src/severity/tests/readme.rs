//! The table of rules, in itself and in the README. `UPDATE_README=1 cargo test -p ox-issue readme` writes it anew.

use std::path::PathBuf;

use super::*;

#[test]
fn the_table_of_factors_in_the_readme_is_that_of_the_code() {
    let generated = markdown();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- factors: generated -->\n", "<!-- /factors -->");
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
        "the README's table `factors` is not what the code says; \
         `UPDATE_README=1 cargo test -p ox-issue readme` writes it anew:\n{generated}"
    );
}

#[test]
fn every_rule_is_declared_once_and_documented() {
    let table = table();
    assert!(table.len() > 25);
    for row in &table {
        assert_eq!(
            table.iter().filter(|other| other.id == row.id).count(),
            1,
            "{}",
            row.id
        );
        assert!(row.meaning.ends_with('.'), "{}", row.id);
        let plain = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        assert!(
            plain(row.id) && row.changes.iter().all(|one| plain(one.name)),
            "{}",
            row.id
        );
        for change in row.changes {
            let size = change.default.abs();
            assert!((0.05..=1.5).contains(&size), "{} {}", row.id, change.name);
            assert_eq!(
                (size * 20.0).round() / 20.0,
                size,
                "steps of 0.05: {} {}",
                row.id,
                change.name
            );
            let words = change.short_name.split(' ').count();
            assert!((2..=5).contains(&words), "{}", change.short_name);
        }
        for threshold in row.thresholds {
            assert!(
                (threshold.least..=threshold.most).contains(&threshold.default),
                "{}",
                row.id
            );
        }
    }
}

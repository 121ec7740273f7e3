//! The public vectors, read in place.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::version::{by_name, check_vectors};

/// Each file, its order, how many comparisons it must have, and lines that can't hold, with the reason.
type Row = (
    &'static str,
    &'static str,
    u64,
    &'static [(&'static str, &'static str)],
);

const FILES: &[Row] = &[
    ("alpine-versions.txt", "apk", 750, &[]),
    ("cran-versions.txt", "cran", 20, &[]),
    ("debian-versions.txt", "dpkg", 25, &[]),
    ("hackage-versions.txt", "hackage", 11, &[]),
    ("maven-versions.txt", "maven", 90, &[]),
    ("nuget-versions.txt", "nuget", 30, &[]),
    (
        "packagist-versions.txt",
        "packagist",
        90,
        &[(
            "1.2.3.# = 1.2.3.1",
            "the file also says 1.2.3.# = 1.2.3, and 1.2.3 < 1.2.3.1: no order has all three; PHP says <",
        )],
    ),
    ("pub-versions.txt", "pub", 90, &[]),
    ("pypi-versions.txt", "pep440", 30, &[]),
    ("redhat-versions.txt", "rpm", 140, &[]),
    ("rubygems-versions.txt", "rubygems", 20, &[]),
    ("semver-versions.txt", "semver", 80, &[]),
    ("semver-versions.txt", "go", 80, &[]),
];

fn data() -> Option<PathBuf> {
    if let Ok(data) = std::env::var("OX_TEST_DATA") {
        return Some(PathBuf::from(data)).filter(|data| data.is_dir());
    }
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared/data"))
        .find(|folder| folder.is_dir())
}

#[test]
fn the_orders_agree_with_the_public_vectors() {
    let Some(data) = data() else {
        println!("skipped: shared/data is not there");
        return;
    };
    for (file, order, least, exceptions) in FILES {
        let path = data.join("versions").join(file);
        let Ok(opened) = File::open(&path) else {
            println!("skipped: shared/data/versions/{file} is not there");
            continue;
        };
        let order = by_name(order).unwrap();
        let report = check_vectors(order, BufReader::new(opened)).unwrap();
        println!(
            "{file}: {} compared by {}, {} wrong, {} unread",
            report.compared,
            order.name(),
            report.wrong,
            report.unread
        );
        let wrong: Vec<String> = report
            .first_wrong
            .iter()
            .map(|wrong| format!("{} {} {}", wrong.left, wrong.expected, wrong.right))
            .collect();
        let excused: Vec<&str> = exceptions.iter().map(|(line, _)| *line).collect();
        assert_eq!(wrong, excused, "{file}");
        assert!(
            report.compared >= *least,
            "{file} has only {}",
            report.compared
        );
        assert_eq!(report.first_unread, [0_u64; 0], "{file}");
    }
}

/// The generated files hold tens of thousands of lines; they are taken wherever somebody put them.
#[test]
fn generated_vectors_hold_where_they_are() {
    let Some(data) = data() else {
        println!("skipped: shared/data is not there");
        return;
    };
    for (file, order, ..) in FILES {
        let file = file.replace(".txt", "-generated.txt");
        let Ok(opened) = File::open(data.join("versions").join(&file)) else {
            continue;
        };
        let report = check_vectors(by_name(order).unwrap(), BufReader::new(opened)).unwrap();
        println!(
            "{file}: {} compared, {} wrong",
            report.compared, report.wrong
        );
        assert_eq!(report.first_wrong, [], "{file}");
    }
}

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests; and they say what was not tested"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;
use crate::catalog::may_be_evidence;

fn read(key: &str, data: &[u8]) -> Found {
    let mut found = Found::default();
    Rpm.parse(&File::of_path(key), &mut &data[..], &mut found)
        .unwrap();
    found
}

/// A folder that goes away with the test.
struct Temp(PathBuf);

impl Temp {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ox-rpm-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a program prints; `None` where there is no such program.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().ok()?;
    let _ = writer.join();
    (output.status.success()).then_some(output.stdout)
}

/// A line per package with every field, and a line per owned file that matters, as rpm prints them.
fn truth(folder: &Path, backend: &str) -> Option<Vec<String>> {
    let backend = format!("_db_backend {backend}");
    let folder = folder.to_str()?;
    let query = |format: &str| {
        let output = run(
            "rpm",
            &[
                "-qa", "--define", &backend, "--dbpath", folder, "--qf", format,
            ],
            b"",
        )?;
        String::from_utf8(output).ok()
    };
    let packages = query(
        "%{NAME}\t%{EVR}\t%{ARCH}\t%{SOURCERPM}\t%{VENDOR}\t%{LICENSE}\t%{MODULARITYLABEL}\n",
    )?;
    let files = query("[%{=NAME}\t%{=EVR}\t%{FILENAMES}\n]")?;
    let mut lines: Vec<String> = packages
        .lines()
        .filter(|line| !line.starts_with("gpg-pubkey\t"))
        .map(str::to_owned)
        .collect();
    lines.extend(files.lines().filter_map(|line| {
        let (package, path) = line.rsplit_once('\t')?;
        let key = path.trim_start_matches('/');
        may_be_evidence(key).then(|| format!("{package}\t{key}"))
    }));
    lines.sort();
    Some(lines)
}

fn ours(found: &Found) -> Vec<String> {
    let mut lines = Vec::new();
    for package in &found.packages {
        let attribute = |key: &str| {
            package
                .attributes
                .iter()
                .find(|(name, _)| name == key)
                .map_or("(none)", |(_, value)| value)
        };
        let source = match (&package.source_name, &package.source_version) {
            (Some(name), Some(version)) => {
                let bare = version
                    .split_once(':')
                    .map_or(version.as_str(), |(_, bare)| bare);
                format!("{name}-{bare}.src.rpm")
            }
            _ => "(none)".to_owned(),
        };
        lines.push(format!(
            "{}\t{}\t{}\t{source}\t{}\t{}\t{}",
            package.name,
            package.version,
            package.architecture.as_deref().unwrap_or("(none)"),
            attribute("rpm.vendor"),
            package.licences.first().map_or("(none)", String::as_str),
            attribute("rpm.modularity"),
        ));
        for key in &package.owns {
            lines.push(format!("{}\t{}\t{key}", package.name, package.version));
        }
    }
    lines.sort();
    lines
}

fn assert_same(ours: &[String], truth: &[String]) {
    let missing: Vec<_> = truth
        .iter()
        .filter(|line| !ours.contains(line))
        .take(5)
        .collect();
    let wrong: Vec<_> = ours
        .iter()
        .filter(|line| !truth.contains(line))
        .take(5)
        .collect();
    assert!(
        missing.is_empty() && wrong.is_empty() && ours.len() == truth.len(),
        "{} of ours, {} of rpm's\nmissing: {missing:#?}\nwrong: {wrong:#?}",
        ours.len(),
        truth.len()
    );
}

/// Real databases, which are not part of the project.
fn real(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("OX_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    fs::read(folder.join("rpmdb").join(name)).ok()
}

/// A database of headers, in SQLite, so that rpm reads them.
fn database_of(folder: &Path, headers: &[Vec<u8>]) -> Option<()> {
    run(
        "rpm",
        &[
            "--initdb",
            "--define",
            "_db_backend sqlite",
            "--dbpath",
            folder.to_str()?,
        ],
        b"",
    )?;
    let mut script = String::from("BEGIN;\n");
    for header in headers {
        script.push_str("INSERT INTO Packages(blob) VALUES(X'");
        for byte in header {
            write!(script, "{byte:02x}").unwrap();
        }
        script.push_str("');\n");
    }
    script.push_str("COMMIT;\n");
    sqlite(folder, &script).map(drop)
}

fn sqlite(folder: &Path, script: &str) -> Option<Vec<u8>> {
    let file = folder.join("rpmdb.sqlite");
    run("sqlite3", &["-bail", file.to_str()?], script.as_bytes())
}

#[test]
fn a_real_sqlite_database_reads_as_rpm_reads_it() {
    let Some(data) = real("mariner2.rpmdb.sqlite") else {
        println!("skipped: the real databases are not here");
        return;
    };
    let found = read("var/lib/rpm/rpmdb.sqlite", &data);
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    let folder = Temp::new("sqlite");
    fs::write(folder.0.join("rpmdb.sqlite"), &data).unwrap();
    let Some(truth) = truth(&folder.0, "sqlite") else {
        println!("skipped: this machine has no rpm");
        return;
    };
    assert!(found.packages.len() > 100);
    assert_same(&ours(&found), &truth);
}

#[test]
fn a_real_berkeley_database_reads_as_rpm_reads_it() {
    let Some(data) = real("libuuid.Packages") else {
        println!("skipped: the real databases are not here");
        return;
    };
    let found = read("var/lib/rpm/Packages", &data);
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    let folder = Temp::new("bdb");
    fs::write(folder.0.join("Packages"), &data).unwrap();
    let Some(truth) = truth(&folder.0, "bdb_ro") else {
        println!("skipped: this machine has no rpm");
        return;
    };
    assert!(!truth.is_empty());
    assert_same(&ours(&found), &truth);
}

/// Debian's rpm does not read this one: its headers are taken out by their slots, at random, and given to rpm
/// in a database that it does read.
#[test]
fn a_real_ndb_database_reads_as_rpm_reads_its_headers() {
    let Some(data) = real("sle15.Packages.db") else {
        println!("skipped: the real databases are not here");
        return;
    };
    let found = read("usr/lib/sysimage/rpm/Packages.db", &data);
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    let number = |at: usize| u32::from_le_bytes(data[at..at + 4].try_into().unwrap()) as usize;
    let mut headers = Vec::new();
    for slot in (32..number(12) * 4096).step_by(16) {
        if number(slot + 4) != 0 {
            let at = number(slot + 8) * 16;
            headers.push(data[at + 16..at + 16 + number(at + 12)].to_vec());
        }
    }
    assert!(headers.len() > 30);
    let folder = Temp::new("ndb");
    let Some(truth) = database_of(&folder.0, &headers).and_then(|()| truth(&folder.0, "sqlite"))
    else {
        println!("skipped: this machine has no rpm and sqlite3");
        return;
    };
    assert_same(&ours(&found), &truth);
}

/// Packages that rpm built and installed: some with epochs, modules and programs.
fn installed(folder: &Path) -> Option<()> {
    let mut spec = String::from(
        "Name: made\nEpoch: 0\nVersion: 1.2~rc1\nRelease: 3\nSummary: x\nLicense: MIT and (GPLv2+ or Artistic)\n\
         Vendor: Ünï Co\nBuildArch: noarch\nModularityLabel: perl:5.26:8:9edba152\n%description\nx\n\
         %install\nmkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/made\n\
         for i in $(seq 0 49); do touch %{buildroot}/usr/bin/made$i %{buildroot}/usr/share/made/$i; done\n\
         for i in $(seq 1000 1300); do touch %{buildroot}/usr/share/made/$i; done\n",
    );
    for index in 0..50 {
        let epoch = if index % 3 == 0 { "Epoch: 7\n" } else { "" };
        write!(
            spec,
            "%package -n made{index}\nSummary: y\n{epoch}%description -n made{index}\n{}\n\
             %files -n made{index}\n/usr/bin/made{index}\n/usr/share/made/{index}\n",
            "long text ".repeat(index * 60)
        )
        .unwrap();
    }
    spec.push_str("%files\n/usr/share/made/1*\n");
    let file = folder.join("made.spec");
    fs::write(&file, spec).unwrap();
    let top = format!("_topdir {}", folder.join("top").to_str()?);
    run(
        "rpmbuild",
        &[
            "-bb",
            "--define",
            &top,
            "--define",
            "_binary_payload w0.gzdio",
            file.to_str()?,
        ],
        b"",
    )?;
    let mut packages = Vec::new();
    for entry in fs::read_dir(folder.join("top/RPMS/noarch")).ok()? {
        packages.push(entry.ok()?.path().to_str()?.to_owned());
    }
    let path = folder.to_str()?;
    let mut arguments = vec![
        "-i",
        "--justdb",
        "--nodeps",
        "--noscripts",
        "--define",
        "_db_backend sqlite",
        "--dbpath",
        path,
    ];
    arguments.extend(packages.iter().map(String::as_str));
    run("rpm", &arguments, b"")?;
    Some(())
}

#[test]
fn a_database_of_a_thousand_packages_with_many_removed_reads_as_rpm_reads_it() {
    let folder = Temp::new("large");
    if installed(&folder.0).is_none() {
        println!("skipped: this machine has no rpmbuild");
        return;
    }
    // Removed rows stay in freed pages; later ones take some of these; the tree gets three levels.
    let steps = [
        "",
        "PRAGMA secure_delete=OFF; BEGIN;\n\
         INSERT INTO Packages(blob) SELECT blob FROM Packages;\n\
         INSERT INTO Packages(blob) SELECT blob FROM Packages;\n\
         INSERT INTO Packages(blob) SELECT blob FROM Packages;\n\
         INSERT INTO Packages(blob) SELECT blob FROM Packages;\n\
         INSERT INTO Packages(blob) SELECT blob FROM Packages;\nCOMMIT;",
        "PRAGMA secure_delete=OFF; DELETE FROM Packages WHERE hnum % 3 = 0 OR hnum BETWEEN 400 AND 700;",
        "PRAGMA secure_delete=OFF; INSERT INTO Packages(blob) SELECT blob FROM Packages WHERE hnum < 200;",
        "PRAGMA secure_delete=OFF; DELETE FROM Packages WHERE hnum > 20;",
        "VACUUM;",
    ];
    let mut most = 0;
    for step in steps {
        if sqlite(&folder.0, step).is_none() {
            println!("skipped: this machine has no sqlite3");
            return;
        }
        let data = fs::read(folder.0.join("rpmdb.sqlite")).unwrap();
        let found = read("usr/share/rpm/rpmdb.sqlite", &data);
        assert!(found.notes.is_empty(), "{step}: {:?}", found.notes);
        let truth = truth(&folder.0, "sqlite").unwrap();
        most = most.max(found.packages.len());
        let mine = ours(&found);
        println!(
            "{step}: {} packages, {} lines",
            found.packages.len(),
            truth.len()
        );
        // All are among a few, many times.
        assert!(mine == truth, "{} of {} lines", mine.len(), truth.len());
    }
    assert!(most > 1000);
}

#[test]
fn berkeley_databases_of_either_byte_order_read_as_rpm_reads_them() {
    let folder = Temp::new("perl");
    if installed(&folder.0).is_none() {
        println!("skipped: this machine has no rpmbuild");
        return;
    }
    let Some(rows) = sqlite(&folder.0, "SELECT hnum, hex(blob) FROM Packages;") else {
        println!("skipped: this machine has no sqlite3");
        return;
    };
    let script = "use DB_File; $DB_HASH->{bsize} = $ARGV[1]; $DB_HASH->{lorder} = $ARGV[2]; \
                  my $key = $ARGV[2] == 1234 ? 'V' : 'N'; \
                  tie(my %h, 'DB_File', $ARGV[0], O_RDWR|O_CREAT, 0644, $DB_HASH) or die; \
                  $h{pack($key, 0)} = pack($key, 99); \
                  while (<STDIN>) { chomp; my ($n, $x) = split /\\|/; $h{pack($key, $n)} = pack('H*', $x); } \
                  for my $n (5, 6, 30) { delete $h{pack($key, $n)} } untie %h;";
    for (order, size) in [
        ("1234", "4096"),
        ("4321", "4096"),
        ("1234", "512"),
        ("4321", "65536"),
    ] {
        let into = Temp::new(&format!("perl-{order}-{size}"));
        let file = into.0.join("Packages");
        let arguments = ["-e", script, file.to_str().unwrap(), size, order];
        if run("perl", &arguments, &rows).is_none() {
            println!("skipped: this machine's Perl has no DB_File");
            return;
        }
        let found = read("var/lib/rpm/Packages", &fs::read(&file).unwrap());
        assert!(found.notes.is_empty(), "{order} {size}: {:?}", found.notes);
        let mut truth = truth(&into.0, "bdb_ro").unwrap();
        println!("{order} {size}: {} packages", found.packages.len());
        assert!(found.packages.len() > 40);
        truth.sort();
        assert_same(&ours(&found), &truth);
    }
}

#[test]
fn a_file_is_what_it_begins_with_and_not_what_it_is_called() {
    let sqlite = read("var/lib/rpm/Packages", b"SQLite format 3\0");
    assert_eq!(sqlite.notes[0].reason, SkipReason::Corrupt);
    let other = read("var/lib/rpm/Packages", b"something else");
    assert!(other.notes[0].why.message.contains("none of rpm's"));
    assert!(read("var/lib/rpm/Packages", b"").notes.is_empty());
    let mut tree = vec![0; 600];
    tree[12..16].copy_from_slice(&0x0005_3162u32.to_le_bytes());
    assert_eq!(
        read("var/lib/rpm/Packages", &tree).notes[0].reason,
        SkipReason::Unsupported
    );
}

#[test]
fn changes_that_wait_beside_the_database_are_told() {
    let key = "var/lib/rpm/rpmdb.sqlite-wal";
    assert!(read(key, b"").notes.is_empty());
    assert!(read(key, &[0; 32]).notes.is_empty());
    assert_eq!(read(key, &[0; 33]).notes[0].reason, SkipReason::Unsupported);
}

#[test]
fn only_databases_in_their_places_are_wanted() {
    for key in Rpm.places() {
        assert!(Rpm.wants(&File::of_path(key)), "{key}");
    }
    for key in [
        "var/lib/rpm/Name",
        "opt/var/lib/rpm/Packages",
        "var/lib/rpm/rpmdb.sqlite-shm",
        "Packages",
    ] {
        assert!(!Rpm.wants(&File::of_path(key)), "{key}");
    }
}

#[test]
fn it_says_what_it_reads() {
    insta::assert_debug_snapshot!(Rpm.about());
}

#[test]
fn the_package_url_has_the_epoch_as_a_qualifier() {
    let package = FoundPackage {
        name: "perl-Errno".to_owned(),
        version: "1:1.28-419.el8".to_owned(),
        architecture: Some("x86_64".to_owned()),
        source_name: Some("perl".to_owned()),
        source_version: Some("1:5.26.3-419.el8".to_owned()),
        ..FoundPackage::default()
    };
    let release = Release {
        id: "fedora".to_owned(),
        version_id: Some("25".to_owned()),
        ..Release::default()
    };
    assert_eq!(
        Rpm.purl(&package, Some(&release)),
        "pkg:rpm/fedora/perl-Errno@1.28-419.el8?arch=x86_64&distro=fedora-25&epoch=1&\
         upstream=perl-5.26.3-419.el8.src.rpm"
    );
}

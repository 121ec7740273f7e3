//! Small roots for fast tests: what a package manager's database looks like in a Debian and in an Alpine
//! image, with the list of packages that a reader of it has to find.

use super::layer::Layer;
use std::fmt::Write as _;

/// One package that has to be found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpectedPackage {
    /// Name of the binary package.
    pub name: String,
    /// Its version, epoch and revision included.
    pub version: String,
    /// `amd64`, `all`, `x86_64`.
    pub architecture: String,
    /// Name of the source package.
    pub source_name: String,
    /// Version of the source package.
    pub source_version: String,
}

/// A root, and what is in it.
#[derive(Clone, Debug)]
pub struct Root {
    /// The layer that holds it.
    pub layer: Layer,
    /// The packages, in the order of the database.
    pub packages: Vec<ExpectedPackage>,
}

/// What the small roots are filled with first; after these, invented names.
const DEBIAN: [(&str, &str, &str, &str); 8] = [
    ("base-files", "12.4+deb12u5", "base-files", "12.4+deb12u5"),
    ("bash", "5.2.15-2+b2", "bash", "5.2.15-2"),
    ("libc6", "2.36-9+deb12u4", "glibc", "2.36-9+deb12u4"),
    ("libssl3", "3.0.11-1~deb12u2", "openssl", "3.0.11-1~deb12u2"),
    ("openssl", "3.0.11-1~deb12u2", "openssl", "3.0.11-1~deb12u2"),
    ("zlib1g", "1:1.2.13.dfsg-1", "zlib", "1:1.2.13.dfsg-1"),
    ("libgcc-s1", "12.2.0-14", "gcc-12", "12.2.0-14"),
    ("perl-base", "5.36.0-7+deb12u1", "perl", "5.36.0-7+deb12u1"),
];

/// A Debian 12 root with `count` packages in `var/lib/dpkg/status`, and one more that is removed with its
/// configuration kept (not installed, so not expected).
pub fn debian(count: usize) -> Root {
    let mut status = String::new();
    let mut packages = Vec::new();
    for number in 0..count {
        let (name, version, source, source_version) = match DEBIAN.get(number) {
            Some((n, v, s, sv)) => (
                (*n).to_owned(),
                (*v).to_owned(),
                (*s).to_owned(),
                (*sv).to_owned(),
            ),
            None => {
                let name = format!("libacme{number}-1");
                let version = format!("1.{number}.0-1");
                (name, version.clone(), format!("acme{number}"), version)
            }
        };
        let architecture = if name == "base-files" { "all" } else { "amd64" };
        let _ = write!(
            status,
            "Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: libs\n\
             Installed-Size: {size}\nMaintainer: Acme Packagers <packages@acme.example>\n\
             Architecture: {architecture}\n",
            size = 100 + number,
        );
        if source != name || source_version != version {
            let _ = match source_version == version {
                true => writeln!(status, "Source: {source}"),
                false => writeln!(status, "Source: {source} ({source_version})"),
            };
        }
        let _ = write!(
            status,
            "Version: {version}\nDepends: libc6 (>= 2.34)\nDescription: package {name}\n \
             A longer text about {name}.\n .\n Package: not-a-package\n\n"
        );
        packages.push(ExpectedPackage {
            name,
            version,
            architecture: architecture.to_owned(),
            source_name: source,
            source_version,
        });
    }
    status.push_str(
        "Package: removed-thing\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 9.9-9\n\
         Description: only its configuration is left\n\n",
    );
    let layer = Layer::new()
        .dir("etc")
        .file(
            "usr/lib/os-release",
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n\
             VERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n\
             HOME_URL=\"https://www.debian.org/\"\n",
        )
        .symlink("etc/os-release", "../usr/lib/os-release")
        .file("etc/debian_version", "12.5\n")
        .dir("var/lib/dpkg")
        .file("var/lib/dpkg/status", status)
        .command("ADD rootfs.tar.xz / # debian");
    Root { layer, packages }
}

/// An Alpine root with `count` packages in `lib/apk/db/installed`.
pub fn alpine(count: usize) -> Root {
    const KNOWN: [(&str, &str, &str); 6] = [
        ("alpine-baselayout", "3.6.5-r0", "alpine-baselayout"),
        ("busybox", "1.36.1-r29", "busybox"),
        ("libcrypto3", "3.3.1-r3", "openssl"),
        ("libssl3", "3.3.1-r3", "openssl"),
        ("musl", "1.2.5-r0", "musl"),
        ("zlib", "1.3.1-r1", "zlib"),
    ];
    let mut installed = String::new();
    let mut packages = Vec::new();
    for number in 0..count {
        let (name, version, origin) = match KNOWN.get(number) {
            Some((n, v, o)) => ((*n).to_owned(), (*v).to_owned(), (*o).to_owned()),
            None => (
                format!("acme-{number}"),
                format!("0.{number}.1-r2"),
                format!("acme-{number}"),
            ),
        };
        let _ = write!(
            installed,
            "C:Q1{number:026}=\nP:{name}\nV:{version}\nA:x86_64\nS:1000\nI:4096\nT:package {name}\n\
             U:https://acme.example/\nL:MIT AND BSD-2-Clause\no:{origin}\nm:Acme <a@acme.example>\n\
             t:1720000000\nc:0123456789abcdef0123456789abcdef01234567\nF:usr\nF:usr/lib\nR:{name}.so\n\
             Z:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
        );
        packages.push(ExpectedPackage {
            name,
            version: version.clone(),
            architecture: "x86_64".to_owned(),
            source_name: origin,
            source_version: version,
        });
    }
    let layer = Layer::new()
        .file(
            "etc/os-release",
            "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME=\"Alpine Linux v3.20\"\n",
        )
        .file("etc/alpine-release", "3.20.3\n")
        .dir("lib/apk/db")
        .file("lib/apk/db/installed", installed)
        .command("ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit");
    Root { layer, packages }
}

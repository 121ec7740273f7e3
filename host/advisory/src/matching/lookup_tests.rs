#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use super::*;

fn package<'a>(format: &'a str, name: &'a str, version: &'a str, purl: &'a str) -> Package<'a> {
    Package {
        format,
        name,
        version,
        source_name: None,
        source_version: None,
        purl,
        origin: "user-layer",
        owner: None,
        os_ecosystem: Some("Debian:12"),
        attributes: &[],
    }
}

fn attributes(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn found(package: &Package<'_>) -> Component {
    match lookup(package) {
        Lookup::Component(component) => component,
        Lookup::No(no) => panic!("{} is not looked up: {no:?}", package.name),
    }
}

fn refused(package: &Package<'_>) -> NoLookup {
    match lookup(package) {
        Lookup::Component(component) => panic!("{component:?} is looked up"),
        Lookup::No(no) => no,
    }
}

#[test]
fn each_format_has_its_ecosystem_and_spelling() {
    for (format, name, version, purl, ecosystem, spelled, compared) in [
        (
            "python",
            "Zope.Interface__x",
            "5.0",
            "pkg:pypi/zope-interface-x@5.0",
            "PyPI",
            "zope-interface-x",
            "5.0",
        ),
        (
            "npm",
            "@babel/Core",
            "7.0.0",
            "pkg:npm/%40babel/Core@7.0.0",
            "npm",
            "@babel/Core",
            "7.0.0",
        ),
        (
            "java",
            "org.a:b",
            "1",
            "pkg:maven/org.a/b@1",
            "Maven",
            "org.a:b",
            "1",
        ),
        (
            "composer",
            "Symfony/Yaml",
            "v5.1",
            "pkg:composer/symfony/yaml@v5.1",
            "Packagist",
            "symfony/yaml",
            "v5.1",
        ),
        (
            "dotnet",
            "Newtonsoft.Json",
            "12.0.1",
            "pkg:nuget/Newtonsoft.Json@12.0.1",
            "NuGet",
            "newtonsoft.json",
            "12.0.1",
        ),
        (
            "go-binary",
            "github.com/Masterminds/goutils",
            "v1.1.0",
            "pkg:golang/github.com/masterminds/goutils@v1.1.0",
            "Go",
            "github.com/Masterminds/goutils",
            "v1.1.0",
        ),
        (
            "rust-binary",
            "smallvec",
            "1.6.0",
            "pkg:cargo/smallvec@1.6.0",
            "crates.io",
            "smallvec",
            "1.6.0",
        ),
        (
            "ruby",
            "nokogiri",
            "1.15.0-x86_64-linux",
            "pkg:gem/nokogiri@1.15.0",
            "RubyGems",
            "nokogiri",
            "1.15.0",
        ),
        (
            "ruby",
            "rails",
            "7.0.0.rc1",
            "pkg:gem/rails@7.0.0.rc1",
            "RubyGems",
            "rails",
            "7.0.0.rc1",
        ),
        (
            "r",
            "readxl",
            "1.3.1",
            "pkg:cran/readxl@1.3.1",
            "CRAN",
            "readxl",
            "1.3.1",
        ),
    ] {
        let component = found(&package(format, name, version, purl));
        assert_eq!(
            (
                component.ecosystem.as_str(),
                component.name.as_str(),
                component.version.as_str()
            ),
            (ecosystem, spelled, compared)
        );
        assert_eq!((component.source, component.caution), (None, None));
    }
}

#[test]
fn packages_of_a_distribution_have_its_release_and_their_source() {
    let component = found(&Package {
        source_name: Some("openssl"),
        source_version: Some("3.0.1-1"),
        origin: "operating-system",
        ..package(
            "dpkg",
            "libssl3",
            "3.0.1-1+b1",
            "pkg:deb/debian/libssl3@3.0.1-1%2Bb1",
        )
    });
    assert_eq!(component.ecosystem, "Debian:12");
    assert_eq!(
        component.source,
        Some(("openssl".to_owned(), "3.0.1-1".to_owned()))
    );
    assert_eq!(component.version, "3.0.1-1+b1");
}

#[test]
fn nobody_publishes_for_these() {
    for (format, purl, os) in [
        ("dpkg", "pkg:deb/debian/a@1", None),
        // The image is another distribution's: whoever put it there, Alpine's advisories are not for it.
        ("dpkg", "pkg:deb/debian/a@1", Some("Alpine:v3.19")),
        ("rpm", "pkg:rpm/a@1", Some("Debian:12")),
        ("apk", "pkg:apk/a@1", Some("AlmaLinux:8")),
        ("conda", "pkg:conda/a@1", Some("Debian:12")),
        ("pacman", "pkg:alpm/arch/a@1", None),
        ("opkg", "pkg:opkg/a@1", None),
        ("sbom", "pkg:generic/a@1", Some("Debian:12")),
        ("sbom", "", Some("Debian:12")),
    ] {
        let package = Package {
            os_ecosystem: os,
            ..package(format, "a", "1", purl)
        };
        assert_eq!(refused(&package), NoLookup::NoEcosystem, "{format} {os:?}");
    }
}

#[test]
fn what_the_operating_system_owns_is_its_advisories_matter() {
    let owned = Package {
        origin: "operating-system",
        owner: Some("python3-urllib3"),
        ..package("python", "urllib3", "1.24.2", "pkg:pypi/urllib3@1.24.2")
    };
    assert_eq!(
        refused(&owned),
        NoLookup::OwnedBySystem("python3-urllib3".to_owned())
    );
    // Conda patches nothing under the same version, and nobody speaks of its packages.
    let condas = Package {
        origin: "user-layer",
        owner: Some("urllib3"),
        ..owned
    };
    assert_eq!(found(&condas).ecosystem, "PyPI");
    // The system's own packages have that origin and no owner.
    let own = Package {
        origin: "operating-system",
        ..package("dpkg", "bash", "5.2", "pkg:deb/debian/bash@5.2")
    };
    assert_eq!(found(&own).ecosystem, "Debian:12");
}

#[test]
fn an_authors_own_program_is_nobodys_package() {
    let root = attributes(&[("npm.root", "true")]);
    let vendored = attributes(&[("npm.vendored", "true")]);
    let local = attributes(&[("rust.root", "true"), ("rust.source", "local")]);
    let published = attributes(&[("rust.root", "true")]);
    let npm = package("npm", "express", "1.0.0", "pkg:npm/express@1.0.0");
    let rust = package("rust-binary", "app", "1.0.0", "pkg:cargo/app@1.0.0");
    let with = |base: &Package<'static>, attributes: &'static [(String, String)]| Package {
        attributes,
        ..*base
    };
    let leak = |list: Vec<(String, String)>| -> &'static [(String, String)] { list.leak() };
    assert_eq!(refused(&with(&npm, leak(root))), NoLookup::OwnProgram);
    assert_eq!(found(&with(&npm, leak(vendored))).name, "express");
    assert_eq!(refused(&with(&rust, leak(local))), NoLookup::OwnProgram);
    assert_eq!(found(&with(&rust, leak(published))).caution, None);
}

#[test]
fn what_has_no_version_is_not_compared() {
    for version in [
        "",
        " ",
        "(devel)",
        "v0.0.0",
        "v0.0.0-00010101000000-000000000000",
        "NOASSERTION",
    ] {
        let package = package(
            "go-binary",
            "example.com/m",
            version,
            "pkg:golang/example.com/m",
        );
        assert_eq!(refused(&package), NoLookup::NoVersion, "{version:?}");
    }
}

#[test]
fn gos_own_version_is_a_semantic_one() {
    for (said, compared) in [
        ("1.22.3", "1.22.3"),
        ("1.22", "1.22.0"),
        ("go1.22.3", "1.22.3"),
        ("v1.22.3", "1.22.3"),
        ("1.23rc1", "1.23.0-rc.1"),
        ("1.23beta2", "1.23.0-beta.2"),
        ("1.22.0-rc.1", "1.22.0-rc.1"),
    ] {
        let component = found(&package("go-binary", "stdlib", said, "pkg:golang/stdlib"));
        assert_eq!(component.version, compared);
    }
    let std = found(&package("sbom", "std", "1.22.3", "pkg:golang/std@1.22.3"));
    assert_eq!(std.name, "stdlib");
}

#[test]
fn the_module_of_the_program_knows_the_programs_path() {
    let list = attributes(&[("go.main", "true"), ("go.path", "github.com/a/b/cmd/b")]);
    let component = found(&Package {
        attributes: &list,
        ..package(
            "go-binary",
            "github.com/a/b",
            "v1.0.0",
            "pkg:golang/github.com/a/b@v1.0.0",
        )
    });
    assert_eq!(component.main_path.as_deref(), Some("github.com/a/b/cmd/b"));
}

#[test]
fn coordinates_that_were_concluded_are_marked_and_half_ones_refused() {
    let of = |pairs: &[(&str, &str)]| {
        let list = attributes(pairs);
        found(&Package {
            attributes: &list,
            ..package("java", "g:a", "1", "pkg:maven/g/a@1")
        })
        .caution
    };
    assert_eq!(of(&[("java.identity", "pom.properties")]), None);
    assert_eq!(of(&[("java.identity", "manifest")]), None);
    assert_eq!(
        of(&[("java.identity", "file-name")]),
        Some(Caution::GuessedCoordinates)
    );
    assert_eq!(
        of(&[("java.identity", "manifest"), ("java.group", "inferred")]),
        Some(Caution::GuessedCoordinates)
    );
    let bare = package("java", "tool", "1", "pkg:maven/tool@1");
    assert_eq!(refused(&bare), NoLookup::IncompleteName);
}

#[test]
fn the_stream_of_a_module_is_kept() {
    let list = attributes(&[("rpm.modularity", "nodejs:10:8030020201210191659:229f0a1c")]);
    let component = found(&Package {
        attributes: &list,
        os_ecosystem: Some("AlmaLinux:8"),
        ..package(
            "rpm",
            "nodejs",
            "1:10.23.1-1.module_el8.3.0+2047+b07ac28e",
            "pkg:rpm/almalinux/nodejs",
        )
    });
    assert_eq!(component.stream.as_deref(), Some("nodejs:10"));
}

#[test]
fn a_bill_of_materials_is_read_by_its_package_urls() {
    for (name, version, purl, ecosystem, spelled, compared) in [
        (
            "django",
            "1.0",
            "pkg:pypi/Django@1.0",
            "PyPI",
            "django",
            "1.0",
        ),
        (
            "org.a/b",
            "1",
            "pkg:maven/org.a/b@1",
            "Maven",
            "org.a:b",
            "1",
        ),
        ("phoenix", "1", "pkg:hex/phoenix@1", "Hex", "phoenix", "1"),
        (
            "nio",
            "1",
            "pkg:swift/github.com/apple/nio@1",
            "SwiftURL",
            "github.com/apple/nio",
            "1",
        ),
        ("redis", "7", "pkg:bitnami/redis@7", "Bitnami", "redis", "7"),
        (
            "actions/checkout",
            "v4",
            "pkg:githubactions/actions/checkout@v4",
            "GitHub Actions",
            "actions/checkout",
            "v4",
        ),
        // The name keeps the case that the package URL has lost.
        (
            "github.com/Azure/a",
            "v1.0.0",
            "pkg:golang/github.com/azure/a@v1.0.0",
            "Go",
            "github.com/Azure/a",
            "v1.0.0",
        ),
        (
            "bash",
            "5",
            "pkg:deb/debian/bash@5?distro=debian-11",
            "Debian:11",
            "bash",
            "5",
        ),
        (
            "acl",
            "2-1",
            "pkg:rpm/redhat/acl@2-1?epoch=3&distro=rhel-9.4",
            "Red Hat:enterprise_linux:9::baseos",
            "acl",
            "3:2-1",
        ),
    ] {
        let component = found(&Package {
            os_ecosystem: None,
            ..package("sbom", name, version, purl)
        });
        assert_eq!(
            (
                component.ecosystem.as_str(),
                component.name.as_str(),
                component.version.as_str()
            ),
            (ecosystem, spelled, compared)
        );
        assert_eq!(component.caution, Some(Caution::StatedOnly));
    }
}

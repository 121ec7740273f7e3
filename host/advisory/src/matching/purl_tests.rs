#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;

use super::super::{Component, Lookup, lookup};
use super::*;

fn component(purl: &str, distro: Option<&str>) -> Component {
    match lookup(&from_purl(purl, distro).unwrap().package()) {
        Lookup::Component(component) => component,
        Lookup::No(no) => panic!("{purl} is not looked up: {no:?}"),
    }
}

#[test]
fn a_package_url_is_looked_up_as_what_it_names() {
    for (purl, ecosystem, name, version) in [
        ("pkg:pypi/Django@1.11.29", "PyPI", "django", "1.11.29"),
        (
            "pkg:npm/%40angular/animation@12.3.1",
            "npm",
            "@angular/animation",
            "12.3.1",
        ),
        (
            "pkg:npm/@angular/animation@12.3.1",
            "npm",
            "@angular/animation",
            "12.3.1",
        ),
        (
            "pkg:golang/golang.org/x/net@v0.7.0#html",
            "Go",
            "golang.org/x/net",
            "v0.7.0",
        ),
        (
            "pkg:golang/github.com/docker/docker@v20.10.24%2Bincompatible",
            "Go",
            "github.com/docker/docker",
            "v20.10.24+incompatible",
        ),
        ("pkg:golang/stdlib@1.20", "Go", "stdlib", "1.20.0"),
        (
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1?type=jar",
            "Maven",
            "org.apache.logging.log4j:log4j-core",
            "2.14.1",
        ),
        ("pkg:cargo/rand@0.7.2", "crates.io", "rand", "0.7.2"),
        ("PKG:x", "", "", ""),
    ] {
        if ecosystem.is_empty() {
            assert!(from_purl(purl, None).is_err());
            continue;
        }
        let component = component(purl, None);
        assert_eq!(
            (
                component.ecosystem.as_str(),
                component.name.as_str(),
                component.version.as_str()
            ),
            (ecosystem, name, version)
        );
        assert_eq!(component.caution, None);
    }
}

#[test]
fn a_distributions_package_has_its_release_and_source() {
    let deb = "pkg:deb/debian/libssl3@1:3.0.1-1%2Bb1?arch=amd64&distro=debian-12&upstream=openssl%403.0.1-1";
    let found = component(deb, None);
    assert_eq!(found.ecosystem, "Debian:12");
    assert_eq!(found.version, "1:3.0.1-1+b1");
    assert_eq!(
        found.source,
        Some(("openssl".to_owned(), "3.0.1-1".to_owned()))
    );
    let rpm =
        "pkg:rpm/almalinux/openssl-libs@1.1.1k-5.el8?epoch=1&upstream=openssl-1.1.1k-5.el8.src.rpm";
    let found = component(rpm, Some("AlmaLinux:8"));
    assert_eq!(found.ecosystem, "AlmaLinux:8");
    assert_eq!(found.version, "1:1.1.1k-5.el8");
    assert_eq!(
        found.source,
        Some(("openssl".to_owned(), "1:1.1.1k-5.el8".to_owned()))
    );
    let apk = component(
        "pkg:apk/alpine/libcrypto3@3.1.4-r5?upstream=openssl",
        Some("alpine-3.19.1"),
    );
    assert_eq!(apk.ecosystem, "Alpine:v3.19");
    assert_eq!(
        apk.source,
        Some(("openssl".to_owned(), "3.1.4-r5".to_owned()))
    );
    let wolfi = component("pkg:apk/wolfi/curl@8.5.0-r0", None);
    assert_eq!(wolfi.ecosystem, "Wolfi");
    // Its own release counts.
    let other = component("pkg:deb/debian/bash@5?distro=debian-11", Some("Debian:12"));
    assert_eq!(other.ecosystem, "Debian:11");
}

#[test]
fn a_text_that_is_none_is_refused_with_what_one_looks_like() {
    assert!(matches!(
        from_purl("django", None),
        Err(PurlError::Scheme(_))
    ));
    assert!(matches!(
        from_purl("pkg:pypi", None),
        Err(PurlError::Scheme(_))
    ));
    assert!(matches!(
        from_purl("pkg:pypi/", None),
        Err(PurlError::Name(_))
    ));
    let long = format!("pkg:pypi/{}", "a".repeat(5000));
    assert_eq!(from_purl(&long, None), Err(PurlError::TooLong(5009)));
    let message = from_purl("django", None).unwrap_err().to_string();
    assert!(message.contains("pkg:pypi/django@"), "{message}");
}

#[test]
fn a_package_url_is_taken_as_each_scanner_writes_it() {
    for (purl, name, version) in [
        ("PKG:PyPI/PyYAML@5.3.1", "pyyaml", "5.3.1"),
        ("pkg:golang/std@go1.20.4", "stdlib", "1.20.4"),
        ("pkg:golang/stdlib@v1.20.4", "stdlib", "1.20.4"),
        (
            "pkg:golang/github.com%2Fopencontainers%2Frunc@v1.0.0-rc9",
            "github.com/opencontainers/runc",
            "v1.0.0-rc9",
        ),
        (
            "pkg:golang/github.com/argoproj/argo-cd/v2@v2.0.0?type=module#util/jwt",
            "github.com/argoproj/argo-cd/v2",
            "v2.0.0",
        ),
    ] {
        let found = component(purl, None);
        assert_eq!(
            (found.name.as_str(), found.version.as_str()),
            (name, version)
        );
    }
    for devel in [
        "pkg:golang/github.com/foo/bar@(devel)",
        "pkg:golang/github.com/foo/bar@%28devel%29",
    ] {
        assert_eq!(
            lookup(&from_purl(devel, None).unwrap().package()),
            Lookup::No(super::super::NoLookup::NoVersion)
        );
    }
    for purl in [
        "pkg:rpm/almalinux/openssl-libs@1.1.1k-5.el8_5?arch=x86_64&epoch=1&distro=almalinux-8.5",
        "pkg:rpm/almalinux/openssl-libs@1.1.1k-5.el8_5?distro=almalinux-8.5&epoch=1&arch=x86_64",
        "pkg:rpm/alma/openssl-libs@1.1.1k-5.el8_5?distro=alma-8.5&epoch=1",
        "pkg:rpm/AlmaLinux/openssl-libs@1%3A1.1.1k-5.el8_5?DISTRO=AlmaLinux-8.5",
        "pkg:rpm/almalinux/openssl-libs@1.1.1k-5.el8_5?epoch=1&distro=almalinux%208.5",
        "pkg:rpm/almalinux/openssl-libs@1.1.1k-5.el8_5?epoch=1&distro=8.5",
        // What it was taken for, or nothing: its namespace and its own version say what it is.
        "pkg:rpm/almalinux/openssl-libs@1.1.1k-5.el8_5?epoch=1&distro=rhel-8",
        "pkg:rpm/almalinux/openssl-libs@1.1.1k-5.el8_5?epoch=1",
    ] {
        let found = component(purl, None);
        assert_eq!(found.ecosystem, "AlmaLinux:8", "{purl}");
        assert_eq!(found.version, "1:1.1.1k-5.el8_5", "{purl}");
    }
    for (purl, ecosystem) in [
        (
            "pkg:rpm/redhat/bash@4.4.20-4.el8_6?distro=rhel-8.6",
            "Red Hat:enterprise_linux:8::baseos",
        ),
        (
            "pkg:rpm/almalinux/npm@6.14-1.10.module_el8.1.0%2B22%2Bd7",
            "AlmaLinux:8",
        ),
        ("pkg:rpm/rocky/bash@5.1.8-6.el9_1", "Rocky Linux:9"),
        (
            "pkg:rpm/almalinux/bash@5.2.26-3.el10?distro=almalinux-10",
            "AlmaLinux:10",
        ),
    ] {
        assert_eq!(component(purl, None).ecosystem, ecosystem, "{purl}");
    }
    let module = "nodejs:10:8010020191128:cdc1202b";
    for key in ["rpmmod", "modularitylabel"] {
        let purl = format!(
            "pkg:rpm/almalinux/nodejs@10.19.0-1.module_el8.1.0%2B22%2Bd7?distro=almalinux-8&{key}={module}"
        );
        assert_eq!(component(&purl, None).stream.as_deref(), Some("nodejs:10"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_survived(text in "(pkg:)?[a-z/@%?=&#é0-9]{0,40}", distro in prop::option::of("[a-zA-Z:.0-9é-]{0,20}")) {
        if let Ok(owned) = from_purl(&text, distro.as_deref()) {
            lookup(&owned.package());
        }
    }
}

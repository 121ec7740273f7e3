//! What is read, whom it covers, and what is refused with which words.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn openvex(statement: &Value) -> Value {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex/1",
        "author": "Example",
        "timestamp": "2026-01-01T00:00:00Z",
        "version": 1,
        "statements": [statement],
    })
}

fn read_one(document: &Value) -> Statement {
    let mut all = read(document.to_string().as_bytes()).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn of_product(product: &Value) -> Statement {
    read_one(&openvex(&json!({
        "vulnerability": {"name": "CVE-2024-1", "aliases": ["GHSA-a"]},
        "products": [product],
        "status": "not_affected",
        "justification": "component_not_present",
    })))
}

fn tags() -> Vec<String> {
    vec!["1.4".to_owned(), "latest".to_owned()]
}

fn covers(statement: &Statement, package: Option<&str>) -> bool {
    statement.covers(&Subject {
        vulnerabilities: &["DSA-1", "cve-2024-1"],
        package,
        registry: Some("registry.example.com:5050"),
        repository: "acme/shop/web",
        digest: DIGEST,
        tags: &tags(),
    })
}

const ZLIB: Option<&str> = Some("pkg:deb/debian/zlib1g@1:1.2?arch=amd64&distro=debian-12");

#[test]
fn a_statement_keeps_who_when_and_why() {
    let one = of_product(&json!({"@id": "pkg:oci/web"}));
    assert_eq!(one.vulnerabilities, ["CVE-2024-1", "GHSA-a"]);
    assert_eq!(one.status, Status::NotAffected);
    assert_eq!(one.justification.as_deref(), Some("component_not_present"));
    assert_eq!(one.author.as_deref(), Some("Example"));
    assert_eq!(one.timestamp.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(one.document.as_deref(), Some("https://example.com/vex/1"));
}

#[test]
fn a_product_without_subcomponents_covers_the_whole_image() {
    for product in [
        json!({"@id": format!("pkg:oci/web@{DIGEST}")}),
        json!({"@id": format!("pkg:oci/web@{}?repository_url=registry.example.com:5050%2Facme%2Fshop%2Fweb", DIGEST.replace(':', "%3A"))}),
        json!({"@id": "pkg:oci/web?repository_url=registry.example.com:5050/acme/shop"}),
        json!({"@id": "pkg:oci/web?tag=1.4"}),
        json!({"@id": "pkg:docker/acme/shop/web@latest"}),
        json!({"@id": "registry.example.com:5050/acme/shop/web:1.4"}),
        json!({"@id": format!("registry.example.com:5050/acme/shop/web@{DIGEST}")}),
        json!({"@id": "https://example.com/web", "hashes": {"sha-256": &DIGEST[7..]}}),
        json!({"@id": "https://example.com/web", "identifiers": {"purl": "pkg:oci/web"}}),
        json!("acme/shop/web:latest"),
    ] {
        let one = of_product(&product);
        assert!(covers(&one, ZLIB), "{product}: {one:?}");
        assert!(covers(&one, None), "{product}: {one:?}");
    }
    for product in [
        json!({"@id": format!("pkg:oci/web@{}", DIGEST.replace('a', "b"))}),
        json!({"@id": "pkg:oci/web?repository_url=other.example.com/acme/shop/web"}),
        json!({"@id": "pkg:oci/web?tag=1.3"}),
        json!({"@id": "pkg:oci/eb"}),
        json!({"@id": "op/web:1.4"}),
        json!({"@id": "https://example.com/web"}),
        json!({"@id": "urn:uuid:acme:web"}),
        json!({"@id": "web"}),
        json!({"identifiers": {"cpe23": "cpe:2.3:a:b:c:*:*:*:*:*:*:*:*"}}),
        json!({}),
    ] {
        let one = of_product(&product);
        assert!(!covers(&one, ZLIB), "{product}: {one:?}");
    }
}

#[test]
fn a_subcomponent_without_version_covers_every_version_and_what_it_states_must_be_there() {
    let covered = |purl: &str| {
        let one = of_product(&json!({"@id": "pkg:oci/web", "subcomponents": [{"@id": purl}]}));
        covers(&one, ZLIB)
    };
    assert!(covered("pkg:deb/debian/zlib1g"));
    assert!(covered("pkg:deb/debian/zlib1g@1%3A1.2"));
    assert!(covered("pkg:deb/Debian/zlib1g@1:1.2?arch=amd64"));
    assert!(!covered("pkg:deb/debian/zlib1g@1:1.3"));
    assert!(!covered("pkg:deb/debian/zlib1g?arch=arm64"));
    assert!(
        !covered("pkg:deb/debian/zlib1g?epoch=1"),
        "a qualifier that the package has not"
    );
    assert!(!covered("pkg:deb/ubuntu/zlib1g"));
    assert!(!covered("pkg:rpm/debian/zlib1g"));
    assert!(
        !covered("zlib1g"),
        "a part that can't be compared is not the whole"
    );
    let one = of_product(
        &json!({"@id": "pkg:oci/web", "subcomponents": [{"@id": "pkg:deb/debian/zlib1g"}]}),
    );
    assert!(
        !covers(&one, None),
        "an issue without a package is none of a package"
    );
}

#[test]
fn a_product_that_is_a_package_covers_it_in_every_image_and_nothing_in_it() {
    assert!(covers(
        &of_product(&json!({"@id": "pkg:deb/debian/zlib1g@1:1.2"})),
        ZLIB
    ));
    let part = json!({"@id": "pkg:deb/debian/zlib1g", "subcomponents": [{"@id": "pkg:deb/debian/zlib1g"}]});
    assert!(!covers(&of_product(&part), ZLIB));
}

#[test]
fn another_vulnerability_is_not_covered() {
    let one = of_product(&json!({"@id": "pkg:oci/web"}));
    let subject = Subject {
        vulnerabilities: &["CVE-2024-11"],
        repository: "acme/web",
        ..Subject::default()
    };
    assert!(!one.covers(&subject));
}

#[test]
fn the_forms_before_0_2_are_read() {
    let document = json!({
        "@context": "https://openvex.dev/ns",
        "author": "x",
        "statements": [{
            "vulnerability": "CVE-2024-1",
            "products": ["pkg:oci/web"],
            "subcomponents": ["pkg:deb/debian/zlib1g"],
            "status": "fixed",
        }],
    });
    let one = read_one(&document);
    assert_eq!(one.status, Status::Fixed);
    assert!(covers(&one, ZLIB));
    assert!(!covers(&one, Some("pkg:deb/debian/libc6@1")));
}

fn cyclonedx(affects: &Value) -> Value {
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "metadata": {"timestamp": "2026-01-01T00:00:00Z", "supplier": {"name": "Example"}},
        "components": [
            {"type": "container", "bom-ref": "image", "name": "registry.example.com:5050/acme/shop/web", "version": "1.4",
             "components": [{"type": "library", "bom-ref": "zlib", "name": "zlib1g", "purl": "pkg:deb/debian/zlib1g@1:1.2"}]},
            {"type": "library", "bom-ref": "loose", "name": "zlib1g", "purl": "pkg:deb/debian/zlib1g"},
        ],
        "vulnerabilities": [
            {"id": "CVE-2024-0", "affects": affects},
            {"id": "GHSA-a", "references": [{"id": "CVE-2024-1"}], "affects": affects,
             "analysis": {"state": "not_affected", "justification": "code_not_reachable", "detail": "why"}},
        ],
    })
}

#[test]
fn cyclonedx_is_read_by_its_references() {
    for reference in [
        "image",
        "zlib",
        "loose",
        "pkg:deb/debian/zlib1g@1:1.2",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:deb/debian/zlib1g%401:1.2",
    ] {
        let one = read_one(&cyclonedx(&json!([{"ref": reference}])));
        assert!(covers(&one, ZLIB), "{reference}: {one:?}");
        assert_eq!(one.justification.as_deref(), Some("code_not_reachable"));
        assert_eq!(one.author.as_deref(), Some("Example"));
    }
    let one = read_one(&cyclonedx(&json!([{"ref": "nowhere"}])));
    assert!(!covers(&one, ZLIB));
}

#[test]
fn cyclonedx_versions_narrow_what_is_covered() {
    let covered = |versions: Value| {
        let one = read_one(&cyclonedx(&json!([{"ref": "loose", "versions": versions}])));
        covers(&one, ZLIB)
    };
    assert!(covered(json!([])));
    assert!(covered(json!([{"version": "1:1.2"}])));
    assert!(covered(
        json!([{"version": "1:1.1"}, {"version": "1:1.2", "status": "unaffected"}])
    ));
    assert!(!covered(
        json!([{"version": "1:1.2", "status": "affected"}])
    ));
    assert!(!covered(json!([{"version": "1:1.3"}])));
    assert!(
        !covered(json!([{"range": "vers:deb/>=1"}])),
        "a range is not computed"
    );
}

#[test]
fn the_later_statement_counts() {
    let statement = |status: &str, at: &str| {
        read_one(&openvex(&json!({
            "vulnerability": {"name": "CVE-2024-1"}, "products": [{"@id": "pkg:oci/web"}],
            "status": status, "timestamp": at, "action_statement": "x", "impact_statement": "y",
        })))
    };
    let subject = Subject {
        vulnerabilities: &["CVE-2024-1"],
        repository: "acme/web",
        ..Subject::default()
    };
    let counts = |all: Vec<Statement>| Statements::new(all).about(&subject).map(|one| one.status);
    let early = statement("not_affected", "2026-01-01T00:00:00Z");
    // Later than the other by its offset, earlier by its letters.
    let late = statement("affected", "2026-01-01T00:30:00-01:00");
    assert_eq!(
        counts(vec![late.clone(), early.clone()]),
        Some(Status::Affected)
    );
    assert_eq!(counts(vec![early.clone(), late]), Some(Status::Affected));
    let mut timeless = early.clone();
    timeless.timestamp = None;
    timeless.status = Status::Fixed;
    assert_eq!(counts(vec![early, timeless]), Some(Status::NotAffected));
    assert_eq!(counts(Vec::new()), None);
}

#[test]
fn an_error_names_the_place_and_what_is_expected() {
    let wrong = |document: &Value| {
        read(document.to_string().as_bytes())
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(wrong(&openvex(&json!({"status": "gone"}))), @r#"statements[0].status: "gone" is no status; they are not_affected, affected, fixed and under_investigation"#);
    insta::assert_snapshot!(wrong(&openvex(&json!({"status": "fixed"}))), @"statements[0].vulnerability.name: the id of a vulnerability is expected");
    insta::assert_snapshot!(wrong(&openvex(&json!({"status": "fixed", "vulnerability": {"name": "CVE-1"}}))), @"statements[0].products: no product is named, so it is not known what the statement is about");
    insta::assert_snapshot!(wrong(&json!({"@context": "https://openvex.dev/ns/v1.0.0", "statements": []})), @r#"OpenVEX "1.0.0" can't be read; 0.0.0 to 0.2.0 can"#);
    insta::assert_snapshot!(wrong(&json!({"bomFormat": "CycloneDX", "specVersion": "1.3"})), @r#"CycloneDX "1.3" can't be read; 1.4, 1.5 and 1.6 can"#);
    insta::assert_snapshot!(wrong(&json!({"document": {"category": "csaf_vex"}})), @r#"the document is neither OpenVEX ("@context": "https://openvex.dev/ns/…") nor CycloneDX ("bomFormat": "CycloneDX")"#);
    assert!(matches!(read(b"{"), Err(VexError::NotJson(_))));
    assert!(matches!(
        read(&vec![b' '; MAX_BYTES + 1]),
        Err(VexError::TooLarge(_))
    ));
    let deep = "[".repeat(100_000);
    assert!(matches!(read(deep.as_bytes()), Err(VexError::NotJson(_))));
}

#[test]
fn what_multiplies_is_bounded() {
    let products = vec![json!("pkg:oci/web"); 2_000];
    let parts = vec![json!("pkg:deb/debian/a"); 2_000];
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.0.1",
        "statements": [{"vulnerability": "CVE-1", "status": "fixed", "products": products, "subcomponents": parts}],
    });
    assert!(matches!(
        read(document.to_string().as_bytes()),
        Err(VexError::TooMany {
            most: MAX_PRODUCTS,
            ..
        })
    ));
}

#[test]
fn a_package_url_is_taken_apart() {
    let purl = Purl::parse("pkg:npm/%40Angular/Core@12.0.0?a=b%20c#x/y").unwrap();
    assert_eq!(
        (purl.namespace.as_str(), purl.name.as_str()),
        ("@angular", "core")
    );
    assert_eq!(purl.version.as_deref(), Some("12.0.0"));
    assert_eq!(purl.qualifiers["a"], "b c");
    let scoped = Purl::parse("pkg:npm/@angular/core").unwrap();
    assert_eq!(
        (scoped.namespace.as_str(), scoped.version),
        ("@angular", None)
    );
    assert_eq!(Purl::parse("pkg:pypi/My_Pkg").unwrap().name, "my-pkg");
    for none in [
        "",
        "pkg:",
        "pkg:deb",
        "pkg:/x",
        "deb/x",
        "pkg:deb/",
        "pkg:deb/@1",
    ] {
        assert_eq!(Purl::parse(none), None, "{none}");
    }
}

/// JSON that looks like the formats, with any value in any place.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "CycloneDX",
            "1.6",
            "https://openvex.dev/ns/v0.2.0",
            "fixed",
            "not_affected",
            "resolved",
            "CVE-1",
            "pkg:oci/a@sha256:b?tag=c",
            "pkg:deb/a",
            "a/b:c",
            "container",
            "pkg:%",
            "%f",
            "image",
            "urn:cdx:x#y",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let keys = prop::sample::select(vec![
            "@context",
            "@id",
            "bomFormat",
            "specVersion",
            "statements",
            "vulnerabilities",
            "vulnerability",
            "name",
            "id",
            "products",
            "subcomponents",
            "status",
            "identifiers",
            "purl",
            "hashes",
            "sha-256",
            "analysis",
            "state",
            "affects",
            "ref",
            "versions",
            "version",
            "components",
            "metadata",
            "component",
            "bom-ref",
            "type",
            "aliases",
            "references",
            "authors",
            "timestamp",
            "content",
            "alg",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((keys, inner), 0..7).prop_map(|fields| Value::Object(
                fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_makes_the_reader_panic(document in documents(), openvex in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let mut document = document;
        if let Value::Object(fields) = &mut document {
            if openvex {
                fields.insert("@context".to_owned(), "https://openvex.dev/ns/v0.2.0".into());
            } else {
                fields.insert("bomFormat".to_owned(), "CycloneDX".into());
                fields.insert("specVersion".to_owned(), "1.6".into());
            }
        }
        if let Ok(statements) = read(document.to_string().as_bytes()) {
            let tags = tags();
            let subject = Subject { vulnerabilities: &["CVE-1"], package: ZLIB, registry: None, repository: "a/b", digest: DIGEST, tags: &tags };
            for one in &statements {
                one.covers(&subject);
                prop_assert!(!one.vulnerabilities.is_empty() && !one.products.is_empty());
            }
            Statements::new(statements).about(&subject);
        }
    }

    #[test]
    fn a_package_url_covers_itself(text in "pkg:[a-z]{1,5}/[ -~]{1,30}") {
        if let Some(purl) = Purl::parse(&text) {
            prop_assert!(purl.covers(&purl));
        }
    }
}

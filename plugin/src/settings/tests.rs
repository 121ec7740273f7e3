#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

fn with(fields: &[(&str, &str)]) -> Result<(Settings, Profile), Failure> {
    let mut entered = vec![("token".to_owned(), "stand-in".to_owned())];
    entered.extend(
        fields
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    if !fields.iter().any(|(key, _)| *key == "url") {
        entered.push(("url".to_owned(), "https://gitlab.example.com".to_owned()));
    }
    configure(entered)
}

fn base(entered: &str) -> String {
    let (settings, _) =
        with(&[("url", entered)]).unwrap_or_else(|failure| panic!("{entered}: {failure:?}"));
    settings.base_text().to_owned()
}

#[track_caller]
fn refused(fields: &[(&str, &str)]) -> FieldFault {
    match with(fields) {
        Err(Failure::InvalidSettings(fault)) => {
            assert!(
                !fault.why.message.is_empty() && !fault.why.hint.is_empty(),
                "{fault:?}"
            );
            fault
        }
        other => panic!("{fields:?}: {:?}", other.map(|(settings, _)| settings)),
    }
}

#[test]
fn addresses_are_taken_as_people_enter_them() {
    for (entered, expected) in [
        ("https://gitlab.com", "https://gitlab.com"),
        ("  https://gitlab.com/  ", "https://gitlab.com"),
        ("HTTPS://GitLab.Example.COM", "https://gitlab.example.com"),
        ("gitlab.example.com", "https://gitlab.example.com"),
        ("gitlab.example.com.", "https://gitlab.example.com"),
        ("gitlab.example.com:8443", "https://gitlab.example.com:8443"),
        (
            "https://gitlab.example.com:443/",
            "https://gitlab.example.com",
        ),
        ("host:8443/gitlab", "https://host:8443/gitlab"),
        ("https://example.com/gitlab/", "https://example.com/gitlab"),
        (
            "https://example.com//foo//bar/git//",
            "https://example.com/foo/bar/git",
        ),
        (
            "https://example.com/a/../gitlab",
            "https://example.com/gitlab",
        ),
        ("https://gitlab.com/api/v4", "https://gitlab.com"),
        (
            "https://gitlab.example.com/api/v4/",
            "https://gitlab.example.com",
        ),
        ("example.com/gitlab/api/v4", "https://example.com/gitlab"),
        (
            "https://[2001:db8::1]:8443/gitlab",
            "https://[2001:db8::1]:8443/gitlab",
        ),
        ("[2001:db8::1]", "https://[2001:db8::1]"),
        ("https://192.0.2.7", "https://192.0.2.7"),
        ("https://gitläb.example", "https://xn--gitlb-jra.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        (
            "http://127.0.0.1:8080/gitlab",
            "http://127.0.0.1:8080/gitlab",
        ),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ] {
        assert_eq!(base(entered), expected, "{entered}");
    }
}

#[test]
fn what_is_no_address_of_a_gitlab_is_refused_at_its_field() {
    let long = format!("https://gitlab.example.com/{}", "a".repeat(2048));
    let long_host = format!("https://{}.example.com", "a.".repeat(130));
    for entered in [
        "",
        "   ",
        "https://",
        "https:///path",
        "https:gitlab.example.com",
        "//gitlab.example.com",
        "/gitlab",
        "ftp://gitlab.example.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user@gitlab.example.com",
        "https://user:secret@gitlab.example.com",
        "https://@gitlab.example.com",
        "https://gitlab.example.com/user@host",
        "user:secret@gitlab.example.com",
        "https://gitlab.example.com?private_token=1",
        "https://gitlab.example.com/?",
        "https://gitlab.example.com/#top",
        "https://gitlab example.com",
        "https://gitlab.\nexample.com",
        "https:\\\\gitlab.example.com",
        "https://gitlab.example.com\\@evil.example",
        "https://gitlab.example.com:0",
        "https://gitlab.example.com:65536",
        "https://*.example.com",
        "https://gitlab..example.com",
        "https://[::1",
        "https://[fe80::1%25eth0]",
        "https://999.1.1.1",
        "https://gitlab.example.com/api/v4/projects",
        "https://gitlab.example.com/api/graphql",
        "https://gitlab.example.com/acme/shop/-/container_registry",
        "https://gitlab.com/acme/shop",
        &long,
        &long_host,
    ] {
        assert_eq!(refused(&[("url", entered)]).field, "url", "{entered}");
    }
}

#[test]
fn a_password_in_the_address_is_not_repeated() {
    let fault = refused(&[("url", "https://user:hunter2@gitlab.example.com")]);
    assert!(!format!("{fault:?}").contains("hunter2"), "{fault:?}");
}

#[test]
fn plain_http_needs_loopback_or_the_toggle() {
    for entered in [
        "http://gitlab.example.com",
        "http://10.0.0.1",
        "http://[2001:db8::1]",
        "http://localhost.example.com",
    ] {
        assert_eq!(refused(&[("url", entered)]).field, "url", "{entered}");
        assert!(
            refused(&[("url", entered), ("insecure-http", "false")])
                .why
                .message
                .contains("http")
        );
        let (settings, profile) = with(&[("url", entered), ("insecure-http", "true")]).unwrap();
        assert_eq!(settings.base.scheme(), "http");
        assert!(
            profile
                .settings
                .contains(&("insecure-http".to_owned(), "true".to_owned()))
        );
    }
}

#[test]
fn the_addresses_of_the_services_are_below_the_root() {
    for (base, api) in [
        ("https://gitlab.com", "https://gitlab.com/api/v4/user"),
        (
            "https://example.com/gitlab/",
            "https://example.com/gitlab/api/v4/user",
        ),
    ] {
        let settings = Settings::sample(base);
        assert_eq!(settings.api("user"), api);
        assert_eq!(settings.api("/user"), api);
    }
    let settings = Settings::sample("https://example.com:8443/foo/bar");
    assert_eq!(
        settings.graphql(),
        "https://example.com:8443/foo/bar/api/graphql"
    );
    assert_eq!(settings.jwt(), "https://example.com:8443/foo/bar/jwt/auth");
    assert_eq!(settings.origin(), "https://example.com:8443");
    assert_eq!(settings.display_name(), "example.com:8443/foo/bar");
}

#[test]
fn only_the_entered_origin_may_carry_secrets() {
    let (_, profile) = with(&[("url", "https://gitlab.com/")]).unwrap();
    let secrets: Vec<_> = profile
        .origins
        .iter()
        .filter(|o| o.secrets)
        .map(|o| o.url.as_str())
        .collect();
    assert_eq!(secrets, ["https://gitlab.com"]);
    assert!(
        profile
            .origins
            .iter()
            .any(|origin| origin.url == "https://registry.gitlab.com")
    );
    assert!(
        profile
            .origins
            .iter()
            .all(|origin| !origin.purpose.is_empty())
    );

    let (_, profile) = with(&[("url", "https://example.com:8443/gitlab")]).unwrap();
    assert_eq!(profile.origins.len(), 1);
    assert_eq!(profile.origins[0].url, "https://example.com:8443");
    assert_eq!(profile.display_name, "example.com:8443/gitlab");
}

#[test]
fn unknown_repeated_and_missing_settings_are_refused_by_name() {
    assert_eq!(refused(&[("colour", "red")]).field, "colour");
    assert_eq!(refused(&[("token", "again")]).field, "token");
    let Err(Failure::InvalidSettings(fault)) = configure(vec![]) else {
        panic!("accepted nothing")
    };
    assert_eq!(fault.field, "url");
    let only_url = vec![("url".to_owned(), "gitlab.com".to_owned())];
    let Err(Failure::InvalidSettings(fault)) = configure(only_url) else {
        panic!("accepted no token")
    };
    assert_eq!(fault.field, "token");
}

#[test]
fn tokens_that_no_header_can_carry_are_refused_unseen() {
    for token in [
        "gl pat",
        "glpat\r\nX-Evil: 1",
        "glpät",
        "\u{7f}x",
        &"x".repeat(5000),
    ] {
        let entered = vec![
            ("url".to_owned(), "gitlab.com".to_owned()),
            ("token".to_owned(), token.to_owned()),
        ];
        let Err(Failure::InvalidSettings(fault)) = configure(entered) else {
            panic!("accepted {token:?}")
        };
        assert_eq!(fault.field, "token");
        assert!(!fault.why.message.contains(token));
    }
}

#[test]
fn options_are_checked_at_their_field() {
    let many = (0..101).map(|n| format!("v{n}\n")).collect::<String>();
    let long = "a".repeat(257);
    for (field, value) in [
        ("insecure-http", "yes"),
        ("newest-tags", "0"),
        ("newest-tags", "-1"),
        ("newest-tags", "+1"),
        ("newest-tags", "ten"),
        ("newest-tags", "99999999999"),
        ("max-age-days", "36501"),
        ("max-age-days", "1.5"),
        ("tags-include", "v[0-9]"),
        ("tags-include", "a/b"),
        ("tags-exclude", "!latest"),
        ("tags-exclude", "{a,b}"),
        ("tags-exclude", "ä"),
        ("tags-include", &many),
        ("tags-include", &long),
        ("platforms", "amd64"),
        ("platforms", "linux/"),
        ("platforms", "linux/arm/v7/x"),
        ("platforms", "linux/{amd64}"),
    ] {
        assert_eq!(refused(&[(field, value)]).field, field, "{value}");
    }
}

#[test]
fn the_normal_form_configures_to_itself() {
    let (first, profile) = with(&[
        ("url", " Example.com/gitlab/api/v4/ "),
        ("tags-include", " v** \n\n latest\nlatest"),
        ("tags-exclude", "*-dev"),
        ("newest-tags", " 010 "),
        ("max-age-days", "90"),
        ("platforms", "Linux/AMD64\nlinux/arm/*"),
        ("insecure-http", "false"),
    ])
    .unwrap();
    assert_eq!(first.tags.include, ["v*", "latest"]);
    assert_eq!(first.tags.newest, Some(10));
    assert_eq!(first.platforms, ["linux/amd64", "linux/arm/*"]);
    assert!(
        !profile
            .settings
            .iter()
            .any(|(key, _)| key == "insecure-http")
    );
    let (_, again) = configure(profile.settings.clone()).unwrap();
    assert_eq!(again, profile);
}

#[test]
fn patterns_let_tags_in_and_exclusion_wins() {
    let all = TagOptions::default();
    assert!(all.matches("anything"));
    let some = TagOptions {
        include: vec!["v*".to_owned(), "late?t".to_owned()],
        exclude: vec!["*-dev".to_owned()],
        ..TagOptions::default()
    };
    for (tag, taken) in [
        ("v1.0", true),
        ("latest", true),
        ("v1.0-dev", false),
        ("main", false),
        ("lat", false),
        ("V1", false),
    ] {
        assert_eq!(some.matches(tag), taken, "{tag}");
    }
    assert!(some.refusal("v1.0-dev").unwrap().contains("*-dev"));
    assert!(some.refusal("main").unwrap().contains("v*, late?t"));
}

#[test]
fn platforms_match_part_by_part_with_the_usual_variants() {
    let mut settings = Settings::sample("https://gitlab.com");
    assert!(settings.takes_platform("windows", "amd64", None));
    settings.platforms = ["linux/amd64", "linux/arm64/v8", "linux/arm/v7"]
        .map(str::to_owned)
        .into();
    for (os, architecture, variant, taken) in [
        ("linux", "amd64", None, true),
        ("linux", "amd64", Some("v3"), true),
        ("Linux", "AMD64", None, true),
        ("linux", "arm64", None, true),
        ("linux", "arm64", Some("v8"), true),
        ("linux", "arm64", Some("v9"), false),
        ("linux", "arm", None, true),
        ("linux", "arm", Some("v6"), false),
        ("windows", "amd64", None, false),
        ("linux", "s390x", None, false),
    ] {
        assert_eq!(
            settings.takes_platform(os, architecture, variant),
            taken,
            "{os}/{architecture}/{variant:?}"
        );
    }
}

#[test]
fn the_manifest_announces_every_field_that_configure_takes() {
    let manifest = manifest();
    for field in &manifest.fields {
        let value = match field.key.as_str() {
            "url" => "https://gitlab.com",
            "token" => continue,
            "insecure-http" => "true",
            "newest-tags" | "max-age-days" => "3",
            "platforms" => "linux/amd64",
            _ => "v*",
        };
        assert!(with(&[(&field.key, value)]).is_ok(), "{}", field.key);
        assert_eq!(field.required, !field.advanced, "{}", field.key);
        assert!(!field.label.is_empty() && !field.help.is_empty());
    }
    assert_eq!(manifest.fields.len(), 8);
    assert_eq!(manifest.verify_steps.len(), 9);
    assert_eq!(manifest.scopes.len(), 3);
    let scannable: Vec<_> = manifest
        .location_kinds
        .iter()
        .filter(|kind| kind.scannable)
        .map(|kind| kind.id.as_str())
        .collect();
    assert_eq!(scannable, ["image-repository"]);
}

proptest! {
    #[test]
    fn no_address_makes_it_panic_and_what_is_taken_is_clean(entered in "(https?://)?[-a-z0-9.:/@?#%\\[\\] ]{0,60}") {
        if let Ok((settings, profile)) = with(&[("url", &entered), ("insecure-http", "true")]) {
            let base = settings.base_text();
            prop_assert!(!base.contains(['@', '?', '#', ' ']), "{}", base);
            prop_assert!(!base.ends_with('/'));
            let (_, again) = configure(profile.settings.clone()).unwrap();
            prop_assert_eq!(again, profile);
        }
    }

    #[test]
    fn no_settings_make_it_panic(fields in proptest::collection::vec((".{0,12}", ".{0,40}"), 0..6)) {
        let _ = configure(fields);
    }

    #[test]
    fn a_pattern_without_placeholders_takes_exactly_its_tag(tag in "[A-Za-z0-9_.-]{1,20}", other in "[A-Za-z0-9_.-]{1,20}") {
        let (settings, _) = with(&[("tags-include", &tag)]).unwrap();
        prop_assert!(settings.tags.matches(&tag));
        prop_assert_eq!(settings.tags.matches(&other), tag == other);
    }
}

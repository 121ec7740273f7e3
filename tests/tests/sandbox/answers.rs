//! What a connector answers is checked before it is believed.

use super::*;

#[tokio::test]
async fn a_listing_that_can_not_be_used_or_never_ends_is_refused() {
    for (mode, expected) in [
        ("list-long-id", "513 bytes"),
        ("list-empty-id", "0 bytes"),
        ("list-control-id", "control characters"),
        ("list-kind", "galaxy"),
        ("list-huge-path", "5000 bytes"),
        ("list-long-cursor", "5000 bytes"),
    ] {
        assert_bad(deed(mode).list(None).await, expected);
    }
    assert!(
        deed("list-stuck").list(None).await.is_ok(),
        "a first page may have a next one"
    );
    assert_bad(deed("list-stuck").list(Some("again")).await, "never end");
}

#[tokio::test]
async fn verify_answers_each_step_once_and_in_order() {
    assert_eq!(deed("good").verify().await.unwrap().value.steps.len(), 2);
    for mode in ["verify-missing", "verify-twice", "verify-order"] {
        assert_bad(deed(mode).verify().await, "first, second");
    }
}

#[tokio::test]
async fn only_a_scan_may_emit() {
    assert_bad(deed("verify-emit").verify().await, "observations in verify");
    assert_bad(
        deed("configure-emit").configure().await,
        "observations in configure",
    );
}

#[tokio::test]
async fn the_profile_holds_the_settings_but_no_secret_and_nothing_for_one() {
    let profile = deed("good").configure().await.unwrap();
    let keys: Vec<_> = profile
        .settings
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(keys, ["url", "mode", "target"]);
    assert_eq!(
        deed("configure-secret-in-name")
            .configure()
            .await
            .unwrap()
            .display_name,
        "[31m[secret]"
    );
    assert_bad(
        deed("configure-secret-in-settings").configure().await,
        "setting body",
    );
}

#[tokio::test]
async fn a_secret_that_came_among_the_settings_is_still_kept_from_the_guest() {
    let mut deed = deed("leak");
    deed.setup.secrets.clear();
    deed.setup
        .settings
        .push(("token".to_owned(), TOKEN.to_owned()));
    let seen = Arc::clone(&deed.seen);
    assert!(deed.scan().await.is_err());
    assert_eq!(seen.attributes("token"), ["[secret]"]);
}

#[tokio::test]
async fn a_secret_that_is_too_short_to_be_found_again_is_refused_with_its_field() {
    let mut deed = deed("leak");
    deed.setup.secrets = vec![("token".to_owned(), SecretString::new("abc".to_owned()))];
    let ended = deed.scan().await;
    let Err(CallError::Failure {
        failure: Failure::InvalidSettings(fault),
        ..
    }) = &ended
    else {
        panic!("{ended:?}");
    };
    assert_eq!(fault.field, "token");
}

#[tokio::test]
async fn a_profile_that_can_not_be_kept_is_refused() {
    assert_bad(
        deed("configure-unknown-setting").configure().await,
        "\"root\"",
    );
    assert_bad(
        deed("configure-many-origins").configure().await,
        "1001 origins",
    );
}

#[tokio::test]
async fn configure_has_no_cache_and_no_way_out() {
    assert!(deed("configure-cache").configure().await.is_ok());
    let ended = deed("configure-request").configure().await;
    let Err(CallError::Failure {
        failure: Failure::Unavailable(why),
        ..
    }) = &ended
    else {
        panic!("{ended:?}");
    };
    assert!(why.message.contains("Denied"), "{}", why.message);
}

#[tokio::test]
async fn a_failure_is_cleaned_and_cut_before_anybody_sees_it() {
    let ended = deed("configure-failure").configure().await;
    let Err(CallError::Failure {
        failure: Failure::InvalidSettings(fault),
        ..
    }) = &ended
    else {
        panic!("{ended:?}");
    };
    assert_eq!(fault.field, "token");
    assert_eq!(fault.why.message, "the token [secret] is [31mbad");
    assert!(fault.why.hint.len() <= 4096 && fault.why.hint.ends_with("(cut)"));
}

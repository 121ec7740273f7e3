//! Listing: paging, duplicates, caps, and branches that fail.

use super::*;

fn tree() -> Script {
    let mut script = Script::default();
    script.pages.insert(
        None,
        vec![
            page(vec![group("acme")], Some("1")),
            page(vec![group("other")], None),
        ],
    );
    let acme = Some("acme".to_owned());
    script.pages.insert(
        acme,
        vec![
            page(vec![location("acme/b"), location("acme/a")], Some("1")),
            // Something was pushed meanwhile, and the last one of the page before comes again.
            page(vec![location("acme/a"), location("acme/c")], None),
        ],
    );
    script.pages.insert(
        Some("other".to_owned()),
        vec![page(vec![location("other/x")], None)],
    );
    script
}

async fn list(script: Script, limits: ListingLimits) -> (Result<Listing, ScanStop>, Arc<Script>) {
    let script = Arc::new(script);
    let connector: Arc<dyn Connector> = script.clone();
    let events: Arc<dyn Events> = Arc::new(Silent);
    let listing = list_all(
        &connector,
        limits,
        policy(),
        &events,
        &CancellationToken::new(),
    )
    .await;
    (listing, script)
}

fn paths(listing: &Listing) -> Vec<&str> {
    listing
        .locations
        .iter()
        .map(|location| location.path.as_str())
        .collect()
}

fn fault_at(script: &Script, parent: Option<&str>, faults: Vec<Fault>) {
    script
        .listing_faults
        .lock()
        .unwrap()
        .insert(parent.map(str::to_owned), faults.into());
}

#[tokio::test]
async fn every_location_is_listed_once_by_path() {
    let (listing, script) = list(tree(), ListingLimits::default()).await;
    let listing = listing.unwrap();
    assert_eq!(
        paths(&listing),
        ["acme", "acme/a", "acme/b", "acme/c", "other", "other/x"]
    );
    assert!(listing.whole && listing.skips.is_empty());
    assert_eq!(listing.traffic.requests, 5);
    assert_eq!(script.listing_calls.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_branch_that_fails_is_written_down_and_the_rest_goes_on() {
    let script = tree();
    let lack = LackOfPermission {
        missing_scopes: Vec::new(),
        why: why("403."),
    };
    fault_at(
        &script,
        Some("acme"),
        vec![Fault::Failure(Failure::Forbidden(lack))],
    );
    let (listing, _) = list(script, ListingLimits::default()).await;
    let listing = listing.unwrap();
    assert_eq!(paths(&listing), ["acme", "other", "other/x"]);
    assert!(!listing.whole);
    assert_eq!(listing.skips[0].path, "acme");
    assert_eq!(listing.skips[0].skipped.skip.why.message, "403.");
}

#[tokio::test]
async fn a_passing_failure_of_a_page_is_retried() {
    let script = tree();
    fault_at(&script, Some("acme"), vec![unavailable(), crash()]);
    let (listing, _) = list(script, ListingLimits::default()).await;
    assert!(listing.unwrap().whole);
}

#[tokio::test]
async fn a_bad_credential_ends_the_listing_at_once() {
    let script = tree();
    fault_at(
        &script,
        None,
        vec![Fault::Failure(Failure::Unauthenticated(why("401.")))],
    );
    let (listing, script) = list(script, ListingLimits::default()).await;
    assert!(matches!(
        listing,
        Err(ScanStop::Failure(Failure::Unauthenticated(_)))
    ));
    assert_eq!(script.listing_calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_top_that_cannot_be_listed_is_a_failure_and_not_an_empty_listing() {
    let script = tree();
    fault_at(&script, None, vec![unavailable(); 9]);
    let (listing, _) = list(script, ListingLimits::default()).await;
    assert!(matches!(
        listing,
        Err(ScanStop::Failure(Failure::Unavailable(_)))
    ));
    let script = tree();
    fault_at(&script, None, vec![crash(); 9]);
    let (listing, _) = list(script, ListingLimits::default()).await;
    assert!(matches!(listing, Err(ScanStop::Connector(_))));
}

#[tokio::test]
async fn a_cursor_that_comes_again_ends_its_branch() {
    let mut script = tree();
    script.pages.insert(
        Some("other".to_owned()),
        vec![page(vec![location("other/x")], Some("0"))],
    );
    let (listing, _) = list(script, ListingLimits::default()).await;
    let listing = listing.unwrap();
    assert!(!listing.whole && paths(&listing).contains(&"other/x"));
    assert!(
        listing.skips[0]
            .skipped
            .skip
            .why
            .message
            .contains("same cursor twice")
    );
}

#[tokio::test]
async fn depth_number_and_pages_are_capped_and_it_is_said() {
    // A group that holds itself under ever new names.
    let mut script = Script::default();
    for depth in 0..50 {
        let parent = (depth > 0).then(|| format!("g{depth}"));
        script.pages.insert(
            parent,
            vec![page(vec![group(&format!("g{}", depth + 1))], None)],
        );
    }
    let limits = ListingLimits {
        depth: 8,
        ..ListingLimits::default()
    };
    let listing = list(script, limits).await.0.unwrap();
    assert_eq!(listing.locations.len(), 8);
    assert!(
        listing.skips[0]
            .skipped
            .skip
            .why
            .message
            .contains("8 levels")
    );

    let limits = ListingLimits {
        locations: 3,
        ..ListingLimits::default()
    };
    let listing = list(tree(), limits).await.0.unwrap();
    assert_eq!(listing.locations.len(), 3);
    assert!(
        !listing.whole
            && listing.skips.iter().any(|skip| skip
                .skipped
                .skip
                .why
                .message
                .contains("3 locations"))
    );

    let limits = ListingLimits {
        pages: 1,
        ..ListingLimits::default()
    };
    let listing = list(tree(), limits).await.0.unwrap();
    assert!(
        !listing.whole
            && listing.skips[0]
                .skipped
                .skip
                .why
                .message
                .contains("1 pages")
    );
}

#[tokio::test]
async fn a_location_with_an_impossible_id_is_left_out_and_said() {
    let mut script = tree();
    let long = Location {
        id: "x".repeat(513),
        ..location("other/x")
    };
    script.pages.insert(
        Some("other".to_owned()),
        vec![page(vec![long, location("other/y")], None)],
    );
    let listing = list(script, ListingLimits::default()).await.0.unwrap();
    assert!(!paths(&listing).contains(&"other/x") && paths(&listing).contains(&"other/y"));
    assert!(
        !listing.whole
            && listing.skips[0]
                .skipped
                .skip
                .why
                .message
                .contains("513 bytes")
    );
}

use crate::contract::Location;

//! The final state after any sequence of failures, cancellations and resumes is that of a scan that
//! nothing happened to.

use proptest::prelude::*;

use super::*;

fn world() -> Vec<(&'static str, Scripted)> {
    let other = vec![
        vec![image(1, 3, true), packages(1, &["x"])],
        vec![packages(1, &["y"])],
        vec![packages(1, &["z"]), image(2, 1, true)],
        vec![packages(2, &["w"]), finding("c", Severity::Critical)],
    ];
    let same_image = vec![
        vec![image(1, 3, true)],
        vec![packages(1, &["x", "y", "z"])],
        vec![skipped("s")],
    ];
    vec![
        (
            "a",
            Scripted {
                batches: other,
                ..Scripted::default()
            },
        ),
        (
            "b",
            Scripted {
                batches: same_image,
                ..Scripted::default()
            },
        ),
    ]
}

async fn undisturbed() -> Vec<String> {
    let fixture = fixture(&["a", "b"]).await;
    let (_, report) = run(
        &fixture,
        Arc::new(Script::flat(world())),
        2,
        CancellationToken::new(),
    )
    .await;
    assert!(report.complete);
    dump(&fixture.store)
}

async fn disturbed(faults: Vec<(bool, usize, bool)>, cancels: Vec<usize>) -> Vec<String> {
    let mut world = world();
    for (first, at, crashes) in faults {
        let scripted = &mut world[usize::from(first)].1;
        // Twice at one place is a poisoned location, which is another test's.
        if !scripted.faults.iter().any(|(place, _)| *place == at) {
            scripted
                .faults
                .push((at, if crashes { crash() } else { unavailable() }));
        }
    }
    let fixture = fixture(&["a", "b"]).await;
    let script = Arc::new(Script::flat(world));
    for after in cancels {
        let cancel = CancellationToken::new();
        let (seen, left) = (cancel.clone(), Mutex::new(after));
        let acknowledged = Arc::new(move |_: &str, _: &str| {
            let mut left = left.lock().unwrap();
            *left = left.saturating_sub(1);
            if *left == 0 {
                seen.cancel();
            }
        });
        run(
            &fixture,
            Arc::new(Watched {
                inner: script.clone(),
                acknowledged,
            }),
            2,
            cancel,
        )
        .await;
        let unfinished = fixture.store.scans(None, 1).unwrap()[0].ended_at.is_none();
        if !unfinished {
            return dump(&fixture.store);
        }
    }
    let (_, report) = run(&fixture, script, 2, CancellationToken::new()).await;
    assert!(report.complete, "{report:?}");
    dump(&fixture.store)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_failures_and_resumes_ends_in_the_same_state(
        faults in proptest::collection::vec((any::<bool>(), 0_usize..5, any::<bool>()), 0..5),
        cancels in proptest::collection::vec(1_usize..4, 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (expected, found) = runtime.block_on(async { (undisturbed().await, disturbed(faults, cancels).await) });
        prop_assert_eq!(expected, found);
    }
}

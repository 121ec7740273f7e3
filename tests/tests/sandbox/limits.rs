//! Time, memory, stack, handles, floods and sizes: each ends at its limit, and the limit is named.

use std::time::Instant;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_is_cut_by_its_processor_time() {
    let started = Instant::now();
    let ended = deed("loop").limit(Limit::Cpu, 300).scan().await;
    assert_limit(ended, Limit::Cpu);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn an_endless_loop_on_the_only_thread_does_not_stop_the_clock() {
    // One thread for the guest, the timers and this test: the loop has to yield, or nothing ever ends it.
    let ended = deed("loop").limit(Limit::ScanTime, 300).scan().await;
    let Err(
        error @ CallError::Timeout {
            limit: Limit::ScanTime,
            call: "scan",
            ..
        },
    ) = ended
    else {
        panic!("{ended:?}");
    };
    assert!(error.is_retryable());
    assert!(error.message().contains("--limit scan-time="), "{error}");
}

#[tokio::test]
async fn a_sleep_without_end_is_cut_by_the_clock_and_costs_no_processor_time() {
    let ended = deed("sleep")
        .limit(Limit::ScanTime, 300)
        .limit(Limit::Cpu, 200)
        .scan()
        .await;
    assert!(
        matches!(
            ended,
            Err(CallError::Timeout {
                limit: Limit::ScanTime,
                ..
            })
        ),
        "{ended:?}"
    );
    let ended = deed("sleep").limit(Limit::VerifyTime, 300).verify().await;
    assert!(
        matches!(ended, Err(CallError::Timeout { call: "verify", .. })),
        "{ended:?}"
    );
    let ended = deed("configure-loop")
        .limit(Limit::ConfigureTime, 300)
        .configure()
        .await;
    assert!(
        matches!(
            ended,
            Err(CallError::Timeout {
                call: "configure",
                ..
            })
        ),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_cancelled_call_ends_soon_whatever_it_does() {
    for mode in ["sleep", "loop"] {
        let deed = deed(mode);
        let cancel = deed.setup.cancel.clone();
        let started = Instant::now();
        let canceller = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancel.cancel();
        });
        let ended = bounded(hostile().await.scan(deed.setup, request())).await;
        assert!(
            matches!(ended, Err(CallError::Cancelled)),
            "{mode}: {ended:?}"
        );
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{mode}: {:?}",
            started.elapsed()
        );
        canceller.await.unwrap();
    }
}

#[tokio::test]
async fn a_call_that_is_cancelled_before_it_begins_stores_nothing() {
    let deed = deed("good");
    deed.setup.cancel.cancel();
    let seen = Arc::clone(&deed.seen);
    let ended = deed.scan().await;
    assert!(matches!(ended, Err(CallError::Cancelled)), "{ended:?}");
    assert!(seen.emitted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_memory_hog_is_told_that_it_was_memory() {
    let ended = deed("memory").scan().await;
    let Err(error) = &ended else {
        panic!("{ended:?}")
    };
    assert!(error.message().contains("memory (64 MiB)"), "{error}");
    assert!(error.message().contains("--limit memory="), "{error}");
    assert_limit(ended, Limit::Memory);
}

#[tokio::test]
async fn a_deep_recursion_ends_at_the_stack_and_not_in_the_host() {
    assert_limit(deed("recursion").scan().await, Limit::Stack);
    let ended = deed("recursion-in-memory").scan().await;
    assert!(
        matches!(&ended, Err(CallError::Crash { message, .. }) if message.contains("out of bounds")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_hoard_of_handles_ends_at_its_limit() {
    assert_limit(
        deed("handles").limit(Limit::Resources, 1_000).scan().await,
        Limit::Resources,
    );
    assert_limit(
        deed("handles").limit(Limit::Handles, 1_000).scan().await,
        Limit::Handles,
    );
}

#[tokio::test]
async fn what_is_hoarded_outside_its_own_memory_stays_small() {
    for (mode, most) in [("hoard-bodies", 64 << 20), ("hoard-fields", 160 << 20)] {
        let deed = deed(mode);
        let seen = Arc::clone(&deed.seen);
        assert_limit(deed.scan().await, Limit::Resources);
        let lines = seen.lines.lock().unwrap();
        let held: usize = lines.last().unwrap().parse().unwrap();
        assert!((1 << 20..most).contains(&held), "{mode}: {held} bytes");
    }
}

#[tokio::test]
async fn a_request_that_is_never_sent_keeps_no_long_text() {
    let deed = deed("long-texts");
    let seen = Arc::clone(&deed.seen);
    deed.scan().await.unwrap();
    assert_eq!(seen.attributes("scheme"), ["false"]);
    assert_eq!(seen.attributes("path"), ["false"]);
    assert_eq!(seen.attributes("method"), ["false", "true"]);
    assert_eq!(seen.attributes("authority"), ["false", "true"]);
}

#[tokio::test]
async fn a_panic_is_told_with_its_message_and_place() {
    let ended = deed("panic").scan().await;
    let Err(error @ CallError::Crash { .. }) = ended else {
        panic!("{ended:?}")
    };
    let message = error.message();
    for part in [
        "the connector crashed",
        "the layer here is",
        "[secret]",
        "deeds.rs:",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let ended = deed("configure-panic").configure().await;
    assert!(
        matches!(&ended, Err(CallError::Crash { message, .. }) if message.contains("no settings please"))
    );
}

#[tokio::test]
async fn a_program_that_ends_itself_has_crashed() {
    let ended = deed("exit").scan().await;
    assert!(
        matches!(&ended, Err(CallError::Crash { message, .. }) if message.contains("ended itself")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_flood_of_observations_is_stopped_and_then_refused() {
    let flood = deed("flood-emit").limit(Limit::EmittedObservations, 50);
    let seen = Arc::clone(&flood.seen);
    assert_limit(flood.scan().await, Limit::EmittedObservations);
    assert_eq!(
        seen.emitted.lock().unwrap().len(),
        50,
        "what was allowed was stored, and no more"
    );

    assert_limit(
        deed("flood-emit")
            .limit(Limit::EmittedBytes, 2_000)
            .scan()
            .await,
        Limit::EmittedBytes,
    );
    let empty = deed("flood-emit-empty").limit(Limit::EmittedBatches, 100);
    assert_limit(empty.scan().await, Limit::EmittedBatches);
}

#[tokio::test]
async fn a_component_that_ignores_a_stop_is_cut_and_its_success_does_not_count() {
    let ignoring = deed("ignore-stop").limit(Limit::EmittedObservations, 50);
    let seen = Arc::clone(&ignoring.seen);
    let started = Instant::now();
    assert_limit(ignoring.scan().await, Limit::EmittedObservations);
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(seen.emitted.lock().unwrap().len(), 50);

    let lying = deed("ignore-stop-then-succeed").limit(Limit::EmittedObservations, 50);
    assert_limit(lying.scan().await, Limit::EmittedObservations);
    let ended = deed("stopped-without-stop").scan().await;
    assert_bad(ended, "nothing had asked it to stop");
}

#[tokio::test]
async fn a_store_that_fails_ends_the_scan_and_is_not_the_connectors_fault() {
    let seen = Seen {
        stop_at: Some((3, Stop::StoreFailed)),
        ..Seen::default()
    };
    let failing = deed_with("flood-emit", seen);
    let seen = Arc::clone(&failing.seen);
    let ended = failing.scan().await;
    assert!(matches!(&ended, Err(CallError::Host(_))), "{ended:?}");
    assert_eq!(seen.emitted.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_with_a_note_and_counted() {
    let flood = deed("flood-log")
        .limit(Limit::LogBytes, 10_000)
        .limit(Limit::Cpu, 60_000);
    let seen = Arc::clone(&flood.seen);
    let end = flood.scan().await.unwrap();
    let lines = seen.lines.lock().unwrap();
    assert!(lines.len() < 1000, "{} lines", lines.len());
    assert!(
        lines.last().unwrap().contains("log-bytes"),
        "{:?}",
        lines.last()
    );
    assert_eq!(end.usage.log_dropped + lines.len() as u64 - 1, 1_000_000);
}

#[tokio::test]
async fn floods_of_progress_and_of_prints_cost_the_host_little() {
    let flood = deed("flood-progress").limit(Limit::Cpu, 60_000);
    let seen = Arc::clone(&flood.seen);
    let started = Instant::now();
    flood.scan().await.unwrap();
    let most = started.elapsed().as_millis() as usize / 20 + 2;
    assert!(seen.progress.lock().unwrap().len() <= most);

    deed("flood-print")
        .limit(Limit::Cpu, 60_000)
        .scan()
        .await
        .unwrap();
    let flood = deed("verify-flood").limit(Limit::Cpu, 60_000);
    let seen = Arc::clone(&flood.seen);
    flood.verify().await.unwrap();
    assert!(seen.progress.lock().unwrap().len() <= 1000);
}

#[tokio::test]
async fn the_cache_keeps_no_more_than_it_may_and_never_fails() {
    let flood = deed("flood-cache")
        .limit(Limit::CacheBytes, 3 << 20)
        .limit(Limit::Cpu, 60_000);
    let seen = Arc::clone(&flood.seen);
    flood.scan().await.unwrap();
    assert_eq!(seen.cached.lock().unwrap().len(), 2);

    let big = deed("big-cache");
    let seen = Arc::clone(&big.seen);
    big.scan().await.unwrap();
    assert_eq!(seen.attributes("kept"), ["false", "true"]);
}

#[tokio::test]
async fn what_is_too_large_ends_the_call_and_what_is_long_is_cut_with_a_note() {
    assert_limit(deed("huge-observation").scan().await, Limit::BatchBytes);
    assert_limit(deed("huge-call").scan().await, Limit::HostcallBytes);
    assert_bad(deed("huge-cursor").scan().await, "cursor of 70000 bytes");
    assert_bad(deed("bad-digest").scan().await, "../../etc/passwd");

    let long = deed("long-text");
    let seen = Arc::clone(&long.seen);
    long.scan().await.unwrap();
    let text = seen.attributes("text").remove(0);
    assert!(
        text.len() <= 64 << 10 && text.ends_with("(cut)"),
        "{} bytes",
        text.len()
    );
}

#[tokio::test]
async fn a_million_locations_are_a_limit_and_ten_thousand_and_one_are_too_many() {
    let ended = deed("list-million")
        .limit(Limit::Cpu, 60_000)
        .list(None)
        .await;
    assert!(
        matches!(
            &ended,
            Err(CallError::Limit {
                limit: Limit::Memory | Limit::HostcallBytes,
                ..
            })
        ),
        "{:?}",
        ended.map(|end| end.value.locations.len())
    );
    assert_bad(deed("list-many").list(None).await, "10001 locations");
}

//! Nothing secret comes out, nothing of the machine goes in, and calls share nothing.

use super::*;

#[tokio::test]
async fn logs_progress_observations_and_failures_are_free_of_secrets() {
    let leak = deed("leak");
    let seen = Arc::clone(&leak.seen);
    let ended = leak.scan().await;
    let Err(error @ CallError::Failure { .. }) = ended else {
        panic!("{ended:?}")
    };
    assert!(error.message().contains("[secret]"), "{error}");
    assert_eq!(
        *seen.lines.lock().unwrap(),
        ["the token is [secret][2J FAKE line"]
    );
    assert_eq!(seen.attributes("token"), ["[secret]"]);
}

#[tokio::test]
async fn two_calls_share_nothing() {
    for _ in 0..2 {
        let counting = deed("static");
        let seen = Arc::clone(&counting.seen);
        counting.scan().await.unwrap();
        assert_eq!(seen.attributes("calls"), ["0"]);
    }
}

#[tokio::test]
async fn there_is_no_environment_and_no_file() {
    let looking = deed("environment");
    let seen = Arc::clone(&looking.seen);
    looking.scan().await.unwrap();
    assert_eq!(seen.attributes("seen"), Vec::<String>::new());
}

#[tokio::test]
async fn a_call_tells_what_it_used() {
    let end = deed("work").limit(Limit::Cpu, 60_000).scan().await.unwrap();
    assert!(end.usage.cpu > Duration::from_millis(10), "{:?}", end.usage);
    assert!(end.usage.wall >= end.usage.cpu, "{:?}", end.usage);
    assert!(end.usage.memory_peak >= 17 * 65536, "{:?}", end.usage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_do_not_hinder_each_other() {
    let mut calls = Vec::new();
    for number in 0..40 {
        let mode = ["good", "panic", "memory", "loop", "sleep"][number % 5];
        let deed = deed(mode)
            .limit(Limit::Cpu, 500)
            .limit(Limit::ScanTime, 8_000);
        let loaded = Arc::clone(hostile().await);
        calls.push((
            mode,
            tokio::spawn(async move { loaded.scan(deed.setup, request()).await }),
        ));
    }
    for (mode, call) in calls {
        let ended = bounded(call).await.unwrap();
        assert_eq!(ended.is_ok(), mode == "good", "{mode}: {ended:?}");
    }
}

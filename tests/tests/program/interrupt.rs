//! Ctrl-C: once stops orderly and the next scan goes on, twice stops now.

use super::*;

/// Each answer takes so long, so that there is time to interrupt.
const SLOW: Duration = Duration::from_millis(60);

/// The wait after a signal for which the program is still right: it gives a call half a second, and this
/// machine may be busy.
const SOON: Duration = Duration::from_secs(6);

/// Begins a slow scan, interrupts it in its middle, and answers how it ended.
fn interrupted(stage: &Stage, arguments: &[&str], signal: &str) -> Ended {
    stage.gitlab.modes(|modes| modes.latency = SLOW);
    stage.gitlab.clear_log();
    let mut going = stage.run(arguments).begin();
    stage.wait_for_requests(30, &mut going);
    assert!(!going.is_over(), "it was over before it was interrupted");
    let sent = Instant::now();
    going.signal(signal);
    let ended = going.end();
    assert!(sent.elapsed() < SOON, "{:?}", sent.elapsed());
    stage.gitlab.modes(|modes| modes.latency = Duration::ZERO);
    ended.must(130)
}

#[test]
fn an_interrupted_scan_goes_on_where_it_stopped_and_ends_as_if_it_never_had() {
    let whole = Stage::small().connected();
    whole.gitlab.clear_log();
    whole.ox(&["scan", "work", "--jobs", "1"]).must(0);
    let all = whole.gitlab.count(|_| true);

    for signal in ["-INT", "-TERM"] {
        let stage = Stage::small().connected();
        let ended = interrupted(&stage, &["scan", "work", "--jobs", "1"], signal);
        assert!(
            ended.stderr.contains("`ox-host scan work`"),
            "{}",
            ended.stderr
        );
        assert!(ended.stdout.contains("Interrupted"), "{}", ended.stdout);

        stage.gitlab.clear_log();
        let resumed = stage.ox(&["scan", "work", "--jobs", "1"]).must(0);
        let rest = stage.gitlab.count(|_| true);
        assert!(rest < all, "{rest} requests of {all}\n{}", resumed.stderr);
        assert_eq!(stage.state(), whole.state());
    }
}

#[test]
fn what_a_scan_without_a_connection_says_about_going_on_is_true() {
    let whole = Stage::small().connected();
    whole.ox(&["scan", "work"]).must(0);

    let stage = Stage::small();
    let url = stage.gitlab.base_url();
    let arguments = [
        "scan",
        "--url",
        &url,
        "--token-env",
        VARIABLE,
        "--jobs",
        "1",
    ];
    let ended = interrupted(&stage, &arguments, "-INT");
    assert!(
        ended.stderr.contains("the same command goes on from there"),
        "{}",
        ended.stderr
    );
    let before = stage.query("SELECT CAST(id AS TEXT) FROM scan");
    assert_eq!(before.len(), 1);
    stage.ox(&arguments).must(0);
    assert_eq!(
        stage.query("SELECT CAST(id AS TEXT) FROM scan"),
        before,
        "it is the same scan that went on"
    );
    assert_eq!(stage.state(), whole.state());
}

#[test]
fn fresh_begins_anew_where_a_scan_could_go_on() {
    let stage = Stage::small().connected();
    interrupted(&stage, &["scan", "work", "--jobs", "1"], "-INT");
    let fresh = stage.ox(&["scan", "work", "--fresh"]).must(0);
    assert!(!fresh.stderr.contains("resumed"), "{}", fresh.stderr);
    let scans = stage.query("SELECT CAST(id AS TEXT) || state FROM scan");
    assert_eq!(
        scans,
        BTreeSet::from(["1ended".to_owned(), "2ended".to_owned()])
    );
    assert_eq!(stage.state().images.len(), 10);
}

#[test]
fn the_second_signal_ends_it_now() {
    let stage = Stage::small().connected();
    stage.gitlab.clear_log();
    stage
        .gitlab
        .modes(|modes| modes.latency = Duration::from_secs(2));
    let mut going = stage.run(&["scan", "work"]).begin();
    stage.wait_for_requests(2, &mut going);
    going.signal("-INT");
    std::thread::sleep(Duration::from_millis(150));
    let second = Instant::now();
    if !going.is_over() {
        going.signal("-INT");
    }
    going.end().must(130);
    assert!(second.elapsed() < Duration::from_secs(3));
    stage.gitlab.modes(|modes| modes.latency = Duration::ZERO);
    stage.ox(&["scan", "work"]).must(0);
}

#[test]
fn a_verification_can_be_interrupted_too() {
    let stage = Stage::small().connected();
    let ended = {
        stage
            .gitlab
            .modes(|modes| modes.latency = Duration::from_secs(1));
        stage.gitlab.clear_log();
        let mut going = stage.run(&["verify", "work"]).begin();
        stage.wait_for_requests(1, &mut going);
        let sent = Instant::now();
        going.signal("-INT");
        let ended = going.end();
        assert!(
            sent.elapsed() < SOON + Duration::from_secs(5),
            "{:?}",
            sent.elapsed()
        );
        ended
    };
    ended.must(130);
}

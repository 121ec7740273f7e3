//! The daemon: it is there, it ends in order or is killed, and what it was doing goes on with the next start.

use std::net::{TcpListener, TcpStream};

use super::*;

/// Each answer of GitLab takes so long, so that there is time to end the daemon in the middle.
const SLOW: Duration = Duration::from_millis(60);

/// A daemon that goes on.
struct Daemon {
    going: Going,
    port: u16,
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl Stage {
    /// Starts the daemon, and waits until it answers.
    fn daemon(&self) -> Daemon {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let arguments = [
            "serve",
            "--listen",
            &listen,
            "--jobs",
            "1",
            "--drain-seconds",
            "30",
        ];
        let mut daemon = Daemon {
            going: self.run(&arguments).begin(),
            port,
        };
        while daemon
            .get("/healthz")
            .is_none_or(|answer| !answer.contains("200 OK"))
        {
            assert!(!daemon.going.is_over(), "{:?}", daemon.going.end());
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon
    }

    /// Asks for a scan of everything before a daemon is there: the wish is a row.
    fn wish(&self) {
        let store = rusqlite::Connection::open(self.data().join("store.db")).unwrap();
        let asked = store.execute(
            "INSERT INTO task (connection_id, kind, cause, asked_by, state, request, asked_at)
             SELECT id, 'scan', 'person', 'test', 'queued', '{}', '2026-01-01T00:00:00.000Z' FROM connection
             WHERE name = 'work'",
            [],
        );
        assert_eq!(asked.unwrap(), 1);
    }

    /// The one column of the one row, as long as nobody is in the way.
    fn task(&self, column: &str) -> String {
        let rows = self.query(&format!(
            "SELECT CAST(coalesce({column}, '') AS TEXT) FROM task"
        ));
        rows.into_iter().next().unwrap()
    }

    fn wait_for_task(&self, state: &str, daemon: &mut Daemon) {
        while self.task("state") != state {
            assert!(!daemon.going.is_over(), "the daemon ended by itself");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Daemon {
    /// What it answers, head and all; `None` when it is not there.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let host = format!("127.0.0.1:{}", self.port);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Ends it in order.
    fn stop(self) -> Ended {
        self.going.signal("-TERM");
        self.going.end().must(0)
    }
}

#[test]
fn the_daemon_answers_says_where_it_is_and_ends_in_order() {
    let stage = Stage::small().connected();
    let daemon = stage.daemon();
    assert!(daemon.get("/readyz").unwrap().ends_with("ready\n"));
    let metrics = daemon.get("/metrics").unwrap();
    assert!(
        metrics.contains("oxhost_runs_open{state=\"running\"} 0"),
        "{metrics}"
    );
    assert!(
        metrics.contains("oxhost_queue_issues{severity=\"appoxalypse\"} 0"),
        "{metrics}"
    );
    assert!(
        metrics.contains(
            "oxhost_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"}"
        ),
        "{metrics}"
    );
    assert!(!metrics.contains("acme"), "{metrics}");
    let port = daemon.port;
    let ended = daemon.stop();
    assert!(
        ended
            .stderr
            .contains(&format!("the console is at http://127.0.0.1:{port}/")),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains(TOKEN));
    // The folder is free, and nothing says that its owner did not end in order.
    assert_eq!(
        std::fs::read_to_string(stage.data().join("ox-host.lock")).unwrap(),
        ""
    );
}

#[test]
fn a_second_daemon_on_the_same_folder_is_refused_and_so_is_a_port_that_is_taken() {
    let stage = Stage::small().connected();
    let daemon = stage.daemon();
    let pid = daemon.going.child.id().to_string();
    let second = stage.ox(&["serve", "--listen", "127.0.0.1:0"]);
    assert_ne!(second.code, 0);
    assert!(second.stderr.contains(&pid), "{}", second.stderr);
    let other = Stage::small();
    let taken = other.ox(&["serve", "--listen", &format!("127.0.0.1:{}", daemon.port)]);
    assert_ne!(taken.code, 0);
    assert!(
        taken.stderr.contains("another program has that port"),
        "{}",
        taken.stderr
    );
    assert!(
        daemon.get("/readyz").unwrap().contains("200 OK"),
        "the first goes on"
    );
    daemon.stop();
}

#[test]
fn a_daemon_that_was_stopped_or_killed_goes_on_with_the_same_scan() {
    let whole = Stage::small().connected();
    whole.gitlab.clear_log();
    whole.ox(&["scan", "work", "--jobs", "1"]).must(0);
    let all = whole.gitlab.count(|_| true);

    for signal in ["-TERM", "-KILL"] {
        let stage = Stage::small().connected();
        stage.wish();
        stage.gitlab.modes(|modes| modes.latency = SLOW);
        stage.gitlab.clear_log();
        let mut daemon = stage.daemon();
        stage.wait_for_requests(30, &mut daemon.going);
        daemon.going.signal(signal);
        let ended = daemon.going.end();
        assert_eq!(
            ended.code,
            if signal == "-TERM" { 0 } else { -1 },
            "{}",
            ended.stderr
        );
        let (state, scan) = (stage.task("state"), stage.task("scan_id"));
        // A killed one is noted as running; it is the next start that knows better.
        assert_eq!(
            state,
            if signal == "-TERM" {
                "queued"
            } else {
                "running"
            }
        );
        assert!(!scan.is_empty());

        stage.gitlab.modes(|modes| modes.latency = Duration::ZERO);
        stage.gitlab.clear_log();
        let mut daemon = stage.daemon();
        stage.wait_for_task("complete", &mut daemon);
        daemon.stop();
        assert!(
            stage.gitlab.count(|_| true) < all,
            "what ended is not done again"
        );
        assert_eq!(
            stage.task("scan_id"),
            scan,
            "it is the same scan that went on"
        );
        assert_eq!(stage.query("SELECT CAST(id AS TEXT) FROM scan").len(), 1);
        assert_eq!(stage.state(), whole.state());
    }
}

#[test]
fn a_second_signal_ends_it_now() {
    let stage = Stage::small().connected();
    stage.wish();
    // Nothing comes back for so long that the first signal has something to wait for.
    stage
        .gitlab
        .modes(|modes| modes.latency = Duration::from_secs(20));
    let mut daemon = stage.daemon();
    stage.wait_for_task("running", &mut daemon);
    daemon.going.signal("-INT");
    daemon.going.signal("-INT");
    let ended = daemon.going.end();
    assert!([0, 130].contains(&ended.code), "{ended:?}");
    assert!(["queued", "running"].contains(&stage.task("state").as_str()));
}

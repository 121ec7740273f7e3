//! `kill -9` at random points: nothing that was acknowledged is lost, and in the end all is as if nothing
//! had happened.

use super::*;

/// Programs that have to be killed while they work.
const KILLS: usize = 16;
/// Programs that are started for it, at most: some end before their time has come.
const STARTS: usize = 60;

/// Small and good enough to choose moments (SplitMix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % most.max(1)
    }
}

/// `OX_SEED`, or another one each time.
pub(super) fn seed() -> u64 {
    let given = std::env::var("OX_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::from(since.unwrap().subsec_nanos())
    })
}

/// What is stored, read as the next program will find it.
fn stored(stage: &Stage) -> [BTreeSet<String>; 3] {
    [
        stage.query("SELECT repository || '@' || digest FROM image"),
        stage.query("SELECT external_id FROM finding"),
        stage.query("SELECT digest FROM inventory WHERE location_id IS NULL"),
    ]
}

#[test]
fn killed_again_and_again_it_ends_as_if_it_never_had_been() {
    let seed = seed();
    eprintln!("OX_SEED={seed}");
    let mut chance = Chance(seed);

    let whole = Stage::small().connected();
    with_findings(&whole.gitlab);
    whole.gitlab.clear_log();
    whole.ox(&["scan", "work"]).must(0);
    let requests = whole.gitlab.count(|_| true) as u64;
    let expected = whole.state();
    // Three of GitLab, and what the connector says of ten images.
    assert_eq!((expected.images.len(), expected.findings.len()), (10, 25));

    let stage = Stage::small().connected();
    with_findings(&stage.gitlab);
    stage
        .gitlab
        .modes(|modes| modes.latency = Duration::from_millis(2));
    let mut known = [const { BTreeSet::new() }; 3];
    let mut kills = 0;
    for start in 0..STARTS {
        if kills == KILLS {
            break;
        }
        let at = chance.below(requests) as usize;
        let pause = Duration::from_millis(chance.below(25));
        stage.gitlab.clear_log();
        let mut arguments = vec!["scan", "work", "--jobs", "2"];
        if chance.below(5) == 0 {
            arguments.push("--fresh");
        }
        let mut going = stage.run(&arguments).begin();
        stage.wait_for_requests(at, &mut going);
        std::thread::sleep(pause);
        let over = going.is_over();
        if !over {
            going.signal("-KILL");
        }
        let ended = going.end();
        if over {
            assert_eq!(ended.code, 0, "seed {seed}, start {start}: {ended:?}");
        } else {
            kills += 1;
        }
        // What it said was done is stored as done.
        for line in ended
            .stderr
            .lines()
            .filter(|line| line.contains(": complete, "))
        {
            let (path, _) = line.split_once(':').unwrap();
            let done = stage.query(&format!(
                "SELECT location.path FROM scan_location
                 JOIN location ON location.id = scan_location.location_id
                 WHERE location.path = '{path}' AND state = 'complete'"
            ));
            assert_eq!(done.len(), 1, "seed {seed}, start {start}: {path}");
        }
        // And what was stored before is still there.
        let now = stored(&stage);
        for (before, now) in known.iter().zip(&now) {
            assert!(before.is_subset(now), "seed {seed}, start {start}");
        }
        known = now;
    }
    assert_eq!(kills, KILLS, "seed {seed}: too few were killed in time");

    stage.ox(&["scan", "work"]).must(0);
    assert_eq!(stage.state(), expected, "seed {seed}");
    let unfinished = stage.query(
        "SELECT path FROM scan_location JOIN location ON location.id = location_id
        WHERE state IN ('pending', 'running')",
    );
    assert!(unfinished.is_empty(), "seed {seed}: {unfinished:?}");
}

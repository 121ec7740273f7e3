//! Random lives of a registry: what holds after each step, whatever happened before.

use std::collections::{BTreeMap, BTreeSet};

use ox_issue::exclusion::Scope;
use ox_issue::issue::ExclusionKind;
use proptest::prelude::*;

use super::super::*;
use super::world::{Img, Said, World, img, said, world};
use crate::store::issues::{Covers, NewExclusion};

const VERSIONS: [&str; 2] = ["1.0", "2.0"];
const PACKAGES: [&str; 3] = ["flask", "jinja", "npm:flask"];

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A scan of a location: images by number, each with its tag and whether it was read whole; and whether
    /// the scan was complete.
    Scan(usize, BTreeMap<u8, (u8, bool)>, bool),
    /// Advisories: for each package the affected versions, and which ids it goes by.
    Advise(Vec<(usize, usize, u8)>),
    /// An exclusion of a package.
    Exclude(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let images = prop::collection::btree_map(0..5_u8, (0..3_u8, prop::bool::weighted(0.8)), 0..4);
    let advice = prop::collection::vec((0..2_usize, 0..2_usize, 0..4_u8), 0..4);
    prop_oneof![
        5 => (0..2_usize, images, prop::bool::weighted(0.7)).prop_map(|(at, images, whole)| Step::Scan(at, images, whole)),
        3 => advice.prop_map(Step::Advise),
        1 => (0..2_usize).prop_map(Step::Exclude),
    ]
}

/// The same number has the same packages in every life.
fn image_of(at: usize, number: u8, tag: u8, whole: bool) -> Img {
    let mut packages = Vec::new();
    for (bit, package) in PACKAGES.iter().enumerate() {
        let kind = (usize::from(number) + bit) % 3;
        if let Some(version) = VERSIONS.get(kind) {
            packages.push((*package, *version));
        }
    }
    let seed = number + 1 + u8::try_from(at).unwrap() * 100;
    let mut image = img(seed, &[&format!("t{tag}")], &packages);
    image.complete = whole;
    image
}

fn advice(all: &[(usize, usize, u8)]) -> Vec<Said> {
    let mut advisories: BTreeMap<(usize, u8), Said> = BTreeMap::new();
    for (package, version, ids) in all {
        let name = ["flask", "jinja"][*package];
        // 0 and 1 are two ids, 2 and 3 say that they are one, from either end.
        let ids: &[&str] = match ids {
            0 => &["CVE-1"],
            1 => &["GHSA-1"],
            2 => &["CVE-1", "GHSA-1"],
            _ => &["CVE-2", "GHSA-1"],
        };
        let key = (*package, ids.len() as u8 * 10 + u8::from(ids[0] == "CVE-1"));
        advisories.insert(key, said(name, &[VERSIONS[*version]], ids));
    }
    advisories.into_values().collect()
}

async fn take(world: &mut World, step: &Step) {
    match step {
        Step::Scan(at, images, whole) => {
            let batch = images
                .iter()
                .flat_map(|(number, (tag, read))| {
                    image_of(*at, *number, *tag, *read).observations()
                })
                .collect();
            let state = if *whole {
                LocationState::Complete
            } else {
                LocationState::Partial
            };
            world.look(*at, batch, state).await;
        }
        Step::Advise(all) => world.advisories = advice(all),
        Step::Exclude(package) => {
            let new = NewExclusion {
                kind: ExclusionKind::Excluded,
                covers: Covers::Scope(Scope::Package {
                    ecosystem: None,
                    name: ["flask", "jinja"][*package].to_owned(),
                    application: None,
                }),
                reason: "It is not reached.".to_owned(),
                by: "lee".to_owned(),
                until: None,
            };
            world.store().exclude(new).await.unwrap();
        }
    }
}

/// What should be open, by location: package and primary id of everything that is affected in an image that
/// is there.
fn affected(world: &World) -> BTreeSet<(String, String, String)> {
    let rows: Vec<(String, String, String, String)> = world
        .store()
        .read(|tx| {
            let mut statement = tx.prepare(
                "SELECT DISTINCT location.path, package.name, package.version, package.format
                 FROM image JOIN location ON location.id = image.location_id
                      JOIN inventory ON inventory.digest = image.digest AND inventory.location_id IS NULL
                      JOIN package ON package.inventory_id = inventory.id
                 WHERE image.gone_at IS NULL",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .unwrap();
    let mut all = BTreeSet::new();
    for (path, name, version, format) in rows {
        for said in &world.advisories {
            if said.package == name && said.versions.contains(&version) {
                all.insert((
                    path.clone(),
                    format!("{format} {name}"),
                    said.ids[0].clone(),
                ));
            }
        }
    }
    all
}

fn check(world: &World) {
    let issues = world.issues();
    let expected = affected(world);
    let mut open = BTreeSet::new();
    for one in &issues {
        let format = one.record.package.as_ref().unwrap().format.clone();
        let key = (
            one.location.clone(),
            format!("{format} {}", one.package),
            one.primary.clone(),
        );
        let events = world.events(one.id);
        // Opened once, then closed and reopened in turn.
        let turns: Vec<&str> = events
            .iter()
            .map(String::as_str)
            .filter(|kind| matches!(*kind, "opened" | "resolved" | "removed" | "reopened"))
            .collect();
        for (number, kind) in turns.iter().enumerate() {
            let fits = match number {
                0 => *kind == "opened",
                odd if odd % 2 == 1 => matches!(*kind, "resolved" | "removed"),
                _ => *kind == "reopened",
            };
            assert!(fits, "{events:?}");
        }
        let closed = turns.len().is_multiple_of(2);
        assert_eq!(closed, one.state != "open", "{events:?} {}", one.state);
        assert_eq!(closed, one.against == "closed", "{one:?}");
        if closed {
            assert!(one.due.is_none());
            continue;
        }
        assert!(!one.places.is_empty(), "{one:?}");
        if expected.contains(&key) {
            assert!(open.insert(key), "open twice: {one:?}");
        } else {
            assert!(
                events.contains(&"kept".to_owned()),
                "open without a reason: {one:?} {events:?}"
            );
        }
    }
    assert_eq!(open, expected, "{issues:#?}");
}

fn run(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_queue_is_what_is_there(steps in prop::collection::vec(step(), 1..9)) {
        run(async {
            let mut world = world(&["a", "b"]).await;
            for step in &steps {
                take(&mut world, step).await;
                let totals = world.gather().await;
                assert_eq!(totals.failed, 0);
                check(&world);
                let before = world.issues();
                let again = world.weigh_all().await;
                assert_eq!((again.opened, again.changed, again.reopened, again.resolved, again.removed), (0, 0, 0, 0, 0));
                assert_eq!(world.issues(), before);
            }
            assert_eq!(world.store().pending().unwrap(), 0);
        });
    }

    #[test]
    fn when_it_is_weighed_and_in_which_order_does_not_matter_for_what_is_affected(
        steps in prop::collection::vec(step(), 1..7),
    ) {
        run(async {
            let mut often = world(&["a", "b"]).await;
            let mut once = world(&["b", "a"]).await;
            for step in &steps {
                take(&mut often, step).await;
                often.gather().await;
                take(&mut once, step).await;
            }
            once.gather().await;
            // What was kept open depends on what was open before; what is affected does not.
            let affected = |world: &World| -> BTreeSet<String> {
                let all = affected(world);
                let keys = world.issues().into_iter().filter(|one| {
                    let format = one.record.package.as_ref().unwrap().format.clone();
                    one.state == "open"
                        && all.contains(&(one.location.clone(), format!("{format} {}", one.package), one.primary.clone()))
                });
                keys.map(|one| format!("{} {} {} {:?}", one.location, one.package, one.primary, one.excluded)).collect()
            };
            assert_eq!(affected(&often), affected(&once));
        });
    }
}

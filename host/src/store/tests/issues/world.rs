//! A registry that is made up: images with packages, advisories about them, and a queue.

use std::collections::BTreeSet;
use std::sync::Arc;

use ox_advisory::epss::Score;
use ox_advisory::kev::Known;
use ox_advisory::matching::{Because, Certainty, Match, MatchedBy};
use ox_advisory::osv::SeverityScore;
use ox_issue::policy::Policy;

use super::super::*;
use crate::contract::{
    Finding, FindingState, Identifier, Image, Package, PackageBatch, PackageOrigin,
};
use crate::queue::{Book, Group, GroupHead, Threats};
use crate::store::issues::{WeighTotals, Weighed};

/// A CVE of which the book panics when it is asked.
pub(super) const POISON: &str = "CVE-6666-6666";

/// What an advisory says: package, versions, ids (the first is the primary).
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) package: String,
    pub(super) versions: Vec<String>,
    pub(super) ids: Vec<String>,
    pub(super) fixed: Option<String>,
    pub(super) word: String,
}

pub(super) fn said(package: &str, versions: &[&str], ids: &[&str]) -> Said {
    let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    Said {
        package: package.to_owned(),
        versions: owned(versions),
        ids: owned(ids),
        fixed: Some("9.9".to_owned()),
        word: "HIGH".to_owned(),
    }
}

impl Said {
    fn group(&self, version: &str) -> Group {
        let cvss = SeverityScore {
            kind: "word".to_owned(),
            score: self.word.clone(),
        };
        Group {
            primary: self.ids[0].clone(),
            ids: self.ids.clone(),
            cves: Vec::new(),
            heads: vec![GroupHead {
                id: self.ids[0].clone(),
                summary: "It is bad.".to_owned(),
                severity: vec![cvss]
                    .into_iter()
                    .filter(|one| one.kind != "word")
                    .collect(),
                severity_word: Some(self.word.clone()),
                ..GroupHead::default()
            }],
            matches: vec![Match {
                advisory: self.ids[0].clone(),
                ecosystem: "PyPI".to_owned(),
                package: self.package.clone(),
                by: MatchedBy::Name,
                because: Because::Listed,
                compared: version.to_owned(),
                fixed: self.fixed.clone(),
                certainty: Certainty::Certain,
                doubt: None,
                imports: Vec::new(),
                urgency: None,
                informational: None,
            }],
        }
    }
}

/// An image of the registry.
#[derive(Clone, Debug)]
pub(super) struct Img {
    pub(super) seed: u8,
    pub(super) tags: Vec<String>,
    pub(super) packages: Vec<(String, String)>,
    pub(super) complete: bool,
    pub(super) repository: String,
    pub(super) architecture: String,
}

pub(super) fn img(seed: u8, tags: &[&str], packages: &[(&str, &str)]) -> Img {
    Img {
        seed,
        tags: tags.iter().map(|one| (*one).to_owned()).collect(),
        packages: packages
            .iter()
            .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
            .collect(),
        complete: true,
        repository: "acme/api".to_owned(),
        architecture: "amd64".to_owned(),
    }
}

impl Img {
    pub(super) fn unread(mut self) -> Self {
        self.complete = false;
        self
    }

    pub(super) fn of(mut self, repository: &str, architecture: &str) -> Self {
        self.repository = repository.to_owned();
        self.architecture = architecture.to_owned();
        self
    }

    pub(super) fn record(&self) -> Image {
        let count = u32::try_from(self.packages.len()).unwrap();
        let Observation::Image(mut image) = image(self.seed, count, self.complete) else {
            panic!("an image is an image");
        };
        image.tags = self.tags.clone();
        image.repository = self.repository.clone();
        image.platform.architecture = self.architecture.clone();
        image
    }

    pub(super) fn observations(&self) -> Vec<Observation> {
        let mut all = vec![Observation::Image(self.record())];
        if !self.packages.is_empty() {
            let packages = self
                .packages
                .iter()
                .map(|(name, version)| package(name, version));
            all.push(Observation::Packages(PackageBatch {
                image: digest(self.seed),
                packages: packages.collect(),
            }));
        }
        all
    }
}

/// `name` is `python` by default; `npm:name` is of npm.
fn package(name: &str, version: &str) -> Package {
    let (format, kind, name) = match name.split_once(':') {
        Some((kind, name)) => ("npm", kind, name),
        None => ("python", "pypi", name),
    };
    Package {
        format: format.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: None,
        source_name: None,
        source_version: None,
        purl: format!("pkg:{kind}/{name}@{version}"),
        licences: Vec::new(),
        path: format!("app/{name}"),
        layer: 0,
        origin: PackageOrigin::UserLayer,
        owner: None,
        attributes: Vec::new(),
    }
}

/// A finding of GitLab's about a package.
pub(super) fn reported(id: &str, package: &str, cve: &str) -> Finding {
    let Observation::Finding(mut finding) = finding(id, Severity::High) else {
        panic!("a finding is a finding");
    };
    finding.package_name = Some(package.to_owned());
    finding.package_version = Some("1.0".to_owned());
    finding.identifiers = vec![Identifier {
        kind: "cve".to_owned(),
        value: cve.to_owned(),
        name: cve.to_owned(),
        url: None,
    }];
    finding.image_reference = Some("registry.example.com/acme/api:latest".to_owned());
    finding
}

pub(super) fn in_state(mut finding: Finding, state: FindingState) -> Finding {
    finding.state = state;
    finding
}

/// A secret that the connector saw in an image.
pub(super) fn secret(id: &str, seed: u8) -> Finding {
    let Observation::Finding(mut finding) = finding(id, Severity::Critical) else {
        panic!("a finding is a finding");
    };
    finding.source = "connector".to_owned();
    finding.kind = FindingKind::Secret;
    finding.image_digest = Some(digest(seed));
    finding.attributes = vec![("rule".to_owned(), "github-pat".to_owned())];
    finding.evidence = vec![("path".to_owned(), "srv/.env".to_owned())];
    finding
}

struct MadeUp {
    withdrawn: BTreeSet<String>,
}

impl Threats for MadeUp {
    fn known_exploited(&self, cve: &str) -> Option<Known> {
        assert_ne!(cve, POISON, "the book is asked about what it can't bear");
        None
    }

    fn epss(&self, _: &str) -> Option<Score> {
        None
    }

    fn is_withdrawn(&self, id: &str) -> bool {
        self.withdrawn.contains(id)
    }

    fn covers(&self, _: &str) -> bool {
        true
    }
}

/// An issue, as the tests look at it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) id: i64,
    pub(super) location: String,
    pub(super) package: String,
    pub(super) primary: String,
    pub(super) state: String,
    pub(super) against: String,
    pub(super) excluded: Option<String>,
    pub(super) due: Option<String>,
    pub(super) assignee: Option<String>,
    pub(super) severity: i64,
    pub(super) last_seen: String,
    pub(super) places: Vec<String>,
    pub(super) record: ox_issue::Issue,
}

impl Seen {
    /// Number, primary id and state.
    pub(super) fn brief(&self) -> (i64, &str, &str) {
        (self.id, self.primary.as_str(), self.state.as_str())
    }
}

pub(super) struct World {
    pub(super) fixture: Fixture,
    pub(super) advisories: Vec<Said>,
    pub(super) withdrawn: BTreeSet<String>,
    generation: i64,
}

pub(super) async fn world(paths: &[&str]) -> World {
    World {
        fixture: fixture(paths).await,
        advisories: Vec::new(),
        withdrawn: BTreeSet::new(),
        generation: 0,
    }
}

impl World {
    pub(super) fn store(&self) -> &Store {
        &self.fixture.store
    }

    pub(super) fn location(&self, at: usize) -> i64 {
        self.fixture.all()[at]
    }

    /// Scans a location without weighing.
    pub(super) async fn look(
        &self,
        at: usize,
        batch: Vec<Observation>,
        state: LocationState,
    ) -> i64 {
        let location = self.location(at);
        let begin = BeginScan {
            connection: self.fixture.connection,
            locations: vec![location],
            partial_plan: true,
            fresh: true,
            resume: None,
        };
        let scan = self.store().begin_scan(begin).await.unwrap();
        let start = self.store().start_attempt(scan.id, location).await.unwrap();
        self.store()
            .commit_batch(scan.id, location, start.attempt, batch, "1".to_owned())
            .await
            .unwrap();
        self.fixture
            .end(scan.id, location, start.attempt, state)
            .await;
        self.store().end_scan(scan.id, true).await.unwrap();
        scan.id
    }

    /// Scans the first location completely, and weighs.
    pub(super) async fn scan(&mut self, images: &[Img]) -> WeighTotals {
        self.scan_with(images, &[], LocationState::Complete).await
    }

    pub(super) async fn scan_with(
        &mut self,
        images: &[Img],
        findings: &[Finding],
        state: LocationState,
    ) -> WeighTotals {
        let mut batch: Vec<Observation> = images.iter().flat_map(Img::observations).collect();
        batch.extend(findings.iter().cloned().map(Observation::Finding));
        self.look(0, batch, state).await;
        self.gather().await
    }

    pub(super) fn book(&self) -> Arc<Book> {
        let policy = Policy::default();
        Arc::new(Book {
            policy,
            threats: Box::new(MadeUp {
                withdrawn: self.withdrawn.clone(),
            }),
            kev: None,
            epss: None,
            now: now(),
        })
    }

    /// Looks up, matches and weighs, as the host does.
    pub(super) async fn gather(&mut self) -> WeighTotals {
        while self.store().look_up_some().await.unwrap() > 0 {}
        self.generation += 1;
        let matched = self
            .store()
            .all_components()
            .unwrap()
            .into_iter()
            .map(|one| {
                let component = &one.component;
                let concerns = self.advisories.iter().filter(|said| {
                    said.package == component.name && said.versions.contains(&component.version)
                });
                (
                    one.id,
                    concerns
                        .map(|said| said.group(&component.version))
                        .collect(),
                )
            })
            .collect();
        self.store()
            .keep_matches(self.generation, matched)
            .await
            .unwrap();
        self.weigh().await
    }

    /// Weighs what waits.
    pub(super) async fn weigh(&self) -> WeighTotals {
        let run = self.store().begin_run().await.unwrap();
        let book = self.book();
        let mut all = WeighTotals::default();
        while let Weighed::Location(totals) =
            self.store().weigh_next(run.id, book.clone()).await.unwrap()
        {
            all = all.plus(totals);
        }
        self.store().end_run(run.id).await.unwrap();
        all
    }

    /// Weighs everything again, for no reason.
    pub(super) async fn weigh_all(&self) -> WeighTotals {
        self.store().pend_all("inputs").await.unwrap();
        self.weigh().await
    }

    pub(super) fn issues(&self) -> Vec<Seen> {
        self.store()
            .read(|tx| {
                let mut statement = tx.prepare(
                    "SELECT issue.id, location.path, coalesce(issue.package, ''), primary_id, state, against, excluded,
                            due, severity, issue.last_seen, issue.record, assignee
                     FROM issue JOIN location ON location.id = issue.location_id ORDER BY issue.id",
                )?;
                let mut places = tx.prepare(
                    "SELECT image.digest || ' ' || path || ' ' || version FROM occurrence
                     JOIN image ON image.id = image_id WHERE issue_id = ?1 ORDER BY 1",
                )?;
                let mut rows = statement.query([])?;
                let mut all = Vec::new();
                while let Some(row) = rows.next()? {
                    let id: i64 = row.get(0)?;
                    all.push(Seen {
                        id,
                        location: row.get(1)?,
                        package: row.get(2)?,
                        primary: row.get(3)?,
                        state: row.get(4)?,
                        against: row.get(5)?,
                        excluded: row.get(6)?,
                        due: row.get(7)?,
                        severity: row.get(8)?,
                        last_seen: row.get(9)?,
                        record: serde_json::from_str(&row.get::<_, String>(10)?)?,
                        assignee: row.get(11)?,
                        places: places
                            .query_map([id], |row| row.get(0))?
                            .collect::<rusqlite::Result<_>>()?,
                    });
                }
                Ok(all)
            })
            .unwrap()
    }

    /// The only issue.
    pub(super) fn only(&self) -> Seen {
        let all = self.issues();
        assert_eq!(all.len(), 1, "{all:#?}");
        all[0].clone()
    }

    /// Kinds of an issue's events, in order.
    pub(super) fn events(&self, issue: i64) -> Vec<String> {
        let events = self.store().issue_events(issue).unwrap();
        events.into_iter().map(|event| event.kind).collect()
    }

    /// What the last event of an issue says, as JSON.
    pub(super) fn last_event(&self, issue: i64) -> String {
        let events = self.store().issue_events(issue).unwrap();
        events.last().unwrap().record.to_string()
    }

    pub(super) fn run_sql(&self, sql: &'static str) {
        self.store()
            .write_now(move |tx| Ok(tx.execute_batch(sql)?))
            .unwrap();
    }
}

//! The queue through the facade: gather, read, work.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use ox_advisory::epss::Score;
use ox_advisory::import;
use ox_advisory::index::{Index, Snapshot};
use ox_advisory::kev::Known;
use ox_advisory::matching::Advisories;
use ox_advisory::update;
use ox_issue::Issue;
use ox_issue::issue::{ExclusionKind, Sla, SlaState};
use ox_issue::policy::Policy;
use ox_issue::severity::Severity;
use serde::{Deserialize, Serialize};

use super::fetch::Fetcher;
use super::{Event, Events, Host, HostError};
use crate::queue::{Book, JUDGE_VERSION, Threats, groups_of};
use crate::store::issues::{
    Covers, Deadlines, ExclusionRow, Facets, Funnel, Grouping, Groups, IssueEvent, IssueFilter,
    IssueOrder, IssuePage, NewExclusion, SortKey, UndoWork, WeighTotals, Weighed, Work, Worked,
};
use crate::store::{SavedView, StoredPolicy, WaitingComponent};

/// Components that are matched between two transactions.
const COMPONENTS_AT_ONCE: usize = 2000;

/// What gathering did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Gathered {
    /// Components that were matched.
    pub matched: usize,
    /// Components of which the advisories say something else than before.
    pub changed: usize,
    /// What became of issues.
    pub issues: WeighTotals,
}

/// An issue with all that belongs to it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssueDetail {
    /// The issue.
    pub issue: Issue,
    /// What the advisory says at length; Markdown.
    pub details: Option<String>,
    /// What happened to it, oldest first.
    pub history: Vec<IssueEvent>,
}

/// What is brought up to date, from where, and how requests leave.
#[derive(Clone, Debug, Default)]
pub struct UpdateOptions {
    /// What, and from where.
    pub update: update::Options,
    /// PEM certificates that are trusted besides the system's.
    pub ca_pem: Vec<String>,
    /// `http://host:port`; requests go through it.
    pub proxy: Option<String>,
    /// Origins that may be asked besides those of the addresses.
    pub allow: Vec<String>,
}

/// What is known about advisories, and about what they cover.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AdvisoryStatus {
    /// What was imported.
    pub index: ox_advisory::index::Status,
    /// What the packages of current images are.
    pub coverage: Covered,
}

/// What the packages of current images are, and what of them is matched.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Covered {
    /// Each ecosystem (with release), how many of its packages there are, and whether advisories of it
    /// were imported.
    pub ecosystems: Vec<(String, u64, bool)>,
    /// Each reason why packages are not looked up, and of how many.
    pub not_looked_up: Vec<(String, u64)>,
}

/// What changed between two scans of a connection.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScanDiff {
    /// Name of the connection.
    pub connection: String,
    /// The earlier scan; 0 is the beginning.
    pub from: i64,
    /// The later scan.
    pub to: i64,
    /// What happened to issues between their ends, oldest first, each with its issue as it is now.
    pub changes: Vec<(IssueEvent, Issue)>,
}

impl Threats for Snapshot {
    fn known_exploited(&self, cve: &str) -> Option<Known> {
        Self::known_exploited(self, cve).ok().flatten()
    }

    fn epss(&self, cve: &str) -> Option<Score> {
        Self::epss(self, cve).ok().flatten()
    }

    fn is_withdrawn(&self, id: &str) -> bool {
        let record = self.record(id).ok().flatten();
        record.is_some_and(|record| record.head.withdrawn.is_some())
    }

    fn covers(&self, ecosystem: &str) -> bool {
        Advisories::covers(self, ecosystem)
    }
}

impl Host {
    /// The advisory index of the data folder.
    pub fn advisories(&self) -> Result<&Index, HostError> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let index = Index::open(self.store.folder()).map_err(anyhow::Error::from)?;
        Ok(self.index.get_or_init(|| index))
    }

    // ---- Gathering -------------------------------------------------------------------------------

    /// Brings the queue up to what is stored: looks up, matches and weighs whatever changed. Asks nobody.
    pub async fn gather(&self, events: &Arc<dyn Events>) -> Result<Gathered, HostError> {
        self.store.must_write()?;
        let _one_at_a_time = self.gathering.lock().await;
        while self.store.look_up_some().await? > 0 {}
        let mut gathered = self.rematch(events).await?;
        let book = Arc::new(self.book()?);
        self.pend_changed_inputs(&book).await?;
        let waiting = usize::try_from(self.store.pending()?).unwrap_or(usize::MAX);
        if waiting == 0 {
            return Ok(gathered);
        }
        let run = self.store.begin_run().await?;
        loop {
            match self.store.weigh_next(run.id, book.clone()).await? {
                Weighed::Done => break,
                Weighed::Location(totals) => gathered.issues = gathered.issues.plus(totals),
            }
            events.event(Event::Weighed {
                done: gathered.issues.locations,
                of: waiting,
            });
        }
        self.store.end_run(run.id).await?;
        Ok(gathered)
    }

    async fn rematch(&self, events: &Arc<dyn Events>) -> Result<Gathered, HostError> {
        let snapshot = self.advisories()?.snapshot().map_err(anyhow::Error::from)?;
        let generation = i64::try_from(snapshot.generation()).unwrap_or(i64::MAX);
        let last = self.store.matched_by()?;
        let mut waiting = if last < 0 || last > generation {
            // Never, or by another index than this one.
            self.store.all_components()?
        } else {
            self.store.unmatched_components()?
        };
        if (0..generation).contains(&last) {
            let since = u64::try_from(last).unwrap_or(0);
            let touched = snapshot.touched_since(since).map_err(anyhow::Error::from)?;
            waiting.extend(self.store.components_named(&touched)?);
            let threats = snapshot
                .threats_touched_since(since)
                .map_err(anyhow::Error::from)?;
            self.store.pend_ids(threats.cves, "threats").await?;
            waiting.sort_by_key(|one| one.id);
            waiting.dedup_by_key(|one| one.id);
        }
        let mut gathered = Gathered::default();
        let of = waiting.len();
        let snapshot = Arc::new(snapshot);
        for chunk in waiting.chunks(COMPONENTS_AT_ONCE) {
            let chunk = chunk.to_vec();
            let snapshot = snapshot.clone();
            let matched = tokio::task::spawn_blocking(move || match_all(chunk, &*snapshot))
                .await
                .map_err(anyhow::Error::from)??;
            gathered.matched += matched.len();
            gathered.changed += self.store.keep_matches(generation, matched).await?;
            events.event(Event::Matched {
                done: gathered.matched,
                of,
            });
        }
        self.store.set_matched_by(generation).await?;
        Ok(gathered)
    }

    /// Everything is weighed again when what it is weighed by is another; a new day weighs what ages.
    async fn pend_changed_inputs(&self, book: &Book) -> Result<(), HostError> {
        let inputs = format!(
            "{JUDGE_VERSION} {} kev={} epss={}",
            book.policy.digest(),
            book.kev.is_some(),
            book.epss.is_some()
        );
        self.store.pend_for_inputs(inputs).await?;
        Ok(self.store.pend_day(book.today()).await?)
    }

    fn book(&self) -> Result<Book, HostError> {
        let index = self.advisories()?;
        let status = index.status().map_err(anyhow::Error::from)?;
        let snapshot = index.snapshot().map_err(anyhow::Error::from)?;
        let policy = self.effective_policy()?;
        Ok(Book {
            policy,
            kev: status.kev.map(|feed| feed.date),
            epss: status.epss.map(|feed| feed.date),
            threats: Box::new(snapshot),
            now: crate::store::now(),
        })
    }

    // ---- Advisories ------------------------------------------------------------------------------

    /// Imports advisories, KEV and EPSS from a folder or file, and brings the queue up to them.
    pub async fn import_advisories(
        &self,
        from: &Path,
        accept_shrink: bool,
        progress: &dyn import::Progress,
        cancel: &import::Cancel,
    ) -> Result<import::Report, HostError> {
        self.store.must_write()?;
        let index = self.advisories()?;
        let options = import::Options { accept_shrink };
        let report = tokio::task::block_in_place(|| {
            import::from_path_with(index, from, options, progress, cancel)
        });
        Ok(report.map_err(anyhow::Error::from)?)
    }

    /// Brings the advisories up to date over the network.
    pub async fn update_advisories(
        &self,
        options: &UpdateOptions,
        progress: &dyn import::Progress,
        cancel: &import::Cancel,
    ) -> Result<import::Report, HostError> {
        self.store.must_write()?;
        let index = self.advisories()?;
        let fetch = Fetcher::new(options)?;
        let report = tokio::task::block_in_place(|| {
            update::run(index, &fetch, &options.update, progress, cancel)
        });
        Ok(report.map_err(anyhow::Error::from)?)
    }

    /// What was imported, how old it is, and what of the inventory it covers.
    pub fn advisory_status(&self) -> Result<AdvisoryStatus, HostError> {
        Ok(AdvisoryStatus {
            index: self.advisories()?.status().map_err(anyhow::Error::from)?,
            coverage: self.coverage()?,
        })
    }

    /// What the packages of current images are, and which of them advisories are there for.
    fn coverage(&self) -> Result<Covered, HostError> {
        let index = self.advisories()?;
        let coverage = self.counted_coverage()?;
        let covered =
            |ecosystem: &str| index.covers(&ox_advisory::Ecosystem::parse(ecosystem).name);
        Ok(Covered {
            ecosystems: coverage
                .ecosystems
                .into_iter()
                .map(|(name, count)| {
                    let covered = covered(&name);
                    (name, count, covered)
                })
                .collect(),
            not_looked_up: coverage.not_looked_up,
        })
    }

    /// The packages of current images, counted once for each state of the store. Those who ask meanwhile wait for
    /// the one who counts.
    fn counted_coverage(&self) -> Result<crate::store::Coverage, HostError> {
        let mut known = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.store.coverage_state()?;
        match &*known {
            Some((of, coverage)) if *of == state => Ok(coverage.clone()),
            _ => {
                let coverage = self.store.coverage()?;
                *known = Some((state, coverage.clone()));
                Ok(coverage)
            }
        }
    }

    // ---- Policy ----------------------------------------------------------------------------------

    /// The policy as it was set; `None` while the default counts.
    pub fn policy(&self) -> Result<Option<StoredPolicy>, HostError> {
        Ok(self.store.policy()?)
    }

    /// The policy that counts.
    pub fn effective_policy(&self) -> Result<Policy, HostError> {
        match self.store.policy()? {
            Some(stored) => Ok(Policy::parse(&stored.text).map_err(anyhow::Error::from)?),
            None => Ok(Policy::default()),
        }
    }

    /// Checks a policy and sets it. Every issue is weighed by it when the queue is gathered next.
    pub async fn set_policy(&self, text: &str, by: &str) -> Result<(), HostError> {
        let policy = Policy::parse(text).map_err(anyhow::Error::from)?;
        self.store
            .set_policy(policy.digest(), text.to_owned(), by.to_owned())
            .await?;
        Ok(())
    }

    // ---- The queue -------------------------------------------------------------------------------

    pub(super) fn deadlines(&self) -> Result<Deadlines, HostError> {
        let terms = self.effective_policy()?.sla;
        let now = crate::store::now();
        Ok(Deadlines {
            near: later(&now, terms.near_days).unwrap_or_else(|| now.clone()),
            stand: Box::new(move |due| stand(due, &now, terms.near_days)),
        })
    }

    /// A page of issues.
    pub fn issues(&self, filter: &IssueFilter, order: &IssueOrder) -> Result<IssuePage, HostError> {
        self.known_connections(&filter.connection)?;
        Ok(self.store.issues(filter, order, &self.deadlines()?)?)
    }

    /// A page of issues, where it is known how many the filter takes: they are not counted again.
    pub fn issues_counted(
        &self,
        filter: &IssueFilter,
        order: &IssueOrder,
        total: u64,
    ) -> Result<IssuePage, HostError> {
        self.known_connections(&filter.connection)?;
        let deadlines = self.deadlines()?;
        Ok(self
            .store
            .issues_of(filter, order, &deadlines, Some(total))?)
    }

    /// The funnel of a filter.
    pub fn funnel(&self, filter: &IssueFilter) -> Result<Funnel, HostError> {
        self.known_connections(&filter.connection)?;
        Ok(self.store.funnel(filter, &self.deadlines()?)?)
    }

    /// What can be chosen in filters, beside what a filter has already.
    pub fn facets(&self, filter: &IssueFilter) -> Result<Facets, HostError> {
        Ok(self.store.facets(filter)?)
    }

    /// The issues of a filter, laid together.
    pub fn groups(&self, filter: &IssueFilter, by: Grouping) -> Result<Groups, HostError> {
        self.known_connections(&filter.connection)?;
        Ok(self.store.groups(filter, by, &self.deadlines()?)?)
    }

    /// The place of an issue in an order, as `after` of [`IssueOrder`] takes it.
    pub fn place_of(&self, id: i64, by: SortKey) -> Result<String, HostError> {
        Ok(self.store.place_of(id, by)?)
    }

    /// How many locations were scanned, and how many of them not completely; one pair a connection.
    pub fn newest_coverage(&self) -> Result<Vec<(u64, u64)>, HostError> {
        Ok(self.store.newest_coverage()?)
    }

    /// One issue with its history.
    pub fn issue(&self, id: i64) -> Result<IssueDetail, HostError> {
        let issue = self.store.issue(id, &self.deadlines()?)?;
        let index = self.advisories()?;
        let details = issue
            .sources
            .iter()
            .filter(|source| source.tool == crate::queue::OWN_MATCH)
            .find_map(|source| {
                let record = index.record(&source.id).ok().flatten()?;
                Some(record.head.details).filter(|text| !text.is_empty())
            });
        Ok(IssueDetail {
            history: self.store.issue_events(id)?,
            details,
            issue,
        })
    }

    /// Gives an issue to somebody, or to nobody.
    pub async fn assign(&self, id: i64, to: Option<&str>, by: &str) -> Result<(), HostError> {
        Ok(self
            .store
            .assign(id, to.map(str::to_owned), by.to_owned())
            .await?)
    }

    /// Says something about an issue.
    pub async fn comment(&self, id: i64, text: &str, by: &str) -> Result<(), HostError> {
        Ok(self
            .store
            .comment(id, text.to_owned(), by.to_owned())
            .await?)
    }

    /// Sets the severity of an issue; `None` goes back to the one that comes out by itself.
    pub async fn set_severity(
        &self,
        id: i64,
        severity: Option<Severity>,
        reason: &str,
        by: &str,
    ) -> Result<(), HostError> {
        self.store
            .set_severity(id, severity, reason.to_owned(), by.to_owned())
            .await?;
        self.gather(&silent()).await.map(drop)
    }

    /// Excludes what a scope covers; answers the number of the exclusion.
    pub async fn exclude(&self, new: NewExclusion) -> Result<i64, HostError> {
        let id = self.store.exclude(new).await?;
        self.gather(&silent()).await?;
        Ok(id)
    }

    /// Ends an exclusion.
    pub async fn end_exclusion(&self, id: i64, by: &str) -> Result<(), HostError> {
        self.store.end_exclusion(id, by.to_owned()).await?;
        self.gather(&silent()).await.map(drop)
    }

    /// Does one thing with issues, each named with the state that was looked at where that counts. What is
    /// done is seen at once; [`Host::settle_queue`] brings up to date what depends on it.
    pub async fn work_on(
        &self,
        on: Vec<(i64, Option<String>)>,
        work: Work,
        by: &str,
    ) -> Result<Worked, HostError> {
        Ok(self.store.work_on(on, work, by.to_owned()).await?)
    }

    /// Goes back from what was done, where it still stands. Answers how many went back, and how many did not.
    pub async fn undo_work(
        &self,
        undo: Vec<UndoWork>,
        by: &str,
    ) -> Result<(usize, usize), HostError> {
        Ok(self.store.undo_work(undo, by.to_owned()).await?)
    }

    /// Weighs what waits to be weighed.
    pub async fn settle_queue(&self) -> Result<(), HostError> {
        self.gather(&silent()).await.map(drop)
    }

    /// Ends an exclusion without waiting until everything that it covered is weighed ([`Host::settle_queue`]).
    pub async fn end_exclusion_soon(&self, id: i64, by: &str) -> Result<(), HostError> {
        Ok(self.store.end_exclusion(id, by.to_owned()).await?)
    }

    /// Excludes what a scope covers without waiting until it is weighed ([`Host::settle_queue`]).
    pub async fn exclude_soon(&self, new: NewExclusion) -> Result<i64, HostError> {
        Ok(self.store.exclude(new).await?)
    }

    /// The lists that a person keeps.
    pub fn saved_views(&self, user: i64) -> Result<Vec<SavedView>, HostError> {
        Ok(self.store.saved_views(user)?)
    }

    /// Keeps a list under a name.
    pub async fn save_view(&self, user: i64, name: &str, query: &str) -> Result<i64, HostError> {
        let (name, query) = (name.to_owned(), query.to_owned());
        Ok(self.store.save_view(user, name, query).await?)
    }

    /// Gives a view another name.
    pub async fn rename_view(&self, user: i64, id: i64, name: &str) -> Result<(), HostError> {
        Ok(self.store.rename_view(user, id, name.to_owned()).await?)
    }

    /// Deletes a view.
    pub async fn delete_view(&self, user: i64, id: i64) -> Result<(), HostError> {
        Ok(self.store.delete_view(user, id).await?)
    }

    /// Moves a view one place forwards or back.
    pub async fn move_view(&self, user: i64, id: i64, forwards: bool) -> Result<(), HostError> {
        Ok(self.store.move_view(user, id, forwards).await?)
    }

    /// Exclusions, the newest first; those that ended too when asked for.
    pub fn exclusions(&self, ended: bool) -> Result<Vec<ExclusionRow>, HostError> {
        Ok(self.store.exclusions(ended)?)
    }

    /// Reads a VEX document: each statement that something is not affected becomes an exclusion. Answers
    /// how many there were, and how many became exclusions.
    pub async fn import_vex(&self, bytes: &[u8], by: &str) -> Result<(usize, usize), HostError> {
        let statements = ox_issue::vex::read(bytes).map_err(anyhow::Error::from)?;
        let all = statements.len();
        let mut excluded = 0;
        for statement in statements {
            let Some(reason) = crate::queue::vex_reason(&statement) else {
                continue;
            };
            self.store
                .exclude(NewExclusion {
                    kind: ExclusionKind::Vex,
                    covers: Covers::Vex(Box::new(statement)),
                    reason,
                    by: by.to_owned(),
                    until: None,
                })
                .await?;
            excluded += 1;
        }
        self.gather(&silent()).await?;
        Ok((all, excluded))
    }

    /// What changed between two scans of one connection. `from` 0 is the beginning.
    pub fn diff(&self, from: i64, to: i64) -> Result<ScanDiff, HostError> {
        let (connection, name) = self.store.connection_of_scan(to)?;
        if from != 0 {
            let (other, _) = self.store.connection_of_scan(from)?;
            if other != connection {
                return Err(HostError::Settings(anyhow::anyhow!(
                    "scan {from} and scan {to} are of different connections; `ox-host scans` lists them"
                )));
            }
        }
        let deadlines = self.deadlines()?;
        let mut changes = Vec::new();
        for event in self.store.events_between(from, to, connection)? {
            let issue = self.store.issue(event.issue, &deadlines)?;
            changes.push((event, issue));
        }
        Ok(ScanDiff {
            connection: name,
            from,
            to,
            changes,
        })
    }

    fn known_connections(&self, names: &[String]) -> Result<(), HostError> {
        names
            .iter()
            .try_for_each(|name| self.record(name).map(drop))
    }
}

fn silent() -> Arc<dyn Events> {
    Arc::new(super::Silent)
}

/// So many days after a time.
fn later(time: &str, days: u32) -> Option<String> {
    let time: jiff::Timestamp = time.parse().ok()?;
    let later = time
        .checked_add(jiff::SignedDuration::from_hours(i64::from(days) * 24))
        .ok()?;
    Some(format!("{later:.3}"))
}

/// How a deadline stands.
fn stand(due: &str, now: &str, near_days: u32) -> Option<Sla> {
    let (at, today): (jiff::Timestamp, jiff::Timestamp) = (due.parse().ok()?, now.parse().ok()?);
    let days_left = at.duration_since(today).as_secs().div_euclid(24 * 60 * 60);
    Some(Sla {
        due: due.to_owned(),
        state: if today > at {
            SlaState::Overdue
        } else if days_left < i64::from(near_days) {
            SlaState::Near
        } else {
            SlaState::Within
        },
        days_left,
    })
}

type Matched = Vec<(i64, Vec<crate::queue::Group>)>;

fn match_all(
    components: Vec<WaitingComponent>,
    advisories: &dyn Advisories,
) -> anyhow::Result<Matched> {
    components
        .into_iter()
        .map(|one| Ok((one.id, groups_of(&one.component, advisories)?)))
        .collect()
}

//! Lists all locations: breadth first, page by page, several branches at once.
//!
//! A branch that can't be listed is written down and the rest goes on; the listing is not *whole* then,
//! and nothing is concluded from what is missing in it. Sources page by position and change while they
//! are listed, so locations may come twice: the first one counts.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::location::pause;
use super::outlet::EventOutlet;
use super::retry::{Budget, Decision, Policy, ScanStop};
use super::runner::{CallFailed, Connector, Ended, Fault, Traffic};
use crate::contract::{
    Explanation, Location, LocationPage, Skip, SkipReason, SkipSubject, Skipped,
};
use crate::host::{Event, Events};
use crate::store::ListingSkip;

/// Longest id of a location, in bytes (the contract's limit).
const ID_BYTES: usize = 512;
/// Longest cursor of a listing, in bytes (the contract's limit).
const CURSOR_BYTES: usize = 4096;
/// Longest path of a location, in bytes.
const PATH_BYTES: usize = 4096;
/// Most things that a listing may say it could not list.
const SKIPS: usize = 10_000;

/// How much a listing may be.
#[derive(Clone, Copy, Debug)]
pub struct ListingLimits {
    /// Locations altogether.
    pub locations: usize,
    /// Levels of the tree.
    pub depth: usize,
    /// Pages below one parent.
    pub pages: usize,
    /// Branches that are listed at the same time.
    pub branches: usize,
}

impl Default for ListingLimits {
    fn default() -> Self {
        Self {
            locations: 200_000,
            depth: 32,
            pages: 20_000,
            branches: 4,
        }
    }
}

/// All locations of a connection.
#[derive(Debug, Default)]
pub struct Listing {
    /// In the order of their paths, each once.
    pub locations: Vec<Location>,
    /// What could not be listed.
    pub skips: Vec<ListingSkip>,
    /// True when every branch was listed to its end.
    pub whole: bool,
    /// What it took.
    pub traffic: Traffic,
}

/// A parent whose children are to be listed.
#[derive(Clone)]
struct Branch {
    parent: Option<String>,
    path: String,
    depth: usize,
    cursor: Option<String>,
    pages: usize,
    met: HashSet<String>,
}

struct Lister<'a> {
    connector: &'a Arc<dyn Connector>,
    policy: Policy,
    events: &'a Arc<dyn Events>,
    cancel: CancellationToken,
}

/// Lists everything.
pub async fn list_all(
    connector: &Arc<dyn Connector>,
    limits: ListingLimits,
    policy: Policy,
    events: &Arc<dyn Events>,
    cancel: &CancellationToken,
) -> Result<Listing, ScanStop> {
    let lister = Lister {
        connector,
        policy,
        events,
        cancel: cancel.child_token(),
    };
    let mut gather = Gather {
        limits,
        listing: Listing {
            whole: true,
            ..Listing::default()
        },
        ids: HashSet::new(),
    };
    let top = Branch {
        parent: None,
        path: String::new(),
        depth: 0,
        cursor: None,
        pages: 0,
        met: HashSet::new(),
    };
    let mut waiting = VecDeque::from([top]);
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < limits.branches.max(1) {
            let Some(branch) = waiting.pop_front() else {
                break;
            };
            running.push(lister.page(branch));
        }
        let Some((branch, page, traffic)) = running.next().await else {
            break;
        };
        gather.listing.traffic.add(traffic);
        match page {
            Ok(page) => {
                let more = gather.take(branch, page, &mut waiting);
                events.event(Event::Listed(gather.listing.locations.len()));
                if !more {
                    waiting.clear();
                    break;
                }
            }
            Err(Stopped::Branch {
                message,
                hint,
                reason,
            }) => gather.branch_failed(&branch.path, reason, message, hint),
            Err(Stopped::All(stop)) => {
                // What is under way ends with it: futures that are dropped make no more requests.
                lister.cancel.cancel();
                return Err(stop);
            }
        }
    }
    drop(running);
    let mut listing = gather.listing;
    listing
        .locations
        .sort_by(|a, b| (&a.path, &a.kind, &a.id).cmp(&(&b.path, &b.kind, &b.id)));
    Ok(listing)
}

enum Stopped {
    Branch {
        message: String,
        hint: String,
        reason: SkipReason,
    },
    All(ScanStop),
}

impl Lister<'_> {
    /// One page, over as many tries as the retry table allows.
    async fn page(&self, branch: Branch) -> (Branch, Result<LocationPage, Stopped>, Traffic) {
        let mut budget = Budget::new(self.policy);
        let mut sum = Traffic::default();
        loop {
            if self.cancel.is_cancelled() {
                return (branch, Err(Stopped::All(ScanStop::Cancelled)), sum);
            }
            let outlet = Arc::new(EventOutlet::new("list-locations", self.events.clone()));
            let mut call = self.connector.list_locations(
                outlet,
                self.cancel.clone(),
                branch.parent.clone(),
                branch.cursor.clone(),
            );
            let grace = async {
                self.cancel.cancelled().await;
                tokio::time::sleep(self.policy.grace).await;
            };
            let called = tokio::select! {
                biased;
                ended = &mut call => ended,
                () = grace => Err(CallFailed { fault: Fault::Cancelled, traffic: Traffic::default() }),
            };
            let fault = match called {
                Ok(Ended { value, traffic }) => {
                    sum.add(traffic);
                    return (branch, Ok(value), sum);
                }
                Err(CallFailed { fault, traffic }) => {
                    sum.add(traffic);
                    fault
                }
            };
            match budget.decide(&fault, branch.cursor.as_deref()) {
                Decision::Stop(stop) => return (branch, Err(Stopped::All(stop)), sum),
                // Nothing was listed and nothing can be: that is no listing, it is a failure.
                Decision::GiveUp { message, .. }
                    if branch.parent.is_none() && branch.cursor.is_none() =>
                {
                    let stop = match fault {
                        Fault::Failure(failure) => ScanStop::Failure(failure),
                        _ => ScanStop::Connector(message),
                    };
                    return (branch, Err(Stopped::All(stop)), sum);
                }
                Decision::GiveUp { message, hint, .. } => {
                    let reason = reason_of(&fault);
                    return (
                        branch,
                        Err(Stopped::Branch {
                            message,
                            hint,
                            reason,
                        }),
                        sum,
                    );
                }
                Decision::Again { wait, message } => {
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    let path = format!("list-locations {}", branch.path).trim().to_owned();
                    self.events.event(Event::LocationRetried {
                        path,
                        message,
                        wait_ms,
                    });
                    if let Err(stop) = pause(wait, &self.cancel).await {
                        return (branch, Err(Stopped::All(stop)), sum);
                    }
                }
            }
        }
    }
}

fn reason_of(fault: &Fault) -> SkipReason {
    use crate::contract::Failure as F;
    match fault {
        Fault::Failure(F::Forbidden(_)) => SkipReason::Forbidden,
        Fault::Failure(F::NotFound(_)) => SkipReason::Gone,
        Fault::Failure(F::OverLimit(_)) | Fault::Limit(_) => SkipReason::OverLimit,
        Fault::Failure(F::UnexpectedAnswer(_)) | Fault::Crash(_) => SkipReason::Corrupt,
        _ => SkipReason::Unreachable,
    }
}

struct Gather {
    limits: ListingLimits,
    listing: Listing,
    ids: HashSet<String>,
}

impl Gather {
    /// Takes a page; queues its branch's next page and its locations' branches. False when the cap is
    /// reached.
    fn take(
        &mut self,
        mut branch: Branch,
        page: LocationPage,
        waiting: &mut VecDeque<Branch>,
    ) -> bool {
        for skipped in page.skipped {
            // The connector itself could not see all: so the listing is not whole.
            if !matches!(
                skipped.skip.reason,
                SkipReason::NotSelected | SkipReason::UnavailableHere | SkipReason::Empty
            ) {
                self.listing.whole = false;
            }
            self.skip(&branch.path, skipped);
        }
        for location in page.locations {
            if let Err(why) = usable(&location) {
                self.over(&branch.path, why, SkipReason::Corrupt);
                continue;
            }
            if !self.ids.insert(location.id.clone()) {
                continue;
            }
            if self.listing.locations.len() >= self.limits.locations {
                let message = format!(
                    "The listing was ended at {} locations, the limit.",
                    self.limits.locations
                );
                self.over(&branch.path, message, SkipReason::OverLimit);
                return false;
            }
            if let Some(skip) = &location.unscannable {
                let skipped = Skipped {
                    subject: SkipSubject::Location,
                    name: location.path.clone(),
                    image: None,
                    skip: skip.clone(),
                };
                self.skip(&location.path, skipped);
            }
            if location.has_children {
                if branch.depth.saturating_add(1) >= self.limits.depth {
                    let message = format!(
                        "What is below it was not listed: {} levels are the limit.",
                        self.limits.depth
                    );
                    self.over(&location.path, message, SkipReason::OverLimit);
                } else {
                    waiting.push_back(Branch {
                        parent: Some(location.id.clone()),
                        path: location.path.clone(),
                        depth: branch.depth.saturating_add(1),
                        cursor: None,
                        pages: 0,
                        met: HashSet::new(),
                    });
                }
            }
            self.listing.locations.push(location);
        }
        if let Some(next) = page.next {
            branch.pages = branch.pages.saturating_add(1);
            if next.len() > CURSOR_BYTES {
                let message = format!(
                    "The connector's cursor has {} bytes, and {CURSOR_BYTES} are allowed.",
                    next.len()
                );
                self.over(&branch.path, message, SkipReason::Corrupt);
            } else if !branch.met.insert(next.clone()) {
                let message =
                    "The connector gave the same cursor twice; the listing would not end."
                        .to_owned();
                self.over(&branch.path, message, SkipReason::Corrupt);
            } else if branch.pages >= self.limits.pages {
                let message = format!(
                    "The listing below it was ended after {} pages, the limit.",
                    self.limits.pages
                );
                self.over(&branch.path, message, SkipReason::OverLimit);
            } else {
                branch.cursor = Some(next);
                waiting.push_front(branch);
            }
        }
        true
    }

    fn branch_failed(&mut self, path: &str, reason: SkipReason, message: String, hint: String) {
        self.listing.whole = false;
        let name = if path.is_empty() { "listing" } else { path };
        let skip = Skip {
            reason,
            why: Explanation { message, hint },
        };
        self.skip(
            path,
            Skipped {
                subject: SkipSubject::Location,
                name: name.to_owned(),
                image: None,
                skip,
            },
        );
    }

    fn over(&mut self, path: &str, message: String, reason: SkipReason) {
        let hint =
            "Connect a token that sees fewer groups, or report it to the connector's author."
                .to_owned();
        self.branch_failed(path, reason, message, hint);
    }

    fn skip(&mut self, path: &str, skipped: Skipped) {
        if self.listing.skips.len() < SKIPS {
            self.listing.skips.push(ListingSkip {
                path: path.to_owned(),
                skipped,
            });
        } else if self.listing.skips.len() == SKIPS {
            self.listing.whole = false;
            let message =
                format!("More than {SKIPS} things could not be listed; the rest is not shown.");
            let why = Explanation {
                message,
                hint: String::new(),
            };
            self.listing.skips.push(ListingSkip {
                path: path.to_owned(),
                skipped: Skipped {
                    subject: SkipSubject::Location,
                    name: "listing".to_owned(),
                    image: None,
                    skip: Skip {
                        reason: SkipReason::OverLimit,
                        why,
                    },
                },
            });
        }
    }
}

fn usable(location: &Location) -> Result<(), String> {
    if location.id.is_empty() || location.id.len() > ID_BYTES {
        return Err(format!(
            "A location's id has {} bytes, and 1 to {ID_BYTES} are allowed.",
            location.id.len()
        ));
    }
    if location.path.is_empty() || location.path.len() > PATH_BYTES {
        return Err(format!(
            "A location's path has {} bytes, and 1 to {PATH_BYTES} are allowed.",
            location.path.len()
        ));
    }
    Ok(())
}

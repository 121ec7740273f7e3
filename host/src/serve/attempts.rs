//! Attempts: an account that is being connected, changed, verified or listed, while somebody looks on.
//!
//! They are in memory alone: what was entered leaves with the process, fifteen minutes after it came, or as soon as
//! it is saved. An attempt belongs to the person who began it, nobody else sees it, and its secrets are in no
//! answer of this module. The bus says that an attempt went on, never what it saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::bus::{Bus, Topic};
use crate::contract::{Failure, StepInfo, StepResult};
use crate::host::{
    ConnectionDraft, ConnectionEdit, Event, Events, Host, HostError, NetworkOptions, Trial,
};
use crate::secret::SecretString;

/// How long an attempt is kept.
const KEPT: Duration = Duration::from_secs(15 * 60);

/// Attempts at the same time, those that ended included.
const MOST: usize = 50;

/// What somebody entered.
#[derive(Clone)]
pub struct Entered {
    /// Connector id.
    pub connector: String,
    /// Name of the connection; `None` makes one.
    pub name: Option<String>,
    /// Values that are not secret.
    pub settings: Vec<(String, String)>,
    /// Values that are.
    pub secrets: Vec<(String, SecretString)>,
    /// How requests leave.
    pub network: NetworkOptions,
}

/// What is attempted.
#[derive(Clone)]
pub enum Wish {
    /// A new connection.
    Connect(Entered),
    /// A change of a connection.
    Edit {
        /// Its name.
        name: String,
        /// What is changed; an empty secret keeps what is stored.
        entered: Entered,
    },
    /// A look whether a connection still works.
    Verify {
        /// Its name.
        name: String,
    },
    /// Listing its locations anew.
    List {
        /// Its name.
        name: String,
    },
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The connection of that name is saved.
    Saved(String),
    /// A step failed; nothing is saved.
    NotPassed,
    /// It could not be tried, or the connector refused the values.
    Refused {
        /// The field of the form that it is about; empty when it is about none.
        field: String,
        /// What happened.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A saved connection was verified; true when no step failed.
    Verified(bool),
    /// So many locations were listed.
    Listed(usize),
    /// Somebody stopped it.
    Stopped,
}

/// An attempt as it stands.
#[derive(Clone, Debug)]
pub struct Look {
    /// Steps that ended, in their order.
    pub steps: Vec<StepResult>,
    /// Locations listed so far.
    pub listed: usize,
    /// How it ended, once it has.
    pub end: Option<End>,
    /// It was configured and verified, so it can be saved although a step failed.
    pub can_save: bool,
}

/// One attempt.
pub struct Attempt {
    /// Its id; can't be guessed.
    pub id: String,
    /// What is attempted, without secrets.
    pub about: About,
    owner: i64,
    began: Instant,
    cancel: CancellationToken,
    inner: Mutex<Inner>,
}

/// What an attempt is about.
#[derive(Clone, Debug)]
pub struct About {
    /// `connect`, `edit`, `verify`, `list`.
    pub what: What,
    /// Connector id.
    pub connector: String,
    /// Name of the connection that is there already.
    pub connection: Option<String>,
    /// The steps that the connector announces.
    pub announced: Vec<StepInfo>,
}

/// The kind of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A new connection.
    Connect,
    /// A change.
    Edit,
    /// A look.
    Verify,
    /// A listing.
    List,
}

struct Inner {
    steps: Vec<StepResult>,
    listed: usize,
    end: Option<End>,
    wish: Option<Wish>,
    trial: Option<Trial>,
}

impl Attempt {
    /// How it stands.
    #[must_use]
    pub fn look(&self) -> Look {
        let inner = self.inner();
        Look {
            steps: inner.steps.clone(),
            listed: inner.listed,
            end: inner.end.clone(),
            can_save: inner.trial.is_some() && inner.end == Some(End::NotPassed),
        }
    }

    /// What was entered, to fill the form again and to try again. Nothing once it is saved.
    #[must_use]
    pub fn entered(&self) -> Option<Entered> {
        match &self.inner().wish {
            Some(Wish::Connect(entered) | Wish::Edit { entered, .. }) => Some(entered.clone()),
            _ => None,
        }
    }

    /// Stops it, soon.
    pub fn stop(&self) {
        self.cancel.cancel();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.inner().end.is_some()
    }
}

/// All attempts. One per daemon.
pub struct Attempts {
    host: Arc<Host>,
    bus: Arc<Bus>,
    all: Mutex<HashMap<String, Arc<Attempt>>>,
}

impl Attempts {
    pub(super) fn new(host: Arc<Host>, bus: Arc<Bus>) -> Arc<Self> {
        Arc::new(Self {
            host,
            bus,
            all: Mutex::default(),
        })
    }

    /// Begins one for a person (row of the user). An error when too many go on.
    pub async fn begin(
        self: &Arc<Self>,
        owner: i64,
        wish: Wish,
    ) -> Result<Arc<Attempt>, HostError> {
        let about = self.about(&wish).await?;
        let attempt = Arc::new(Attempt {
            id: random_id()?,
            about,
            owner,
            began: Instant::now(),
            cancel: CancellationToken::new(),
            inner: Mutex::new(Inner {
                steps: Vec::new(),
                listed: 0,
                end: None,
                wish: Some(wish.clone()),
                trial: None,
            }),
        });
        {
            let mut all = self.all();
            all.retain(|_, one| one.began.elapsed() < KEPT);
            if all.len() >= MOST {
                let oldest = all.values().filter(|one| one.is_over());
                let oldest = oldest.min_by_key(|one| one.began).map(|one| one.id.clone());
                let Some(oldest) = oldest else {
                    return Err(HostError::Limit(format!(
                        "{MOST} accounts are being verified now; wait until one of them has ended"
                    )));
                };
                all.remove(&oldest);
            }
            all.insert(attempt.id.clone(), attempt.clone());
        }
        let attempts = self.clone();
        let begun = attempt.clone();
        tokio::spawn(async move {
            let work = attempts.work(&attempt, wish);
            let end = match tokio::time::timeout(KEPT, work).await {
                Ok(end) => end,
                Err(_) => End::Refused {
                    field: String::new(),
                    message: "It took longer than a quarter of an hour.".to_owned(),
                    hint: "Look whether the address answers, and try again.".to_owned(),
                },
            };
            attempts.ended(&attempt, end);
            tokio::time::sleep(KEPT.saturating_sub(attempt.began.elapsed())).await;
            attempts.all().remove(&attempt.id);
        });
        Ok(begun)
    }

    /// One attempt of a person. What is somebody else's is not there.
    #[must_use]
    pub fn get(&self, id: &str, owner: i64) -> Option<Arc<Attempt>> {
        let attempt = self.all().get(id).cloned()?;
        (attempt.owner == owner && attempt.began.elapsed() < KEPT).then_some(attempt)
    }

    /// Saves what was tried although a step failed. Answers the name of the connection.
    pub fn save_anyway(&self, attempt: &Attempt) -> Result<String, HostError> {
        let trial = {
            let mut inner = attempt.inner();
            if inner.end != Some(End::NotPassed) {
                return Err(HostError::Settings(anyhow::anyhow!(
                    "there is nothing to save: the attempt did not end with a failed step"
                )));
            }
            inner.trial.take()
        };
        let trial = trial
            .ok_or_else(|| HostError::Settings(anyhow::anyhow!("it is being saved already")))?;
        match self.save(attempt.about.what, &trial) {
            Ok(name) => {
                self.ended(attempt, End::Saved(name.clone()));
                Ok(name)
            }
            Err(error) => {
                attempt.inner().trial = Some(trial);
                Err(error)
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Attempt>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn about(&self, wish: &Wish) -> Result<About, HostError> {
        let (what, connector, connection) = match wish {
            Wish::Connect(entered) => (What::Connect, entered.connector.clone(), None),
            Wish::Edit { name, .. } => (What::Edit, String::new(), Some(name.clone())),
            Wish::Verify { name } => (What::Verify, String::new(), Some(name.clone())),
            Wish::List { name } => (What::List, String::new(), Some(name.clone())),
        };
        let connector = match &connection {
            Some(name) => self.host.connection(name)?.connector,
            None => connector,
        };
        let announced = match what {
            What::List => Vec::new(),
            _ => self.host.manifest(&connector).await?.verify_steps,
        };
        Ok(About {
            what,
            connector,
            connection,
            announced,
        })
    }

    async fn work(&self, attempt: &Arc<Attempt>, wish: Wish) -> End {
        let events = Watching {
            attempt: attempt.clone(),
            bus: self.bus.clone(),
        };
        let cancel = &attempt.cancel;
        let ended = match wish {
            Wish::Connect(entered) => {
                let draft = ConnectionDraft {
                    connector: entered.connector,
                    name: entered.name,
                    settings: entered.settings,
                    secrets: entered.secrets,
                    network: entered.network,
                };
                let trial = self.host.try_connection(draft, &events, cancel).await;
                trial.and_then(|trial| self.tried(attempt, trial))
            }
            Wish::Edit { name, entered } => {
                let edit = ConnectionEdit {
                    settings: entered.settings,
                    secrets: entered.secrets,
                    network: entered.network,
                };
                let trial = self.host.try_edit(&name, edit, &events, cancel).await;
                trial.and_then(|trial| self.tried(attempt, trial))
            }
            Wish::Verify { name } => {
                let verified = self.host.verify(&name, &events, cancel).await;
                verified.map(|verification| {
                    attempt.inner().steps.clone_from(&verification.steps);
                    End::Verified(Host::has_passed(&verification))
                })
            }
            Wish::List { name } => {
                let listed = self.host.list_locations(&name, &events, cancel).await;
                listed.map(|rows| End::Listed(rows.len()))
            }
        };
        match ended {
            Ok(end) => end,
            Err(_) if cancel.is_cancelled() => End::Stopped,
            Err(HostError::Connector(Failure::InvalidSettings(fault))) => End::Refused {
                field: fault.field,
                message: fault.why.message,
                hint: fault.why.hint,
            },
            Err(HostError::Settings(error) | HostError::Other(error)) => {
                refused(format!("{error:#}"))
            }
            Err(error) => refused(error.to_string()),
        }
    }

    /// Saves a trial of which every step passed; keeps another one.
    fn tried(&self, attempt: &Attempt, trial: Trial) -> Result<End, HostError> {
        attempt.inner().steps.clone_from(&trial.verification.steps);
        if !Host::has_passed(&trial.verification) {
            attempt.inner().trial = Some(trial);
            return Ok(End::NotPassed);
        }
        self.save(attempt.about.what, &trial).map(End::Saved)
    }

    fn save(&self, what: What, trial: &Trial) -> Result<String, HostError> {
        // A new connection never takes the place of another one.
        if what == What::Connect
            && let Some(name) = &trial.draft.name
            && self.host.connection(name).is_ok()
        {
            return Err(HostError::Settings(anyhow::anyhow!(
                "a connection is called {name:?} already; choose another name"
            )));
        }
        let saved = tokio::task::block_in_place(|| self.host.save_connection(trial))?;
        self.bus.publish(
            Topic::Connection,
            saved.name.clone(),
            json!({ "what": "saved" }),
        );
        Ok(saved.name)
    }

    fn ended(&self, attempt: &Attempt, end: End) {
        let about = match &end {
            End::Listed(_) | End::Verified(_) => attempt.about.connection.clone(),
            _ => None,
        };
        {
            let mut inner = attempt.inner();
            if matches!(end, End::Saved(_) | End::Verified(_) | End::Listed(_)) {
                // What was entered is stored now, encrypted, or was never there.
                inner.wish = None;
                inner.trial = None;
            }
            inner.end = Some(end);
        }
        self.bus.publish(
            Topic::Verify,
            attempt.id.clone(),
            json!({ "what": "ended" }),
        );
        if let Some(name) = about {
            self.bus
                .publish(Topic::Connection, name, json!({ "what": "verified" }));
        }
    }
}

fn refused(message: String) -> End {
    End::Refused {
        field: String::new(),
        message,
        hint: String::new(),
    }
}

fn random_id() -> Result<String, HostError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes down what happens, and says that something did.
struct Watching {
    attempt: Arc<Attempt>,
    bus: Arc<Bus>,
}

impl Events for Watching {
    fn event(&self, event: Event) {
        match event {
            Event::Step(step) => self.attempt.inner().steps.push(step),
            Event::Listed(count) => self.attempt.inner().listed = count,
            _ => return,
        }
        self.bus.publish(
            Topic::Verify,
            self.attempt.id.clone(),
            json!({ "what": "step" }),
        );
    }
}

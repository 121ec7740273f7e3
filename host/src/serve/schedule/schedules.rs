//! The schedules of a daemon: one a connection, one for the advisories.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::due::{self, Due, JITTER_MOST, Next};
use super::times::Times;
use super::{Clock, Missed, Schedule};
use crate::host::{Host, HostError};
use crate::serve::bus::{Bus, Topic};
use crate::serve::runs::{Cause, RunKind, RunRequest, Runs};
use crate::store::StoredSchedule;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(10);
/// Times that a preview shows at most.
const PREVIEW: usize = 50;
/// The night over which connections are spread: from 01:00 so many minutes, UTC.
const NIGHT: (u32, u32) = (60, 240);
/// The same for the advisories: before the scans, so that these are matched with the newest.
const EVENING: (u32, u32) = (0, 60);

/// What runs by itself, and when.
pub struct Schedules {
    host: Arc<Host>,
    runs: Arc<Runs>,
    bus: Arc<Bus>,
    clock: Arc<dyn Clock>,
    wake: Notify,
}

impl Schedules {
    pub(crate) fn new(
        host: Arc<Host>,
        runs: Arc<Runs>,
        bus: Arc<Bus>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            host,
            runs,
            bus,
            clock,
            wake: Notify::new(),
        })
    }

    /// The schedule of a connection, or of the advisories (`None`). Where nobody set one it is the default: every
    /// day, at a minute of the night that follows from the name; for the advisories, only when they were brought
    /// up to date over the network before.
    pub fn of(&self, connection: Option<&str>) -> Result<Schedule, HostError> {
        if let Some(name) = connection {
            self.connection(name)?;
        }
        let found = self.host.store().schedule(connection)?;
        match found {
            Some(stored) => Ok(stored.schedule),
            None => {
                let mut schedule = self.default_of(connection)?;
                schedule.next_at = self.next_of(&schedule)?.map(|next| text(next.at));
                Ok(schedule)
            }
        }
    }

    /// All of them, defaults included: the advisories first, then by name.
    pub fn all(&self) -> Result<Vec<Schedule>, HostError> {
        let mut all = vec![self.of(None)?];
        for record in self.host.store().connections()? {
            all.push(self.of(Some(&record.connection.name))?);
        }
        Ok(all)
    }

    /// Sets a schedule. `next_at` and `last_at` of what comes in do not count. Answers it with its next time.
    pub async fn set(&self, schedule: Schedule, by: &str) -> Result<Schedule, HostError> {
        let connection = schedule
            .connection
            .as_deref()
            .map(|name| self.connection(name))
            .transpose()?;
        if schedule.jitter_minutes > JITTER_MOST {
            return Err(refused(format!(
                "the jitter is at most {JITTER_MOST} minutes, a day"
            )));
        }
        let next = self.next_of(&schedule)?;
        let mut kept = Schedule {
            cron: schedule
                .cron
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            next_at: next.map(|next| text(next.at)),
            ..schedule
        };
        kept.last_at = self
            .host
            .store()
            .put_schedule(connection, kept.clone(), next.map(|next| text(next.slot)))
            .await?;
        tracing::info!(
            connection = kept.connection,
            cron = kept.cron,
            by,
            "a schedule is set"
        );
        let subject = kept.connection.clone().unwrap_or_default();
        self.bus.publish(
            Topic::Connection,
            subject,
            serde_json::json!({ "schedule": kept }),
        );
        self.wake.notify_one();
        Ok(kept)
    }

    /// The next `n` times of a cron in a zone, without jitter; RFC 3339 in UTC. An error is the sentence that says
    /// what is wrong with it.
    pub fn preview(&self, cron: &str, time_zone: &str, n: usize) -> Result<Vec<String>, HostError> {
        let times = Times::parse(cron, time_zone).map_err(refused)?;
        let mut at = self.clock.now();
        let mut next = Vec::new();
        while next.len() < n.min(PREVIEW) {
            let Some(slot) = times.after(at) else { break };
            next.push(text(slot));
            at = slot;
        }
        Ok(next)
    }

    /// Looks at the clock until the daemon ends.
    pub(crate) fn start(self: &Arc<Self>, stopping: CancellationToken) {
        let schedules = self.clone();
        tokio::spawn(async move {
            while !stopping.is_cancelled() {
                if let Err(error) = schedules.tick().await {
                    tracing::error!("the schedules could not be looked at: {error}");
                }
                tokio::select! {
                    () = tokio::time::sleep(TICK) => {}
                    () = schedules.wake.notified() => {}
                    () = stopping.cancelled() => {}
                }
            }
        });
    }

    /// One look at the clock.
    pub(crate) async fn tick(&self) -> Result<(), HostError> {
        self.make_missing().await?;
        let now = self.clock.now();
        for stored in self.host.store().schedules()? {
            let name = stored
                .schedule
                .connection
                .clone()
                .unwrap_or_else(|| "advisories".to_owned());
            // One that can't be served must not keep the others from it.
            if let Err(error) = self.serve(stored, now).await {
                tracing::error!(schedule = name, "a schedule could not be served: {error}");
            }
        }
        Ok(())
    }

    async fn serve(&self, stored: StoredSchedule, now: Timestamp) -> Result<(), HostError> {
        let schedule = &stored.schedule;
        let times = Times::parse(&schedule.cron, &schedule.time_zone).map_err(refused)?;
        let noted = noted(&stored);
        match due::look(schedule, &times, noted, now, dice()) {
            Due::Wait => Ok(()),
            Due::Move(next) => self.advance(&stored, next, None).await,
            Due::Run { missed, next } => {
                if let Some(later) = self.held_back(schedule, now)? {
                    let slot = noted.map_or(later, |noted| noted.slot);
                    return self
                        .advance(&stored, Some(Next { slot, at: later }), None)
                        .await;
                }
                self.runs
                    .ask(RunRequest {
                        kind: match schedule.connection {
                            Some(_) => RunKind::Scan,
                            None => RunKind::Advisories,
                        },
                        connection: schedule.connection.clone(),
                        locations: Vec::new(),
                        fresh: false,
                        cause: if missed {
                            Cause::Missed
                        } else {
                            Cause::Schedule
                        },
                        by: "schedule".to_owned(),
                    })
                    .await?;
                // Behind the wish: whoever is killed in between asks again, and joins.
                self.advance(&stored, next, Some(now)).await
            }
        }
    }

    /// Until when a connection whose connector crashes is left alone.
    fn held_back(
        &self,
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, HostError> {
        let Some(name) = &schedule.connection else {
            return Ok(None);
        };
        let next_try = self.runs.health(name)?.next_try;
        Ok(next_try
            .and_then(|at| at.parse().ok())
            .filter(|at| *at > now))
    }

    async fn advance(
        &self,
        stored: &StoredSchedule,
        next: Option<Next>,
        ran: Option<Timestamp>,
    ) -> Result<(), HostError> {
        let slot = next.map(|next| text(next.slot));
        let at = next.map(|next| text(next.at));
        Ok(self
            .host
            .store()
            .advance_schedule(stored.id, slot, at, ran.map(text))
            .await?)
    }

    /// Writes the defaults down where nobody set anything.
    async fn make_missing(&self) -> Result<(), HostError> {
        for (id, name) in self.host.store().connections_without_schedule()? {
            let schedule = self.default_of(Some(&name))?;
            self.make(Some(id), schedule).await?;
        }
        if self.host.store().schedule(None)?.is_none() {
            let schedule = self.default_of(None)?;
            if schedule.enabled {
                self.make(None, schedule).await?;
            }
        }
        Ok(())
    }

    async fn make(&self, connection: Option<i64>, mut schedule: Schedule) -> Result<(), HostError> {
        let next = self.next_of(&schedule)?;
        schedule.next_at = next.map(|next| text(next.at));
        let slot = next.map(|next| text(next.slot));
        self.host
            .store()
            .put_schedule(connection, schedule, slot)
            .await?;
        Ok(())
    }

    fn default_of(&self, connection: Option<&str>) -> Result<Schedule, HostError> {
        let (seed, (from, within), enabled) = match connection {
            Some(name) => (name.to_owned(), NIGHT, true),
            None => {
                let folder = self.host.store().folder().to_string_lossy().into_owned();
                (folder, EVENING, super::was_updated(&self.host)?)
            }
        };
        let minute = from + spread(&seed) % within;
        Ok(Schedule {
            connection: connection.map(str::to_owned),
            cron: format!("{} {} * * *", minute % 60, minute / 60),
            time_zone: "UTC".to_owned(),
            jitter_minutes: 5,
            missed: Missed::Run,
            enabled,
            next_at: None,
            last_at: None,
        })
    }

    fn next_of(&self, schedule: &Schedule) -> Result<Option<Next>, HostError> {
        let times = Times::parse(&schedule.cron, &schedule.time_zone).map_err(refused)?;
        if !schedule.enabled {
            return Ok(None);
        }
        Ok(due::next(
            &times,
            schedule.jitter_minutes,
            self.clock.now(),
            dice(),
        ))
    }

    fn connection(&self, name: &str) -> Result<i64, HostError> {
        let record = self
            .host
            .store()
            .connection(name)?
            .filter(|record| !record.ephemeral);
        record
            .map(|record| record.id)
            .ok_or_else(|| HostError::Unknown {
                what: "connection",
                name: name.to_owned(),
                list: "connections",
            })
    }
}

fn noted(stored: &StoredSchedule) -> Option<Next> {
    let at: Timestamp = stored.schedule.next_at.as_deref()?.parse().ok()?;
    let slot = stored
        .next_slot
        .as_deref()
        .and_then(|slot| slot.parse().ok())
        .unwrap_or(at);
    Some(Next { slot, at })
}

fn refused(why: String) -> HostError {
    HostError::Settings(anyhow::Error::msg(why))
}

fn text(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A number that follows from a text.
fn spread(seed: &str) -> u32 {
    let digest = Sha256::digest(seed.as_bytes());
    digest
        .iter()
        .take(4)
        .fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

/// Between 0 and 1. Without random numbers, 0.
fn dice() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.0,
    }
}

//! A scan that a daemon does: asked for, watched as it goes, cancelled with Ctrl-C.
//!
//! The event stream is a wake-up and a hint; what is believed is what the run itself says when it is read. So a
//! stream that breaks, or that missed something, changes nothing but how soon something is shown.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::{Answer, segment};
use crate::contract::{LogLevel, ScanProgress};
use crate::host::{
    Event, Events, Gathered, HostError, LocationOutcome, LocationReport, ScanOptions, ScanReport,
};
use crate::serve::api::client as api;
use crate::serve::bus::{BusEvent, Topic};
use crate::serve::runs::{Run, RunLine, RunState};

/// How often a run is read while the stream says nothing.
const BEAT: Duration = Duration::from_secs(2);
/// Longest event of the stream, in bytes.
const EVENT: usize = 1 << 20;

/// The daemon's events, one after the other.
struct Stream {
    body: Incoming,
    text: Vec<u8>,
}

impl Stream {
    async fn open(client: &Client) -> Answer<Self> {
        let path = "/events?topic=run&topic=run-line&topic=queue";
        let headers = [("accept", "text/event-stream")];
        let response = client
            .open(Method::GET, path, &headers, Bytes::new())
            .await?;
        if !response.status().is_success() {
            let status = response.status();
            let body = http_body_util::Limited::new(response.into_body(), EVENT);
            let body = body
                .collect()
                .await
                .map(|body| body.to_bytes())
                .unwrap_or_default();
            return Err(client.refusal(status, &body));
        }
        Ok(Self {
            body: response.into_body(),
            text: Vec::new(),
        })
    }

    /// The next event; `None` when the stream broke.
    async fn next(&mut self) -> Option<BusEvent> {
        loop {
            if let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.text.drain(..end + 2).collect();
                let text = String::from_utf8_lossy(&event);
                let data = text.lines().find_map(|line| line.strip_prefix("data: "));
                match data.and_then(|data| serde_json::from_str(data).ok()) {
                    Some(event) => return Some(event),
                    // A heartbeat.
                    None => continue,
                }
            }
            if self.text.len() > EVENT {
                return None;
            }
            let frame = self.body.frame().await?.ok()?;
            if let Some(data) = frame.data_ref() {
                self.text.extend_from_slice(data);
            }
        }
    }
}

/// What was shown already.
#[derive(Default)]
struct Shown {
    begun: bool,
    started: HashSet<String>,
    ended: HashSet<String>,
    gathered: Gathered,
}

impl Shown {
    fn progress(&mut self, run: &Run, events: &Arc<dyn Events>) {
        let progress = &run.progress;
        if progress.of > 0 && !self.begun {
            self.begun = true;
            events.event(Event::ScanStarted {
                scan: run.scan.unwrap_or_default(),
                locations: progress.of,
                ended: 0,
            });
        }
        for (path, doing) in &progress.doing {
            if self.started.insert(path.clone()) {
                events.event(Event::LocationStarted {
                    path: path.clone(),
                    resumed: false,
                });
            }
            events.event(Event::LocationProgress {
                path: path.clone(),
                progress: ScanProgress {
                    done: 0,
                    total: 0,
                    doing: doing.clone(),
                },
            });
        }
    }

    fn locations(&mut self, locations: &[LocationReport], events: &Arc<dyn Events>) {
        for report in locations {
            if report.outcome != LocationOutcome::Interrupted
                && self.ended.insert(report.path.clone())
            {
                if self.started.insert(report.path.clone()) {
                    events.event(Event::LocationStarted {
                        path: report.path.clone(),
                        resumed: false,
                    });
                }
                events.event(Event::LocationEnded(report.clone()));
            }
        }
    }
}

async fn read(client: &Client, run: i64) -> Answer<(Run, Vec<LocationReport>, Vec<String>)> {
    let one: api::OneRun = client.get(&format!("/runs/{run}")).await?;
    let locations = one
        .locations
        .into_iter()
        .map(LocationReport::from)
        .collect();
    Ok((one.run, locations, one.refused))
}

/// Asks for a scan and waits for its end.
pub(super) async fn scan(
    client: &Client,
    name: &str,
    options: &ScanOptions,
    events: &Arc<dyn Events>,
    cancel: &CancellationToken,
) -> Answer<ScanReport> {
    // Listened first, so that nothing of the run is missed.
    let mut stream = Some(Stream::open(client).await?);
    let body = json!({"locations": options.locations, "fresh": options.fresh});
    let path = format!("/connections/{}/scans", segment(name));
    let asked: api::AskedRun = client.send(Method::POST, &path, &body).await?.json()?;
    let id = asked.run.id;
    let subject = id.to_string();
    if asked.joined {
        events.event(Event::Log {
            subject: name.to_owned(),
            level: LogLevel::Info,
            message: format!("run {id} was there already; this waits for it"),
        });
    }
    let mut shown = Shown::default();
    let mut cancelled = false;
    let (run, mut locations, refused) = loop {
        let event = tokio::select! {
            () = cancel.cancelled(), if !cancelled => {
                cancelled = true;
                let path = format!("/runs/{id}/cancel");
                client.ask(Method::POST, &path, &[], Bytes::new()).await?;
                None
            }
            event = next(&mut stream) => event,
            () = tokio::time::sleep(BEAT) => None,
        };
        match event {
            Some(event) if event.topic == Topic::RunLine && event.subject == subject => {
                line(event.data, events);
                continue;
            }
            Some(event) if event.topic == Topic::Queue => {
                if let Ok(gathered) = serde_json::from_value(event.data) {
                    shown.gathered = gathered;
                }
                continue;
            }
            Some(event) if event.topic == Topic::Run && event.subject == subject => {
                if let Ok(run) = serde_json::from_value::<Run>(event.data) {
                    shown.progress(&run, events);
                }
            }
            Some(event) if event.topic != Topic::Missed => continue,
            _ => {}
        }
        let (run, locations, refused) = read(client, id).await?;
        shown.progress(&run, events);
        shown.locations(&locations, events);
        if run.state.is_over() {
            break (run, locations, refused);
        }
    };
    if run.state == RunState::Failed && locations.is_empty() {
        let why = run.message.unwrap_or_else(|| format!("run {id} failed"));
        return Err(HostError::Connector(crate::contract::Failure::Unavailable(
            crate::contract::Explanation {
                message: why,
                hint: String::new(),
            },
        )));
    }
    locations.sort_by(|a, b| a.path.cmp(&b.path));
    let milliseconds = took(&run);
    Ok(ScanReport {
        scan: run.scan.unwrap_or_default(),
        connection: run.connection.unwrap_or_else(|| name.to_owned()),
        started_at: run.started_at.unwrap_or(run.asked_at),
        milliseconds,
        counts: run.progress.counts,
        locations,
        refused,
        complete: run.state == RunState::Complete,
        queue: shown.gathered,
    })
}

/// The next event; waits for ever where there is no stream any more.
async fn next(stream: &mut Option<Stream>) -> Option<BusEvent> {
    let Some(open) = stream else {
        return std::future::pending().await;
    };
    let event = open.next().await;
    if event.is_none() {
        *stream = None;
    }
    event
}

fn line(data: serde_json::Value, events: &Arc<dyn Events>) {
    let Ok(line) = serde_json::from_value::<RunLine>(data) else {
        return;
    };
    let level = match line.level.as_str() {
        "debug" => LogLevel::Debug,
        "warn" => LogLevel::Warn,
        "error" => LogLevel::Error,
        _ => LogLevel::Info,
    };
    events.event(Event::Log {
        subject: line.subject,
        level,
        message: line.message,
    });
}

fn took(run: &Run) -> u64 {
    let time = |text: &Option<String>| text.as_deref()?.parse::<jiff::Timestamp>().ok();
    let (Some(from), Some(to)) = (time(&run.started_at), time(&run.ended_at)) else {
        return 0;
    };
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

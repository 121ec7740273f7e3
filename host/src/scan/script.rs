//! A connector that follows a script: a tree of locations, what each holds, and when calls fail.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::runner::{CallFailed, Connector, Ended, Fault, Traffic};
use crate::contract::*;
use crate::plugin::Outlet;

/// One location of the script: a list of batches. The cursor after batch `n` is `n + 1`.
#[derive(Clone, Default)]
pub(crate) struct Scripted {
    pub(crate) batches: Vec<Vec<Observation>>,
    /// Before batch `.0` of a call: fail with `.1`, as often as it stands here.
    pub(crate) faults: Vec<(usize, Fault)>,
    /// Wait before each batch.
    pub(crate) pace: Duration,
    /// What the summary says.
    pub(crate) partial: bool,
    /// Ignores cancellation and never ends.
    pub(crate) hangs: bool,
    /// Goes on for ever with the same cursor.
    pub(crate) stuck: bool,
}

#[derive(Default)]
pub(crate) struct Script {
    /// Pages by parent; the cursor is the number of the page.
    pub(crate) pages: HashMap<Option<String>, Vec<LocationPage>>,
    pub(crate) listing_faults: Mutex<HashMap<Option<String>, VecDeque<Fault>>>,
    pub(crate) listing_calls: AtomicUsize,
    pub(crate) locations: Mutex<BTreeMap<String, Scripted>>,
    pub(crate) running: AtomicUsize,
    pub(crate) running_most: AtomicUsize,
    pub(crate) scan_calls: Mutex<Vec<(String, Option<String>)>>,
}

impl Script {
    /// A flat tree of scannable locations.
    pub(crate) fn flat(locations: Vec<(&str, Scripted)>) -> Self {
        let mut script = Self::default();
        let page = page(
            locations.iter().map(|(path, _)| location(path)).collect(),
            None,
        );
        script.pages.insert(None, vec![page]);
        *script.locations.lock().unwrap() = locations
            .into_iter()
            .map(|(path, scripted)| (path.to_owned(), scripted))
            .collect();
        script
    }

    pub(crate) fn calls_of(&self, path: &str) -> Vec<Option<String>> {
        let calls = self.scan_calls.lock().unwrap();
        calls
            .iter()
            .filter(|(location, _)| location == path)
            .map(|(_, cursor)| cursor.clone())
            .collect()
    }
}

fn traffic() -> Traffic {
    Traffic {
        requests: 1,
        bytes_read: 10,
        refused: Vec::new(),
    }
}

fn failed(fault: Fault) -> CallFailed {
    CallFailed {
        fault,
        traffic: traffic(),
    }
}

#[async_trait]
impl Connector for Script {
    async fn verify(
        &self,
        outlet: Arc<dyn Outlet>,
        _: CancellationToken,
    ) -> Result<Ended<Verification>, CallFailed> {
        let step = StepResult {
            id: "token".to_owned(),
            status: StepStatus::Passed,
            seen: "fine".to_owned(),
            hint: String::new(),
        };
        outlet.progress(Progress::Step(step.clone()));
        let value = Verification {
            steps: vec![step],
            attributes: Vec::new(),
        };
        Ok(Ended {
            value,
            traffic: traffic(),
        })
    }

    async fn list_locations(
        &self,
        _: Arc<dyn Outlet>,
        _: CancellationToken,
        parent: Option<String>,
        cursor: Option<String>,
    ) -> Result<Ended<LocationPage>, CallFailed> {
        self.listing_calls.fetch_add(1, Ordering::SeqCst);
        if let Some(fault) = self
            .listing_faults
            .lock()
            .unwrap()
            .get_mut(&parent)
            .and_then(VecDeque::pop_front)
        {
            return Err(failed(fault));
        }
        let number: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let value = self
            .pages
            .get(&parent)
            .and_then(|pages| pages.get(number))
            .cloned();
        Ok(Ended {
            value: value.unwrap_or_else(|| page(Vec::new(), None)),
            traffic: traffic(),
        })
    }

    async fn scan(
        &self,
        outlet: Arc<dyn Outlet>,
        _: CancellationToken,
        request: ScanRequest,
    ) -> Result<Ended<ScanSummary>, CallFailed> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.running_most.fetch_max(running, Ordering::SeqCst);
        self.scan_calls
            .lock()
            .unwrap()
            .push((request.location.clone(), request.cursor.clone()));
        let result = self.follow(outlet, request).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

impl Script {
    async fn follow(
        &self,
        outlet: Arc<dyn Outlet>,
        request: ScanRequest,
    ) -> Result<Ended<ScanSummary>, CallFailed> {
        let scripted = self
            .locations
            .lock()
            .unwrap()
            .get(&request.location)
            .cloned()
            .unwrap();
        if scripted.hangs {
            std::future::pending::<()>().await;
        }
        let first: usize = request.cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let stopped = || failed(Fault::Failure(Failure::Stopped));
        if scripted.stuck {
            loop {
                outlet
                    .emit(Vec::new(), "still".to_owned())
                    .await
                    .map_err(|_| stopped())?;
            }
        }
        for number in first..=scripted.batches.len() {
            tokio::time::sleep(scripted.pace).await;
            let fault = {
                let mut locations = self.locations.lock().unwrap();
                let faults = &mut locations.get_mut(&request.location).unwrap().faults;
                faults
                    .iter()
                    .position(|(at, _)| *at == number)
                    .map(|at| faults.remove(at).1)
            };
            if let Some(fault) = fault {
                return Err(failed(fault));
            }
            if let Some(batch) = scripted.batches.get(number) {
                outlet
                    .emit(batch.clone(), (number + 1).to_string())
                    .await
                    .map_err(|_| stopped())?;
            }
        }
        let value = ScanSummary {
            complete: !scripted.partial,
            tags: 1,
            images: 0,
            packages: 0,
            findings: 0,
            skipped: 0,
            layers_read: 0,
            layers_reused: 0,
            attributes: Vec::new(),
        };
        Ok(Ended {
            value,
            traffic: traffic(),
        })
    }
}

// ---- Small words for tests -----------------------------------------------------------------------

pub(crate) fn why(message: &str) -> Explanation {
    Explanation {
        message: message.to_owned(),
        hint: "Do something.".to_owned(),
    }
}

pub(crate) fn page(locations: Vec<Location>, next: Option<&str>) -> LocationPage {
    LocationPage {
        locations,
        next: next.map(str::to_owned),
        skipped: Vec::new(),
    }
}

pub(crate) fn location(path: &str) -> Location {
    Location {
        id: path.to_owned(),
        kind: "image-repository".to_owned(),
        name: path.rsplit('/').next().unwrap_or_default().to_owned(),
        path: path.to_owned(),
        parent: None,
        scannable: true,
        has_children: false,
        unscannable: None,
        web_url: None,
        attributes: Vec::new(),
    }
}

pub(crate) fn group(path: &str) -> Location {
    Location {
        kind: "group".to_owned(),
        scannable: false,
        has_children: true,
        ..location(path)
    }
}

pub(crate) fn digest(seed: u8) -> String {
    format!("sha256:{}", format!("{seed:02x}").repeat(32))
}

pub(crate) fn image(seed: u8, packages: u32, complete: bool) -> Observation {
    Observation::Image(Image {
        digest: digest(seed),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        registry: "registry.example.com".to_owned(),
        repository: "acme/api".to_owned(),
        tags: vec!["latest".to_owned(), format!("v{seed}")],
        index: None,
        platform: Platform {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            variant: None,
            os_version: None,
        },
        size: 1,
        pushed: None,
        config: ConfigFacts {
            digest: digest(seed),
            created: None,
            author: None,
            user: String::new(),
            env_names: Vec::new(),
            labels: Vec::new(),
            exposed_ports: Vec::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            working_dir: None,
            volumes: Vec::new(),
            history: Vec::new(),
        },
        layers: Vec::new(),
        operating_system: None,
        package_count: packages,
        complete,
        attributes: Vec::new(),
    })
}

pub(crate) fn packages(seed: u8, names: &[&str]) -> Observation {
    let package = |name: &&str| Package {
        format: "dpkg".to_owned(),
        name: (*name).to_owned(),
        version: "1".to_owned(),
        architecture: None,
        source_name: None,
        source_version: None,
        purl: format!("pkg:deb/debian/{name}@1"),
        licences: Vec::new(),
        path: "var/lib/dpkg/status".to_owned(),
        layer: 0,
        origin: PackageOrigin::Unknown,
        owner: None,
        attributes: Vec::new(),
    };
    Observation::Packages(PackageBatch {
        image: digest(seed),
        packages: names.iter().map(package).collect(),
    })
}

pub(crate) fn finding(id: &str, severity: Severity) -> Observation {
    Observation::Finding(Finding {
        id: id.to_owned(),
        source: "gitlab-report".to_owned(),
        kind: FindingKind::Vulnerability,
        title: format!("finding {id}"),
        description: String::new(),
        severity,
        severity_as_said: "High".to_owned(),
        state: FindingState::Detected,
        state_reason: None,
        no_longer_detected: false,
        identifiers: Vec::new(),
        scanner_id: "trivy".to_owned(),
        scanner_name: "Trivy".to_owned(),
        scanner_vendor: "GitLab".to_owned(),
        package_name: None,
        package_version: None,
        operating_system: None,
        image_reference: None,
        image_digest: None,
        solution: None,
        links: Vec::new(),
        cvss: Vec::new(),
        detected_at: None,
        changed_at: None,
        web_url: None,
        evidence: Vec::new(),
        attributes: Vec::new(),
    })
}

pub(crate) fn skipped(name: &str) -> Observation {
    Observation::Skipped(Skipped {
        subject: SkipSubject::Tag,
        name: name.to_owned(),
        image: None,
        skip: Skip {
            reason: SkipReason::NotAnImage,
            why: why("It is a chart."),
        },
    })
}

pub(crate) fn context(subject: &str, key: &str, value: &str) -> Observation {
    Observation::Context(Context {
        location: subject.to_owned(),
        attributes: vec![(key.to_owned(), value.to_owned())],
    })
}

//! `ox-compare`: the real program beside Trivy and Syft on the same images in one run, and beside what the
//! ecosystems' own tools say is in them.
//!
//! Ends with 1 when the connector misses what a peer finds correctly, or finds what is not there. Arguments
//! are names of images; none for all.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use ox_harness::compare::reasons::Who;
use ox_harness::compare::{Difference, Judged, report};
use ox_harness::peers::Installation;
use ox_harness::program::OxHost;
use ox_harness::real::RealImages;
use ox_harness::scanners::{Kind, Scanner, Task, ours};
use ox_harness::sim::{Organisation, level, scope};

const TOKEN: &str = "glpat-compare";
const REPOSITORY: &str = "quarry/stones/real";

fn main() -> ExitCode {
    match compare() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failures) => {
            let _ = writeln!(
                std::io::stderr(),
                "error: in {failures} cases the connector is behind"
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn organisation() -> Organisation {
    let mut org = Organisation::new();
    let reader = org.user("reader");
    org.token(reader, TOKEN, &scope::CONNECTOR);
    let group = org.group(None, "quarry", |group| {
        group.members.push((reader, level::DEVELOPER));
    });
    let project = org.project(group, "stones", |_| {});
    org.repository(project, "real");
    org
}

fn compare() -> anyhow::Result<usize> {
    let Some(images) = RealImages::open()? else {
        return Ok(0);
    };
    let Some(site) = Installation::start(organisation())? else {
        return Ok(0);
    };
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let mut names = images.names();
    names.retain(|name| asked.is_empty() || asked.contains(name));
    let mut known = BTreeMap::new();
    for name in names {
        let Some(real) = images.image(&name)? else {
            continue;
        };
        if !site.open.push(&real.image, REPOSITORY, &name)? {
            return Ok(0);
        }
        // Of the image itself, only what it is called is needed from here on.
        known.insert(name, (real.image.digest.clone(), real.truth));
    }
    let mut scanners = Vec::new();
    for kind in [Kind::Trivy, Kind::Syft] {
        if let Some(scanner) = Scanner::find(kind)? {
            let cache = scanner.cache()?;
            scanners.push((scanner, cache));
        }
    }
    let host = OxHost::new()?;
    let (scan, _) = host.scan(&site.gitlab.base_url(), TOKEN, REPOSITORY)?;

    let mut out = std::io::stdout().lock();
    report::head(&mut out)?;
    let mut all: Vec<(String, Difference)> = Vec::new();
    for (name, (digest, truth)) in &known {
        let mut judged = Judged {
            image: name,
            truth,
            finds: BTreeMap::from([(Who::Ours, ours(&host.packages(digest)?))]),
        };
        for (scanner, cache) in &scanners {
            let reference = format!("{}/{REPOSITORY}:{name}", site.open.host());
            if let Some(took) = scanner.try_run(&reference, Task::Packages, cache)? {
                let who = match scanner.kind {
                    Kind::Trivy => Who::Trivy,
                    Kind::Syft => Who::Syft,
                };
                judged.finds.insert(who, scanner.packages(&took.stdout)?);
            }
        }
        let (lines, differences) = judged.judge();
        report::lines(&mut out, name, &lines)?;
        let differences = differences.into_iter();
        all.extend(differences.map(|one| (name.clone(), one)));
    }
    writeln!(out, "\nPackages found; - missed, + not there.\n")?;
    report::classes(&mut out, &all)?;
    let failures = all.iter().filter(|one| one.1.is_failure()).count();
    writeln!(
        out,
        "\nThe connector read {} images in one scan of one repository; {failures} unexplained differences to its \
         disadvantage.",
        scan.pointer("/counts/images")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or_default()
    )?;
    Ok(failures)
}

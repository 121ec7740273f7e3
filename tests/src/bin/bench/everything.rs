//! An image with packages of every kind: Debian's, PyPI's, npm's, jars, Go programs.

use std::io::Write;

use ox_harness::real::RealImages;
use ox_harness::scanners::{Kind, Task};

use crate::one::of_itself;
use crate::table::{Row, megabytes, write};
use crate::{Bench, counted, path};

/// Runs of each; the best one counts.
const RUNS: usize = 2;

pub(crate) fn ask(bench: &Bench, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(images) = RealImages::open()? else {
        return Ok(());
    };
    let Some(image) = images.everything()? else {
        return Ok(());
    };
    if !bench.site.open.push(&image, &path("everything"), "1")? {
        return Ok(());
    }
    let (cold, took) = bench.ours_cold("everything", RUNS)?;
    let mut rows = vec![
        Row::new("ox-host", took)
            .packages(counted(&cold, "packages"))
            .note(of_itself(&cold)),
    ];
    let reference = bench.reference("everything", "1");
    for scanner in &bench.scanners {
        if let Some(took) = bench.theirs_cold(scanner, Task::Packages, &reference, RUNS)? {
            rows.push(bench.row(scanner, took)?);
        }
        if scanner.kind == Kind::Trivy
            && let Some(took) = bench.theirs_cold(scanner, Task::All, &reference, RUNS)?
        {
            rows.push(Row::new("trivy, secrets, licences", took));
        }
    }
    let title = format!(
        "An image of everything: Debian, Python, npm, Java, Go; {} in {} layers; cold, best of {RUNS}",
        megabytes(image.size),
        image.blobs.len() - 1
    );
    write(out, &title, &rows)?;
    Ok(())
}

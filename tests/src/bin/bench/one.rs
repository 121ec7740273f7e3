//! One image, of which nobody knows anything yet; then ours looks again.

use std::io::Write;

use ox_harness::image::{Image, Layer};
use ox_harness::instance::Instance;
use ox_harness::peers::debian_root;
use ox_harness::scanners::Task;

use crate::table::{Row, megabytes, write};
use crate::{Bench, RUNS, TOKEN, counted, path};

pub(crate) fn ask(bench: &Bench, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(root) = debian_root("bookworm")? else {
        return Ok(());
    };
    let layer = Layer::from_folder(&root.root)?.gzip().build();
    let image = Image::amd64().layer(&layer).build();
    if !bench.site.open.push(&image, &path("debian"), "12")? {
        return Ok(());
    }
    let (cold, took) = bench.ours_cold("debian", RUNS)?;
    let note = of_itself(&cold);
    let mut rows = vec![
        Row::new("ox-host", took)
            .packages(counted(&cold, "packages"))
            .note(note),
    ];
    let reference = bench.reference("debian", "12");
    for scanner in &bench.scanners {
        if let Some(took) = bench.theirs_cold(scanner, Task::Packages, &reference, RUNS)? {
            rows.push(bench.row(scanner, took)?);
        }
    }
    let (again, took) = bench.ours("debian")?;
    rows.push(
        Row::new("ox-host, again", took)
            .packages(counted(&again, "packages"))
            .note(of_itself(&again)),
    );
    let title = format!(
        "One image: Debian 12, one gzip layer of {}; cold, best of {RUNS}",
        megabytes(image.size)
    );
    write(out, &title, &rows)?;
    writeln!(
        out,
        "  The connector's instance had at most {} of memory.\n",
        megabytes(memory(bench)?)
    )?;
    Ok(())
}

/// What the instance itself needs; the program does not print it.
fn memory(bench: &Bench) -> anyhow::Result<u64> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let url = bench.site.gitlab.base_url();
        let instance = Instance::load(bench.host.connector(), &url, TOKEN).await?;
        Ok(instance.scan(&path("debian")).await?.0.memory_peak)
    })
}

/// What a scan says of itself.
pub(crate) fn of_itself(scan: &serde_json::Value) -> String {
    format!(
        "{} requests, {} read, {} layers read, {} reused",
        counted(scan, "requests"),
        megabytes(counted(scan, "bytes_read")),
        counted(scan, "layers_read"),
        counted(scan, "layers_reused")
    )
}

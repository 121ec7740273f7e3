//! Twelve images on one base: one scan of the repository, against the others one image after the other with
//! their cache kept. Then a second scan, in which nothing has changed.

use std::io::Write;

use anyhow::ensure;
use ox_harness::image::{BuiltLayer, Image, Layer};
use ox_harness::measure::Measured;
use ox_harness::peers::debian_root;
use ox_harness::scanners::Task;

use crate::one::of_itself;
use crate::table::{Row, add, write};
use crate::{Bench, counted, path};

/// Images.
const IMAGES: usize = 12;
/// Packages in `node_modules` of each.
const PACKAGES: usize = 40;
/// Bytes of program text in each package.
const TEXT: usize = 48 << 10;

pub(crate) fn ask(bench: &Bench, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(root) = debian_root("bookworm")? else {
        return Ok(());
    };
    let base = Layer::from_folder(&root.root)?.gzip().build();
    let tags: Vec<String> = (1..=IMAGES).map(|number| format!("app-{number}")).collect();
    for (number, tag) in tags.iter().enumerate() {
        let image = Image::amd64()
            .layer(&base)
            .layer(application(number))
            .build();
        if !bench.site.open.push(&image, &path("apps"), tag)? {
            return Ok(());
        }
    }
    let (cold, took) = bench.ours_cold("apps", 2)?;
    ensure!(counted(&cold, "images") == IMAGES as u64, "{cold:#}");
    let mut rows = vec![
        Row::new("ox-host, one scan", took)
            .packages(counted(&cold, "packages"))
            .note(of_itself(&cold)),
    ];
    let (again, took) = bench.ours("apps")?;
    ensure!(
        counted(&again, "layers_read") == 0,
        "a layer was read again"
    );
    let again = Row::new("ox-host, again", took)
        .packages(counted(&again, "packages"))
        .note(of_itself(&again));
    for scanner in &bench.scanners {
        let cache = scanner.cache()?;
        let mut sum = Measured::default();
        let mut packages = 0;
        for tag in &tags {
            let reference = bench.reference("apps", tag);
            let Some(run) = scanner.try_run(&reference, Task::Packages, &cache)? else {
                return Ok(());
            };
            packages += scanner.packages(&run.stdout)?.len();
            add(&mut sum, &run);
        }
        let name = format!("{}, {IMAGES} runs", scanner.name());
        rows.push(Row::new(&name, sum).packages(packages as u64));
    }
    rows.push(again);
    write(
        out,
        &format!(
            "{IMAGES} images that share a base, each with a layer of its own; cold, caches kept between them"
        ),
        &rows,
    )?;
    Ok(())
}

/// What an application adds: its packages with their texts.
fn application(number: usize) -> BuiltLayer {
    let mut layer = Layer::new().file(
        "srv/app/package.json",
        format!("{{\"name\":\"app-{number}\",\"version\":\"1.{number}.0\"}}"),
    );
    for package in 0..PACKAGES {
        let folder = format!("srv/app/node_modules/part-{number}-{package}");
        layer = layer
            .file(
                &format!("{folder}/package.json"),
                format!("{{\"name\":\"part-{number}-{package}\",\"version\":\"{package}.0.1\",\"license\":\"MIT\"}}"),
            )
            .generated(&format!("{folder}/index.js"), TEXT as u64, (number * PACKAGES + package) as u64);
    }
    layer.command("COPY . /srv/app").build()
}

//! What memory takes as a layer grows.

use std::io::Write;

use ox_harness::image::{Image, Layer};
use ox_harness::scanners::Task;

use crate::one::of_itself;
use crate::table::{Row, megabytes, write};
use crate::{Bench, path};

/// Bytes of one file of a layer.
const FILE: u64 = 256 << 10;

pub(crate) fn ask(bench: &Bench, out: &mut impl Write, five: bool) -> anyhow::Result<()> {
    let mut sizes = vec![("small", 100_u64), ("large", 1_000)];
    if five {
        sizes.push(("huge", 5_000));
    }
    for (name, megabyte) in sizes {
        let size = {
            let layer = texts(megabyte * 1_000_000).build();
            let image = Image::amd64().layer(&layer).build();
            if !bench.site.open.push(&image, &path(name), "1")? {
                return Ok(());
            }
            image.size
        };
        let (cold, took) = bench.ours_cold(name, 1)?;
        let mut rows = vec![Row::new("ox-host", took).note(of_itself(&cold))];
        let reference = bench.reference(name, "1");
        for scanner in &bench.scanners {
            if let Some(took) = bench.theirs_cold(scanner, Task::Packages, &reference, 1)? {
                rows.push(Row::new(&scanner.name(), took));
            }
        }
        write(
            out,
            &format!(
                "A layer of {megabyte} MB of text files ({} packed)",
                megabytes(size)
            ),
            &rows,
        )?;
    }
    Ok(())
}

fn texts(bytes: u64) -> Layer {
    let mut layer = Layer::new().fast();
    for number in 0..bytes / FILE {
        let path = format!("srv/data/{:03}/{number:06}.txt", number % 500);
        layer = layer.generated(&path, FILE, number);
    }
    layer
}

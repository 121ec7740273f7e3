//! `cargo demo`: a simulated GitLab with a whole organisation, and the real program connected to it.
//!
//! It runs the commands that a person would type, shows each before its output, changes the organisation
//! between two scans, and then opens the console on what came of it, until Ctrl-C. Nothing is left behind.
//!
//! - `--once` ends instead of opening the console.
//! - `--empty` opens a console that nobody has used yet beside the simulated GitLab: connect it yourself.
//! - `--keep FOLDER` keeps the data folder and the reports in a new folder.
//! - `--listen ADDRESS` is where the console listens.

mod console;
mod stage;
mod story;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use ox_harness::component;
use ox_harness::sim::{Modes, acme, northwind};

use stage::{Stage, display, say};

const USAGE: &str = "usage: cargo demo [-- OPTIONS]
  --once            end instead of opening the console
  --empty           no story: a console that nobody has used yet, and a GitLab to connect
  --keep FOLDER     leave data and reports in this new folder
  --listen ADDRESS  where the console listens [default: 127.0.0.1:8470, or a free port where that is taken]";

/// What the demo was asked for.
#[derive(Default)]
struct Wanted {
    once: bool,
    empty: bool,
    keep: Option<PathBuf>,
    listen: Option<SocketAddr>,
}

fn main() -> ExitCode {
    let Some(wanted) = wanted(std::env::args_os().skip(1)) else {
        let _ = writeln!(std::io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    match demo(&wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn wanted(mut arguments: impl Iterator<Item = std::ffi::OsString>) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    while let Some(argument) = arguments.next() {
        match argument.to_str()? {
            // `cargo demo --once` and `cargo demo -- --once` are the same.
            "--" => {}
            "--once" => wanted.once = true,
            "--empty" => wanted.empty = true,
            "--keep" => wanted.keep = Some(PathBuf::from(arguments.next()?)),
            "--listen" => wanted.listen = Some(arguments.next()?.to_str()?.parse().ok()?),
            _ => return None,
        }
    }
    (!(wanted.once && wanted.empty)).then_some(wanted)
}

fn demo(wanted: &Wanted) -> anyhow::Result<()> {
    let connector = component::connector()?;
    let program = component::ox_host()?;
    let began = Instant::now();
    let gitlab = acme::start(Modes::default())?;
    northwind::everyday(&gitlab);
    let temporary = tempfile::tempdir()?;
    let folder = match &wanted.keep {
        None => temporary.path().to_owned(),
        Some(folder) => {
            // A folder that is there is somebody's.
            std::fs::create_dir(folder)
                .with_context(|| format!("can't make {}", folder.display()))?;
            folder.canonicalize()?
        }
    };
    let stage = Stage {
        program,
        connector,
        folder,
    };

    say(&format!(
        "A simulated GitLab 18.5 (Ultimate) listens on {}, its registry on {}.",
        gitlab.base_url(),
        gitlab.registry_host()
    ))?;
    if wanted.empty {
        return console::open_empty(&stage, &gitlab, wanted.listen);
    }
    say("Everything below is the real program, ox-host, with the connector in its sandbox.")?;
    story::tell(&stage, &gitlab)?;
    say(&format!(
        "\nThe demo took {:.1} s.\n\n\
         Next: your own GitLab, as README.md says under \"Connect a GitLab\". The program is {}",
        began.elapsed().as_secs_f64(),
        display(&stage.program)
    ))?;
    if let Some(folder) = &wanted.keep {
        say(&format!(
            "What it did is in {0}: OX_HOST_DATA_DIR={0}/data shows it to ox-host.",
            folder.display()
        ))?;
    }
    if wanted.once {
        return Ok(());
    }
    console::open(&stage, wanted.listen)
}

//! Fuzzing of everything that reads foreign bytes, in the connector (feature `connector`) and in what judges
//! packages (feature `judging`). One program; `OX_FUZZ` names what it fuzzes, `OX_FUZZ=list` lists the names,
//! and with `OX_FUZZ_SEEDS` it writes inputs to begin with into that folder and ends.
#![no_main]

#[cfg(feature = "connector")]
mod archive;
#[cfg(feature = "judging")]
mod judging;
#[cfg(feature = "connector")]
mod memory;
#[cfg(feature = "connector")]
mod pieces;
#[cfg(feature = "connector")]
mod rules;
#[cfg(feature = "connector")]
mod samples;
#[cfg(feature = "connector")]
mod targets;
#[cfg(feature = "judging")]
mod versions;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: begin(), |data: &[u8]| {
    (TARGET.get().expect("begin was called").run)(data);
});

/// What is fuzzed.
pub struct Chosen {
    /// One input.
    pub run: Box<dyn Fn(&[u8]) + Send + Sync>,
    /// Inputs to begin with.
    pub seeds: Box<dyn Fn() -> Vec<Vec<u8>> + Send + Sync>,
}

static TARGET: OnceLock<Chosen> = OnceLock::new();

fn names() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    #[cfg(feature = "connector")]
    names.extend(targets::names());
    #[cfg(feature = "judging")]
    names.extend(judging::TARGETS.iter().map(|target| target.name.to_owned()));
    names
}

fn by_name(name: &str) -> Option<Chosen> {
    let mut found: Option<Chosen> = None;
    #[cfg(feature = "judging")]
    {
        found = found.or_else(|| judging::by_name(name));
    }
    #[cfg(feature = "connector")]
    {
        found = found.or_else(|| targets::by_name(name));
    }
    found
}

/// Does what the environment says: lists, writes seeds, or chooses.
fn begin() {
    let name = std::env::var("OX_FUZZ").unwrap_or_default();
    if name == "list" {
        for name in names() {
            println!("{name}");
        }
        std::process::exit(0);
    }
    let Some(target) = by_name(&name) else {
        eprintln!("OX_FUZZ={name:?} is no target; OX_FUZZ=list names them");
        std::process::exit(2);
    };
    if let Ok(folder) = std::env::var("OX_FUZZ_SEEDS") {
        for (index, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(format!("{folder}/{index}"), seed).expect("the folder is there");
        }
        std::process::exit(0);
    }
    let _ = TARGET.set(target);
}

//! Fuzzing of everything that reads foreign bytes, in the connector and in what judges packages. One program; `OX_FUZZ` names what it
//! fuzzes, `OX_FUZZ=list` lists the names, and with `OX_FUZZ_SEEDS` it writes inputs to begin with into that
//! folder and ends.
#![no_main]

mod archive;
mod memory;
mod pieces;
mod rules;
mod samples;
mod targets;
mod versions;

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: targets::begin(), |data: &[u8]| {
    targets::run(data);
});

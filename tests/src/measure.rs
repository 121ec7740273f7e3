//! Runs a program and says what it took: time on the clock, time on the processors, memory at its peak.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process::collect;

/// Between two looks at a program's memory.
const LOOK: Duration = Duration::from_millis(4);
/// Length of the kernel's tick in /proc, the same on every Linux that runs this.
const TICK: Duration = Duration::from_millis(10);
/// Lines of a failed program's words that are repeated.
const SHOWN_LINES: usize = 10;

/// What a program wrote and used.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// What it wrote.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
    /// From its start to its end.
    pub wall: Duration,
    /// On all processors, its children included. Right only while no other child of ours ends.
    pub cpu: Duration,
    /// Bytes resident at the peak, its children included; 0 where the kernel does not say.
    pub peak: u64,
}

/// Runs a program to its end; any exit code but 0 is an error, and so is taking longer than `limit`.
///
/// # Errors
/// With the program's last words.
pub fn measured(doing: &str, command: &mut Command, limit: Duration) -> anyhow::Result<Measured> {
    let name = command.get_program().to_string_lossy().into_owned();
    let before = cpu_of_children();
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{doing}: can't start {name}"))?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let mut peaks = HashMap::new();
    let status = loop {
        look(child.id(), &mut peaks);
        if let Some(status) = child.try_wait().context(doing.to_owned())? {
            break status;
        }
        if began.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            bail!("{doing}: {name} was not done after {} s", limit.as_secs());
        }
        thread::sleep(LOOK);
    };
    let wall = began.elapsed();
    let result = Measured {
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
        wall,
        cpu: cpu_of_children().saturating_sub(before),
        peak: peaks.values().sum(),
    };
    if !status.success() {
        let lines: Vec<&str> = result.stderr.lines().collect();
        let from = lines.len().saturating_sub(SHOWN_LINES);
        let words = lines.get(from..).unwrap_or_default().join("\n");
        bail!("{doing}: {name} failed ({status})\n{words}");
    }
    Ok(result)
}

/// Notes the most memory that a process and its children have had so far.
fn look(process: u32, peaks: &mut HashMap<u32, u64>) {
    if let Ok(status) = fs::read_to_string(format!("/proc/{process}/status"))
        && let Some(peak) = high_water(&status)
    {
        let known = peaks.entry(process).or_default();
        *known = peak.max(*known);
    }
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return;
    };
    for thread in threads.flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|id| id.parse().ok()) {
            look(child, peaks);
        }
    }
}

/// `VmHWM` of a status file, in bytes.
fn high_water(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Processor time of all children that have ended.
fn cpu_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold anything.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u32>().ok())
        .sum();
    TICK * ticks
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_and_its_child_are_measured() {
        let busy = "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; echo done";
        let took = measured("counting", &mut shell(busy), Duration::from_secs(60)).unwrap();
        assert_eq!(took.stdout, "done\n");
        assert!(took.cpu >= TICK && took.wall >= TICK, "{took:?}");
        assert!(took.peak > 1 << 18, "{took:?}");
    }

    #[test]
    fn a_failure_repeats_the_programs_words_and_a_hang_ends() {
        let limit = Duration::from_secs(30);
        let error = measured("trying", &mut shell("echo no luck >&2; exit 3"), limit).unwrap_err();
        assert!(error.to_string().contains("no luck"), "{error}");
        let short = Duration::from_millis(100);
        let error = measured("waiting", &mut shell("exec sleep 60"), short).unwrap_err();
        assert!(error.to_string().contains("not done"), "{error}");
    }

    #[test]
    fn the_high_water_mark_is_read_from_the_kernels_words() {
        assert_eq!(
            high_water("Name:\tsh\nVmHWM:\t    1912 kB\n"),
            Some(1912 << 10)
        );
        assert_eq!(high_water("Name:\tsh\n"), None);
    }
}

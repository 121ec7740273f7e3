//! Programs that the harness runs: bounded in time, quiet while they are quick, and with their own words
//! in the error when they fail.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Until a person would wonder what is going on.
const QUIET: Duration = Duration::from_secs(2);
/// Between two looks at a program that runs.
const STEP: Duration = Duration::from_millis(20);
/// Lines of a failed program's words that are repeated.
const SHOWN_LINES: usize = 40;

/// Runs a program to its end and answers what it wrote to stdout.
///
/// `doing` is said on stderr when it takes longer than a moment. After `limit` the program is ended, and
/// that is an error, as is any exit code but 0.
pub(crate) fn run(doing: &str, command: &mut Command, limit: Duration) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{doing}: can't start {name}"))?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = wait(&mut child, doing, limit);
    let stdout = stdout.join().unwrap_or_default();
    let stderr = stderr.join().unwrap_or_default();
    let status = status?;
    if !status.success() {
        let lines: Vec<&str> = stderr.lines().collect();
        let from = lines.len().saturating_sub(SHOWN_LINES);
        let words = lines.get(from..).unwrap_or_default().join("\n");
        bail!("{doing}: {name} failed ({status})\n{words}");
    }
    Ok(stdout)
}

/// True when the program can be started at all.
pub(crate) fn exists(program: &str) -> bool {
    let quiet = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}

fn wait(child: &mut Child, doing: &str, limit: Duration) -> anyhow::Result<ExitStatus> {
    let begin = Instant::now();
    let mut said = false;
    loop {
        if let Some(status) = child.try_wait().context(doing.to_owned())? {
            return Ok(status);
        }
        if !said && begin.elapsed() > QUIET {
            eprintln!("{doing} …");
            said = true;
        }
        if begin.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            bail!("{doing}: not done after {} s", limit.as_secs());
        }
        thread::sleep(STEP);
    }
}

/// Reads in a thread of its own, so that a full pipe stops nothing.
pub(crate) fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What could be read until then is all there is to say.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
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
    fn a_failed_program_is_quoted() {
        let error = run("trying", &mut shell("echo no such luck >&2; exit 3"), QUIET)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("trying") && error.contains("no such luck") && error.contains('3'),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let begin = Instant::now();
        let error = run(
            "waiting",
            &mut shell("exec sleep 60"),
            Duration::from_millis(100),
        )
        .unwrap_err();
        assert!(error.to_string().contains("not done"), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_it_writes_is_answered_however_much_it_is() {
        let much = run(
            "writing",
            &mut shell("yes line | head -n 100000"),
            Duration::from_secs(30),
        )
        .unwrap();
        assert_eq!(much.lines().count(), 100_000);
    }
}

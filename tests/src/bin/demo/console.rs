//! The end of the demo: the console over the data of the story, or over none.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use ox_harness::advisories::{self, Edition};
use ox_harness::sim::{Running, acme};

use super::stage::{Stage, say};

/// Where the console is when nobody says otherwise and the port is free.
const USUAL: &str = "127.0.0.1:8470";
/// Bytes of the demo's password, before they are written in letters.
const PASSWORD_BYTES: usize = 9;
/// Between two looks whether the daemon is still there.
const LOOK: Duration = Duration::from_millis(500);

/// Opens the console over what the story left, with an account that can do everything.
pub(crate) fn open(stage: &Stage, listen: Option<SocketAddr>) -> anyhow::Result<()> {
    install(stage)?;
    let password = password()?;
    let mut add = command(
        stage,
        &[
            "users",
            "add",
            "demo",
            "--role",
            "admin",
            "--password-stdin",
        ],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::null())
    .spawn()?;
    if let Some(mut stdin) = add.stdin.take() {
        writeln!(stdin, "{password}")?;
    }
    if !add.wait()?.success() {
        bail!("the console's account could not be made");
    }
    let daemon = Daemon::start(stage, listen, false)?;
    say(&format!(
        "\nThe console is open on all of this: {}\n  name      demo\n  password  {password}\n\
         Ctrl-C ends the demo and deletes what it made.",
        daemon.address
    ))?;
    daemon.wait()
}

/// Opens a console that nobody has used yet. Only advisories are there, so that a scan has something to match.
pub(crate) fn open_empty(
    stage: &Stage,
    gitlab: &Running,
    listen: Option<SocketAddr>,
) -> anyhow::Result<()> {
    install(stage)?;
    let advisories = stage.folder.join("advisories");
    std::fs::create_dir_all(&advisories)?;
    advisories::write(&advisories, Edition::First, &[])?;
    let folder = advisories.display().to_string();
    let imported = command(stage, &["--quiet", "advisories", "import", &folder]).output()?;
    if !imported.status.success() {
        bail!(
            "the advisories could not be imported: {}",
            String::from_utf8_lossy(&imported.stderr)
        );
    }
    let daemon = Daemon::start(stage, listen, true)?;
    say(&format!(
        "The console is at {}\nMake the first account:\n  {}\nThen connect this GitLab:\n  Host URL  {}\n  \
         Token     {}\nCtrl-C ends it and deletes what was made.",
        daemon.address,
        daemon.first_run.as_deref().unwrap_or_default(),
        gitlab.base_url(),
        acme::TOKEN
    ))?;
    daemon.wait()
}

/// The connector is installed, so that its versions can be looked at and swapped.
fn install(stage: &Stage) -> anyhow::Result<()> {
    let file = stage.connector.display().to_string();
    let status = command(stage, &["plugin", "install", &file])
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        bail!("the connector could not be installed");
    }
    Ok(())
}

fn command(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = stage.command(arguments);
    command
        .env_remove("OX_HOST_PLUGIN")
        .env_remove("GITLAB_TOKEN");
    command
}

fn password() -> anyhow::Result<String> {
    use ring::rand::SecureRandom;
    let mut bytes = [0; PASSWORD_BYTES];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gave no random bytes"))?;
    Ok(format!(
        "demo-{}",
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    ))
}

/// `ox-host serve`, ended with the demo.
struct Daemon {
    child: Child,
    /// Where the console is.
    address: String,
    /// The link for the first account, where it was waited for.
    first_run: Option<String>,
}

impl Daemon {
    /// Starts it, and waits until it says where it is. A fresh one says, too, where the first account is made.
    fn start(stage: &Stage, listen: Option<SocketAddr>, fresh: bool) -> anyhow::Result<Self> {
        let listen = match listen {
            Some(listen) => listen.to_string(),
            None if TcpListener::bind(USUAL).is_ok() => USUAL.to_owned(),
            None => "127.0.0.1:0".to_owned(),
        };
        let mut child = command(
            stage,
            &["serve", "--log-level", "warn", "--listen", &listen],
        )
        .stderr(Stdio::piped())
        .spawn()
        .context("ox-host serve did not start")?;
        let stderr = child.stderr.take().context("ox-host has no stderr")?;
        let mut daemon = Self {
            child,
            address: String::new(),
            first_run: None,
        };
        let mut lines = BufReader::new(stderr);
        let mut said = String::new();
        while daemon.address.is_empty() || (fresh && daemon.first_run.is_none()) {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                bail!("ox-host serve ended: {said}");
            }
            let link = line.find("http://").and_then(|at| line.get(at..));
            match link.map(str::trim) {
                Some(link) if link.contains("/setup?") => daemon.first_run = Some(link.to_owned()),
                Some(link) if daemon.address.is_empty() => daemon.address = link.to_owned(),
                _ => {}
            }
            said.push_str(&line);
        }
        // What it says from now on is shown as it is.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::stderr()));
        Ok(daemon)
    }

    /// Waits for Ctrl-C (or the daemon's own end), and lets the daemon end in order.
    fn wait(mut self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mut ended =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            let mut look = tokio::time::interval(LOOK);
            loop {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => break,
                    _ = ended.recv() => break,
                    _ = look.tick() => {
                        if let Some(status) = self.child.try_wait()? {
                            bail!("ox-host serve ended with {status}");
                        }
                    }
                }
            }
            anyhow::Ok(())
        })?;
        // Ctrl-C reached it too; a signal to the demo alone did not.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

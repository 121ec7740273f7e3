//! Real programs to test against: a `docker-registry` process, `skopeo`, Debian roots, other scanners.
//!
//! Where one is absent, a test says so and passes, unless `OX_PEERS=required` (CI sets it).

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::image::Artefact;
use crate::sim::{GitLab, Modes, Organisation, Registry, Running};

/// How long a process may take until it listens.
const START: Duration = Duration::from_secs(20);

/// The program of that name, or a printed line and none. An error where CI requires it.
pub fn program(name: &str) -> anyhow::Result<Option<PathBuf>> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .chain(["/usr/bin", "/usr/sbin", "/usr/local/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    match found {
        Some(path) => Ok(Some(path)),
        None => absent(&format!("{name} is not installed")).map(|()| None),
    }
}

/// Says that something is absent; an error where CI requires it.
#[expect(
    clippy::print_stderr,
    reason = "what a test that skips owes its reader"
)]
pub fn absent(what: &str) -> anyhow::Result<()> {
    if std::env::var_os("OX_PEERS").is_some_and(|value| value == "required") {
        bail!("{what}, and OX_PEERS=required");
    }
    eprintln!("skipped: {what}");
    Ok(())
}

/// A real Debian root file system, and what `dpkg-query` says of it.
#[derive(Clone, Debug)]
pub struct DebianRoot {
    /// Codename (`bookworm`).
    pub suite: String,
    /// The folder.
    pub root: PathBuf,
    /// `name version architecture source source-version`, one line a package, sorted.
    pub packages: Vec<String>,
}

/// The roots that `tests/peers/debian-root` made in `OX_DEBIAN_ROOTS`.
pub fn debian_root(suite: &str) -> anyhow::Result<Option<DebianRoot>> {
    let Some(folder) = std::env::var_os("OX_DEBIAN_ROOTS").map(PathBuf::from) else {
        return absent("OX_DEBIAN_ROOTS names no folder with Debian roots").map(|()| None);
    };
    let list = folder.join(format!("{suite}.packages"));
    let text = std::fs::read_to_string(&list).with_context(|| {
        format!(
            "{} is not there; make it with tests/peers/debian-root",
            list.display()
        )
    })?;
    let packages = text.lines().map(str::to_owned).collect();
    Ok(Some(DebianRoot {
        suite: suite.to_owned(),
        root: folder.join(suite),
        packages,
    }))
}

/// A port of 127.0.0.1 that was free a moment ago.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A `docker-registry` process. Ends with the value.
pub struct DockerRegistry {
    process: Child,
    port: u16,
    folder: PathBuf,
    _own: Option<tempfile::TempDir>,
}

/// Where a registry sends its clients for a token.
pub struct TokenService {
    /// `http://127.0.0.1:…/jwt/auth`.
    pub realm: String,
    /// `iss` of its tokens.
    pub issuer: String,
    /// PEM certificate whose key signs them.
    pub certificate: String,
}

impl TokenService {
    /// A simulated GitLab's.
    pub fn of(gitlab: &Running) -> Self {
        Self {
            realm: format!("{}/jwt/auth", gitlab.base_url()),
            issuer: "gitlab-issuer".to_owned(),
            certificate: gitlab.token_certificate_pem(),
        }
    }
}

/// A simulated GitLab whose registry is a real one, which takes its tokens and nothing else.
pub struct Installation {
    /// GitLab: REST, GraphQL and the token service.
    pub gitlab: Running,
    /// What the connector reads from.
    pub guarded: DockerRegistry,
    /// The same blobs, open to everyone: for pushing, and for clients without an account.
    pub open: DockerRegistry,
}

impl Installation {
    /// Starts all three processes; none where `docker-registry` is absent.
    pub fn start(organisation: Organisation) -> anyhow::Result<Option<Self>> {
        let Some(open) = DockerRegistry::open()? else {
            return Ok(None);
        };
        let port = free_port()?;
        let modes = Modes {
            registry: Registry::External(format!("127.0.0.1:{port}")),
            ..Modes::default()
        };
        let gitlab = GitLab::start(organisation, modes)?;
        let guarded = open.guarded(port, &TokenService::of(&gitlab))?;
        Ok(Some(Self {
            gitlab,
            guarded,
            open,
        }))
    }
}

impl DockerRegistry {
    /// An open registry on a fresh folder: whoever reaches it may push.
    pub fn open() -> anyhow::Result<Option<Self>> {
        let Some(program) = program("docker-registry")? else {
            return Ok(None);
        };
        let own = tempfile::tempdir()?;
        let folder = own.path().to_owned();
        let mut registry = Self::start(&program, &folder, free_port()?, None)?;
        registry._own = Some(own);
        Ok(Some(registry))
    }

    /// A second process over the same folder, on `port`, that asks for the service's tokens.
    pub fn guarded(&self, port: u16, service: &TokenService) -> anyhow::Result<Self> {
        let program = program("docker-registry")?.context("docker-registry went away")?;
        Self::start(&program, &self.folder, port, Some(service))
    }

    fn start(
        program: &Path,
        folder: &Path,
        port: u16,
        service: Option<&TokenService>,
    ) -> anyhow::Result<Self> {
        let config = folder.join(format!("config-{port}.yml"));
        let mut text = format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: {}\n  \
             cache:\n    blobdescriptor: inmemory\nhttp:\n  addr: 127.0.0.1:{port}\n",
            folder.join("data").display()
        );
        if let Some(service) = service {
            let bundle = folder.join(format!("token-{port}.pem"));
            std::fs::write(&bundle, &service.certificate)?;
            text.push_str(&format!(
                "auth:\n  token:\n    realm: {}\n    service: container_registry\n    issuer: {}\n    rootcertbundle: {}\n",
                service.realm,
                service.issuer,
                bundle.display()
            ));
        }
        std::fs::write(&config, text)?;
        let process = Command::new(program)
            .arg("serve")
            .arg(&config)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("docker-registry did not start")?;
        let mut registry = Self {
            process,
            port,
            folder: folder.to_owned(),
            _own: None,
        };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = registry.process.try_wait()? {
                bail!("docker-registry ended at once: {status}");
            }
            if began.elapsed() > START {
                bail!(
                    "docker-registry does not listen after {} s",
                    START.as_secs()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(registry)
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Pushes with `skopeo`, through its `dir:` layout. False where skopeo is absent.
    pub fn push(&self, artefact: &Artefact, repository: &str, tag: &str) -> anyhow::Result<bool> {
        self.push_as(None, artefact, repository, tag)
    }

    /// As [`Self::push`], signed in as `user:secret`.
    pub fn push_as(
        &self,
        credentials: Option<&str>,
        artefact: &Artefact,
        repository: &str,
        tag: &str,
    ) -> anyhow::Result<bool> {
        let Some(skopeo) = program("skopeo")? else {
            return Ok(false);
        };
        let folder = tempfile::tempdir()?;
        std::fs::write(
            folder.path().join("version"),
            "Directory Transport Version: 1.1\n",
        )?;
        std::fs::write(folder.path().join("manifest.json"), &artefact.manifest)?;
        for blob in &artefact.blobs {
            let hex = blob
                .digest
                .split_once(':')
                .map_or(blob.digest.as_str(), |(_, hex)| hex);
            std::fs::write(folder.path().join(hex), &blob.bytes)?;
        }
        let mut command = Command::new(skopeo);
        command.env("no_proxy", "127.0.0.1").args([
            "copy",
            "--quiet",
            "--insecure-policy",
            "--dest-tls-verify=false",
            "--preserve-digests",
        ]);
        if let Some(credentials) = credentials {
            command.args(["--dest-creds", credentials]);
        }
        let output = command
            .arg(format!("dir:{}", folder.path().display()))
            .arg(format!("docker://{}/{repository}:{tag}", self.host()))
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            bail!("skopeo: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(true)
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // It is ours, started above; a process that has ended already needs no more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

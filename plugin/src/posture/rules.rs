//! What is a fault of an image's set-up, as data: one table, from which the README's is made.

use crate::contract::Severity;

/// Where the benchmark can be had.
pub const CIS_URL: &str = "https://www.cisecurity.org/benchmark/docker";

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable; part of the id of its findings.
    pub id: &'static str,
    /// What is the matter, as a title.
    pub title: &'static str,
    /// What it is worth by itself; what was found may make it worth more or less.
    pub severity: Severity,
    /// Why it matters, in one sentence.
    pub why: &'static str,
    /// What to do, in one sentence or two, with the line to write.
    pub remedy: &'static str,
    /// Number in the CIS Docker Benchmark. Those of section 4 are the same since version 1.2; those of
    /// section 5 are of version 1.6.
    pub cis: Option<&'static str>,
    /// Number in the Common Weakness Enumeration.
    pub cwe: Option<u32>,
}

/// All rules, in the order in which findings are told.
pub static RULES: &[&Rule] = &[
    &ROOT_USER,
    &OS_ENDED,
    &OS_ENDS_SOON,
    &OLD_BASE,
    &UNSIGNED,
    &LATEST_ONLY,
    &SET_UID_SHELL,
    &SET_UID,
    &SET_UID_BASE,
    &WORLD_WRITABLE,
    &CHMOD_777,
    &PIPE_TO_SHELL,
    &ADD_URL,
    &ADD_NOT_COPY,
    &SSH_SERVER,
    &SSH_HOST_KEY,
    &DOCKER_SOCKET,
    &SHELL_HISTORY,
    &GIT_FOLDER,
    &PRIVILEGED_PORT,
    &PACKAGE_CACHE,
    &NO_HEALTHCHECK,
];

/// The container's processes are root.
pub static ROOT_USER: Rule = Rule {
    id: "root-user",
    title: "The image runs as root",
    severity: Severity::Medium,
    why: "A process that is taken over then has every right inside the container, and a fault of the runtime or a \
          mounted folder gives it rights outside.",
    remedy: "Make a user and change to it before CMD: `RUN useradd --system --uid 10001 app` and `USER 10001`. A \
             number lets Kubernetes check it (runAsNonRoot).",
    cis: Some("4.1"),
    cwe: Some(250),
};

/// No more fixes.
pub static OS_ENDED: Rule = Rule {
    id: "os-end-of-life",
    title: "The operating system is past its end of life",
    severity: Severity::High,
    why: "Its packages get no security fixes any more, so what is found in them from now on stays.",
    remedy: "Build on a release that is supported: change the tag in `FROM` and rebuild.",
    cis: Some("4.4"),
    cwe: Some(1104),
};

/// Soon no more fixes.
pub static OS_ENDS_SOON: Rule = Rule {
    id: "os-end-of-life-near",
    title: "The operating system is near its end of life",
    severity: Severity::Low,
    why: "After that day its packages get no security fixes.",
    remedy: "Plan the change of the tag in `FROM` to a newer release.",
    cis: Some("4.4"),
    cwe: Some(1104),
};

/// Nobody has rebuilt it.
pub static OLD_BASE: Rule = Rule {
    id: "old-base",
    title: "The base image is old",
    severity: Severity::Low,
    why: "A base image brings fixes only when it is pulled anew; this one has none that came out since.",
    remedy: "Rebuild with the present base image: `docker build --pull`, and on a schedule.",
    cis: Some("4.4"),
    cwe: Some(1104),
};

/// Others beside it are signed.
pub static UNSIGNED: Rule = Rule {
    id: "unsigned",
    title: "The image is not signed, and others of its repository are",
    severity: Severity::Medium,
    why: "Where images are signed, one without a signature may not come from the same build.",
    remedy: "Find out who pushed it; sign it in the pipeline that builds it (`cosign sign`) or delete it.",
    cis: Some("4.5"),
    cwe: Some(345),
};

/// Nothing says which image it is.
pub static LATEST_ONLY: Rule = Rule {
    id: "latest-only",
    title: "The image has no tag but latest",
    severity: Severity::Low,
    why: "What runs then can't be told from what was tested, and there is no tag to go back to.",
    remedy: "Push it with a tag that never moves, too: `docker push IMAGE:$CI_COMMIT_SHORT_SHA`.",
    cis: None,
    cwe: None,
};

/// Root for everybody.
pub static SET_UID_SHELL: Rule = Rule {
    id: "set-uid-shell",
    title: "A set-uid program gives root to everybody",
    severity: Severity::High,
    why: "Who starts it as any user runs commands, or reads and writes files, as root.",
    remedy: "Take the bit away in the step that sets it: `RUN chmod u-s FILE`, or leave out its `chmod u+s`.",
    cis: Some("4.8"),
    cwe: Some(250),
};

/// More set-uid programs than needed.
pub static SET_UID: Rule = Rule {
    id: "set-uid",
    title: "Set-uid or set-gid programs were added to the base image",
    severity: Severity::Low,
    why: "A fault in one of them gives its owner's rights to whoever is in the container.",
    remedy: "Take the bits away where nothing needs them, in the step that installs them: `RUN chmod a-s FILE`; run \
             with `--security-opt no-new-privileges`.",
    cis: Some("4.8"),
    cwe: Some(250),
};

/// Those that came with the distribution.
pub static SET_UID_BASE: Rule = Rule {
    id: "set-uid-base",
    title: "The base image brings set-uid or set-gid programs",
    severity: Severity::Info,
    why: "A fault in one of them gives its owner's rights to whoever is in the container.",
    remedy: "Where nothing needs them: `RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +`, or run with \
             `--security-opt no-new-privileges`.",
    cis: Some("4.8"),
    cwe: Some(250),
};

/// Everybody may change it.
pub static WORLD_WRITABLE: Rule = Rule {
    id: "world-writable",
    title: "Files or folders that everybody may write",
    severity: Severity::Low,
    why: "Any process in the container can change them, whatever user it runs as.",
    remedy: "Give them to the user that writes them: `COPY --chown=10001:10001 …`, or `RUN chmod o-w FILE` in the \
             step that makes them.",
    cis: None,
    cwe: Some(732),
};

/// As the history says; the files could not all be seen.
pub static CHMOD_777: Rule = Rule {
    id: "chmod-777",
    title: "A step lets everybody write files",
    severity: Severity::Low,
    why: "Any process in the container can change them, whatever user it runs as.",
    remedy: "Give the files to the user that writes them: `COPY --chown=10001:10001 …` instead of `chmod 777`.",
    cis: None,
    cwe: Some(732),
};

/// Whatever is there today runs as root in the build.
pub static PIPE_TO_SHELL: Rule = Rule {
    id: "pipe-to-shell",
    title: "A step runs a script straight from the network",
    severity: Severity::Low,
    why: "What the image holds depends on what the other side answers that day, and nobody has checked it.",
    remedy: "Download it, check it and then run it: `ADD --checksum=sha256:… URL /tmp/install.sh`.",
    cis: Some("4.11"),
    cwe: Some(494),
};

/// Not checked.
pub static ADD_URL: Rule = Rule {
    id: "add-url",
    title: "ADD fetches from the network without a checksum",
    severity: Severity::Low,
    why: "Nothing makes sure that the file is the one that was meant.",
    remedy: "Say what it has to be: `ADD --checksum=sha256:… URL TARGET` (a commit for Git), or keep the file with \
             the source and `COPY` it.",
    cis: Some("4.9"),
    cwe: Some(494),
};

/// It does more than copy.
pub static ADD_NOT_COPY: Rule = Rule {
    id: "add-not-copy",
    title: "ADD where COPY would do",
    severity: Severity::Info,
    why: "ADD unpacks archives and fetches addresses, which a file of that name may turn into one day.",
    remedy: "Write `COPY` instead of `ADD` for files of the build context.",
    cis: Some("4.9"),
    cwe: None,
};

/// A way in.
pub static SSH_SERVER: Rule = Rule {
    id: "ssh-server",
    title: "The image holds an SSH server",
    severity: Severity::Low,
    why: "It is a way in beside the one that the platform guards and logs, with keys and passwords of its own.",
    remedy: "Leave it out, and use `docker exec` or `kubectl exec`: remove openssh-server and `EXPOSE 22`.",
    cis: Some("5.7"),
    cwe: None,
};

/// The same key for every container.
pub static SSH_HOST_KEY: Rule = Rule {
    id: "ssh-host-key",
    title: "Private host keys of an SSH server are in the image",
    severity: Severity::Medium,
    why: "Every container then has the same keys, and who can pull the image can pass for each of them.",
    remedy: "Remove them in the step that installs the server (`rm -f /etc/ssh/ssh_host_*_key`) and make new ones \
             when a container starts (`ssh-keygen -A`).",
    cis: None,
    cwe: Some(321),
};

/// The key to the host.
pub static DOCKER_SOCKET: Rule = Rule {
    id: "docker-socket",
    title: "The image expects the socket of Docker",
    severity: Severity::Medium,
    why: "Who can write to that socket is root on the host.",
    remedy: "Leave out the `VOLUME`; where the image has to start containers, give it a proxy that allows what it \
             needs only.",
    cis: None,
    cwe: Some(250),
};

/// What somebody typed.
pub static SHELL_HISTORY: Rule = Rule {
    id: "shell-history",
    title: "The history of a shell is in the image",
    severity: Severity::Low,
    why: "It tells what somebody typed while the image was made: names, addresses, and often passwords.",
    remedy: "Build from a Dockerfile instead of a container that was committed, and list the file in .dockerignore.",
    cis: None,
    cwe: Some(538),
};

/// The source and all that it ever held.
pub static GIT_FOLDER: Rule = Rule {
    id: "git-folder",
    title: "A Git repository is in the image",
    severity: Severity::Low,
    why: "It holds every version of every file, with what was removed from the present one.",
    remedy: "List `.git` in .dockerignore, or copy only what the program needs.",
    cis: None,
    cwe: Some(527),
};

/// Needs a right that it should not have.
pub static PRIVILEGED_PORT: Rule = Rule {
    id: "privileged-port",
    title: "The image listens on ports below 1024",
    severity: Severity::Info,
    why: "Where the platform does not allow it, a process has to be root, or have a capability, to open them.",
    remedy: "Listen on a higher port and map it: `EXPOSE 8080` and `docker run --publish 80:8080`.",
    cis: Some("5.8"),
    cwe: None,
};

/// Nobody needs them.
pub static PACKAGE_CACHE: Rule = Rule {
    id: "package-cache",
    title: "Caches of package managers are in the image",
    severity: Severity::Info,
    why: "They make the image larger and serve nothing when it runs.",
    remedy: "Remove them in the same `RUN` that fills them, because a later step makes the image no smaller; or keep \
             them out of it with `RUN --mount=type=cache`.",
    cis: None,
    cwe: None,
};

/// Docker does not notice a process that hangs.
pub static NO_HEALTHCHECK: Rule = Rule {
    id: "no-healthcheck",
    title: "The image has no HEALTHCHECK",
    severity: Severity::Info,
    why: "Docker and Swarm then take a process that hangs for a healthy one. Kubernetes has probes of its own.",
    remedy: "Say how to tell: `HEALTHCHECK CMD curl --fail http://localhost:8080/health || exit 1`.",
    cis: Some("4.6"),
    cwe: None,
};

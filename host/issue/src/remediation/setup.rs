//! What to write instead, for each rule of the connector about how an image is made.

/// The remedy of a rule.
pub(super) struct Remedy {
    /// Id of the rule.
    rule: &'static str,
    /// One sentence or two.
    pub(super) summary: &'static str,
    /// The line of the Dockerfile; `FILE` stands for the first file that was told.
    pub(super) line: Option<&'static str>,
    /// The base image is what has to change.
    pub(super) is_about_base: bool,
}

const fn line(rule: &'static str, summary: &'static str, line: &'static str) -> Remedy {
    Remedy {
        rule,
        summary,
        line: Some(line),
        is_about_base: false,
    }
}

const fn base(rule: &'static str, summary: &'static str) -> Remedy {
    Remedy {
        rule,
        summary,
        line: None,
        is_about_base: true,
    }
}

/// The remedy of a rule, when it is known.
pub(super) fn of(rule: &str) -> Option<&'static Remedy> {
    ALL.iter().find(|one| one.rule == rule)
}

static ALL: &[Remedy] = &[
    line(
        "root-user",
        "Make a user and change to it before CMD. A number lets Kubernetes check it (runAsNonRoot).",
        "RUN useradd --system --uid 10001 app\nUSER 10001",
    ),
    base(
        "os-end-of-life",
        "Move to a release that still gets fixes: change the tag in FROM and rebuild.",
    ),
    base(
        "os-end-of-life-near",
        "Plan the move to a newer release: change the tag in FROM before the day that is told.",
    ),
    Remedy {
        rule: "old-base",
        summary: "Rebuild on the present base image, and on a schedule from now on.",
        line: Some("docker build --pull ."),
        is_about_base: true,
    },
    line(
        "unsigned",
        "Find out who pushed the image. Sign it in the pipeline that builds it, or delete it.",
        "cosign sign \"$CI_REGISTRY_IMAGE@$IMAGE_DIGEST\"",
    ),
    line(
        "latest-only",
        "Push the image with a tag that never moves, too, and run that.",
        "docker push \"$CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA\"",
    ),
    line(
        "set-uid-shell",
        "Take the set-uid bit away in the step that sets it: who starts the program becomes root.",
        "RUN chmod a-s FILE",
    ),
    line(
        "set-uid",
        "Take the set-uid and set-gid bits away where nothing needs them, in the step that installs the programs.",
        "RUN chmod a-s FILE",
    ),
    line(
        "set-uid-base",
        "Take the set-uid and set-gid bits of the base image's programs away where nothing needs them, or run the \
         container with no-new-privileges.",
        "RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +",
    ),
    line(
        "world-writable",
        "Give the files to the user that writes them, in the step that makes them.",
        "RUN chmod o-w FILE",
    ),
    line(
        "chmod-777",
        "Give the files to the user that writes them, instead of opening them to everybody.",
        "COPY --chown=10001:10001 SOURCE TARGET",
    ),
    line(
        "pipe-to-shell",
        "Fetch the script with its checksum and then run it, instead of piping it into a shell.",
        "ADD --checksum=sha256:DIGEST URL /tmp/install.sh",
    ),
    line(
        "add-url",
        "Say which file it has to be (for Git, the commit), or keep it with the source and COPY it.",
        "ADD --checksum=sha256:DIGEST URL TARGET",
    ),
    line(
        "add-not-copy",
        "Write COPY for files of the build context.",
        "COPY SOURCE TARGET",
    ),
    line(
        "ssh-server",
        "Leave the SSH server out; `docker exec` and `kubectl exec` lead into a container and are logged.",
        "RUN apt-get purge -y openssh-server",
    ),
    line(
        "ssh-host-key",
        "Remove the keys in the step that installs the server, and make new ones when a container starts. Take those \
         that are in the image as known.",
        "RUN rm -f /etc/ssh/ssh_host_*_key*",
    ),
    Remedy {
        rule: "docker-socket",
        summary: "Leave out the VOLUME of Docker's socket. Where the image has to start containers, give it a proxy \
                  that allows no more than that.",
        line: None,
        is_about_base: false,
    },
    Remedy {
        rule: "shell-history",
        summary: "Build from a Dockerfile instead of a container that was committed, list the file in \
                  .dockerignore, and replace the passwords that it tells.",
        line: None,
        is_about_base: false,
    },
    line(
        "git-folder",
        "List .git in .dockerignore, or copy only what the program needs: the folder holds what was removed, too.",
        "echo .git >> .dockerignore",
    ),
    line(
        "privileged-port",
        "Listen on a port above 1023 and map it when the container runs.",
        "EXPOSE 8080",
    ),
    line(
        "package-cache",
        "Remove the caches in the RUN that fills them (a later one makes the image no smaller), or keep them out of \
         it.",
        "RUN --mount=type=cache,target=/var/cache/apt apt-get install -y PACKAGE",
    ),
    line(
        "no-healthcheck",
        "Say how to tell that the program works. Kubernetes has probes of its own.",
        "HEALTHCHECK CMD curl --fail http://localhost:8080/health || exit 1",
    ),
];

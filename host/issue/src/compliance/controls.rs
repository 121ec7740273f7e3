//! The controls that an issue of an image can touch, as data. The numbers are the standards' own, the words
//! are ours.

use super::When::{
    All, Any, AtLeast, Below, Exploited, HasFix, Is, Library, Malicious, Rules as Of,
};
use super::{Rule, Standard, When};
use crate::Severity;
use crate::facts::Kind::{Licence, Misconfiguration, Secret, Vulnerability};

const fn rule(control: &'static str, asks: &'static str, when: When) -> Rule {
    Rule {
        control,
        asks,
        when,
    }
}

/// All standards, in the order in which issues show them.
pub static STANDARDS: &[Standard] = &[
    Standard {
        id: "cis-docker",
        name: "CIS Docker 1.6.0",
        title: "CIS Docker Benchmark 1.6.0",
        url: "https://www.cisecurity.org/benchmark/docker",
        controls: CIS,
    },
    Standard {
        id: "nist-ssdf",
        name: "NIST SSDF 1.1",
        title: "NIST SP 800-218, Secure Software Development Framework 1.1",
        url: "https://doi.org/10.6028/NIST.SP.800-218",
        controls: SSDF,
    },
    Standard {
        id: "pci-dss",
        name: "PCI DSS 4.0.1",
        title: "Payment Card Industry Data Security Standard 4.0.1",
        url: "https://www.pcisecuritystandards.org/document_library/",
        controls: PCI,
    },
    Standard {
        id: "iso-27001",
        name: "ISO/IEC 27001:2022",
        title: "ISO/IEC 27001:2022, Annex A",
        url: "https://www.iso.org/standard/27001",
        controls: ISO,
    },
];

/// What gives more rights than needed.
const RIGHTS: &[&str] = &[
    "root-user",
    "set-uid-shell",
    "set-uid",
    "set-uid-base",
    "world-writable",
    "chmod-777",
];

static CIS: &[Rule] = &[
    rule(
        "4.1",
        "the container runs as a user of its own, not as root",
        Of(&["root-user"]),
    ),
    rule(
        "4.2",
        "base images come from a source that is trusted and looked after",
        Any(&[Malicious, Of(&["os-end-of-life"])]),
    ),
    rule(
        "4.3",
        "the image holds no packages that it does not need",
        Of(&["ssh-server", "package-cache"]),
    ),
    rule(
        "4.4",
        "images are scanned, and rebuilt with the security fixes that there are",
        Any(&[
            All(&[Is(Vulnerability), HasFix]),
            Of(&["os-end-of-life", "os-end-of-life-near", "old-base"]),
        ]),
    ),
    rule(
        "4.5",
        "images are signed, and only signed ones are run",
        Of(&["unsigned"]),
    ),
    rule(
        "4.6",
        "the image says how to tell whether it is healthy",
        Of(&["no-healthcheck"]),
    ),
    rule(
        "4.8",
        "programs have no set-uid or set-gid bit without need",
        Of(&["set-uid-shell", "set-uid", "set-uid-base"]),
    ),
    rule(
        "4.9",
        "files come into the image by COPY, not by ADD",
        Of(&["add-url", "add-not-copy"]),
    ),
    rule(
        "4.10",
        "no secrets are put into the image by its Dockerfile",
        Any(&[Is(Secret), Of(&["ssh-host-key"])]),
    ),
    rule(
        "4.11",
        "only packages are installed whose origin was checked",
        Any(&[Malicious, Of(&["pipe-to-shell"])]),
    ),
    rule(
        "4.12",
        "signatures are checked of what is signed",
        Of(&["unsigned"]),
    ),
    rule(
        "5.7",
        "no SSH server runs in the container",
        Of(&["ssh-server"]),
    ),
    rule(
        "5.8",
        "the container opens no ports below 1024 without need",
        Of(&["privileged-port"]),
    ),
];

static SSDF: &[Rule] = &[
    rule(
        "PO.5.1",
        "the environments in which software is made are kept apart and protected, with what opens them",
        Is(Secret),
    ),
    rule(
        "PS.1.1",
        "code is open only to those who need it",
        Of(&["git-folder", "shell-history"]),
    ),
    rule(
        "PS.2.1",
        "those who get a release can check that it is whole and genuine",
        Of(&["unsigned"]),
    ),
    rule(
        "PS.3.1",
        "each release is kept, and can be told from the others",
        Of(&["latest-only"]),
    ),
    rule(
        "PW.4.1",
        "components of others are well secured when they are taken in",
        Any(&[
            Is(Vulnerability),
            Of(&["os-end-of-life", "os-end-of-life-near", "old-base"]),
        ]),
    ),
    rule(
        "PW.4.4",
        "components of others are checked against what is asked of them, as long as they are used",
        Any(&[
            Is(Vulnerability),
            Is(Licence),
            Of(&["pipe-to-shell", "add-url"]),
        ]),
    ),
    rule(
        "PW.9.1",
        "settings are secure as they are delivered, and don't weaken what they run in",
        Is(Misconfiguration),
    ),
    rule(
        "RV.1.1",
        "word of vulnerabilities in the software and its components is gathered and followed up",
        Is(Vulnerability),
    ),
    rule(
        "RV.2.1",
        "each vulnerability is looked at closely enough to plan what to do",
        All(&[Is(Vulnerability), AtLeast(Severity::Medium)]),
    ),
    rule(
        "RV.2.2",
        "what was planned against a vulnerability is done",
        Any(&[
            All(&[Is(Vulnerability), HasFix]),
            All(&[Is(Vulnerability), Exploited]),
        ]),
    ),
];

static PCI: &[Rule] = &[
    rule(
        "2.2.1",
        "systems are set up by a standard that leaves no known weakness open",
        Is(Misconfiguration),
    ),
    rule(
        "2.2.4",
        "only the services, programs and functions that are needed are there",
        Of(&[
            "ssh-server",
            "package-cache",
            "docker-socket",
            "privileged-port",
        ]),
    ),
    rule(
        "2.2.6",
        "settings that bear on security keep the system from being misused",
        Of(RIGHTS),
    ),
    rule(
        "6.3.1",
        "vulnerabilities are found and ranked, those of third-party software too",
        Is(Vulnerability),
    ),
    rule(
        "6.3.2",
        "there is an inventory of own software and of the components in it, to manage their vulnerabilities",
        All(&[Is(Vulnerability), Library]),
    ),
    rule(
        "6.3.3",
        "security fixes are installed, critical and high ones within a month",
        Any(&[
            All(&[Is(Vulnerability), HasFix]),
            Of(&["os-end-of-life", "old-base"]),
        ]),
    ),
    rule(
        "8.3.2",
        "what people and programs sign in with can't be read where it is stored",
        Is(Secret),
    ),
    rule(
        "8.6.2",
        "passwords of application and system accounts are not written into scripts, configuration or code",
        Is(Secret),
    ),
    rule(
        "11.3.1",
        "internal scans find the high and critical vulnerabilities, and these are resolved",
        All(&[Is(Vulnerability), AtLeast(Severity::High)]),
    ),
    rule(
        "11.3.1.1",
        "the other vulnerabilities are dealt with by the risk that they are",
        All(&[Is(Vulnerability), Below(Severity::High)]),
    ),
    rule(
        "12.3.4",
        "software in use is reviewed once a year: whether it still gets fixes, and what replaces it",
        Of(&["os-end-of-life", "os-end-of-life-near"]),
    ),
];

static ISO: &[Rule] = &[
    rule(
        "A.5.17",
        "passwords, keys and tokens are handed out and kept under control",
        Is(Secret),
    ),
    rule(
        "A.5.21",
        "risks that come with the products of suppliers are managed",
        Any(&[Malicious, Of(&["unsigned", "pipe-to-shell", "add-url"])]),
    ),
    rule(
        "A.5.32",
        "rights of others in what is used are respected",
        Is(Licence),
    ),
    rule(
        "A.8.2",
        "rights that go further than usual are few and managed",
        Of(&[
            "root-user",
            "set-uid-shell",
            "set-uid",
            "set-uid-base",
            "docker-socket",
        ]),
    ),
    rule(
        "A.8.4",
        "access to source code is managed",
        Of(&["git-folder"]),
    ),
    rule(
        "A.8.8",
        "technical vulnerabilities are known, judged and acted on",
        Any(&[
            Is(Vulnerability),
            Of(&["os-end-of-life", "os-end-of-life-near", "old-base"]),
        ]),
    ),
    rule(
        "A.8.9",
        "configurations are laid down, put in place and watched",
        Is(Misconfiguration),
    ),
    rule(
        "A.8.19",
        "software is installed in a way that is controlled",
        Of(&["pipe-to-shell", "add-url", "latest-only"]),
    ),
    rule(
        "A.8.24",
        "keys are protected as long as they are used",
        Of(&[
            "ssh-host-key",
            "private-key",
            "private-key-locked",
            "private-key-encoded",
            "putty-key",
            "age-key",
            "gcp-service-account-key",
        ]),
    ),
];

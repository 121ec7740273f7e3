//! A small set of advisories of our own, for the demo and the tests: OSV records about what Northwind's images
//! really hold, written from published facts (identifiers, affected ranges, scores, dates), with a made EPSS
//! file and a small catalogue of known exploited vulnerabilities beside them.
//!
//! Records are linked as their ecosystems link them: Debian and Alpine name the CVE as `upstream`, GitHub and
//! Go as an alias, and one record of RustSec only informs. They exist in two [`Edition`]s, so that a test can
//! see what becomes of issues when one record is withdrawn and another is published.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use crate::image::sample;

/// The seed of the made scores.
const SEED: u64 = 2024;

/// Which state of the world is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edition {
    /// Before: `GHSA-8p5q-j9m2-g8wr` counts, and nobody has heard of `CVE-2025-27789`.
    First,
    /// After: the one was withdrawn, the other was published.
    Second,
}

/// A record, and the folder of the export that it belongs to.
#[derive(Clone, Debug)]
pub struct Record {
    folder: &'static str,
    value: Value,
}

impl Record {
    /// A record of that folder (`npm`), published on that day.
    pub fn new(folder: &'static str, id: &str, day: &str) -> Self {
        let value = json!({
            "schema_version": "1.7.5", "id": id, "published": format!("{day}T00:00:00Z"),
            "modified": format!("{day}T00:00:00Z"), "affected": [],
        });
        Self { folder, value }
    }

    fn put(mut self, key: &str, value: Value) -> Self {
        if let Some(map) = self.value.as_object_mut() {
            map.insert(key.to_owned(), value);
        }
        self
    }

    fn add(mut self, key: &str, value: Value) -> Self {
        match self.value.get_mut(key).and_then(Value::as_array_mut) {
            Some(list) => {
                list.push(value);
                self
            }
            None => self.put(key, json!([value])),
        }
    }

    /// Other ids of the same thing.
    #[must_use]
    pub fn aliases(self, ids: &[&str]) -> Self {
        self.put("aliases", json!(ids))
    }

    /// What the distribution's record is about.
    #[must_use]
    pub fn upstream(self, ids: &[&str]) -> Self {
        self.put("upstream", json!(ids))
    }

    /// What it has to do with.
    #[must_use]
    pub fn related(self, ids: &[&str]) -> Self {
        self.put("related", json!(ids))
    }

    /// One line.
    #[must_use]
    pub fn says(self, summary: &str) -> Self {
        self.put("summary", json!(summary))
    }

    /// A vector of CVSS 3.1, without its beginning.
    #[must_use]
    pub fn cvss(self, vector: &str) -> Self {
        let score = json!({ "type": "CVSS_V3", "score": format!("CVSS:3.1/{vector}") });
        self.add("severity", score)
    }

    /// GitHub's word and its weaknesses.
    #[must_use]
    pub fn rated(self, word: &str, weaknesses: &[&str]) -> Self {
        let said = json!({ "severity": word, "cwe_ids": weaknesses, "github_reviewed": true });
        self.put("database_specific", said)
    }

    /// RustSec's word: it informs and is no vulnerability.
    #[must_use]
    pub fn informational(self, word: &str) -> Self {
        self.put("database_specific", json!({ "informational": word }))
    }

    /// A page (`ADVISORY`, `WEB`, `EVIDENCE`).
    #[must_use]
    pub fn page(self, kind: &str, url: &str) -> Self {
        self.add("references", json!({ "type": kind, "url": url }))
    }

    /// A package and its ranges: from, and the version that is not affected any more, where there is one.
    #[must_use]
    pub fn affects(self, ecosystem: &str, name: &str, ranges: &[(&str, Option<&str>)]) -> Self {
        self.affected(ecosystem, name, ranges, &json!({}))
    }

    /// As [`Self::affects`], with what only that ecosystem says of it.
    #[must_use]
    pub fn affected(
        self,
        ecosystem: &str,
        name: &str,
        ranges: &[(&str, Option<&str>)],
        specific: &Value,
    ) -> Self {
        let kind = match ecosystem {
            "Go" | "crates.io" => "SEMVER",
            _ => "ECOSYSTEM",
        };
        let range = |(from, fixed): &(&str, Option<&str>)| {
            let mut events = vec![json!({ "introduced": from })];
            events.extend(fixed.map(|fixed| json!({ "fixed": fixed })));
            json!({ "type": kind, "events": events })
        };
        let ranges: Vec<Value> = ranges.iter().map(range).collect();
        self.add(
            "affected",
            json!({ "package": { "ecosystem": ecosystem, "name": name }, "ranges": ranges,
                    "ecosystem_specific": specific }),
        )
    }

    /// Takes it back on that day.
    #[must_use]
    pub fn withdrawn(self, day: &str) -> Self {
        self.put("withdrawn", json!(format!("{day}T00:00:00Z")))
            .changed(day)
    }

    /// Changed on that day.
    #[must_use]
    pub fn changed(self, day: &str) -> Self {
        self.put("modified", json!(format!("{day}T00:00:00Z")))
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.value.get("id").and_then(Value::as_str).unwrap_or("")
    }
}

/// Every record of an edition.
pub fn records(edition: Edition) -> Vec<Record> {
    let mut all = distributions();
    all.extend(npm(edition));
    all.extend(maven());
    all.extend(others());
    all
}

fn debian(id: &str, day: &str) -> Record {
    Record::new("Debian", &format!("DEBIAN-{id}"), day).upstream(&[id])
}

fn alpine(id: &str, day: &str) -> Record {
    Record::new("Alpine", &format!("ALPINE-{id}"), day).upstream(&[id])
}

fn distributions() -> Vec<Record> {
    const D: &str = "Debian:12";
    const A: &str = "Alpine:v3.20";
    let open = json!({ "urgency": "not yet assigned" });
    vec![
        debian("CVE-2023-45853", "2023-10-14")
            .says("MiniZip in zlib overflows a heap buffer with a long name in a new zip entry")
            .cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
            .affected(D, "zlib", &[("0", None)], &open),
        debian("CVE-2024-6119", "2024-09-03")
            .says("OpenSSL may crash when it compares the name in a certificate with an otherName")
            .cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H")
            .affected(D, "openssl", &[("0", Some("3.0.14-1~deb12u2"))], &open),
        Record::new("Debian", "DSA-5764-1", "2024-09-03")
            .upstream(&["CVE-2024-6119"])
            .says("openssl - security update")
            .page("ADVISORY", "https://www.debian.org/security/2024/dsa-5764")
            .affects(D, "openssl", &[("0", Some("3.0.14-1~deb12u2"))]),
        debian("CVE-2024-5535", "2024-06-27")
            .says("SSL_select_next_proto of OpenSSL reads beyond an empty list of protocols")
            .cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H")
            .affected(D, "openssl", &[("0", Some("3.0.15-1~deb12u1"))], &open),
        debian("CVE-2023-5678", "2023-11-06")
            .says("OpenSSL takes very long over X9.42 DH keys with a large Q")
            .cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L")
            .affected(D, "openssl", &[("0", Some("3.0.13-1~deb12u1"))], &open),
        debian("CVE-2024-2961", "2024-04-17")
            .says("iconv of the GNU C library writes beyond its buffer when it converts to ISO-2022-CN-EXT")
            .cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:L")
            .page("EVIDENCE", "https://github.com/ambionics/cnext-exploits")
            .affected(D, "glibc", &[("0", Some("2.36-9+deb12u6"))], &open),
        Record::new("Debian", "DSA-5673-1", "2024-04-23")
            .upstream(&["CVE-2024-2961"])
            .says("glibc - security update")
            .page("ADVISORY", "https://www.debian.org/security/2024/dsa-5673")
            .affects(D, "glibc", &[("0", Some("2.36-9+deb12u6"))]),
        debian("CVE-2022-27943", "2022-03-26")
            .says("The demangler of libiberty in GCC can use up the stack")
            .cvss("AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H")
            .affected(D, "gcc-12", &[("0", None)], &json!({ "urgency": "unimportant" })),
        alpine("CVE-2024-6119", "2024-09-03")
            .says("OpenSSL may crash when it compares the name in a certificate with an otherName")
            .cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H")
            .affects(A, "openssl", &[("0", Some("3.3.2-r0"))]),
        alpine("CVE-2024-9143", "2024-10-16")
            .says("OpenSSL accesses memory out of bounds with odd parameters of elliptic curves")
            .cvss("AV:N/AC:L/PR:L/UI:N/S:U/C:N/I:L/A:N")
            .affects(A, "openssl", &[("0", Some("3.3.2-r1"))]),
        alpine("CVE-2025-26519", "2025-02-14")
            .says("iconv of musl writes beyond its buffer when it converts from EUC-KR")
            .cvss("AV:L/AC:H/PR:N/UI:N/S:C/C:H/I:H/A:H")
            .affects(A, "musl", &[("0", Some("1.2.5-r1"))]),
    ]
}

fn npm(edition: Edition) -> Vec<Record> {
    let github = |id, cve: &str, day| Record::new("npm", id, day).aliases(&[cve]);
    let disputed = github("GHSA-8p5q-j9m2-g8wr", "CVE-2021-41720", "2021-12-03")
        .says("Arbitrary code execution in lodash")
        .cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
        .rated("CRITICAL", &["CWE-77"])
        .affects("npm", "lodash", &[("0", None)]);
    let mut all = vec![
        github("GHSA-35jh-r3h4-6jhm", "CVE-2021-23337", "2021-05-06")
            .says("Command injection in lodash through its templates")
            .cvss("AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H")
            .rated("HIGH", &["CWE-77", "CWE-94"])
            .affects("npm", "lodash", &[("0", Some("4.17.21"))]),
        github("GHSA-29mw-wpgm-hmr9", "CVE-2020-28500", "2022-01-06")
            .says("Regular expressions of lodash take very long with crafted text")
            .cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L")
            .rated("MODERATE", &["CWE-1333", "CWE-400"])
            .affects("npm", "lodash", &[("4.0.0", Some("4.17.21"))]),
        github("GHSA-c2qf-rxjj-qqgw", "CVE-2022-25883", "2023-06-21")
            .says("Regular expressions of semver take very long with a crafted range")
            .cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H")
            .rated("HIGH", &["CWE-1333"])
            .affects(
                "npm",
                "semver",
                &[
                    ("0", Some("5.7.2")),
                    ("6.0.0", Some("6.3.1")),
                    ("7.0.0", Some("7.5.2")),
                ],
            ),
        github("GHSA-qw6h-vgh9-j6wx", "CVE-2024-43796", "2024-09-10")
            .says("response.redirect() of express lets scripts into the page")
            .cvss("AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:L/A:L")
            .rated("LOW", &["CWE-79"])
            .affects(
                "npm",
                "express",
                &[("0", Some("4.20.0")), ("5.0.0-alpha.1", Some("5.0.0"))],
            ),
    ];
    match edition {
        Edition::First => all.push(disputed),
        Edition::Second => {
            all.push(disputed.withdrawn("2021-12-16"));
            all.push(
                github("GHSA-968p-4wvh-cqc8", "CVE-2025-27789", "2025-03-11")
                    .says("Code that Babel makes of named groups in regular expressions can take very long")
                    .cvss("AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H")
                    .rated("MODERATE", &["CWE-1333"])
                    .affects("npm", "@babel/runtime", &[("0", Some("7.26.10"))]),
            );
        }
    }
    all
}

fn maven() -> Vec<Record> {
    const LOG4J: &str = "org.apache.logging.log4j:log4j-core";
    let github = |id, cve: &str, day| Record::new("Maven", id, day).aliases(&[cve]);
    vec![
        github("GHSA-jfh8-c2jp-5v3q", "CVE-2021-44228", "2021-12-10")
            .related(&["CVE-2021-45046"])
            .says("Log4j runs code from a server that a logged text names (Log4Shell)")
            .cvss("AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H")
            .rated("CRITICAL", &["CWE-20", "CWE-400", "CWE-502", "CWE-917"])
            .page(
                "ADVISORY",
                "https://logging.apache.org/log4j/2.x/security.html",
            )
            .affects(
                "Maven",
                LOG4J,
                &[("2.13.0", Some("2.15.0")), ("2.4", Some("2.12.2"))],
            ),
        github("GHSA-7rjr-3q55-vv33", "CVE-2021-45046", "2021-12-14")
            .related(&["CVE-2021-44228"])
            .says("The first fix of Log4Shell does not hold with some settings")
            .cvss("AV:N/AC:H/PR:N/UI:N/S:C/C:H/I:H/A:H")
            .rated("CRITICAL", &["CWE-502", "CWE-917"])
            .affects("Maven", LOG4J, &[("2.13.0", Some("2.16.0"))]),
        github("GHSA-8489-44mv-ggj8", "CVE-2021-44832", "2022-01-04")
            .says("Log4j runs code when an attacker may write its configuration")
            .cvss("AV:N/AC:H/PR:H/UI:N/S:U/C:H/I:H/A:H")
            .rated("MODERATE", &["CWE-20", "CWE-74"])
            .affects("Maven", LOG4J, &[("2.13.0", Some("2.17.1"))]),
        github("GHSA-mjmj-j48q-9wg2", "CVE-2022-1471", "2022-12-12")
            .says("The constructor of SnakeYAML makes objects of any class that a document names")
            .cvss("AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:L")
            .rated("HIGH", &["CWE-20", "CWE-502"])
            .affects("Maven", "org.yaml:snakeyaml", &[("0", Some("2.0"))]),
    ]
}

fn others() -> Vec<Record> {
    let pypi = |id, cve: &str, day| Record::new("PyPI", id, day).aliases(&[cve]);
    let html = json!({ "imports": [{ "path": "golang.org/x/net/html" }] });
    let http = json!({ "imports": [{ "path": "net/http" }] });
    let tokio = [
        ("0.2.5", Some("1.38.2")),
        ("1.39.0", Some("1.42.1")),
        ("1.43.0", Some("1.43.1")),
        ("1.44.0", Some("1.44.2")),
    ];
    vec![
        pypi("GHSA-9wx4-h78v-vm56", "CVE-2024-35195", "2024-05-20")
            .says("A session of requests goes on not to verify certificates once it was told so")
            .cvss("AV:L/AC:H/PR:H/UI:R/S:U/C:H/I:H/A:N")
            .rated("MODERATE", &["CWE-670"])
            .affects("PyPI", "requests", &[("0", Some("2.32.0"))]),
        pypi("GHSA-9hjg-9r4m-mvj7", "CVE-2024-47081", "2025-06-09")
            .says("requests gives the credentials of .netrc to another host with a crafted address")
            .cvss("AV:N/AC:H/PR:N/UI:R/S:U/C:H/I:N/A:N")
            .rated("MODERATE", &["CWE-522"])
            .affects("PyPI", "requests", &[("0", Some("2.32.4"))]),
        pypi("GHSA-34jh-p97f-mpxf", "CVE-2024-37891", "2024-06-17")
            .says("urllib3 keeps Proxy-Authorization when it follows a redirect to another origin")
            .cvss("AV:N/AC:H/PR:H/UI:N/S:U/C:H/I:N/A:N")
            .rated("MODERATE", &["CWE-669"])
            .affects(
                "PyPI",
                "urllib3",
                &[("0", Some("1.26.19")), ("2.0.0", Some("2.2.2"))],
            ),
        Record::new("Go", "GO-2024-3333", "2024-12-18")
            .aliases(&["CVE-2024-45338", "GHSA-w32m-9786-jp63"])
            .says("The HTML parser of golang.org/x/net takes very long with crafted pages")
            .affected("Go", "golang.org/x/net", &[("0", Some("0.33.0"))], &html),
        Record::new("Go", "GO-2024-2963", "2024-07-02")
            .aliases(&["CVE-2024-24791"])
            .says("net/http mishandles answers to Expect: 100-continue")
            .affected(
                "Go",
                "stdlib",
                &[("0", Some("1.21.12")), ("1.22.0-0", Some("1.22.5"))],
                &http,
            ),
        Record::new("crates.io", "RUSTSEC-2025-0023", "2025-04-07")
            .aliases(&["GHSA-rr8g-9fpq-6wmg"])
            .says(
                "The broadcast channel of tokio clones values in parallel without asking for Sync",
            )
            .informational("unsound")
            .affects("crates.io", "tokio", &tokio),
    ]
}

/// Writes records in the layout of the public bulk export: `<ECOSYSTEM>/all.zip`.
///
/// # Errors
/// When the folder can't be written.
pub fn write_bulk(folder: &Path, records: &[Record]) -> anyhow::Result<()> {
    let mut folders: Vec<&str> = records.iter().map(|record| record.folder).collect();
    folders.sort_unstable();
    folders.dedup();
    for name in folders {
        let of_it = records.iter().filter(|record| record.folder == name);
        let files: Vec<(String, Vec<u8>)> = of_it
            .map(|one| (format!("{}.json", one.id()), one.value.to_string().into()))
            .collect();
        let members: Vec<(&str, Vec<u8>)> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.clone()))
            .collect();
        let place = folder.join(name);
        std::fs::create_dir_all(&place)
            .and_then(|()| std::fs::write(place.join("all.zip"), sample::zip(&members)))
            .with_context(|| format!("can't write {}", place.display()))?;
    }
    Ok(())
}

/// Writes an edition with the made scores. Ecosystems of `elsewhere` (names of folders) are left out; the
/// small catalogue of exploited vulnerabilities is written unless `elsewhere` has `KEV`.
///
/// # Errors
/// When the folder can't be written.
pub fn write(folder: &Path, edition: Edition, elsewhere: &[&str]) -> anyhow::Result<()> {
    let mut all = records(edition);
    all.retain(|record| !elsewhere.contains(&record.folder));
    write_bulk(folder, &all)?;
    let put = |name: &str, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))
    };
    put("epss_scores-made.csv", epss())?;
    if !elsewhere.contains(&"KEV") {
        put("known_exploited_vulnerabilities.json", kev().to_string())?;
    }
    Ok(())
}

/// Scores in the form of EPSS. They are made, and the file says so where EPSS names its model; only their
/// order of magnitude is true: two of them are attacked a lot, the others are hardly ever.
pub fn epss() -> String {
    let mut text = String::from(
        "#model_version:made-for-the-demo,score_date:2026-01-01T00:00:00+0000\ncve,epss,percentile\n",
    );
    let mut cves: Vec<String> = records(Edition::Second)
        .iter()
        .flat_map(|record| ["aliases", "upstream"].map(|key| record.value.get(key).cloned()))
        .filter_map(|ids| serde_json::from_value::<Vec<String>>(ids?).ok())
        .flatten()
        .filter(|id| id.starts_with("CVE-"))
        .chain(["CVE-2023-4911", "CVE-2023-0286", "CVE-2023-42363"].map(str::to_owned))
        .collect();
    cves.sort();
    cves.dedup();
    let mut state = SEED;
    for cve in cves {
        // A linear congruential generator: the same scores on every machine.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let low = state >> 33;
        let (score, percentile) = match cve.as_str() {
            "CVE-2021-44228" => (94_358, 99_960),
            "CVE-2021-45046" => (94_340, 99_957),
            "CVE-2024-2961" => (91_870, 99_680),
            _ => (20 + low % 400, 5_000 + low % 40_000),
        };
        text.push_str(&format!("{cve},0.{score:05},0.{percentile:05}\n"));
    }
    text
}

/// Three entries in the form of CISA's catalogue, for where the real one is not at hand.
pub fn kev() -> Value {
    let entry = |cve: &str, name: &str, added: &str, due: &str, ransomware: &str| {
        json!({ "cveID": cve, "vulnerabilityName": name, "dateAdded": added, "dueDate": due,
                "knownRansomwareCampaignUse": ransomware, "requiredAction": "Apply updates.",
                "vendorProject": "", "product": "", "shortDescription": "", "notes": "" })
    };
    let entries = [
        entry(
            "CVE-2021-44228",
            "Apache Log4j2 Remote Code Execution",
            "2021-12-10",
            "2021-12-24",
            "Known",
        ),
        entry(
            "CVE-2021-45046",
            "Apache Log4j2 Deserialization of Untrusted Data",
            "2023-05-01",
            "2023-05-22",
            "Known",
        ),
        entry(
            "CVE-2023-4911",
            "GNU C Library Buffer Overflow",
            "2023-11-21",
            "2023-12-12",
            "Unknown",
        ),
    ];
    json!({ "title": "A part of the catalogue, for the demo", "catalogVersion": "2026.01.01",
            "dateReleased": "2026-01-01T00:00:00.0000Z", "count": entries.len(), "vulnerabilities": entries })
}

/// The folder with real advisories, where there is one: `OX_TEST_DATA`, or `shared/data` beside the workspace.
pub fn shared_data() -> Option<PathBuf> {
    let beside = || {
        let workspace = crate::component::workspace();
        workspace
            .ancestors()
            .skip(1)
            .map(|folder| folder.join("shared/data"))
            .find(|data| data.is_dir())
    };
    let named = std::env::var_os("OX_TEST_DATA").map(PathBuf::from);
    named
        .or_else(beside)
        .filter(|data| data.join("advisories").is_dir())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_editions_differ_by_one_withdrawn_and_one_published_record() {
        let ids = |edition| -> Vec<String> {
            let all = records(edition);
            all.iter().map(|record| record.id().to_owned()).collect()
        };
        let (first, second) = (ids(Edition::First), ids(Edition::Second));
        let new: Vec<_> = second.iter().filter(|id| !first.contains(id)).collect();
        assert_eq!(new, ["GHSA-968p-4wvh-cqc8"]);
        assert!(first.iter().all(|id| second.contains(id)));
        let gone = |edition| {
            let all = records(edition);
            let withdrawn = all
                .iter()
                .filter(|record| record.value.get("withdrawn").is_some());
            withdrawn.count()
        };
        assert_eq!((gone(Edition::First), gone(Edition::Second)), (0, 1));
    }

    #[test]
    fn scores_are_the_same_on_every_machine_and_say_that_they_are_made() {
        let text = epss();
        assert!(
            text.starts_with("#model_version:made-for-the-demo,"),
            "{text}"
        );
        assert_eq!(text, epss());
        assert!(text.contains("CVE-2021-44228,0.94358,0.99960"), "{text}");
        for line in text.lines().skip(2) {
            let score: f64 = line.split(',').nth(1).unwrap().parse().unwrap();
            assert!((0.0..1.0).contains(&score), "{line}");
        }
    }

    #[test]
    fn every_record_is_one_that_the_host_reads() {
        for edition in [Edition::First, Edition::Second] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), edition, &["Go"]).unwrap();
            assert!(folder.path().join("Debian/all.zip").is_file());
            assert!(!folder.path().join("Go").exists(), "left out");
            assert!(
                folder
                    .path()
                    .join("known_exploited_vulnerabilities.json")
                    .is_file()
            );
        }
    }
}

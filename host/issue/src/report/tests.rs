//! What the reports promise. That they are valid by the formats' own schemas is asked of real validators, in
//! `tests/peers/validate_reports.py`; what they are given is written by `the_samples_are_written`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::samples;
use super::text::is_unsafe;
use super::*;

pub(super) fn text_of(format: Format, issues: &[Issue]) -> (String, Written) {
    let mut out = Vec::new();
    let written = write(format, issues, &samples::meta(), &mut out).unwrap();
    (String::from_utf8(out).unwrap(), written)
}

fn json_of(format: Format, issues: &[Issue]) -> Value {
    serde_json::from_str(&text_of(format, issues).0).unwrap()
}

/// The folder of the build, where the validators are sent to.
fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    target.join("report-samples")
}

#[test]
fn the_samples_are_written() {
    let folder = folder();
    std::fs::create_dir_all(&folder).unwrap();
    for format in Format::ALL {
        let (text, _) = text_of(format, &samples::issues());
        std::fs::write(folder.join(format.file_name()), text).unwrap();
        let (text, _) = text_of(format, &[samples::secret()]);
        std::fs::write(folder.join(format!("other-{}", format.file_name())), text).unwrap();
    }
}

/// What the script ends with where its validator is absent.
const ABSENT: i32 = 3;

/// The script's exit code and words; `None` where there is no Python.
fn validated(form: &str, files: &[PathBuf]) -> Option<(Option<i32>, String)> {
    let script =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/validate_reports.py");
    let output = std::process::Command::new("python3")
        .arg(script)
        .arg(form)
        .args(files)
        .stdin(std::process::Stdio::null())
        .output()
        .ok()?;
    let words = [output.stdout, output.stderr].concat();
    Some((
        output.status.code(),
        String::from_utf8_lossy(&words).into_owned(),
    ))
}

/// Where a validator is absent, a test says so and passes, unless every peer has to be there.
fn absent(form: &str, words: &str) {
    assert_ne!(
        std::env::var("OX_PEERS").as_deref(),
        Ok("required"),
        "the validator of {form} is absent: {words}"
    );
    eprintln!(
        "skipped: the validator of {form} is not there: {}",
        words.trim()
    );
}

#[test]
fn the_validators_of_others_find_nothing_wrong_and_tell_what_is() {
    let folder = tempfile::tempdir().unwrap();
    for format in Format::ALL {
        let form = match format {
            Format::CycloneDx | Format::CycloneDxVex => "cyclonedx",
            Format::Sarif => "sarif",
            Format::OpenVex => "openvex",
            Format::GitLab => "gitlab",
            Format::OxUpload => "ox",
            Format::Json | Format::JsonLines | Format::Csv | Format::Html => continue,
        };
        let mut files = Vec::new();
        for (place, issues) in [samples::issues(), vec![samples::secret()], Vec::new()]
            .iter()
            .enumerate()
        {
            // OpenVEX wants a statement, and without issues there is none to make.
            if format == Format::OpenVex && place > 0 {
                continue;
            }
            let file = folder
                .path()
                .join(format!("{place}-{}", format.file_name()));
            std::fs::write(&file, text_of(format, issues).0).unwrap();
            files.push(file);
        }
        let Some((code, words)) = validated(form, &files) else {
            absent(form, "there is no python3");
            continue;
        };
        if code == Some(ABSENT) {
            absent(form, &words);
            continue;
        }
        assert_eq!(code, Some(0), "{format}: {words}");
        let wrong = folder.path().join("wrong.json");
        let text = text_of(format, &samples::issues()).0;
        let text = text.replace("\"CVE-2023-45853\"", "7").replace("2026-", "");
        std::fs::write(&wrong, text).unwrap();
        assert_eq!(validated(form, &[wrong]).unwrap().0, Some(1), "{format}");
    }
}

#[test]
fn every_format_reads_well() {
    for format in Format::ALL {
        let (text, _) = text_of(format, &samples::issues());
        insta::assert_snapshot!(format.name(), text);
    }
}

#[test]
fn the_same_issues_make_the_same_bytes_owned_or_not() {
    for format in Format::ALL {
        let issues = samples::issues();
        let mut out = Vec::new();
        write(format, issues.clone(), &samples::meta(), &mut out).unwrap();
        assert_eq!(text_of(format, &issues).0.into_bytes(), out, "{format}");
    }
}

#[test]
fn no_format_repeats_what_a_terminal_or_page_would_obey() {
    for format in Format::ALL {
        let (text, _) = text_of(format, &samples::issues());
        let bad: Vec<char> = text
            .chars()
            .filter(|&c| is_unsafe(c) && c != '\n' && !(format == Format::Csv && c == '\r'))
            .collect();
        assert!(bad.is_empty(), "{format}: {bad:?}");
        assert!(text.ends_with('\n'), "{format}");
    }
}

#[test]
fn an_empty_list_is_a_whole_document() {
    for format in Format::ALL {
        let (text, written) = text_of(format, &[]);
        assert_eq!(written, Written::default(), "{format}");
        match format {
            Format::Csv => assert_eq!(text.lines().count(), 1),
            Format::JsonLines => assert_eq!(text, ""),
            Format::Html => assert!(text.contains("No issue matches the filter.")),
            _ => assert!(serde_json::from_str::<Value>(&text).unwrap().is_object()),
        }
    }
}

#[test]
fn whatever_is_left_out_is_counted_with_its_reason() {
    for format in Format::ALL {
        let (_, written) = text_of(format, &samples::issues());
        let left: u64 = written.left_out.iter().map(|one| one.count).sum();
        assert_eq!(written.issues + left, 6, "{format}: {written:?}");
    }
    let (text, written) = text_of(Format::GitLab, &samples::issues());
    assert_eq!(written.issues, 3, "{written:?}");
    assert!(text.contains("2 issues left out: GitLab's report holds vulnerable packages only"));
    assert!(text.contains("1 issue left out: closed or excluded"));
}

#[test]
fn a_format_is_named_as_it_is_read() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
    }
    assert!(
        "xml"
            .parse::<Format>()
            .unwrap_err()
            .to_string()
            .contains("sarif")
    );
}

/// RFC 4180, read by its grammar.
pub(super) fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let (mut record, mut field) = (Vec::new(), String::new());
    let mut characters = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = characters.next() {
        match (quoted, c) {
            (true, '"') if characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            (true, '"') => quoted = false,
            (true, c) => field.push(c),
            (false, '"') => {
                assert!(field.is_empty(), "a quote within {field:?}");
                quoted = true;
            }
            (false, ',') => record.push(std::mem::take(&mut field)),
            (false, '\r') => {
                assert_eq!(characters.next(), Some('\n'));
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            (false, c) => {
                assert_ne!(c, '\n');
                field.push(c);
            }
        }
    }
    assert!(!quoted && field.is_empty() && record.is_empty());
    records
}

#[test]
fn csv_has_a_cell_for_each_column_and_no_formula() {
    let (text, _) = text_of(Format::Csv, &samples::issues());
    let records = records(&text);
    assert_eq!(records.len(), 7);
    for record in &records {
        assert_eq!(record.len(), CSV_COLUMNS.len());
        for cell in record {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']),
                "{cell}"
            );
        }
    }
    let cells: BTreeMap<&str, &str> = records[0]
        .iter()
        .map(String::as_str)
        .zip(records[1].iter().map(String::as_str))
        .collect();
    assert_eq!(cells["severity"], "High");
    assert_eq!(cells["severity_before"], "Critical");
    assert_eq!(
        cells["factors"],
        "[Exploitable] Unlikely exploited -0.75; [Reachable] In latest +0.25; [Damage] Environment unknown 0"
    );
    assert_eq!(cells["epss_percent"], "0.310");
    assert_eq!(cells["epss_percentile"], "70.123");
    assert_eq!(cells["owner"], "'@mira");
    assert_eq!(cells["sla_state"], "overdue");
    assert_eq!(
        cells["images"],
        "registry.example.com/acme/shop/web-store:1.4; registry.example.com/acme/shop/web-store:1.3"
    );
    assert_eq!(cells["fix"], "1:1.3.dfsg-1");
    assert!(records[6][7].starts_with("'=cmd"), "{}", records[6][7]);
}

#[test]
fn a_fingerprint_stays_when_texts_tags_and_numbers_change_and_differs_by_place() {
    let issue = samples::vulnerability();
    let mut later = issue.clone();
    later.id = 99;
    later.title.push('!');
    later.severity = crate::Severity::Low;
    later.occurrences.truncate(1);
    later.occurrences[0].tags = vec!["2.0".to_owned()];
    assert_eq!(ids::fingerprint(&issue), ids::fingerprint(&later));
    let mut elsewhere = issue.clone();
    elsewhere.location = "acme/shop/other".to_owned();
    assert_ne!(ids::fingerprint(&issue), ids::fingerprint(&elsewhere));
}

#[test]
fn sarif_tells_severity_place_and_suppression() {
    let document = json_of(Format::Sarif, &samples::issues());
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in results {
        let place = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(result["ruleId"], rules[place]["id"]);
        assert_eq!(
            result["partialFingerprints"]["oxIssue/v1"]
                .as_str()
                .unwrap()
                .len(),
            64
        );
    }
    // 9.8 is no High: the number is that of our severity.
    assert_eq!(rules[0]["properties"]["security-severity"], "8.0");
    assert_eq!(rules[1]["properties"]["security-severity"], "10.0");
    let secret = &results[1]["locations"][0];
    assert_eq!(
        secret["physicalLocation"]["artifactLocation"]["uri"],
        "srv/.env"
    );
    assert_eq!(secret["physicalLocation"]["region"]["startLine"], 3);
    assert!(results[0]["suppressions"].as_array().unwrap().is_empty());
    let suppression = &results[3]["suppressions"][0];
    assert_eq!(suppression["status"], "accepted");
    assert!(
        suppression["justification"]
            .as_str()
            .unwrap()
            .contains("2027-02-01")
    );
    assert_eq!(results[4]["baselineState"], "absent");
    let hostile = results[5].to_string();
    assert!(
        !hostile.contains("/../") && !hostile.contains("\"../"),
        "{hostile}"
    );
    let message = results[5]["message"]["text"].as_str().unwrap();
    assert!(message.contains(r"\[click\]("), "{message}");
}

#[test]
fn cyclonedx_affects_the_package_of_the_image_and_tells_what_was_decided() {
    let document = json_of(Format::CycloneDx, &samples::issues());
    let mut references = Vec::new();
    for image in document["components"].as_array().unwrap() {
        references.push(image["bom-ref"].as_str().unwrap());
        for package in image["components"].as_array().into_iter().flatten() {
            references.push(package["bom-ref"].as_str().unwrap());
        }
    }
    let vulnerabilities = document["vulnerabilities"].as_array().unwrap();
    for one in vulnerabilities {
        for affects in one["affects"].as_array().unwrap() {
            assert!(references.contains(&affects["ref"].as_str().unwrap()));
        }
    }
    assert_eq!(
        vulnerabilities[0].get("analysis"),
        None,
        "nobody has judged it"
    );
    assert_eq!(vulnerabilities[0]["cwes"][0], 190);
    assert_eq!(vulnerabilities[3]["analysis"]["state"], "false_positive");
    assert_eq!(
        vulnerabilities[3]["affects"][0]["versions"][0]["status"],
        "unaffected"
    );
    assert_eq!(vulnerabilities[4]["analysis"]["state"], "resolved");
    let vex = json_of(Format::CycloneDxVex, &samples::issues());
    let states: Vec<&str> = vex["vulnerabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["analysis"]["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states,
        ["in_triage", "false_positive", "resolved", "in_triage"]
    );
}

#[test]
fn gitlab_has_an_entry_for_each_image_within_the_limits_of_its_schema() {
    let document = json_of(Format::GitLab, &samples::issues());
    let entries = document["vulnerabilities"].as_array().unwrap();
    assert_eq!(
        entries.len(),
        5,
        "two images, two images, one hostile image twice"
    );
    assert_eq!(
        entries[0]["location"]["image"],
        "registry.example.com/acme/shop/web-store:1.4"
    );
    assert_eq!(entries[0]["severity"], "High");
    assert_eq!(entries[0]["identifiers"][0]["value"], "CVE-2023-45853");
    assert_eq!(entries[0]["cvss_vectors"][0]["vendor"], "NVD");
    assert_eq!(
        entries[4].get("cvss_vectors"),
        None,
        "a vector that is none"
    );
    assert!(entries[0].get("flags").is_none());
    assert_eq!(
        entries[2]["flags"][0]["type"],
        "flagged-as-likely-false-positive"
    );
    assert_eq!(document["scan"]["start_time"], "2026-11-22T14:08:31");
    let ids: BTreeSet<&str> = entries
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), entries.len());
}

#[test]
fn a_title_of_any_length_fits_gitlab() {
    let mut issue = samples::vulnerability();
    issue.title = "ß".repeat(300);
    issue.remediation.summary = "ß".repeat(9_000);
    issue.identifiers.clear();
    issue.occurrences[0].operating_system = None;
    let document = json_of(Format::GitLab, &[issue]);
    let entry = &document["vulnerabilities"][0];
    assert_eq!(entry["name"].as_str().unwrap().chars().count(), 255);
    assert_eq!(entry["solution"].as_str().unwrap().chars().count(), 7_000);
    assert_eq!(entry["location"]["operating_system"], "unknown");
    assert_eq!(entry["identifiers"][0]["value"], "CVE-2023-45853");
}

#[test]
fn ox_takes_numbers_as_texts_and_the_percentile_to_a_hundred() {
    let document = json_of(Format::OxUpload, &samples::issues());
    let applications = document["applications"].as_array().unwrap();
    let shop = applications
        .iter()
        .find(|one| one["name"] == "shop")
        .unwrap();
    let finding = &shop["findings"][0];
    let vulnerability = &finding["vulnerabilities"][0];
    assert_eq!(vulnerability["cvssScore"], "9.8");
    assert_eq!(vulnerability["epss"], "0.0031");
    assert_eq!(vulnerability["percentile"], "70.123");
    assert_eq!(vulnerability["attackVector"], "NETWORK");
    assert_eq!(finding["severityFactorsPerIssue"][0]["type"], "Exploitable");
    assert_eq!(
        finding["severityFactorsPerIssue"].as_array().unwrap().len(),
        2,
        "unknowns change nothing"
    );
    assert_eq!(shop["findings"][1]["assets"][0]["snippet"], "wJal…EKEY");
    assert_eq!(document["testerInfo"]["email"], "mira@example.com");
    assert!(
        !document.to_string().contains("OX-15"),
        "what is excluded is not uploaded"
    );
}

#[test]
fn an_address_is_a_link_only_when_it_is_plain() {
    for good in [
        "https://a.example/b?c=d#e",
        "HTTP://a.example",
        "https://a.example/%7Eb",
    ] {
        assert_eq!(super::text::link(good), Some(good));
    }
    for bad in [
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "https://user@a.example/",
        "https://a.example/\"onload=1",
        "https://a.example/ b",
        "https://a.example/%zz",
        "https://a.example/\u{202e}",
        "//a.example",
        "data:text/html,x",
        "",
    ] {
        assert_eq!(super::text::link(bad), None, "{bad}");
    }
}

/// An issue that tells how many of its kind are alive.
struct Counted<'a> {
    issue: &'a Issue,
    alive: &'a std::cell::Cell<usize>,
}

impl Borrow<Issue> for Counted<'_> {
    fn borrow(&self) -> &Issue {
        self.issue
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.alive.set(self.alive.get() - 1);
    }
}

#[test]
fn a_format_that_streams_holds_one_issue_at_a_time() {
    let issues = samples::issues();
    for format in Format::ALL {
        let alive = std::cell::Cell::new(0);
        let most = std::cell::Cell::new(0);
        let all = issues.iter().cycle().take(60).map(|issue| {
            alive.set(alive.get() + 1);
            most.set(most.get().max(alive.get()));
            Counted {
                issue,
                alive: &alive,
            }
        });
        write(format, all, &samples::meta(), &mut io::sink()).unwrap();
        match format {
            // Gathered by application, and counted before the first byte: see the module's documentation.
            Format::OxUpload | Format::Html => assert!(most.get() > 30),
            _ => assert_eq!(most.get(), 1, "{format}"),
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_an_error_and_no_panic() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for format in Format::ALL {
        for room in [0, 10, 1_000] {
            let error = write(format, samples::issues(), &samples::meta(), &mut Full(room));
            assert_eq!(
                error.unwrap_err().kind(),
                io::ErrorKind::BrokenPipe,
                "{format}"
            );
        }
    }
}

//! The facts of a draft, as the rules of severity read them.

use std::collections::BTreeSet;

use ox_advisory::matching::Certainty;
use ox_issue::facts::{Facts, FindingFacts, Inputs, Kind, PackageFacts, Rating, Threat};

use super::compose::Draft;
use super::judge::{Book, CONNECTOR, images_of};
use super::shown::{IDS, package_name, source_of};
use super::surroundings::Surroundings;
use super::{LocationInputs, evidence, findings};
/// Paths that a rule looks at.
const PATHS: usize = 50;

pub(super) fn threats(draft: &Draft<'_>, book: &Book) -> Vec<Threat> {
    let exploits: Vec<String> = {
        let mut all: Vec<String> = draft
            .hits
            .iter()
            .flat_map(|hit| &hit.group.heads)
            .flat_map(|head| &head.references)
            .filter(|one| one.kind == "EVIDENCE" || one.url.contains("exploit-db.com"))
            .map(|one| one.url.clone())
            .collect();
        all.sort();
        all.dedup();
        all.truncate(10);
        all
    };
    let cves: Vec<&String> = draft
        .all_ids()
        .filter(|id| id.starts_with("CVE-"))
        .take(IDS)
        .collect();
    if cves.is_empty() {
        return vec![Threat {
            id: draft.primary.clone(),
            exploits,
            ..Threat::default()
        }];
    }
    cves.into_iter()
        .enumerate()
        .map(|(at, cve)| Threat {
            id: cve.clone(),
            known_exploited: book.threats.known_exploited(cve),
            epss: book.threats.epss(cve),
            // Pages are about the group; the first id stands for it.
            exploits: if at == 0 {
                exploits.clone()
            } else {
                Vec::new()
            },
        })
        .collect()
}

/// Every severity that somebody stated, in the order in which they count: the tool whose queue it is, the
/// distribution for its own package, the advisory in its own word, and scores.
pub(super) fn ratings(draft: &Draft<'_>, inputs: &LocationInputs) -> Vec<Rating> {
    let mut all: Vec<Rating> = Vec::new();
    let mut add = |source: &str, kind: &str, value: &str| {
        let rating = Rating {
            source: source.to_owned(),
            kind: kind.to_owned(),
            value: value.to_owned(),
        };
        if !value.is_empty() && !all.contains(&rating) {
            all.push(rating);
        }
    };
    for finding in &draft.findings {
        let own = finding.finding.source == "connector";
        let tool = if own {
            CONNECTOR
        } else {
            inputs.source_tool.as_str()
        };
        let before = findings::attribute(&finding.finding, "severity-before-override");
        add(
            tool,
            "word",
            before.unwrap_or(&finding.finding.severity_as_said),
        );
    }
    for hit in &draft.hits {
        for found in &hit.group.matches {
            if let Some(urgency) = &found.urgency {
                add(source_of(&found.advisory), "word", urgency);
            }
        }
    }
    for head in draft.hits.iter().flat_map(|hit| &hit.group.heads) {
        if let Some(word) = &head.severity_word {
            add(source_of(&head.id), "word", word);
        }
    }
    for head in draft.hits.iter().flat_map(|hit| &hit.group.heads) {
        for one in &head.severity {
            add(source_of(&head.id), &one.kind, &one.score);
        }
    }
    for finding in &draft.findings {
        for one in &finding.finding.cvss {
            let kind = match one.vector.parse::<ox_advisory::cvss::Cvss>() {
                Ok(read) if read.version.text().starts_with('2') => "CVSS_V2",
                Ok(read) if read.version.text().starts_with('4') => "CVSS_V4",
                _ => "CVSS_V3",
            };
            add(&one.vendor, kind, &one.vector);
        }
    }
    all
}

pub(super) fn facts(
    draft: &Draft<'_>,
    inputs: &LocationInputs,
    book: &Book,
    around: &Surroundings,
    threats: &[Threat],
) -> Facts {
    Facts {
        kind: draft.kind,
        ratings: ratings(draft, inputs),
        threats: threats.to_vec(),
        package: package_facts(draft, inputs),
        images: around.images.clone(),
        place: around.place.clone(),
        business: around.business.clone(),
        finding: finding_facts(draft, inputs),
        inputs: Inputs {
            kev: book.kev.clone(),
            epss: book.epss.clone(),
            advisories: draft.hits.iter().all(|hit| {
                let ecosystem = ox_advisory::Ecosystem::parse(&hit.input.looked_up.ecosystem);
                book.threats.covers(&ecosystem.name)
            }),
        },
        now: book.now.clone(),
    }
}

pub(super) fn finding_facts(draft: &Draft<'_>, inputs: &LocationInputs) -> Option<FindingFacts> {
    let rule = draft
        .findings
        .iter()
        .find_map(|one| findings::attribute(&one.finding, "rule"))?;
    // One that is told surely makes the issue sure; it is an example when all of them are.
    let said = |tell: fn(&crate::contract::Finding) -> Option<bool>| {
        let all = draft
            .findings
            .iter()
            .filter_map(move |one| tell(&one.finding));
        (draft.kind == Kind::Secret).then_some(all)
    };
    Some(FindingFacts {
        rule: rule.to_owned(),
        form_checked: said(findings::form_checked).and_then(Iterator::max),
        placeholder: said(findings::placeholder).and_then(Iterator::min),
        from_base: evidence::findings_from_base(draft, inputs),
        paths: distinct(draft.places.iter().map(|place| place.path.clone()))
            .into_iter()
            .take(PATHS)
            .collect(),
    })
}

pub(super) fn package_facts(draft: &Draft<'_>, inputs: &LocationInputs) -> Option<PackageFacts> {
    let first = draft.hits.first();
    if first.is_none() {
        let finding = draft.findings.iter().map(|one| &one.finding);
        let named = finding
            .filter(|one| one.package_name.is_some())
            .collect::<Vec<_>>();
        let one = named.first()?;
        return Some(PackageFacts {
            name: one.package_name.clone().unwrap_or_default(),
            versions: distinct(named.iter().filter_map(|one| one.package_version.clone())),
            ..PackageFacts::default()
        });
    }
    let hits = &draft.hits;
    let matches = || hits.iter().flat_map(|hit| &hit.group.matches);
    let surest = matches().map(|found| found.certainty).max();
    let doubt = match surest {
        Some(Certainty::Certain) | None => None,
        Some(_) => matches().find_map(|found| found.doubt.clone()),
    };
    let paths = distinct(hits.iter().map(|hit| hit.input.package.path.clone()));
    let package = first.map(|hit| &hit.input.package);
    Some(PackageFacts {
        format: package.map(|one| one.format.clone()).unwrap_or_default(),
        name: package_name(draft).unwrap_or_default(),
        source_name: first
            .and_then(|hit| hit.input.looked_up.source.as_ref())
            .map(|(name, _)| name.clone()),
        versions: distinct(hits.iter().map(|hit| hit.input.package.version.clone())),
        fixed: fixed(draft),
        fix_refused: matches()
            .filter(|found| found.fixed.is_none())
            .find_map(|found| refused(found.urgency.as_deref()?))
            .map(str::to_owned)
            .or_else(|| ended(draft, inputs)),
        urgency: matches().find_map(|found| found.urgency.clone()),
        certainty: surest,
        doubt,
        origins: distinct(
            hits.iter()
                .map(|hit| crate::store::origin_word(hit.input.package.origin).to_owned()),
        ),
        test_only: Some(hits.iter().all(|hit| is_for_tests(&hit.input.package))),
        paths: paths.into_iter().take(PATHS).collect(),
        imports: distinct(matches().flat_map(|found| found.imports.iter().cloned())),
    })
}

/// What a distribution's word says when no fix will come.
pub(super) fn refused(urgency: &str) -> Option<&'static str> {
    let word = urgency.to_ascii_lowercase().replace([' ', '_'], "-");
    match word.as_str() {
        "end-of-life" | "eol" | "out-of-support-scope" => Some("its support has ended"),
        "unfixed" | "will-not-fix" | "wont-fix" | "won't-fix" => Some("it will not be fixed"),
        "ignored" => Some("it is ignored"),
        _ => None,
    }
}

/// The release of all images that have it has ended.
pub(super) fn ended(draft: &Draft<'_>, inputs: &LocationInputs) -> Option<String> {
    let images = images_of(&draft.places, inputs);
    let (_, first) = images.first()?;
    let of_system = draft
        .hits
        .iter()
        .all(|hit| hit.input.looked_up.ecosystem.contains(':'));
    if !of_system || !images.iter().all(|(_, image)| image.has_ended) {
        return None;
    }
    let system = first.image.operating_system.as_ref()?;
    let name = system
        .pretty_name
        .clone()
        .unwrap_or_else(|| system.id.clone());
    Some(format!("{name} has ended"))
}

/// For tests or development only: by the mark of its package manager, or by its folder.
pub(super) fn is_for_tests(package: &crate::contract::Package) -> bool {
    let marked = package.attributes.iter().any(|(key, said)| {
        matches!(
            (key.as_str(), said.as_str()),
            ("scope", "dev" | "development" | "test") | ("composer.development", "true")
        )
    });
    marked
        || package.path.split('/').any(|part| {
            matches!(
                part,
                "test" | "tests" | "__tests__" | "testdata" | "fixtures" | "spec" | "examples"
            )
        })
}

/// The version with which all that is installed is mended: the highest of the lowest fixes.
pub(super) fn fixed(draft: &Draft<'_>) -> Option<String> {
    let mut best: Option<String> = None;
    for hit in &draft.hits {
        let order = ox_advisory::version::order_of(
            &ox_advisory::Ecosystem::parse(&hit.input.looked_up.ecosystem).name,
        );
        // Of several records about one vulnerability the distribution's own or the surest counts.
        let of_hit = hit
            .group
            .matches
            .iter()
            .filter(|found| found.fixed.is_some())
            .max_by_key(|found| found.certainty)
            .and_then(|found| found.fixed.clone());
        let Some(version) = of_hit else {
            continue;
        };
        best = Some(match (best, order) {
            (Some(best), Some(order)) if order.compare(&best, &version).is_ge() => best,
            _ => version,
        });
    }
    best
}

pub(super) fn distinct(values: impl IntoIterator<Item = String>) -> Vec<String> {
    let set: BTreeSet<String> = values.into_iter().filter(|one| !one.is_empty()).collect();
    set.into_iter().collect()
}

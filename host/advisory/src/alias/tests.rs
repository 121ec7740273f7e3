#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;

use super::*;

fn owned(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn head(id: &str, aliases: &[&str]) -> Head {
    Head {
        id: id.to_owned(),
        aliases: owned(aliases),
        ..Head::default()
    }
}

fn fixes(id: &str, upstream: &[&str]) -> Head {
    Head {
        upstream: owned(upstream),
        ..head(id, &[])
    }
}

fn grouped(heads: &[Head]) -> Vec<Group> {
    let heads: Vec<&Head> = heads.iter().collect();
    groups(&heads)
}

#[test]
fn aliases_join_in_both_directions_and_over_several_steps() {
    let all = grouped(&[
        head("PYSEC-2021-1", &["CVE-2021-1"]),
        head("GHSA-aaaa", &["CVE-2021-1", "SNYK-1"]),
        head("SNYK-1", &[]),
        head("CVE-2021-2", &[]),
    ]);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].primary, "CVE-2021-1");
    assert_eq!(
        all[0].ids,
        ["CVE-2021-1", "GHSA-aaaa", "PYSEC-2021-1", "SNYK-1"]
    );
    assert_eq!(all[0].records, [0, 1, 2]);
    assert_eq!(all[1].records, [3]);
}

#[test]
fn related_never_joins_but_names_the_cves_where_nothing_else_does() {
    let related = |id: &str| Head {
        related: owned(&["CVE-2024-10", "CVE-2024-9", "ALSA-2020:1"]),
        ..head(id, &[])
    };
    let all = grouped(&[
        related("ALSA-2024:1"),
        related("ALSA-2024:2"),
        Head {
            related: owned(&["CVE-2020-1"]),
            ..head("GO-2024-1", &["CVE-2024-9"])
        },
    ]);
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].primary, "ALSA-2024:1");
    assert_eq!(all[0].ids, ["ALSA-2024:1"]);
    assert_eq!(all[0].cves, ["CVE-2024-9", "CVE-2024-10"]);
    // Another vulnerability's score is not this one's.
    assert_eq!(all[2].cves, ["CVE-2024-9"]);
}

#[test]
fn a_record_that_fixes_one_cve_is_that_cves() {
    let all = grouped(&[
        fixes("DSA-1", &["CVE-2024-1"]),
        fixes("DEBIAN-CVE-2024-1", &["CVE-2024-1", "CVE-2024-7"]),
        head("UBUNTU-CVE-2024-1", &[]),
    ]);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].records, [0, 1, 2]);
    assert_eq!(all[0].primary, "CVE-2024-1");
    assert_eq!(all[0].cves, ["CVE-2024-1"]);
}

#[test]
fn upstream_joins_no_record_that_aliases_another_cve() {
    let copy = Head {
        upstream: owned(&["CVE-2024-2"]),
        ..head("GHSA-b", &["CVE-2024-1"])
    };
    let all = grouped(&[copy, head("CVE-2024-2", &[])]);
    assert_eq!(all.len(), 2);
}

#[test]
fn a_record_that_fixes_several_is_evidence_of_each_where_each_is_known() {
    let all = grouped(&[
        fixes("USN-1", &["CVE-2024-2", "CVE-2024-1"]),
        fixes("UBUNTU-CVE-2024-1", &[]),
        fixes("UBUNTU-CVE-2024-2", &[]),
    ]);
    assert_eq!(all.len(), 2);
    for (group, record) in all.iter().zip([1, 2]) {
        assert_eq!(group.records, [record]);
        assert_eq!(group.evidence, [0]);
        assert!(!group.ids.contains(&"USN-1".to_owned()));
        assert_eq!(group.cves.len(), 1);
    }
}

#[test]
fn a_record_that_fixes_several_stands_alone_where_one_is_unknown() {
    let all = grouped(&[
        fixes("USN-1", &["CVE-2024-2", "CVE-2024-1"]),
        fixes("UBUNTU-CVE-2024-1", &[]),
    ]);
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].primary, "USN-1");
    assert_eq!(all[1].ids, ["USN-1"]);
    assert_eq!(all[1].cves, ["CVE-2024-1", "CVE-2024-2"]);
    assert!(all[0].evidence.is_empty());
    // Two updates make no group of one another's CVEs.
    let two = grouped(&[
        fixes("USN-1", &["CVE-2024-2", "CVE-2024-1"]),
        fixes("USN-2", &["CVE-2024-2", "CVE-2024-1"]),
    ]);
    assert_eq!(two.len(), 2);
}

#[test]
fn the_primary_is_the_lowest_cve_by_number_then_ghsa_then_any() {
    let primary = |aliases: &[&str]| grouped(&[head("PYSEC-2021-5", aliases)])[0].primary.clone();
    assert_eq!(
        primary(&["CVE-2021-10", "CVE-2021-9", "GHSA-a"]),
        "CVE-2021-9"
    );
    assert_eq!(primary(&["CVE-2021-9", "CVE-2020-99999"]), "CVE-2020-99999");
    assert_eq!(primary(&["GHSA-b", "GHSA-a"]), "GHSA-a");
    assert_eq!(primary(&[]), "PYSEC-2021-5");
}

#[test]
fn only_what_is_shaped_like_one_is_a_cve() {
    assert!(is_cve("CVE-2024-1"));
    for id in [
        "CVE-2024",
        "CVE-24-1",
        "CVE-2024-x",
        "DEBIAN-CVE-2024-1",
        "CVE-2024-",
    ] {
        assert!(!is_cve(id), "{id}");
    }
}

#[test]
fn a_long_chain_of_aliases_is_one_group() {
    let heads: Vec<Head> = (0..20_000)
        .map(|index| head(&format!("X-{index}"), &[&format!("X-{}", index + 1)]))
        .collect();
    assert_eq!(grouped(&heads).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn ids_have_a_total_order(a in "[A-Z]{0,2}-?[0-9]{0,4}-?[0-9é]{0,3}", b in "[A-Z]{0,2}-?[0-9]{0,4}-?[0-9é]{0,3}", c in "[A-Z]{0,2}-?[0-9]{0,4}-?[0-9é]{0,3}") {
        prop_assert_eq!(compare_ids(&a, &b), compare_ids(&b, &a).reverse());
        prop_assert_eq!(compare_ids(&a, &b) == Ordering::Equal, a == b);
        if compare_ids(&a, &b) != Ordering::Greater && compare_ids(&b, &c) != Ordering::Greater {
            prop_assert_ne!(compare_ids(&a, &c), Ordering::Greater);
        }
    }

    /// Every record is in one group, or is evidence; groups don't depend on the sequence.
    #[test]
    fn every_record_is_somewhere_and_the_sequence_changes_no_group(
        links in prop::collection::vec((0u8..12, prop::collection::vec(0u8..12, 0..3), prop::collection::vec(0u8..6, 0..3)), 1..10),
    ) {
        let heads: Vec<Head> = links
            .iter()
            .enumerate()
            .map(|(index, (id, aliases, upstream))| Head {
                id: format!("R-{index}-{id}"),
                aliases: aliases.iter().map(|id| format!("GHSA-{id}")).collect(),
                upstream: upstream.iter().map(|id| format!("CVE-2024-{id}")).collect(),
                ..Head::default()
            })
            .collect();
        let straight = grouped(&heads);
        for index in 0..heads.len() {
            let in_groups = straight.iter().filter(|group| group.records.contains(&index)).count();
            let as_evidence = straight.iter().filter(|group| group.evidence.contains(&index)).count();
            prop_assert!(in_groups == 1 && as_evidence == 0 || in_groups == 0 && as_evidence > 0);
        }
        let mut reversed: Vec<&Head> = heads.iter().collect();
        reversed.reverse();
        let named = |groups: &[Group]| -> Vec<(String, Vec<String>, Vec<String>)> {
            groups.iter().map(|group| (group.primary.clone(), group.ids.clone(), group.cves.clone())).collect()
        };
        prop_assert_eq!(named(&straight), named(&groups(&reversed)));
    }
}

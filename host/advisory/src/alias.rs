//! Which records speak of the same vulnerability.
//!
//! - `aliases` are symmetric and transitive: records that they join are one group.
//! - A record that names one CVE by `upstream`, or by its own id (`DEBIAN-CVE-2024-1`), is that CVE's, unless
//!   aliases say another one.
//! - A record that names several CVEs by `upstream` (a distribution's update) is no vulnerability of its own:
//!   where each of those has a group here, it is one more piece of evidence in each. Where one has none, the
//!   record is a group by itself.
//! - `related` never joins.
//!
//! Work is linear in the identifiers but for sorting.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::osv::Head;

/// Records about one package that speak of the same vulnerability.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// What it is called: its lowest CVE, else its lowest GHSA, else its lowest id.
    pub primary: String,
    /// All identifiers of the same thing, sorted.
    pub ids: Vec<String>,
    /// CVEs to look up in KEV and EPSS, sorted: those of `ids`; of records that have none there, also those
    /// of `upstream` and `related`.
    pub cves: Vec<String>,
    /// Places in the input of the records that are it.
    pub records: Vec<usize>,
    /// Places of records that fix it together with others.
    pub evidence: Vec<usize>,
}

/// Groups the records that concern one package. Sorted by `primary`; the sequence of the input matters for
/// the places only.
pub fn groups(heads: &[&Head]) -> Vec<Group> {
    let mut sets = Sets::default();
    let mut several: Vec<usize> = Vec::new();
    for (index, head) in heads.iter().enumerate() {
        let own = sets.node(&head.id);
        for alias in &head.aliases {
            let alias = sets.node(alias);
            sets.join(own, alias);
        }
        let mut upstream: Vec<&str> = head.upstream.iter().map(String::as_str).collect();
        upstream.retain(|id| is_cve(id));
        upstream.sort_unstable();
        upstream.dedup();
        let stated = std::iter::once(&head.id).chain(&head.aliases);
        if stated.clone().any(|id| is_cve(id)) {
            continue;
        }
        let of_id = cve_in(&head.id);
        let only = match upstream.as_slice() {
            [cve] => Some(*cve),
            _ => None,
        };
        if let Some(cve) = of_id.or(only) {
            let cve = sets.node(cve);
            sets.join(own, cve);
        } else if !upstream.is_empty() {
            several.push(index);
        }
    }
    // Which sets have records that are about them alone.
    let mut members: BTreeMap<usize, Group> = BTreeMap::new();
    let is_several: BTreeSet<usize> = several.iter().copied().collect();
    for (index, head) in heads.iter().enumerate() {
        if !is_several.contains(&index) {
            let root = sets.root_of(&head.id);
            members.entry(root).or_default().records.push(index);
        }
    }
    let mut evidence: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut alone: Vec<usize> = Vec::new();
    for index in several {
        let Some(head) = heads.get(index) else {
            continue;
        };
        let own = sets.root_of(&head.id);
        // An alias already says what it is.
        if let Some(group) = members.get_mut(&own) {
            group.records.push(index);
            continue;
        }
        let mut roots = Vec::new();
        let all = head.upstream.iter().filter(|id| is_cve(id)).all(|cve| {
            let root = sets.known(cve).filter(|root| members.contains_key(root));
            roots.extend(root);
            root.is_some()
        });
        if all {
            roots.sort_unstable();
            roots.dedup();
            evidence.push((index, roots));
        } else {
            alone.push(index);
        }
    }
    for (index, roots) in evidence {
        for root in roots {
            if let Some(group) = members.get_mut(&root) {
                group.evidence.push(index);
            }
        }
    }
    for index in alone {
        if let Some(head) = heads.get(index) {
            let root = sets.root_of(&head.id);
            members.entry(root).or_default().records.push(index);
        }
    }
    let mut ids: HashMap<usize, Vec<String>> = HashMap::new();
    for (id, root) in sets.all() {
        if members.contains_key(&root) {
            ids.entry(root).or_default().push(id);
        }
    }
    let mut groups: Vec<Group> = members
        .into_iter()
        .map(|(root, group)| finish(group, ids.remove(&root).unwrap_or_default(), heads))
        .collect();
    groups.sort_by(|a, b| compare_ids(&a.primary, &b.primary));
    groups
}

fn finish(mut group: Group, mut ids: Vec<String>, heads: &[&Head]) -> Group {
    ids.sort_by(|a, b| compare_ids(a, b));
    ids.dedup();
    let first = |is: fn(&str) -> bool| ids.iter().find(|id| is(id)).cloned();
    group.primary = first(is_cve)
        .or_else(|| first(|id| id.starts_with("GHSA-")))
        .or_else(|| ids.first().cloned())
        .unwrap_or_default();
    let mut cves: Vec<String> = ids.iter().filter(|id| is_cve(id)).cloned().collect();
    if cves.is_empty() {
        // What a distribution lists as fixed, in one field or the other.
        let heads = || group.records.iter().filter_map(|index| heads.get(*index));
        cves.extend(
            heads()
                .flat_map(|head| head.upstream.iter().chain(&head.related))
                .filter(|id| is_cve(id))
                .cloned(),
        );
        cves.sort_by(|a, b| compare_ids(a, b));
        cves.dedup();
    }
    group.records.sort_unstable();
    group.cves = cves;
    group.ids = ids;
    group
}

/// Disjoint sets of identifiers.
#[derive(Default)]
struct Sets<'i> {
    nodes: HashMap<&'i str, usize>,
    names: Vec<&'i str>,
    parents: Vec<usize>,
}

impl<'i> Sets<'i> {
    fn node(&mut self, id: &'i str) -> usize {
        if let Some(node) = self.nodes.get(id) {
            return *node;
        }
        let node = self.parents.len();
        self.nodes.insert(id, node);
        self.names.push(id);
        self.parents.push(node);
        node
    }

    fn find(&mut self, mut node: usize) -> usize {
        loop {
            let parent = self.parents.get(node).copied().unwrap_or(node);
            if parent == node {
                return node;
            }
            let above = self.parents.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parents.get_mut(node) {
                *slot = above;
            }
            node = above;
        }
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        if let Some(slot) = self.parents.get_mut(high) {
            *slot = low;
        }
    }

    fn root_of(&mut self, id: &'i str) -> usize {
        let node = self.node(id);
        self.find(node)
    }

    fn known(&mut self, id: &str) -> Option<usize> {
        let node = *self.nodes.get(id)?;
        Some(self.find(node))
    }

    fn all(&mut self) -> Vec<(String, usize)> {
        let names = self.names.clone();
        names
            .into_iter()
            .enumerate()
            .map(|(node, name)| (name.to_owned(), self.find(node)))
            .collect()
    }
}

/// True for `CVE-2024-1`.
pub fn is_cve(id: &str) -> bool {
    id.strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, number)| {
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            year.len() == 4 && digits(year) && digits(number)
        })
}

/// The CVE in an id of a distribution: `DEBIAN-CVE-2024-1`, `UBUNTU-CVE-2024-1`.
fn cve_in(id: &str) -> Option<&str> {
    let at = id.find("-CVE-")?;
    id.get(at + 1..).filter(|rest| is_cve(rest))
}

/// Numbers in identifiers sort as numbers: CVE-2021-9 before CVE-2021-10.
pub fn compare_ids(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(x), Some(y)) = (left.bytes().next(), right.bytes().next()) {
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number, other) = (digits(left), digits(right));
            let bare = |text: &'_ str| text.trim_start_matches('0').len();
            let by_value = bare(number).cmp(&bare(other)).then_with(|| {
                number
                    .trim_start_matches('0')
                    .cmp(other.trim_start_matches('0'))
            });
            if by_value != Ordering::Equal {
                return by_value;
            }
            left = left.get(number.len()..).unwrap_or_default();
            right = right.get(other.len()..).unwrap_or_default();
        } else if x == y && x.is_ascii() {
            left = left.get(1..).unwrap_or_default();
            right = right.get(1..).unwrap_or_default();
        } else {
            return left.cmp(right);
        }
    }
    // Equal but for leading zeros: the text decides, so that the order is total.
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

fn digits(text: &str) -> &str {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;

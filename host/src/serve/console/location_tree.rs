//! The tree of locations as a page shows it, and as a form sends it back.
//!
//! A tree may have tens of thousands of locations. A small one is on the page as a whole; of a large one only
//! what was opened is, and the rest is chosen as a whole or left as it is. For each holder whose leaves are on the
//! page the form sends a digest of them, so that ticks are never read against other leaves than were seen.

use std::collections::{BTreeSet, HashMap, HashSet};

use ox_console::pages::locations::{Holder, Leaf, TreeRow, Tri};
use ox_console::text;
use sha2::{Digest, Sha256};

use super::fields::Fields;
use super::locations::is_leaf;
use crate::host::LocationRow;

/// Locations up to which the whole tree is on the page.
const WHOLE: usize = 1500;
/// Parts of a large tree up to this size are on the page unasked, as long as the page has so many rows.
const SMALL: usize = 20;
const ROOM: usize = 3000;
/// Leaves of one holder of a large tree that are on the page.
const LEAVES: usize = 500;
/// Locations that a search shows.
const FOUND: usize = 1000;
/// Deeper holders are written beside each other.
const DEPTH: usize = 40;
/// Longest search, in characters, and holders that are opened.
const SEARCH: usize = 200;
const OPENED: usize = 200;

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Part of a path.
    pub(super) search: String,
    /// Holders that are unfolded: ids of locations.
    pub(super) open: BTreeSet<String>,
}

impl View {
    pub(super) fn of(pairs: impl Iterator<Item = (impl AsRef<str>, impl Into<String>)>) -> Self {
        let mut view = Self::default();
        for (name, value) in pairs {
            match name.as_ref() {
                "q" => view.search = value.into().trim().chars().take(SEARCH).collect(),
                "open" if view.open.len() < OPENED => {
                    view.open.insert(value.into());
                }
                _ => {}
            }
        }
        view
    }

    pub(super) fn of_fields(fields: &Fields) -> Self {
        let search = fields.get("q").map(|value| ("q", value));
        let open = fields.all("open").map(|value| ("open", value));
        Self::of(search.into_iter().chain(open))
    }

    /// As the query of an address; empty, or with its question mark.
    pub(super) fn query(&self) -> String {
        let mut parts = Vec::new();
        if !self.search.is_empty() {
            parts.push(format!("q={}", text::encode(&self.search)));
        }
        parts.extend(
            self.open
                .iter()
                .map(|id| format!("open={}", text::encode(id))),
        );
        if parts.is_empty() {
            String::new()
        } else {
            format!("?{}", parts.join("&"))
        }
    }
}

/// What a page shows.
pub(super) struct ShownTree {
    pub(super) rows: Vec<TreeRow>,
    /// What a search found.
    pub(super) found: Option<String>,
}

/// Locations by the ones that hold them.
pub(super) struct Tree<'a> {
    rows: &'a [LocationRow],
    by_id: HashMap<&'a str, usize>,
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
    /// Every location, each behind the one that holds it.
    order: Vec<usize>,
    parent: Vec<Option<usize>>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(rows: &'a [LocationRow]) -> Self {
        let by_id: HashMap<&str, usize> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| (row.location.id.as_str(), at))
            .collect();
        let mut tree = Self {
            rows,
            children: vec![Vec::new(); rows.len()],
            roots: Vec::new(),
            order: Vec::with_capacity(rows.len()),
            parent: vec![None; rows.len()],
            by_id,
        };
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
        for (at, row) in rows.iter().enumerate() {
            let parent = row.location.parent.as_deref();
            match parent.and_then(|id| tree.by_id.get(id)) {
                Some(&parent) if parent != at => {
                    if let Some(below) = below.get_mut(parent) {
                        below.push(at);
                    }
                }
                _ => tree.roots.push(at),
            }
        }
        let mut seen = vec![false; rows.len()];
        let roots = tree.roots.clone();
        for root in roots {
            tree.walk(root, &below, &mut seen);
        }
        // What holds itself over some turns has no top; it gets one where the order of paths begins with it.
        for at in 0..rows.len() {
            if seen.get(at) == Some(&false) {
                tree.roots.push(at);
                tree.walk(at, &below, &mut seen);
            }
        }
        tree
    }

    fn walk(&mut self, root: usize, below: &[Vec<usize>], seen: &mut [bool]) {
        let mut open = vec![(root, None)];
        while let Some((at, parent)) = open.pop() {
            match seen.get_mut(at) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            self.order.push(at);
            if let Some(slot) = self.parent.get_mut(at) {
                *slot = parent;
            }
            if let Some(children) = parent.and_then(|parent| self.children.get_mut(parent)) {
                children.push(at);
            }
            let children = below.get(at).into_iter().flatten().rev();
            open.extend(children.map(|child| (*child, Some(at))));
        }
    }

    fn row(&self, at: usize) -> Option<&'a LocationRow> {
        self.rows.get(at)
    }

    fn children(&self, holder: Option<usize>) -> &[usize] {
        match holder {
            Some(at) => self.children.get(at).map_or(&[], Vec::as_slice),
            None => &self.roots,
        }
    }

    fn is_large(&self) -> bool {
        self.rows.len() > WHOLE
    }

    /// A line with a box: its kind is scanned, even if it can't be.
    fn has_box(row: &LocationRow) -> bool {
        row.location.scannable || row.location.unscannable.is_some()
    }

    fn is_holder(&self, at: usize) -> bool {
        !self.children(Some(at)).is_empty() || !self.row(at).is_some_and(Self::has_box)
    }

    /// The leaves that a holder shows, those that a large holder leaves to its rest, and the holders in it. A
    /// location that holds others and is scanned itself is a leaf of itself.
    fn parts(&self, holder: Option<usize>, seen: &Sight) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
        let own = holder.filter(|at| self.row(*at).is_some_and(Self::has_box));
        let mut leaves: Vec<usize> = own.into_iter().filter(|at| seen.has(*at)).collect();
        let mut holders = Vec::new();
        for &child in self.children(holder) {
            if self.is_holder(child) {
                holders.push(child);
            } else if seen.has(child) {
                leaves.push(child);
            }
        }
        let rest = if self.is_large() && seen.found.is_none() && leaves.len() > LEAVES {
            leaves.split_off(LEAVES)
        } else {
            Vec::new()
        };
        (leaves, rest, holders)
    }

    /// What a search leaves.
    fn sight(&self, view: &View) -> Sight {
        if view.search.is_empty() {
            return Sight::default();
        }
        let wanted = view.search.to_lowercase();
        let mut found = HashSet::new();
        let mut matches = 0_u64;
        for &at in &self.order {
            let Some(row) = self.row(at) else { continue };
            if Self::has_box(row) && row.location.path.to_lowercase().contains(&wanted) {
                matches += 1;
                if found.len() < FOUND {
                    found.insert(at);
                }
            }
        }
        Sight {
            found: Some(found),
            matches,
        }
    }

    /// Leaves that can be scanned below a holder, itself included; of those a search leaves, where there is one.
    pub(super) fn below(&self, id: &str, view: &View) -> Vec<usize> {
        let seen = self.sight(view);
        let Some(&top) = self.by_id.get(id) else {
            return Vec::new();
        };
        let mut open = vec![top];
        let mut below = Vec::new();
        while let Some(at) = open.pop() {
            if self.row(at).is_some_and(is_leaf) && seen.has(at) {
                below.push(at);
            }
            open.extend(self.children(Some(at)));
        }
        below
    }

    /// The leaves of a holder that are not on the page.
    pub(super) fn rest(&self, id: &str, view: &View) -> Vec<usize> {
        let holder = self.by_id.get(id).copied();
        if holder.is_none() && !id.is_empty() {
            return Vec::new();
        }
        self.parts(holder, &self.sight(view)).1
    }

    /// The leaves that were on the page, by what the form sent about them. The error is the holder whose leaves
    /// are others now.
    pub(super) fn shown(&self, view: &View, sent: &[&str]) -> Result<HashSet<usize>, String> {
        let seen = self.sight(view);
        let mut shown = HashSet::new();
        for token in sent {
            let (digest, id) = token.split_once(':').unwrap_or((token, ""));
            let holder = self.by_id.get(id).copied();
            if holder.is_none() && !id.is_empty() {
                return Err(id.to_owned());
            }
            let (leaves, ..) = self.parts(holder, &seen);
            if self.digest(&leaves) != digest {
                let path = holder.and_then(|at| self.row(at));
                return Err(path.map_or_else(String::new, |row| row.location.path.clone()));
            }
            shown.extend(leaves);
        }
        Ok(shown)
    }

    fn digest(&self, leaves: &[usize]) -> String {
        let mut hash = Sha256::new();
        for row in leaves.iter().filter_map(|at| self.row(*at)) {
            hash.update(row.location.path.as_bytes());
            hash.update([0, u8::from(is_leaf(row))]);
        }
        hex(&hash.finalize())
    }

    /// Of each location: leaves below it that are scanned, leaves, rows.
    fn counts(&self, seen: &Sight) -> Vec<(u64, u64, usize)> {
        let mut counts = vec![(0, 0, 0); self.rows.len()];
        for &at in self.order.iter().rev() {
            let Some(row) = self.row(at) else { continue };
            let own = is_leaf(row) && seen.has(at);
            let Some(count) = counts.get_mut(at) else {
                continue;
            };
            count.0 += u64::from(own && row.selected);
            count.1 += u64::from(own);
            count.2 += usize::from(seen.has(at));
            let sum = *count;
            let parent = self.parent.get(at).copied().flatten();
            if let Some(above) = parent.and_then(|parent| counts.get_mut(parent)) {
                above.0 += sum.0;
                above.1 += sum.1;
                above.2 += sum.2;
            }
        }
        counts
    }

    /// The tree as the page writes it.
    pub(super) fn rows(
        &self,
        view: &View,
        kinds: &HashMap<String, String>,
        base: &str,
        now: &str,
    ) -> ShownTree {
        let seen = self.sight(view);
        let counts = self.counts(&seen);
        let mut rows = Vec::new();
        let mut open = vec![Work::Inside(None, 0)];
        while let Some(work) = open.pop() {
            match work {
                Work::Close => rows.push(TreeRow::Close),
                Work::Inside(holder, depth) => {
                    let (leaves, rest, holders) = self.parts(holder, &seen);
                    // Small trees are open; so is what has nothing beside it.
                    let alone = holders.len() == 1 && leaves.is_empty();
                    for &child in holders.iter().rev() {
                        open.push(Work::Enter(child, depth, alone));
                    }
                    if leaves.is_empty() {
                        continue;
                    }
                    let id = holder.and_then(|at| self.row(at));
                    let id = id.map_or("", |row| row.location.id.as_str());
                    rows.push(TreeRow::Shown(format!("{}:{id}", self.digest(&leaves))));
                    let leaf = |at: &usize| Some(leaf(self.row(*at)?, kinds, now));
                    rows.extend(leaves.iter().filter_map(leaf).map(TreeRow::Leaf));
                    if !rest.is_empty() {
                        let rest: Vec<_> = rest
                            .iter()
                            .filter_map(|at| self.row(*at))
                            .filter(|row| is_leaf(row))
                            .collect();
                        rows.push(TreeRow::Rest {
                            count: rest.len() as u64,
                            chosen: rest.iter().filter(|row| row.selected).count() as u64,
                            key: id.to_owned(),
                        });
                    }
                }
                Work::Enter(at, depth, alone) => {
                    let Some(row) = self.row(at) else { continue };
                    let (chosen, all, size) = counts.get(at).copied().unwrap_or_default();
                    if seen.found.is_some() && size == 0 {
                        continue;
                    }
                    let id = row.location.id.as_str();
                    let is_asked = view.open.contains(id) || seen.found.is_some() || alone;
                    let is_here =
                        is_asked || !self.is_large() || (size <= SMALL && rows.len() < ROOM);
                    let lazy = (!is_here && size > 1).then(|| {
                        let mut wider = view.clone();
                        wider.open.insert(id.to_owned());
                        format!("{base}{}", wider.query())
                    });
                    let inside = lazy.is_none();
                    rows.push(TreeRow::Open(Holder {
                        id: format!("at-{}", short(id)),
                        key: id.to_owned(),
                        name: text::plain(&row.location.name),
                        path: text::plain(&row.location.path),
                        kind: kind(row, kinds),
                        state: Tri::of(chosen, all),
                        chosen,
                        all,
                        is_open: is_asked || (!self.is_large() && self.rows.len() <= 200),
                        lazy,
                        attributes: attributes(row, now),
                    }));
                    if depth < DEPTH {
                        open.push(Work::Close);
                        if inside {
                            open.push(Work::Inside(Some(at), depth + 1));
                        }
                    } else {
                        rows.push(TreeRow::Close);
                        if inside {
                            open.push(Work::Inside(Some(at), depth));
                        }
                    }
                }
            }
        }
        let found = seen.found.map(|found| {
            let matches = text::counted(seen.matches, "location", "locations");
            if seen.matches > found.len() as u64 {
                format!(
                    "{matches} found, the first {} shown. What is ticked here concerns those alone.",
                    text::count(found.len() as u64)
                )
            } else {
                format!("{matches} found. What is ticked here concerns those alone.")
            }
        });
        ShownTree { rows, found }
    }
}

/// What the page is to write next.
enum Work {
    Enter(usize, usize, bool),
    Inside(Option<usize>, usize),
    Close,
}

/// What a search leaves to be seen.
#[derive(Default)]
struct Sight {
    found: Option<HashSet<usize>>,
    matches: u64,
}

impl Sight {
    fn has(&self, at: usize) -> bool {
        self.found.as_ref().is_none_or(|found| found.contains(&at))
    }
}

fn kind(row: &LocationRow, kinds: &HashMap<String, String>) -> String {
    let kind = &row.location.kind;
    text::plain(kinds.get(kind).unwrap_or(kind))
}

fn leaf(row: &LocationRow, kinds: &HashMap<String, String>, now: &str) -> Leaf {
    let mut attributes = attributes(row, now);
    if let Some((at, complete)) = &row.last_scan {
        let how = if *complete {
            "scanned"
        } else {
            "partly scanned"
        };
        attributes.push(format!("{how} {}", text::ago(at, now)));
    }
    Leaf {
        name: text::plain(&row.location.name),
        path: row.location.path.clone(),
        kind: kind(row, kinds),
        chosen: row.selected,
        unscannable: row
            .location
            .unscannable
            .as_ref()
            .map(|skip| (text::plain(&skip.why.message), text::plain(&skip.why.hint))),
        attributes,
        is_new: row
            .reason
            .as_ref()
            .is_some_and(|reason| reason.starts_with("it is new")),
    }
}

fn attributes(row: &LocationRow, now: &str) -> Vec<String> {
    let of = |wanted: &str| {
        let attributes = &row.location.attributes;
        let found = attributes.iter().find(|(key, _)| key == wanted);
        found.map(|(_, value)| value.as_str())
    };
    let mut words = Vec::new();
    if of("archived") == Some("true") {
        words.push("archived".to_owned());
    }
    if let Some(visibility) = of("visibility") {
        words.push(text::plain(visibility));
    }
    if let Some(activity) = of("last-activity") {
        words.push(format!("active {}", text::ago(activity, now)));
    }
    words
}

fn short(id: &str) -> String {
    hex(&Sha256::digest(id.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

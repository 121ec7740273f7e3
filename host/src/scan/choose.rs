//! From ticks to patterns: the smallest selection that takes exactly the locations that were chosen.
//!
//! The paths make a tree. Walking down it, a location is left out, taken (below an include pattern), or left out
//! again (below an exclude pattern, which wins); each change costs one pattern. The cheapest way is found from the
//! leaves up. Where a whole part of the tree is of one mind, one `part/**` says so, also for what appears in it
//! later. What came out is tried against every location before it is answered.

use std::collections::BTreeMap;

use super::Patterns;
use crate::host::{NewLocations, Selection};

/// Parts of a path that make the tree deeper; what is behind them counts as one part.
const DEPTH: usize = 64;

/// More than any choice costs.
const NEVER: usize = usize::MAX / 4;

/// How a place of the tree stands, walking down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// No include pattern matched yet.
    Out,
    /// An include pattern matched.
    In,
    /// An exclude pattern matched: nothing below changes that.
    Never,
}

struct Node<'a> {
    /// Its whole path.
    path: &'a str,
    children: BTreeMap<&'a str, usize>,
    /// It is a location itself, and whether it was chosen.
    leaf: Option<bool>,
    /// Locations in it, itself included, that were chosen and that were not.
    chosen: usize,
    left: usize,
    /// What it costs for each way to come to it.
    cost: [usize; 3],
}

impl Node<'_> {
    fn is_of_one_mind(&self) -> bool {
        self.chosen == 0 || self.left == 0
    }

    /// Patterns that say "this and everything below it".
    fn whole(&self) -> Vec<String> {
        if self.path.is_empty() {
            return vec!["**".to_owned()];
        }
        let escaped = escape(self.path);
        match (self.leaf, self.children.is_empty()) {
            (Some(_), true) => vec![escaped],
            (None, _) => vec![format!("{escaped}/**")],
            (Some(_), false) if is_plain(&escaped) => vec![escaped],
            (Some(_), false) => vec![escaped.clone(), format!("{escaped}/**")],
        }
    }
}

/// The selection that takes exactly the locations that are chosen. `current` stays as it is where it does so
/// already: it may hold patterns that a person wrote.
pub fn selection_of(
    leaves: &[(&str, bool)],
    new_locations: NewLocations,
    current: Option<&Selection>,
) -> Result<Selection, String> {
    if let Some(current) = current
        && current.new_locations == new_locations
        && differs(current, leaves)?.is_none()
    {
        return Ok(current.clone());
    }
    let selection = smallest(leaves, new_locations);
    match differs(&selection, leaves)? {
        None => Ok(selection),
        Some(path) => Err(format!(
            "no pattern can tell {path:?} from another location; write the patterns yourself"
        )),
    }
}

/// The first location that a selection decides in another way.
fn differs<'a>(
    selection: &Selection,
    leaves: &[(&'a str, bool)],
) -> Result<Option<&'a str>, String> {
    let include = Patterns::new(&selection.include)?;
    let exclude = Patterns::new(&selection.exclude)?;
    let takes = |path| (include.is_empty() || include.matches(path)) && !exclude.matches(path);
    let other = leaves.iter().find(|(path, chosen)| takes(path) != *chosen);
    Ok(other.map(|(path, _)| *path))
}

fn smallest(leaves: &[(&str, bool)], new_locations: NewLocations) -> Selection {
    let nodes = tree(leaves);
    let mut selection = Selection {
        include: Vec::new(),
        exclude: Vec::new(),
        new_locations,
    };
    let Some(root) = nodes.first() else {
        return selection;
    };
    // An empty list of includes takes everything: it can't say "nothing", and new locations need it.
    let from_nothing = keep(&nodes, root, Stand::Out);
    let from_all = root
        .cost
        .get(Stand::In as usize)
        .copied()
        .unwrap_or(usize::MAX);
    let stand = if new_locations == NewLocations::Include
        || root.is_of_one_mind()
        || from_all < from_nothing
    {
        Stand::In
    } else {
        Stand::Out
    };
    let mut open = vec![(root, stand)];
    while let Some((node, stand)) = open.pop() {
        let stand = match stand {
            Stand::Out if node.path.is_empty() => stand,
            Stand::Out if changes(&nodes, node, stand) => {
                selection.include.extend(node.whole());
                Stand::In
            }
            Stand::In if changes(&nodes, node, stand) => {
                selection.exclude.extend(node.whole());
                Stand::Never
            }
            stand => stand,
        };
        if stand == Stand::Never {
            continue;
        }
        match (node.leaf, stand) {
            (Some(true), Stand::Out) => selection.include.push(itself(node)),
            (Some(false), Stand::In) => selection.exclude.push(itself(node)),
            _ => {}
        }
        let children = node.children.values().rev();
        open.extend(children.filter_map(|child| Some((nodes.get(*child)?, stand))));
    }
    selection
}

/// The tree, each node after the one that holds it, with what each costs.
fn tree<'a>(leaves: &[(&'a str, bool)]) -> Vec<Node<'a>> {
    let node = |path| Node {
        path,
        children: BTreeMap::new(),
        leaf: None,
        chosen: 0,
        left: 0,
        cost: [0; 3],
    };
    let mut nodes = vec![node("")];
    for &(path, chosen) in leaves {
        let mut at = 0;
        let mut end = 0;
        for part in path.splitn(DEPTH, '/') {
            end += part.len();
            let next = nodes.len();
            let below = path.get(..end).unwrap_or(path);
            end += 1;
            let Some(here) = nodes.get_mut(at) else { break };
            at = *here.children.entry(part).or_insert(next);
            if at == next {
                nodes.push(node(below));
            }
        }
        if let Some(here) = nodes.get_mut(at) {
            here.leaf = Some(chosen);
        }
    }
    for at in (0..nodes.len()).rev() {
        let Some(node) = nodes.get(at) else { continue };
        let below = || node.children.values().filter_map(|child| nodes.get(*child));
        let chosen =
            below().map(|child| child.chosen).sum::<usize>() + usize::from(node.leaf == Some(true));
        let left =
            below().map(|child| child.left).sum::<usize>() + usize::from(node.leaf == Some(false));
        let kept = [Stand::Out, Stand::In, Stand::Never].map(|stand| keep(&nodes, node, stand));
        let price = node.whole().len();
        let [out, within, never] = kept;
        let within_best = within.min(never.saturating_add(price));
        let cost = [out.min(within.saturating_add(price)), within_best, never];
        if let Some(node) = nodes.get_mut(at) {
            (node.chosen, node.left, node.cost) = (chosen, left, cost);
        }
    }
    nodes
}

/// What a node costs when its own pattern changes nothing.
fn keep(nodes: &[Node<'_>], node: &Node<'_>, stand: Stand) -> usize {
    let own = match (node.leaf, stand) {
        (Some(true), Stand::Out) | (Some(false), Stand::In) => 1,
        (Some(true), Stand::Never) => NEVER,
        _ => 0,
    };
    let below = node.children.values().filter_map(|child| nodes.get(*child));
    below.fold(own, |sum, child| {
        let [out, within, never] = child.cost;
        sum.saturating_add(match stand {
            Stand::Out => out,
            Stand::In => within,
            Stand::Never => never,
        })
        .min(NEVER)
    })
}

/// True when a pattern of the node itself is worth it.
fn changes(nodes: &[Node<'_>], node: &Node<'_>, stand: Stand) -> bool {
    let kept = keep(nodes, node, stand);
    let next = match stand {
        Stand::Out => Stand::In,
        Stand::In | Stand::Never => Stand::Never,
    };
    let changed = keep(nodes, node, next).saturating_add(node.whole().len());
    changed < kept || (changed == kept && node.is_of_one_mind())
}

/// The pattern of a location alone, not of what is below it.
fn itself(node: &Node<'_>) -> String {
    let escaped = escape(node.path);
    if node.children.is_empty() || !is_plain(&escaped) {
        return escaped;
    }
    // A pattern without a wildcard takes what is below it too; a class of one character is a wildcard.
    match escaped.rfind(|one: char| one.is_ascii_alphanumeric()) {
        Some(at) => {
            let (before, rest) = escaped.split_at(at);
            let (one, after) = rest.split_at(1);
            format!("{before}[{one}]{after}")
        }
        None => format!("{{{escaped}}}"),
    }
}

fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '{', '\\'])
}

/// A pattern that matches the text and nothing else.
fn escape(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '*' | '?' | '[' | ']' | '{' | '}' | '\\' => {
                pattern.push('[');
                pattern.push(one);
                pattern.push(']');
            }
            _ => pattern.push(one),
        }
    }
    pattern
}

#[cfg(test)]
mod tests;

//! What the traces of an image's layers amount to, put one on top of the other: special permissions that
//! an upper layer takes away are gone, what a lower layer left behind stays in it and is only hidden.

use std::collections::BTreeMap;

use super::caches::caches_at;
use super::traces::{Left, Plain, Special, Traces};
use crate::image::layer::keys_below;

/// Files with special permissions that are kept of one image; of more, the number.
pub const MAX_SPECIAL: usize = 2000;
/// Things left behind that are kept of one image; of more, the number.
pub const MAX_LEFT: usize = 500;

/// The traces put together so far.
#[derive(Default)]
pub struct Overlay {
    special: BTreeMap<String, (u32, Special)>,
    left: BTreeMap<String, Vec<(u32, Left)>>,
    traces: Vec<Traces>,
    kept: usize,
    /// The layer that is being put on top.
    now: u32,
}

/// A layer's traces on their way into the [`Overlay`].
pub struct Layer {
    traces: Traces,
    /// The layer that brought each of the special permissions, where a lower one did.
    brought: Vec<Option<u32>>,
}

impl Overlay {
    /// Begins with the next layer, before it takes anything away from those below. `canonical` is where a
    /// key leads through the links of these.
    pub fn begin(
        &mut self,
        index: u32,
        traces: Traces,
        canonical: impl Fn(&str) -> Option<String>,
    ) -> Layer {
        self.now = index;
        // Layers repeat the folders on the way to their files, and a file that is written again keeps its
        // permissions: then they are nothing new.
        let before = |special: &Special| {
            let (layer, before) = self.special.get(&canonical(&special.path)?)?;
            (before.mode == special.mode && before.uid == special.uid).then_some(*layer)
        };
        Layer {
            brought: traces.special.iter().map(before).collect(),
            traces,
        }
    }

    /// Puts the traces of a layer on top, after all that it takes away.
    pub fn put(&mut self, layer: Layer, canonical: impl Fn(&str) -> Option<String>) {
        let Layer {
            mut traces,
            brought,
        } = layer;
        for key in owned(traces.plain.replaced(&self.special)) {
            self.special.remove(&key);
        }
        for key in owned(traces.plain.replaced(&self.left)) {
            self.hide(&key);
        }
        // Its work is done, and it is the largest part.
        traces.plain = Plain::default();
        let special = std::mem::take(&mut traces.special);
        for (mut special, brought) in special.into_iter().zip(brought) {
            let Some(path) = canonical(&special.path) else {
                continue;
            };
            if self.special.len() >= MAX_SPECIAL && !self.special.contains_key(&path) {
                traces.more_special = traces.more_special.saturating_add(1);
                continue;
            }
            special.path.clone_from(&path);
            self.special
                .insert(path, (brought.unwrap_or(self.now), special));
        }
        for mut left in std::mem::take(&mut traces.left) {
            let Some(path) = canonical(&left.path) else {
                continue;
            };
            // Written again, it was not removed by that.
            let now = self.now;
            let again = self.left.get_mut(&path).and_then(|there| there.last_mut());
            if let Some((_, before)) = again
                && before.kind == left.kind
                && before.removed.is_none_or(|by| by == now)
            {
                before.removed = None;
                continue;
            }
            if self.kept >= MAX_LEFT {
                traces.more_left = traces.more_left.saturating_add(1);
                continue;
            }
            self.kept += 1;
            left.path.clone_from(&path);
            self.left.entry(path).or_default().push((self.now, left));
        }
        // Layers that could not be read leave a gap.
        let place = usize::try_from(self.now).unwrap_or(usize::MAX);
        while self.traces.len() < place {
            self.traces.push(Traces::default());
        }
        self.traces.push(traces);
    }

    /// The present layer removes or replaces what is at a key.
    pub fn remove(&mut self, key: &str) {
        self.special.remove(key);
        self.hide(key);
    }

    /// The present layer has a folder at a key, which takes the place of anything but a folder.
    pub fn put_folder(&mut self, key: &str) {
        if self.special.get(key).is_some_and(|(_, one)| !one.folder) {
            self.special.remove(key);
        }
        self.hide(key);
    }

    /// The present layer removes what is below a folder.
    pub fn remove_below(&mut self, dir: &str) {
        for key in keys_below(&self.special, dir) {
            self.special.remove(&key);
        }
        for key in keys_below(&self.left, dir) {
            self.hide(&key);
        }
    }

    /// The present layer removes a key, or all below it, by a whiteout: caches may be meant.
    pub fn whiteout(&mut self, key: &str) {
        if self.traces.iter().all(|traces| traces.caches.is_empty()) {
            return;
        }
        let kinds = caches_at(key);
        let now = self.now;
        let caches = self.traces.iter_mut().flat_map(|traces| &mut traces.caches);
        for cache in caches.filter(|cache| kinds.contains(&cache.kind)) {
            cache.removed.get_or_insert(now);
        }
    }

    /// What a lower layer left behind can be seen no longer; the layer has it all the same.
    fn hide(&mut self, key: &str) {
        let now = self.now;
        for (layer, left) in self.left.get_mut(key).into_iter().flatten() {
            if *layer < now {
                left.removed.get_or_insert(now);
            }
        }
    }

    /// All layers are on: special permissions with their layers, and the rest by the place of the layer.
    pub fn finish(mut self) -> (Vec<(u32, Special)>, Vec<Traces>) {
        for (layer, left) in self.left.into_values().flatten() {
            let place = usize::try_from(layer).unwrap_or(usize::MAX);
            if let Some(traces) = self.traces.get_mut(place) {
                traces.left.push(left);
            }
        }
        (self.special.into_values().collect(), self.traces)
    }
}

fn owned(keys: Vec<&str>) -> Vec<String> {
    keys.into_iter().map(str::to_owned).collect()
}

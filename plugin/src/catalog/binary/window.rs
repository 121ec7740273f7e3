//! A file that goes by: a window of it, and runs of bytes that are kept.

use std::io::{self, Read};

/// Bytes of the file that are in hand at a time.
pub(super) const WINDOW: usize = 256 * 1024;
/// Bytes that are seen after every place that is searched, but at the end of the file.
pub(super) const LOOKAHEAD: usize = 2 * 1024;

/// What is in hand of the file.
#[derive(Clone, Copy)]
pub(super) struct View<'w> {
    /// The bytes.
    pub(super) data: &'w [u8],
    /// Where in the file the first of them is.
    pub(super) offset: u64,
    /// How many of them are to be searched now: what follows comes again in the next view.
    pub(super) fresh: usize,
}

/// Passes the whole file by, a window at a time. `size` is how long it is said to be: most programs are
/// small, and a layer has thousands.
pub(super) fn pass(
    contents: &mut dyn Read,
    size: u64,
    mut see: impl FnMut(View<'_>),
) -> io::Result<()> {
    let room = usize::try_from(size).unwrap_or(WINDOW).saturating_add(1);
    let mut buffer = vec![0; room.clamp(LOOKAHEAD * 2, WINDOW)];
    let mut kept = 0;
    let mut offset: u64 = 0;
    loop {
        let mut filled = kept;
        let mut ended = false;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match contents.read(rest) {
                Ok(0) => {
                    ended = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let fresh = if ended {
            filled
        } else {
            filled.saturating_sub(LOOKAHEAD)
        };
        see(View {
            data: buffer.get(..filled).unwrap_or_default(),
            offset,
            fresh,
        });
        if ended {
            return Ok(());
        }
        buffer.copy_within(fresh..filled, 0);
        kept = filled - fresh;
        offset += fresh as u64;
    }
}

/// A run of the file's bytes that is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    /// Where in the file it begins.
    pub(super) start: u64,
    /// The bytes so far.
    pub(super) bytes: Vec<u8>,
    /// How many are wanted.
    length: usize,
}

impl Run {
    /// To be filled with that many bytes from there.
    pub(super) fn new(start: u64, length: usize) -> Self {
        Self {
            start,
            bytes: Vec::new(),
            length,
        }
    }

    /// True when nothing is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.bytes.len() >= self.length
    }

    /// Takes what it lacks and the view has. Views follow each other without a gap.
    pub(super) fn take(&mut self, view: View<'_>) {
        let next = self.start.saturating_add(self.bytes.len() as u64);
        let Some(at) = next
            .checked_sub(view.offset)
            .and_then(|at| usize::try_from(at).ok())
        else {
            return;
        };
        if let Some(rest) = view.data.get(at..) {
            let step = rest.len().min(self.length - self.bytes.len());
            self.bytes
                .extend_from_slice(rest.get(..step).unwrap_or_default());
        }
    }

    /// What it holds from a place of the file on.
    pub(super) fn from(&self, offset: u64) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(at..)
    }
}

//! The bytes of an archive: buffered, counted and searched.

use std::io::{self, Read};

/// Bytes that are read at once.
pub(super) const CHUNK: usize = 32 * 1024;
/// What a search keeps of the bytes it has seen: a descriptor with large sizes and the signature after it.
pub(super) const LOOK_AHEAD: usize = 28;

/// A buffered reader that knows where it is.
pub(super) struct Input<'r> {
    reader: &'r mut dyn Read,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes before `start`.
    pub(super) position: u64,
}

impl<'r> Input<'r> {
    pub(super) fn new(reader: &'r mut dyn Read) -> Self {
        Self {
            reader,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            position: 0,
        }
    }

    /// What is buffered, at least `need` bytes of it unless the stream ends before.
    pub(super) fn fill(&mut self, need: usize) -> io::Result<&[u8]> {
        if self.end - self.start < need {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            while self.end < need {
                let Some(space) = self.buffer.get_mut(self.end..) else {
                    break;
                };
                match self.reader.read(space) {
                    Ok(0) => break,
                    Ok(count) => self.end = self.buffer.len().min(self.end + count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.position += count as u64;
    }

    /// Passes over so many bytes; false when there are fewer.
    pub(super) fn skip(&mut self, mut count: u64) -> io::Result<bool> {
        while count > 0 {
            let available = self.fill(1)?.len();
            if available == 0 {
                return Ok(false);
            }
            let step = available.min(usize::try_from(count).unwrap_or(usize::MAX));
            self.consume(step);
            count -= step as u64;
        }
        Ok(true)
    }

    /// Reads so many bytes, at most 65,535, into `target`; false when there are fewer.
    pub(super) fn take(&mut self, count: usize, target: &mut Vec<u8>) -> io::Result<bool> {
        target.clear();
        while target.len() < count {
            let available = self.fill(1)?;
            let step = available.len().min(count - target.len());
            if step == 0 {
                return Ok(false);
            }
            target.extend_from_slice(available.get(..step).unwrap_or_default());
            self.consume(step);
        }
        Ok(true)
    }

    /// Goes to the next place, of those with the byte `first` if there is one, where `is` holds of the bytes
    /// from there and their position; to the end, or some `limit` bytes on, where it holds nowhere.
    pub(super) fn search(
        &mut self,
        limit: u64,
        first: Option<u8>,
        is: impl Fn(&[u8], u64) -> bool,
    ) -> io::Result<bool> {
        let end = self.position.saturating_add(limit);
        loop {
            let position = self.position;
            let available = self.fill(LOOK_AHEAD)?;
            let last = available.len() < LOOK_AHEAD;
            let mut at = 0;
            let mut found = None;
            while let Some(rest) = available.get(at..).filter(|rest| !rest.is_empty()) {
                let next = match first {
                    Some(first) => rest.iter().position(|byte| *byte == first),
                    None => Some(0),
                };
                let Some(next) = next else {
                    at = available.len();
                    break;
                };
                at += next;
                let rest = available.get(at..).unwrap_or_default();
                if rest.len() < LOOK_AHEAD && !last {
                    break;
                }
                if is(rest, position + at as u64) {
                    found = Some(at);
                    break;
                }
                at += 1;
            }
            let step = found.unwrap_or(at);
            self.consume(step);
            if found.is_some() {
                return Ok(true);
            }
            if (last && step == 0) || self.position >= end {
                return Ok(false);
            }
        }
    }
}

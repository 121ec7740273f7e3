//! Text in UTF-16, as Windows writes it, made into bytes: what secrets consist of is ASCII.

use std::io::{self, Read};

/// How two bytes make a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

/// The order that a text's first two bytes state.
pub(super) fn begins(head: &[u8]) -> Option<Order> {
    match head {
        [0xFF, 0xFE, ..] => Some(Order::Little),
        [0xFE, 0xFF, ..] => Some(Order::Big),
        _ => None,
    }
}

/// Reads a text, one byte a character where it is UTF-16.
pub(super) struct Narrow<'r> {
    contents: &'r mut dyn Read,
    started: bool,
    order: Option<Order>,
    /// Bytes that were read to see how it begins.
    head: [u8; 2],
    held: usize,
    /// Bytes that are no pair yet.
    raw: Vec<u8>,
}

impl<'r> Narrow<'r> {
    pub(super) fn new(contents: &'r mut dyn Read) -> Self {
        Self {
            contents,
            started: false,
            order: None,
            head: [0; 2],
            held: 0,
            raw: Vec::new(),
        }
    }

    fn start(&mut self) -> io::Result<()> {
        while let Some(rest) = self
            .head
            .get_mut(self.held..)
            .filter(|rest| !rest.is_empty())
        {
            match self.contents.read(rest) {
                Ok(0) => break,
                Ok(count) => self.held += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.order = begins(self.head.get(..self.held).unwrap_or_default());
        if self.order.is_some() {
            self.held = 0;
        }
        self.started = true;
        Ok(())
    }
}

impl Read for Narrow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.started {
            self.start()?;
        }
        if self.held > 0 {
            let count = self.held.min(buffer.len());
            let (Some(to), Some(from)) = (buffer.get_mut(..count), self.head.get(..count)) else {
                return Ok(0);
            };
            to.copy_from_slice(from);
            self.head.copy_within(count.., 0);
            self.held -= count;
            return Ok(count);
        }
        let Some(order) = self.order else {
            return self.contents.read(buffer);
        };
        if buffer.is_empty() {
            return Ok(0);
        }
        let held = self.raw.len();
        self.raw.resize((buffer.len() * 2).max(held + 2), 0);
        let count = loop {
            let rest = self.raw.get_mut(held..).unwrap_or_default();
            match self.contents.read(rest) {
                Ok(0) => {
                    self.raw.clear();
                    return Ok(0);
                }
                Ok(count) => break held + count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.raw.truncate(held);
                    return Err(error);
                }
            }
        };
        self.raw.truncate(count);
        let mut made = 0;
        let pairs = self.raw.chunks_exact(2);
        let odd = pairs.remainder().first().copied();
        for (to, pair) in buffer.iter_mut().zip(pairs) {
            let &[a, b] = pair else { continue };
            let (low, high) = match order {
                Order::Little => (a, b),
                Order::Big => (b, a),
            };
            *to = if high == 0 { low } else { b'?' };
            made += 1;
        }
        self.raw.clear();
        self.raw.extend(odd);
        if made == 0 {
            // One byte so far: the other one is on its way.
            return self.read(buffer);
        }
        Ok(made)
    }
}

//! Readers that yield the same bytes in another way: no parser may notice.

use std::io::{self, Read};

/// Yields pieces of changing lengths.
pub struct Pieces<'d> {
    data: &'d [u8],
    state: u32,
}

impl<'d> Pieces<'d> {
    /// The lengths follow from the data, so that a saved input does the same again.
    pub fn new(data: &'d [u8]) -> Self {
        let state = data.len() as u32 ^ u32::from(data.last().copied().unwrap_or(0)) << 8;
        Self { data, state }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        self.state = self
            .state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let step = match self.state >> 30 {
            0 => 1,
            1 => 1 + (self.state >> 24 & 15) as usize,
            _ => 1 + (self.state >> 16 & 0xfff) as usize,
        };
        let count = step.min(target.len()).min(self.data.len());
        let (now, rest) = self.data.split_at(count);
        target[..count].copy_from_slice(now);
        self.data = rest;
        Ok(count)
    }
}

/// Fails after its bytes, and knows whether it was asked to.
pub struct Failing<'d> {
    data: &'d [u8],
    /// True when somebody was told of the failure.
    pub told: bool,
}

impl<'d> Failing<'d> {
    pub fn new(data: &'d [u8]) -> Self {
        Self { data, told: false }
    }
}

impl Read for Failing<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.data.is_empty() && !target.is_empty() {
            self.told = true;
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "gone"));
        }
        self.data.read(target)
    }
}

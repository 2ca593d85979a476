//! Delays that differ between machines that were started at the same time.

use std::ops::Range;
use std::time::Duration;

/// A sequence of numbers determined by its seed (`SplitMix64`). No secret depends on it.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a duration within a range of milliseconds.
    pub(super) fn millis(&mut self, range: Range<u64>) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let width = range.end.saturating_sub(range.start).max(1);
        Duration::from_millis(range.start + mixed % width)
    }
}

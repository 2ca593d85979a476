//! The last path that was looked for in vain.

use super::Miss;

/// The last look that found nothing, which holds for its tick as any other does: many clients ask
/// for the one file that a site lacks.
#[derive(Debug)]
pub(super) struct LastMiss {
    path: Vec<u8>,
    tick: u64,
    miss: Miss,
}

impl LastMiss {
    pub(super) fn recall(&self, path: &[u8], tick: u64) -> Option<Miss> {
        (self.tick == tick && self.path == path).then_some(self.miss)
    }

    pub(super) fn note(&mut self, path: &[u8], tick: u64, miss: Miss) {
        self.path.clear();
        self.path.extend_from_slice(path);
        (self.tick, self.miss) = (tick, miss);
    }
}

impl Default for LastMiss {
    fn default() -> Self {
        // Ticks are counted from 1.
        Self {
            path: Vec::new(),
            tick: 0,
            miss: Miss::Nothing,
        }
    }
}

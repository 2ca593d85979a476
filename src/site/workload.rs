//! How much work of one kind is under way, all its jobs together, so that nobody waits for long.

use std::cell::Cell;
use std::rc::Rc;

/// The sum of what jobs of one kind have to do, in bytes.
#[derive(Debug)]
pub(super) struct Workload {
    sum: Rc<Cell<u64>>,
    max: u64,
}

impl Workload {
    pub(super) fn of(max: u64) -> Self {
        Self {
            sum: Rc::default(),
            max,
        }
    }

    /// Takes a job's share, if that is not too much.
    pub(super) fn take(&self, bytes: u64) -> Option<Share> {
        let sum = self.sum.get().saturating_add(bytes);
        if sum > self.max {
            return None;
        }
        self.sum.set(sum);
        Some(Share {
            sum: Rc::clone(&self.sum),
            bytes,
            max: self.max,
        })
    }
}

/// A job's share, given back when it ends.
#[derive(Debug)]
pub(super) struct Share {
    sum: Rc<Cell<u64>>,
    bytes: u64,
    max: u64,
}

impl Share {
    /// Takes so much more that it is `bytes` at least, if that is not too much together.
    pub(super) fn grow(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let sum = self.sum.get().saturating_add(more);
        if more > 0 && sum > self.max {
            return false;
        }
        self.sum.set(sum);
        self.bytes += more;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.sum.set(self.sum.get().saturating_sub(self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_taken_while_there_is_room_and_given_back() {
        let load = Workload::of(10);
        let first = load.take(6);
        assert!(first.is_some() && load.take(5).is_none() && load.take(u64::MAX).is_none());
        let second = load.take(4);
        assert!(second.is_some() && load.take(1).is_none());
        drop(first);
        assert!(load.take(6).is_some());
    }

    #[test]
    fn a_share_grows_while_there_is_room() {
        let load = Workload::of(10);
        let mut first = load.take(6).unwrap();
        let second = load.take(2);
        assert!(first.grow(5) && first.grow(8) && !first.grow(9));
        drop(second);
        assert!(first.grow(10) && load.take(1).is_none());
        drop(first);
        assert!(load.take(10).is_some());
    }
}

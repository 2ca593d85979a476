//! The amount of work of one kind in progress, limited so that nobody waits long.

use std::cell::Cell;
use std::rc::Rc;

/// The total work of all jobs of one kind, in bytes.
#[derive(Debug)]
pub(crate) struct Workload {
    sum: Rc<Cell<u64>>,
    max: u64,
}

impl Workload {
    pub(crate) fn of(max: u64) -> Self {
        Self {
            sum: Rc::default(),
            max,
        }
    }

    /// Reserves the share of a job, if the limit allows it.
    pub(crate) fn take(&self, bytes: u64) -> Option<Share> {
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

/// The share of a job, released when the job ends.
#[derive(Debug)]
pub(crate) struct Share {
    sum: Rc<Cell<u64>>,
    bytes: u64,
    max: u64,
}

impl Share {
    /// Grows the share to at least `bytes`, if the limit allows it.
    pub(crate) fn grow(&mut self, bytes: u64) -> bool {
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
    fn a_share_is_granted_while_the_limit_allows_and_then_returned() {
        let load = Workload::of(10);
        let first = load.take(6);
        assert!(first.is_some() && load.take(5).is_none() && load.take(u64::MAX).is_none());
        let second = load.take(4);
        assert!(second.is_some() && load.take(1).is_none());
        drop(first);
        assert!(load.take(6).is_some());
    }

    #[test]
    fn a_share_grows_while_the_limit_allows() {
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

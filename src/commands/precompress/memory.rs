//! The memory for files and their compressed forms, which all threads share.

use std::sync::{Condvar, Mutex, PoisonError};

/// The memory that is left, in bytes.
#[derive(Debug)]
pub(super) struct Memory {
    max: u64,
    left: Mutex<u64>,
    has_more: Condvar,
}

/// A part of the memory, until it is dropped.
#[derive(Debug)]
pub(super) struct Share<'m> {
    memory: &'m Memory,
    bytes: u64,
}

impl Memory {
    pub(super) const fn new(max: u64) -> Self {
        Self {
            max,
            left: Mutex::new(max),
            has_more: Condvar::new(),
        }
    }

    /// Waits until there is this much memory. A request for more than all of it gets all of it.
    pub(super) fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.max);
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.has_more.wait_while(left, |left| *left < bytes);
        *left.unwrap_or_else(PoisonError::into_inner) -= bytes;
        Share {
            memory: self,
            bytes,
        }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let left = self.memory.left.lock();
        *left.unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.memory.has_more.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    #[test]
    fn threads_wait_until_there_is_memory() {
        let memory = Memory::new(100);
        let (used, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for bytes in [1, 40, 50, 60, 100, 1000] {
                let (memory, used, most) = (&memory, &used, &most);
                scope.spawn(move || {
                    for _ in 0..100 {
                        let share = memory.take(bytes);
                        let now = used.fetch_add(share.bytes, Ordering::SeqCst) + share.bytes;
                        most.fetch_max(now, Ordering::SeqCst);
                        thread::yield_now();
                        used.fetch_sub(share.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 100);
        assert_eq!(memory.left.into_inner().unwrap(), 100);
    }
}

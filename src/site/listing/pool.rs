//! The limits of listings: permits to run, and shared content.

use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Weak};

/// The listings in progress, and the content still being sent.
#[derive(Debug)]
pub(super) struct ListingPool {
    permits: Cell<usize>,
    permits_max: usize,
    content_bytes_max: usize,
    contents: RefCell<Vec<(blake3::Hash, Weak<Vec<u8>>)>>,
}

impl ListingPool {
    /// Returns one of several pools that share the limits of the process.
    pub(super) fn one_of(copies: usize) -> Self {
        Self {
            permits: Cell::new(0),
            permits_max: (PERMITS_MAX / copies).max(1),
            content_bytes_max: (CONTENT_BYTES_MAX / copies).max(LARGEST_BYTES),
            contents: RefCell::default(),
        }
    }

    /// Returns content to send, shared with the responses that still send the same content. Returns
    /// `None` if the content being sent would exceed the limit.
    pub(super) fn put(&self, content: Vec<u8>, hash: blake3::Hash) -> Option<Bytes> {
        let mut contents = self.contents.borrow_mut();
        contents.retain(|(_, content)| content.strong_count() > 0);
        let same = contents.iter().find(|(known, _)| *known == hash);
        if let Some(content) = same.and_then(|(_, content)| content.upgrade()) {
            return Some(Bytes::from_owner(Shared(content)));
        }
        if content.len() > SMALL_BYTES_MAX {
            let held = contents.iter().filter_map(|(_, content)| content.upgrade());
            let held: usize = held.map(|content| content.len()).sum();
            if held + content.len() > self.content_bytes_max {
                return None;
            }
        }
        let content = Arc::new(content);
        contents.push((hash, Arc::downgrade(&content)));
        Some(Bytes::from_owner(Shared(content)))
    }
}

/// Content that is freed once no response sends it any more.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A permit to work on a listing, returned when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Rc<ListingPool>);

impl Permit {
    pub(super) fn take(pool: &Rc<ListingPool>) -> Option<Self> {
        let taken = pool.permits.get();
        (taken < pool.permits_max).then(|| {
            pool.permits.set(taken + 1);
            Self(Rc::clone(pool))
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.permits.set(self.0.permits.get().saturating_sub(1));
    }
}

/// The number of listings worked on at once, with some 40 MB each for the largest directory. Others
/// wait, so a small listing may take about as long as a large one.
const PERMITS_MAX: usize = 4;

/// The limit of content being sent, in bytes for all listings: three of the largest.
const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Room for one of the largest listings, even if many pools share the limit.
const LARGEST_BYTES: usize = CONTENT_BYTES_MAX / 3;

/// Content up to this size is always sent, like files of this size.
const SMALL_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn put(pool: &ListingPool, content: Vec<u8>) -> Option<Bytes> {
        let hash = blake3::hash(&content);
        pool.put(content, hash)
    }

    #[test]
    fn equal_content_being_sent_is_in_memory_once() {
        let pool = ListingPool::one_of(1);
        let first = put(&pool, b"a".to_vec()).unwrap();
        let second = put(&pool, b"a".to_vec()).unwrap();
        assert_eq!(first.as_ptr(), second.as_ptr());
        let other = put(&pool, b"b".to_vec()).unwrap();
        assert_ne!(first.as_ptr(), other.as_ptr());
    }

    #[test]
    fn large_content_is_limited_and_small_content_is_not() {
        let pool = ListingPool::one_of(1);
        let large = |byte| vec![byte; CONTENT_BYTES_MAX / 2];
        let first = put(&pool, large(1)).unwrap();
        let second = put(&pool, large(2)).unwrap();
        assert!(put(&pool, large(3)).is_none());
        assert!(put(&pool, large(1)).is_some(), "it is there already");
        assert!(put(&pool, vec![3; SMALL_BYTES_MAX]).is_some());
        drop(first.slice(1..));
        assert!(put(&pool, large(3)).is_none());
        drop((first, second));
        assert!(put(&pool, large(3)).is_some(), "the others have been sent");
    }

    #[test]
    fn few_permits_exist_at_once() {
        let pool = Rc::new(ListingPool::one_of(1));
        let mut permits: Vec<_> = (0..PERMITS_MAX)
            .filter_map(|_| Permit::take(&pool))
            .collect();
        assert_eq!(permits.len(), PERMITS_MAX);
        assert!(Permit::take(&pool).is_none());
        permits.pop();
        assert!(Permit::take(&pool).is_some());
    }
}

//! What keeps many listings from adding up: turns, and content that is shared.

use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Weak};

/// What is under way, and what is still being sent.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    turns: Cell<usize>,
    contents: RefCell<Vec<(blake3::Hash, Weak<Vec<u8>>)>>,
}

impl Shelf {
    /// Content to send: shared with whoever is still being sent the same. `None` where all that is
    /// being sent would be too much.
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
            if held + content.len() > CONTENT_BYTES_MAX {
                return None;
            }
        }
        let content = Arc::new(content);
        contents.push((hash, Arc::downgrade(&content)));
        Some(Bytes::from_owner(Shared(content)))
    }
}

/// Content that is freed when nobody is being sent it any more.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Leave to work on a listing, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Rc<Shelf>);

impl Turn {
    pub(super) fn take(shelf: &Rc<Shelf>) -> Option<Self> {
        let taken = shelf.turns.get();
        (taken < TURNS_MAX).then(|| {
            shelf.turns.set(taken + 1);
            Self(Rc::clone(shelf))
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.turns.set(self.0.turns.get().saturating_sub(1));
    }
}

/// Listings that are worked on at once, at some 40 MB each for a directory of as many entries as
/// are listed. Others wait, so that a small one does for about as long as a large one takes.
const TURNS_MAX: usize = 4;

/// Bytes of content that are being sent, all listings together: three of the largest.
const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of content that are always sent, as files of this size are.
const SMALL_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn put(shelf: &Shelf, content: Vec<u8>) -> Option<Bytes> {
        let hash = blake3::hash(&content);
        shelf.put(content, hash)
    }

    #[test]
    fn content_that_is_being_sent_is_there_once() {
        let shelf = Shelf::default();
        let first = put(&shelf, b"a".to_vec()).unwrap();
        let second = put(&shelf, b"a".to_vec()).unwrap();
        assert_eq!(first.as_ptr(), second.as_ptr());
        let other = put(&shelf, b"b".to_vec()).unwrap();
        assert_ne!(first.as_ptr(), other.as_ptr());
    }

    #[test]
    fn large_content_is_bounded_and_small_content_is_not() {
        let shelf = Shelf::default();
        let large = |byte| vec![byte; CONTENT_BYTES_MAX / 2];
        let first = put(&shelf, large(1)).unwrap();
        let second = put(&shelf, large(2)).unwrap();
        assert!(put(&shelf, large(3)).is_none());
        assert!(put(&shelf, large(1)).is_some(), "it is there already");
        assert!(put(&shelf, vec![3; SMALL_BYTES_MAX]).is_some());
        drop(first.slice(1..));
        assert!(put(&shelf, large(3)).is_none());
        drop((first, second));
        assert!(put(&shelf, large(3)).is_some(), "the others have been sent");
    }

    #[test]
    fn few_have_their_turn_at_once() {
        let shelf = Rc::new(Shelf::default());
        let mut turns: Vec<_> = (0..TURNS_MAX).filter_map(|_| Turn::take(&shelf)).collect();
        assert_eq!(turns.len(), TURNS_MAX);
        assert!(Turn::take(&shelf).is_none());
        turns.pop();
        assert!(Turn::take(&shelf).is_some());
    }
}

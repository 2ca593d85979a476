//! The remembered results of verified passwords. Pure: the caller passes the time.
//!
//! An entry is found by a keyed hash of the client's bytes. Each reading of a file has another key,
//! so a change of the file forgets all entries. Without the key, the time of comparing two hashes
//! reveals nothing.

use blake3::Hash;
use lru::LruCache;
use std::hash::{BuildHasherDefault, Hasher};
use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The results for the users of one file.
#[derive(Debug)]
pub(super) struct Remembered {
    right: LruCache<[u8; 32], (Instant, Arc<str>), Prefix>,
    wrong: LruCache<[u8; 32], Instant, Prefix>,
}

/// The known result for a user and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// They belong to this user.
    Right(Arc<str>),
    Wrong,
}

impl Remembered {
    pub(super) fn new() -> Self {
        Self {
            right: LruCache::with_hasher(ENTRIES_MAX, Prefix::default()),
            wrong: LruCache::with_hasher(ENTRIES_MAX, Prefix::default()),
        }
    }

    pub(super) fn recall(&mut self, hash: &Hash, now: Instant) -> Option<Known> {
        if let Some((until, user)) = self.right.get(hash.as_bytes())
            && now < *until
        {
            return Some(Known::Right(Arc::clone(user)));
        }
        let until = self.wrong.get(hash.as_bytes())?;
        (now < *until).then_some(Known::Wrong)
    }

    pub(super) fn note(&mut self, hash: &Hash, known: &Known, now: Instant) {
        match known {
            Known::Right(user) => {
                let entry = (now + RIGHT_FOR, Arc::clone(user));
                self.right.put(*hash.as_bytes(), entry);
            }
            Known::Wrong => {
                self.wrong.put(*hash.as_bytes(), now + WRONG_FOR);
            }
        }
    }
}

/// The keys are hashes that no client can predict, so the map takes the beginning of each.
type Prefix = BuildHasherDefault<First>;

#[derive(Debug, Default)]
struct First(u64);

impl Hasher for First {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length of a key, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

const ENTRIES_MAX: NonZero<usize> = NonZero::new(1024).unwrap();

/// Long enough that hardly any request has to wait. A change of the file takes effect at once.
const RIGHT_FOR: Duration = Duration::from_mins(10);

/// Long enough for the requests that a client repeats by itself, for each file of a page.
const WRONG_FOR: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> Hash {
        blake3::keyed_hash(&[1; 32], text.as_bytes())
    }

    #[test]
    fn verified_passwords_are_remembered_for_a_while() {
        let now = Instant::now();
        let mut remembered = Remembered::new();
        let right = Known::Right("alice".into());
        remembered.note(&hash("a"), &right, now);
        remembered.note(&hash("b"), &Known::Wrong, now);
        assert_eq!(remembered.recall(&hash("a"), now), Some(right));
        assert_eq!(remembered.recall(&hash("b"), now), Some(Known::Wrong));
        assert_eq!(remembered.recall(&hash("c"), now), None);
        assert_eq!(remembered.recall(&hash("b"), now + WRONG_FOR), None);
        assert!(remembered.recall(&hash("a"), now + WRONG_FOR).is_some());
        assert_eq!(remembered.recall(&hash("a"), now + RIGHT_FOR), None);
    }

    #[test]
    fn wrong_passwords_do_not_displace_right_ones() {
        let now = Instant::now();
        let mut remembered = Remembered::new();
        remembered.note(&hash("a"), &Known::Right("alice".into()), now);
        for number in 0..2 * ENTRIES_MAX.get() {
            remembered.note(&hash(&number.to_string()), &Known::Wrong, now);
        }
        assert!(remembered.recall(&hash("a"), now).is_some());
        assert_eq!(remembered.recall(&hash("0"), now), None);
    }
}

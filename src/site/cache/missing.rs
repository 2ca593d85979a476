//! Files that are known to be missing.
//!
//! Many clients keep requesting the few files that a site lacks, such as an icon, and every error
//! looks for its own page. So the last few files that were found missing are kept: the reason, for
//! the rest of the tick; the absence of a precompressed form, for a second; and the error page,
//! which costs more to make than everything else, for as long as the entry is kept.

use super::key::ServedFor;
use crate::plan::Plan;
use crate::site::error::LookupError;
use std::time::{Duration, Instant};

/// The last files that were found missing, in no order. The next one replaces the one that came
/// first.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    entries: Vec<Entry>,
    /// The entry that came first, once there are as many as there may be.
    oldest: usize,
}

#[derive(Debug)]
struct Entry {
    served_for: ServedFor<Box<[u8]>>,
    /// The tick of the search, and the reason why it found nothing.
    miss: (u64, LookupError),
    /// The time at which precompressed forms are searched again; `None` if they were not searched.
    precompressed_due: Option<Instant>,
    /// The response with the error page, once it was made. It depends only on the path and on the
    /// site's policy.
    page: Option<Plan>,
}

impl Missing {
    /// Returns the reason why a file was not found, if it was searched in this tick. Otherwise
    /// returns whether precompressed forms of it should be searched now.
    pub(crate) fn recall(
        &mut self,
        served_for: ServedFor<&[u8]>,
        tick: u64,
        now: Instant,
    ) -> Result<bool, LookupError> {
        let Some(entry) = self.find(served_for) else {
            return Ok(true);
        };
        match entry.miss {
            (noted, miss) if noted == tick => Err(miss),
            _ => Ok(entry.precompressed_due.is_none_or(|due| due <= now)),
        }
    }

    /// Returns the response with the error page for this path. `make` makes it if none is kept.
    pub(crate) fn page_or_make(&mut self, path: &[u8], make: impl FnOnce() -> Plan) -> Plan {
        match self.find(ServedFor::Path(path)) {
            Some(entry) if path.len() <= PAGE_PATH_BYTES_MAX => {
                entry.page.get_or_insert_with(make).clone()
            }
            _ => make(),
        }
    }

    /// Records why a file was not found. `has_no_precompressed` is the present time if it has no
    /// precompressed form either.
    pub(crate) fn note(
        &mut self,
        served_for: ServedFor<&[u8]>,
        tick: u64,
        miss: LookupError,
        has_no_precompressed: Option<Instant>,
    ) {
        let precompressed_due = has_no_precompressed.map(|now| now + SEARCH_INTERVAL);
        if let Some(entry) = self.find(served_for) {
            entry.miss = (tick, miss);
            entry.precompressed_due = precompressed_due.or(entry.precompressed_due);
            return;
        }
        self.insert(Entry {
            served_for: served_for.to_owned(),
            miss: (tick, miss),
            precompressed_due,
            page: None,
        });
    }

    /// Forgets all entries.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn find(&mut self, served_for: ServedFor<&[u8]>) -> Option<&mut Entry> {
        let mut entries = self.entries.iter_mut();
        entries.find(|entry| entry.served_for.borrowed() == served_for)
    }

    #[cold]
    fn insert(&mut self, entry: Entry) {
        if self.entries.len() < REMEMBERED_MAX {
            self.entries.push(entry);
        } else if let Some(oldest) = self.entries.get_mut(self.oldest) {
            *oldest = entry;
            self.oldest = (self.oldest + 1) % REMEMBERED_MAX;
        }
    }
}

/// A new precompressed form is found within a second, like a directory that has moved.
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);

/// The number of entries. Most requests for missing files are for a handful of names and a few
/// error pages.
const REMEMBERED_MAX: usize = 16;

/// The longest path that a page is kept for, as it stands in the page: so all pages take less than
/// 64 KiB.
const PAGE_PATH_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Status;
    use crate::plan::{Fallback, error_response};

    const A: ServedFor<&[u8]> = ServedFor::Path(b"a");
    const B: ServedFor<&[u8]> = ServedFor::Path(b"b");

    #[test]
    fn a_missing_file_is_remembered_for_its_tick() {
        let (mut missing, now) = (Missing::default(), Instant::now());
        let page = ServedFor::Fallback(Fallback::Error(Status::NotFound), &b"404.html"[..]);
        missing.note(A, 1, LookupError::Nothing, None);
        missing.note(page, 1, LookupError::Forbidden, None);
        assert_eq!(missing.recall(A, 1, now), Err(LookupError::Nothing));
        assert_eq!(missing.recall(page, 1, now), Err(LookupError::Forbidden));
        assert!(missing.recall(B, 1, now).is_ok());
        assert!(missing.recall(A, 2, now).is_ok());
        missing.note(A, 2, LookupError::NoIndex, None);
        assert_eq!(missing.recall(A, 2, now), Err(LookupError::NoIndex));
        missing.clear();
        assert!(missing.recall(A, 2, now).is_ok());
    }

    #[test]
    fn precompressed_forms_of_a_missing_file_are_searched_once_a_second() {
        let now = Instant::now();
        let soon = now + Duration::from_millis(999);
        let mut missing = Missing::default();
        assert_eq!(missing.recall(A, 1, now), Ok(true));
        missing.note(A, 1, LookupError::Nothing, Some(now));
        // This search skips precompressed forms, so it must not change what is known about them.
        missing.note(A, 2, LookupError::Nothing, None);
        assert_eq!(missing.recall(A, 3, soon), Ok(false));
        assert_eq!(missing.recall(B, 3, soon), Ok(true));
        assert_eq!(missing.recall(A, 3, now + SEARCH_INTERVAL), Ok(true));
    }

    #[test]
    fn the_oldest_missing_file_is_forgotten_first() {
        let (mut missing, now) = (Missing::default(), Instant::now());
        missing.note(A, 1, LookupError::Nothing, None);
        missing.note(B, 1, LookupError::Nothing, None);
        for number in 2..REMEMBERED_MAX {
            let path = number.to_string();
            missing.note(
                ServedFor::Path(path.as_bytes()),
                1,
                LookupError::Nothing,
                None,
            );
        }
        assert_eq!(missing.recall(A, 1, now), Err(LookupError::Nothing));
        missing.note(ServedFor::Path(b"one more"), 1, LookupError::Nothing, None);
        assert!(missing.recall(A, 1, now).is_ok());
        assert_eq!(missing.recall(B, 1, now), Err(LookupError::Nothing));
        missing.note(A, 1, LookupError::Nothing, None);
        assert!(missing.recall(B, 1, now).is_ok());
        assert_eq!(missing.entries.len(), REMEMBERED_MAX);
    }

    #[test]
    fn the_page_of_a_short_path_is_made_once() {
        let mut missing = Missing::default();
        let long = vec![b'a'; PAGE_PATH_BYTES_MAX + 1];
        for (path, is_noted, times_made) in
            [(&b"a"[..], false, 3), (b"a", true, 1), (&long, true, 3)]
        {
            if is_noted {
                missing.note(ServedFor::Path(path), 1, LookupError::Nothing, None);
            }
            let mut made = 0;
            for _ in 0..3 {
                let page = missing.page_or_make(path, || {
                    made += 1;
                    error_response(Status::NotFound)
                });
                assert_eq!(page.status, Status::NotFound);
            }
            assert_eq!(made, times_made);
        }
    }
}

//! Files that are not there themselves, but in coded forms: `app.css.gz` without an `app.css`.
//!
//! What is found is a [`File`] without content, which is to be had in its codings, as it would be if
//! it were there, and expanded from `gzip`.

use super::load::{Loaded, Look, Role};
use super::variants::{VARY, Variants};
use super::{File, Miss, Origin, Source};
use crate::plan::{Facts, Representation};
use std::ffi::CString;
use std::time::{Duration, Instant};

impl Look<'_> {
    /// Finds a file that is in none of these places itself, but in one of them in coded forms.
    /// `besides` are those that are empty.
    pub(super) fn load_coded(
        &self,
        places: impl Iterator<Item = Vec<u8>>,
        mut besides: Vec<(CString, bool)>,
        role: Role<'_>,
    ) -> Result<Loaded, Miss> {
        for place in places {
            let location = CString::new(place).map_err(|_| Miss::Nothing)?;
            let Some((coded, variants)) = self.finder.find_alone(self, &location) else {
                continue;
            };
            if let Role::Asked(path) = role {
                self.check_address(path, &location, &mut besides)?;
            }
            return Ok(self.without_content(&location, coded, variants, besides, role));
        }
        Err(Miss::Nothing)
    }

    fn without_content(
        &self,
        location: &CString,
        coded: CString,
        variants: Variants,
        besides: Vec<(CString, bool)>,
        role: Role<'_>,
    ) -> Loaded {
        let (place, stamp) = (location.as_bytes(), *variants.stamp());
        let mut facts = Facts {
            length: 0,
            content_type: self.stored_as(place, role).0,
            stand_in: None,
            coding: None,
            vary: Some(VARY),
            security_policy: None,
            edits: Vec::new(),
            entity_tag: None,
            last_modified: None,
            is_date_strong: false,
        };
        self.apply_role(&mut facts, place, role);
        Loaded {
            is_link: self.root.stamp_itself(coded.as_bytes()) != Ok(stamp),
            is_settled: variants.is_settled(),
            lacks_hash: false,
            file: File {
                origin: Origin::Coded,
                representation: Representation::new(facts, self.policy),
                source: Source::Coded,
                place: place.into(),
                variants: Some(variants),
            },
            // If there is something else, or nothing, so is the file.
            location: coded,
            besides,
            stamp,
        }
    }
}

/// Paths of which there was no coded form a moment ago, so that who asks for one that is missing
/// again and again has it looked for once a second.
#[derive(Debug, Default)]
pub(super) struct CodedMisses {
    /// Each with the time when it is to be looked for again. What is asked for is moved to the front.
    last: Vec<(Box<[u8]>, Instant)>,
}

impl CodedMisses {
    /// Whether it is time to look for a coded form of what is missing.
    pub(super) fn is_due(&mut self, key: &[u8], now: Instant) -> bool {
        let Some(at) = self.last.iter().position(|(known, _)| **known == *key) else {
            return true;
        };
        self.last.swap(0, at);
        self.last.first().is_none_or(|(_, due)| *due <= now)
    }

    /// Takes note that there is none.
    pub(super) fn note(&mut self, key: &[u8], now: Instant) {
        self.last.retain(|(known, _)| **known != *key);
        self.last.insert(0, (key.into(), now + SOUGHT_EVERY));
        self.last.truncate(REMEMBERED_MAX);
    }
}

/// A coded form that is new is found within a second, as a directory that has moved is.
const SOUGHT_EVERY: Duration = Duration::from_secs(1);

/// What many ask for in vain is a handful of names, such as that of an icon.
const REMEMBERED_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coded_form_of_what_is_missing_is_looked_for_once_a_second() {
        let now = Instant::now();
        let mut misses = CodedMisses::default();
        assert!(misses.is_due(b"a", now));
        misses.note(b"a", now);
        assert!(!misses.is_due(b"a", now + Duration::from_millis(999)));
        assert!(misses.is_due(b"b", now) && misses.is_due(b"a", now + SOUGHT_EVERY));
        for number in 0..REMEMBERED_MAX {
            misses.note(number.to_string().as_bytes(), now);
        }
        assert!(misses.is_due(b"a", now), "others came after it");
    }
}

//! Content codings (RFC 9110 §8.4.1), and which of them a client accepts (§12.5.3).

use super::accept::Quality;
use std::fmt;

/// A content coding of a representation. A representation without one is `identity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `br` (RFC 7932)
    Brotli,
    /// `zstd` (RFC 8878)
    Zstandard,
    /// `gzip` (RFC 1952)
    Gzip,
}

impl Coding {
    /// All codings, starting with the one that makes the smallest files.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// Returns the name in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// Returns the extension of files with this coding.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstandard => ".zst",
            Self::Gzip => ".gz",
        }
    }

    /// Returns the suffix of our entity tags for representations with this coding. The same content
    /// has other bytes in another coding, and the tag identifies the representation that a client
    /// has.
    pub const fn tag_suffix(self) -> &'static str {
        match self {
            Self::Brotli => "-br",
            Self::Zstandard => "-zstd",
            Self::Gzip => "-gzip",
        }
    }

    /// Returns the coding of this name, in any case (RFC 9110 §8.4.1), and `gzip` for `x-gzip`
    /// (§8.4.1.3).
    pub fn named(name: &str) -> Option<Self> {
        let is_it = |coding: &Self| coding.name().eq_ignore_ascii_case(name);
        let gzip = name.eq_ignore_ascii_case("x-gzip").then_some(Self::Gzip);
        Self::ALL.into_iter().find(is_it).or(gzip)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A set of codings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodingSet(u8);

impl CodingSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Returns this set with one more coding.
    #[must_use]
    pub const fn with(self, coding: Coding) -> Self {
        Self(self.0 | coding.bit())
    }

    /// Returns the union of both sets.
    #[must_use]
    pub const fn union(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Returns this set without one coding.
    #[must_use]
    pub const fn without(self, coding: Coding) -> Self {
        Self(self.0 & !coding.bit())
    }

    /// Returns `true` if the set contains this coding.
    pub const fn contains(self, coding: Coding) -> bool {
        self.0 & coding.bit() != 0
    }

    /// Returns `true` if the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the codings, starting with the one that makes the smallest files.
    pub fn iter(self) -> impl Iterator<Item = Coding> {
        Coding::ALL
            .into_iter()
            .filter(move |coding| self.contains(*coding))
    }
}

/// The codings in which a file is available. Those that are stored come before those that would
/// have to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codings {
    stored: CodingSet,
    made: CodingSet,
}

impl Codings {
    /// No coding.
    pub const EMPTY: Self = Self::stored(CodingSet::EMPTY);

    /// Returns these codings as stored ones.
    pub const fn stored(stored: CodingSet) -> Self {
        let made = CodingSet::EMPTY;
        Self { stored, made }
    }

    /// Adds codings that can be made.
    #[must_use]
    pub const fn or_made(self, made: CodingSet) -> Self {
        Self { made, ..self }
    }

    /// Returns the codings that remain if this one is unavailable. A coding that was stored may
    /// still be made.
    #[must_use]
    pub const fn passing_over(self, coding: Coding) -> Self {
        if self.is_stored(coding) {
            let stored = self.stored.without(coding);
            Self { stored, ..self }
        } else {
            let made = self.made.without(coding);
            Self { made, ..self }
        }
    }

    /// Returns `true` if this coding is among them.
    pub const fn contains(self, coding: Coding) -> bool {
        self.stored.contains(coding) || self.made.contains(coding)
    }

    /// Returns `true` if the file is stored in this coding.
    pub const fn is_stored(self, coding: Coding) -> bool {
        self.stored.contains(coding)
    }

    /// Returns `true` if there are no codings.
    pub const fn is_empty(self) -> bool {
        self.stored.is_empty() && self.made.is_empty()
    }

    /// Returns each coding once: first those that are stored, and then the others. Within both
    /// groups, those that make smaller files come first.
    pub fn iter(self) -> impl Iterator<Item = Coding> {
        let made = move |coding: &Coding| !self.stored.contains(*coding);
        self.stored.iter().chain(self.made.iter().filter(made))
    }
}

impl FromIterator<Coding> for CodingSet {
    fn from_iter<T: IntoIterator<Item = Coding>>(codings: T) -> Self {
        codings.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// The preferences of a client for each coding, from `Accept-Encoding`.
///
/// A malformed member is ignored. If two members name the same coding, the lower preference counts:
/// a client that contradicts itself is answered as if it had asked for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// In the order of [`Coding::ALL`].
    codings: [Option<Quality>; Coding::ALL.len()],
    identity: Option<Quality>,
    /// `*`: every coding that is not named.
    others: Option<Quality>,
}

impl Acceptance {
    /// Parses the members of the field.
    pub fn parse<'a>(members: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut acceptance = Self {
            codings: [None; Coding::ALL.len()],
            identity: None,
            others: None,
        };
        for (name, quality) in members.filter_map(parse_member) {
            if let Some(known) = acceptance.named(name) {
                *known = Some(known.map_or(quality, |before| before.min(quality)));
            }
        }
        acceptance
    }

    /// Returns the slot for a name, in any case (RFC 9110 §8.4.1).
    fn named(&mut self, name: &[u8]) -> Option<&mut Option<Quality>> {
        let [brotli, zstandard, gzip] = &mut self.codings;
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            1 if is(b"*") => Some(&mut self.others),
            2 if is(b"br") => Some(brotli),
            4 if is(b"gzip") => Some(gzip),
            4 if is(b"zstd") => Some(zstandard),
            // RFC 9110 §8.4.1.3: an old name for `gzip`.
            6 if is(b"x-gzip") => Some(gzip),
            8 if is(b"identity") => Some(&mut self.identity),
            _ => None,
        }
    }

    /// Returns the preference for this coding.
    pub fn quality(&self, coding: Coding) -> Quality {
        let named = self.codings.get(coding as usize).copied().flatten();
        named.or(self.others).unwrap_or(Quality::NONE)
    }

    /// Returns the preference for no coding. If the client does not mention it, every named coding
    /// is preferred, but no coding is still acceptable.
    pub fn identity_quality(&self) -> Quality {
        self.identity.or(self.others).unwrap_or(Quality::NONE)
    }

    /// Returns `true` if the client rejects content without a coding (RFC 9110 §12.5.3).
    pub fn refuses_identity(&self) -> bool {
        self.identity.or(self.others) == Some(Quality::NONE)
    }
}

/// Parses `codings [ OWS ";" OWS "q=" qvalue ]` into the name and its quality.
fn parse_member(member: &[u8]) -> Option<(&[u8], Quality)> {
    let Some(semicolon) = memchr::memchr(b';', member) else {
        return Some((member, Quality::FULL));
    };
    let (name, weight) = member.split_at_checked(semicolon)?;
    let weight = weight.get(1..)?.trim_ascii_start();
    let value = weight
        .strip_prefix(b"q=")
        .or_else(|| weight.strip_prefix(b"Q="))?;
    Some((name.trim_ascii_end(), Quality::parse(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the qualities of br, zstd, gzip and identity, in thousandths.
    fn qualities(value: &str) -> [u16; 4] {
        let members = value.as_bytes().split(|byte| *byte == b',');
        let acceptance = Acceptance::parse(members.map(<[u8]>::trim_ascii));
        let [br, zstd, gzip] = Coding::ALL.map(|coding| acceptance.quality(coding));
        [br, zstd, gzip, acceptance.identity_quality()].map(|quality| quality.0)
    }

    #[test]
    fn a_named_coding_has_its_own_quality_and_others_that_of_the_asterisk() {
        for (value, expected) in [
            ("", [0, 0, 0, 0]),
            ("gzip, deflate, br, zstd", [1000, 1000, 1000, 0]),
            ("gzip", [0, 0, 1000, 0]),
            ("GZip;Q=0.5", [0, 0, 500, 0]),
            ("x-gzip", [0, 0, 1000, 0]),
            ("*", [1000, 1000, 1000, 1000]),
            ("*;q=0", [0, 0, 0, 0]),
            ("*;q=0.1, br;q=0, identity;q=0.2", [0, 100, 100, 200]),
            ("br;q=0.123, zstd;q=1.000, gzip;q=0.", [123, 1000, 0, 0]),
            ("br ; q=0.5,gzip\t;\tq=0.25", [500, 0, 250, 0]),
            ("compress, bri, gzip2", [0, 0, 0, 0]),
            ("a, zz, gzap, x-gzap, identitz", [0, 0, 0, 0]),
        ] {
            assert_eq!(qualities(value), expected, "{value:?}");
        }
    }

    #[test]
    fn identity_is_rejected_by_name_or_by_the_asterisk() {
        for (value, is_refused) in [
            ("", false),
            ("gzip", false),
            ("gzip;q=0", false),
            ("identity", false),
            ("identity;q=0.001", false),
            ("identity;q=0", true),
            ("gzip, identity;q=0, *", true),
            ("*;q=0", true),
            ("gzip, *;q=0", true),
            ("*;q=0, identity;q=0.1", false),
        ] {
            let members = value.as_bytes().split(|byte| *byte == b',');
            let acceptance = Acceptance::parse(members.map(<[u8]>::trim_ascii));
            assert_eq!(acceptance.refuses_identity(), is_refused, "{value:?}");
        }
    }

    #[test]
    fn a_malformed_member_is_ignored() {
        for member in [
            "gzip;",
            "gzip;q",
            "gzip;q=",
            "gzip;q=2",
            "gzip;q=1.001",
            "gzip;q=0.1234",
            "gzip;q=-1",
            "gzip;q=.5",
            "gzip;q=0,5",
            "gzip;q= 1",
            "gzip;q=1 x",
            "gzip;q=\"1\"",
            "gzip;q=1;q=1",
            "gzip;level=9",
            "gzip;level=9;q=1",
            "gzip deflate",
            "\"gzip\"",
            ";q=1",
        ] {
            assert_eq!(
                qualities(&format!("br, {member}")),
                [1000, 0, 0, 0],
                "{member:?}"
            );
        }
    }

    #[test]
    fn the_lower_of_contradicting_qualities_counts() {
        assert_eq!(qualities("gzip, gzip;q=0"), [0, 0, 0, 0]);
        assert_eq!(qualities("gzip;q=0.3, x-gzip;q=0.2"), [0, 0, 200, 0]);
        assert_eq!(qualities("*, *;q=0"), [0, 0, 0, 0]);
    }

    #[test]
    fn stored_codings_come_before_codings_that_would_be_made() {
        let (br, zstd, gzip) = (Coding::Brotli, Coding::Zstandard, Coding::Gzip);
        let set = |codings: &[Coding]| codings.iter().copied().collect::<CodingSet>();
        for (stored, made, expected) in [
            (&[][..], &[][..], &[][..]),
            (&[], &[gzip, br], &[br, gzip]),
            (&[gzip], &[gzip, br], &[gzip, br]),
            (&[gzip, zstd], &[gzip, br], &[zstd, gzip, br]),
            (&[br], &[], &[br]),
        ] {
            let codings = Codings::stored(set(stored)).or_made(set(made));
            assert_eq!(codings.iter().collect::<Vec<_>>(), expected);
            assert_eq!(codings.is_empty(), expected.is_empty());
            for coding in Coding::ALL {
                assert_eq!(codings.contains(coding), expected.contains(&coding));
                assert_eq!(codings.is_stored(coding), stored.contains(&coding));
                let both = stored.contains(&coding) && made.contains(&coding);
                let left = codings.passing_over(coding);
                assert_eq!(left.contains(coding), both);
                assert!(!left.passing_over(coding).contains(coding));
            }
        }
    }

    #[test]
    fn a_coding_has_a_name_in_any_case_a_file_extension_and_a_suffix_of_tags() {
        for (coding, name, extension, suffix) in [
            (Coding::Brotli, "br", ".br", "-br"),
            (Coding::Zstandard, "zstd", ".zst", "-zstd"),
            (Coding::Gzip, "gzip", ".gz", "-gzip"),
        ] {
            assert_eq!(coding.to_string(), name);
            assert_eq!(coding.extension(), extension);
            assert_eq!(coding.tag_suffix(), suffix);
            assert_eq!(Coding::named(&name.to_uppercase()), Some(coding));
        }
        assert_eq!(Coding::named("X-gzip"), Some(Coding::Gzip));
        assert_eq!(Coding::named("identity"), None);
    }

    #[test]
    fn a_set_lists_its_codings_with_the_smallest_files_first() {
        let set = CodingSet::from_iter([Coding::Gzip, Coding::Brotli]);
        assert!(set.contains(Coding::Gzip) && !set.contains(Coding::Zstandard));
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Coding::Brotli, Coding::Gzip]
        );
        assert!(CodingSet::EMPTY.is_empty() && !set.is_empty());
        assert_eq!(CodingSet::EMPTY.union(set), set);
        assert_eq!(set.union(set), set);
        assert_eq!(set.with(Coding::Gzip), set);
        assert_eq!(
            set.without(Coding::Gzip).iter().collect::<Vec<_>>(),
            [Coding::Brotli]
        );
        assert_eq!(set.without(Coding::Zstandard), set);
    }
}

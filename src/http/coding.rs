//! Content codings (RFC 9110 §8.4.1), and which of them a client accepts (§12.5.3).

use super::accept::Quality;
use std::fmt;

/// A content coding that a representation can have. To have none is `identity`.
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
    /// Every coding, the one that makes the smallest files first.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// The name in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What the names of files end in that are coded so.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstandard => ".zst",
            Self::Gzip => ".gz",
        }
    }

    /// What our entity tags of representations end in that are coded so: the same bytes mean
    /// something else in another coding, and a tag says which representation its client has.
    pub const fn tag_suffix(self) -> &'static str {
        match self {
            Self::Brotli => "-br",
            Self::Zstandard => "-zstd",
            Self::Gzip => "-gzip",
        }
    }

    /// The coding of this name, in any case (RFC 9110 §8.4.1), and `x-gzip` for `gzip` (§8.4.1.3).
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

/// Some codings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodingSet(u8);

impl CodingSet {
    /// None at all.
    pub const EMPTY: Self = Self(0);

    /// These, and one more.
    #[must_use]
    pub const fn with(self, coding: Coding) -> Self {
        Self(self.0 | coding.bit())
    }

    /// These, and those.
    #[must_use]
    pub const fn union(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These, but not this one.
    #[must_use]
    pub const fn without(self, coding: Coding) -> Self {
        Self(self.0 & !coding.bit())
    }

    /// Whether this one is among them.
    pub const fn contains(self, coding: Coding) -> bool {
        self.0 & coding.bit() != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Them, the one that makes the smallest files first.
    pub fn iter(self) -> impl Iterator<Item = Coding> {
        Coding::ALL
            .into_iter()
            .filter(move |coding| self.contains(*coding))
    }
}

impl FromIterator<Coding> for CodingSet {
    fn from_iter<T: IntoIterator<Item = Coding>>(codings: T) -> Self {
        codings.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// What `Accept-Encoding` says: how much a client wants each coding.
///
/// A member that breaks the grammar says nothing, and of two that speak of the same coding the
/// one that wants it less is believed: a client that contradicts itself is answered as if it had
/// asked for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// In the order of [`Coding::ALL`].
    codings: [Option<Quality>; Coding::ALL.len()],
    identity: Option<Quality>,
    /// `*`: whatever is not named.
    others: Option<Quality>,
}

impl Acceptance {
    /// Reads the members of the field.
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

    /// The slot that a name speaks of, in any case (RFC 9110 §8.4.1).
    fn named(&mut self, name: &[u8]) -> Option<&mut Option<Quality>> {
        let [brotli, zstandard, gzip] = &mut self.codings;
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            1 if is(b"*") => Some(&mut self.others),
            2 if is(b"br") => Some(brotli),
            4 if is(b"gzip") => Some(gzip),
            4 if is(b"zstd") => Some(zstandard),
            // RFC 9110 §8.4.1.3: an old name of the same.
            6 if is(b"x-gzip") => Some(gzip),
            8 if is(b"identity") => Some(&mut self.identity),
            _ => None,
        }
    }

    /// How much this coding is wanted.
    pub fn quality(&self, coding: Coding) -> Quality {
        let named = self.codings.get(coding as usize).copied().flatten();
        named.or(self.others).unwrap_or(Quality::NONE)
    }

    /// How much it is wanted that there is no coding. Where nothing is said of that, any coding
    /// that is named is wanted more, and still it is acceptable.
    pub fn identity_quality(&self) -> Quality {
        self.identity.or(self.others).unwrap_or(Quality::NONE)
    }

    /// Whether it is said that there has to be a coding (RFC 9110 §12.5.3).
    pub fn refuses_identity(&self) -> bool {
        self.identity.or(self.others) == Some(Quality::NONE)
    }
}

/// Reads `codings [ OWS ";" OWS "q=" qvalue ]`: the name and its quality.
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

    /// The qualities of br, zstd, gzip and identity, in thousandths.
    fn qualities(value: &str) -> [u16; 4] {
        let members = value.as_bytes().split(|byte| *byte == b',');
        let acceptance = Acceptance::parse(members.map(<[u8]>::trim_ascii));
        let [br, zstd, gzip] = Coding::ALL.map(|coding| acceptance.quality(coding));
        [br, zstd, gzip, acceptance.identity_quality()].map(|quality| quality.0)
    }

    #[test]
    fn a_coding_that_is_named_has_its_quality_and_any_other_that_of_the_asterisk() {
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
        ] {
            assert_eq!(qualities(value), expected, "{value:?}");
        }
    }

    #[test]
    fn to_have_no_coding_is_refused_by_name_or_by_the_asterisk() {
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
    fn a_member_that_breaks_the_grammar_says_nothing() {
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
    fn who_contradicts_himself_is_taken_to_want_less() {
        assert_eq!(qualities("gzip, gzip;q=0"), [0, 0, 0, 0]);
        assert_eq!(qualities("gzip;q=0.3, x-gzip;q=0.2"), [0, 0, 200, 0]);
        assert_eq!(qualities("*, *;q=0"), [0, 0, 0, 0]);
    }

    #[test]
    fn a_set_has_what_was_put_in_the_smallest_files_first() {
        let set = CodingSet::from_iter([Coding::Gzip, Coding::Brotli]);
        assert!(set.contains(Coding::Gzip) && !set.contains(Coding::Zstandard));
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Coding::Brotli, Coding::Gzip]
        );
        assert!(CodingSet::EMPTY.is_empty() && !set.is_empty());
        assert_eq!(CodingSet::EMPTY.union(set), set);
        assert_eq!(
            set.without(Coding::Gzip).iter().collect::<Vec<_>>(),
            [Coding::Brotli]
        );
        assert_eq!(set.without(Coding::Zstandard), set);
    }
}

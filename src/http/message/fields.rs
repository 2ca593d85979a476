//! The fields of a request (RFC 9110 §5): those that millpond reads, found in one pass.

use super::limits::FIELDS_CAP;
use httparse::Header;
use std::mem::MaybeUninit;

macro_rules! field_names {
    ($($variant:ident $name:literal,)+) => {
        /// A field that millpond reads. All other fields are parsed and ignored.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FieldName {
            $(#[doc = $name] $variant,)+
        }

        impl FieldName {
            const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the name in lower case.
            const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

field_names! {
    Accept "accept",
    AcceptEncoding "accept-encoding",
    Authorization "authorization",
    Connection "connection",
    ContentLength "content-length",
    Expect "expect",
    Forwarded "forwarded",
    Host "host",
    IfMatch "if-match",
    IfModifiedSince "if-modified-since",
    IfNoneMatch "if-none-match",
    IfRange "if-range",
    IfUnmodifiedSince "if-unmodified-since",
    Range "range",
    Referer "referer",
    SecFetchDest "sec-fetch-dest",
    TransferEncoding "transfer-encoding",
    UserAgent "user-agent",
    XForwardedFor "x-forwarded-for",
    XRealIp "x-real-ip",
}

impl FieldName {
    const COUNT: usize = Self::ALL.len();

    fn recognize(name: &str) -> Option<Self> {
        let [.., before_last, _] = name.as_bytes() else {
            return None;
        };
        // The length and the byte before the last leave one candidate, if any. As in `are_same`,
        // the bit makes a capital letter small.
        let known = match (name.len(), before_last | 0x20) {
            (4, b's') => Self::Host,
            (5, b'g') => Self::Range,
            (6, b'p') => Self::Accept,
            (6, b'c') => Self::Expect,
            (7, b'e') => Self::Referer,
            (8, b'c') => Self::IfMatch,
            (8, b'g') => Self::IfRange,
            (9, b'e') => Self::Forwarded,
            (9, b'i') => Self::XRealIp,
            (10, b'o') => Self::Connection,
            (10, b'n') => Self::UserAgent,
            (13, b'c') => Self::IfNoneMatch,
            (13, b'o') => Self::Authorization,
            (14, b't') => Self::ContentLength,
            (14, b's') => Self::SecFetchDest,
            (15, b'n') => Self::AcceptEncoding,
            (15, b'o') => Self::XForwardedFor,
            (17, b'c') => Self::IfModifiedSince,
            (17, b'n') => Self::TransferEncoding,
            (19, b'c') => Self::IfUnmodifiedSince,
            _ => return None,
        };
        is_same(name.as_bytes(), known.name().as_bytes()).then_some(known)
    }
}

/// Returns `true` if a name equals a known one of the same length, which is in lower case. Compares
/// eight bytes at a time, or four in a short name.
fn is_same(name: &[u8], known: &[u8]) -> bool {
    if let Some(ends) = name.last_chunk::<8>().zip(known.last_chunk()) {
        let mut chunks = name.as_chunks::<8>().0.iter().zip(known.as_chunks().0);
        are_same(ends) && chunks.all(are_same)
    } else {
        // All known names have at least this length.
        let starts = name.first_chunk::<4>().zip(known.first_chunk());
        let ends = name.last_chunk::<4>().zip(known.last_chunk());
        starts.is_some_and(are_same) && ends.is_some_and(are_same)
    }
}

/// Compares names without regard to case. Among the bytes of a name, setting this bit turns only a
/// capital letter into a small one, and only a hyphen into a hyphen.
fn are_same<const N: usize>((bytes, known): (&[u8; N], &[u8; N])) -> bool {
    bytes.map(|byte| byte | 0x20) == *known
}

/// Storage for the field lines of one head. It is never initialized as a whole, which would cost
/// more than the parsing.
pub struct FieldStorage<'b> {
    pub(super) lines: [MaybeUninit<Header<'b>>; FIELDS_CAP],
    /// Initialized storage, for heads that need the slow path.
    pub(super) spare_lines: Vec<Header<'b>>,
}

impl Default for FieldStorage<'_> {
    fn default() -> Self {
        let lines = [const { MaybeUninit::uninit() }; FIELDS_CAP];
        Self {
            lines,
            spare_lines: Vec::new(),
        }
    }
}

/// The field lines of one request head, in order.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'h> {
    lines: &'h [Header<'h>],
    /// The known names that occur.
    names: FieldNames,
    /// For each known name, the range from its first line to its last one.
    spans: [(u16, u16); FieldName::COUNT],
}

/// A set of names. It shows in one step that fields which most requests lack are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldNames(u32);

impl FieldNames {
    /// Returns the set of these names.
    pub const fn of(names: &[FieldName]) -> Self {
        let (mut set, mut rest) = (Self(0), names);
        while let [name, later @ ..] = rest {
            set = set.with(*name);
            rest = later;
        }
        set
    }

    const fn with(self, name: FieldName) -> Self {
        Self(self.0 | 1 << name as u32)
    }
}

impl<'h> Fields<'h> {
    pub(super) fn new(lines: &'h [Header<'h>]) -> Self {
        let mut names = FieldNames::default();
        let mut spans = [(0, 0); FieldName::COUNT];
        for (index, line) in (0..).zip(lines) {
            if let Some(name) = FieldName::recognize(line.name)
                && let Some((start, end)) = spans.get_mut(name as usize)
            {
                if *end == 0 {
                    *start = index;
                }
                *end = index + 1;
                names = names.with(name);
            }
        }
        Self {
            lines,
            names,
            spans,
        }
    }

    /// Returns the values of all lines with this name, in order.
    pub fn values(&self, name: FieldName) -> impl DoubleEndedIterator<Item = &'h [u8]> + use<'h> {
        let lines = self.span(name);
        // A range of one line is that line; in a longer one, lines with other names may occur.
        lines
            .iter()
            .filter(move |line| lines.len() == 1 || FieldName::recognize(line.name) == Some(name))
            .map(|line| line.value)
    }

    /// Returns the value of the only line with this name, or `None` if there is no line or there
    /// are several: a field that is not a list has no meaning then (RFC 9110 §5.3).
    pub fn single(&self, name: FieldName) -> Option<&'h [u8]> {
        // Most requests lack most fields.
        if !self.contains(name) {
            return None;
        }
        let mut values = self.values(name);
        let value = values.next();
        if values.next().is_some() { None } else { value }
    }

    /// Returns the value of the first line with a name that is not among the known ones, in lower
    /// case. This looks at all lines, so it is meant for rare cases.
    pub fn unindexed(&self, name: &str) -> Option<&'h [u8]> {
        let mut lines = self.lines.iter();
        let line = lines.find(|line| line.name.eq_ignore_ascii_case(name))?;
        Some(line.value)
    }

    /// Returns `true` if there is a line with this name.
    pub fn contains(&self, name: FieldName) -> bool {
        self.contains_any(FieldNames::of(&[name]))
    }

    /// Returns `true` if there is a line with any of these names.
    pub fn contains_any(&self, names: FieldNames) -> bool {
        self.names.0 & names.0 != 0
    }

    /// Returns the members of a list field from all its lines (RFC 9110 §5.6.1), without empty
    /// ones.
    pub fn members(&self, name: FieldName) -> impl DoubleEndedIterator<Item = &'h [u8]> + use<'h> {
        self.values(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|member| !member.is_empty())
    }

    fn span(&self, name: FieldName) -> &'h [Header<'h>] {
        let (start, end) = self.spans.get(name as usize).copied().unwrap_or_default();
        self.lines.get(start.into()..end.into()).unwrap_or_default()
    }
}

/// Returns `true` for a `tchar` of RFC 9110 §5.6.2: a byte of a method or a field name.
pub const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &'static str, value: &'static str) -> Header<'static> {
        Header {
            name,
            value: value.as_bytes(),
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_on_several_lines() {
        let lines = [
            header("Accept", "*/*"),
            header("CONNECTION", "a, b"),
            header("host", "pond"),
            header("connection", ",c ,"),
        ];
        let fields = Fields::new(&lines);
        assert!(fields.contains(FieldName::Connection) && !fields.contains(FieldName::Range));
        assert_eq!(fields.values(FieldName::Connection).count(), 2);
        let members: Vec<_> = fields.members(FieldName::Connection).collect();
        assert_eq!(members, [b"a", b"b", b"c"]);
        assert_eq!(fields.single(FieldName::Host), Some(&b"pond"[..]));
        assert_eq!(fields.single(FieldName::Connection), None, "there are two");
        assert_eq!(fields.single(FieldName::Range), None);
    }

    #[test]
    fn the_first_line_with_a_name_that_is_not_known_is_found_in_any_case() {
        let lines = [
            header("X-One", "1"),
            header("x-two", "2"),
            header("X-TWO", "3"),
        ];
        let fields = Fields::new(&lines);
        assert_eq!(fields.unindexed("x-two"), Some(&b"2"[..]));
        assert_eq!(fields.unindexed("x-one"), Some(&b"1"[..]));
        assert_eq!(fields.unindexed("x-three"), None);
    }

    #[test]
    fn every_name_is_recognized_as_itself() {
        for name in FieldName::ALL {
            assert_eq!(
                FieldName::recognize(&name.name().to_uppercase()),
                Some(*name)
            );
        }
        assert_eq!(FieldName::recognize("hosts"), None);
    }

    #[test]
    fn only_names_that_differ_in_case_are_the_same() {
        for known in FieldName::ALL {
            for place in 0..known.name().len() {
                for byte in (0..=u8::MAX).filter(|byte| is_token_byte(*byte)) {
                    let mut bytes = known.name().as_bytes().to_vec();
                    bytes[place] = byte;
                    let name = String::from_utf8(bytes).unwrap();
                    let is_same = name.eq_ignore_ascii_case(known.name());
                    assert_eq!(
                        FieldName::recognize(&name) == Some(*known),
                        is_same,
                        "{name}"
                    );
                }
            }
        }
    }
}

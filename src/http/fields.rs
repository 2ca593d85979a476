//! The fields of a request (RFC 9110 §5): the ones that millpond reads, found in one pass.

use super::limits::FIELDS_CAP;
use httparse::Header;
use std::mem::MaybeUninit;

macro_rules! field_names {
    ($($variant:ident $name:literal,)+) => {
        /// A field that millpond reads. Every other field is parsed and left alone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FieldName {
            $(#[doc = $name] $variant,)+
        }

        impl FieldName {
            const ALL: &[Self] = &[$(Self::$variant,)+];

            /// In lower case.
            const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

field_names! {
    Accept "accept",
    AcceptEncoding "accept-encoding",
    Connection "connection",
    ContentLength "content-length",
    Expect "expect",
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
}

impl FieldName {
    const COUNT: usize = Self::ALL.len();

    fn recognize(name: &str) -> Option<Self> {
        // The length leaves two candidates at most, of which no byte has been compared.
        let (first, second) = match name.len() {
            4 => (Self::Host, None),
            5 => (Self::Range, None),
            6 => (Self::Expect, Some(Self::Accept)),
            7 => (Self::Referer, None),
            8 => (Self::IfMatch, Some(Self::IfRange)),
            10 => (Self::Connection, Some(Self::UserAgent)),
            13 => (Self::IfNoneMatch, None),
            14 => (Self::ContentLength, Some(Self::SecFetchDest)),
            15 => (Self::AcceptEncoding, Some(Self::XForwardedFor)),
            17 => (Self::IfModifiedSince, Some(Self::TransferEncoding)),
            19 => (Self::IfUnmodifiedSince, None),
            _ => return None,
        };
        let is_named = |known: &Self| is_same(name.as_bytes(), known.name().as_bytes());
        Some(first)
            .filter(is_named)
            .or_else(|| second.filter(is_named))
    }
}

/// Whether a name is this known one, which has the same length and is in lower case. Eight bytes are
/// compared at a time, or four of a short name, the last first: that is where names that begin alike
/// differ.
fn is_same(name: &[u8], known: &[u8]) -> bool {
    if let Some(ends) = name.last_chunk::<8>().zip(known.last_chunk()) {
        let mut chunks = name.as_chunks::<8>().0.iter().zip(known.as_chunks().0);
        are_same(ends) && chunks.all(are_same)
    } else {
        // No known name is shorter than this.
        let starts = name.first_chunk::<4>().zip(known.first_chunk());
        let ends = name.last_chunk::<4>().zip(known.last_chunk());
        starts.is_some_and(are_same) && ends.is_some_and(are_same)
    }
}

/// Of the bytes that a name may have, setting this bit makes a letter of its capital alone, and a
/// hyphen of nothing else.
fn are_same<const N: usize>((bytes, known): (&[u8; N], &[u8; N])) -> bool {
    bytes.map(|byte| byte | 0x20) == *known
}

/// Room for the field lines of one head. It is never initialised as a whole: that would cost more
/// than the parsing.
pub struct FieldStorage<'b> {
    pub(super) lines: [MaybeUninit<Header<'b>>; FIELDS_CAP],
    /// Initialised room, for heads that take the slow way.
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
    /// The known names among them.
    names: FieldNames,
    /// For each of those: from its first line to before the line after its last one.
    spans: [(u16, u16); FieldName::COUNT],
}

/// A set of names, so that what most requests do without is found to be absent in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldNames(u32);

impl FieldNames {
    /// The set of these.
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

    /// The values of all lines of this name, in order.
    pub fn values(&self, name: FieldName) -> impl DoubleEndedIterator<Item = &'h [u8]> + use<'h> {
        let lines = self.span(name);
        // A line that spans itself alone is of this name; between two, others may stand.
        lines
            .iter()
            .filter(move |line| lines.len() == 1 || FieldName::recognize(line.name) == Some(name))
            .map(|line| line.value)
    }

    /// The value of the only line of this name. `None` where there is none, and where there are
    /// several: a field that is no list has no meaning then (RFC 9110 §5.3).
    pub fn single(&self, name: FieldName) -> Option<&'h [u8]> {
        let mut values = self.values(name);
        let value = values.next();
        if values.next().is_some() { None } else { value }
    }

    /// Whether there is a line of this name.
    pub fn contains(&self, name: FieldName) -> bool {
        self.contains_any(FieldNames::of(&[name]))
    }

    /// Whether there is a line of any of these names.
    pub fn contains_any(&self, names: FieldNames) -> bool {
        self.names.0 & names.0 != 0
    }

    /// The members of a list field over all its lines (RFC 9110 §5.6.1), without empty ones.
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

/// `tchar` of RFC 9110 §5.6.2: a byte of a method or of a field name.
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
    fn names_are_found_in_any_case_and_over_several_lines() {
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
    fn a_name_differs_from_a_known_one_in_case_alone_or_is_another() {
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

//! The fields of a request (RFC 9110 §5): the ones that millpond reads, found in one pass.

use httparse::Header;
use std::mem::MaybeUninit;

use super::FIELDS_CAP;

macro_rules! field_names {
    ($($variant:ident $name:literal,)+) => {
        /// A field that millpond reads. Every other field is parsed and left alone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FieldName {
            $(#[doc = $name] $variant,)+
        }

        impl FieldName {
            const ALL: &[(Self, &str)] = &[$((Self::$variant, $name),)+];
        }
    };
}

field_names! {
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
    TransferEncoding "transfer-encoding",
    UserAgent "user-agent",
}

impl FieldName {
    const COUNT: usize = Self::ALL.len();

    fn recognize(name: &str) -> Option<Self> {
        // The length rules out nearly all candidates before a byte is compared.
        let (found, _) = Self::ALL
            .iter()
            .find(|(_, known)| known.len() == name.len() && known.eq_ignore_ascii_case(name))?;
        Some(*found)
    }
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
    /// For each known name: one more than the index of its first line; 0 where there is none.
    first: [u16; FieldName::COUNT],
}

impl<'h> Fields<'h> {
    pub(super) fn new(lines: &'h [Header<'h>]) -> Self {
        let mut first = [0; FieldName::COUNT];
        for (number, line) in (1..).zip(lines) {
            if let Some(name) = FieldName::recognize(line.name)
                && let Some(slot @ 0) = first.get_mut(name as usize)
            {
                *slot = number;
            }
        }
        Self { lines, first }
    }

    /// The values of all lines of this name, in order.
    pub fn values(&self, name: FieldName) -> impl Iterator<Item = &'h [u8]> + use<'h> {
        self.lines_from(name)
            .iter()
            .filter(move |line| FieldName::recognize(line.name) == Some(name))
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
        !self.lines_from(name).is_empty()
    }

    /// The members of a list field over all its lines (RFC 9110 §5.6.1), without empty ones.
    pub fn members(&self, name: FieldName) -> impl Iterator<Item = &'h [u8]> + use<'h> {
        self.values(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|member| !member.is_empty())
    }

    /// The lines from the first one of this name to the end; none if the name does not occur.
    fn lines_from(&self, name: FieldName) -> &'h [Header<'h>] {
        let number = self
            .first
            .get(name as usize)
            .copied()
            .map_or(0, usize::from);
        match number.checked_sub(1) {
            Some(index) => self.lines.get(index..).unwrap_or_default(),
            None => &[],
        }
    }
}

/// `tchar` of RFC 9110 §5.6.2: a byte of a method or of a field name.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
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
        for (name, text) in FieldName::ALL {
            assert_eq!(FieldName::recognize(&text.to_uppercase()), Some(*name));
        }
        assert_eq!(FieldName::recognize("hosts"), None);
    }
}

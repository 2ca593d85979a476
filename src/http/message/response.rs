//! The fields of a response, ready to send.

use bytes::Bytes;
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// Field lines as they are sent, each with its line end, without the empty line that ends a head.
///
/// Cloning shares the bytes, so one block can be sent with any number of responses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldBlock {
    lines: Bytes,
}

impl FieldBlock {
    /// Returns the lines, each ended by CRLF.
    pub fn as_bytes(&self) -> &[u8] {
        &self.lines
    }

    /// Returns these lines, and those of another block after them.
    #[must_use]
    pub fn followed_by(&self, other: &Self) -> Self {
        Self {
            lines: Bytes::from([self.as_bytes(), other.as_bytes()].concat()),
        }
    }

    /// Returns a copy without spare capacity, to be stored.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self {
            lines: Bytes::copy_from_slice(&self.lines),
        }
    }
}

/// A change to one field of a response. Cloning shares its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The name, as it is written.
    pub name: Arc<str>,
    /// The value to set; `None` to remove the field.
    pub value: Option<Arc<str>>,
}

impl Edit {
    /// Returns `true` if the change applies to the field of this name.
    pub fn concerns(&self, name: &[u8]) -> bool {
        self.name.as_bytes().eq_ignore_ascii_case(name)
    }

    /// Returns `true` if the value is added to the present ones. `Vary` lists everything that a
    /// response depends on, so an additional value is always correct (RFC 9110 §12.5.5).
    fn adds(&self) -> bool {
        self.concerns(b"Vary")
    }
}

impl FieldBlock {
    /// Returns the block with these changes applied. A field that is set occurs once.
    #[must_use]
    pub fn edited(&self, edits: &[&Edit]) -> Self {
        if edits.is_empty() {
            return self.clone();
        }
        let is_replaced = |line: &&[u8]| {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            edits.iter().any(|edit| edit.concerns(name) && !edit.adds())
        };
        let kept = self
            .lines
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| !is_replaced(line));
        let mut writer = FieldBlockWriter {
            lines: kept.collect::<Vec<_>>().concat(),
        };
        for edit in edits {
            writer = writer.optional_field(&edit.name, edit.value.as_ref());
        }
        writer.finish()
    }
}

/// A writer of a [`FieldBlock`], line by line.
#[derive(Clone, Debug)]
pub struct FieldBlockWriter {
    lines: Vec<u8>,
}

impl Default for FieldBlockWriter {
    fn default() -> Self {
        // Enough for a usual block without growing.
        Self {
            lines: Vec::with_capacity(320),
        }
    }
}

impl FieldBlockWriter {
    /// Adds a line. Control bytes in the value become spaces, so that no value, whatever its
    /// origin, can start a line of its own.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.lines.extend_from_slice(name.as_bytes());
        self.lines.extend_from_slice(b": ");
        let start = self.lines.len();
        // Writing to a `FieldValue` cannot fail: it only appends to a vector.
        let _ = write!(FieldValue(&mut self.lines), "{value}");
        // Without a branch, so that the compiler vectorizes it.
        for byte in self.lines.iter_mut().skip(start) {
            *byte = if byte.is_ascii_control() { b' ' } else { *byte };
        }
        self.lines.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a line if there is a value for it.
    #[must_use]
    pub fn optional_field(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// Adds the lines of an existing block.
    #[must_use]
    pub fn block(mut self, block: &FieldBlock) -> Self {
        self.lines.extend_from_slice(block.as_bytes());
        self
    }

    /// Returns the block, ready to be shared.
    pub fn finish(self) -> FieldBlock {
        FieldBlock {
            lines: Bytes::from(self.lines),
        }
    }
}

struct FieldValue<'a>(&'a mut Vec<u8>);

impl fmt::Write for FieldValue<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_consists_of_its_lines_in_order() {
        let block = FieldBlockWriter::default()
            .field("Content-Length", 5)
            .optional_field("ETag", None::<&str>)
            .optional_field("Allow", Some("GET"))
            .finish();
        assert_eq!(block.as_bytes(), b"Content-Length: 5\r\nAllow: GET\r\n");
    }

    #[test]
    fn an_edit_replaces_removes_or_adds() {
        let block = FieldBlockWriter::default()
            .field("Content-Length", 5)
            .field("Cache-Control", "no-cache")
            .field("Vary", "Accept")
            .field("X-Frame-Options", "DENY")
            .finish();
        let edit = |name: &str, value: Option<&str>| Edit {
            name: name.into(),
            value: value.map(Arc::from),
        };
        let edits = [
            edit("cache-control", Some("max-age=1")),
            edit("x-frame-options", None),
            edit("vary", Some("Origin")),
            edit("X-New", Some("a\nb")),
            edit("X-Absent", None),
        ];
        assert_eq!(
            block.edited(&edits.iter().collect::<Vec<_>>()).as_bytes(),
            b"Content-Length: 5\r\nVary: Accept\r\ncache-control: max-age=1\r\nvary: Origin\r\n\
              X-New: a b\r\n"
        );
        assert_eq!(block.edited(&[]), block);
    }

    #[test]
    fn no_value_can_start_a_line_of_its_own() {
        let block = FieldBlockWriter::default()
            .field("Location", "/a\r\nSet-Cookie: b\0")
            .finish();
        assert_eq!(block.as_bytes(), b"Location: /a  Set-Cookie: b \r\n");
    }

    #[test]
    fn blocks_are_joined_in_their_order() {
        let block = |name: &str| FieldBlockWriter::default().field(name, 1).finish();
        let (a, b) = (block("A"), block("B"));
        assert_eq!(a.followed_by(&b).as_bytes(), b"A: 1\r\nB: 1\r\n");
        assert_eq!(a.compact(), a);
        let all = FieldBlockWriter::default().block(&b).block(&a).finish();
        assert_eq!(all.as_bytes(), b"B: 1\r\nA: 1\r\n");
    }
}

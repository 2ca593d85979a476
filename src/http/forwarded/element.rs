//! The elements of `Forwarded` (RFC 7239 §4), read from the right.
//!
//! A trusted proxy's element is at the end, and is well-formed. To a parser that starts on the
//! left, an unterminated quoted string from a client would swallow it.

/// One element: the information from one proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'h>(&'h [u8]);

/// Returns the elements of a value, starting with the last one. An unterminated quoted string gives
/// `None`, and nothing comes after it.
pub(super) fn from_the_right(value: &[u8]) -> impl Iterator<Item = Option<Element<'_>>> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let element = match last_outside_quotes(value, b',') {
            Ok(Some(comma)) => {
                rest = value.get(..comma);
                value.get(comma + 1..)?
            }
            Ok(None) => {
                rest = None;
                value
            }
            Err(Unopened) => {
                rest = None;
                return Some(None);
            }
        };
        Some(Some(Element(element.trim_ascii())))
    })
    .filter(|element| element.is_none_or(|element| !element.0.is_empty()))
}

impl<'h> Element<'h> {
    /// Returns the value of the one parameter `for`, without its quotes.
    pub(super) fn forwarded_for(self) -> Option<&'h [u8]> {
        let (mut rest, mut found) = (self.0, None);
        loop {
            let start = last_outside_quotes(rest, b';').ok()?;
            let pair = rest.get(start.map_or(0, |semicolon| semicolon + 1)..)?;
            let equals = memchr::memchr(b'=', pair);
            if let Some((name, value)) = equals.and_then(|at| pair.split_at_checked(at))
                && name.trim_ascii().eq_ignore_ascii_case(b"for")
            {
                let value = value.get(1..)?.trim_ascii();
                if found.replace(value).is_some() {
                    return None;
                }
            }
            match start {
                Some(semicolon) => rest = rest.get(..semicolon)?,
                None => break,
            }
        }
        match found? {
            // An address has nothing that would have to be escaped.
            [b'"', inside @ .., b'"'] => Some(inside),
            value => Some(value),
        }
    }
}

/// A text in quotes has no beginning.
struct Unopened;

/// Returns the last place of a byte that is not part of a text in quotes.
fn last_outside_quotes(value: &[u8], wanted: u8) -> Result<Option<usize>, Unopened> {
    let mut is_quoted = false;
    for (at, byte) in value.iter().enumerate().rev() {
        match byte {
            b'"' if is_quoted => {
                let before = value.get(..at).unwrap_or_default();
                let slashes = before
                    .iter()
                    .rev()
                    .take_while(|byte| **byte == b'\\')
                    .count();
                is_quoted = slashes % 2 == 1;
            }
            b'"' => is_quoted = true,
            _ if !is_quoted && *byte == wanted => return Ok(Some(at)),
            _ => {}
        }
    }
    if is_quoted { Err(Unopened) } else { Ok(None) }
}

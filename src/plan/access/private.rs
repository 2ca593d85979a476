//! `Cache-Control` for responses behind a password: no cache that several clients share may keep
//! them (RFC 9111 §5.2.2.7). Other directives of the operator are kept.

use super::refusal::with_cache_control;
use crate::http::response::{FieldBlock, FieldBlockWriter};
use memchr::memchr;
use memchr::memmem::Finder;
use std::str;
use std::sync::LazyLock;

/// Returns the fields of a response with a directive that it is for one client alone.
pub(crate) fn private(fields: &FieldBlock) -> FieldBlock {
    let mut opens_to_all = false;
    for directive in directives(fields) {
        // A response that no cache may keep is private anyway.
        if directive.eq_ignore_ascii_case("no-store") {
            return fields.clone();
        }
        opens_to_all |= is_for_shared_caches(directive);
    }
    if !opens_to_all {
        // A list may be in several lines (RFC 9110 §5.3).
        return fields.followed_by(&PRIVATE);
    }
    let kept = directives(fields).filter(|directive| !is_for_shared_caches(directive));
    let all: Vec<_> = ["private"].into_iter().chain(kept).collect();
    with_cache_control(fields, &all.join(", "))
}

/// Returns the directives in `Cache-Control`. The plan has written these fields, so the name is always
/// in this form.
fn directives(fields: &FieldBlock) -> impl Iterator<Item = &str> {
    let lines = fields.as_bytes();
    let is_line = |start: &usize| *start == 0 || lines.get(start - 1) == Some(&b'\n');
    let values = CACHE_CONTROL
        .find_iter(lines)
        .filter(is_line)
        .filter_map(|start| {
            let value = lines.get(start + CACHE_CONTROL.needle().len()..)?;
            str::from_utf8(value.get(..memchr(b'\r', value)?)?).ok()
        });
    values.flat_map(|value| value.split(',')).map(str::trim)
}

static CACHE_CONTROL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("Cache-Control: "));

static PRIVATE: LazyLock<FieldBlock> = LazyLock::new(|| {
    let fields = FieldBlockWriter::default();
    fields.field("Cache-Control", "private").finish()
});

fn is_for_shared_caches(directive: &str) -> bool {
    let name = directive.split('=').next().unwrap_or_default().trim_end();
    ["public", "s-maxage", "proxy-revalidate"]
        .iter()
        .any(|shared| name.eq_ignore_ascii_case(shared))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_cache_control_have_directives() {
        let block = |lines: &[(&str, &str)]| {
            let writer = FieldBlockWriter::default();
            let add =
                |writer: FieldBlockWriter, (name, value): &(&str, &str)| writer.field(name, value);
            lines.iter().fold(writer, add).finish()
        };
        for (lines, expected) in [
            (&[][..], &[][..]),
            (&[("Cache-Control", "a, b=1")], &["a", "b=1"]),
            (&[("CDN-Cache-Control", "public")], &[]),
            (
                &[("Age", "1"), ("Cache-Control", "a"), ("Cache-Control", "b")],
                &["a", "b"],
            ),
        ] {
            let block = block(lines);
            assert!(directives(&block).eq(expected.iter().copied()), "{lines:?}");
        }
    }
}

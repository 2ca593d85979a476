//! The replacement of `qr_code` in a build without QR codes.

use crate::process::TermStyle;

/// Returns no code.
pub(super) fn qr_code(_: &str, _: TermStyle, _: u16) -> Option<Vec<String>> {
    None
}

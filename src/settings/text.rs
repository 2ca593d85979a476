//! Checks that texts must pass to be values.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf};

/// Returns the value as text, for kinds that are always UTF-8.
pub(crate) fn utf8(text: &OsStr) -> Result<&str, String> {
    text.to_str()
        .ok_or_else(|| format!("{:?} is not UTF-8", text.to_string_lossy()))
}

/// Returns `true` if the text consists of digits.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parses a path. Like any file name on Unix it need not be UTF-8.
pub(crate) fn path(text: &OsStr) -> Result<PathBuf, String> {
    match text.as_bytes() {
        [] => Err("a path cannot be empty".to_owned()),
        bytes if bytes.contains(&0) => Err(format!(
            "{:?} has a NUL, which no path can hold",
            text.to_string_lossy()
        )),
        // A shell would have replaced it by the home directory, at the start of a word.
        b"~" | [b'~', b'/', ..] => Err(format!(
            "{:?} begins with ~, which only a shell expands; write the path in full, like /home/me",
            text.to_string_lossy()
        )),
        _ => Ok(PathBuf::from(text)),
    }
}

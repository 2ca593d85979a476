//! The absolute path of the root, so that the working directory may change later.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Returns the absolute path of a root. Its links are followed later, each time it is opened. Only
/// the part before the last `..` is resolved now, because the working directory may be removed with
/// the root.
pub fn absolute_root(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut ahead = path.components();
    let mut behind = Vec::new();
    loop {
        match ahead.next_back() {
            None => return Ok(path),
            Some(Component::ParentDir) => break,
            Some(component) => behind.push(component),
        }
    }
    let mut resolved = ahead.as_path().join("..").canonicalize()?;
    resolved.extend(behind.into_iter().rev());
    Ok(resolved)
}

//! Reading a file's bytes from any place in it, the one way in which all of the site does.

use rustix::fd::OwnedFd;
use rustix::io::{Errno, Result};

/// Reads from the start up to `size` bytes, fewer if there are fewer.
pub(super) fn read_start(file: &OwnedFd, size: u64) -> Result<Vec<u8>> {
    let size = usize::try_from(size).map_err(|_| Errno::NOMEM)?;
    let mut content = vec![0; size];
    let count = read_at(file, &mut content, 0)?.len();
    content.truncate(count);
    Ok(content)
}

/// Fills the buffer from `offset` on, unless the file ends: the part of it that was filled. The
/// kernel may read less at a time than there is, and a signal may come first.
pub(super) fn read_at<'a>(file: &OwnedFd, buffer: &'a mut [u8], offset: u64) -> Result<&'a [u8]> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(file, rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(buffer.get(..filled).unwrap_or_default())
}

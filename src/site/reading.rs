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

/// Reads a file to its end, of which it is said to have `size` bytes: in one call if that is true, and
/// else up to one byte more than `max`.
pub(super) fn read_whole(file: &OwnedFd, size: u64, max: usize) -> Result<Vec<u8>> {
    let size = usize::try_from(size).map_err(|_| Errno::NOMEM)?;
    // With room for a byte more: if none comes, that was all.
    let mut content = vec![0; size + 1];
    let mut filled = 0;
    while let Some(room) = content.get_mut(filled..).filter(|room| !room.is_empty()) {
        match rustix::io::pread(file, room, filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno),
        }
        if filled == size {
            break;
        }
        if filled == content.len() && filled <= max {
            content.resize((2 * filled).max(READ_BYTES_MIN).min(max + 1), 0);
        }
    }
    content.truncate(filled);
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

/// Where it is not known how much there is: as much as the kernel gives at a time of many files of
/// /proc.
const READ_BYTES_MIN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_is_read_to_its_end_whatever_is_said_of_its_size() {
        let path = std::env::temp_dir().join(format!("millpond-reading-{}", std::process::id()));
        let content: Vec<u8> = (0..=u8::MAX).cycle().take(20_000).collect();
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(&content).unwrap();
        let file = OwnedFd::from(std::fs::File::open(&path).unwrap());
        std::fs::remove_file(path).unwrap();
        for said in [0, 1, 4096, 20_000, 20_001, 50_000] {
            let read = read_whole(&file, said, 100_000).unwrap();
            assert!(read == content, "{said}: {}", read.len());
        }
        for (said, max) in [(0, 100), (0, 4095), (0, 19_998), (10, 10_000)] {
            let read = read_whole(&file, said, max).unwrap();
            assert!(read == content[..=max], "{said}: {}", read.len());
        }
    }
}

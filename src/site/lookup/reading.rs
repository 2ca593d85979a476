//! Reading bytes at any position of a file, as the whole site does it.

use rustix::fd::OwnedFd;
use rustix::io::{Errno, Result};

/// Reads up to `size` bytes from the start.
pub(crate) fn read_start(file: &OwnedFd, size: u64) -> Result<Vec<u8>> {
    let size = usize::try_from(size).map_err(|_| Errno::NOMEM)?;
    let mut content = vec![0; size];
    let count = read_at(file, &mut content, 0)?.len();
    content.truncate(count);
    Ok(content)
}

/// Reads a file to its end: in one call if it has `size` bytes, otherwise up to `max` bytes plus
/// one.
pub(crate) fn read_whole(file: &OwnedFd, size: u64, max: usize) -> Result<Vec<u8>> {
    let size = usize::try_from(size).map_err(|_| Errno::NOMEM)?;
    // One extra byte: if it stays empty, the file has ended.
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

/// Fills the buffer starting at `offset`, unless the file ends first. Returns the filled part. The
/// kernel may read less at a time than is available, and a signal may interrupt it.
pub(crate) fn read_at<'a>(file: &OwnedFd, buffer: &'a mut [u8], offset: u64) -> Result<&'a [u8]> {
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

/// The first size of the buffer if the length is unknown: the amount that the kernel returns at a
/// time for many files of /proc.
const READ_BYTES_MIN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_is_read_to_its_end_whatever_its_stated_size() {
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

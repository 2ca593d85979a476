//! The directory that is precompressed: its contents, and opening its files.
//!
//! Every file is opened beneath the directory. Links to directories are not followed. Links to
//! files are followed if they stay inside.

use crate::http::coding::Coding;
use crate::http::path::has_hidden_segment;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, ResolveFlags, Statx, StatxFlags,
};
use rustix::io::Errno;
use std::io;
use std::path::Path;

/// An open directory.
#[derive(Debug)]
pub(super) struct Tree {
    root: OwnedFd,
}

/// The contents of the directory, as paths relative to it.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Files and links, without compressed ones.
    pub(super) files: Vec<Vec<u8>>,
    /// Files whose names end like those of a compressed form, and the coding.
    pub(super) coded: Vec<(Vec<u8>, Coding)>,
    pub(super) unreadable: Vec<(Vec<u8>, io::Error)>,
}

impl Tree {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        Ok(Self { root })
    }

    /// Locks the directory. Returns `false` if another process has locked it.
    pub(super) fn lock(&self) -> bool {
        let locked = rustix::fs::flock(&self.root, FlockOperation::NonBlockingLockExclusive);
        // Some file systems have no locks.
        locked != Err(Errno::WOULDBLOCK)
    }

    /// Waits until all written data is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.root)?)
    }

    /// Lists all files that a server would serve, sorted by path.
    pub(super) fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        let mut directories = vec![Vec::new()];
        while let Some(directory) = directories.pop() {
            if let Err(error) = self.list(&directory, &mut directories, &mut contents) {
                contents.unreadable.push((directory, error));
            }
        }
        contents.files.sort();
        contents
            .coded
            .sort_by(|(one, _), (other, _)| one.cmp(other));
        contents
    }

    fn list(
        &self,
        directory: &[u8],
        directories: &mut Vec<Vec<u8>>,
        contents: &mut Contents,
    ) -> io::Result<()> {
        let opened = self.open_directory(directory)?;
        for entry in Dir::read_from(&opened)? {
            let entry = entry?;
            let name = entry.file_name();
            let path = joined(directory, name.to_bytes());
            if matches!(name.to_bytes(), b"." | b"..") || has_hidden_segment(&path) {
                continue;
            }
            let file_type = match entry.file_type() {
                FileType::Unknown => {
                    let found = rustix::fs::statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW)?;
                    FileType::from_raw_mode(found.st_mode)
                }
                known => known,
            };
            match file_type {
                FileType::Directory => directories.push(path),
                FileType::RegularFile | FileType::Symlink => {
                    let is_of = |coding: &Coding| path.ends_with(coding.extension().as_bytes());
                    match Coding::ALL.into_iter().find(is_of) {
                        Some(coding) => contents.coded.push((path, coding)),
                        None => contents.files.push(path),
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the size of a file, or 0 if it is unknown. Links are not followed.
    pub(super) fn size(&self, path: &[u8]) -> u64 {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let found = rustix::fs::statx(&self.root, path, flags, StatxFlags::SIZE);
        found.map_or(0, |found| found.stx_size)
    }

    /// Opens a file for reading, and returns its metadata. Returns `None` if there is no file, or a
    /// link leads out of the directory.
    pub(super) fn open_file(&self, path: &[u8]) -> io::Result<Option<(OwnedFd, Statx)>> {
        // A FIFO at the end of a link must not block.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let file = match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::XDEV | Errno::LOOP | Errno::NXIO) => {
                return Ok(None);
            }
            opened => opened?,
        };
        let found = look_at(&file)?;
        let is_file = FileType::from_raw_mode(found.stx_mode.into()) == FileType::RegularFile;
        Ok(is_file.then_some((file, found)))
    }

    /// Opens the directory that contains a path, and returns the name of the file.
    pub(super) fn open_parent<'a>(&self, path: &'a [u8]) -> io::Result<(OwnedFd, &'a [u8])> {
        let slash = memchr::memrchr(b'/', path);
        let (directory, name) = match slash.and_then(|slash| path.split_at_checked(slash)) {
            Some((directory, name)) => (directory, name.get(1..).unwrap_or_default()),
            None => (&[][..], path),
        };
        Ok((self.open_directory(directory)?, name))
    }

    fn open_directory(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let path = if path.is_empty() { b"." } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let opened = rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve);
        Ok(opened?)
    }
}

/// Returns the metadata of an open file.
pub(super) fn look_at(file: impl AsFd) -> io::Result<Statx> {
    let found = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
    Ok(found)
}

fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        name.to_vec()
    } else {
        [directory, b"/", name].concat()
    }
}

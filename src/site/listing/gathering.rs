//! Reading what is in a directory, some entries at a time, and looking at each.

use crate::http::date::HttpDate;
use crate::http::path::RequestPath;
use crate::plan::listing::{Entry, Listing, README_BYTES_MAX, Readme, readme_rank};
use crate::site::Miss;
use crate::site::reading::read_start;
use crate::site::root::{Root, stat_descriptor};
use crate::site::stamp::Stamp;
use bytes::BytesMut;
use rustix::fs::{Access, AtFlags, Dir, FileType, Statx, StatxFlags};
use std::ffi::{CStr, CString};
use std::rc::Rc;

/// A directory beneath the root.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) tree: Rc<Root>,
    pub(super) path: RequestPath<'static>,
}

impl Folder {
    pub(super) fn open(&self) -> Result<Gathering, Miss> {
        let location = self.path.as_bytes().strip_suffix(b"/").unwrap_or(b".");
        let location = CString::new(location).map_err(|_| Miss::Nothing)?;
        let opened = self.tree.open_directory_beneath(&location);
        let directory = opened.and_then(Dir::new).map_err(Miss::of)?;
        Ok(Gathering {
            directory,
            names: BytesMut::with_capacity(NAMES_BYTES),
            readme: None,
        })
    }

    /// What is beneath the root where something in the directory leads, if it is a link.
    fn follow(&self, name: &CStr) -> Option<Statx> {
        self.tree.look_beneath(&self.location_of(name)?).ok()
    }

    /// Reads a README. One that cannot be read by now is none.
    fn read(&self, name: &CStr) -> Option<Readme> {
        let descriptor = self.tree.open_beneath(&self.location_of(name)?).ok()?;
        let facts = stat_descriptor(&descriptor).ok()?;
        if type_of(&facts) != FileType::RegularFile {
            return None;
        }
        // One byte more, to see whether there is more.
        let content = read_start(&descriptor, README_BYTES_MAX as u64 + 1).ok()?;
        Some(Readme::new(name.to_bytes(), &content))
    }

    fn location_of(&self, name: &CStr) -> Option<CString> {
        CString::new([self.path.as_bytes(), name.to_bytes()].concat()).ok()
    }
}

/// A directory that is being read.
#[derive(Debug)]
pub(super) struct Gathering {
    directory: Dir,
    /// Where names are kept, some thousand bytes of them together.
    names: BytesMut,
    /// The best README so far.
    readme: Option<(usize, CString)>,
}

impl Gathering {
    /// Looks at some more entries: whether there may be others.
    pub(super) fn step(&mut self, folder: &Folder, listing: &mut Listing) -> Result<bool, Miss> {
        for _ in 0..ENTRIES_A_STEP {
            let Some(found) = self.directory.read() else {
                return Ok(false);
            };
            let found = found.map_err(Miss::of)?;
            let name = found.file_name();
            // The directory itself and the one above are among them. So is /.well-known/, which is
            // served, but is no place for people (RFC 8615).
            if name.to_bytes().starts_with(b".") {
                continue;
            }
            let Some((size, modified)) = self.look_at(folder, name, found.file_type()) else {
                continue;
            };
            self.names.extend_from_slice(name.to_bytes());
            let entry = Entry {
                name: self.names.split().freeze(),
                size,
                modified,
            };
            self.note_readme(&entry, name);
            if !listing.push(entry) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What is of this name to whoever asks for it: its size, if it is a file, and its time.
    fn look_at(
        &self,
        folder: &Folder,
        name: &CStr,
        file_type: FileType,
    ) -> Option<(Option<u64>, Option<HttpDate>)> {
        let directory = self.directory.fd().ok()?;
        let facts = match file_type {
            FileType::Symlink => folder.follow(name)?,
            FileType::RegularFile | FileType::Directory | FileType::Unknown => {
                let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
                let mask = StatxFlags::BASIC_STATS;
                rustix::fs::statx(directory, name, flags, mask).ok()?
            }
            _ => return None,
        };
        let (size, access) = match type_of(&facts) {
            FileType::RegularFile => (Some(facts.stx_size), Access::READ_OK),
            FileType::Directory => (None, Access::EXEC_OK),
            // Not every file system says of what type its entries are, and they may change.
            FileType::Symlink if file_type != FileType::Symlink => {
                return self.look_at(folder, name, FileType::Symlink);
            }
            _ => return None,
        };
        rustix::fs::accessat(directory, name, access, AtFlags::EACCESS).ok()?;
        let modified = Stamp::of(&facts).modified_seconds();
        Some((size, modified.and_then(HttpDate::from_unix_seconds)))
    }

    fn note_readme(&mut self, entry: &Entry, name: &CStr) {
        let Some(rank) = readme_rank(&entry.name).filter(|_| entry.size.is_some()) else {
            return;
        };
        let candidate = (rank, name.to_owned());
        if self.readme.as_ref().is_none_or(|best| candidate < *best) {
            self.readme = Some(candidate);
        }
    }

    /// Adds what stands below the entries, once all are known.
    pub(super) fn finish(&self, folder: &Folder, listing: &mut Listing) {
        if listing.wants_readme()
            && let Some((_, name)) = &self.readme
            && let Some(readme) = folder.read(name)
        {
            listing.set_readme(readme);
        }
    }
}

fn type_of(facts: &Statx) -> FileType {
    FileType::from_raw_mode(facts.stx_mode.into())
}

/// Bytes of names that share one piece of memory.
const NAMES_BYTES: usize = 8 * 1024;

/// Entries that are looked at in one step: three system calls each, so that a step takes a tenth of
/// a millisecond where the directory's inodes are in memory.
const ENTRIES_A_STEP: usize = 32;

//! Reading the entries of a directory, a few at a time, and inspecting each.

use crate::http::date::HttpDate;
use crate::http::path::RequestPath;
use crate::listing::{Entry, Listing, README_BYTES_MAX, Readme, readme_rank};
use crate::plan::Dotfiles;
use crate::site::error::LookupError;
use crate::site::fingerprint::Fingerprint;
use crate::site::lookup::read_start;
use crate::site::root::{Root, stat_descriptor};
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
    pub(super) fn open(&self) -> Result<Gathering, LookupError> {
        let path_on_disk = self.path.as_bytes().strip_suffix(b"/").unwrap_or(b".");
        let path_on_disk = CString::new(path_on_disk).map_err(|_| LookupError::Nothing)?;
        let opened = self.tree.open_directory_beneath(&path_on_disk);
        let directory = opened.and_then(Dir::new).map_err(LookupError::of)?;
        Ok(Gathering {
            directory,
            names: BytesMut::with_capacity(NAMES_BYTES),
            readme: None,
        })
    }

    /// Returns `true` if a name that begins with a dot is one of those that are served.
    fn shows(&self, name: &CStr, dotfiles: &Dotfiles) -> bool {
        let is_of_directory = matches!(name.to_bytes(), b"." | b"..");
        let path = [self.path.as_bytes(), name.to_bytes()].concat();
        !is_of_directory && dotfiles.check_hidden(&path).is_ok()
    }

    /// Follows a link in the directory, and returns the metadata of its target beneath the root.
    fn follow(&self, name: &CStr) -> Option<Statx> {
        self.tree.look_beneath(&self.location_of(name)?).ok()
    }

    /// Reads a README. Returns `None` if it can no longer be read.
    fn read(&self, name: &CStr) -> Option<Readme> {
        let descriptor = self.tree.open_beneath(&self.location_of(name)?).ok()?;
        let facts = stat_descriptor(&descriptor).ok()?;
        if type_of(&facts) != FileType::RegularFile {
            return None;
        }
        // One extra byte shows whether the file is longer.
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
    /// The buffer for names, a few thousand bytes at a time.
    names: BytesMut,
    /// The best README so far.
    readme: Option<(usize, CString)>,
}

impl Gathering {
    /// Inspects the next entries. Returns `true` if more may follow.
    pub(super) fn step(
        &mut self,
        folder: &Folder,
        dotfiles: &Dotfiles,
        listing: &mut Listing,
    ) -> Result<bool, LookupError> {
        for _ in 0..ENTRIES_A_STEP {
            let Some(found) = self.directory.read() else {
                return Ok(false);
            };
            let found = found.map_err(LookupError::of)?;
            let name = found.file_name();
            // The entries include the directory itself and its parent. They may include
            // /.well-known/, which is served but not meant for people (RFC 8615).
            if name.to_bytes().starts_with(b".") && !folder.shows(name, dotfiles) {
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

    /// Returns what a request for this name would find: the size, if it is a file, and the time.
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
            // Some file systems do not report the type of entries, and the type may change.
            FileType::Symlink if file_type != FileType::Symlink => {
                return self.look_at(folder, name, FileType::Symlink);
            }
            _ => return None,
        };
        rustix::fs::accessat(directory, name, access, AtFlags::EACCESS).ok()?;
        let modified = Fingerprint::of(&facts).modified_seconds();
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

    /// Adds the README, once all entries are known.
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

/// The bytes of names that share one allocation.
const NAMES_BYTES: usize = 8 * 1024;

/// The number of entries inspected in a step, with three system calls each. A step takes a tenth of
/// a millisecond if the directory's inodes are in memory.
const ENTRIES_A_STEP: usize = 32;

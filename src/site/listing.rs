//! Gathering what a directory holds, and writing its listing down: work in steps.
//!
//! Each entry is looked at like a request for it would, and left out if that would be refused:
//! hidden names, links that lead out or nowhere, what is no file or directory, what may not be
//! read. Nothing is kept between requests, as no time of a directory tells of changes to its files.
//! What keeps many requests from adding up:
//!
//! - who asks for the same before it is begun waits for the same job (once it is begun, it may have
//!   passed what has changed since);
//! - few jobs go on at once, and the others hold next to nothing until it is their turn;
//! - content that is still being sent is shared with whoever gets the same, and bounded.

use super::facts::content_tag;
use super::jobs::{Jobs, Means, Outcome, Pending, Work};
use super::root::{Tree, stat_descriptor};
use super::stamp::Stamp;
use super::{File, Miss, Origin, Source};
use crate::http::date::HttpDate;
use crate::http::target::RequestPath;
use crate::plan::Policy;
use crate::plan::listing::{self, Entry, Listing, README_BYTES_MAX, Readme, View, readme_rank};
use bytes::Bytes;
use rustix::fs::{Access, AtFlags, Dir, FileType, Statx, StatxFlags};
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString};
use std::rc::Rc;
use std::sync::{Arc, Weak};

/// What all listings have in common.
#[derive(Debug, Default)]
pub(super) struct Listings {
    shelf: Rc<Shelf>,
}

impl Listings {
    /// A claim on the listing of a directory, which is begun if it is not under way.
    pub(super) fn claim(
        &self,
        jobs: &mut Jobs,
        tree: &Rc<Tree>,
        path: &RequestPath<'_>,
        view: View,
    ) -> Pending {
        // A root that is swapped, or another one after the settings were read again, is another.
        let what = format!("listing {:?} {} ", tree.identity(), view.name());
        let subject = [what.as_bytes(), path.as_bytes()].concat();
        jobs.join(&subject).unwrap_or_else(|| {
            let path = path.clone().into_owned();
            let work = Job {
                shelf: Rc::clone(&self.shelf),
                listing: Listing::new(path.clone(), view),
                folder: Folder {
                    tree: Rc::clone(tree),
                    path,
                },
                view,
                turn: None,
                state: State::Waiting,
            };
            jobs.begin(&subject, Box::new(work))
        })
    }
}

/// The making of one listing.
#[derive(Debug)]
struct Job {
    shelf: Rc<Shelf>,
    folder: Folder,
    view: View,
    listing: Listing,
    /// From when it is begun.
    turn: Option<Turn>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Others are before it.
    Waiting,
    Gathering(Gathering),
    Writing(Writing),
}

impl Work for Job {
    fn step(&mut self, means: &mut Means<'_>) -> Option<Outcome> {
        let next = match &mut self.state {
            State::Waiting => {
                self.turn = Turn::take(&self.shelf);
                self.turn.as_ref()?;
                self.folder.open().map(State::Gathering)
            }
            State::Gathering(gathering) => match gathering.step(&self.folder, &mut self.listing) {
                Ok(true) => return None,
                Ok(false) => {
                    gathering.finish(&self.folder, &mut self.listing);
                    Ok(State::Writing(Writing::default()))
                }
                Err(miss) => Err(miss),
            },
            State::Writing(writing) => {
                let has_more = writing.step(&mut self.listing);
                return (!has_more).then(|| self.finish(means.policy));
            }
        };
        match next {
            Ok(state) => self.state = state,
            Err(miss) => return Some(Err(miss)),
        }
        None
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Waiting)
    }
}

impl Job {
    fn finish(&mut self, policy: &Policy) -> Outcome {
        let State::Writing(writing) = &mut self.state else {
            return Err(Miss::Nothing);
        };
        let (content, hash) = writing.finish();
        let content = self.shelf.put(content, hash).ok_or(Miss::Exhausted)?;
        let (length, entity_tag) = (content.len() as u64, content_tag(&hash, None));
        Ok(Rc::new(File {
            origin: Origin::Listing,
            representation: listing::represent(self.view, length, entity_tag, policy),
            source: Source::Memory(content),
            variants: None,
        }))
    }
}

/// A directory beneath the root.
#[derive(Debug)]
struct Folder {
    tree: Rc<Tree>,
    path: RequestPath<'static>,
}

impl Folder {
    fn open(&self) -> Result<Gathering, Miss> {
        let location = self.path.as_bytes().strip_suffix(b"/").unwrap_or(b".");
        let location = CString::new(location).map_err(|_| Miss::Nothing)?;
        let opened = self.tree.open_directory_beneath(&location);
        let directory = opened.and_then(Dir::new).map_err(Miss::of)?;
        Ok(Gathering {
            directory,
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
        let mut content = vec![0; README_BYTES_MAX + 1];
        let mut filled = 0;
        while let Some(rest) = content.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match rustix::io::pread(&descriptor, rest, filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        content.truncate(filled);
        Some(Readme::new(name.to_bytes(), &content))
    }

    fn location_of(&self, name: &CStr) -> Option<CString> {
        CString::new([self.path.as_bytes(), name.to_bytes()].concat()).ok()
    }
}

/// A directory that is being read.
#[derive(Debug)]
struct Gathering {
    directory: Dir,
    /// The best README so far.
    readme: Option<(usize, CString)>,
}

impl Gathering {
    /// Looks at some more entries: whether there may be others.
    fn step(&mut self, folder: &Folder, listing: &mut Listing) -> Result<bool, Miss> {
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
            let Some(entry) = self.look_at(folder, name, found.file_type()) else {
                continue;
            };
            self.note_readme(&entry, name);
            if !listing.push(entry) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the entry of this name is to whoever asks for it.
    fn look_at(&self, folder: &Folder, name: &CStr, file_type: FileType) -> Option<Entry> {
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
        Some(Entry {
            name: name.to_bytes().into(),
            size,
            modified: Stamp::of(&facts)
                .modified_seconds()
                .and_then(HttpDate::from_unix_seconds),
        })
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
    fn finish(&self, folder: &Folder, listing: &mut Listing) {
        if listing.wants_readme()
            && let Some((_, name)) = &self.readme
            && let Some(readme) = folder.read(name)
        {
            listing.set_readme(readme);
        }
    }
}

/// A listing that is being written.
#[derive(Debug, Default)]
struct Writing {
    content: String,
    hasher: Box<blake3::Hasher>,
}

impl Writing {
    /// Writes some more of it: whether there is more.
    fn step(&mut self, listing: &mut Listing) -> bool {
        let before = self.content.len();
        let has_more = listing.write(&mut self.content);
        let written = self.content.get(before..).unwrap_or_default();
        self.hasher.update(written.as_bytes());
        has_more
    }

    fn finish(&mut self) -> (String, blake3::Hash) {
        (std::mem::take(&mut self.content), self.hasher.finalize())
    }
}

fn type_of(facts: &Statx) -> FileType {
    FileType::from_raw_mode(facts.stx_mode.into())
}

/// What is under way, and what is still being sent.
#[derive(Debug, Default)]
struct Shelf {
    turns: Cell<usize>,
    contents: RefCell<Vec<(blake3::Hash, Weak<String>)>>,
}

impl Shelf {
    /// Content to send: shared with whoever is still being sent the same. `None` where all that is
    /// being sent would be too much.
    fn put(&self, content: String, hash: blake3::Hash) -> Option<Bytes> {
        let mut contents = self.contents.borrow_mut();
        contents.retain(|(_, content)| content.strong_count() > 0);
        let same = contents.iter().find(|(known, _)| *known == hash);
        if let Some(content) = same.and_then(|(_, content)| content.upgrade()) {
            return Some(Bytes::from_owner(Shared(content)));
        }
        if content.len() > SMALL_BYTES_MAX {
            let held = contents.iter().filter_map(|(_, content)| content.upgrade());
            let held: usize = held.map(|content| content.len()).sum();
            if held + content.len() > CONTENT_BYTES_MAX {
                return None;
            }
        }
        let content = Arc::new(content);
        contents.push((hash, Arc::downgrade(&content)));
        Some(Bytes::from_owner(Shared(content)))
    }
}

/// Content that is freed when nobody is being sent it any more.
struct Shared(Arc<String>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Leave to work on a listing, given back when it is dropped.
#[derive(Debug)]
struct Turn(Rc<Shelf>);

impl Turn {
    fn take(shelf: &Rc<Shelf>) -> Option<Self> {
        let taken = shelf.turns.get();
        (taken < TURNS_MAX).then(|| {
            shelf.turns.set(taken + 1);
            Self(Rc::clone(shelf))
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.turns.set(self.0.turns.get().saturating_sub(1));
    }
}

/// Entries that are looked at in one step: three system calls each, so that a step takes a tenth of
/// a millisecond where the directory's inodes are in memory.
const ENTRIES_A_STEP: usize = 32;

/// Listings that are worked on at once, at some 40 MB each for a directory of as many entries as
/// are listed. Others wait, so that a small one does for about as long as a large one takes.
const TURNS_MAX: usize = 4;

/// Bytes of content that are being sent, all listings together: three of the largest.
const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of content that are always sent, as files of this size are.
const SMALL_BYTES_MAX: usize = 64 * 1024;

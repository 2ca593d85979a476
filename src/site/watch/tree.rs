//! The directories beneath the root, each watched for changes of the files in it.
//!
//! Each is opened beneath the root, and then watched by its descriptor, so nothing outside of the
//! root is ever watched. A directory that is reached by several paths, through symbolic links, has
//! all of them.

use super::change::{Change, Kind};
use super::filesystem::Reports;
use super::links::Links;
use super::names::{is_left_out, open, read};
use super::patrol::Patrol;
use crate::site::root::{FileId, Root, file_id, stat_descriptor};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::collections::{HashMap, VecDeque};
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

/// All directories, and those that still have to be added.
#[derive(Debug, Default)]
pub(super) struct Tree {
    inotify: Option<OwnedFd>,
    watches: HashMap<i32, FileId>,
    directories: HashMap<FileId, Directory>,
    links: Links,
    pending: VecDeque<Pending>,
    has_reported_limit: bool,
}

/// A directory that still has to be added. Its path ends in a slash or is empty.
#[derive(Debug)]
struct Pending {
    path: Vec<u8>,
    content: Content,
}

/// The files in a directory that is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// They were there before.
    Old,
    /// They are reported.
    New,
}

#[derive(Debug, Default)]
struct Directory {
    watch: Option<i32>,
    /// The paths, relative to the root. Each ends in a slash or is empty.
    paths: Vec<Box<[u8]>>,
}

impl Tree {
    /// Watches everything beneath a root, and nothing else.
    pub(super) fn restart(&mut self) {
        let has_reported_limit = self.has_reported_limit;
        *self = Self {
            has_reported_limit,
            ..Self::default()
        };
        match inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK) {
            Ok(inotify) => self.inotify = Some(inotify),
            Err(errno) => self.tell_limit("fs.inotify.max_user_instances", errno),
        }
        self.read_all();
    }

    /// Reads all directories again.
    fn read_all(&mut self) {
        let is_root = |pending: &Pending| pending.path.is_empty();
        if !self.pending.iter().any(is_root) {
            self.push_pending(Vec::new(), Content::Old);
        }
    }

    /// Stops watching.
    pub(super) fn stop(&mut self) {
        let has_reported_limit = self.has_reported_limit;
        *self = Self {
            has_reported_limit,
            ..Self::default()
        };
    }

    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Returns `true` if there are directories to add.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Adds a directory that was found elsewhere, with new files in it.
    pub(super) fn push(&mut self, path: Vec<u8>) {
        self.push_pending(path, Content::New);
    }

    fn push_pending(&mut self, path: Vec<u8>, content: Content) {
        self.pending.push_back(Pending { path, content });
    }

    /// Adds some of the pending directories, starting near the root.
    pub(super) fn advance(
        &mut self,
        root: &Root,
        patrol: &mut Patrol,
        now: Instant,
        changes: &mut Vec<Change>,
    ) {
        let begun = Instant::now();
        while let Some(pending) = self.pending.pop_front() {
            self.add(root, &pending, patrol, now, changes);
            if begun.elapsed() >= ADDING_TURN {
                return;
            }
        }
    }

    fn add(
        &mut self,
        root: &Root,
        Pending { path, content }: &Pending,
        patrol: &mut Patrol,
        now: Instant,
        changes: &mut Vec<Change>,
    ) {
        let Ok(directory) = open(root, path) else {
            return;
        };
        let Ok(facts) = stat_descriptor(&directory) else {
            return;
        };
        let known = self.directories.entry(file_id(&facts)).or_default();
        let is_known = known.paths.iter().any(|it| **it == *path);
        if !is_known {
            // A link may lead to a parent of its directory.
            if known.paths.len() >= PATHS_MAX {
                return;
            }
            known.paths.push(path.as_slice().into());
        }
        // New files are reported from now on, and existing ones are found below.
        let is_watched = self.watch(&directory, file_id(&facts));
        if !is_watched || Reports::of(&directory) != Reports::Everything {
            patrol.add(path, now);
        }
        let mut names = Vec::new();
        if let Err(errno) = read(directory, &mut names) {
            log::debug!("live: a directory cannot be read: {errno}");
        }
        for (name, file_type) in names {
            let file = [path, &*name].concat();
            let leads_to = match file_type {
                FileType::Symlink | FileType::Unknown => self.follow(root, &file),
                file_type => file_type,
            };
            if leads_to == FileType::Directory {
                self.push_pending([&*file, b"/"].concat(), *content);
            } else if *content == Content::New {
                changes.push(Change::Path(file.into(), Kind::Written));
            }
        }
    }

    /// Watches a directory. Returns `false` if the kernel refuses.
    fn watch(&mut self, directory: &OwnedFd, id: FileId) -> bool {
        let Some(inotify) = &self.inotify else {
            return false;
        };
        let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
        match inotify::add_watch(inotify, path, WATCHED) {
            Ok(watch) => {
                self.watches.insert(watch, id);
                if let Some(directory) = self.directories.get_mut(&id) {
                    directory.watch = Some(watch);
                }
                true
            }
            Err(Errno::NOSPC) => {
                self.tell_limit("fs.inotify.max_user_watches", Errno::NOSPC);
                false
            }
            Err(errno) => {
                log::debug!("live: a directory cannot be watched: {errno}");
                false
            }
        }
    }

    fn tell_limit(&mut self, limit: &str, errno: Errno) {
        if std::mem::replace(&mut self.has_reported_limit, true) {
            return;
        }
        log::warn!(
            "live: the limit on watched directories is reached ({errno}), so the others are \
             checked every second; raise {limit} with sysctl"
        );
    }

    /// Resolves a symbolic link. Changes of its target count as changes of the link, too.
    fn follow(&mut self, root: &Root, path: &[u8]) -> FileType {
        self.links.remove(path);
        let Ok(name) = CString::new(path) else {
            return FileType::Unknown;
        };
        let Ok(facts) = root.look_beneath(&name) else {
            return FileType::Unknown;
        };
        let file_type = FileType::from_raw_mode(facts.stx_mode.into());
        if file_type == FileType::RegularFile
            && let Some(real) = root.real_path_beneath(&name)
            && *real != *path
        {
            self.links.insert(path, &real);
        }
        file_type
    }

    /// Reads kernel events. Returns `true` if there may be more.
    pub(super) fn read_events(&mut self, root: &Root, changes: &mut Vec<Change>) -> bool {
        let Some(inotify) = self.inotify.take() else {
            return false;
        };
        let mut buffer = [MaybeUninit::uninit(); EVENTS_BYTES];
        let mut reader = Reader::new(&inotify, &mut buffer);
        let mut count = 0;
        // Events left in the buffer would be lost.
        while (count < EVENTS_A_TURN || !reader.is_buffer_empty())
            && let Ok(event) = reader.next()
        {
            count += 1;
            let name = event.file_name().map(|name| name.to_bytes().to_vec());
            self.note(root, event.wd(), event.events(), name.as_deref(), changes);
        }
        self.inotify = Some(inotify);
        count >= EVENTS_A_TURN
    }

    fn note(
        &mut self,
        root: &Root,
        watch: i32,
        events: ReadFlags,
        name: Option<&[u8]>,
        changes: &mut Vec<Change>,
    ) {
        if events.intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::UNMOUNT) {
            changes.push(Change::Everything);
            // Directories may have come.
            self.read_all();
            return;
        }
        if events.contains(ReadFlags::IGNORED) {
            if let Some(directory) = self.watches.remove(&watch) {
                self.directories.remove(&directory);
            }
            return;
        }
        let Some(name) = name.filter(|name| !is_left_out(name)) else {
            return;
        };
        let directory = self.watches.get(&watch);
        let directory = directory.and_then(|id| self.directories.get(id));
        let paths = directory.map_or(&[][..], |directory| &directory.paths);
        let paths: Vec<_> = paths.iter().map(|path| [path, name].concat()).collect();
        let has_come = events.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
        let has_gone = events.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM);
        for path in paths {
            if events.contains(ReadFlags::ISDIR) {
                let path = [&*path, b"/"].concat();
                if has_come {
                    changes.push(Change::Path(path.clone().into(), Kind::Written));
                    self.push_pending(path, Content::New);
                } else if has_gone {
                    self.forget(&path);
                    changes.push(Change::Path(path.into(), Kind::Removed));
                }
                continue;
            }
            if has_come && self.follow(root, &path) == FileType::Directory {
                self.push_pending([&*path, b"/"].concat(), Content::New);
            } else if has_gone {
                self.links.remove(&path);
            }
            let kind = if has_gone {
                Kind::Removed
            } else if events.contains(ReadFlags::MODIFY) {
                Kind::Writing
            } else if events.contains(ReadFlags::CREATE) && is_new_file(root, &path) {
                // Its writer has it open.
                Kind::Writing
            } else if events.contains(ReadFlags::ATTRIB) {
                Kind::Touched
            } else {
                Kind::Written
            };
            let all = self
                .links
                .to(&path)
                .iter()
                .cloned()
                .chain([path.clone().into()]);
            changes.extend(all.map(|path| Change::Path(path, kind)));
        }
    }

    /// Forgets the directories at paths that no longer lead to them.
    fn forget(&mut self, path: &[u8]) {
        self.links.remove_in(path);
        let Self {
            inotify,
            watches,
            directories,
            ..
        } = self;
        directories.retain(|_, directory| {
            directory.paths.retain(|it| !it.starts_with(path));
            if !directory.paths.is_empty() {
                return true;
            }
            if let Some(watch) = directory.watch {
                watches.remove(&watch);
                if let Some(inotify) = inotify {
                    // The watch of a removed directory is gone already.
                    let _ = inotify::remove_watch(inotify, watch);
                }
            }
            false
        });
    }
}

/// Returns `true` if a name was just created by a program that is about to write to it: that of an
/// empty regular file without other names.
fn is_new_file(root: &Root, path: &[u8]) -> bool {
    let Ok(path) = CString::new(path) else {
        return false;
    };
    root.look(&path).is_ok_and(|facts| {
        FileType::from_raw_mode(facts.stx_mode.into()) == FileType::RegularFile
            && facts.stx_nlink == 1
            && facts.stx_size == 0
    })
}

/// Changes of a name in a directory, or of the file with that name. Reading is not reported.
const WATCHED: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::ONLYDIR);

/// The most paths to one directory. If links form a circle, there are infinitely many.
const PATHS_MAX: usize = 4;

/// The time for adding directories in one turn of the loop, so that requests are answered in the
/// meantime.
const ADDING_TURN: Duration = Duration::from_millis(2);

/// Some hundred events, read in one call.
const EVENTS_BYTES: usize = 16 * 1024;

/// The most events that are read in one turn of the loop.
const EVENTS_A_TURN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    /// A watched directory.
    struct Watched {
        path: PathBuf,
        root: Root,
        tree: Tree,
    }

    impl Watched {
        fn new(name: &str) -> Self {
            let name = format!("millpond-tree-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(path.join("old")).unwrap();
            fs::write(path.join("a"), "").unwrap();
            let mut watched = Self {
                root: Root::open(&path).unwrap(),
                tree: Tree::default(),
                path,
            };
            watched.tree.restart();
            watched.settle();
            watched
        }

        /// Adds all pending directories.
        fn settle(&mut self) {
            let (mut patrol, now) = (Patrol::default(), Instant::now());
            while self.tree.has_pending() {
                self.tree
                    .advance(&self.root, &mut patrol, now, &mut Vec::new());
            }
        }

        /// Returns the paths that have changed.
        fn changes(&mut self) -> Vec<String> {
            let mut changes = Vec::new();
            self.tree.read_events(&self.root, &mut changes);
            let paths = changes.iter().map(|change| match change {
                Change::Path(path, _) => String::from_utf8_lossy(path).into_owned(),
                other => panic!("{other:?}"),
            });
            let mut paths: Vec<_> = paths.collect();
            paths.sort();
            paths.dedup();
            paths
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            // The directory is meant for temporary files.
            let _ = fs::remove_dir_all(&self.path);
        }
    }

    #[test]
    fn directories_that_came_with_lost_events_are_watched() {
        let mut watched = Watched::new("lost");
        fs::create_dir_all(watched.path.join("old/new/deep")).unwrap();
        // These events are lost.
        watched.tree.read_events(&watched.root, &mut Vec::new());
        watched.tree.pending.clear();
        let mut changes = Vec::new();
        let (tree, root) = (&mut watched.tree, &watched.root);
        for _ in 0..2 {
            tree.note(root, -1, ReadFlags::QUEUE_OVERFLOW, None, &mut changes);
        }
        assert_eq!(changes, [Change::Everything, Change::Everything]);
        assert_eq!(tree.pending.len(), 1);
        watched.settle();
        for file in ["a", "old/b", "old/new/deep/c"] {
            fs::write(watched.path.join(file), "changed").unwrap();
            assert_eq!(watched.changes(), [file]);
        }
    }

    #[test]
    fn a_file_does_not_change_with_a_link_that_is_gone() {
        let mut watched = Watched::new("link");
        symlink("a", watched.path.join("gone")).unwrap();
        symlink("a", watched.path.join("turned")).unwrap();
        symlink("../a", watched.path.join("old/link")).unwrap();
        assert_eq!(watched.changes(), ["gone", "old/link", "turned"]);
        fs::write(watched.path.join("a"), "1").unwrap();
        assert_eq!(watched.changes(), ["a", "gone", "old/link", "turned"]);
        fs::remove_file(watched.path.join("gone")).unwrap();
        fs::remove_file(watched.path.join("turned")).unwrap();
        symlink("b", watched.path.join("turned")).unwrap();
        fs::rename(watched.path.join("old"), watched.path.join("moved")).unwrap();
        watched.changes();
        fs::write(watched.path.join("a"), "2").unwrap();
        assert_eq!(watched.changes(), ["a"]);
    }
}

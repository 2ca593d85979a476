//! The path of the root, and the directory that it leads to. A build may remove that directory and
//! make another one, move another one into its place, or swap a symbolic link.
//!
//! The path is compared with the directory that is served:
//!
//! - at once, before any later request, if the kernel reports a move or a swapped link (see
//!   [`RootEvents`]);
//! - at once, where a file is missing;
//! - twice a second while there are requests, since some file systems report nothing;
//! - in each tick with a request, while there is no directory.

use super::directory::{self, FileId, Root, Sight, is_missing};
use super::events::RootEvents;
use super::link_targets::LinkTargets;
use crate::site::lookup_time::LookupTime;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The path of the root, followed from one directory to the next.
#[derive(Debug)]
pub(crate) struct RootPath {
    path: PathBuf,
    /// The directories outside of the root that symbolic links may lead to.
    links: LinkTargets,
    /// The directory that is served, or `None` while it is lost. Then only responses in progress
    /// hold descriptors beneath it, so its file system can be unmounted after them.
    root: Option<Rc<Root>>,
    /// `true` if a link count of 0 means that a directory was removed.
    has_link_counts: bool,
    /// `None` if the kernel refuses them.
    events: Option<RootEvents>,
    /// The time of the next comparison of the path, even if nothing is reported.
    comparison_due: Instant,
    /// The last tick in which a request compared it.
    compared_in: u64,
    /// The reason why the path could not be followed at the last comparison.
    obstacle: Option<Obstacle>,
    /// The obstacle that was logged, and whether it made the root unavailable. Each is logged once,
    /// when a request meets it: a root that is replaced between two requests needs no warning.
    reported: Option<(Obstacle, bool)>,
}

/// The reason why the path cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// Nothing is at the path.
    Missing,
    /// The path leads to a mount of a removed directory.
    Removed,
    /// The path leads to another directory, which the sandbox does not allow.
    Outside(FileId),
    /// It cannot be opened.
    Failed(Option<i32>),
}

impl RootPath {
    /// Opens the directory at an absolute path.
    pub(crate) fn open(path: PathBuf, links: LinkTargets, now: Instant) -> io::Result<Self> {
        let root = Root::open(&path)?.with_links(&links);
        let mut root_path = Self {
            path,
            links,
            has_link_counts: root.has_link_count(),
            root: Some(Rc::new(root)),
            events: RootEvents::open(),
            comparison_due: now + COMPARISON_INTERVAL,
            compared_in: 0,
            obstacle: None,
            reported: None,
        };
        root_path.watch_and_compare(now);
        Ok(root_path)
    }

    /// Creates a path that serves nothing until it leads to a directory. `error` is the reason,
    /// which is already known.
    pub(crate) fn lost(path: PathBuf, links: LinkTargets, error: &io::Error, now: Instant) -> Self {
        let obstacle = Obstacle::of(error);
        let mut root_path = Self {
            path,
            links,
            has_link_counts: false,
            root: None,
            events: RootEvents::open(),
            comparison_due: now,
            compared_in: 0,
            obstacle: Some(obstacle),
            reported: Some((obstacle, true)),
        };
        root_path.watch_and_compare(now);
        root_path
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the served directory.
    pub(crate) fn root(&self) -> Option<&Rc<Root>> {
        self.root.as_ref()
    }

    /// Returns a descriptor that becomes readable when the path may lead to another directory.
    pub(crate) fn events(&self) -> Option<BorrowedFd<'_>> {
        self.events.as_ref().map(RootEvents::descriptor)
    }

    /// Returns `true` if a request has to call [`follow`](Self::follow).
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.comparison_due
    }

    /// Compares the path for a request, once per tick. Returns `true` if another directory, or
    /// none, is served from now on.
    pub(crate) fn follow(&mut self, moment: &LookupTime) -> bool {
        if self.compared_in == moment.tick {
            return false;
        }
        self.compared_in = moment.tick;
        let has_changed = self.compare(moment.now);
        self.report();
        has_changed
    }

    /// Compares the path if there are kernel events. Returns `true` if another directory, or none, is
    /// served from now on.
    pub(crate) fn follow_events(&mut self, now: Instant) -> bool {
        let is_any = self.events.as_mut().is_some_and(RootEvents::discard);
        is_any && self.watch_and_compare(now)
    }

    fn watch_and_compare(&mut self, now: Instant) -> bool {
        if let Some(events) = &mut self.events {
            // Another link may lead to the same directory. Later changes are reported.
            events.watch(&self.path);
        }
        self.compare(now)
    }

    fn compare(&mut self, now: Instant) -> bool {
        let has_changed = match self.root.as_ref().map(|root| self.sight(root)) {
            Some(Sight::Same) => {
                (self.obstacle, self.reported) = (None, None);
                false
            }
            Some(Sight::NamelessMount) => self.lose(Obstacle::Removed),
            Some(Sight::Nameless | Sight::Other) => self.open_again(),
            None => !directory::is_nowhere(&self.path) && self.open_again(),
        };
        self.comparison_due = match &self.root {
            Some(_) => now + COMPARISON_INTERVAL,
            None => now,
        };
        has_changed
    }

    fn open_again(&mut self) -> bool {
        let obstacle = match self.open_in_place() {
            Ok(root) if root.is_outside_sandbox() => Obstacle::Outside(root.file_id()),
            Ok(root) => return self.serve(root),
            Err(obstacle) => obstacle,
        };
        match &self.root {
            // The directory that a link led to before is still there, and is still served.
            Some(root) if obstacle != Obstacle::Missing && root.is_in_place() => {
                self.obstacle = Some(obstacle);
                false
            }
            _ => self.lose(obstacle),
        }
    }

    /// Opens the directory that the path leads to, watches the path, and checks that it still leads
    /// there: the directory may have been removed or replaced before the path was watched.
    fn open_in_place(&mut self) -> Result<Root, Obstacle> {
        for _ in 0..ATTEMPTS_MAX {
            let root = Root::open(&self.path).map_err(|error| Obstacle::of(&error))?;
            let root = root.with_links(&self.links);
            if let Some(events) = &mut self.events {
                events.watch(&self.path);
            }
            match self.sight(&root) {
                Sight::Same => return Ok(root),
                Sight::NamelessMount => return Err(Obstacle::Removed),
                Sight::Nameless | Sight::Other => {}
            }
        }
        Err(Obstacle::Missing)
    }

    fn sight(&self, root: &Root) -> Sight {
        match root.compare() {
            Sight::Nameless | Sight::NamelessMount if !self.has_link_counts => Sight::Same,
            sight => sight,
        }
    }

    fn serve(&mut self, root: Root) -> bool {
        let is_new = self.root.as_ref().map(|root| root.file_id()) != Some(root.file_id());
        if is_new {
            let path = self.path.display();
            if self.root.is_none() && self.reported.is_some() {
                log::info!("the root {path} is available again");
            } else {
                log::info!("the root {path} is now another directory");
            }
            self.has_link_counts |= root.has_link_count();
            self.root = Some(Rc::new(root));
        }
        (self.obstacle, self.reported) = (None, None);
        is_new
    }

    /// Serves nothing until the path leads to a directory again.
    fn lose(&mut self, obstacle: Obstacle) -> bool {
        let was_there = self.root.take().is_some();
        // The root was lost before.
        if was_there || obstacle != Obstacle::Missing {
            self.obstacle = Some(obstacle);
        }
        was_there
    }

    fn report(&mut self) {
        let is_lost = self.root.is_none();
        let news = self.obstacle.map(|obstacle| (obstacle, is_lost));
        let Some((obstacle, _)) = news.filter(|_| self.reported != news) else {
            return;
        };
        self.reported = news;
        let path = self.path.display();
        let outcome = if is_lost {
            "requests get 503 until it is back"
        } else {
            "the previous one is still served"
        };
        log::warn!("the root {path} {obstacle}; {outcome}");
    }
}

impl Obstacle {
    fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) if is_missing(Errno::from_raw_os_error(code)) => Self::Missing,
            code => Self::Failed(code),
        }
    }
}

/// The end of a message that begins with "the root /srv/www", and what to do.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is gone; it is served again as soon as it is back"),
            Self::Removed => f.write_str(
                "is a mount of a directory that was removed, and what took its place cannot be \
                 reached by it; mount it again and restart, or mount the directory above",
            ),
            Self::Outside(_) => f.write_str(
                "is now another directory, which is outside of the sandbox; restart to \
                 serve it",
            ),
            Self::Failed(code) => {
                f.write_str("leads to a directory that cannot be opened")?;
                code.map_or(Ok(()), |code| {
                    write!(f, ": {}", io::Error::from_raw_os_error(code))
                })
            }
        }
    }
}

/// So a new release is served within a second, even if the kernel reports nothing.
const COMPARISON_INTERVAL: Duration = Duration::from_millis(500);

/// The number of times that a path is opened if it leads to another directory each time. After
/// that, the next request tries again.
const ATTEMPTS_MAX: usize = 3;

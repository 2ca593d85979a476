//! The path of the root, and the directory that it leads to: a build may remove that and make
//! another one, move another one into its place, or swap a symbolic link.
//!
//! When the path is compared with the directory that is served:
//!
//! - at once, before any request that was sent after it, where the kernel reports a move or a swapped
//!   link (see [`RootEvents`]);
//! - at once, where a file turns out to be missing;
//! - twice a second, as long as there are requests: some file systems report nothing;
//! - in each tick that has a request, while there is no directory.

use super::Moment;
use super::root::{self, Identity, Root, Sight, is_missing};
use super::root_events::RootEvents;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The root's path, followed from one directory to the next.
#[derive(Debug)]
pub(super) struct RootPath {
    path: PathBuf,
    /// What is served; `None` while it is lost. No descriptor beneath the directory before is held
    /// then, but for those that are sent from: what it was on can be unmounted.
    root: Option<Rc<Root>>,
    /// Whether no name left means that a directory was removed.
    has_link_counts: bool,
    /// `None` where the kernel lets us have none.
    events: Option<RootEvents>,
    /// From when on the path is compared though nothing was reported.
    comparison_due: Instant,
    /// The last tick in which it was compared because of a request.
    compared_in: u64,
    /// Why the path could not be followed when it was last compared.
    obstacle: Option<Obstacle>,
    /// The one that was logged, and whether the root was lost by it: each is logged once, and when a
    /// request meets it. A root that is replaced between two requests is worth no warning.
    reported: Option<(Obstacle, bool)>,
}

/// Why what the path leads to is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// It leads nowhere.
    Missing,
    /// It leads to a mount of a directory that was removed.
    Removed,
    /// It leads to another directory, which the sandbox does not allow.
    Outside(Identity),
    /// It leads to what cannot be opened.
    Failed(Option<i32>),
}

impl RootPath {
    /// Opens the directory that an absolute path leads to.
    pub(super) fn open(path: PathBuf, now: Instant) -> io::Result<Self> {
        let root = Root::open(&path)?;
        let mut root_path = Self {
            path,
            has_link_counts: root.has_link_count(),
            root: Some(Rc::new(root)),
            events: RootEvents::open(),
            comparison_due: now + COMPARISON_INTERVAL,
            compared_in: 0,
            obstacle: None,
            reported: None,
        };
        root_path.follow_events(now);
        Ok(root_path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that is served.
    pub(super) fn root(&self) -> Option<&Rc<Root>> {
        self.root.as_ref()
    }

    /// Becomes readable when the path may lead elsewhere.
    pub(super) fn events(&self) -> Option<BorrowedFd<'_>> {
        self.events.as_ref().map(RootEvents::descriptor)
    }

    /// Whether a request has to [`follow`](Self::follow).
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.comparison_due
    }

    /// Compares the path for a request, once a tick: whether another directory, or none, is served
    /// from now on.
    pub(super) fn follow(&mut self, moment: &Moment) -> bool {
        if self.compared_in == moment.tick {
            return false;
        }
        self.compared_in = moment.tick;
        let has_changed = self.compare(moment.now);
        self.report();
        has_changed
    }

    /// The same, after the kernel has reported something.
    pub(super) fn follow_events(&mut self, now: Instant) -> bool {
        if let Some(events) = &mut self.events {
            events.discard();
            // There may be another link, to the same directory. What changes after that is reported.
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
            None => !root::is_nowhere(&self.path) && self.open_again(),
        };
        self.comparison_due = match &self.root {
            Some(_) => now + COMPARISON_INTERVAL,
            None => now,
        };
        has_changed
    }

    fn open_again(&mut self) -> bool {
        let obstacle = match self.open_in_place() {
            Ok(root) if root.is_outside_sandbox() => Obstacle::Outside(root.identity()),
            Ok(root) => return self.serve(root),
            Err(obstacle) => obstacle,
        };
        match &self.root {
            // What a link led to before is still there, and the operator is told that it is served.
            Some(root) if obstacle != Obstacle::Missing && root.is_in_place() => {
                self.obstacle = Some(obstacle);
                false
            }
            _ => self.lose(obstacle),
        }
    }

    /// Opens the directory that the path leads to, watches the way, and makes sure that the path
    /// still leads there: another one may have been removed while it was opened, or have come into
    /// its place before that was watched.
    fn open_in_place(&mut self) -> Result<Root, Obstacle> {
        for _ in 0..ATTEMPTS_MAX {
            let root = Root::open(&self.path).map_err(|error| Obstacle::of(&error))?;
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
        let is_new = self.root.as_ref().map(|root| root.identity()) != Some(root.identity());
        if is_new {
            let path = self.path.display();
            if self.root.is_none() && self.reported.is_some() {
                log::info!("the root {path} is there again");
            } else {
                log::info!("the root {path} leads to another directory now");
            }
            self.root = Some(Rc::new(root));
        }
        (self.obstacle, self.reported) = (None, None);
        is_new
    }

    /// Serves nothing until the path leads to a directory again.
    fn lose(&mut self, obstacle: Obstacle) -> bool {
        let was_there = self.root.take().is_some();
        // That there is still nothing is no news.
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
            "requests get 503 until then"
        } else {
            "the one before is served on"
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

/// What stands behind "the root /srv/www", and what is to be done.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is gone; it is served again as soon as it is back"),
            Self::Removed => f.write_str(
                "is a mount of a directory that was removed, and what took its place cannot be \
                 reached by it; mount it again and restart, or mount the directory above",
            ),
            Self::Outside(_) => f.write_str(
                "leads to another directory now, which is outside of the sandbox; restart to \
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

/// A new release is to be served within a second, whatever the kernel reports.
const COMPARISON_INTERVAL: Duration = Duration::from_millis(500);

/// How often a path is opened that leads elsewhere each time; then the next request finds out.
const ATTEMPTS_MAX: usize = 3;

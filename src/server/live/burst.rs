//! Deciding when a burst of changes is over. Pure: the caller passes the time.
//!
//! A saved page should reload at once, and a build that writes for seconds should reload pages
//! once, at its end. Nothing shows to which of them a change belongs. So the pause that ends a
//! burst depends on the changes so far:
//!
//! | the burst | ends after |
//! | --- | --- |
//! | one file, and files that came and went | 50 ms |
//! | up to nine files | 100 ms, or three of the longest pauses so far, or a quarter of its length |
//! | more files | the same, but 250 ms at least |
//! | a file in it is still open for writing | 2 s, or when it is closed |
//! | a page in it was removed, and has not come back | 2 s |
//! | the root is gone | when it is back |
//!
//! Pauses count up to 300 ms, and lengths only so far that no burst waits for more than a second.
//! If a burst turns out to have ended too early, the next one that begins with the same files waits
//! longer. No burst is delayed for more than 30 s. A file that is written again and again for some
//! seconds, such as a log, delays none until a minute after its last change.

use crate::site::{Change, Kind};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Changes that belong together.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    files: BTreeMap<Box<[u8]>, File>,
    is_everything: bool,
    is_root_lost: bool,
    /// The times of the first and the last change.
    span: Option<(Instant, Instant)>,
    longest_pause: Duration,
    /// The time at which the burst is over if nothing else happens.
    due: Option<Instant>,
    /// Files that are written all the time, and their last changes.
    noisy: BTreeMap<Box<[u8]>, Instant>,
    /// The time to wait for further changes after one of these files has changed.
    learned: BTreeMap<Box<[u8]>, Duration>,
    last: Option<Last>,
}

/// The last burst that has ended.
#[derive(Debug)]
struct Last {
    over: Instant,
    files: Vec<Box<[u8]>>,
    /// `true` if there was a change after a pause that would end a burst of a single file.
    had_pause: bool,
}

#[derive(Clone, Copy, Debug)]
struct File {
    kind: Kind,
    count: u32,
    /// The time of its first change in the burst.
    since: Instant,
    /// `true` if the file existed before the burst, as far as the burst shows.
    was_there: bool,
}

/// A burst that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The changed paths, relative to the root. `None` if anything may have changed.
    pub(crate) paths: Option<Vec<Box<[u8]>>>,
    /// The time at which the last change was noticed.
    pub(crate) changed: Instant,
}

impl Burst {
    /// Adds changes that were noticed at this time.
    pub(crate) fn note(&mut self, changes: impl IntoIterator<Item = Change>, now: Instant) {
        let mut changes = changes.into_iter().peekable();
        if changes.peek().is_none() {
            return;
        }
        for change in changes {
            self.note_one(change, now);
        }
        self.due = self.end();
    }

    fn note_one(&mut self, change: Change, now: Instant) {
        if self.span.is_none() {
            let is_noisy = |last: Instant| now.saturating_duration_since(last) < NOISY_FOR;
            self.noisy.retain(|_, last| is_noisy(*last));
        }
        let path = match &change {
            Change::Path(path, _) => Some(path.clone()),
            Change::Everything | Change::RootLost => None,
        };
        let is_noise = match change {
            Change::Everything => {
                // Changes in another root are irrelevant for this one.
                self.files.clear();
                self.is_everything = true;
                self.is_root_lost = false;
                false
            }
            Change::RootLost => {
                self.is_everything = true;
                self.is_root_lost = true;
                false
            }
            Change::Path(path, kind) => self.note_path(&path, kind, now),
        };
        match &mut self.span {
            None => {
                self.span = Some((now, now));
                self.learn(path.as_deref(), now);
            }
            Some(_) if is_noise => {}
            Some((_, last)) => {
                let pause = now.saturating_duration_since(*last);
                self.longest_pause = self.longest_pause.max(pause);
                *last = now;
            }
        }
    }

    /// Returns `true` if the file is written all the time.
    fn note_path(&mut self, path: &[u8], kind: Kind, now: Instant) -> bool {
        if self.files.len() >= PATHS_MAX && !self.files.contains_key(path) {
            self.is_everything = true;
            return false;
        }
        let file = self.files.entry(path.into()).or_insert(File {
            kind,
            count: 0,
            since: now,
            was_there: kind == Kind::Removed,
        });
        file.count += 1;
        // A file whose permissions change while it is open is still open.
        if !(kind == Kind::Touched && file.kind == Kind::Writing) {
            file.kind = kind;
        }
        if let Some(last) = self.noisy.get_mut(path) {
            *last = now;
            return true;
        }
        let is_noisy = file.count > CHANGES_MAX
            && now.saturating_duration_since(file.since) >= NOISY_AFTER
            && self.noisy.len() < NOISY_MAX;
        if is_noisy {
            self.noisy.insert(path.into(), now);
        }
        is_noisy
    }

    /// Learns from a burst that begins with another file right after the last one: they belong
    /// together, so the last one ended too early.
    fn learn(&mut self, path: Option<&[u8]>, now: Instant) {
        let Some(last) = self.last.take() else {
            return;
        };
        let pause = now.saturating_duration_since(last.over);
        let is_again = last.files.iter().any(|file| Some(&**file) == path);
        let is_early = pause <= EARLY && !is_again && self.noisy.is_empty();
        for file in last.files {
            if !is_early && !last.had_pause {
                self.learned.remove(&file);
            } else if is_early && self.learned.len() < LEARNED_MAX {
                let before = self.learned.get(&file).copied().unwrap_or(ONE_FILE);
                let wait = (before + pause * 3 / 2).min(LEARNED_WAIT_MAX);
                self.learned.insert(file, wait);
            }
        }
    }

    /// Returns the time at which the burst is over if nothing else happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    fn end(&self) -> Option<Instant> {
        let (first, last) = self.span?;
        if self.is_root_lost {
            return None;
        }
        Some((last + self.quiet(last - first)).min(first + BURST_MAX))
    }

    /// Returns the pause that ends the burst, given its length.
    fn quiet(&self, length: Duration) -> Duration {
        let (mut count, mut learned) = (0, Duration::ZERO);
        for (path, file) in &self.files {
            // Files that were created and removed again do not count: editors make some when they
            // save.
            let is_passing = file.kind == Kind::Removed && !file.was_there;
            if is_passing || self.noisy.contains_key(path) {
                continue;
            }
            let is_open = file.kind == Kind::Writing && !is_log(path);
            let is_page_gone = file.kind == Kind::Removed && is_page(path);
            if is_open || is_page_gone {
                return UNFINISHED;
            }
            count += 1;
            learned = learned.max(self.learned.get(path).copied().unwrap_or_default());
        }
        let least = match count {
            0 | 1 if !self.is_everything => return ONE_FILE.max(learned),
            0..=FEW_FILES_MAX => FEW_FILES,
            _ => MANY_FILES,
        };
        let pauses = self.longest_pause.min(PAUSE_MAX) * 3;
        let length = (length / 4).min(LONGEST_WAIT);
        least.max(pauses).max(length).max(learned)
    }

    /// Returns the burst if it is over.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Batch> {
        if self.due.is_none_or(|due| now < due) {
            return None;
        }
        self.due = None;
        let (_, changed) = self.span.take()?;
        let files = std::mem::take(&mut self.files);
        let paths: Vec<_> = files.into_keys().collect();
        let is_everything = std::mem::take(&mut self.is_everything);
        let longest_pause = std::mem::take(&mut self.longest_pause);
        self.last = Some(Last {
            over: now,
            files: paths.iter().take(BEGUN_WITH_MAX).cloned().collect(),
            had_pause: longest_pause >= ONE_FILE,
        });
        Some(Batch {
            paths: (!is_everything).then_some(paths),
            changed,
        })
    }
}

fn is_page(path: &[u8]) -> bool {
    path.ends_with(b".html") || path.ends_with(b".htm")
}

/// Returns `true` for a file that programs keep open.
fn is_log(path: &[u8]) -> bool {
    path.ends_with(b".log")
}

/// Editors need some milliseconds to save a file, whatever method they use.
const ONE_FILE: Duration = Duration::from_millis(50);
const FEW_FILES: Duration = Duration::from_millis(100);
const MANY_FILES: Duration = Duration::from_millis(250);
const FEW_FILES_MAX: usize = 9;

/// A busy build does not pause this long between files, or three times as long between two of its
/// steps.
const PAUSE_MAX: Duration = Duration::from_millis(300);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The time to wait for unfinished changes.
const UNFINISHED: Duration = Duration::from_secs(2);

/// The longest delay of a burst.
const BURST_MAX: Duration = Duration::from_secs(30);

/// No person saves another file so soon after the last one.
const EARLY: Duration = Duration::from_millis(200);
const LEARNED_WAIT_MAX: Duration = Duration::from_millis(500);
const LEARNED_MAX: usize = 256;
const BEGUN_WITH_MAX: usize = 16;

/// A file that changes more often than this, and for longer, in one burst is written all the time.
/// Writing a large file makes many changes, too, but takes less time.
const CHANGES_MAX: u32 = 20;
const NOISY_AFTER: Duration = Duration::from_secs(5);

/// The time without changes after which a file is no longer written all the time.
const NOISY_FOR: Duration = Duration::from_mins(1);
const NOISY_MAX: usize = 64;

/// With more paths than this, all pages reload, and the others are not kept.
const PATHS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays changes at times in milliseconds. Returns the times at which bursts are over, and
    /// their files.
    fn play_on(burst: &mut Burst, start: Instant, script: &[(u64, &str)]) -> Vec<(u64, String)> {
        let mut script = script.iter().peekable();
        let (mut over, mut millisecond) = (Vec::new(), 0);
        loop {
            let now = start + Duration::from_millis(millisecond);
            while let Some((_, what)) = script.next_if(|(at, _)| *at == millisecond) {
                burst.note([change(what)], now);
            }
            if let Some(batch) = burst.take(now) {
                let paths = batch.paths.map_or("*".to_owned(), |paths| {
                    let paths = paths
                        .iter()
                        .map(|it| String::from_utf8_lossy(it).into_owned());
                    paths.collect::<Vec<_>>().join(" ")
                });
                over.push((millisecond, paths));
            }
            let due = burst
                .due()
                .map(|due| u64::try_from((due - start).as_micros().div_ceil(1000)).unwrap());
            let next = script.peek().map(|(at, _)| *at);
            match [due, next].into_iter().flatten().min() {
                Some(next) => millisecond = next,
                None => return over,
            }
        }
    }

    fn play(script: &[(u64, &str)]) -> Vec<(u64, String)> {
        play_on(&mut Burst::default(), Instant::now(), script)
    }

    /// Returns the change for `+a` (written), `~a` (being written), `%a` (touched), `-a` (removed),
    /// `*` (everything) or `!` (the loss of the root).
    fn change(what: &str) -> Change {
        let (sign, path) = what.split_at(1);
        let kind = match sign {
            "*" => return Change::Everything,
            "!" => return Change::RootLost,
            "+" => Kind::Written,
            "~" => Kind::Writing,
            "%" => Kind::Touched,
            _ => Kind::Removed,
        };
        Change::Path(path.as_bytes().into(), kind)
    }

    #[track_caller]
    fn check(script: &[(u64, &str)], expected: &[(u64, &str)]) {
        let played = play(script);
        let played: Vec<_> = played.iter().map(|(at, it)| (*at, &**it)).collect();
        assert_eq!(played, expected, "{script:?}");
    }

    #[test]
    fn a_saved_file_is_over_soon_however_an_editor_saves_it() {
        check(&[(0, "+a.html")], &[(50, "a.html")]);
        // Truncating and writing.
        check(
            &[(0, "~a.html"), (3, "~a.html"), (5, "+a.html")],
            &[(55, "a.html")],
        );
        // Writing another file and renaming it over the old one.
        check(
            &[(0, "~a.tmp"), (2, "+a.tmp"), (3, "-a.tmp"), (3, "+a.html")],
            &[(53, "a.html a.tmp")],
        );
        // Keeping a backup, as vim does.
        check(
            &[
                (0, "+4913"),
                (0, "-4913"),
                (1, "-a.html"),
                (1, "+a.html~"),
                (2, "~a.html"),
                (4, "+a.html"),
                (4, "%a.html"),
                (5, "-a.html~"),
            ],
            &[(55, "4913 a.html a.html~")],
        );
    }

    #[test]
    fn a_file_that_is_written_slowly_is_waited_for_until_it_is_closed() {
        check(
            &[(0, "~a"), (900, "~a"), (950, "%a"), (1800, "+a")],
            &[(1850, "a")],
        );
        // A file that is never closed is waited for until there are no changes.
        check(&[(0, "~a"), (500, "~a")], &[(2500, "a")]);
    }

    #[test]
    fn a_build_is_over_once() {
        for (files, pause) in [(200, 10), (200, 25), (100, 55), (20, 5), (60, 100)] {
            let names: Vec<_> = (0..files).map(|n| format!("+{n}.html")).collect();
            let times = (0..).step_by(pause);
            let script: Vec<_> = times.zip(names.iter().map(String::as_str)).collect();
            let script = [&[(0, "+dist/")], &script[..]].concat();
            let over = play(&script);
            assert_eq!(over.len(), 1, "{files} {pause}: {over:?}");
        }
    }

    #[test]
    fn a_build_that_removes_first_is_waited_for() {
        check(
            &[
                (0, "-a.html"),
                (0, "-b.css"),
                (1500, "+a.html"),
                (1520, "+c.css"),
            ],
            &[(1520 + 900, "a.html b.css c.css")],
        );
        // A page that is really gone.
        check(&[(0, "-a.html")], &[(2000, "a.html")]);
        // A removed file that is not a page delays nothing.
        check(&[(0, "-a.1.js"), (0, "+a.2.js")], &[(100, "a.1.js a.2.js")]);
    }

    #[test]
    fn a_lost_root_is_waited_for() {
        check(&[(0, "!"), (20_000, "*"), (20_010, "+a")], &[(21_010, "*")]);
        check(&[(0, "!")], &[]);
        check(&[(0, "*")], &[(100, "*")]);
    }

    #[test]
    fn too_many_changes_count_as_a_change_of_everything() {
        let names: Vec<_> = (0..=PATHS_MAX).map(|n| format!("+{n}")).collect();
        let script: Vec<_> = names.iter().map(|name| (0, name.as_str())).collect();
        check(&script, &[(250, "*")]);
    }

    #[test]
    fn a_log_delays_nothing_for_long() {
        let log = (0..20_000).step_by(30).map(|at| (at, "~access"));
        let mut script: Vec<_> = log.chain([(10_000, "+a.html")]).collect();
        script.sort_unstable();
        let over = play(&script);
        let page = over.iter().find(|(_, it)| it.contains("a.html")).unwrap();
        assert!((10_000..10_150).contains(&page.0), "{over:?}");
        // Nothing is delayed for ever.
        let names: Vec<_> = (0..2000).map(|n| format!("+{n}")).collect();
        let all = (0..).step_by(25).zip(names.iter().map(String::as_str));
        let over = play(&all.collect::<Vec<_>>());
        assert_eq!(over.first().map(|it| it.0), Some(30_000));
    }

    #[test]
    fn a_large_file_is_waited_for_however_many_writes_it_takes() {
        let writes = (0..=200).step_by(2).map(|at| (at, "~bundle.js"));
        let rest = [(1000, "~bundle.js"), (1500, "+bundle.js")];
        let script: Vec<_> = writes.chain(rest).collect();
        let mut burst = Burst::default();
        let start = Instant::now();
        for second in [0, 10] {
            let over = play_on(&mut burst, start + Duration::from_secs(second), &script);
            assert_eq!(over, [(1550, "bundle.js".to_owned())]);
        }
    }

    #[test]
    fn a_file_that_is_no_longer_written_all_the_time_is_waited_for_again() {
        let mut burst = Burst::default();
        let start = Instant::now();
        let writes: Vec<_> = (0..10_000).step_by(30).map(|at| (at, "~a.js")).collect();
        let slow = [(0, "~a.js"), (1000, "~a.js"), (1500, "+a.js")];
        let mut play = |second, script: &[_]| {
            play_on(&mut burst, start + Duration::from_secs(second), script).len()
        };
        assert!(play(0, &writes) > 1);
        assert_eq!(play(20, &slow), 3);
        assert_eq!(play(100, &slow), 1);
    }

    #[test]
    fn a_burst_of_any_length_keeps_a_limited_number_of_paths() {
        let mut burst = Burst::default();
        let now = Instant::now();
        for n in 0..3 * PATHS_MAX {
            burst.note([change(&format!("+{n}"))], now);
        }
        assert_eq!(burst.files.len(), PATHS_MAX);
    }

    #[test]
    fn a_burst_that_ended_too_early_is_waited_for_the_next_time() {
        let mut burst = Burst::default();
        let start = Instant::now();
        let script = [(0, "+a.js"), (150, "+b.js"), (300, "+c.js")];
        assert_eq!(play_on(&mut burst, start, &script).len(), 3);
        let later = start + Duration::from_secs(100);
        let over = play_on(&mut burst, later, &script);
        assert_eq!(over.len(), 1, "{over:?}");
        // A single one of its files does not always have to wait afterwards.
        let mut at = later + Duration::from_secs(100);
        let mut waits = Vec::new();
        for _ in 0..3 {
            let over = play_on(&mut burst, at, &[(0, "+a.js")]);
            waits.push(over[0].0);
            at += Duration::from_secs(100);
        }
        assert!(waits[0] > 50 && waits[2] == 50, "{waits:?}");
    }
}

//! What happens to the files in the middle of a sequence.

use super::run::{RELEASES, Run};
use crate::support::{Site, poll_until, settled_time};
use std::{
    collections::BTreeMap,
    fs,
    fs::File,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

impl Run {
    fn path(&self, name: &str) -> PathBuf {
        self.site.path(RELEASES[self.release]).join(name)
    }

    /// Gives the files of the present release, as they are from now on.
    fn set_files(&mut self, change: impl FnOnce(&mut BTreeMap<&'static str, Rc<Vec<u8>>>)) {
        let files = self.releases[self.release]
            .as_mut()
            .expect("there are files");
        change(files);
        // The link leads to whatever the file is.
        match files.get("a.txt").cloned() {
            Some(content) => files.insert("link.txt", content),
            None => files.remove("link.txt"),
        };
        self.totals.changes += 1;
    }

    /// Makes the present files those that a request may see, from before the change `act` on.
    fn change(&mut self, act: impl FnOnce(&Self)) {
        let files = self.releases[self.release].clone();
        self.model.files.change(files);
        act(self);
        self.settle();
    }

    /// Ends the time in which a request may see what was there before the last change. The server
    /// compares a file with the disk once in each turn of its loop, so the change counts once the
    /// turn is over in which it has happened, and the server waits.
    pub(super) fn settle(&mut self) {
        if !self.is_paused {
            let tasks = format!("/proc/{}/task", self.server.process.id());
            // The threads are looked at one after the other. If none has woken in between, all
            // of them waited at one moment.
            poll_until("the server to wait", || {
                let before = waits(&tasks)?;
                (waits(&tasks)? == before).then_some(())
            });
            self.model.files.settle();
        }
    }

    fn fresh_content(&mut self) -> Vec<u8> {
        let lengths = [0, 9, 900, 9_000, 9_000, 65_529, 65_538, 200_007, 1_500_003];
        let length = self.random.pick(&lengths);
        format!("{:08}\n", self.totals.changes)
            .repeat(length / 9)
            .into_bytes()
    }

    /// Replaces a file in one step.
    pub(super) fn replace(&mut self, name: &'static str) {
        if name == "link.txt" {
            return;
        }
        let content = self.fresh_content();
        self.note(format!(
            "replace {name}: {} bytes, {}",
            content.len(),
            self.totals.changes
        ));
        let fresh = self.path("fresh");
        fs::write(&fresh, &content).unwrap();
        self.set_time(&fresh);
        self.set_files(|files| drop(files.insert(name, Rc::new(content))));
        self.change(|run| fs::rename(&fresh, run.path(name)).unwrap());
    }

    /// Overwrites a file, while no request could see a half of it.
    pub(super) fn rewrite(&mut self, name: &'static str) {
        let content = self.fresh_content();
        self.note(format!(
            "rewrite {name}: {} bytes, {}",
            content.len(),
            self.totals.changes
        ));
        let path = self.path(if name == "link.txt" { "a.txt" } else { name });
        fs::write(&path, &content).unwrap();
        self.set_time(&path);
        let name = if name == "link.txt" { "a.txt" } else { name };
        self.set_files(|files| drop(files.insert(name, Rc::new(content))));
        self.change(|_| ());
    }

    pub(super) fn remove(&mut self, name: &'static str) {
        let path = self.path(name);
        if name == "link.txt" || !path.exists() {
            return;
        }
        self.note(format!("remove {name}"));
        self.set_files(|files| drop(files.remove(name)));
        self.change(|_| fs::remove_file(path).unwrap());
    }

    /// A server that takes no file for new must be able to tell versions apart by their times, as
    /// the clock of a kernel stands still for milliseconds.
    fn set_time(&self, path: &Path) {
        if self.is_ahead {
            let seconds = u64::try_from(self.totals.changes).expect("it is small");
            let time = settled_time() + Duration::from_secs(seconds);
            File::open(path).unwrap().set_modified(time).unwrap();
        }
    }

    /// Swaps the link that the root is.
    pub(super) fn swap(&mut self) {
        self.release = 1 - self.release;
        self.note(format!("swap to {}", RELEASES[self.release]));
        self.totals.changes += 1;
        let current = self.site.path("current");
        self.change(|run| Site::swap_symlink(&current, RELEASES[run.release]));
    }

    /// Removes the root, and makes it again. No reload is under way, which would fail without it.
    pub(super) fn lose(&mut self) {
        self.await_reload();
        self.note("lose the root, and restore it".to_owned());
        self.totals.changes += 1;
        let [current, away] = ["current", "away"].map(|name| self.site.path(name));
        self.model.files.change(None);
        fs::rename(&current, &away).unwrap();
        self.settle();
        for number in 0..self.peers.len() {
            self.peers[number].push(usize::MAX, self.model.now());
        }
        self.wait(Duration::from_millis(2));
        self.change(|_| fs::rename(away, current).unwrap());
    }
}

/// Returns how often each thread has waited, if all of them wait for something to happen.
fn waits(tasks: &str) -> Option<Vec<String>> {
    let tasks = fs::read_dir(tasks).expect("it runs");
    let count = |task: std::io::Result<fs::DirEntry>| {
        let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let is_waiting = line("State:")?.trim_start().starts_with('S');
        is_waiting.then(|| line("voluntary_ctxt_switches:").map(str::to_owned))?
    };
    tasks.map(count).collect()
}

//! One sequence: the server, its clients, and what happens to both.

use super::{
    ask::{Ask, FILES},
    model::{Files, Model, Settings},
    peer::Peer,
    random::Random,
    totals::Totals,
};
use crate::support::{Launch, PATIENCE, Server, Signal, Site};
use rustix::event::{PollFd, Timespec, poll};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    thread,
    time::{Duration, Instant},
};

pub(super) struct Run {
    pub(super) random: Random,
    pub(super) site: Site,
    pub(super) server: Server,
    /// The server's clock is ahead, so that it takes no file for new.
    pub(super) is_ahead: bool,
    pub(super) model: Model,
    pub(super) peers: Vec<Peer>,
    /// The releases that the root leads to in turn, and the present one.
    pub(super) releases: [Files; 2],
    pub(super) release: usize,
    pub(super) is_paused: bool,
    /// The number of reloads that the server has still to report.
    reloads_due: usize,
    /// The status of each answered request, by its number; `None` for one that was given up.
    log: BTreeMap<usize, Option<u16>>,
    malformed: usize,
    pub(super) totals: Totals,
    story: Story,
}

/// The steps so far, printed if the sequence fails.
struct Story {
    seed: u64,
    steps: Vec<String>,
}

impl Drop for Story {
    fn drop(&mut self) {
        if thread::panicking() {
            let from = self.steps.len().saturating_sub(200);
            let steps = self.steps[from..].join("\n");
            eprintln!(
                "the last steps of MILLPOND_TEST_SEED={}:\n{steps}",
                self.seed
            );
        }
    }
}

impl Run {
    /// Holds the sequence of a seed. Panics where the server differs from the reference.
    pub(super) fn hold(seed: u64) -> Totals {
        let mut run = Self::start(seed);
        for _ in 0..STEPS {
            run.step();
        }
        run.conclude()
    }

    fn start(seed: u64) -> Self {
        let mut random = Random(seed);
        let is_ahead = random.percent(50);
        let workers = random.pick(&["1", "1", "3"]);
        let site = site();
        let settings = Settings {
            number: 0,
            has_server_field: true,
            has_listing: false,
            is_for_one_host: false,
        };
        fs::create_dir(site.outside("etc")).unwrap();
        fs::write(site.outside("etc/millpond.toml"), text(&settings)).unwrap();
        let root = site.path("current");
        let launch = if is_ahead {
            Launch::ahead(root)
        } else {
            Launch::of(root)
        };
        let server = launch
            .arg("--config")
            .arg(site.outside("etc/millpond.toml"))
            .args(["--workers", workers])
            .expecting(SAID)
            .start();
        let empty = || Some(BTreeMap::new());
        let mut run = Self {
            random,
            server,
            site,
            is_ahead,
            model: Model::new(settings, empty()),
            peers: Vec::new(),
            releases: [empty(), empty()],
            release: 0,
            is_paused: false,
            reloads_due: 0,
            log: BTreeMap::new(),
            malformed: 0,
            totals: Totals {
                sequences: 1,
                ..Totals::default()
            },
            story: Story {
                seed,
                steps: vec![format!("ahead: {is_ahead}, workers: {workers}")],
            },
        };
        for release in [1, 0] {
            run.release = release;
            for name in FILES {
                run.replace(name);
            }
        }
        run
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..7 if self.peers.len() < PEERS_MAX => self.connect(),
            0..30 => self.ask(),
            30..60 => self.push(),
            60..82 => self.receive(),
            82..89 => {
                let name = self.random.pick(&FILES);
                match self.random.below(6) {
                    0 => self.remove(name),
                    1 if self.is_quiet() => self.rewrite(name),
                    _ => self.replace(name),
                }
            }
            89 => self.swap(),
            90 if self.random.percent(30) => self.lose(),
            91 => self.reload(),
            92 => self.await_reload(),
            93..95 => self.pause(),
            95 => self.leave(),
            96 => self.finish_sending(),
            _ => self.resume(),
        }
    }

    pub(super) fn note(&mut self, step: String) {
        self.story.steps.push(step);
    }

    fn fail(&self, problem: &str) -> ! {
        panic!("seed {}: {problem}", self.story.seed)
    }

    fn connect(&mut self) {
        self.note("connect".to_owned());
        self.peers.push(Peer::connect(self.server.address));
        self.totals.connections += 1;
    }

    /// Returns a connection for which this holds, if there is one.
    fn any_peer(&mut self, is_fit: impl Fn(&Peer) -> bool) -> Option<usize> {
        let numbers = self.peers.iter().enumerate();
        let fit = numbers.filter(|(_, peer)| is_fit(peer));
        let fit: Vec<_> = fit.map(|(number, _)| number).collect();
        (!fit.is_empty()).then(|| self.random.pick(&fit))
    }

    fn ask(&mut self) {
        let Some(number) = self.any_peer(Peer::is_usable) else {
            return;
        };
        self.totals.requests += 1;
        let ask = Ask::random(self.totals.requests, &mut self.random, &self.model.recent);
        self.malformed += usize::from(ask.is_malformed);
        self.note(format!("{number}: {ask:?}"));
        let bytes = ask.bytes(&mut self.random);
        self.peers[number].queue(ask, bytes);
    }

    fn push(&mut self) {
        let Some(number) = self.any_peer(|peer| !peer.is_idle()) else {
            return;
        };
        let bytes = match self.random.below(4) {
            0 => 1 + self.random.below(4),
            1 => 1 + self.random.below(200),
            _ => usize::MAX,
        };
        self.note(format!("{number}: push {bytes}"));
        self.peers[number].push(bytes, self.model.now());
    }

    fn receive(&mut self) {
        let Some(number) = self.any_peer(|peer| !peer.is_over()) else {
            return;
        };
        let bytes_max = self.random.pick(&[1, 100, 5000, 100_000, 4_000_000]);
        if self.random.percent(50) {
            self.wait(Duration::from_millis(2));
        }
        self.note(format!("{number}: receive {bytes_max}"));
        self.receive_from(number, bytes_max);
    }

    fn receive_from(&mut self, number: usize, bytes_max: usize) {
        match self.peers[number].receive(bytes_max, &mut self.model) {
            Ok(answered) => {
                for (ask, status) in answered {
                    self.totals.answered += 1;
                    if !ask.is_malformed {
                        self.log.insert(ask.id, Some(status));
                    }
                }
            }
            Err(problem) => self.fail(&format!("connection {number}: {problem}")),
        }
    }

    /// Waits until something can be sent or received, but no longer than this. Returns `false` if
    /// nothing can.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let peers = self.peers.iter().filter(|peer| !peer.is_over());
        let mut sockets: Vec<_> = peers
            .map(|peer| PollFd::new(&peer.stream, peer.interest()))
            .collect();
        let timeout = Timespec::try_from(at_most).expect("it is short");
        poll(&mut sockets, Some(&timeout)).is_ok_and(|ready| ready > 0)
    }

    /// Asks for a reload of settings, which takes effect at some moment.
    fn reload(&mut self) {
        self.await_reload();
        let settings = Settings {
            number: self.model.settings.last().number + 1,
            has_server_field: self.random.percent(50),
            has_listing: self.random.percent(50),
            is_for_one_host: self.random.percent(50),
        };
        self.note(format!("reload {settings:?}"));
        let fresh = self.site.outside("etc/fresh");
        fs::write(&fresh, text(&settings)).unwrap();
        fs::rename(fresh, self.site.outside("etc/millpond.toml")).unwrap();
        self.model.settings.change(settings);
        self.server.process.signal(Signal::HUP);
        self.totals.reloads += 1;
        self.reloads_due += 1;
    }

    pub(super) fn await_reload(&mut self) {
        if self.reloads_due == 0 {
            return;
        }
        self.resume();
        self.note("await the reload".to_owned());
        let count = self.totals.reloads;
        self.server.process.await_stderr("the reload", |said| {
            (said.matches("settings reloaded").count() >= count).then_some(())
        });
        self.reloads_due = 0;
        self.model.settings.settle();
    }

    /// Stops the server, so that it finds everything that happens in the meantime at once.
    fn pause(&mut self) {
        if !self.is_paused {
            self.note("pause".to_owned());
            self.server.process.pause();
            self.is_paused = true;
        }
    }

    fn resume(&mut self) {
        if self.is_paused {
            self.note("resume".to_owned());
            self.server.process.signal(Signal::CONT);
            self.is_paused = false;
            self.settle();
        }
    }

    /// Closes a connection, whatever is on its way.
    fn leave(&mut self) {
        let Some(number) = self.any_peer(|_| true) else {
            return;
        };
        self.note(format!("{number}: leave; the last takes its number"));
        let peer = self.peers.swap_remove(number);
        let given_up = peer.unanswered().map(|ask| (ask.id, None));
        self.log.extend(given_up);
    }

    fn finish_sending(&mut self) {
        if let Some(number) = self.any_peer(|peer| !peer.is_over()) {
            self.note(format!("{number}: finish sending"));
            self.peers[number].finish_sending();
        }
    }

    fn is_quiet(&self) -> bool {
        !self.is_paused && self.peers.iter().all(Peer::is_idle)
    }

    /// Sends and receives all that is left, and requires an answer to every request.
    fn conclude(mut self) -> Totals {
        self.await_reload();
        self.resume();
        self.note("conclude".to_owned());
        for peer in &mut self.peers {
            peer.finish_sending();
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.peers.iter().all(Peer::is_over) {
            let is_ready = self.wait(PATIENCE);
            if !is_ready || Instant::now() > deadline {
                let left = self.peers.iter().flat_map(Peer::unanswered);
                let left: Vec<_> = left.map(|ask| ask.id).collect();
                self.fail(&format!("no end, with {left:?} unanswered"));
            }
            for number in 0..self.peers.len() {
                if !self.peers[number].is_over() {
                    self.peers[number].push(usize::MAX, self.model.now());
                    self.receive_from(number, 1 << 20);
                }
            }
        }
        self.check_log();
        self.totals
    }

    /// Requires one line for each answered request, and at most one for a request that was given
    /// up.
    fn check_log(&mut self) {
        assert_eq!(self.server.stop(Signal::TERM).code(), Some(0));
        self.server.process.end();
        let output = self.server.process.stdout();
        let lines = output.lines().filter(|line| line.starts_with("127.0.0.1 "));
        let mut logged = BTreeMap::<usize, Option<u16>>::new();
        let mut others = 0;
        for line in lines {
            let id = line
                .split_once('?')
                .and_then(|(_, rest)| rest.split_once(' '));
            let Some((id, rest)) = id.and_then(|(id, rest)| Some((id.parse().ok()?, rest))) else {
                others += 1;
                continue;
            };
            let (_, rest) = rest.split_once("\" ").expect("a request line is quoted");
            // A response that nobody was left to receive has none.
            let status = rest[..3].parse().ok();
            if logged.insert(id, status).is_some() {
                self.fail(&format!("two lines for {id}: {line}"));
            }
        }
        for (id, status) in &self.log {
            let found = logged.remove(id).flatten();
            if status.is_some() && found != *status {
                self.fail(&format!(
                    "{found:?} is logged in place of {status:?} for {id}"
                ));
            }
        }
        // A malformed request may be logged with or without its target.
        if logged.len() + others > self.malformed {
            self.fail(&format!(
                "lines that nobody asked for: {logged:?}, and {others} others"
            ));
        }
    }
}

/// Returns a site with two empty releases. The root is a link to the first.
fn site() -> Site {
    let site = Site::new();
    fs::write(site.outside("outside.txt"), OUTSIDE).unwrap();
    for release in RELEASES {
        site.directory(format!("{release}/dir"))
            .directory(format!("{release}/bare"))
            .symlink(format!("{release}/link.txt"), "a.txt")
            .symlink(format!("{release}/out"), site.outside("."))
            .symlink(format!("{release}/escaped.txt"), "../../outside.txt");
    }
    symlink(RELEASES[0], site.path("current")).unwrap();
    site
}

/// Returns a settings file.
fn text(settings: &Settings) -> String {
    let hosts = if settings.is_for_one_host {
        "allowed-hosts = ['a']\n"
    } else {
        ""
    };
    format!(
        "cache-control = 'max-age={}'\nserver-header = {}\nlisting = {}\n{hosts}",
        settings.number, settings.has_server_field, settings.has_listing
    )
}

const STEPS: usize = 400;
const PEERS_MAX: usize = 6;
pub(super) const RELEASES: [&str; 2] = ["one", "two"];

/// The content of a file that must never be sent.
const OUTSIDE: &str = "beside the root";

/// The messages of the server about what is done to it.
const SAID: &[&str] = &[
    "millpond::server::reload",
    "the directory has no index file",
    "is now another directory",
    " is gone; it is served again as soon as it is back",
    "is available again",
    "is not served",
];

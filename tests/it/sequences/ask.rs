//! A request, as it is sent.

use super::random::Random;
use std::{fmt::Write as _, ops::Range};

/// A request with a number that no other one has.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) id: usize,
    pub(super) method: &'static str,
    pub(super) target: Target,
    pub(super) host: &'static str,
    pub(super) range: Option<Wanted>,
    pub(super) condition: Option<Condition>,
    pub(super) accepts_gzip: bool,
    /// The client sends HTTP/1.0.
    is_old: bool,
    /// The value of `Connection`.
    connection: Option<&'static str>,
    pub(super) is_malformed: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// A file, or the directory of an index file.
    File(&'static str),
    /// A directory without its slash.
    Directory,
    /// A directory without an index file.
    Bare,
    Missing,
    /// What must never be served, whatever form it is requested in.
    Outside(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    From(usize),
    Between(usize, usize),
    Last(usize),
}

impl Wanted {
    /// Returns the range within a length (RFC 9110 §14.1.2), if it can be satisfied.
    pub(super) fn within(self, length: usize) -> Option<Range<usize>> {
        let range = match self {
            Self::From(first) => first..length,
            Self::Between(first, last) => first..length.min(last + 1),
            Self::Last(count) => length.saturating_sub(count)..length,
        };
        (range.start < range.end).then_some(range)
    }
}

#[derive(Clone, Debug)]
pub(super) enum Condition {
    IfNoneMatch(String),
    IfRange(String),
}

impl Ask {
    /// Makes a request of any kind, perhaps with one of these entity tags.
    pub(super) fn random(id: usize, random: &mut Random, tags: &[String]) -> Self {
        let method = if random.percent(80) {
            "GET"
        } else {
            random.pick(&["HEAD", "HEAD", "OPTIONS", "POST", "BREW"])
        };
        let target = match random.below(20) {
            0 => Target::Directory,
            1 => Target::Bare,
            2 => Target::Missing,
            3 => Target::Outside(random.pick(&OUTSIDE)),
            _ => Target::File(random.pick(&FILES)),
        };
        let range = random.percent(25).then(|| {
            let [one, other] = [(); 2].map(|()| random.pick(&[0, 1, 8, 100, 65_536, 150_000]));
            match random.below(3) {
                0 => Wanted::From(one),
                1 => Wanted::Between(one.min(other), one.max(other)),
                _ => Wanted::Last(one),
            }
        });
        let tag = |random: &mut Random| {
            let recent = &tags[tags.len().saturating_sub(20)..];
            (!recent.is_empty()).then(|| recent[random.below(recent.len())].clone())
        };
        let condition = match random.below(6) {
            0 => tag(random).map(Condition::IfNoneMatch),
            // The tag of a coded form would select that form.
            1 if range.is_some() => tag(random)
                .filter(|tag| !tag.ends_with("-gzip\""))
                .map(Condition::IfRange),
            _ => None,
        };
        Self {
            id,
            method,
            target,
            host: random.pick(&["a", "a", "a", "a", "b"]),
            range,
            condition,
            accepts_gzip: random.percent(20),
            is_old: random.percent(3),
            connection: match random.below(30) {
                0 => Some("close"),
                1 => Some("keep-alive"),
                _ => None,
            },
            is_malformed: random.percent(1),
        }
    }

    /// Returns `true` if the connection has to end after the response (RFC 9112 §9.3).
    pub(super) fn ends(&self) -> bool {
        let is_kept = self.connection == Some("keep-alive");
        self.is_malformed || self.connection == Some("close") || self.is_old && !is_kept
    }

    /// Returns the head and the content.
    pub(super) fn bytes(&self, random: &mut Random) -> (String, String) {
        let path = match self.target {
            Target::File(name) => format!("/{}", name.strip_suffix("index.html").unwrap_or(name)),
            Target::Directory => "/dir".to_owned(),
            Target::Bare => "/bare/".to_owned(),
            Target::Missing => "/missing".to_owned(),
            Target::Outside(path) => path.to_owned(),
        };
        let version = if self.is_old { "1.0" } else { "1.1" };
        let mut head = format!("{} {path}?{} HTTP/{version}\r\n", self.method, self.id);
        let mut field = |name: &str, value: &dyn std::fmt::Display| {
            write!(head, "{name}: {value}\r\n").expect("there is memory");
        };
        field("Host", &self.host);
        if self.is_malformed {
            field("Host", &"twice");
        }
        match self.range {
            Some(Wanted::From(first)) => field("Range", &format!("bytes={first}-")),
            Some(Wanted::Between(first, last)) => field("Range", &format!("bytes={first}-{last}")),
            Some(Wanted::Last(count)) => field("Range", &format!("bytes=-{count}")),
            None => {}
        }
        match &self.condition {
            Some(Condition::IfNoneMatch(tag)) => field("If-None-Match", tag),
            Some(Condition::IfRange(tag)) => field("If-Range", tag),
            None => {}
        }
        if self.accepts_gzip {
            field("Accept-Encoding", &"gzip");
        }
        if let Some(connection) = self.connection {
            field("Connection", &connection);
        }
        if random.percent(10) {
            field("X-Padding", &"x".repeat(random.below(3000)));
        }
        let content = match (self.is_malformed || self.is_old, random.below(12)) {
            (false, 0) => {
                let text = "GET /hidden HTTP/1.1\r\n\r\n".repeat(1 + random.below(400));
                field("Content-Length", &text.len());
                text
            }
            (false, 1) => {
                field("Transfer-Encoding", &"chunked");
                let text = "GET / HTTP/1.1\r\n\r\n";
                let chunk = format!("{:x};a=b\r\n{text}\r\n", text.len());
                chunk.repeat(random.below(50)) + "0\r\nX-Trailer: x\r\n\r\n"
            }
            _ => String::new(),
        };
        (head + "\r\n", content)
    }
}

/// The files that come and go. Some are held in memory, and some are sent from the disk.
pub(super) const FILES: [&str; 7] = [
    "index.html",
    "a.txt",
    "b.css",
    "c.bin",
    "dir/index.html",
    "dir/d.js",
    "link.txt",
];

/// The ways to a file beside the root, which is a directory further up, as the root is a link.
const OUTSIDE: [&str; 6] = [
    "/../outside.txt",
    "/%2e%2e/outside.txt",
    "/dir/..%2f..%2foutside.txt",
    "/out/outside.txt",
    "/dir/../../../outside.txt",
    "/escaped.txt",
];

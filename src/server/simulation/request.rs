//! Requests that a client may send, each with the response that it must get.

use super::files::{Files, ServedFile};
use super::random::Random;
use std::fmt;
use std::sync::Arc;

/// A request of a client, by its place among all bytes that the client sends.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) start: u64,
    pub(super) head_end: u64,
    pub(super) end: u64,
    /// A response may come once this much was received.
    pub(super) may_answer: u64,
    /// A response must come once this much was received.
    pub(super) must_answer: u64,
    pub(super) expected: Expected,
    /// The settings in force when the last byte of its head was sent.
    pub(super) generation: u32,
}

/// The response that a request gets.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) status: u16,
    pub(super) content: Content,
    /// `true` if no request is answered after it.
    pub(super) is_last: bool,
    /// `true` if it may have to wait for a job.
    pub(super) takes_job: bool,
}

/// The content of a response.
#[derive(Clone)]
pub(super) enum Content {
    /// None, though the length of this much is announced.
    Head(u64),
    Bytes(Arc<[u8]>),
    /// A part of the file with this inode.
    File {
        inode: u64,
        offset: u64,
        length: u64,
    },
    /// These bytes, compressed.
    Gzip(Arc<[u8]>),
    /// A page that says what is wrong.
    Page,
}

impl fmt::Debug for Content {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(length) => write!(out, "none of {length}"),
            Self::Bytes(bytes) => write!(out, "{} bytes", bytes.len()),
            Self::File { offset, length, .. } => write!(out, "{length} at {offset} of a file"),
            Self::Gzip(bytes) => write!(out, "{} bytes, compressed", bytes.len()),
            Self::Page => write!(out, "a page"),
        }
    }
}

/// The text of a request.
struct Draft {
    head: String,
    content: Vec<u8>,
    expected: Expected,
    /// `true` if it can be rejected before its head is complete.
    is_malformed: bool,
}

impl Request {
    /// Makes up a request, and appends it to what the client will send.
    pub(super) fn make_up(script: &mut Vec<u8>, files: &Files, random: &mut Random) -> Self {
        let draft = Draft::make_up(files, random);
        let start = script.len() as u64;
        script.extend_from_slice(draft.head.as_bytes());
        let head_end = script.len() as u64;
        script.extend_from_slice(&draft.content);
        let end = script.len() as u64;
        let is_too_large = draft.expected.status == 413;
        Self {
            start,
            head_end,
            end,
            may_answer: match (draft.is_malformed, is_too_large) {
                (true, _) => start + 1,
                (_, true) => head_end,
                _ => end,
            },
            must_answer: if is_too_large { head_end } else { end },
            expected: draft.expected,
            generation: 0,
        }
    }
}

impl Draft {
    fn make_up(files: &Files, random: &mut Random) -> Self {
        match random.below(100) {
            0..40 => Self::get(file(&files.small, random), ""),
            40..48 => Self::get(file(&files.text, random), ""),
            48..54 => Self::get_gzip(file(&files.text, random)),
            54..62 => Self::get(file(&files.large, random), "").taking_job(),
            62..67 => Self::get(file(&files.huge, random), ""),
            67..71 => Self::head(file(&files.large, random)).taking_job(),
            71..76 => Self::range(file(&files.huge, random), random),
            76..80 => Self::page("GET", "/missing", "", 404),
            80..83 => Self::page("GET", "/directory", "", 301),
            83..88 => Self::post(file(&files.small, random), random),
            88..91 => Self::chunked(file(&files.small, random), random),
            91..93 => Self::page("POST", "/s0.txt", "Content-Length: 9999999\r\n", 413).last(),
            93..95 => Self::get(file(&files.small, random), "Connection: close\r\n").last(),
            95..97 => Self::old(file(&files.small, random)),
            97..98 => Self {
                is_malformed: true,
                ..Self::page("GET", "/", "Bad field: 1\r\n", 400).last()
            },
            _ => Self::get(file(&files.large, random), "Connection: close\r\n")
                .last()
                .taking_job(),
        }
    }

    fn new(head: String, status: u16, content: Content) -> Self {
        Self {
            head,
            content: Vec::new(),
            expected: Expected {
                status,
                content,
                is_last: false,
                takes_job: false,
            },
            is_malformed: false,
        }
    }

    fn get(file: &ServedFile, fields: &str) -> Self {
        let head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n{fields}\r\n", file.name);
        Self::new(head, 200, file.whole())
    }

    fn get_gzip(file: &ServedFile) -> Self {
        let content = Content::Gzip(Arc::clone(&file.content));
        Self {
            expected: Expected {
                status: 200,
                content,
                is_last: false,
                takes_job: true,
            },
            ..Self::get(file, "Accept-Encoding: gzip\r\n")
        }
    }

    fn head(file: &ServedFile) -> Self {
        let head = format!("HEAD /{} HTTP/1.1\r\nHost: a\r\n\r\n", file.name);
        Self::new(head, 200, Content::Head(file.length))
    }

    fn range(file: &ServedFile, random: &mut Random) -> Self {
        let first = random.next() % file.length;
        let length = 1 + random.next() % (file.length - first);
        let last = first + length - 1;
        let content = Content::File {
            inode: file.inode,
            offset: first,
            length,
        };
        let draft = Self::get(file, &format!("Range: bytes={first}-{last}\r\n"));
        Self::new(draft.head, 206, content)
    }

    fn page(method: &str, path: &str, fields: &str, status: u16) -> Self {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        Self::new(head, status, Content::Page)
    }

    fn post(file: &ServedFile, random: &mut Random) -> Self {
        let content = vec![b'x'; random.between(1, 300)];
        let fields = format!("Content-Length: {}\r\n", content.len());
        Self {
            content,
            ..Self::page("POST", &format!("/{}", file.name), &fields, 405)
        }
    }

    fn chunked(file: &ServedFile, random: &mut Random) -> Self {
        let mut content = Vec::new();
        for _ in 0..random.below(4) {
            let length = random.between(1, 40);
            content.extend_from_slice(format!("{length:x}\r\n").as_bytes());
            content.resize(content.len() + length, b'y');
            content.extend_from_slice(b"\r\n");
        }
        content.extend_from_slice(b"0\r\n\r\n");
        let fields = "Transfer-Encoding: chunked\r\n";
        Self {
            content,
            ..Self::page("POST", &format!("/{}", file.name), fields, 405)
        }
    }

    /// A request of HTTP/1.0, after which the connection closes.
    fn old(file: &ServedFile) -> Self {
        let head = format!("GET /{} HTTP/1.0\r\n\r\n", file.name);
        Self::new(head, 200, file.whole()).last()
    }

    fn last(mut self) -> Self {
        self.expected.is_last = true;
        self
    }

    fn taking_job(mut self) -> Self {
        self.expected.takes_job = true;
        self
    }
}

impl ServedFile {
    fn whole(&self) -> Content {
        if self.content.is_empty() {
            Content::File {
                inode: self.inode,
                offset: 0,
                length: self.length,
            }
        } else {
            Content::Bytes(Arc::clone(&self.content))
        }
    }
}

fn file<'a>(files: &'a [ServedFile], random: &mut Random) -> &'a ServedFile {
    &files[random.below(files.len())]
}

//! A client's reading of responses: in order, to the last byte.

use super::request::Content;
use crate::server::net::memory::Run;
use flate2::read::GzDecoder;
use std::io::Read as _;

/// The state of reading the responses of one connection.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The bytes of a head that is not complete.
    head: Vec<u8>,
    body: Option<Body>,
    /// The number of responses that are complete.
    pub(super) complete: usize,
    /// `true` if a complete response was the last.
    pub(super) has_last: bool,
    /// The settings of the last response.
    generation: u32,
}

/// The head of a response, as far as it counts here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) length: u64,
    pub(super) is_last: bool,
    pub(super) generation: u32,
}

#[derive(Debug)]
struct Body {
    head: Head,
    content: Content,
    read: u64,
    compressed: Vec<u8>,
}

impl Reader {
    /// Returns `true` if a response has begun and is not complete.
    pub(super) fn is_amid(&self) -> bool {
        self.body.is_some() || !self.head.is_empty()
    }

    /// Reads what was sent. `expect` returns the content of the response with a head, unless it is
    /// wrong. Panics if anything is.
    pub(super) fn read(&mut self, run: Run, expect: &mut impl FnMut(usize, Head) -> Content) {
        match run {
            Run::Bytes(bytes) => self.read_bytes(&bytes, expect),
            Run::File {
                inode,
                offset,
                length,
            } => {
                let body = self.body.as_mut().expect("a file follows a head");
                body.read_file(inode, offset, length);
                self.finish_if_complete();
            }
        }
    }

    fn read_bytes(&mut self, mut bytes: &[u8], expect: &mut impl FnMut(usize, Head) -> Content) {
        while !bytes.is_empty() {
            assert!(!self.has_last, "nothing follows the last response");
            if let Some(body) = &mut self.body {
                let left = usize::try_from(body.left()).unwrap();
                let (part, rest) = bytes.split_at(left.min(bytes.len()));
                body.read_bytes(part);
                bytes = rest;
            } else if let Some(head) = self.read_head(&mut bytes) {
                let content = expect(self.complete, head);
                self.body = Some(Body::new(head, content));
            }
            self.finish_if_complete();
        }
    }

    /// Reads up to the end of a head. Returns `None` if it is not complete.
    fn read_head(&mut self, bytes: &mut &[u8]) -> Option<Head> {
        let known = self.head.len();
        self.head.extend_from_slice(bytes);
        let from = known.saturating_sub(3);
        let end = self.head[from..]
            .windows(4)
            .position(|it| it == b"\r\n\r\n")
            .map(|at| from + at + 4);
        *bytes = end.map_or(&[], |end| &bytes[end - known..]);
        self.head.truncate(end?);
        let head = Head::parse(&std::mem::take(&mut self.head));
        assert!(
            head.generation >= self.generation,
            "settings never return: {head:?} after {}",
            self.generation
        );
        self.generation = head.generation;
        Some(head)
    }

    fn finish_if_complete(&mut self) {
        if let Some(body) = self.body.take_if(|body| body.left() == 0) {
            body.finish();
            self.complete += 1;
            self.has_last = body.head.is_last;
        }
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        let field = |name: &str| {
            let mut lines = text.lines();
            let line = lines.find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_start_matches([':', ' ']))
        };
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|it| it.get(..3));
        Self {
            status: status
                .unwrap_or_else(|| panic!("no head: {text}"))
                .parse()
                .unwrap(),
            length: field("Content-Length").map_or(0, |it| it.parse().unwrap()),
            is_last: field("Connection") == Some("close"),
            generation: field("X-Settings").map_or(0, |it| it.parse().unwrap()),
        }
    }
}

impl Body {
    fn new(head: Head, content: Content) -> Self {
        let expected = match &content {
            Content::Head(length) | Content::File { length, .. } => Some(*length),
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Gzip(_) | Content::Page => None,
        };
        assert!(
            expected.is_none_or(|it| it == head.length),
            "{head:?} {content:?}"
        );
        Self {
            head,
            content,
            read: 0,
            compressed: Vec::new(),
        }
    }

    fn left(&self) -> u64 {
        match self.content {
            Content::Head(_) => 0,
            _ => self.head.length - self.read,
        }
    }

    fn read_bytes(&mut self, bytes: &[u8]) {
        let read = usize::try_from(self.read).unwrap();
        match &self.content {
            Content::Bytes(expected) => {
                assert!(
                    expected[read..].starts_with(bytes),
                    "the content is another"
                );
            }
            Content::Gzip(_) => self.compressed.extend_from_slice(bytes),
            Content::Page => {}
            // A short range is read into memory.
            Content::File { .. } => {
                assert!(bytes.iter().all(|it| *it == 0), "the file is a hole");
            }
            Content::Head(_) => panic!("a response to HEAD has no content"),
        }
        self.read += bytes.len() as u64;
    }

    fn read_file(&mut self, sent_inode: u64, sent_offset: u64, sent_length: u64) {
        let Content::File {
            inode,
            offset,
            length,
        } = self.content
        else {
            panic!("a file in place of {:?}", self.content)
        };
        assert_eq!(sent_inode, inode, "another file");
        assert_eq!(sent_offset, offset + self.read, "another part of the file");
        self.read += sent_length;
        assert!(self.read <= length, "more than was asked for");
    }

    fn finish(&self) {
        if let Content::Gzip(expected) = &self.content {
            let mut content = Vec::new();
            let mut decoder = GzDecoder::new(&*self.compressed);
            decoder.read_to_end(&mut content).unwrap();
            assert!(content == **expected, "the compressed content is another");
        }
    }
}

//! A conversation does not depend on how its bytes are split, on either side. It always ends, and
//! every response in it is whole.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use millpond::conn::{
    Connection, Content, Event, Now, Options, Received, Response, Segment, Timeouts, Transmit,
    Wants,
};
use millpond::http::fields::FieldStorage;
use millpond::http::method::Method;
use millpond::http::request::RequestHead;
use millpond::http::response::FieldBlockWriter;
use millpond::http::{Limits, Status};
use std::time::{Duration, Instant};

// The first two bytes are the sizes of pieces, in and out; the rest is the input from the peer.
fuzz_target!(|input: &[u8]| {
    let [received, sent, requests @ ..] = input else {
        return;
    };
    let whole = Manner {
        received: usize::MAX,
        sent: usize::MAX,
        order: Order::SendFirst,
    };
    let pieces = Manner {
        received: usize::from(*received).max(1),
        sent: usize::from(*sent).max(1),
        order: Order::ReceiveFirst,
    };
    let bytewise = Manner {
        received: 1,
        sent: 1,
        order: Order::SendFirst,
    };
    let expected = Conversation::hold(requests, whole, End::Eof);
    for manner in [pieces, bytewise] {
        let conversation = Conversation::hold(requests, manner, End::Eof);
        assert_eq!(conversation.output, expected.output, "{manner:?}");
        assert_eq!(conversation.answered, expected.answered, "{manner:?}");
    }
    // An error in an incomplete head may be found earlier or later, so only the form is compared
    // here.
    Conversation::hold(requests, pieces, End::Silence);
});

/// The way in which bytes are split.
#[derive(Clone, Copy, Debug)]
struct Manner {
    /// The most bytes that arrive at once.
    received: usize,
    /// The most bytes that are sent at once.
    sent: usize,
    order: Order,
}

/// The first action if both are possible; the second value is that of pipelined requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    SendFirst,
    ReceiveFirst,
}

/// The peer's action after its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Eof,
    Silence,
}

/// The request that a response answers, as far as its content depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    Head,
    Other,
}

struct Conversation<'i> {
    connection: Connection<()>,
    now: Instant,
    options: Options,
    manner: Manner,
    end: End,
    input: &'i [u8],
    /// The number of input bytes that the connection has used, and that have arrived.
    used: usize,
    come: usize,
    output: Vec<u8>,
    answered: Vec<Answered>,
}

impl<'i> Conversation<'i> {
    fn hold(input: &'i [u8], manner: Manner, end: End) -> Self {
        let options = Options {
            limits: LIMITS,
            timeouts: Timeouts::default(),
        };
        let now = Instant::now();
        let connection = Connection::new(&Now {
            instant: now,
            common_fields: COMMON_FIELDS,
            options: &options,
        });
        let mut conversation = Self {
            connection,
            now,
            options,
            manner,
            end,
            input,
            used: 0,
            come: 0,
            output: Vec::new(),
            answered: Vec::new(),
        };
        // Each step sends or receives a byte, answers, or ends something.
        let steps_max = 64 + 512 * (input.len() + 1);
        let steps = (0..steps_max).take_while(|_| conversation.step()).count();
        assert!(steps < steps_max, "the conversation does not end");
        check_responses(&conversation.output, &conversation.answered);
        conversation
    }

    /// Performs the action that the connection wants. Returns `false` when it wants nothing more.
    fn step(&mut self) -> bool {
        if self.manner.order == Order::ReceiveFirst && self.used < self.come && self.receive() {
            return true;
        }
        match self.connection.wants() {
            Wants::Transmit => self.transmit(),
            Wants::Receive => {
                if !self.receive() {
                    self.wait();
                }
            }
            Wants::Shutdown => {
                let now = Now {
                    instant: self.now,
                    common_fields: COMMON_FIELDS,
                    options: &self.options,
                };
                self.connection.shut_down(&now);
            }
            Wants::Respond => panic!("every event was answered"),
            Wants::FinalRead if self.used < self.come => assert!(self.receive(), "all is dropped"),
            Wants::FinalRead | Wants::Close => return false,
            Wants::Reset => panic!("a peer that takes what it is sent is never reset"),
        }
        true
    }

    /// Offers the bytes that have arrived. Returns `true` if that made progress.
    fn receive(&mut self) -> bool {
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        let mut storage = FieldStorage::default();
        let was_exchanging = self.connection.is_exchanging();
        let pending = &self.input[self.used..self.come];
        let Received { used, event } = self.connection.receive(pending, &mut storage, &now);
        let answer = event.as_ref().map(Answer::to);
        self.used += used;
        let is_progress = used > 0 || answer.is_some();
        self.respond(answer, was_exchanging);
        is_progress
    }

    /// Waits for more input; after the last byte, for the end or a deadline.
    fn wait(&mut self) {
        if self.come < self.input.len() {
            self.come = self
                .come
                .saturating_add(self.manner.received)
                .min(self.input.len());
            return;
        }
        let was_exchanging = self.connection.is_exchanging();
        let answer = match self.end {
            End::Eof => {
                let now = Now {
                    instant: self.now,
                    common_fields: COMMON_FIELDS,
                    options: &self.options,
                };
                let mut storage = FieldStorage::default();
                let pending = &self.input[self.used..];
                let event = self.connection.receive_eof(pending, &mut storage, &now);
                event.as_ref().map(Answer::to)
            }
            End::Silence => {
                let deadline = self.connection.poll_timeout(&self.options.timeouts);
                self.now = deadline.map_or(self.now, |deadline| deadline.max(self.now));
                let now = Now {
                    instant: self.now,
                    common_fields: COMMON_FIELDS,
                    options: &self.options,
                };
                self.connection
                    .handle_timeout(&now)
                    .as_ref()
                    .map(Answer::to)
            }
        };
        self.respond(answer, was_exchanging);
    }

    /// Gives a response. If malformed content causes it, it replaces the response that was held
    /// until the end of the content.
    fn respond(&mut self, answer: Option<Answer>, was_exchanging: bool) {
        let Some(answer) = answer else { return };
        if was_exchanging {
            self.answered
                .pop()
                .expect("an exchange starts with an answer");
        }
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        self.answered.push(answer.answered);
        self.connection.respond(answer.response, &now);
    }

    fn transmit(&mut self) {
        let transmit = self
            .connection
            .poll_transmit()
            .expect("there is something to send");
        let bytes = match transmit {
            Transmit::Bytes(first, second) => [first, second].concat(),
            Transmit::File {
                before,
                offset,
                length,
                file: (),
            } => [before, &FILE[offset as usize..][..length as usize]].concat(),
        };
        let taken = self.manner.sent.min(bytes.len());
        assert!(taken > 0, "there is something to send");
        self.output.extend_from_slice(&bytes[..taken]);
        self.now += Duration::from_millis(1);
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        self.connection.transmitted(taken as u64, &now);
    }
}

struct Answer {
    answered: Answered,
    response: Response<()>,
}

impl Answer {
    fn to(event: &Event<'_>) -> Self {
        let (answered, status, segments) = match event {
            Event::Rejected { rejection, .. } => (Answered::Other, rejection.status(), vec![]),
            Event::Request(head) => {
                let is_head = head.method == Method::Head;
                let answered = if is_head {
                    Answered::Head
                } else {
                    Answered::Other
                };
                (answered, Status::Ok, content_for(head))
            }
        };
        let length: usize = segments.iter().map(length_of).sum();
        let fields = FieldBlockWriter::default()
            .field("Content-Length", length)
            .finish();
        let content = Content::sequence(segments.into_iter());
        Self {
            answered,
            response: Response {
                status,
                fields,
                content,
            },
        }
    }
}

/// Returns content of every kind, chosen by the request, so that different requests have different
/// output.
fn content_for(head: &RequestHead<'_>) -> Vec<Segment<()>> {
    let told = Bytes::from(format!("{head:?}"));
    let offset = head.target_bytes.len().min(FILE.len() - 1);
    let length = (FILE.len() - offset) as u64;
    let file = || Segment::File {
        file: (),
        offset: offset as u64,
        length,
    };
    match head.target_bytes.len() % 4 {
        0 => vec![],
        1 => vec![Segment::Bytes(told)],
        2 => vec![file()],
        _ => vec![Segment::Bytes(told.clone()), file(), Segment::Bytes(told)],
    }
}

fn length_of(segment: &Segment<()>) -> usize {
    match segment {
        Segment::Bytes(bytes) => bytes.len(),
        Segment::File { length, .. } => *length as usize,
    }
}

/// Requires that the output consists of the responses, whole and in order.
fn check_responses(mut output: &[u8], answered: &[Answered]) {
    for answered in answered {
        assert!(
            output.starts_with(b"HTTP/1.1 "),
            "a response starts with its status line"
        );
        let head_end = output
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a head ends")
            + 4;
        let head = std::str::from_utf8(&output[..head_end]).expect("a head is text");
        let (_, rest) = head
            .split_once("\r\nContent-Length: ")
            .expect("each has a length");
        let (length, _) = rest.split_once("\r\n").expect("a line ends");
        let length: usize = length.parse().expect("a length is a number");
        let content = if *answered == Answered::Head {
            0
        } else {
            length
        };
        output = &output[head_end + content..];
    }
    assert!(output.is_empty(), "there is nothing but the answers");
}

/// Small limits, which inputs often reach.
const LIMITS: Limits = Limits {
    request_target_bytes_max: 64,
    head_bytes_max: 256,
    fields_max: 8,
    content_bytes_max: 64,
};

const COMMON_FIELDS: &[u8] = b"Server: millpond\r\n";

/// The content of every file.
const FILE: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

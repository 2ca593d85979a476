//! Each test tells a conversation: what the peer sends, when, and what it gets.

use super::*;
use crate::http::fields::FieldStorage;
use crate::http::response::FieldBlockWriter;
use crate::http::status::Status;
use bytes::Bytes;
use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

const ORIGIN: &[u8] = b"Date: now\r\n";

/// A connection, its owner, and a clock that the test moves.
struct Talk {
    connection: Connection<&'static str>,
    options: Options,
    now: Instant,
    /// What was received and is not used up.
    rest: Vec<u8>,
    /// What the peer got, files written as `{name offset length}`.
    sent: String,
    /// What was asked or refused, in order.
    events: Vec<String>,
    /// What requests are answered with.
    content: fn() -> Content<&'static str>,
    /// Whether they are answered where they come up, and not later.
    answers_at_once: bool,
}

impl Talk {
    fn new() -> Self {
        let options = Options::default();
        let now = Instant::now();
        let connection = Connection::new(&Tick {
            now,
            origin: ORIGIN,
            options: &options,
        });
        let content = || Content::one(Segment::Bytes(Bytes::from_static(b"abc")));
        let (rest, sent, events) = (Vec::new(), String::new(), Vec::new());
        Self {
            connection,
            options,
            now,
            rest,
            sent,
            events,
            content,
            answers_at_once: true,
        }
    }

    fn receive(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.rest.extend_from_slice(bytes.as_ref());
        self.go_on();
        self
    }

    fn receive_eof(&mut self) -> &mut Self {
        let content = self.content_at_once();
        let rest = std::mem::take(&mut self.rest);
        let mut storage = FieldStorage::default();
        let tick = Tick {
            now: self.now,
            origin: ORIGIN,
            options: &self.options,
        };
        let event = self.connection.receive_eof(&rest, &mut storage, &tick);
        if let Some(event) = event {
            self.events
                .push(answer(&mut self.connection, &event, content, &tick));
        }
        self.go_on();
        self
    }

    fn wait(&mut self, duration: Duration) -> &mut Self {
        self.wait_without_sending(duration);
        self.go_on();
        self
    }

    fn wait_without_sending(&mut self, duration: Duration) {
        let content = self.content_at_once();
        self.now += duration;
        let tick = Tick {
            now: self.now,
            origin: ORIGIN,
            options: &self.options,
        };
        if let Some(event) = self.connection.handle_timeout(&tick) {
            self.events
                .push(answer(&mut self.connection, &event, content, &tick));
        }
    }

    fn content_at_once(&self) -> Option<fn() -> Content<&'static str>> {
        self.answers_at_once.then_some(self.content)
    }

    /// Answers what was not answered where it came up.
    fn respond(&mut self) -> &mut Self {
        let tick = Tick {
            now: self.now,
            origin: ORIGIN,
            options: &self.options,
        };
        respond(&mut self.connection, Status::Ok, (self.content)(), &tick);
        self.go_on();
        self
    }

    /// Offers what is left and sends what there is, until neither gives anything.
    fn go_on(&mut self) {
        loop {
            let offered = self.offer();
            if !self.transmit() && !offered {
                return;
            }
        }
    }

    fn offer(&mut self) -> bool {
        let content = self.content_at_once();
        let rest = std::mem::take(&mut self.rest);
        let tick = Tick {
            now: self.now,
            origin: ORIGIN,
            options: &self.options,
        };
        let mut at = 0;
        loop {
            let mut storage = FieldStorage::default();
            let received = self.connection.receive(&rest[at..], &mut storage, &tick);
            at += received.used;
            match received.event {
                Some(event) => {
                    self.events
                        .push(answer(&mut self.connection, &event, content, &tick));
                }
                None if received.used == 0 => break,
                None => {}
            }
        }
        self.rest = rest[at..].to_vec();
        at > 0
    }

    fn transmit(&mut self) -> bool {
        let count = match self.connection.poll_transmit() {
            None => return false,
            Some(Transmit::Bytes(first, second)) => {
                self.sent
                    .push_str(std::str::from_utf8(&[first, second].concat()).unwrap());
                (first.len() + second.len()) as u64
            }
            Some(Transmit::File {
                before,
                file,
                offset,
                length,
            }) => {
                self.sent.push_str(std::str::from_utf8(before).unwrap());
                write!(self.sent, "{{{file} {offset} {length}}}").unwrap();
                before.len() as u64 + length
            }
        };
        let tick = Tick {
            now: self.now,
            origin: ORIGIN,
            options: &self.options,
        };
        self.connection.transmitted(count, &tick);
        true
    }

    /// Sends one byte of what is ready.
    fn transmit_in_part(&mut self) {
        let tick = Tick {
            now: self.now,
            origin: ORIGIN,
            options: &self.options,
        };
        self.connection.transmitted(1, &tick);
    }

    fn drain(&mut self) {
        let tick = Tick {
            now: self.now,
            origin: ORIGIN,
            options: &self.options,
        };
        self.connection.drain(&tick);
    }

    fn shut_down(&mut self) -> &mut Self {
        assert_eq!(self.connection.wants(), Wants::Shutdown);
        let tick = Tick {
            now: self.now,
            origin: ORIGIN,
            options: &self.options,
        };
        self.connection.shut_down(&tick);
        self
    }

    #[track_caller]
    fn expect(&mut self, events: &[&str], sent: &str, wants: Wants) -> &mut Self {
        assert_eq!(std::mem::take(&mut self.events), events);
        assert_eq!(std::mem::take(&mut self.sent), sent);
        assert_eq!(self.connection.wants(), wants);
        self
    }
}

fn answer(
    connection: &mut Connection<&'static str>,
    event: &Event<'_>,
    content: Option<fn() -> Content<&'static str>>,
    tick: &Tick<'_>,
) -> String {
    let (text, status) = match event {
        Event::Request(head) => (
            format!(
                "{} {}",
                head.method_name,
                String::from_utf8_lossy(head.target_bytes)
            ),
            Status::Ok,
        ),
        Event::Refused { refusal, .. } => (format!("{refusal:?}"), refusal.status()),
    };
    if let Some(content) = content {
        respond(connection, status, content(), tick);
    }
    text
}

fn respond(
    connection: &mut Connection<&'static str>,
    status: Status,
    content: Content<&'static str>,
    tick: &Tick<'_>,
) {
    let fields = FieldBlockWriter::default().field("A", "b").finish();
    let response = Response {
        status,
        fields,
        content,
    };
    connection.respond(response, tick);
}

fn a_file() -> Content<&'static str> {
    Content::one(Segment::File {
        file: "f",
        offset: 0,
        length: 7,
    })
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nDate: now\r\nA: b\r\n\r\nabc";
const OK_CLOSE: &str = "HTTP/1.1 200 OK\r\nDate: now\r\nA: b\r\nConnection: close\r\n\r\nabc";

fn error(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\nDate: now\r\nA: b\r\nConnection: close\r\n\r\nabc")
}

#[test]
fn a_request_is_answered_and_the_connection_goes_on() {
    let mut talk = Talk::new();
    talk.receive(GET).expect(&["GET /"], OK, Wants::Receive);
    talk.receive(GET).expect(&["GET /"], OK, Wants::Receive);
    assert!(talk.connection.is_idle());
}

#[test]
fn any_split_gives_the_same_answers() {
    let input = format!(
        "{GET}\r\n\r\nHEAD /h HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\n\
         Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: t\r\n\r\n\
         POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc{GET}nonsense\r\n\r\n"
    );
    let mut whole = Talk::new();
    whole.receive(&input);
    assert_eq!(whole.events.len(), 6);
    for size in [1, 2, 3, 7, 50] {
        let mut split = Talk::new();
        for piece in input.as_bytes().chunks(size) {
            split.receive(piece);
        }
        assert_eq!(split.events, whole.events);
        assert_eq!(split.sent, whole.sent);
    }
}

#[test]
fn a_response_that_is_not_sent_holds_up_the_next_request() {
    let mut talk = Talk::new();
    talk.content = || {
        Content::one(Segment::File {
            file: "f",
            offset: 5,
            length: 7,
        })
    };
    talk.rest = format!("{GET}{GET}").into_bytes();
    assert!(talk.offer());
    assert_eq!(talk.events, ["GET /"], "the second one waits");
    assert_eq!(talk.connection.wants(), Wants::Transmit);
    talk.go_on();
    let response = "HTTP/1.1 200 OK\r\nDate: now\r\nA: b\r\n\r\n{f 5 7}";
    talk.expect(&["GET /", "GET /"], &response.repeat(2), Wants::Receive);
}

#[test]
fn so_much_is_ready_and_then_it_is_sent_before_the_next_is_read() {
    let mut talk = Talk::new();
    talk.content = || Content::one(Segment::Bytes(Bytes::from(vec![b'x'; 16 * 1024])));
    talk.rest = GET.repeat(100).into_bytes();
    talk.offer();
    assert!(talk.events.len() < 6, "{}", talk.events.len());
    talk.go_on();
    assert_eq!(talk.events.len(), 100);
}

#[test]
fn content_of_many_segments_is_sent_in_order() {
    let mut talk = Talk::new();
    talk.content = || {
        let segments = [
            Segment::Bytes(Bytes::from_static(b"one")),
            Segment::File {
                file: "two",
                offset: 1,
                length: 2,
            },
            Segment::Bytes(Bytes::from(vec![b'3'; 20_000])),
            Segment::Bytes(Bytes::from_static(b"four")),
        ];
        Content::sequence(segments.into_iter())
    };
    talk.receive(GET);
    let expected = format!("one{{two 1 2}}{}four", "3".repeat(20_000));
    assert!(talk.sent.ends_with(&expected));
    assert_eq!(talk.connection.content_bytes(), 3 + 2 + 20_000 + 4);
}

#[test]
fn segments_are_made_as_those_before_them_are_sent() {
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive(GET);
    let made = Rc::new(Cell::new(0));
    let counter = Rc::clone(&made);
    let segments = (0..1000).map(move |number| {
        counter.set(number + 1);
        Segment::Bytes(Bytes::from_static(&[b'x'; 1024]))
    });
    let tick = Tick {
        now: talk.now,
        origin: ORIGIN,
        options: &talk.options,
    };
    let content = Content::sequence(segments);
    respond(&mut talk.connection, Status::Ok, content, &tick);
    assert!(made.get() < 40, "{} made before any is sent", made.get());
    talk.go_on();
    assert_eq!(made.get(), 1000);
    assert_eq!(talk.connection.content_bytes(), 1000 * 1024);
}

#[test]
fn head_gets_the_fields_and_no_content() {
    let head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    let fields = "HTTP/1.1 200 OK\r\nDate: now\r\nA: b\r\n\r\n";
    Talk::new()
        .receive(head)
        .expect(&["HEAD /"], fields, Wants::Receive);
    let mut talk = Talk::new();
    talk.receive("HEAD / HTTP/1.1\r\nHost: a\r\nx")
        .receive("x")
        .receive(":\x00")
        .receive_eof();
    assert!(
        talk.sent.ends_with("close\r\n\r\n"),
        "even where it is incomplete, too"
    );
    let mut talk = Talk::new();
    talk.receive("HEAD * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        talk.sent.ends_with("close\r\n\r\n"),
        "even where it is refused"
    );
    let mut talk = Talk::new();
    talk.receive(format!("{head}nonsense\r\n\r\n"));
    assert!(
        talk.sent.ends_with("close\r\n\r\nabc"),
        "what is no request is no HEAD either"
    );
}

#[test]
fn a_request_to_close_is_honoured() {
    let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    Talk::new()
        .receive(close)
        .expect(&["GET /"], OK_CLOSE, Wants::LastLook);
    let old = "GET / HTTP/1.0\r\n\r\n";
    Talk::new()
        .receive(old)
        .expect(&["GET /"], OK_CLOSE, Wants::LastLook);
}

#[test]
fn bytes_after_a_request_to_close_are_lingered_for() {
    let input = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{GET}");
    Talk::new()
        .receive(input)
        .expect(&["GET /"], OK_CLOSE, Wants::Shutdown);
}

#[test]
fn http_10_persists_when_it_asks_to_and_is_told_so() {
    let keep = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let response = "HTTP/1.1 200 OK\r\nDate: now\r\nA: b\r\nConnection: keep-alive\r\n\r\nabc";
    Talk::new()
        .receive(keep)
        .expect(&["GET /"], response, Wants::Receive);
}

#[test]
fn a_refusal_answers_then_shuts_then_waits_for_the_peer() {
    let mut talk = Talk::new();
    let bad_request = error("400 Bad Request");
    talk.receive("nonsense\r\n\r\n")
        .expect(&["Head(Syntax)"], &bad_request, Wants::Shutdown);
    talk.shut_down()
        .receive("more and more")
        .expect(&[], "", Wants::Receive);
    talk.receive_eof().expect(&[], "", Wants::Close);
}

#[test]
fn a_lingering_connection_waits_no_longer_than_its_deadline() {
    let mut talk = Talk::new();
    talk.receive("nonsense\r\n\r\n").shut_down();
    talk.sent.clear();
    talk.events.clear();
    talk.wait(Duration::from_millis(1999))
        .receive("x")
        .expect(&[], "", Wants::Receive);
    talk.wait(Duration::from_millis(1))
        .expect(&[], "", Wants::Close);
}

#[test]
fn the_response_waits_for_the_end_of_the_content() {
    let mut talk = Talk::new();
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    talk.receive(post)
        .receive("ab")
        .expect(&["POST /"], "", Wants::Receive);
    talk.receive("c").expect(&[], OK, Wants::Receive);
}

#[test]
fn content_that_turns_out_malformed_takes_the_place_of_its_response() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd";
    let events = ["POST /", "Content(Malformed)"];
    Talk::new()
        .receive(post)
        .expect(&events, &error("400 Bad Request"), Wants::Shutdown);
}

#[test]
fn content_above_the_limit_is_refused_at_once_or_as_soon_as_it_is_seen() {
    let response = error("413 Content Too Large");
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n";
    Talk::new()
        .receive(post)
        .expect(&["Content(TooLarge)"], &response, Wants::Shutdown);
    let post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n";
    let events = ["POST /", "Content(TooLarge)"];
    Talk::new()
        .receive(post)
        .expect(&events, &response, Wants::Shutdown);
}

#[test]
fn an_expectation_gets_the_final_response_and_the_content_is_not_waited_for() {
    let put = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    Talk::new()
        .receive(put)
        .expect(&["PUT /"], OK_CLOSE, Wants::Shutdown);
    let get = "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n";
    Talk::new()
        .receive(get)
        .expect(&["GET /"], OK, Wants::Receive);
    let old = "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc";
    Talk::new()
        .receive(old)
        .expect(&["PUT /"], OK_CLOSE, Wants::LastLook);
}

#[test]
fn a_few_empty_lines_before_a_request_are_passed_over() {
    Talk::new()
        .receive(format!("{}{GET}", "\r\n".repeat(4)))
        .expect(&["GET /"], OK, Wants::Receive);
    let mut talk = Talk::new();
    talk.receive(format!("{}{GET}", "\r\n".repeat(5)));
    assert_eq!(talk.events, ["Head(Syntax)"]);
    let mut talk = Talk::new();
    for byte in "\r\n\r\n".bytes() {
        talk.receive([byte]).expect(&[], "", Wants::Receive);
    }
    assert!(
        talk.connection.is_idle(),
        "an empty line is not the start of a request"
    );
}

#[test]
fn a_head_is_due_within_its_deadline_however_it_trickles() {
    let mut talk = Talk::new();
    talk.receive("GET / HT");
    for _ in 0..9 {
        talk.wait(Duration::from_secs(1))
            .receive("T")
            .expect(&[], "", Wants::Receive);
    }
    let response = error("408 Request Timeout");
    talk.wait(Duration::from_secs(1))
        .expect(&["Timeout"], &response, Wants::Shutdown);
}

#[test]
fn a_peer_that_says_nothing_is_left_without_a_word() {
    let mut talk = Talk::new();
    talk.wait(Duration::from_secs(10))
        .expect(&[], "", Wants::Shutdown);
    let mut talk = Talk::new();
    talk.receive(GET).expect(&["GET /"], OK, Wants::Receive);
    talk.wait(Duration::from_secs(74))
        .expect(&[], "", Wants::Receive);
    talk.wait(Duration::from_secs(1))
        .expect(&[], "", Wants::Shutdown);
}

#[test]
fn content_may_come_slowly_but_not_stall() {
    let mut talk = Talk::new();
    talk.receive("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    talk.wait(Duration::from_secs(29))
        .receive("a")
        .expect(&["POST /"], "", Wants::Receive);
    talk.wait(Duration::from_secs(29))
        .receive("b")
        .expect(&[], "", Wants::Receive);
    let response = error("408 Request Timeout");
    talk.wait(Duration::from_secs(30))
        .expect(&["Timeout"], &response, Wants::Shutdown);
}

#[test]
fn content_that_trickles_is_not_waited_for_without_end() {
    let mut talk = Talk::new();
    talk.receive("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    for _ in 0..14 {
        talk.wait(Duration::from_secs(20)).receive("a");
    }
    talk.expect(&["POST /"], "", Wants::Receive);
    talk.wait(Duration::from_secs(20));
    assert_eq!(talk.events, ["Timeout"]);
}

#[test]
fn a_peer_that_does_not_read_is_reset() {
    let mut talk = Talk::new();
    talk.rest = GET.as_bytes().to_vec();
    talk.offer();
    assert_eq!(talk.connection.wants(), Wants::Transmit);
    talk.now += Duration::from_mins(1);
    let tick = Tick {
        now: talk.now,
        origin: ORIGIN,
        options: &talk.options,
    };
    assert!(talk.connection.handle_timeout(&tick).is_none());
    assert_eq!(talk.connection.wants(), Wants::Reset);
}

#[test]
fn sending_does_not_extend_the_deadline_of_a_head_that_has_begun() {
    let mut talk = Talk::new();
    talk.receive(format!("{GET}GET / HT"));
    talk.expect(&["GET /"], OK, Wants::Receive);
    talk.wait(Duration::from_secs(9))
        .expect(&[], "", Wants::Receive);
    talk.wait(Duration::from_secs(1));
    assert_eq!(talk.events, ["Timeout"]);
}

/// Nothing of it is read while responses before it are still to be sent.
#[test]
fn a_head_and_content_are_due_only_once_they_can_be_received() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    for (next, due) in [("GET / HT", 10), (post, 30)] {
        let mut talk = Talk::new();
        talk.rest = format!("{GET}{next}").into_bytes();
        talk.offer();
        for _ in 0..20 {
            talk.wait_without_sending(Duration::from_secs(29));
            assert_eq!(talk.connection.wants(), Wants::Transmit, "{next:?}");
            talk.transmit_in_part();
        }
        talk.transmit();
        talk.events.clear();
        talk.wait(Duration::from_secs(due - 1));
        assert!(talk.events.is_empty(), "{next:?}");
        talk.wait(Duration::from_secs(1));
        assert_eq!(talk.events, ["Timeout"], "{next:?}");
    }
}

#[test]
fn timeouts_that_change_hold_for_what_has_begun() {
    let mut talk = Talk::new();
    talk.receive(GET).wait(Duration::from_secs(20));
    assert_eq!(talk.connection.wants(), Wants::Receive);
    talk.options.timeouts.idle = Duration::from_secs(20);
    talk.wait(Duration::ZERO);
    assert_eq!(talk.connection.wants(), Wants::Shutdown);
}

#[test]
fn who_waits_for_us_is_neither_late_nor_slow() {
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(talk.connection.poll_timeout(&talk.options.timeouts), None);
    assert_eq!(talk.connection.phase(), Phase::Send);
    assert_eq!(talk.connection.arriving_since(), None);
    talk.wait(Duration::from_secs(3)).respond();
    assert_eq!(talk.connection.phase(), Phase::Content);
    assert_eq!(talk.connection.arriving_since(), Some(talk.now));
}

#[test]
fn a_head_that_takes_too_long_gets_no_content_if_it_asks_for_none() {
    let mut talk = Talk::new();
    talk.receive("HEAD / HTTP/1.1\r\n");
    let response = error("408 Request Timeout");
    talk.wait(Duration::from_secs(10)).expect(
        &["Timeout"],
        response.strip_suffix("abc").unwrap(),
        Wants::Shutdown,
    );
}

#[test]
fn idleness_is_reckoned_from_its_beginning_whatever_its_deadline() {
    let mut talk = Talk::new();
    let start = talk.now;
    let since = |talk: &Talk| talk.connection.idle_since().map(|since| since - start);
    assert_eq!(since(&talk), Some(Duration::ZERO));
    talk.wait(Duration::from_secs(3)).receive(GET);
    assert_eq!(since(&talk), Some(Duration::from_secs(3)));
    talk.receive("GET");
    assert_eq!(since(&talk), None);
}

#[test]
fn a_half_closed_peer_gets_what_it_asked_for() {
    let mut talk = Talk::new();
    talk.content = a_file;
    talk.rest = GET.as_bytes().to_vec();
    talk.offer();
    talk.receive_eof();
    assert!(talk.sent.ends_with("{f 0 7}"));
    talk.receive_eof();
    assert_eq!(talk.connection.wants(), Wants::LastLook);
}

#[test]
fn the_end_of_input_is_answered_where_something_is_wrong_already() {
    Talk::new().receive_eof().expect(&[], "", Wants::LastLook);
    Talk::new()
        .receive("GET / HTTP/1.1\r\nHost")
        .receive_eof()
        .expect(&[], "", Wants::LastLook);
    let mut talk = Talk::new();
    talk.receive("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab")
        .receive_eof();
    talk.expect(
        &["POST /", "ContentIncomplete"],
        &error("400 Bad Request"),
        Wants::Shutdown,
    );
}

#[test]
fn draining_ends_a_connection_after_its_next_response() {
    let mut talk = Talk::new();
    talk.receive(&GET[..10]);
    talk.drain();
    talk.receive(&GET[10..])
        .expect(&["GET /"], OK_CLOSE, Wants::Shutdown);
}

#[test]
fn draining_waits_a_moment_for_a_request_that_may_be_on_its_way() {
    let used = || {
        let mut talk = Talk::new();
        talk.receive(GET).expect(&["GET /"], OK, Wants::Receive);
        talk
    };
    for start in [Talk::new, used] {
        let mut talk = start();
        talk.drain();
        talk.wait(Duration::from_millis(200)).receive(GET).expect(
            &["GET /"],
            OK_CLOSE,
            Wants::Shutdown,
        );
        let mut talk = start();
        talk.drain();
        talk.wait(Duration::from_millis(299))
            .expect(&[], "", Wants::Receive);
        talk.wait(Duration::from_millis(1))
            .expect(&[], "", Wants::LastLook);
    }
}

#[test]
fn an_idle_connection_owns_no_buffer() {
    let mut talk = Talk::new();
    let mut spare = Vec::with_capacity(1000);
    talk.connection.lend(&mut spare);
    assert_eq!(spare.capacity(), 0);
    talk.receive(GET);
    talk.connection.reclaim(&mut spare);
    assert_eq!(spare.capacity(), 1000);
}

#[test]
fn a_response_may_take_its_time() {
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive(GET).expect(&["GET /"], "", Wants::Respond);
    // Who waits for us is not late.
    for _ in 0..10 {
        talk.wait(Duration::from_mins(1))
            .expect(&[], "", Wants::Respond);
    }
    talk.respond().expect(&[], OK, Wants::Receive);
    assert!(talk.connection.is_idle());
}

#[test]
fn requests_behind_one_whose_response_takes_its_time_wait_for_their_turn() {
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive(format!("{GET}HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n"))
        .expect(&["GET /"], "", Wants::Respond);
    talk.respond().expect(&["HEAD /2"], OK, Wants::Respond);
    assert_eq!(talk.connection.content_bytes(), 0, "that was another");
    talk.respond()
        .expect(&[], OK.strip_suffix("abc").unwrap(), Wants::Receive);
}

#[test]
fn content_is_not_read_before_there_is_a_response() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive(head).receive("abc");
    assert_eq!(talk.rest, b"abc");
    // Neither is it due.
    talk.wait(Duration::from_hours(1))
        .expect(&["POST /"], "", Wants::Respond);
    talk.respond().expect(&[], OK, Wants::Receive);
    talk.receive(head).expect(&["POST /"], "", Wants::Respond);
    talk.respond().expect(&[], "", Wants::Receive);
    talk.receive("abc").expect(&[], OK, Wants::Receive);
}

#[test]
fn a_response_that_takes_its_time_is_given_after_the_peers_end_and_while_draining() {
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive(GET).receive_eof();
    talk.drain();
    talk.expect(&["GET /"], "", Wants::Respond);
    talk.respond().expect(&[], OK_CLOSE, Wants::Shutdown);
}

#[test]
fn draining_leaves_a_response_that_is_being_sent_its_time() {
    for is_file in [false, true] {
        let mut talk = Talk::new();
        if is_file {
            talk.content = a_file;
        }
        talk.rest = GET.as_bytes().to_vec();
        talk.offer();
        talk.drain();
        talk.wait_without_sending(Duration::from_secs(29));
        assert_eq!(talk.connection.wants(), Wants::Transmit);
        talk.transmit();
        assert!(!talk.sent.contains("close"), "its head had left already");
        // So there may be one more request, which is not waited for as long as usual.
        talk.wait(Duration::from_millis(299));
        assert_eq!(talk.connection.wants(), Wants::Receive);
        talk.wait(Duration::from_millis(1));
        assert_eq!(talk.connection.wants(), Wants::LastLook);
    }
}

#[test]
fn the_request_after_a_response_that_was_being_sent_is_the_last() {
    let mut talk = Talk::new();
    talk.content = a_file;
    talk.rest = GET.as_bytes().to_vec();
    talk.offer();
    talk.drain();
    talk.transmit();
    talk.receive(GET);
    assert!(talk.sent.contains("Connection: close"));
    assert_eq!(talk.connection.wants(), Wants::Shutdown);
}

#[test]
fn a_peer_that_does_not_take_what_came_before_is_not_waited_for() {
    let options = Options::default();
    let tick = |now| Tick {
        now,
        origin: ORIGIN,
        options: &options,
    };
    let now = Instant::now();
    let mut connection = Connection::new(&tick(now));
    let mut storage = FieldStorage::default();
    connection.receive(GET.as_bytes(), &mut storage, &tick(now));
    respond(&mut connection, Status::Ok, Content::empty(), &tick(now));
    let mut storage = FieldStorage::default();
    connection.receive(GET.as_bytes(), &mut storage, &tick(now));
    assert_eq!(connection.wants(), Wants::Transmit);
    let later = now + Duration::from_mins(1);
    assert!(connection.handle_timeout(&tick(later)).is_none());
    assert_eq!(connection.wants(), Wants::Reset);
}

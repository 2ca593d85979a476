//! Each test plays a conversation: what the peer sends, when, and what it receives.

mod progress;

use super::*;
use crate::http::fields::FieldStorage;
use crate::http::response::FieldBlockWriter;
use crate::http::status::Status;
use bytes::Bytes;
use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

const COMMON_FIELDS: &[u8] = b"Date: now\r\n";

/// A connection, its owner, and a clock that the test moves.
struct Talk {
    connection: Connection<&'static str>,
    options: Options,
    now: Instant,
    /// The bytes that were received and not used yet.
    rest: Vec<u8>,
    /// The bytes that the peer received, with files written as `{name offset length}`.
    sent: String,
    /// The requests and rejections, in order.
    events: Vec<String>,
    /// The content of the responses.
    content: fn() -> Content<&'static str>,
    /// `true` if requests are answered as soon as they arrive, `false` if the test calls `respond`.
    answers_at_once: bool,
}

impl Talk {
    fn new() -> Self {
        let options = Options::default();
        let now = Instant::now();
        let connection = Connection::new(&Now {
            instant: now,
            common_fields: COMMON_FIELDS,
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
        self.run();
        self
    }

    fn receive_eof(&mut self) -> &mut Self {
        let content = self.content_at_once();
        let rest = std::mem::take(&mut self.rest);
        let mut storage = FieldStorage::default();
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        let event = self.connection.receive_eof(&rest, &mut storage, &now);
        if let Some(event) = event {
            self.events
                .push(answer(&mut self.connection, &event, content, &now));
        }
        self.run();
        self
    }

    fn wait(&mut self, duration: Duration) -> &mut Self {
        self.wait_without_sending(duration);
        self.run();
        self
    }

    fn wait_without_sending(&mut self, duration: Duration) {
        let content = self.content_at_once();
        self.now += duration;
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        if let Some(event) = self.connection.handle_timeout(&now) {
            self.events
                .push(answer(&mut self.connection, &event, content, &now));
        }
    }

    fn content_at_once(&self) -> Option<fn() -> Content<&'static str>> {
        self.answers_at_once.then_some(self.content)
    }

    /// Answers the request that is still unanswered.
    fn respond(&mut self) -> &mut Self {
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        respond(&mut self.connection, Status::Ok, (self.content)(), &now);
        self.run();
        self
    }

    /// Offers the remaining bytes and sends the ready ones until neither makes progress.
    fn run(&mut self) {
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
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        let mut at = 0;
        loop {
            let mut storage = FieldStorage::default();
            let received = self.connection.receive(&rest[at..], &mut storage, &now);
            at += received.used;
            match received.event {
                Some(event) => {
                    self.events
                        .push(answer(&mut self.connection, &event, content, &now));
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
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        self.connection.transmitted(count, &now);
        true
    }

    /// Sends one ready byte.
    fn transmit_in_part(&mut self) {
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        self.connection.transmitted(1, &now);
    }

    fn drain(&mut self) {
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        self.connection.drain(&now);
    }

    fn shut_down(&mut self) -> &mut Self {
        assert_eq!(self.connection.wants(), Wants::Shutdown);
        let now = Now {
            instant: self.now,
            common_fields: COMMON_FIELDS,
            options: &self.options,
        };
        self.connection.shut_down(&now);
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
    now: &Now<'_>,
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
        Event::Rejected { rejection, .. } => (format!("{rejection:?}"), rejection.status()),
    };
    if let Some(content) = content {
        respond(connection, status, content(), now);
    }
    text
}

fn respond(
    connection: &mut Connection<&'static str>,
    status: Status,
    content: Content<&'static str>,
    now: &Now<'_>,
) {
    let fields = FieldBlockWriter::default().field("A", "b").finish();
    let response = Response {
        status,
        fields,
        content,
    };
    connection.respond(response, now);
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
fn a_request_is_answered_and_the_connection_persists() {
    let mut talk = Talk::new();
    talk.receive(GET).expect(&["GET /"], OK, Wants::Receive);
    talk.receive(GET).expect(&["GET /"], OK, Wants::Receive);
    assert!(talk.connection.is_idle());
}

#[test]
fn input_split_anywhere_gives_the_same_answers() {
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
fn an_unsent_response_delays_the_next_request() {
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
    talk.run();
    let response = "HTTP/1.1 200 OK\r\nDate: now\r\nA: b\r\n\r\n{f 5 7}";
    talk.expect(&["GET /", "GET /"], &response.repeat(2), Wants::Receive);
}

#[test]
fn a_full_outbox_is_sent_before_the_next_request_is_read() {
    let mut talk = Talk::new();
    talk.content = || Content::one(Segment::Bytes(Bytes::from(vec![b'x'; 16 * 1024])));
    talk.rest = GET.repeat(100).into_bytes();
    talk.offer();
    assert!(talk.events.len() < 6, "{}", talk.events.len());
    talk.run();
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
fn segments_are_produced_only_as_earlier_ones_are_sent() {
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive(GET);
    let made = Rc::new(Cell::new(0));
    let counter = Rc::clone(&made);
    let segments = (0..1000).map(move |number| {
        counter.set(number + 1);
        Segment::Bytes(Bytes::from_static(&[b'x'; 1024]))
    });
    let now = Now {
        instant: talk.now,
        common_fields: COMMON_FIELDS,
        options: &talk.options,
    };
    let content = Content::sequence(segments);
    respond(&mut talk.connection, Status::Ok, content, &now);
    assert!(made.get() < 40, "{} made before any is sent", made.get());
    talk.run();
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
        .expect(&["GET /"], OK_CLOSE, Wants::FinalRead);
    let old = "GET / HTTP/1.0\r\n\r\n";
    Talk::new()
        .receive(old)
        .expect(&["GET /"], OK_CLOSE, Wants::FinalRead);
}

#[test]
fn bytes_after_a_request_to_close_make_the_connection_linger() {
    let input = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{GET}");
    Talk::new()
        .receive(input)
        .expect(&["GET /"], OK_CLOSE, Wants::Shutdown);
}

#[test]
fn an_http_10_client_that_asks_for_keep_alive_gets_it_confirmed() {
    let keep = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let response = "HTTP/1.1 200 OK\r\nDate: now\r\nA: b\r\nConnection: keep-alive\r\n\r\nabc";
    Talk::new()
        .receive(keep)
        .expect(&["GET /"], response, Wants::Receive);
}

#[test]
fn a_rejection_is_answered_then_the_connection_shuts_and_waits_for_the_peer() {
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
fn a_lingering_connection_closes_at_its_deadline() {
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
fn malformed_content_replaces_the_held_response_with_an_error() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd";
    let events = ["POST /", "Content(Malformed)"];
    Talk::new()
        .receive(post)
        .expect(&events, &error("400 Bad Request"), Wants::Shutdown);
}

#[test]
fn content_over_the_limit_is_rejected_as_soon_as_its_size_is_known() {
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
fn an_expectation_gets_the_final_response_without_waiting_for_the_content() {
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
        .expect(&["PUT /"], OK_CLOSE, Wants::FinalRead);
}

#[test]
fn a_few_empty_lines_before_a_request_are_skipped() {
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
fn trickled_bytes_do_not_extend_the_head_deadline() {
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
fn a_silent_peer_is_closed_without_a_response() {
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
fn content_may_arrive_slowly_but_not_stall() {
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
fn trickled_content_reaches_a_final_deadline() {
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
    let now = Now {
        instant: talk.now,
        common_fields: COMMON_FIELDS,
        options: &talk.options,
    };
    assert!(talk.connection.handle_timeout(&now).is_none());
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

/// Nothing of the request is read while earlier responses are still being sent.
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
fn changed_timeouts_apply_to_existing_connections() {
    let mut talk = Talk::new();
    talk.receive(GET).wait(Duration::from_secs(20));
    assert_eq!(talk.connection.wants(), Wants::Receive);
    talk.options.timeouts.idle = Duration::from_secs(20);
    talk.wait(Duration::ZERO);
    assert_eq!(talk.connection.wants(), Wants::Shutdown);
}

#[test]
fn a_peer_that_waits_for_our_response_is_neither_late_nor_slow() {
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
fn idle_time_counts_from_its_beginning() {
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
    assert_eq!(talk.connection.wants(), Wants::FinalRead);
}

#[test]
fn a_malformed_head_is_answered_when_the_peer_closes() {
    Talk::new().receive_eof().expect(&[], "", Wants::FinalRead);
    Talk::new()
        .receive("GET / HTTP/1.1\r\nHost")
        .receive_eof()
        .expect(&[], "", Wants::FinalRead);
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
            .expect(&[], "", Wants::FinalRead);
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
fn a_response_may_take_as_long_as_it_needs() {
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive(GET).expect(&["GET /"], "", Wants::Respond);
    // A peer that waits for us is not late.
    for _ in 0..10 {
        talk.wait(Duration::from_mins(1))
            .expect(&[], "", Wants::Respond);
    }
    talk.respond().expect(&[], OK, Wants::Receive);
    assert!(talk.connection.is_idle());
}

#[test]
fn requests_behind_a_slow_response_wait_for_their_turn() {
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
    // The content is not due either.
    talk.wait(Duration::from_hours(1))
        .expect(&["POST /"], "", Wants::Respond);
    talk.respond().expect(&[], OK, Wants::Receive);
    talk.receive(head).expect(&["POST /"], "", Wants::Respond);
    talk.respond().expect(&[], "", Wants::Receive);
    talk.receive("abc").expect(&[], OK, Wants::Receive);
}

#[test]
fn a_slow_response_is_sent_after_the_peer_has_finished_sending_and_while_draining() {
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive(GET).receive_eof();
    talk.drain();
    talk.expect(&["GET /"], "", Wants::Respond);
    talk.respond().expect(&[], OK_CLOSE, Wants::Shutdown);
}

#[test]
fn draining_lets_a_response_in_progress_finish() {
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
        // So one more request may come, and the wait for it is shorter than usual.
        talk.wait(Duration::from_millis(299));
        assert_eq!(talk.connection.wants(), Wants::Receive);
        talk.wait(Duration::from_millis(1));
        assert_eq!(talk.connection.wants(), Wants::FinalRead);
    }
}

#[test]
fn the_request_after_a_response_in_progress_is_the_last() {
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
fn a_peer_that_leaves_a_response_unread_is_reset_even_after_its_next_request() {
    let options = Options::default();
    let at = |instant| Now {
        instant,
        common_fields: COMMON_FIELDS,
        options: &options,
    };
    let now = Instant::now();
    let mut connection = Connection::new(&at(now));
    let mut storage = FieldStorage::default();
    connection.receive(GET.as_bytes(), &mut storage, &at(now));
    respond(&mut connection, Status::Ok, Content::empty(), &at(now));
    let mut storage = FieldStorage::default();
    connection.receive(GET.as_bytes(), &mut storage, &at(now));
    assert_eq!(connection.wants(), Wants::Transmit);
    let later = now + Duration::from_mins(1);
    assert!(connection.handle_timeout(&at(later)).is_none());
    assert_eq!(connection.wants(), Wants::Reset);
}

/// Feeds a response without an end.
fn feed(talk: &mut Talk, bytes: &str) {
    let now = Now {
        instant: talk.now,
        common_fields: COMMON_FIELDS,
        options: &talk.options,
    };
    talk.connection.feed(bytes.as_bytes(), &now);
}

/// Returns a conversation in which a response without an end was requested.
fn streaming(request: &str) -> Talk {
    let mut talk = Talk::new();
    talk.content = || Content::open(Bytes::from_static(b"abc"));
    talk.receive(request)
        .expect(&["GET /"], OK_CLOSE, Wants::Receive);
    talk
}

#[test]
fn a_response_without_an_end_is_fed_until_it_is_ended_and_has_no_deadline() {
    let http_10 = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    for request in [GET, http_10] {
        let mut talk = streaming(request);
        assert_eq!(talk.connection.phase(), Phase::Stream);
        assert!(!talk.connection.is_idle() && talk.connection.is_exchanging());
        let timeouts = &talk.options.timeouts;
        assert_eq!(talk.connection.poll_timeout(timeouts), None);
        talk.wait(Duration::from_hours(24));
        feed(&mut talk, "one");
        assert_eq!(talk.connection.phase(), Phase::Send);
        talk.wait(Duration::ZERO).expect(&[], "one", Wants::Receive);
        feed(&mut talk, "two");
        talk.connection.end_stream();
        talk.wait(Duration::ZERO)
            .expect(&[], "two", Wants::FinalRead);
        assert_eq!(talk.connection.content_bytes(), 9);
        feed(&mut talk, "three");
        talk.expect(&[], "", Wants::FinalRead);
    }
}

#[test]
fn requests_after_one_for_a_response_without_an_end_are_dropped() {
    let mut talk = streaming(&format!("{GET}{GET}"));
    talk.receive(vec![b'x'; 100_000])
        .expect(&[], "", Wants::Receive);
    assert!(talk.rest.is_empty());
}

#[test]
fn a_peer_that_closes_its_side_or_a_drain_ends_a_response_without_an_end() {
    let mut talk = streaming(GET);
    talk.receive_eof().expect(&[], "", Wants::FinalRead);
    let mut talk = streaming(GET);
    talk.drain();
    talk.expect(&[], "", Wants::FinalRead);
}

#[test]
fn a_peer_that_does_not_read_what_is_fed_is_reset() {
    let mut talk = streaming(GET);
    talk.wait(Duration::from_hours(1));
    feed(&mut talk, "one");
    talk.wait_without_sending(Duration::from_secs(59));
    assert_eq!(talk.connection.wants(), Wants::Transmit);
    talk.wait_without_sending(Duration::from_secs(1));
    assert_eq!(talk.connection.wants(), Wants::Reset);

    let mut talk = streaming(GET);
    let much = "x".repeat(100_000);
    feed(&mut talk, &much);
    feed(&mut talk, &much);
    assert_eq!(talk.connection.wants(), Wants::Transmit);
    feed(&mut talk, &much);
    assert_eq!(talk.connection.wants(), Wants::Reset);
}

#[test]
fn head_gets_no_response_without_an_end() {
    let mut talk = Talk::new();
    talk.content = || Content::open(Bytes::from_static(b"abc"));
    talk.receive("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!talk.connection.is_streaming() && !talk.sent.contains("abc"));
    assert_eq!(talk.connection.wants(), Wants::Receive);
}

//! What a connection reports of itself, and what it sends in small parts.

use super::*;
use crate::http::content::ContentError;
use crate::http::request::HeadError;

#[test]
fn a_connection_tells_its_phase_from_the_first_byte_to_the_last() {
    let mut talk = Talk::new();
    let start = talk.now;
    let phase = |talk: &Talk| (talk.connection.phase(), talk.connection.is_fresh());
    assert_eq!(phase(&talk), (Phase::New, true));
    assert!(talk.connection.is_idle() && !talk.connection.is_exchanging());
    talk.wait(Duration::from_secs(1)).receive("POST / HT");
    assert_eq!(phase(&talk), (Phase::Head, true));
    let begun = Some(start + Duration::from_secs(1));
    assert_eq!(talk.connection.arriving_since(), begun);
    talk.wait(Duration::from_secs(1));
    talk.receive("TP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(phase(&talk), (Phase::Content, false));
    assert!(talk.connection.is_exchanging() && talk.connection.is_held());
    talk.receive("abc").expect(&["POST /"], OK, Wants::Receive);
    assert_eq!(phase(&talk), (Phase::Idle, false));
    assert!(!talk.connection.is_held() && !talk.connection.is_closing());
    assert_eq!(talk.connection.arriving_since(), None);
    assert_eq!(talk.connection.lingering_since(), None);
    talk.receive("nonsense\r\n\r\n");
    assert_eq!(phase(&talk), (Phase::Linger, false));
    assert!(talk.connection.is_closing());
    talk.wait(Duration::from_secs(1)).shut_down();
    assert_eq!(talk.connection.lingering_since(), Some(talk.now));
    assert!(!talk.connection.is_closing());
    talk.receive_eof();
    assert_eq!(phase(&talk), (Phase::Linger, false));
}

#[test]
fn nothing_arrives_while_bytes_are_unsent() {
    let mut talk = Talk::new();
    talk.rest = format!("{GET}GET / HT").into_bytes();
    talk.offer();
    assert_eq!(talk.connection.wants(), Wants::Transmit);
    assert_eq!(talk.connection.phase(), Phase::Send);
    assert_eq!(talk.connection.arriving_since(), None);
    assert!(!talk.connection.is_idle());
    talk.transmit();
    assert_eq!(talk.connection.phase(), Phase::Head);
    assert_eq!(talk.connection.arriving_since(), Some(talk.now));
}

#[test]
fn only_a_response_without_an_end_is_streaming() {
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive(GET);
    assert!(!talk.connection.is_streaming());
    assert_eq!(talk.connection.streaming_since(), None);
    let mut talk = Talk::new();
    talk.content = a_file;
    talk.rest = GET.as_bytes().to_vec();
    talk.offer();
    assert!(talk.connection.is_exchanging() && !talk.connection.is_streaming());
    let mut talk = streaming(GET);
    assert!(talk.connection.is_streaming());
    assert_eq!(talk.connection.streaming_since(), Some(talk.now));
    feed(&mut talk, "one");
    assert!(talk.connection.is_streaming());
    assert_eq!(talk.connection.streaming_since(), None);
}

#[test]
fn responses_without_content_wait_for_a_full_outbox_too() {
    let mut talk = Talk::new();
    talk.content = Content::empty;
    talk.rest = GET.repeat(5000).into_bytes();
    talk.offer();
    let answered = talk.events.len();
    assert!((500..1000).contains(&answered), "{answered}");
    talk.run();
    assert_eq!(talk.events.len(), 5000);
}

/// Sends some bytes at a time, and notes parts of files as `{name offset length}`.
fn send_in_parts(talk: &mut Talk, size: usize) {
    loop {
        let count = match talk.connection.poll_transmit() {
            None => return,
            Some(Transmit::Bytes(first, second)) => {
                let part: Vec<u8> = first.iter().chain(second).copied().take(size).collect();
                talk.sent
                    .push_str(&String::from_utf8(part.clone()).unwrap());
                part.len() as u64
            }
            Some(Transmit::File { before, .. }) if !before.is_empty() => {
                let part = &before[..size.min(before.len())];
                talk.sent.push_str(std::str::from_utf8(part).unwrap());
                part.len() as u64
            }
            Some(Transmit::File {
                file,
                offset,
                length,
                ..
            }) => {
                let count = length.min(size as u64);
                write!(talk.sent, "{{{file} {offset} {count}}}").unwrap();
                count
            }
        };
        let now = Now {
            instant: talk.now,
            common_fields: COMMON_FIELDS,
            options: &talk.options,
        };
        talk.connection.transmitted(count, &now);
    }
}

#[test]
fn a_response_sent_in_parts_is_sent_once_and_in_order() {
    for size in [1, 3, 5] {
        let mut talk = Talk::new();
        talk.rest = GET.as_bytes().to_vec();
        talk.offer();
        send_in_parts(&mut talk, size);
        talk.expect(&["GET /"], OK, Wants::Receive);
        assert_eq!(talk.connection.content_bytes(), 3);
    }
    let mut talk = Talk::new();
    talk.content = || {
        let large = Bytes::from(vec![b'x'; 10_000]);
        let file = Segment::File {
            file: "f",
            offset: 0,
            length: 7,
        };
        Content::sequence([Segment::Bytes(large), file].into_iter())
    };
    talk.rest = GET.as_bytes().to_vec();
    talk.offer();
    send_in_parts(&mut talk, 3);
    let sent = std::mem::take(&mut talk.sent);
    let (_, content) = sent.split_once("\r\n\r\n").unwrap();
    let files = "{f 0 3}{f 3 3}{f 6 1}";
    assert_eq!(content, format!("{}{files}", "x".repeat(10_000)));
    assert_eq!(talk.connection.content_bytes(), 10_007);
    assert!(talk.connection.is_idle());
}

#[test]
fn small_content_is_joined_to_its_head_and_large_content_is_not_copied() {
    for (length, joined) in [(1, 1), (8 * 1024, 8 * 1024), (8 * 1024 + 1, 0)] {
        let mut talk = Talk::new();
        talk.answers_at_once = false;
        talk.receive(GET);
        let now = Now {
            instant: talk.now,
            common_fields: COMMON_FIELDS,
            options: &talk.options,
        };
        let content = Content::one(Segment::Bytes(Bytes::from(vec![b'x'; length])));
        respond(&mut talk.connection, Status::Ok, content, &now);
        let Some(Transmit::Bytes(first, second)) = talk.connection.poll_transmit() else {
            panic!("{length}");
        };
        let head = OK.len() - "abc".len();
        assert_eq!(
            (first.len(), second.len()),
            (head + joined, length - joined)
        );
    }
}

#[test]
fn only_a_larger_buffer_replaces_the_spare_one() {
    for (lent, spare, left) in [(1000, 100, 1000), (100, 1000, 1000)] {
        let mut talk = Talk::new();
        talk.connection.lend(&mut Vec::with_capacity(lent));
        let mut kept = Vec::with_capacity(spare);
        talk.connection.lend(&mut kept);
        assert_eq!(kept.capacity(), spare, "the first buffer is kept");
        talk.connection.reclaim(&mut kept);
        assert_eq!(kept.capacity(), left);
    }
    let mut talk = Talk::new();
    talk.rest = GET.as_bytes().to_vec();
    talk.offer();
    let mut spare = Vec::new();
    talk.connection.reclaim(&mut spare);
    assert_eq!(spare.capacity(), 0, "it holds bytes that are not sent");
    talk.run();
    talk.expect(&["GET /"], OK, Wants::Receive);
}

#[test]
fn content_is_joined_until_the_outbox_is_full() {
    let mut talk = Talk::new();
    talk.answers_at_once = false;
    talk.receive(GET);
    let now = Now {
        instant: talk.now,
        common_fields: COMMON_FIELDS,
        options: &talk.options,
    };
    let head = OK.len() - "abc".len();
    // Together with the head, these fill the outbox to the byte. One more fits behind them.
    let lengths = [8192, 8192, 8192, 8192 - head, 1, 1];
    let segments = lengths.map(|length| Segment::Bytes(Bytes::from(vec![b'x'; length])));
    let content = Content::sequence(segments.into_iter());
    respond(&mut talk.connection, Status::Ok, content, &now);
    let Some(Transmit::Bytes(first, second)) = talk.connection.poll_transmit() else {
        panic!("no bytes");
    };
    assert_eq!((first.len(), second.len()), (32 * 1024 + 1, 1));
}

#[test]
fn only_unsent_bytes_count_against_a_peer_that_is_fed() {
    let mut talk = streaming(GET);
    let sent = 200 * 1024;
    feed(&mut talk, &"x".repeat(sent + 1));
    let now = Now {
        instant: talk.now,
        common_fields: COMMON_FIELDS,
        options: &talk.options,
    };
    talk.connection.transmitted(sent as u64, &now);
    feed(&mut talk, &"x".repeat(256 * 1024 - 1));
    assert_eq!(talk.connection.wants(), Wants::Transmit);
    feed(&mut talk, "x");
    assert_eq!(talk.connection.wants(), Wants::Reset);
}

#[test]
fn content_is_described_without_its_later_segments() {
    let text = format!("{:?}", a_file());
    assert!(text.starts_with("Content { current: Some(File"), "{text}");
    assert!(
        text.ends_with("has_later: false, is_open: false }"),
        "{text}"
    );
}

#[test]
fn a_rejection_says_what_is_wrong_and_has_a_status() {
    let head = HeadError::InvalidHost;
    for (rejection, text, status) in [
        (Rejection::Head(head), "Host", Status::BadRequest),
        (
            Rejection::Content(ContentError::Malformed),
            "body is malformed",
            Status::BadRequest,
        ),
        (
            Rejection::Content(ContentError::TooLarge),
            "larger than body-bytes-max",
            Status::ContentTooLarge,
        ),
        (
            Rejection::ContentIncomplete,
            "before the end",
            Status::BadRequest,
        ),
        (Rejection::Timeout, "too long", Status::RequestTimeout),
    ] {
        assert!(rejection.to_string().contains(text), "{rejection}");
        assert_eq!(rejection.status(), status, "{rejection}");
    }
}

#[test]
fn an_outbox_that_is_filled_to_the_byte_takes_one_more_response() {
    let mut talk = Talk::new();
    talk.content = || {
        let head = OK.len() - "abc".len();
        let lengths = [8192, 8192, 8192, 8192 - head];
        let segments = lengths.map(|length| Segment::Bytes(Bytes::from(vec![b'x'; length])));
        Content::sequence(segments.into_iter())
    };
    talk.rest = GET.repeat(3).into_bytes();
    talk.offer();
    assert_eq!(talk.events.len(), 2);
    talk.run();
    assert_eq!(talk.events.len(), 3);
}

#[test]
fn each_phase_has_its_own_name() {
    let names = Phase::ALL.map(Phase::name);
    let expected = ["new", "idle", "head", "content", "send", "stream", "linger"];
    assert_eq!(names, expected);
}

//! Micro benchmarks of the pure layers: heads, targets, plans, and a whole request without I/O.
//!
//! `cargo bench --bench micro`; the results depend on the machine, unlike those of
//! `bench/instructions`.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use millpond::conn::{self, Connection, Content, Event, Now, Response, Segment, Wants};
use millpond::http::Limits;
use millpond::http::coding::{Coding, Codings};
use millpond::http::date::HttpDate;
use millpond::http::etag::EntityTag;
use millpond::http::fields::FieldStorage;
use millpond::http::path::RequestPath;
use millpond::http::request::RequestHead;
use millpond::plan::{
    Anybody, Decision, Fallback, Lookup, Metadata, Plan, Policy, Representation, Resource,
    Resources, Unavailable, respond,
};
use std::fmt;
use std::task::Poll;
use std::time::Instant;

fn main() {
    divan::main();
}

/// A request, displayed by its name.
struct Request {
    name: &'static str,
    head: &'static str,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const SHORT: Request = Request {
    name: "short",
    head: "GET /index.html HTTP/1.1\r\nHost: example.org\r\n\r\n",
};

const CURL: Request = Request {
    name: "curl",
    head: "GET /index.html HTTP/1.1\r\nHost: example.org\r\nUser-Agent: curl/7.88.1\r\n\
        Accept: */*\r\n\r\n",
};

/// The request of Chromium for a page, with a cookie.
const BROWSER: Request = Request {
    name: "browser",
    head: "GET /index.html HTTP/1.1\r\nHost: example.org\r\nConnection: keep-alive\r\n\
        Cache-Control: max-age=0\r\nsec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
        sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n\
        User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
        Chrome/142.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;\
        q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\n\
        Sec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n\
        Referer: http://example.org/guide/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
        Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nCookie: theme=dark; session=2f1c9a70d7c5\r\n\r\n",
};

const REVALIDATION: Request = Request {
    name: "304",
    head: "GET /index.html HTTP/1.1\r\nHost: example.org\r\n\
        If-None-Match: \"0123456789abcdef\"\r\n\r\n",
};

const RANGE: Request = Request {
    name: "range",
    head: "GET /index.html HTTP/1.1\r\nHost: example.org\r\nRange: bytes=100-199\r\n\r\n",
};

const RANGES: Request = Request {
    name: "ranges",
    head: "GET /index.html HTTP/1.1\r\nHost: example.org\r\n\
        Range: bytes=0-99,300-399,-100\r\n\r\n",
};

#[divan::bench(args = [SHORT, CURL, BROWSER])]
fn parse_head(bencher: Bencher<'_, '_>, request: &Request) {
    let limits = Limits::default();
    let head = request.head.as_bytes();
    bencher.counter(BytesCount::new(head.len())).bench(|| {
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(black_box(head), &mut storage, &limits);
        assert!(matches!(parsed, Ok(Some(_))));
    });
}

#[divan::bench(args = ["/", "/styles/site.css", "/a/./b/../c.html", "/caf%C3%A9/%E2%82%AC.txt"])]
fn decode_target(path: &str) {
    assert!(RequestPath::parse(black_box(path.as_bytes())).is_ok());
}

#[divan::bench(args = [SHORT, REVALIDATION, RANGE, RANGES])]
fn decide(bencher: Bencher<'_, '_>, request: &Request) {
    let representation = representation();
    bench_decision(bencher, request, Ok(&representation));
}

#[divan::bench]
fn decide_not_found(bencher: Bencher<'_, '_>) {
    bench_decision(bencher, &SHORT, Err(Unavailable::NotFound));
}

fn bench_decision(
    bencher: Bencher<'_, '_>,
    request: &Request,
    resource: Result<&Representation, Unavailable>,
) {
    let mut storage = FieldStorage::default();
    let (request, _) =
        RequestHead::parse(request.head.as_bytes(), &mut storage, &Limits::default())
            .expect("the head is right")
            .expect("the head is whole");
    let policy = Policy::default();
    bencher.bench_local(|| decision(black_box(&request), &policy, resource));
}

fn decision<'a>(
    request: &RequestHead<'_>,
    policy: &Policy,
    resource: Result<&'a Representation, Unavailable>,
) -> Decision<OneFile<'a>> {
    match respond(
        request,
        policy,
        "boundary",
        &mut OneResource(resource),
        &mut Anybody,
    ) {
        Poll::Ready(decision) => decision,
        Poll::Pending => panic!("nothing here takes a job"),
    }
}

/// A site with the same result for each path.
struct OneResource<'a>(Result<&'a Representation, Unavailable>);

#[derive(Clone, Copy)]
struct OneFile<'a>(&'a Representation);

impl<'a> Resources for OneResource<'a> {
    type File = OneFile<'a>;

    fn find(&mut self, _: &RequestHead<'_>, _: &RequestPath<'_>) -> Lookup<OneFile<'a>> {
        Poll::Ready(self.0.map(OneFile))
    }

    fn find_fallback(&mut self, _: Fallback, _: &RequestPath<'_>) -> Lookup<OneFile<'a>> {
        Poll::Ready(Err(Unavailable::NotFound))
    }

    fn nearest_with<'p>(&mut self, _: &'static str, _: &'p [u8]) -> &'p [u8] {
        b""
    }

    fn encode(&mut self, _: &[u8], _: &OneFile<'a>, _: Coding) -> Option<Lookup<OneFile<'a>>> {
        None
    }

    fn decode(&mut self, _: &[u8], _: &OneFile<'a>) -> Option<Lookup<OneFile<'a>>> {
        None
    }
}

impl Resource for OneFile<'_> {
    fn representation(&self) -> &Representation {
        self.0
    }

    fn path_on_disk(&self) -> &[u8] {
        b"index.html"
    }

    fn codings(&self) -> Codings {
        Codings::EMPTY
    }

    fn is_only_precompressed(&self) -> bool {
        false
    }
}

/// Measures the way from the bytes of a request to those of its response and back to idle, as in
/// the event loop but without system calls.
#[divan::bench(args = [SHORT, BROWSER])]
fn exchange(bencher: Bencher<'_, '_>, request: &Request) {
    let options = conn::Options::default();
    let common_fields = b"Server: millpond\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let now = Now {
        instant: Instant::now(),
        common_fields,
        options: &options,
    };
    let (representation, policy) = (representation(), Policy::default());
    let content = bytes::Bytes::from(vec![b'x'; 1024]);
    let mut connection = Connection::<()>::new(&now);
    let mut buffer = Vec::with_capacity(4096);
    bencher.bench_local(|| {
        connection.lend(&mut buffer);
        let mut storage = FieldStorage::default();
        let received = connection.receive(black_box(request.head.as_bytes()), &mut storage, &now);
        let Some(Event::Request(request)) = received.event else {
            panic!("no request")
        };
        let Plan { status, fields, .. } = decision(&request, &policy, Ok(&representation)).plan;
        let content = Content::one(Segment::Bytes(content.clone()));
        connection.respond(
            Response {
                status,
                fields,
                content,
            },
            &now,
        );
        while connection.wants() == Wants::Transmit {
            let sent = match connection.poll_transmit() {
                Some(conn::Transmit::Bytes(first, second)) => {
                    black_box((first, second));
                    first.len() + second.len()
                }
                _ => panic!("nothing to send"),
            };
            connection.transmitted(sent as u64, &now);
        }
        connection.reclaim(&mut buffer);
    });
}

fn representation() -> Representation {
    let facts = Metadata {
        length: 1024,
        fallback: None,
        content_type: "text/html; charset=utf-8".into(),
        coding: None,
        vary: None,
        security_policy: None,
        edits: Vec::new(),
        entity_tag: Some(EntityTag::strong("0123456789abcdef")),
        last_modified: HttpDate::from_unix_seconds(784_111_777),
        is_date_strong: true,
    };
    Representation::new(facts, &Policy::default())
}

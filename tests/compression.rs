//! Compression on request (RFC 9110 §8.4.1.3), and answers that wait for it while others do not.

mod support;

use flate2::write::GzEncoder;
use rustix::process::Signal;
use socket2::SockRef;
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};
use support::{
    Launch, Response, Server, Site, assert_all, gzip, noise, poll_until, responses, settled_time,
    waits_beside,
};

/// So many lines of text, of which no two are alike.
fn text(lines: usize) -> String {
    let mut text = String::new();
    for line in 0..lines {
        writeln!(text, "{line}: the pond lies still, {}", line * line % 977).expect("it is memory");
    }
    text
}

fn accepting(server: &Server, target: &str, value: &str) -> Response {
    server.request("GET", target, &[("Accept-Encoding", value)])
}

#[test]
fn text_is_compressed_on_request_and_the_result_is_the_same_everywhere() {
    let site = Site::new();
    let content = text(1000);
    site.file("a.txt", &content);
    let site_beside = Site::new();
    site_beside.file("a.txt", &content);
    let servers = [
        Server::start(site.root()),
        Server::start(site_beside.root()),
        // The cache makes it faster, and changes not a byte.
        Launch::of(site.root())
            .args(["--cache-bytes-max", "0"])
            .start(),
    ];
    let mut seen = Vec::new();
    for server in &servers {
        for _ in 0..2 {
            let response = accepting(server, "/a.txt", "gzip");
            assert_eq!(response.gunzipped(), content.as_bytes());
            assert!(response.content.len() < content.len() / 3);
            assert_eq!(response.field("vary"), Some("Accept-Encoding"));
            let etag = response.field("etag").unwrap().to_owned();
            assert!(etag.starts_with('"'), "it is strong");
            let if_none_match = [("Accept-Encoding", "gzip"), ("If-None-Match", &etag)];
            assert_eq!(server.request("GET", "/a.txt", &if_none_match).status, 304);
            seen.push((etag, response.content));
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
    let plain = servers[0].get("/a.txt");
    assert_eq!(plain.text(), content);
    assert_eq!(plain.field("vary"), Some("Accept-Encoding"));
}

#[test]
fn a_large_file_is_compressed_once_it_has_settled() {
    let site = Site::new();
    let content = text(50_000);
    site.file("large.txt", &content);
    let server = Server::start(site.root());
    server.await_strong_etag("/large.txt");
    let response = accepting(&server, "/large.txt", "gzip");
    assert_eq!(response.gunzipped(), content.as_bytes());
    let etag = response.field("etag").unwrap();
    let (accept, range) = (("Accept-Encoding", "gzip"), ("Range", "bytes=-100"));
    let begun = [accept, range, ("If-Range", etag)];
    let rest = server.request("GET", "/large.txt", &begun);
    assert_eq!(
        rest.content,
        response.content[response.content.len() - 100..]
    );
    let part = server.request("GET", "/large.txt", &[accept, range]);
    assert_eq!(part.content, content.as_bytes()[content.len() - 100..]);
    // Asked for in the state that it is in now, whatever was made before.
    site.replace("large.txt", text(40_000));
    let response = accepting(&server, "/large.txt", "gzip");
    match response.field("content-encoding") {
        None => assert_eq!(response.text(), text(40_000)),
        Some(_) => assert_eq!(response.gunzipped(), text(40_000).as_bytes()),
    }
}

#[test]
fn a_large_file_that_has_just_changed_says_what_it_will_vary_by() {
    let site = Site::new();
    let server = Server::start(site.root());
    let content = text(50_000);
    site.file("large.txt", &content);
    let response = accepting(&server, "/large.txt", "gzip");
    let coded = response.field("content-encoding").is_some();
    assert!(coded || response.text() == content);
    assert_eq!(response.field("vary"), Some("Accept-Encoding"));
}

#[test]
fn what_was_made_of_a_file_is_not_sent_for_another_of_the_same_size_and_time() {
    let site = Site::new();
    // One whose tag is made of its content, and one whose tag is made of its size and time.
    let versions = |lines| [text(lines), text(lines).replace("pond", "lake")];
    let files = [("small.txt", versions(1000)), ("large.txt", versions(5000))];
    let server = Server::start(site.root());
    for version in [0, 1, 0] {
        for (name, versions) in &files {
            // Its modification time is the same each time.
            site.file(name, &versions[version]);
        }
        thread::sleep(Duration::from_millis(2_100));
        for (name, versions) in &files {
            let target = format!("/{name}");
            assert!(server.get(&target).text() == versions[version], "{name}");
            for _ in 0..2 {
                let coded = accepting(&server, &target, "gzip");
                assert!(coded.gunzipped() == versions[version].as_bytes(), "{name}");
            }
        }
    }
}

#[test]
fn a_file_that_changes_while_it_is_compressed_is_not_sent_in_a_mixture() {
    let content = text(100_000);
    let changed = content.replace("pond", "lake");
    let site = Site::new();
    site.file("a.txt", &content);
    let server = Server::start(site.root());
    server.await_strong_etag("/a.txt");
    let mut client = server.connect();
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    thread::sleep(Duration::from_millis(20));
    // In place, with nothing cut off in between, and to the time that it had.
    let mut file = fs::File::options()
        .write(true)
        .open(site.path("a.txt"))
        .unwrap();
    file.write_all(changed.as_bytes()).unwrap();
    site.modified("a.txt", settled_time());
    let response = client.response_to("GET");
    // It may have come too late, or too early, and sent as it is, the file is sent as it goes.
    if response.field("content-encoding").is_some() {
        let decoded = response.gunzipped();
        assert!(decoded == content.as_bytes() || decoded == changed.as_bytes());
    }
    thread::sleep(Duration::from_millis(2_100));
    let coded = accepting(&server, "/a.txt", "gzip");
    assert!(coded.gunzipped() == changed.as_bytes());
}

#[test]
fn what_is_small_or_too_large_or_compressed_already_is_sent_as_it_is() {
    let site = Site::new();
    site.file("small.txt", &text(100)[..1023])
        .file("photo.jpg", text(100))
        .file("archive.gz", text(100))
        .file("unknown", text(100))
        .file("noise.txt", noise(5000));
    let large = fs::File::create(site.path("large.txt")).unwrap();
    large.set_len(16 * 1024 * 1024 + 1).unwrap();
    drop(large);
    site.file("least.txt", &text(100)[..1024]);
    let server = Server::start(site.root());
    server.await_strong_etag("/large.txt");
    assert_all(
        [
            ("/small.txt", (None, None)),
            ("/photo.jpg", (None, None)),
            ("/archive.gz", (None, None)),
            ("/unknown", (None, None)),
            ("/large.txt", (None, None)),
            ("/least.txt", (Some("gzip"), Some("Accept-Encoding"))),
            // It was tried, and did not pay.
            ("/noise.txt", (None, Some("Accept-Encoding"))),
        ],
        |target| {
            let response = server.request("HEAD", target, &[("Accept-Encoding", "gzip")]);
            let field = |name| response.field(name).map(|value| &*value.to_owned().leak());
            (field("content-encoding"), field("vary"))
        },
    );
    assert_eq!(
        accepting(&server, "/noise.txt", "gzip").content,
        noise(5000)
    );
}

#[test]
fn svg_that_is_stored_compressed_is_told_to_be_so_and_not_compressed_again() {
    let site = Site::new();
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let drawing = text(1000);
    encoder.write_all(drawing.as_bytes()).unwrap();
    site.file("pond.svgz", encoder.finish().unwrap());
    site.file("pond.svgz.br", "something else");
    let server = Server::start(site.root());
    for accepted in ["gzip, br", "identity"] {
        let response = accepting(&server, "/pond.svgz", accepted);
        assert_eq!(response.gunzipped(), drawing.as_bytes());
        let media_type = response.field("content-type");
        assert_eq!(media_type, Some("image/svg+xml; charset=utf-8"));
        assert_eq!(response.field("vary"), None);
    }
}

#[test]
fn codings_can_be_left_alone() {
    let site = Site::new();
    site.file("a.txt", text(100))
        .file("app.js", text(1))
        .file("app.js.gz", gzip(text(1)));
    let server = Launch::of(site.root())
        .args(["--precompressed=false", "--compression=false"])
        .start();
    for target in ["/app.js", "/a.txt"] {
        let response = accepting(&server, target, "br, gzip");
        assert_eq!(response.field("content-encoding"), None);
        assert_eq!(response.field("vary"), None);
    }
    let server = Launch::of(site.root()).arg("--precompressed=false").start();
    let response = accepting(&server, "/a.txt", "br, gzip");
    assert_eq!(response.gunzipped(), text(100).as_bytes());
    let server = Launch::of(site.root()).arg("--compression=false").start();
    let response = accepting(&server, "/app.js", "gzip");
    assert_eq!(response.content, gzip(text(1)));
    assert_eq!(accepting(&server, "/a.txt", "gzip").field("vary"), None);
}

/// As large as is compressed at all.
const LARGEST: usize = 16 * 1024 * 1024;

fn site_with_largest() -> (Site, String) {
    let site = Site::new();
    let mut content = text(LARGEST / 30);
    content.truncate(LARGEST);
    assert_eq!(content.len(), LARGEST);
    site.file("largest.txt", &content)
        .file("small.txt", "small");
    (site, content)
}

const ASK_FOR_LARGEST: &str =
    "GET /largest.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";

#[test]
fn many_wait_for_what_is_compressed_once_and_requests_behind_it_keep_their_order() {
    let (site, content) = site_with_largest();
    let server = Server::start(site.root());
    server.await_strong_etag("/largest.txt");
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut clients {
        let small = "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n";
        client.send(format!("{small}{ASK_FOR_LARGEST}{small}"));
    }
    let mut contents = BTreeSet::new();
    for client in &mut clients {
        assert_eq!(client.response_to("GET").content, b"small");
        let response = client.response_to("GET");
        assert_eq!(client.response_to("GET").content, b"small");
        contents.insert(response.content.clone());
        if contents.len() == 1 {
            assert_eq!(response.gunzipped(), content.as_bytes());
        }
    }
    assert_eq!(contents.len(), 1);
    // All of them waited for it, and the records say so.
    let records = server.records(8 * 3);
    let waited = records.iter().filter(|record| {
        let seconds: f64 = record.rsplit(' ').next().unwrap().parse().unwrap();
        record.contains("GET /largest.txt") && record.contains(" 200 ") && seconds > 0.01
    });
    assert_eq!(waited.count(), 8, "{records:#?}");
}

#[test]
fn who_goes_away_is_not_waited_for_and_who_stays_is_answered_before_the_server_stops() {
    let (site, content) = site_with_largest();
    let mut server = Server::start(site.root());
    server.await_strong_etag("/largest.txt");
    for _ in 0..20 {
        // Closed with a response under way, so that it is a reset if it comes to be sent.
        let mut client = server.connect();
        client.send(ASK_FOR_LARGEST);
    }
    let mut client = server.connect();
    client.send(ASK_FOR_LARGEST).finish_sending();
    let waiting = thread::spawn(move || client.rest());
    thread::sleep(Duration::from_millis(5));
    assert!(server.stop(Signal::TERM).success());
    let output = waiting.join().unwrap();
    let response = responses(&output, ["GET"]).pop().unwrap();
    assert_eq!(response.gunzipped(), content.as_bytes());
}

#[test]
fn who_breaks_off_while_waiting_gets_a_record_without_a_status() {
    let (site, _) = site_with_largest();
    let targets = ["/largest.txt", "/second.txt", "/third.txt"];
    for name in ["second.txt", "third.txt"] {
        fs::copy(site.path("largest.txt"), site.path(name)).unwrap();
    }
    let server = Server::start(site.root());
    server.await_strong_etag("/third.txt");
    // On a machine with much else to do, one of three has to come before the answer.
    for target in targets {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let small = "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n";
        let large = ASK_FOR_LARGEST.replace("/largest.txt", target);
        stream
            .write_all((small.to_owned() + &large).as_bytes())
            .unwrap();
        // The first answer leaves when the second request is read already.
        stream.read_exact(&mut [0; 15]).unwrap();
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    server
        .process
        .await_stdout("a record without a status", |stdout| {
            let mut records = stdout.lines();
            records
                .find(|record| record.contains(".txt HTTP/1.1\" - 0 "))
                .map(drop)
        });
}

#[test]
fn who_waited_for_little_is_answered_before_all_who_waited_for_much() {
    let site = Site::new();
    site.file("large.txt", text(20_000));
    let server = Server::start(site.root());
    server.await_strong_etag("/large.txt");
    server.process.signal(Signal::STOP);
    let ask = |method: &str, target: &str| {
        let mut client = server.connect();
        let line = format!("{method} {target} HTTP/1.1\r\n");
        client.send(line + "Host: a\r\nAccept-Encoding: gzip\r\n\r\n");
        client
    };
    let mut many: Vec<_> = (0..40).map(|_| ask("GET", "/large.txt")).collect();
    let mut one = ask("HEAD", "/large.txt?one");
    server.process.signal(Signal::CONT);
    assert_eq!(one.response_to("HEAD").status, 200);
    for client in &mut many {
        let length = client.response_to("GET").content.len();
        assert!((70_000..200_000).contains(&length), "{length}");
    }
    let is_of_many = |record: &&String| record.contains("\"GET /large.txt ");
    let records = poll_until("records of all", || {
        let records = server.records(41);
        (records.iter().filter(is_of_many).count() == 40).then_some(records)
    });
    let before = records.iter().take_while(|it| !it.contains("?one"));
    let before = before.filter(is_of_many).count();
    assert!(before < 20, "{before} came before");
}

#[test]
fn small_requests_go_on_while_a_large_file_is_compressed() {
    let (site, _) = site_with_largest();
    for name in ["second.txt", "third.txt"] {
        fs::copy(site.path("largest.txt"), site.path(name)).unwrap();
    }
    let server = Server::start(site.root());
    server.await_strong_etag("/third.txt");
    // On a machine with much else to do, one of three has to show it.
    let is_shown = ["/largest.txt", "/second.txt", "/third.txt"]
        .iter()
        .any(|target| {
            let large = ASK_FOR_LARGEST.replace("/largest.txt", target);
            let small = "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n";
            let (whole, longest) = waits_beside(&server, &large, small);
            let coded = server.request("HEAD", target, &[("Accept-Encoding", "gzip")]);
            assert_eq!(coded.field("content-encoding"), Some("gzip"));
            longest < whole / 4
        });
    assert!(is_shown);
}

//! Compression on request (RFC 9110 §8.4.1.3), and responses that wait for it while others do not.

use crate::support::{
    Launch, Response, Server, Site, assert_all, gzip, noise, poll_until, responses, settled_time,
    waits_during,
};
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

/// Returns this many lines of text, all different.
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
        // The cache makes it faster, and changes no byte.
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
    let server = Launch::ahead(site.root()).start();
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
    // The response has the present state of the file, whatever was made before.
    site.replace("large.txt", text(40_000));
    let response = accepting(&server, "/large.txt", "gzip");
    match response.field("content-encoding") {
        None => assert_eq!(response.text(), text(40_000)),
        Some(_) => assert_eq!(response.gunzipped(), text(40_000).as_bytes()),
    }
}

#[test]
fn a_large_file_that_has_just_changed_already_has_its_vary_field() {
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
fn a_compressed_result_is_not_sent_for_another_file_of_the_same_size_and_time() {
    let site = Site::new();
    // One with a tag made from its content, and one with a tag made from its size and time.
    let versions = |lines| [text(lines), text(lines).replace("pond", "lake")];
    let files = [("small.txt", versions(1000)), ("large.txt", versions(5000))];
    let server = Launch::ahead(site.root()).start();
    for version in [0, 1, 0] {
        for (name, versions) in &files {
            // Its modification time is always the same.
            site.file(name, &versions[version]);
        }
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
fn a_file_that_changes_while_it_is_compressed_is_not_mixed() {
    let content = text(100_000);
    let changed = content.replace("pond", "lake");
    let site = Site::new();
    site.file("a.txt", &content);
    let server = Launch::ahead(site.root()).start();
    server.await_strong_etag("/a.txt");
    let mut client = server.connect();
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    thread::sleep(Duration::from_millis(20));
    // Changed in place, without truncation, and with the old time.
    let mut file = fs::File::options()
        .write(true)
        .open(site.path("a.txt"))
        .unwrap();
    file.write_all(changed.as_bytes()).unwrap();
    site.modified("a.txt", settled_time());
    let response = client.response_to("GET");
    // The change may come too early or too late. Sent uncompressed, the file is sent in its present
    // state.
    if response.field("content-encoding").is_some() {
        let decoded = response.gunzipped();
        assert!(decoded == content.as_bytes() || decoded == changed.as_bytes());
    }
    let coded = accepting(&server, "/a.txt", "gzip");
    assert!(coded.gunzipped() == changed.as_bytes());
}

#[test]
fn small_large_and_compressed_files_are_sent_uncompressed() {
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
    let server = Launch::ahead(site.root()).start();
    server.await_strong_etag("/large.txt");
    assert_all(
        [
            ("/small.txt", (None, None)),
            ("/photo.jpg", (None, None)),
            ("/archive.gz", (None, None)),
            ("/unknown", (None, None)),
            ("/large.txt", (None, None)),
            ("/least.txt", (Some("gzip"), Some("Accept-Encoding"))),
            // Compression was tried, and was not worthwhile.
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
fn svgz_is_labelled_as_gzip_and_not_compressed_again() {
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
fn compression_can_be_turned_off() {
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
    assert_eq!(response.uncompressed(), text(100).as_bytes());
    let server = Launch::of(site.root()).arg("--compression=false").start();
    let response = accepting(&server, "/app.js", "gzip");
    assert_eq!(response.content, gzip(text(1)));
    assert_eq!(accepting(&server, "/a.txt", "gzip").field("vary"), None);
}

/// The largest size that is compressed.
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
fn many_clients_share_one_compression_and_later_requests_keep_their_order() {
    let (site, content) = site_with_largest();
    let server = Launch::ahead(site.root()).start();
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
    // All of them waited for it, as the log lines show.
    let records = server.records(8 * 3);
    let waited = records.iter().filter(|record| {
        let seconds: f64 = record.rsplit(' ').next().unwrap().parse().unwrap();
        record.contains("GET /largest.txt") && record.contains(" 200 ") && seconds > 0.01
    });
    assert_eq!(waited.count(), 8, "{records:#?}");
}

#[test]
fn clients_that_stay_are_answered_before_the_server_stops_and_others_are_not_waited_for() {
    let (site, content) = site_with_largest();
    let mut server = Launch::ahead(site.root()).start();
    server.await_strong_etag("/largest.txt");
    for _ in 0..20 {
        // The connection is closed before its response, which would cause a reset if it were sent.
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
fn a_client_that_disconnects_while_waiting_gets_a_log_line_without_a_status() {
    let (site, _) = site_with_largest();
    let targets = ["/largest.txt", "/second.txt", "/third.txt"];
    for name in ["second.txt", "third.txt"] {
        fs::copy(site.path("largest.txt"), site.path(name)).unwrap();
    }
    let server = Launch::ahead(site.root()).start();
    server.await_strong_etag("/third.txt");
    // On a busy machine, one of three has to arrive before the response.
    for target in targets {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let small = "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n";
        let large = ASK_FOR_LARGEST.replace("/largest.txt", target);
        stream
            .write_all((small.to_owned() + &large).as_bytes())
            .unwrap();
        // The first response is sent after the second request has been read.
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
fn a_small_response_is_sent_before_large_ones_that_waited_for_the_same_job() {
    let site = Site::new();
    site.file("large.txt", text(20_000));
    let server = Launch::ahead(site.root()).start();
    server.await_strong_etag("/large.txt");
    server.process.pause();
    let ask = |method: &str, target: &str| {
        let mut client = server.connect();
        let line = format!("{method} {target} HTTP/1.1\r\n");
        client.send(line + "Host: a\r\nAccept-Encoding: gzip\r\n\r\n");
        client
    };
    let mut many: Vec<_> = (0..40).map(|_| ask("GET", "/large.txt")).collect();
    let mut one = ask("HEAD", "/large.txt?one");
    server.resume_with(40 + 1);
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
fn small_requests_are_answered_while_a_large_file_is_compressed() {
    let (site, _) = site_with_largest();
    for name in ["second.txt", "third.txt"] {
        fs::copy(site.path("largest.txt"), site.path(name)).unwrap();
    }
    let server = Launch::ahead(site.root()).start();
    server.await_strong_etag("/third.txt");
    // On a busy machine, one of three has to show it.
    let is_shown = ["/largest.txt", "/second.txt", "/third.txt"]
        .iter()
        .any(|target| {
            let large = ASK_FOR_LARGEST.replace("/largest.txt", target);
            let small = "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n";
            let (whole, longest) = waits_during(&server, &large, small);
            let coded = server.request("HEAD", target, &[("Accept-Encoding", "gzip")]);
            assert_eq!(coded.field("content-encoding"), Some("gzip"));
            longest < whole / 4
        });
    assert!(is_shown);
}

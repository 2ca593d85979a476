//! The content of a log line for programs: JSON in ASCII, and in every format the duration of the
//! request.

use crate::support::{Launch, Site, noise};
use serde_json::Value;
use std::{
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime},
};

#[test]
fn json_log_lines_are_ascii_and_json_whatever_a_request_contains() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--access-log-format", "json"])
        .expecting(&["a client uses HTTPS"])
        .start();
    let requests: [(&[u8], Option<&str>); 4] = [
        (
            b"GET /a.txt HTTP/1.1\r\nHost: a\r\nUser-Agent: \"},{\"\\\tx\xe9\xff\xc2\x9b\r\n\r\n",
            Some("\"},{\"\\\tx\u{fffd}\u{fffd}\u{9b}"),
        ),
        (
            "GET /a.txt HTTP/1.1\r\nHost: a\r\nUser-Agent: caf\u{e9} \u{1f986}\r\n\r\n".as_bytes(),
            Some("caf\u{e9} \u{1f986}"),
        ),
        (b"GET /\"},{\"a\":\"\\ HTTP/1.1\r\nHost: a\r\n\r\n", None),
        (b"\x16\x03\"\\\r\n\r\n", None),
    ];
    for (number, (request, agent)) in (1..).zip(requests) {
        let answer = server.exchange(request);
        let status = String::from_utf8_lossy(&answer[9..12]);
        let record = server.records(number).pop().unwrap();
        assert!(
            record.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{record:?}"
        );
        let object: Value = serde_json::from_str(&record).unwrap();
        assert_eq!(object["status"].to_string(), status, "{record}");
        assert_eq!(object["user_agent"].as_str(), agent, "{record}");
    }
}

#[test]
fn json_log_lines_have_the_time_in_milliseconds_the_host_and_the_protocol() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--access-log-format", "json"])
        .start();
    let before = SystemTime::now();
    let requests = [
        (
            "GET /a.txt HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
            Some("a.example:8080"),
        ),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Some("b")),
        ("GET /a.txt HTTP/1.0\r\n\r\n", None),
    ];
    for (number, (request, host)) in (1..).zip(requests) {
        server.exchange(request);
        let record = server.records(number).pop().unwrap();
        let object: Value = serde_json::from_str(&record).unwrap();
        let (_, protocol) = request.split_once(" HTTP").unwrap();
        assert_eq!(
            object["protocol"],
            format!("HTTP{}", &protocol[..4]),
            "{record}"
        );
        assert_eq!(object["host"].as_str(), host, "{record}");
        // In the form that GNU date reads, which supports RFC 3339.
        let time = object["time"].as_str().unwrap();
        assert_eq!(time.len(), "2026-11-30T03:16:08.123Z".len(), "{record}");
        let date = Command::new("date")
            .args(["--date", time, "+%s.%N"])
            .output();
        let seconds: f64 = String::from_utf8(date.unwrap().stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds);
        let margin = Duration::from_millis(10);
        assert!(
            before - margin < at && at < SystemTime::now() + margin,
            "{record}"
        );
    }
}

/// Even if the request is answered in the tick that read it, with a small file or a large one.
#[test]
fn every_format_has_the_duration_of_a_request() {
    let site = Site::small();
    site.file("large.bin", noise(100_000));
    for format in ["common", "combined", "json"] {
        let server = Launch::of(site.root())
            .args(["--access-log-format", format])
            .start();
        let seconds = |number| {
            let record = server.records(number).pop().unwrap();
            let end = record.rsplit([' ', ':']).next().unwrap();
            end.trim_end_matches('}').parse::<f64>().unwrap()
        };
        let targets = ["/a.txt", "/a.txt", "/large.bin", "/missing"];
        for (number, target) in (1..).zip(targets) {
            let start = Instant::now();
            server.get(target);
            let seconds = seconds(number);
            // The log line may be written after the response was read here.
            let most = start.elapsed().as_secs_f64();
            assert!(
                0.0 < seconds && seconds < most,
                "{format} {target}: {seconds}"
            );
        }
        let mut client = server.connect();
        client.send("POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
        thread::sleep(Duration::from_millis(300));
        client.send("x").response_to("POST");
        assert!(
            (0.29..20.0).contains(&seconds(targets.len() + 1)),
            "{format}"
        );
    }
}

//! Requests that wait while the settings are reloaded.

use super::answered::Answer;
use super::responder::Responder;
use super::response::OpenFile;
use super::sites::Sites;
use super::suspended::Suspended;
use crate::conn::{self, Event, Response};
use crate::http::Limits;
use crate::http::fields::FieldStorage;
use crate::http::host::Host;
use crate::http::request::RequestHead;
use crate::http::response::Edit;
use crate::plan::Policy;
use crate::server::audience::Audience;
use crate::server::clock::Clock;
use crate::server::context::Context;
use crate::server::ingress::Ingress;
use crate::server::observe::access_log::{AccessLog, LogDestination};
use crate::server::options::Options;
use crate::site;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

/// Two roots with the same paths and different content.
struct Roots(PathBuf);

impl Roots {
    fn new(name: &str) -> Self {
        let roots = Self(env::temp_dir().join(format!("millpond-{name}-{}", process::id())));
        for root in ["old", "new"] {
            let directory = roots.0.join(root).join("dir");
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(format!("{root}.txt")), root).unwrap();
            for file in ["index.html", "404.html", "a.txt"] {
                // Long enough to be compressed.
                let content = format!("{file} of the {root} site\n").repeat(200);
                fs::write(roots.0.join(root).join(file), content).unwrap();
            }
        }
        roots
    }
}

impl Drop for Roots {
    fn drop(&mut self) {
        // The directory is meant for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Settings that differ in everything that a response can depend on.
fn options(root: &Path, name: &str, is_old: bool) -> Options {
    Options {
        hosts: Some(vec![Host::parse(name).unwrap()]),
        listing: Some(is_old),
        site: site::Options {
            root: root.join(name),
            ..site::Options::default()
        },
        policy: Policy {
            spa: is_old.then(|| "/".into()),
            error_pages: is_old,
            cache_control: format!("max-age={}", name.len()),
            headers: vec![Edit {
                name: "X-Settings".into(),
                value: Some(name.into()),
            }],
            ..Policy::default()
        },
        connection: conn::Options {
            limits: Limits {
                head_bytes_max: if is_old { 1000 } else { 10 },
                ..Limits::default()
            },
            ..conn::Options::default()
        },
        ..Options::default()
    }
}

struct Fixture {
    roots: Roots,
    context: Context,
    responder: Responder,
}

impl Fixture {
    fn new(name: &str) -> Self {
        let roots = Roots::new(name);
        let options = options(&roots.0, "old", true);
        let clock = Clock::new(true);
        let sites = Sites::open(&options, Audience::Named, 10, None, clock.now()).unwrap();
        let log = AccessLog::open(&LogDestination::Off, None, options.log_style()).unwrap();
        let ingress = Ingress {
            hosts: options.answered_hosts(Audience::Named),
            trusted_proxies: Vec::new(),
            redirect_port: None,
        };
        Self {
            roots,
            context: Context::new(ingress, clock, options.connection, log),
            responder: Responder::new(sites),
        }
    }

    fn reload(&mut self) {
        let options = options(&self.roots.0, "new", false);
        let now = self.context.clock.now();
        let before = Some(self.responder.sites());
        let sites = Sites::open(&options, Audience::Named, 10, before, now).unwrap();
        self.responder.replace_sites(sites);
        self.context.ingress.hosts = options.answered_hosts(Audience::Named);
        self.context.options = options.connection;
    }

    fn ask(&mut self, head: &str) -> Answer {
        let mut storage = FieldStorage::default();
        let limits = &self.context.options.limits;
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, limits);
        let event = Event::Request(parsed.unwrap().unwrap().0);
        self.responder
            .answer(&event, head.as_bytes(), None, &mut self.context)
    }

    /// Works until the request is answered. Also returns the number of waits.
    fn finish(&mut self, mut suspended: Suspended) -> (Response<OpenFile>, usize) {
        for waits in 1.. {
            while !suspended.is_answerable() {
                self.context.clock.tick();
                self.responder.advance_jobs(&self.context.clock);
            }
            match self.responder.resume(suspended, &mut self.context) {
                Answer::Ready(response) | Answer::Live { response, .. } => {
                    return (response, waits);
                }
                Answer::Pending(next) => suspended = *next,
            }
        }
        unreachable!()
    }
}

const GZIP: &str = "Accept-Encoding: gzip\r\n";

/// The requests wait for the compression of a file, of a start page and of an error page, and for a
/// listing.
#[test]
fn a_waiting_request_is_answered_with_the_settings_at_its_arrival() {
    let mut fixture = Fixture::new("waiting");
    let requests = [
        (
            format!("GET /a.txt HTTP/1.1\r\nHost: old\r\n{GZIP}\r\n"),
            200,
        ),
        (
            format!("GET /deep HTTP/1.1\r\nHost: old\r\nAccept: text/html\r\n{GZIP}\r\n"),
            200,
        ),
        (
            format!("GET /none.js HTTP/1.1\r\nHost: old\r\n{GZIP}\r\n"),
            404,
        ),
        ("GET /dir/ HTTP/1.1\r\nHost: old\r\n\r\n".to_owned(), 200),
    ];
    let answers = requests.each_ref().map(|(head, _)| fixture.ask(head));
    fixture.reload();
    for ((head, status), answer) in requests.iter().zip(answers) {
        let Answer::Pending(suspended) = answer else {
            panic!("{head} waits")
        };
        let (response, _) = fixture.finish(*suspended);
        assert_eq!(response.status.code(), *status, "{head}");
        let fields = std::str::from_utf8(response.fields.as_bytes()).unwrap();
        assert!(fields.contains("X-Settings: old\r\n"), "{head}\n{fields}");
        assert_eq!(
            head.contains("gzip"),
            fields.contains("gzip"),
            "{head}\n{fields}"
        );
        if head.contains("a.txt") {
            assert!(fields.contains("max-age=3\r\n"), "{fields}");
        }
    }
}

/// The directory is removed while it is listed, and the resulting error page has yet to be
/// compressed.
#[test]
fn a_failure_after_a_reload_gets_the_error_page_of_the_old_site() {
    let mut fixture = Fixture::new("failing");
    let head = format!("GET /dir/ HTTP/1.1\r\nHost: old\r\nAccept: */*\r\n{GZIP}\r\n");
    let Answer::Pending(suspended) = fixture.ask(&head) else {
        panic!("it waits for a listing")
    };
    fs::remove_dir_all(fixture.roots.0.join("old/dir")).unwrap();
    fixture.reload();
    let (response, waits) = fixture.finish(*suspended);
    assert_eq!(waits, 2);
    let fields = std::str::from_utf8(response.fields.as_bytes()).unwrap();
    assert!(fields.contains("X-Settings: old\r\n"), "{fields}");
}

#[test]
fn a_replaced_site_is_dropped_after_the_last_request_that_waits_for_it() {
    let mut fixture = Fixture::new("retired");
    let head = format!("GET /a.txt HTTP/1.1\r\nHost: old\r\n{GZIP}\r\n");
    let answer = fixture.ask(&head);
    fixture.reload();
    assert!(fixture.responder.has_jobs());
    drop(answer);
    assert!(!fixture.responder.has_jobs());
}

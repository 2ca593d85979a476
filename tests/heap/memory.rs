//! The memory of the cache: at most what it reports, so its limit is effective.

use crate::{ALLOCATOR, Root, alone};
use millpond::http::Limits;
use millpond::http::coding::Coding;
use millpond::http::fields::FieldStorage;
use millpond::http::path::RequestPath;
use millpond::http::request::RequestHead;
use millpond::http::response::Edit;
use millpond::plan::{Class, Pattern, Policy, Rule, Rules, Scope};
use millpond::site::{self, Addressing, File, LookupTime, Options, Resolution};
use stats_alloc::Region;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};
const FILES: usize = 250;

/// The overhead of the system's allocator for each allocation, including rounding.
const PIECE_BYTES: usize = 16;

#[test]
fn the_cache_takes_no_more_memory_than_it_reports() {
    let _alone = alone();
    let site = Root::new("memory");
    let long = "long/".repeat(40);
    let page = "<p>pond</p>".repeat(200);
    for number in 0..FILES {
        site.file(format!("tiny/{number}"), "pond")
            .file(format!("{long}{number}/index.htm"), "pond")
            .file(format!("page/{number}.html"), &page)
            .file(format!("coded/{number}.html"), &page)
            .file(format!("coded/{number}.html.br"), "pond");
    }
    for (what, address, coding) in [
        ("tiny files", "/tiny/#".to_owned(), None),
        ("deep in directories", format!("/{long}#/"), None),
        ("clean addresses", "/page/#".to_owned(), None),
        ("compressed here", "/page/#".to_owned(), Some(Coding::Gzip)),
        ("coded beside", "/coded/#".to_owned(), Some(Coding::Brotli)),
    ] {
        for policy in [Policy::default(), policy_with_long_rules()] {
            let (said, taken) = weigh(&site, policy, &address, coding);
            println!("{what}: {said} said, {taken} taken");
            assert!(taken <= said, "{what}: {said} said, {taken} taken");
            // The reported size must not be much larger either, or the cache would hold less than
            // it may.
            assert!(said < 2 * taken, "{what}: {said} said, {taken} taken");
        }
    }
}

fn policy_with_long_rules() -> Policy {
    let edit = |name: &str, value: &str| Edit {
        name: name.into(),
        value: Some(value.into()),
    };
    let rule = Rule {
        paths: vec![Pattern::parse("/**").unwrap()],
        edits: vec![
            edit("Content-Security-Policy", &"x".repeat(1500)),
            edit("Content-Type", &format!("text/html; a={}", "y".repeat(87))),
            edit("Cache-Control", "max-age=60"),
        ],
        on: vec![Class::Success],
        scope: Scope::default(),
    };
    Policy {
        rules: Rules::new(vec![rule]),
        ..Policy::default()
    }
}

/// Returns the average bytes of a file, as the cache reports them and as they were allocated.
fn weigh(root: &Root, policy: Policy, address: &str, coding: Option<Coding>) -> (usize, usize) {
    let options = Options {
        root: root.0.clone(),
        addressing: Addressing {
            index: vec!["index.html".to_owned(), "index.htm".to_owned()],
            clean: true,
        },
        ..Options::default()
    };
    let now = Instant::now();
    let mut site = site::Site::open(&options, policy, 0, now).unwrap();
    let moment = LookupTime {
        tick: 1,
        now,
        // So late that all files have settled.
        anchor: (now, SystemTime::now() + Duration::from_mins(1)),
    };
    let region = Region::new(ALLOCATOR);
    for number in 0..FILES {
        let address = address.replace('#', &number.to_string());
        let file = find(&mut site, &address, coding, &moment);
        // The first clone makes shared bytes use a little more memory permanently.
        drop((file.representation.clone(), file.source.clone()));
    }
    let change = region.change();
    let figures = site.cache_figures();
    assert_eq!(figures.evictions, 0);
    assert_eq!(figures.entries, FILES * (1 + usize::from(coding.is_some())));
    let bytes = change.bytes_allocated - change.bytes_deallocated;
    let pieces = change.allocations - change.deallocations;
    let taken = bytes + PIECE_BYTES * pieces;
    (figures.bytes / figures.entries, taken / figures.entries)
}

fn find(
    site: &mut site::Site,
    address: &str,
    coding: Option<Coding>,
    moment: &LookupTime,
) -> Rc<File> {
    let head = format!("GET {address} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut storage = FieldStorage::default();
    let (request, _) = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default())
        .unwrap()
        .unwrap();
    let path = RequestPath::parse(address.as_bytes()).unwrap();
    let Resolution::Ready(Ok(file)) = site.resolve(&request, &path, moment) else {
        panic!("{address} is not there");
    };
    let Some(coding) = coding else {
        return file;
    };
    match site.encode(path.as_bytes(), &file, coding, moment).unwrap() {
        Resolution::Ready(coded) => coded.unwrap(),
        Resolution::Pending(pending) => {
            while !site.advance() {}
            pending.outcome().unwrap().unwrap()
        }
    }
}

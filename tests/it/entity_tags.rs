//! Entity tags (RFC 9110 §8.8.3): different contents never share a strong tag, and unchanged
//! content keeps its tag.

use crate::support::{Launch, Site, noise, settled_time};
use millpond::http::Limits;
use millpond::http::fields::FieldStorage;
use millpond::http::path::RequestPath;
use millpond::http::request::RequestHead;
use millpond::plan::Policy;
use millpond::site::{self, File, LookupTime, Options, Resolution};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

/// One file that is read into memory, two that are hashed in place, and one that is too large for
/// that.
const SIZES: [usize; 4] = [60_000, 70_000, 2_000_000, 17_000_000];

/// Times that tools give to all files, in seconds: in images, ZIP, npm, Bazel, and one chosen by a
/// release (`SOURCE_DATE_EPOCH`).
const CARRIED_OVER: [u64; 5] = [1, 315_532_800, 499_162_500, 946_684_800, 1_700_000_000];

/// Returns two contents of one size.
fn versions(size: usize) -> [Vec<u8>; 2] {
    [noise(size), noise(size + 1).split_off(1)]
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Replaces a file with another one of the same time.
fn replace(path: &Path, content: &[u8], modified: SystemTime) {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, content).unwrap();
    let file = fs::File::open(&fresh).unwrap();
    file.set_modified(modified).unwrap();
    fs::rename(fresh, path).unwrap();
}

#[test]
fn two_files_with_the_same_size_and_copied_time_have_different_tags() {
    let site = Site::new();
    let name = |size, seconds| format!("{size}-{seconds}.bin");
    let contents = SIZES.map(|size| (size, versions(size)));
    // Each size with each time.
    let files: Vec<_> = contents
        .iter()
        .flat_map(|(size, versions)| CARRIED_OVER.map(|it| (name(*size, it), it, versions)))
        .collect();
    for (name, seconds, [first, _]) in &files {
        site.file(name, first).modified(name, time(*seconds));
    }
    // For one server, files are new for two seconds; for the other, no file is new.
    let [server, ahead] = [Launch::of(site.root()), Launch::ahead(site.root())].map(Launch::start);
    let tags: Vec<_> = files
        .iter()
        .map(|(name, ..)| ahead.await_strong_etag(&format!("/{name}")))
        .collect();
    for (name, seconds, [_, second]) in &files {
        replace(&site.path(name), second, time(*seconds));
    }
    for server in [&server, &ahead] {
        for ((name, _, [_, second]), first) in files.iter().zip(&tags) {
            let target = format!("/{name}");
            let whole = server.request("GET", &target, &[("If-None-Match", first)]);
            assert_eq!(whole.status, 200, "{target}");
            assert!(whole.content == *second, "{target}");
            let half = format!("bytes={}-", second.len() / 2);
            let fields = [("Range", half.as_str()), ("If-Range", first)];
            let resumed = server.request("GET", &target, &fields);
            assert_eq!(resumed.status, 200, "{target} is resumed");
            assert!(resumed.content == *second, "{target} is resumed");
        }
    }
}

#[test]
fn a_date_shared_by_many_files_does_not_allow_resuming_or_is_not_sent() {
    let site = Site::new();
    for seconds in CARRIED_OVER {
        site.file(format!("{seconds}"), noise(70_000))
            .modified(format!("{seconds}"), time(seconds));
    }
    site.file("clock", noise(70_000));
    let server = Launch::ahead(site.root()).start();
    let resume = |target: &str, date: &str| {
        let fields = [("Range", "bytes=5-"), ("If-Range", date)];
        server.request("GET", target, &fields).status
    };
    for seconds in CARRIED_OVER {
        let target = format!("/{seconds}");
        server.await_strong_etag(&target);
        let response = server.request("HEAD", &target, &[]);
        let date = response.field("last-modified");
        let is_chosen = seconds == 1_700_000_000;
        assert_eq!(date.is_some(), is_chosen, "{target}");
        if let Some(date) = date {
            assert_eq!(resume(&target, date), 200);
        }
    }
    server.await_strong_etag("/clock");
    let response = server.request("HEAD", "/clock", &[]);
    let date = response.field("last-modified").unwrap();
    assert_eq!(resume("/clock", date), 206);
}

#[test]
fn an_unchanged_file_keeps_its_tag_across_a_restart_so_downloads_resume() {
    let site = Site::new();
    for size in SIZES {
        site.file(format!("{size}.bin"), noise(size));
    }
    let server = Launch::ahead(site.root()).start();
    let tags = SIZES.map(|size| server.await_strong_etag(&format!("/{size}.bin")));
    drop(server);
    let server = Launch::ahead(site.root()).start();
    for (size, tag) in SIZES.into_iter().zip(&tags) {
        let fields = [("Range", "bytes=1000-"), ("If-Range", tag.as_str())];
        let rest = server.request("GET", &format!("/{size}.bin"), &fields);
        assert_eq!(rest.status, 206, "{size}");
        assert!(rest.content == noise(size)[1000..], "{size}");
        assert_eq!(rest.field("etag"), Some(tag.as_str()), "{size}");
    }
}

#[test]
fn replicas_have_the_same_tags_for_files_up_to_16_mib_whatever_their_times() {
    let sites = [Site::new(), Site::new()];
    for (number, site) in (1..).zip(&sites) {
        for size in SIZES {
            let name = format!("{size}.bin");
            site.file(&name, noise(size))
                .modified(&name, settled_time() - Duration::from_secs(100 * number));
        }
    }
    let servers = sites
        .each_ref()
        .map(|site| Launch::ahead(site.root()).start());
    for size in SIZES {
        let target = format!("/{size}.bin");
        let [one, other] = servers.each_ref().map(|it| it.await_strong_etag(&target));
        assert_eq!(one == other, size <= 16 << 20, "{target}");
    }
}

#[test]
fn many_clients_of_a_file_that_is_being_hashed_all_get_its_tag() {
    let site = Site::new();
    let content = noise(9_000_000);
    site.file("large.bin", &content).file("small.txt", "small");
    let server = Launch::ahead(site.root()).start();
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut clients {
        let requests =
            "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\nGET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n";
        client.send(requests);
    }
    let mut tags: Vec<_> = clients
        .iter_mut()
        .map(|client| {
            let response = client.response_to("GET");
            assert!(response.content == content);
            assert_eq!(client.response_to("GET").text(), "small");
            response.field("etag").unwrap().to_owned()
        })
        .collect();
    tags.dedup();
    assert!(
        tags.len() == 1 && !tags[0].starts_with("W/"),
        "one tag for all: {tags:?}"
    );
}

#[test]
fn files_beyond_the_hashing_limit_are_sent_at_once_with_a_weak_tag() {
    let root = Site::new();
    for number in 0..5 {
        root.file(format!("{number}.bin"), noise(16_000_000));
    }
    let options = Options {
        root: root.root(),
        ..Options::default()
    };
    let now = Instant::now();
    let mut site = site::Site::open(&options, Policy::default(), 10, now).unwrap();
    let moment = LookupTime {
        tick: 1,
        now,
        // So late that all files have settled.
        anchor: (now, SystemTime::now() + Duration::from_mins(1)),
    };
    let waiting: Vec<_> = (0..4)
        .map(|number| match resolve(&mut site, number, &moment) {
            Resolution::Pending(pending) => pending,
            Resolution::Ready(found) => panic!("{number} is not waited for: {found:?}"),
        })
        .collect();
    let Resolution::Ready(Ok(fifth)) = resolve(&mut site, 4, &moment) else {
        panic!("it is not waited for");
    };
    let is_strong = |file: &File| {
        file.representation
            .metadata()
            .entity_tag
            .as_ref()
            .unwrap()
            .is_strong()
    };
    assert!(!is_strong(&fifth));
    while site.has_jobs() {
        site.advance();
    }
    for pending in &waiting {
        assert!(is_strong(&pending.outcome().unwrap().unwrap()));
    }
    assert!(
        matches!(resolve(&mut site, 4, &moment), Resolution::Pending(_)),
        "now there is time for it"
    );
}

fn resolve(site: &mut site::Site, number: usize, moment: &LookupTime) -> Resolution {
    let target = format!("/{number}.bin");
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut storage = FieldStorage::default();
    let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
    let (request, _) = parsed.unwrap().unwrap();
    let path = RequestPath::parse(target.as_bytes()).unwrap();
    site.resolve(&request, &path, moment)
}

#[test]
fn a_page_above_64_kib_is_compressed_at_its_first_request() {
    let site = Site::new();
    let page = "<p>pond</p>".repeat(20_000);
    site.file("page.html", &page).file("index.html", &page);
    let server = Launch::ahead(site.root()).arg("--spa").start();
    for (target, accept) in [("/page.html", "*/*"), ("/nowhere", "text/html")] {
        let fields = [("Accept-Encoding", "gzip"), ("Accept", accept)];
        let response = server.request("GET", target, &fields);
        assert_eq!(response.status, 200, "{target}");
        assert_eq!(response.field("content-encoding"), Some("gzip"), "{target}");
        let tag = response.field("etag").unwrap();
        assert!(!tag.starts_with("W/"), "{target}: {tag}");
    }
}

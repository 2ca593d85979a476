//! Listings as responses: negotiation, validation and order, without delaying other requests.

use crate::support::{Launch, Server, Site, noise, waits_during};
use std::{fs, thread};

const JSON: (&str, &str) = ("Accept", "application/json");

fn listing(site: &Site) -> Server {
    Launch::of(site.root()).arg("--listing").start()
}

#[test]
fn the_form_is_negotiated_for_get_and_head() {
    let site = Site::new();
    site.file("a.txt", "alpha\n");
    let server = listing(&site);
    for (accept, content_type) in [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("*/*", "text/html"),
        ("image/png", "text/html"),
        ("application/json", "application/json"),
        (
            "application/json;q=0.5, text/html;q=0.4",
            "application/json",
        ),
        ("application/json, text/html", "text/html"),
    ] {
        let fields = [("Accept", accept)];
        let get = server.request("GET", "/", &fields);
        let content_type = format!("{content_type}; charset=utf-8");
        assert_eq!(get.field("content-type"), Some(content_type.as_str()));
        assert_eq!(get.field("vary"), Some("Accept, Accept-Encoding"));
        assert_eq!(get.field("cache-control"), Some("no-cache"));
        assert_eq!(get.field("last-modified"), None);
        let head = server.request("HEAD", "/", &fields);
        assert_eq!(head.fields_without_date(), get.fields_without_date());
    }
}

#[test]
fn an_unchanged_listing_gives_304() {
    let site = Site::new();
    site.file("a.txt", "alpha\n");
    let server = listing(&site);
    let page = server.get("/");
    let json = server.request("GET", "/", &[JSON]);
    let (page_tag, json_tag) = (page.field("etag").unwrap(), json.field("etag").unwrap());
    assert_ne!(page_tag, json_tag);
    for tag in [page_tag, &format!("W/{page_tag}"), "*"] {
        let response = server.request("GET", "/", &[("If-None-Match", tag)]);
        assert_eq!(
            (response.status, response.field("vary")),
            (304, Some("Accept, Accept-Encoding"))
        );
        assert_eq!(response.field("etag"), Some(page_tag));
    }
    let both = [JSON, ("If-None-Match", page_tag)];
    assert_eq!(server.request("GET", "/", &both).status, 200);
    let date = [("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT")];
    assert_eq!(
        server.request("GET", "/", &date).status,
        200,
        "the date does not show it"
    );
    // A file that grows does not change the time of its directory.
    site.file("a.txt", "alpha, beta\n");
    let response = server.request("GET", "/", &[("If-None-Match", page_tag)]);
    assert_eq!(response.status, 200);
    assert!(response.text().contains("12 bytes"));
    let failed = server.request("GET", "/", &[("If-Match", page_tag)]);
    assert_eq!(failed.status, 412);
}

#[test]
fn a_range_of_a_listing_can_be_requested() {
    let site = Site::new();
    site.file("a.txt", "alpha\n");
    let server = listing(&site);
    let page = server.get("/");
    let tag = page.field("etag").unwrap();
    let part = server.request("GET", "/", &[("Range", "bytes=100-199"), ("If-Range", tag)]);
    assert_eq!(part.status, 206);
    assert_eq!(part.content, page.content[100..200]);
    assert_eq!(part.field("vary"), Some("Accept, Accept-Encoding"));
    let whole = server.request("GET", "/", &[("Range", "bytes=0-1"), ("If-Range", "\"x\"")]);
    assert_eq!((whole.status, &whole.content), (200, &page.content));
}

#[test]
fn a_listing_page_loads_nothing_and_runs_only_its_own_script() {
    let site = Site::new();
    site.file("a.txt", "a");
    site.file("README.md", "|a|b|c|\n|--:|:-:|:--|\n|1|2|3|\n");
    let server = listing(&site);
    let page = server.get("/");
    assert!(page.text().contains("<table><thead>"), "{}", page.text());
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(policy.contains("; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    // The script that shows times in the visitor's time zone.
    assert_eq!(page.text().matches("<script>").count(), 1);
    assert!(!page.text().contains("<script ") && !page.text().contains(" style="));
    assert_eq!(page.field("x-content-type-options"), Some("nosniff"));
}

#[test]
fn a_listing_is_compressed_for_clients_that_accept_it() {
    let site = Site::new();
    fill(&site, 300);
    let server = listing(&site);
    let plain = server.get("/many/");
    let gzip = [("Accept-Encoding", "gzip, br")];
    let coded = server.request("GET", "/many/", &gzip);
    assert_eq!(coded.field("vary"), plain.field("vary"));
    assert_ne!(coded.field("etag"), plain.field("etag"));
    assert!(coded.content.len() * 4 < plain.content.len());
    assert_eq!(coded.gunzipped(), plain.content);
    let head = server.request("HEAD", "/many/", &gzip);
    assert_eq!(head.fields_without_date(), coded.fields_without_date());
    let fields = [gzip[0], ("If-None-Match", coded.field("etag").unwrap())];
    assert_eq!(server.request("GET", "/many/", &fields).status, 304);
    let server = Launch::of(site.root())
        .args(["--listing", "--compression=false"])
        .start();
    let response = server.request("GET", "/many/", &gzip);
    assert_eq!(response.field("content-encoding"), None);
    assert_eq!(response.field("vary"), Some("Accept"));
}

#[test]
fn responses_keep_their_order_around_a_listing() {
    let site = Site::new();
    site.file("dir/a.txt", "alpha\n");
    let server = listing(&site);
    let get = |target| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let requests = ["/dir/a.txt", "/dir/", "/", "/dir/a.txt"].map(get).concat();
    for output in [
        server.exchange(&requests),
        server.exchange_byte_by_byte(&requests),
    ] {
        let all = crate::support::responses(&output, ["GET"; 4]);
        assert_eq!(all[0].text(), "alpha\n");
        assert!(all[1].text().contains("<h1>dir</h1>"));
        assert!(all[2].text().contains("<h1>Home</h1>"));
        assert_eq!(all[3].text(), "alpha\n");
    }
}

#[test]
fn many_clients_at_once_share_a_listing_and_its_memory_is_freed() {
    let site = Site::new();
    fill(&site, 1000);
    let server = listing(&site);
    let expected = server.get("/many/").content;
    thread::scope(|scope| {
        let ask = || {
            for _ in 0..3 {
                let mut client = server.connect();
                client.send("GET /many/ HTTP/1.1\r\nHost: a\r\n\r\n");
                assert_eq!(client.response_to("GET").content, expected);
                // Some clients do not wait for their response.
                server
                    .connect()
                    .send("GET /many/?sort=size HTTP/1.1\r\nHost: a\r\n\r\n");
            }
        };
        for _ in 0..10 {
            scope.spawn(ask);
        }
    });
    // 10 pages of half a megabyte each at once, rather than one for each request.
    assert!(server.peak_memory_kib() < 64 * 1024);
}

#[test]
fn a_long_listing_does_not_delay_other_requests() {
    let site = Site::new();
    site.file("small", noise(1024));
    fill(&site, 4000);
    let server = listing(&site);
    let response = server.get("/many/");
    assert_eq!(response.text().matches("</a><!-- > ").count(), 4000);
    // Other requests are answered between its steps. On a busy machine, one of three listings has
    // to show it. Without steps, one request would wait for the whole listing.
    let is_shown = (0..3).any(|_| {
        let get = |target| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let (whole, longest) = waits_during(&server, &get("/many/"), &get("/small"));
        longest < whole / 4
    });
    assert!(is_shown);
}

fn fill(site: &Site, count: usize) {
    site.directory("many");
    site.file("many.txt", "a");
    for number in 0..count {
        // Much quicker than a file each.
        let name = site.path(format!("many/{number:05}.txt"));
        fs::hard_link(site.path("many.txt"), name).unwrap();
    }
}

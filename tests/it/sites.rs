//! Several sites on one server: by host, by base path, each with a root and settings of its own.

mod attempts;
mod roots;
mod wrong;

use crate::support::{Client, Launch, Response, Server, Site};
use std::fs;

/// Two hosts and a base path. `{}` stands for the directory that contains the roots.
const THREE: &str = "
[[site]]
hosts = ['a.test', 'www.a.test']
root = '{}/a'

[[site]]
hosts = 'b.test'
root = '{}/b'
spa = true
cache-control = 'max-age=60'

[[site]]
path = '/media/'
root = '{}/m'
listing = true
";

/// Creates roots with files of the same names.
fn roots() -> Site {
    let site = Site::new();
    for root in ["a", "b", "m"] {
        site.file(format!("{root}/index.html"), format!("index of {root}"))
            .file(format!("{root}/same.txt"), format!("same of {root}"))
            .file(format!("{root}/only-{root}.txt"), root)
            .file(format!("{root}/404.html"), format!("404 of {root}"));
    }
    site.file("m/sub/x.txt", "x").file("m/bare/y.txt", "y");
    site
}

/// Starts a server with these settings.
fn launch(site: &Site, settings: &str) -> Launch {
    let path = site.outside("millpond.toml");
    let root = site.root().display().to_string();
    fs::write(&path, settings.replace("{}", &root)).unwrap();
    Launch::bare()
        .args(["--listen", "127.0.0.1:0", "--config"])
        .arg(path)
}

fn get(server: &Server, host: &str, target: &str) -> Response {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    server.response_to("GET", request)
}

#[track_caller]
fn assert_text(server: &Server, host: &str, target: &str, status: u16, text: &str) {
    let response = get(server, host, target);
    let found = (response.status, response.text());
    assert_eq!(found, (status, text), "{host}{target}");
}

#[test]
fn a_request_goes_to_the_site_of_its_host_or_of_its_path() {
    let site = roots();
    let server = launch(&site, THREE).start();
    for (host, target, status, text) in [
        ("a.test", "/", 200, "index of a"),
        ("WWW.A.test.:8080", "/same.txt", 200, "same of a"),
        ("b.test", "/same.txt", 200, "same of b"),
        ("c.test", "/media/same.txt", 200, "same of m"),
        ("127.0.0.1", "/media/", 200, "index of m"),
        // The host decides first, so the path is not that of the other site.
        ("a.test", "/media/same.txt", 404, "404 of a"),
        ("c.test", "/media/only-a.txt", 404, "404 of m"),
        ("a.test", "/only-b.txt", 404, "404 of a"),
    ] {
        assert_text(&server, host, target, status, text);
    }
}

#[test]
fn each_site_has_its_own_settings_and_inherits_the_others() {
    let site = roots();
    let settings = format!("cache-control = 'no-store'\nheader = 'X-Top: 1'\n{THREE}");
    let server = launch(&site, &settings).start();
    for (host, target, cache_control) in [
        ("a.test", "/same.txt", "no-store"),
        ("b.test", "/same.txt", "max-age=60"),
        ("c.test", "/media/same.txt", "no-store"),
    ] {
        let response = get(&server, host, target);
        assert_eq!(response.field("cache-control"), Some(cache_control));
        assert_eq!(response.field("x-top"), Some("1"));
    }
    // A start page, a listing, and neither of them.
    let page = |host: &str, target: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n");
        server.response_to("GET", head)
    };
    assert_eq!(page("b.test", "/deep/link").text(), "index of b");
    assert_eq!(page("a.test", "/deep/link").status, 404);
    assert_eq!(page("c.test", "/media/bare/").status, 200);
    assert_eq!(page("c.test", "/media/deep/link").status, 404);
}

#[test]
fn tables_of_a_site_come_after_those_above_it() {
    let site = roots();
    let settings = "
[types]
txt = 'text/x-top'

[[rule]]
path = '/**'
set = { X-Top = '1', X-Both = 'top' }

[[redirect]]
from = '/moved'
to = '/same.txt'

[[site]]
hosts = 'a.test'
root = '{}/a'

[[site]]
path = '/media'
root = '{}/m'
[site.types]
txt = 'text/x-site'
[[site.rule]]
path = '/same.txt'
set = { X-Both = 'site' }
[[site.redirect]]
from = '/old/{*rest}'
to = '/sub/{rest}'
[[site.redirect]]
from = '/away'
to = 'https://example.org/'
status = 302
";
    let server = launch(&site, settings).start();
    let a = get(&server, "a.test", "/same.txt");
    assert_eq!(a.field("content-type"), Some("text/x-top; charset=utf-8"));
    assert_eq!(a.field("x-both"), Some("top"));
    let moved = get(&server, "a.test", "/moved");
    assert_eq!(moved.field("location"), Some("/same.txt"));

    let m = get(&server, "c.test", "/media/same.txt");
    assert_eq!(m.field("content-type"), Some("text/x-site; charset=utf-8"));
    let both = (m.field("x-top"), m.field("x-both"));
    assert_eq!(both, (Some("1"), Some("site")), "its rules come last");
    for (target, status, location) in [
        ("/media/old/x.txt?q", 301, Some("/media/sub/x.txt?q")),
        ("/media/away", 302, Some("https://example.org/")),
        // A site with its own redirects inherits no others.
        ("/media/moved", 404, None),
    ] {
        let response = get(&server, "c.test", target);
        assert_eq!(response.status, status, "{target}");
        assert_eq!(response.field("location"), location, "{target}");
    }
}

#[test]
fn redirects_and_pages_name_paths_with_the_base_path() {
    let site = roots();
    fs::remove_file(site.path("m/404.html")).unwrap();
    let server = launch(&site, &format!("clean-urls = true\n{THREE}")).start();
    for (target, location) in [
        ("/media", "media/"),
        ("/media?q=1", "media/?q=1"),
        ("/x/../media", "/media/"),
        ("/media/sub", "sub/"),
        ("/media/./sub", "/media/sub/"),
        ("/media/index.html", "./"),
        ("/media/x/../index.html", "/media/"),
    ] {
        let response = get(&server, "c.test", target);
        assert_eq!(response.status, 301, "{target}");
        assert_eq!(response.field("location"), Some(location), "{target}");
    }
    let missing = get(&server, "c.test", "/media/none");
    assert!(missing.text().contains("<code>/media/none</code>"));
    let again = get(&server, "c.test", "/media/none");
    assert_eq!(missing.text(), again.text());
}

#[test]
fn a_host_without_a_site_gets_421_and_a_path_without_one_404() {
    let site = roots();
    let server = launch(&site, THREE).start();
    assert_eq!(get(&server, "c.test", "/").status, 404);
    assert_eq!(get(&server, "c.test", "/%").status, 400);
    let only_hosts = THREE.split("[[site]]\npath").next().unwrap();
    let server = launch(&site, only_hosts).start();
    let response = get(&server, "c.test", "/same.txt");
    assert_eq!(response.status, 421);
    assert!(response.text().contains("<code>c.test</code>"));
    assert!(!response.text().contains("a.test"), "{}", response.text());
}

#[test]
fn a_root_above_all_tables_is_the_site_for_all_other_requests() {
    let site = roots();
    site.file("index.html", "top").file("top.txt", "top");
    let server = launch(&site, THREE)
        .arg(site.root())
        .expecting(&["serves it as well; move one of them"])
        .start();
    for (host, target, text) in [
        ("c.test", "/", "top"),
        ("c.test", "/top.txt", "top"),
        ("c.test", "/media/same.txt", "same of m"),
        ("a.test", "/same.txt", "same of a"),
    ] {
        assert_text(&server, host, target, 200, text);
    }
}

#[test]
fn without_a_listen_address_only_the_hosts_of_sites_are_answered() {
    let site = roots();
    let settings = format!("port = 0\n{THREE}");
    let path = site.outside("millpond.toml");
    let root = site.root().display().to_string();
    fs::write(&path, settings.replace("{}", &root)).unwrap();
    let server = Launch::bare()
        .arg("--config")
        .arg(path)
        .expecting(&["got 421"])
        .start();
    assert_text(&server, "a.test", "/same.txt", 200, "same of a");
    assert_text(&server, "localhost", "/media/same.txt", 200, "same of m");
    assert_eq!(get(&server, "evil.test", "/media/same.txt").status, 421);
}

#[test]
fn a_listing_shows_the_base_path_and_links_as_far_up_as_its_site() {
    let site = roots();
    let server = launch(&site, THREE).start();
    let page = get(&server, "c.test", "/media/bare/");
    let page = page.text();
    assert!(page.contains("<title>Index of /media/bare/</title>"));
    assert!(page.contains("<a href=\"../\">media</a>"), "{page}");
    assert!(!page.contains("../../"), "{page}");
    let json = server.request(
        "GET",
        "http://c.test/media/bare/",
        &[("Accept", "application/json")],
    );
    assert!(json.text().starts_with("{\"path\":\"/media/bare/\","));
}

#[test]
fn metrics_have_a_label_for_each_site() {
    let site = roots();
    let server = launch(&site, THREE)
        .args(["--admin", "127.0.0.1:0"])
        .start();
    for (host, target) in [
        ("a.test", "/same.txt"),
        ("www.a.test", "/none"),
        ("c.test", "/media/same.txt"),
        ("c.test", "/none"),
    ] {
        get(&server, host, target);
    }
    let head = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut operator = Client::connect(server.admin_address());
    let metrics = operator.send(head).response_to("GET");
    for line in [
        "millpond_site_responses_total{site=\"a.test/\",class=\"2xx\"} 1\n",
        "millpond_site_responses_total{site=\"a.test/\",class=\"4xx\"} 1\n",
        "millpond_site_responses_total{site=\"b.test/\",class=\"2xx\"} 0\n",
        "millpond_site_responses_total{site=\"/media/\",class=\"2xx\"} 1\n",
        "millpond_site_root_available{site=\"/media/\"} 1\n",
        "millpond_root_available 1\n",
    ] {
        assert!(metrics.text().contains(line), "{line}{}", metrics.text());
    }
}

#[test]
fn the_health_check_asks_for_the_first_site() {
    let site = roots();
    let (_, of_path) = THREE
        .split_once("spa = true\ncache-control = 'max-age=60'\n")
        .unwrap();
    for settings in [THREE, of_path] {
        let server = launch(&site, settings).start();
        let address = server.address.to_string();
        let mut process = Launch::bare()
            .args(["--listen", &address, "--health", "--config"])
            .arg(site.outside("millpond.toml"))
            .spawn();
        let is_well = process.wait().success();
        assert!(is_well, "{}", process.end());
        process.end();
        assert!(process.stdout().contains(" answers 200"));
    }
}

#[test]
fn a_root_inside_another_one_is_a_concern_unless_the_url_is_the_same() {
    let site = roots();
    for (settings, is_concern) in [
        (THREE, false),
        (
            "[[site]]\nhosts = 'a'\nroot = '{}'\n[[site]]\nhosts = 'b'\nroot = '{}/b'\n",
            true,
        ),
        ("root = '{}'\n[[site]]\nhosts = 'b'\nroot = '{}/b'\n", true),
        ("root = '{}'\n[[site]]\npath = '/b'\nroot = '{}/b'\n", false),
        ("root = '{}'\n[[site]]\npath = '/x'\nroot = '{}/b'\n", true),
        (
            "[[site]]\nhosts = 'a'\nroot = '{}/b'\n[[site]]\nhosts = 'b'\nroot = '{}/b'\n",
            false,
        ),
    ] {
        let mut process = launch(&site, settings).arg("--check").spawn();
        assert!(process.wait().success());
        let warned = process
            .end()
            .contains("serves it as well; move one of them");
        assert_eq!(warned, is_concern, "{settings}");
    }
}

#[test]
fn sites_are_explained_by_name() {
    let site = roots();
    for (target, expected) in [
        ("http://a.test/same.txt", "site      a.test/, from "),
        ("http://www.a.test/", "site      a.test/, from "),
        ("/media/same.txt", "site      /media/, from "),
        (
            "/media",
            "redirect  to the base path of the site, with its slash",
        ),
        (
            "/none",
            "site      none: no site of this host has this path",
        ),
    ] {
        let mut process = launch(&site, THREE).args(["--explain", target]).spawn();
        process.wait();
        process.end();
        assert!(process.stdout().contains(expected), "{}", process.stdout());
    }
}

//! The check of `allowed-hosts`: requests for any other host are misdirected (RFC 9110 §7.4,
//! §15.5.20).

use crate::support::{Launch, Server, Site, assert_all};

fn guarded(site: &Site, hosts: &[&str]) -> Server {
    let arguments = hosts.iter().flat_map(|host| ["--allowed-hosts", host]);
    Launch::of(site.root()).args(arguments).start()
}

/// Returns the status of a request with this request line and, optionally, this `Host`.
fn status(server: &Server, line: &str, host: Option<&str>) -> u16 {
    let host = host.map_or(String::new(), |host| format!("Host: {host}\r\n"));
    server
        .response_to("GET", format!("{line}\r\n{host}\r\n"))
        .status
}

#[test]
fn without_the_setting_every_host_is_answered() {
    let site = Site::small();
    let server = Server::start(site.root());
    for host in ["a.example", "127.0.0.1", "[::1]:80", ""] {
        assert_eq!(
            status(&server, "GET /a.txt HTTP/1.1", Some(host)),
            200,
            "{host}"
        );
    }
    assert_eq!(status(&server, "GET /a.txt HTTP/1.0", None), 200);
}

#[test]
fn only_the_configured_hosts_are_answered() {
    let site = Site::small();
    let server = guarded(&site, &["www.example", "::1"]);
    let table = [
        ("www.example", 200),
        ("WWW.Example:8080", 200),
        ("www.example.", 200),
        ("[::1]", 200),
        ("[0:0:0::1]:8080", 200),
        ("evil.example", 421),
        ("sub.www.example", 421),
        ("www.example.evil.example", 421),
        ("localhost", 421),
        ("127.0.0.1", 421),
        ("[::2]", 421),
        ("", 421),
    ];
    assert_all(table, |host| {
        status(&server, "GET /a.txt HTTP/1.1", Some(host))
    });
    assert_eq!(status(&server, "GET /a.txt HTTP/1.0", None), 421);
}

#[test]
fn the_host_in_the_target_wins_over_the_field() {
    let site = Site::small();
    let server = guarded(&site, &["www.example"]);
    for (target, host, expected) in [
        ("http://www.example/a.txt", "evil.example", 200),
        ("http://evil.example/a.txt", "www.example", 421),
        ("https://www.example:443/a.txt", "evil.example", 200),
    ] {
        let line = format!("GET {target} HTTP/1.1");
        assert_eq!(status(&server, &line, Some(host)), expected, "{target}");
    }
}

#[test]
fn a_request_for_another_host_reveals_nothing_about_the_site() {
    let site = Site::small();
    let server = guarded(&site, &["www.example"]);
    let answers = ["/a.txt", "/missing", "/%zz", "/.git/"].map(|target| {
        let response = server.get(target);
        assert_eq!(response.status, 421, "{target}");
        (response.reason.clone(), response.content)
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    for method in ["HEAD", "POST", "OPTIONS"] {
        assert_eq!(
            server.request(method, "/a.txt", &[]).status,
            421,
            "{method}"
        );
    }
}

#[test]
fn the_page_names_the_host_and_the_setting_and_the_connection_persists() {
    let site = Site::small();
    let server = guarded(&site, &["www.example"]);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a'b&c:80\r\n\r\n");
    let page = client.response_to("GET");
    assert_eq!(
        (page.status, page.reason.as_str()),
        (421, "Misdirected Request")
    );
    assert!(
        page.text().contains("<code>a'b&amp;c:80</code>"),
        "{}",
        page.text()
    );
    assert!(page.text().contains("hosts"), "{}", page.text());
    client.send("GET /a.txt HTTP/1.1\r\nHost: www.example\r\n\r\n");
    assert_eq!(client.response_to("GET").text(), "alpha\n");
}

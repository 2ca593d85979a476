//! `--health`: the health check as a client.

use crate::support::{Launch, Server, Site, assert_all};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

/// Returns the exit code and the output on both streams.
fn health(launch: Launch) -> (Option<i32>, String) {
    let mut process = launch.spawn();
    let code = process.wait().code();
    let errors = process.end();
    let said = process.stdout() + &errors;
    assert_eq!(said.lines().count(), 1, "one sentence: {said}");
    assert_eq!(errors.is_empty(), code == Some(0), "{said}");
    (code, said)
}

fn ask(url: &str) -> (Option<i32>, String) {
    health(Launch::bare().args(["--health", url]))
}

#[test]
fn only_a_success_or_a_redirect_is_healthy() {
    let site = Site::small();
    site.directory("sub");
    let server = Server::start(site.root());
    let table = [
        ("/", (Some(0), "200")),
        ("/a.txt?x=y", (Some(0), "200")),
        ("/sub", (Some(0), "301")),
        ("/missing", (Some(1), "404")),
        ("/%zz", (Some(1), "400")),
    ];
    let table = table.map(|(target, (code, status))| (target, (code, status.to_owned())));
    assert_all(table, |target| {
        let (code, said) = ask(&format!("http://{}{target}", server.address));
        let (_, status) = said.trim_end().split_once(" answers ").expect("an answer");
        (code, status.to_owned())
    });
}

#[test]
fn the_first_address_in_the_settings_is_checked_without_a_url() {
    let site = Site::small();
    let socket = site.outside("socket");
    let unix = format!("unix:{}", socket.display());
    let server = Launch::of(site.root()).args(["--listen", &unix]).start();
    let port = server.address.port();
    for listen in [
        format!("127.0.0.1:{port}"),
        // All addresses include the loopback address, which the check uses.
        format!("0.0.0.0:{port}"),
        unix.clone(),
    ] {
        let asked = health(Launch::bare().args(["--listen", &listen, "--health"]));
        assert_eq!(asked.0, Some(0), "{listen}: {}", asked.1);
    }
    let config = site.outside("millpond.toml");
    fs::write(
        &config,
        format!("listen = ['127.0.0.1:{port}', '127.0.0.1:1']"),
    )
    .unwrap();
    let (code, said) = health(Launch::bare().arg("--health").arg("--config").arg(&config));
    assert_eq!(
        (code, said),
        (Some(0), format!("http://127.0.0.1:{port}/ answers 200\n"))
    );
    assert_eq!(ask(&unix), (Some(0), format!("{unix} answers 200\n")));
}

#[test]
fn a_site_without_an_index_file_is_unhealthy_unless_directories_are_listed() {
    let site = Site::new();
    site.file("data.json", "{}");
    let asked = |arguments: &[&str]| {
        let server = Launch::of(site.root())
            .args(arguments)
            .expecting(&["no index file"])
            .start();
        let listen = server.address.to_string();
        let by_settings = health(Launch::bare().args(["--listen", &listen, "--health"]));
        let by_url = ask(&format!("http://{listen}/data.json"));
        assert_eq!(by_url.0, Some(0), "{}", by_url.1);
        by_settings
    };
    let (code, said) = asked(&["--listing=false"]);
    assert_eq!(code, Some(1), "{said}");
    let advice = "answers 404: the site has no index file, or is not mounted; add index.html";
    assert!(said.contains(advice), "{said}");
    assert_eq!(asked(&["--listing"]).0, Some(0));
    site.file("index.html", "index");
    assert_eq!(asked(&[]).0, Some(0));
}

#[test]
fn a_server_with_allowed_hosts_is_checked_with_one_of_them() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--allowed-hosts", "www.example"])
        .start();
    let listen = server.address.to_string();
    let by_settings = [
        "--listen",
        &listen,
        "--allowed-hosts",
        "www.example",
        "--health",
    ];
    assert_eq!(health(Launch::bare().args(by_settings)).0, Some(0));
    let (code, said) = ask(&format!("http://{listen}/"));
    assert!(code == Some(1) && said.ends_with("answers 421\n"), "{said}");
}

#[test]
fn a_server_that_cannot_be_reached_is_unhealthy() {
    let site = Site::new();
    // At an address that no other test uses.
    let nobody = TcpListener::bind("127.0.0.3:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for url in [
        format!("http://{nobody}/"),
        format!("unix:{}", site.path("missing").display()),
        "https://127.0.0.1/".to_owned(),
        "127.0.0.1:8080".to_owned(),
        String::new(),
    ] {
        let (code, said) = ask(&url);
        assert!(
            code == Some(1) && (said.contains("cannot check") || said.contains("cannot connect")),
            "{url}: {said}"
        );
    }
    let listen = ["--listen", "127.0.0.1:0", "--health"];
    let (code, said) = health(Launch::bare().args(listen));
    assert!(code == Some(1) && said.contains("name the URL"), "{said}");
}

#[test]
fn a_server_that_does_not_answer_in_time_or_in_http_is_unhealthy() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let start = Instant::now();
    let (code, said) = ask(&format!("http://{}/", silent.local_addr().unwrap()));
    assert!(code == Some(1) && said.contains("within 3 s"), "{said}");
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = other.accept().expect("a client comes");
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
        // Waits until the client has closed, so that it is not reset before it has read.
        stream.read_to_end(&mut Vec::new())
    });
    let (code, said) = ask(&format!("http://{address}/"));
    assert!(
        code == Some(1) && said.contains("does not answer in HTTP"),
        "{said}"
    );
}

//! Listen addresses as people write them: ports, addresses with and without a port, both IP
//! families, and the platform's `PORT`.

use crate::support::{Client, Launch, Process, Site, unavailable};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    process::Command,
};

/// Returns the addresses that `--check` would serve at.
fn checked(words: &[&str], variables: &[(&str, &str)]) -> String {
    let site = Site::small();
    let mut launch = Launch::bare().arg(site.root()).arg("--check").args(words);
    for (name, value) in variables {
        launch = launch.env(name, value);
    }
    let mut check = launch.spawn();
    let status = check.wait();
    assert!(status.success(), "{words:?}: {}", check.end());
    check.end();
    let stdout = check.stdout();
    let lines = stdout.lines().filter_map(|line| line.split_once(" at "));
    let addresses = lines.map(|(_, address)| address.trim_end_matches('/'));
    // The next ones are this machine's addresses in its networks, which may be anything.
    addresses.take(2).collect::<Vec<_>>().join(" ")
}

/// Returns the addresses in a server's output, once it has printed `count` of them.
fn addresses(process: &Process, count: usize) -> Vec<SocketAddr> {
    let stdout = process.await_stdout("the addresses", |stdout| {
        (stdout.lines().count() >= count).then(|| stdout.to_owned())
    });
    let lines = stdout.lines().take(count);
    let addresses = lines.filter_map(|line| line.split_once(" at http://"));
    addresses
        .map(|(_, address)| address.trim_end_matches('/').parse().expect("an address"))
        .collect()
}

/// Starts a server and returns its addresses, which have the same port. Starts another one if
/// somebody else uses the port at one of the addresses.
fn start_with_one_port(
    launch: impl Fn() -> Launch,
    addresses_count: usize,
) -> (Process, Vec<SocketAddr>) {
    for _ in 0..5 {
        let server = launch().spawn();
        let found = addresses(&server, addresses_count);
        if found.iter().all(|it| it.port() == found[0].port()) {
            return (server, found);
        }
    }
    panic!("the addresses of five servers have different ports");
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

#[test]
fn every_spelling_of_a_port_or_an_address_listens_there() {
    let loopback = "http://127.0.0.1:3000 http://[::1]:3000";
    let all = "http://0.0.0.0:3000 http://[::]:3000";
    for (words, expected) in [
        (&["-p", "3000"][..], loopback),
        (&["-p3000"], loopback),
        (&["-p=3000"], loopback),
        (&["--port", "3000"], loopback),
        (&["--port=3000"], loopback),
        (&["--listen", "3000"], loopback),
        (&["--listen", "localhost:3000"], loopback),
        (&["--listen", "http://localhost:3000/"], loopback),
        (&["--listen", "localhost", "-p", "3000"], loopback),
        (&["--listen", ":3000"], all),
        (&["--listen", "*:3000"], all),
        (&["--listen", "*", "--port", "3000"], all),
        (
            &["--listen", "0.0.0.0", "--listen", "::", "-p", "3000"],
            all,
        ),
        (
            &["--listen", "http://127.0.0.1:3000"],
            "http://127.0.0.1:3000",
        ),
        (
            &["--listen", "/run/m.sock", "--listen", "localhost", "-p0"],
            "unix:/run/m.sock http://127.0.0.1:0",
        ),
        (&["--listen", "unix:///run/m.sock"], "unix:/run/m.sock"),
    ] {
        assert_eq!(checked(words, &[]), expected, "{words:?}");
    }
}

#[test]
fn the_port_of_the_platform_is_used_and_opens_nothing_to_the_network() {
    let port = ("PORT", "3000");
    let image = ("MILLPOND_LISTEN", "0.0.0.0,[::]");
    for (words, variables, expected) in [
        (
            &[][..],
            &[port][..],
            "http://127.0.0.1:3000 http://[::1]:3000",
        ),
        (&[], &[port, image], "http://0.0.0.0:3000 http://[::]:3000"),
        (&[], &[image], "http://0.0.0.0:8080 http://[::]:8080"),
        (
            &["-p", "80"],
            &[port, image],
            "http://0.0.0.0:80 http://[::]:80",
        ),
        (
            &["--listen", "127.0.0.1:80"],
            &[port],
            "http://127.0.0.1:80",
        ),
        (
            &[],
            &[port, ("MILLPOND_PORT", "tcp://10.0.0.1:80")],
            "http://127.0.0.1:3000 http://[::1]:3000",
        ),
        (
            &[],
            &[port, ("MILLPOND_PORT", "81")],
            "http://127.0.0.1:81 http://[::1]:81",
        ),
    ] {
        assert_eq!(
            checked(words, variables),
            expected,
            "{words:?} {variables:?}"
        );
    }
}

#[test]
fn a_free_port_is_the_same_at_both_loopback_addresses() {
    let site = Site::small();
    for words in [["-p", "0"], ["--listen", "localhost:0"]] {
        let count = if has_ipv6() { 2 } else { 1 };
        let launch = || Launch::bare().arg(site.root()).args(words);
        let (_server, found) = start_with_one_port(launch, count);
        assert_ne!(found[0].port(), 0);
        for address in found {
            assert!(address.ip().is_loopback());
            let mut client = Client::connect(address);
            client.send("GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_eq!(client.response_to("GET").text(), "alpha\n");
        }
    }
}

#[test]
fn all_addresses_of_both_families_are_listened_on_at_once() {
    if !has_ipv6() {
        return unavailable("IPv6");
    }
    let site = Site::small();
    for words in [
        &["--listen", ":0"][..],
        &["--listen", "*", "--port", "0"],
        &["--listen", "[::]:0", "--listen", "0.0.0.0:0"],
    ] {
        let launch = || Launch::bare().arg(site.root()).args(words);
        let (_server, found) = start_with_one_port(launch, 2);
        for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let mut client = Client::connect(SocketAddr::new(ip, found[0].port()));
            client.send("GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_eq!(client.response_to("GET").text(), "alpha\n", "{words:?}");
        }
    }
}

#[test]
fn the_ipv6_half_of_an_address_is_skipped_without_ipv6() {
    let enter = ["--user", "--map-root-user", "--net", "sh", "-c"];
    // A separate network namespace without an IPv6 address.
    let script = "ip link set lo up && ip address del ::1/128 dev lo && exec \"$0\" \"$@\"";
    let probe = Command::new("unshare")
        .args(enter)
        .args([script, "true"])
        .output();
    if !probe.is_ok_and(|it| it.status.success()) {
        return unavailable("a network namespace (unshare, ip)");
    }
    let site = Site::small();
    let binary = env!("CARGO_BIN_EXE_millpond");
    for (words, count) in [(&[][..], 1), (&["--listen", "localhost:3000"], 1)] {
        let mut command = Command::new("unshare");
        command.args(enter).args([script, binary]);
        let server = Process::spawn(command.arg(site.root()).args(words));
        assert_eq!(addresses(&server, count).len(), count);
        let line = server.stdout();
        assert!(
            line.contains(" at http://127.0.0.1:") && line.lines().count() == 1,
            "{line}"
        );
    }
    // If only the IPv6 address is requested, its absence is an error.
    let mut command = Command::new("unshare");
    command.args(enter).args([script, binary]);
    let mut server = Process::spawn(command.arg(site.root()).args(["--listen", "[::1]:3000"]));
    assert_eq!(server.wait().code(), Some(1));
    assert!(server.end().contains("cannot listen on http://[::1]:3000/"));
}

#[test]
fn a_port_in_use_causes_advice_with_the_next_free_one() {
    let site = Site::small();
    let other = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = other.local_addr().expect("its address").port().to_string();
    let said = |words: &[&str]| {
        let mut process = Launch::bare().arg(site.root()).args(words).spawn();
        assert_eq!(process.wait().code(), Some(1));
        process.end()
    };
    let alone = said(&["--port", &port]);
    assert!(
        alone.contains(": try --port ") && alone.lines().count() == 1,
        "{alone}"
    );
    let named = said(&["--listen", &format!("127.0.0.1:{port}")]);
    assert!(named.contains(": try --listen 127.0.0.1:"), "{named}");
}

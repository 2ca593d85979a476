//! Defaults that depend on who a server is for: without a listen address, it lists directories and
//! answers only for names of this machine.

use crate::support::{
    Launch, Server, Signal, Site, assert_all, in_a_network, responses, unavailable,
};
use std::{net::TcpListener, os::fd::AsFd, process::Command};

fn local(site: &Site) -> Launch {
    Launch::of(site.root()).args(["--allowed-hosts", "local"])
}

/// Returns the status of a request with this request line and, optionally, this `Host`.
fn status(server: &Server, line: &str, host: Option<&str>) -> u16 {
    let host = host.map_or(String::new(), |host| format!("Host: {host}\r\n"));
    let request = format!("{line}\r\n{host}\r\n");
    server.response_to("GET", request).status
}

/// Returns two settings as `--print-config` prints them, with their sources.
fn printed(arguments: &[&str], variables: &[(&str, &str)]) -> [String; 2] {
    let output = Command::new(env!("CARGO_BIN_EXE_millpond"))
        .args(arguments)
        .arg("--print-config")
        .envs(variables.iter().copied())
        .output()
        .expect("millpond runs");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    let line = |name: &str| {
        let mut lines = stdout.lines();
        let line = lines.find(|line| line.starts_with(&format!("{name} = ")));
        line.unwrap_or_else(|| panic!("{name} in {stdout}"))
            .to_owned()
    };
    [line("listing"), line("allowed-hosts")]
}

#[test]
fn without_a_listen_address_directories_are_listed_and_other_hosts_get_421() {
    let site = Site::small();
    site.file("dir/in-it.txt", "1");
    let ask = |host: &str, target: &str| {
        format!(
            "exec 3<>/dev/tcp/127.0.0.1/8080; \
             printf 'GET {target} HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n' >&3; \
             cat <&3; exec 3>&-; echo; echo =====; "
        )
    };
    let asked = [
        ask("localhost:8080", "/dir/"),
        ask("127.0.0.1:8080", "/a.txt"),
        ask("evil.example", "/a.txt"),
        ask("evil.example", "/dir/"),
    ];
    let script = format!(
        "exec bash -c '\"$0\" root >out 2>err & until \"$0\" --health >/dev/null 2>&1; do sleep 0.05; \
         done; {} kill $!; wait $!; echo done' \"$0\"",
        asked.concat().replace('\'', "'\\''")
    );
    let Some(mut process) = in_a_network(&site, &script) else {
        return;
    };
    process.await_stdout("the end", |stdout| stdout.contains("done").then_some(()));
    process.end();
    let stdout = process.stdout();
    let answers: Vec<_> = stdout.split("\n=====\n").collect();
    let statuses: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer.strip_prefix("HTTP/1.1 "))
        .map(|answer| &answer[..3])
        .collect();
    assert_eq!(statuses, ["200", "200", "421", "421"], "{stdout}");
    assert!(answers[0].contains("in-it.txt"), "{stdout}");
    assert!(!answers[3].contains("in-it.txt"), "{stdout}");
    let said = std::fs::read_to_string(site.outside("err")).unwrap();
    let warnings: Vec<_> = said
        .lines()
        .filter(|line| line.contains(" WARN "))
        .collect();
    assert_eq!(warnings.len(), 1, "once for both: {said}");
    assert!(
        warnings[0].contains("\"evil.example\"")
            && warnings[0].contains("--allowed-hosts local --allowed-hosts evil.example"),
        "{said}"
    );
}

#[test]
fn with_a_listen_address_nothing_is_listed_and_any_host_is_answered() {
    let site = Site::small();
    site.file("dir/a", "");
    let server = Launch::of(site.root())
        .expecting(&["has no index file"])
        .start();
    assert_eq!(
        status(&server, "GET /a.txt HTTP/1.1", Some("evil.example")),
        200
    );
    assert_eq!(server.get("/dir/").status, 404);
    // Inherited sockets count as named addresses.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Launch::inheriting(&[("", socket.as_fd())])
        .arg(site.root())
        .expecting(&["has no index file"])
        .start();
    assert_eq!(
        status(&server, "GET /a.txt HTTP/1.1", Some("evil.example")),
        200
    );
    assert_eq!(server.get("/dir/").status, 404);
}

#[test]
fn a_reload_changes_hosts_and_listing_but_not_the_audience() {
    let site = Site::small();
    site.file("dir/a", "");
    let file = site.outside("settings/m.toml");
    std::fs::create_dir(site.outside("settings")).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    std::fs::write(&file, "").unwrap();
    let server = Launch::inheriting(&[("", socket.as_fd())])
        .arg(site.root())
        .arg("--config")
        .arg(&file)
        .expecting(&["has no index file", "settings reloaded", "got 421"])
        .start();
    let states = ["", "listing = true\nallowed-hosts = 'local'\n", ""];
    for (settings, number) in states.into_iter().zip(0..) {
        if number > 0 {
            std::fs::write(&file, settings).unwrap();
            server.process.signal(Signal::HUP);
            server.process.await_stderr("the reload", |said| {
                (said.matches("settings reloaded").count() == number).then_some(())
            });
        }
        let is_set = !settings.is_empty();
        let host = status(&server, "GET /a.txt HTTP/1.1", Some("evil.example"));
        assert_eq!(host, if is_set { 421 } else { 200 }, "{settings}");
        let listing = status(&server, "GET /dir/ HTTP/1.1", Some("localhost"));
        assert_eq!(listing, if is_set { 200 } else { 404 }, "{settings}");
    }
}

#[test]
fn the_printed_settings_explain_the_value_of_auto() {
    const LOCAL: &str = "\"auto\"  # default: local, because there is no listen address";
    for (arguments, listing, hosts) in [
        (
            &[][..],
            "\"auto\"  # default: true, because there is no listen address",
            LOCAL,
        ),
        (
            &["--spa"],
            "\"auto\"  # default: false, because the application answers for directories (spa)",
            LOCAL,
        ),
        (
            &["--listen", "127.0.0.1:8080"],
            "\"auto\"  # default: false, because there is a listen address",
            "\"auto\"  # default: any, because there is a listen address",
        ),
    ] {
        assert_printed(arguments, &[], listing, hosts);
    }
}

#[test]
fn explicit_settings_override_the_defaults_in_both_directions() {
    let any = ["--listing=false", "--allowed-hosts", "any"];
    let off = "false  # --listing";
    assert_printed(&any, &[], off, "\"any\"  # --allowed-hosts");
    let two = [
        "--listing",
        "--allowed-hosts=local",
        "--allowed-hosts=my.test",
    ];
    let hosts = "[\"local\", \"my.test\"]  # --allowed-hosts";
    assert_printed(&two, &[], "true  # --listing", hosts);
    assert_printed(
        &["--listing=auto", "--allowed-hosts=auto"],
        &[
            ("MILLPOND_LISTING", "false"),
            ("MILLPOND_ALLOWED_HOSTS", "any"),
        ],
        "\"auto\"  # --listing: true, because there is no listen address",
        "\"auto\"  # --allowed-hosts: local, because there is no listen address",
    );
    assert_printed(
        &[],
        &[
            ("MILLPOND_LISTEN", "127.0.0.1:80"),
            ("MILLPOND_ALLOWED_HOSTS", "local,local."),
        ],
        "\"auto\"  # default: false, because there is a listen address",
        "[\"local\", \"local.\"]  # MILLPOND_ALLOWED_HOSTS",
    );
}

/// Asserts that the settings are printed like this, and that the printed file sets them again.
fn assert_printed(arguments: &[&str], variables: &[(&str, &str)], listing: &str, hosts: &str) {
    let expected = [
        format!("listing = {listing}"),
        format!("allowed-hosts = {hosts}"),
    ];
    assert_eq!(printed(arguments, variables), expected, "{arguments:?}");
    let site = Site::small();
    let without_origin = |line: &String| line.split("  #").next().unwrap().to_owned();
    let values = expected.each_ref().map(without_origin);
    let file = site.outside("again.toml");
    std::fs::write(&file, values.join("\n")).unwrap();
    let again = printed(&["--config", file.to_str().unwrap()], &[]);
    assert_eq!(again.each_ref().map(without_origin), values);
}

#[test]
fn keywords_for_many_hosts_cannot_be_combined() {
    let site = Site::small();
    for (hosts, said) in [
        (
            &["any", "a.example"][..],
            "\"any\" cannot be combined with other hosts",
        ),
        (
            &["a.example", "auto"],
            "\"auto\" cannot be combined with other hosts",
        ),
        (&["*"], "write any"),
    ] {
        let arguments = hosts.iter().flat_map(|host| ["--allowed-hosts", host]);
        let mut process = Launch::of(site.root())
            .args(arguments)
            .arg("--check")
            .spawn();
        assert_eq!(process.wait().code(), Some(2), "{hosts:?}");
        let stderr = process.end();
        assert!(stderr.contains(said), "{hosts:?}: {stderr}");
    }
}

#[test]
fn only_hosts_that_mean_this_machine_are_local() {
    let site = Site::small();
    let server = local(&site).expecting(&["got 421"]).start();
    let table = [
        ("localhost", 200),
        ("localhost:8080", 200),
        ("LOCALHOST:8080", 200),
        ("localhost.", 200),
        ("app.localhost:3000", 200),
        ("127.0.0.1:8080", 200),
        ("192.0.2.7", 200),
        ("[::1]:8080", 200),
        ("", 200),
        ("evil.example", 421),
        ("127.0.0.1.nip.io:8080", 421),
        ("localhost.evil.example", 421),
        ("mybox:8080", 421),
        // A host has no zone.
        ("[fe80::1%25lo]:8080", 400),
    ];
    assert_all(table, |host| {
        status(&server, "GET /a.txt HTTP/1.1", Some(host))
    });
    // Browsers always send a host.
    assert_eq!(status(&server, "GET /a.txt HTTP/1.0", None), 200);
    // The host in the target overrides the field (RFC 9112 §3.2.2).
    for (target, host, expected) in [
        ("http://evil.example/a.txt", "localhost", 421),
        ("http://localhost/a.txt", "evil.example", 200),
    ] {
        let line = format!("GET {target} HTTP/1.1");
        assert_eq!(status(&server, &line, Some(host)), expected, "{target}");
    }
}

#[test]
fn names_next_to_local_are_answered_too() {
    let site = Site::small();
    let server = local(&site)
        .args(["--allowed-hosts", "my.test"])
        .expecting(&["got 421"])
        .start();
    for (host, expected) in [("my.test:80", 200), ("localhost", 200), ("a.test", 421)] {
        assert_eq!(
            status(&server, "GET / HTTP/1.1", Some(host)),
            expected,
            "{host}"
        );
    }
}

#[test]
fn a_flood_of_other_hosts_causes_one_log_line_and_the_page_names_the_setting() {
    let site = Site::small();
    let server = local(&site).expecting(&["got 421"]).start();
    let request = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".repeat(200);
    let output = server.exchange(request);
    let answers = responses(&output, ["GET"; 200]);
    assert!(answers.iter().all(|answer| answer.status == 421));
    assert!(
        answers[0].text().contains("--allowed-hosts"),
        "{}",
        answers[0].text()
    );
    let lines = server.process.await_stderr("a warning", |said| {
        said.contains("got 421").then(|| said.lines().count())
    });
    assert_eq!(lines, 1);
}

#[test]
fn the_check_lists_the_defaults_without_a_listen_address() {
    let site = Site::small();
    let check = |arguments: &[&str]| {
        let mut process = Launch::bare()
            .arg(site.root())
            .args(arguments)
            .arg("--check")
            .spawn();
        assert!(process.wait().success());
        process.end();
        let stdout = process.stdout();
        let lines = stdout
            .lines()
            .filter(|line| line.contains("because there is no listen address"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        check(&[]),
        [
            "directories are listed, because there is no listen address (listing)",
            "only requests for localhost and IP addresses are answered, because there is no listen address (allowed-hosts)",
        ]
    );
    assert_eq!(check(&["--listing"]).len(), 1);
    assert_eq!(check(&["--spa"]).len(), 1);
    assert!(check(&["--listen", "127.0.0.1:0"]).is_empty());
    assert!(check(&["--listing=false", "--allowed-hosts=any"]).is_empty());
}

#[test]
fn a_client_that_uses_tls_is_logged_once() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .expecting(&["a client uses HTTPS"])
        .start();
    // The beginning of a ClientHello (RFC 8446 §4.1.2).
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for _ in 0..3 {
        for output in [server.exchange(hello), server.exchange_byte_by_byte(hello)] {
            let [answer] = &responses(&output, ["GET"])[..] else {
                panic!("one answer");
            };
            assert_eq!(answer.status, 400);
        }
    }
    let lines = server.process.await_stderr("a warning", |said| {
        said.contains("uses HTTPS").then(|| said.lines().count())
    });
    assert_eq!(lines, 1);
}

#[test]
fn a_privileged_port_fails_with_advice() {
    let site = Site::small();
    if !rustix::process::geteuid().is_root() {
        return unavailable("the rights of root, to give them up in a network of the test's own");
    }
    // In a separate network namespace, where the limit has the kernel's default.
    let script = "echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start; \
                  exec setpriv --bounding-set -net_bind_service --inh-caps -net_bind_service \
                  \"$0\" root --listen 127.0.0.1:80";
    let Some(mut process) = in_a_network(&site, script) else {
        return;
    };
    assert_eq!(process.wait().code(), Some(1));
    let said = process.end();
    for way in [
        "--listen '127.0.0.1:8080'",
        "--user www-data",
        "millpond.socket",
        "setcap",
    ] {
        assert!(said.contains(way), "{way}: {said}");
    }
    assert!(
        said.lines().all(|line| line.starts_with("error: ")),
        "{said}"
    );
}

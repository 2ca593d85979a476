//! What is said at the start: to programs, to a person at a terminal, and of a port that is taken.

mod support;

use std::{
    net::TcpListener,
    process::{self, Command, Output},
};
use support::{Launch, Process, Server, Site, in_a_network, quoted, unavailable};

/// Runs a command line at a terminal until `find` finds what it looks for in what it shows.
fn at_a_terminal(command: &str, variables: &[(&str, &str)], last: &str) -> Option<String> {
    let can_script = |output: Output| output.status.success();
    let probed = Command::new("script").arg("--version").output();
    if !probed.is_ok_and(can_script) {
        unavailable("the program script (bsdutils)");
        return None;
    }
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", command, "/dev/null"]);
    script.env("TERM", "xterm").env_remove("NO_COLOR");
    script.envs(variables.iter().copied());
    let process = Process::spawn(&mut script);
    // A terminal turns line ends into carriage returns and line ends.
    let shown = process.await_stdout(last, |shown| {
        shown.contains(last).then(|| shown.replace('\r', ""))
    });
    Some(shown)
}

/// What the kernel calls this process.
fn own_name() -> String {
    let name = std::fs::read_to_string("/proc/self/comm").expect("the kernel tells");
    name.trim_end().to_owned()
}

#[test]
fn a_person_at_a_terminal_gets_addresses_to_click_and_what_is_on() {
    let site = Site::small();
    let root = site.root();
    let command = format!(
        "{} {} --listen 127.0.0.1:0 --sandbox off --compression",
        quoted(env!("CARGO_BIN_EXE_millpond")),
        quoted(&root)
    );
    let Some(shown) = at_a_terminal(&command, &[("NO_COLOR", "1")], "stops it\r\n") else {
        return;
    };
    let (port, _) = shown
        .split_once("http://127.0.0.1:")
        .and_then(|(_, rest)| rest.split_once('/'))
        .unwrap_or_else(|| panic!("no address in {shown}"));
    let before = format!(
        "\n  millpond serves {}\n\n  this machine  http://127.0.0.1:{port}/\n  \
         your network  cannot see it; --listen 0.0.0.0:{port} shows it\n\n",
        root.display()
    );
    assert!(shown.starts_with(&before), "{shown}");
    assert!(
        shown.contains("\n  listing off, sandbox off, compression on"),
        "{shown}"
    );
    assert!(!shown.contains('\x1b'), "{shown:?}");
    let Some(shown) = at_a_terminal(&command, &[], "stops it") else {
        return;
    };
    assert!(shown.contains("\x1b[1mhttp://127.0.0.1:"), "{shown:?}");
}

#[test]
fn listeners_on_all_addresses_tell_those_in_the_network() {
    let site = Site::small();
    let script = "exec \"$0\" root --listen 0.0.0.0:80";
    let Some(server) = in_a_network(&site, script) else {
        return;
    };
    let stdout = server.await_stdout("both lines", |stdout| {
        (stdout.lines().count() == 2).then(|| stdout.to_owned())
    });
    assert_eq!(
        stdout,
        "millpond serves root at http://0.0.0.0:80/\n\
         millpond serves root at http://192.0.2.2:80/\n"
    );
}

#[test]
fn a_port_in_use_names_the_next_one_that_is_free() {
    let site = Site::small();
    // Somebody else may take the next port at any time, so that no certain one is asked for.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut second = Launch::bare()
        .arg(site.root())
        .args(["--listen", &address])
        .spawn();
    assert_eq!(second.wait().code(), Some(1));
    let said = second.end();
    let start = format!(
        "error: http://{address}/ is in use by {}, process {}",
        own_name(),
        process::id()
    );
    let free: u16 = said
        .strip_prefix(&start)
        .and_then(|rest| rest.strip_prefix("; the next free port is "))
        .and_then(|rest| rest.split_once(": try --listen 127.0.0.1:"))
        .and_then(|(port, again)| (again.trim_end() == port).then(|| port.parse().unwrap()))
        .unwrap_or_else(|| panic!("{said}"));
    assert!((port + 1..=port + 100).contains(&free), "{said}");
}

#[test]
fn the_default_port_in_use_names_the_next_one_that_is_free_and_not_asked_for_as_well() {
    let site = Site::small();
    let script = "\"$0\" root & first=$!; echo first=$first; \
        until \"$0\" --health 2>&1; do sleep 0.05; done; \
        \"$0\" root; \
        \"$0\" root --listen '[::1]:8080'; \
        \"$0\" root --listen 127.0.0.1:8080 --listen 127.0.0.1:8081; \
        kill $first; wait $first; echo done";
    let Some(mut process) = in_a_network(&site, script) else {
        return;
    };
    process.await_stdout("the end", |stdout| stdout.contains("done").then_some(()));
    let said = process.end();
    let stdout = process.stdout();
    let first = stdout.lines().find_map(|line| line.strip_prefix("first="));
    let first = first.expect("its id");
    let errors: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    let in_use = |wanted: &str, port: u16, flag: &str| {
        format!(
            "error: millpond runs already at http://{wanted}:8080/, as process {first}; to stop it: \
             kill {first}; the next free port is {port}: try {flag}"
        )
    };
    // The brackets of the second would be a pattern to a shell.
    assert_eq!(
        errors,
        [
            in_use("127.0.0.1", 8081, "--port 8081"),
            in_use("[::1]", 8081, "--listen '[::1]:8081'"),
            in_use("127.0.0.1", 8082, "--listen 127.0.0.1:8082"),
        ]
    );
}

#[test]
fn a_program_gets_the_same_lines_whatever_its_terminal() {
    let site = Site::small();
    let server: Server = Launch::of(site.root())
        .env("TERM", "xterm-256color")
        .env("CLICOLOR_FORCE", "1")
        .start();
    let line = format!(
        "millpond serves {} at http://{}/\n",
        site.root().display(),
        server.address
    );
    assert_eq!(server.process.stdout(), line);
}

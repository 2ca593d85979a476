//! The start of the server, and its messages when it fails.

use crate::support::{
    Client, Launch, Process, Response, Server, Signal, Site, assert_all, unavailable,
};
use std::{
    fs::{self, Permissions},
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::Command,
};

/// Returns the exit code of a failed start, and its message if that is one sentence.
fn failure(launch: Launch) -> (Option<i32>, String) {
    let mut process = launch.spawn();
    let status = process.wait();
    let said = process.end();
    assert_eq!(process.stdout(), "", "nothing is served");
    (status.code(), said)
}

/// Asserts that the start fails with code 1 and one sentence about `subject`.
#[track_caller]
fn assert_one_sentence(launch: Launch, subject: &str) {
    let (code, said) = failure(launch);
    assert_eq!(code, Some(1), "{said}");
    let is_one_line = said.ends_with('\n') && said.lines().count() == 1;
    assert!(
        is_one_line && said.contains(subject),
        "{said:?} about {subject}"
    );
    for raw in ["Os {", "Error(", "panicked", "kind:"] {
        assert!(!said.contains(raw), "{said:?} is for people");
    }
}

#[test]
fn each_listener_prints_a_line_with_its_url() {
    let site = Site::small();
    let mut launch = Launch::of(site.root()).args(["--listen", "127.0.0.1:0"]);
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    if has_ipv6 {
        launch = launch.args(["--listen", "[::1]:0"]);
    }
    let server = launch.start();
    let count = if has_ipv6 { 3 } else { 2 };
    let stdout = server.process.await_stdout("a line for each", |stdout| {
        (stdout.lines().count() == count).then(|| stdout.to_owned())
    });
    let prefix = format!("millpond serves {} at http://", site.root().display());
    for line in stdout.lines() {
        let address = line
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix('/'));
        let address = address
            .unwrap_or_else(|| panic!("{line}"))
            .parse::<SocketAddr>()
            .unwrap();
        assert_ne!(address.port(), 0);
        let mut client = Client::connect(address);
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response_to("GET").text(), "alpha\n");
    }
}

#[test]
fn a_unix_socket_is_served() {
    let site = Site::small();
    let path = site.outside("socket");
    let listen = format!("unix:{}", path.display());
    let server = Launch::bare()
        .arg(site.root())
        .args(["--listen", &listen])
        .spawn();
    let line = format!("millpond serves {} at {listen}\n", site.root().display());
    server.await_stdout("the address", |stdout| (stdout == line).then_some(()));
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .write_all(b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut output = Vec::new();
    stream.read_to_end(&mut output).unwrap();
    let (response, _) = Response::parse(&output, "GET")
        .unwrap()
        .expect("a whole response");
    assert_eq!((response.status, response.text()), (200, "alpha\n"));
}

#[test]
fn the_current_directory_is_served_on_port_8080_of_both_loopbacks_by_default() {
    // A separate network namespace, where the port is certainly free.
    let site = Site::small();
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--net", "sh", "-c"]);
    unshare.args([
        "ip link set lo up && exec \"$0\"",
        env!("CARGO_BIN_EXE_millpond"),
    ]);
    unshare.current_dir(site.root());
    let probe = "unshare --user --map-root-user --net ip link set lo up";
    let can = Command::new("sh")
        .args(["-c", probe])
        .output()
        .is_ok_and(|it| it.status.success());
    if !can {
        return unavailable("a network namespace (unshare, ip)");
    }
    let server = Process::spawn(&mut unshare);
    let stdout = server.await_stdout("both lines", |stdout| {
        (stdout.lines().count() == 2).then(|| stdout.to_owned())
    });
    let expected = "millpond serves . at http://127.0.0.1:8080/\n\
                    millpond serves . at http://[::1]:8080/\n";
    assert_eq!(stdout, expected);
}

#[test]
fn a_root_may_be_relative_and_end_in_a_slash() {
    let site = Site::small();
    for root in ["root", "root/", "./root", "."] {
        let directory = if root == "." {
            site.root()
        } else {
            site.outside(".")
        };
        let server = Launch::of(root).current_dir(directory).start();
        assert_eq!(server.get("/a.txt").text(), "alpha\n", "{root}");
    }
}

#[test]
fn a_port_in_use_gives_one_sentence_and_code_1() {
    let site = Site::small();
    let first = Server::start(site.root());
    let address = first.address.to_string();
    let second = Launch::bare().arg(site.root()).args(["--listen", &address]);
    assert_one_sentence(second, &first.address.port().to_string());
    assert_eq!(first.get("/a.txt").status, 200);
}

#[test]
fn an_address_of_another_machine_gives_one_sentence_and_code_1() {
    // RFC 5737: an address for documentation, so no machine has it.
    let site = Site::small();
    let launch = Launch::bare()
        .arg(site.root())
        .args(["--listen", "192.0.2.1:0"]);
    assert_one_sentence(launch, "192.0.2.1");
}

#[test]
fn a_missing_root_gives_one_sentence_and_code_1() {
    let site = Site::new();
    assert_one_sentence(Launch::of(site.path("missing")), "missing");
    site.symlink("dangling", "nowhere");
    assert_one_sentence(Launch::of(site.path("dangling")), "dangling");
}

#[test]
fn a_root_that_is_not_a_directory_gives_one_sentence_and_code_1() {
    let site = Site::small();
    site.fifo("pipe");
    let advice = format!(
        "a.txt is not a directory; serve {}, which",
        site.root().display()
    );
    assert_one_sentence(Launch::of(site.path("a.txt")), &advice);
    let beside = Launch::of("a.txt").current_dir(site.root());
    assert_one_sentence(beside, "a.txt is not a directory; serve ., which");
    assert_one_sentence(Launch::of(site.path("pipe")), "pipe");
}

#[test]
fn a_root_that_may_not_be_entered_gives_one_sentence_and_code_1() {
    let site = Site::small();
    site.mode("", 0o000);
    assert_one_sentence(Launch::unprivileged(&site.root()), "root");
    site.mode("", 0o755);
}

#[test]
fn an_access_log_that_cannot_be_written_gives_one_sentence_and_code_1() {
    let site = Site::small();
    let path = site.outside("missing/access.log");
    assert_one_sentence(
        Launch::of(site.root()).arg("--access-log").arg(path),
        "access.log",
    );
}

#[test]
fn overlapping_addresses_are_an_error() {
    let site = Site::small();
    let told = "http://127.0.0.1:8088/ and http://0.0.0.0:8088/ overlap; keep the one";
    for option in ["--listen", "--admin"] {
        let addresses = ["127.0.0.1:8088", "0.0.0.0:8088"].map(|it| format!("{option}={it}"));
        let launch = || Launch::bare().arg(site.root()).args(&addresses);
        let (code, said) = failure(launch());
        assert_eq!(code, Some(2));
        assert!(said.contains(told) && said.lines().count() == 1, "{said}");
        // The kernel lets sockets of one user share an address, and the more specific one takes
        // precedence.
        let mut check = launch().args(["--reuse-port", "--check"]).spawn();
        assert_eq!(check.wait().code(), Some(0));
    }
}

#[test]
fn bad_arguments_give_code_2() {
    let site = Site::small();
    let root = site.root();
    let arguments: [&[&str]; 8] = [
        &["--no-such-option"],
        &["--listen"],
        &["--listen", "nonsense"],
        &["--listen", "127.0.0.1:99999"],
        &["another-root"],
        &["--idle-timeout", "soon"],
        &["--headers-max", "-1"],
        &["--access-log-format", "nonsense"],
    ];
    assert_all(
        arguments.map(|arguments| (arguments, Some(2))),
        |arguments| {
            let launch = Launch::bare().arg(&root).args(*arguments);
            let (code, said) = failure(launch);
            assert!(
                !said.is_empty() && !said.contains("panicked"),
                "{arguments:?} gives {said:?}"
            );
            code
        },
    );
}

#[test]
fn nothing_is_written_to_standard_error_in_normal_operation() {
    let site = Site::small();
    let mut server = Server::start(site.root());
    for target in ["/", "/a.txt", "/missing", "/%zz", "/a.txt/"] {
        server.get(target);
    }
    assert!(server.stop(Signal::TERM).success());
    assert_eq!(server.process.end(), "");
}

#[test]
fn the_included_site_is_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let server = Server::start(&root);
    let page = server.get("/");
    assert_eq!(
        (page.status, page.field("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let references: Vec<_> = page
        .text()
        .split('<')
        .filter(|tag| {
            ["link ", "script ", "img "]
                .iter()
                .any(|name| tag.starts_with(name))
        })
        .filter_map(|tag| {
            tag.split_once("href=\"")
                .or_else(|| tag.split_once("src=\""))
        })
        .filter_map(|(_, rest)| rest.split('"').next())
        .collect();
    assert!(
        references.len() >= 4,
        "style sheet, script, image, icon: {references:?}"
    );
    for reference in references {
        let target = format!("/{}", reference.trim_start_matches('/'));
        assert_eq!(server.get(&target).status, 200, "{reference}");
    }
}

#[test]
fn a_unix_socket_is_removed_at_the_end_but_not_that_of_another_server() {
    let site = Site::small();
    fs::create_dir(site.outside("run")).unwrap();
    let path = site.outside("run/socket");
    let address = format!("unix:{}", path.display());
    let launch = || Launch::of(site.root()).args(["--listen", &address]).start();
    let mut first = launch();
    fs::remove_file(&path).unwrap();
    let mut second = launch();
    first.stop(Signal::TERM);
    UnixStream::connect(&path).expect("the second listens there");
    second.stop(Signal::TERM);
    assert!(!path.exists());
}

#[test]
fn a_file_at_the_path_of_a_unix_socket_is_not_touched() {
    let site = Site::small();
    let path = site.outside("important.txt");
    fs::write(&path, "important").unwrap();
    let address = format!("unix:{}", path.display());
    let launch = Launch::bare().arg(site.root()).args(["--listen", &address]);
    let is_no_socket = "important.txt: it exists already, and is not a socket";
    assert_one_sentence(launch, is_no_socket);
    assert_eq!(fs::read(&path).unwrap(), b"important");
}

#[test]
fn a_unix_socket_that_the_user_can_neither_create_nor_inspect_is_reported() {
    let site = Site::small();
    let (closed, private) = (site.outside("closed"), site.outside("private"));
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
    // The server cannot know whether another server uses this socket.
    drop(UnixListener::bind(&private).unwrap());
    fs::set_permissions(&private, Permissions::from_mode(0o000)).unwrap();
    for path in [closed.join("socket"), private] {
        let listen = format!("unix:{}", path.display());
        let launch = Launch::unprivileged(&site.root()).args(["--listen", &listen]);
        let refused = format!("cannot listen on {listen}: Permission denied");
        assert_one_sentence(launch, &refused);
    }
}

//! Listening sockets from elsewhere: from the previous server, or from the process that starts this
//! one.

use crate::support::{Launch, Signal, Site, is_root, poll_until, unavailable, uninterrupted};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::AsFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
    process::Command,
    time::Duration,
};

const SHARED: &[&str] = &["another server listens on"];

fn reusable(site: &Site, listen: &str) -> Launch {
    Launch::bare()
        .arg(site.root())
        .args(["--listen", listen, "--reuse-port"])
        .expecting(SHARED)
}

/// Returns the whole response on a stream.
fn answer(mut stream: impl Read + Write) -> String {
    let mut text = String::new();
    stream
        .write_all(b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_connection_that_the_old_server_never_accepted_is_answered_by_the_next() {
    let site = Site::small();
    let mut first = reusable(&site, "127.0.0.1:0").start();
    let second = reusable(&site, &first.address.to_string()).start();
    poll_until("the first one's word", || {
        first.process.stderr().contains(SHARED[0]).then_some(())
    });
    // Both are suspended, so the connection stays in the queue.
    for server in [&first, &second] {
        server.process.pause();
    }
    let waiting = TcpStream::connect(first.address).unwrap();
    first.process.signal(Signal::KILL);
    first.process.wait();
    second.process.signal(Signal::CONT);
    assert!(answer(waiting).ends_with("alpha\n"));
}

#[test]
fn a_third_server_takes_over_from_the_second_after_the_first_is_gone() {
    let site = Site::small();
    let mut first = reusable(&site, "127.0.0.1:0").start();
    let address = first.address.to_string();
    let mut second = reusable(&site, &address).start();
    first.stop(Signal::TERM);
    let third = reusable(&site, &address).start();
    second.stop(Signal::TERM);
    assert_eq!(third.get("/a.txt").status, 200);
}

#[test]
fn a_server_that_fails_to_start_does_no_harm() {
    let site = Site::small();
    let first = reusable(&site, "127.0.0.1:0").start();
    let address = first.address.to_string();
    let missing = site.outside("missing");
    let mut second = Launch::bare()
        .arg(missing)
        .args(["--listen", &address, "--reuse-port"])
        .spawn();
    assert_eq!(second.wait().code(), Some(1));
    assert_eq!(first.get("/a.txt").status, 200);
}

#[test]
fn a_unix_socket_stays_as_long_as_a_server_listens() {
    let site = Site::small();
    let path = site.outside("socket");
    let launch = || {
        Launch::of(site.root())
            .args([
                "--listen",
                &format!("unix:{}", path.display()),
                "--reuse-port",
            ])
            .args(["--sandbox", "off"])
            .expecting(SHARED)
    };
    let mut first = launch().start();
    let second = launch().start();
    first.stop(Signal::TERM);
    assert!(answer(UnixStream::connect(&path).unwrap()).ends_with("alpha\n"));
    drop(second);
}

#[test]
fn without_the_option_on_both_sides_the_address_is_in_use() {
    let site = Site::small();
    for (first, second) in [(&["--reuse-port"][..], &[][..]), (&[], &["--reuse-port"])] {
        let first = Launch::of(site.root()).args(first).start();
        let address = first.address.to_string();
        let mut second = Launch::bare()
            .arg(site.root())
            .args(["--listen", &address])
            .args(second)
            .spawn();
        assert_eq!(second.wait().code(), Some(1));
        assert!(second.end().contains("is already running at"));
    }
}

#[test]
fn a_socket_is_not_handed_to_other_users() {
    if !is_root("to be somebody else") {
        return;
    }
    let site = Site::small();
    let first = reusable(&site, "127.0.0.1:0").start();
    let other = Launch::unprivileged(&site.root())
        .args(["--listen", &first.address.to_string(), "--reuse-port"])
        .spawn();
    other.await_stderr("a refusal", |said| {
        said.contains("does not hand it over").then_some(())
    });
    other.await_stderr("an error", |said| {
        said.contains("is in use by another program").then_some(())
    });
    assert_eq!(first.get("/a.txt").status, 200);
}

#[test]
fn a_handover_name_without_an_answer_only_causes_a_warning() {
    let site = Site::small();
    // Other tests use 127.0.0.1, so none of them takes this port while the server waits.
    let free = TcpListener::bind("127.0.0.2:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let name = SocketAddr::from_abstract_name(format!("millpond/{free}")).unwrap();
    let silent = UnixListener::bind_addr(&name).unwrap();
    let server = reusable(&site, &free.to_string())
        .expecting(&["cannot take over"])
        .start();
    assert_eq!(server.get("/a.txt").status, 200);
    drop(silent);
}

#[test]
fn inherited_sockets_replace_the_listen_addresses() {
    let site = Site::small();
    let public = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(site.outside("socket")).unwrap();
    let admin = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Launch::inheriting(&[
        ("millpond.socket", public.as_fd()),
        ("millpond.socket", unix.as_fd()),
        ("admin", admin.as_fd()),
    ])
    .arg(site.root())
    .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
    .expecting(&["inherited sockets override the setting "])
    .start();
    for name in ["listen", "admin"] {
        let warning = format!("override the setting {name}\n");
        server
            .process
            .await_stderr(&warning, |said| said.contains(&warning).then_some(()));
    }
    assert_eq!(server.address, public.local_addr().unwrap());
    assert_eq!(server.get("/a.txt").text(), "alpha\n");
    let unix_answer = answer(UnixStream::connect(site.outside("socket")).unwrap());
    assert!(unix_answer.ends_with("alpha\n"));
    let mut operator = TcpStream::connect(admin.local_addr().unwrap()).unwrap();
    operator
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut health = String::new();
    operator.read_to_string(&mut health).unwrap();
    assert!(health.ends_with("ok\n"), "{health}");
    drop(server);
    assert!(site.outside("socket").exists(), "it is not ours to remove");
}

#[test]
fn an_inherited_socket_must_be_listening() {
    let site = Site::small();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    for socket in [datagrams.as_fd(), connection.as_fd()] {
        let mut process = Launch::inheriting(&[("", socket)]).arg(site.root()).spawn();
        assert_eq!(process.wait().code(), Some(1));
        let said = process.end();
        assert!(said.contains("cannot use an inherited socket: "), "{said}");
    }
}

#[test]
fn sockets_for_another_process_are_ignored() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .env("LISTEN_PID", "1")
        .env("LISTEN_FDS", "1")
        .start();
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn a_server_that_cannot_distinguish_users_hands_its_socket_to_nobody() {
    let site = Site::small();
    // Without a map, the namespace has one number for all users, including its own.
    let unshared = |command: &mut Command| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--"]).arg(command.get_program());
        unshare.args(command.get_args());
        unshare
    };
    if !unshared(&mut Command::new("true"))
        .status()
        .is_ok_and(|status| status.success())
    {
        return unavailable("a user namespace (unshare)");
    }
    let server = reusable(&site, "127.0.0.1:0").within(unshared).start();
    let name = format!("millpond/{}", server.address);
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let mut stream = UnixStream::connect_addr(&address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let count = uninterrupted(|| stream.read(&mut [0])).unwrap();
    assert_eq!(count, 0, "nothing is handed over");
    // It continues to serve.
    assert!(answer(TcpStream::connect(server.address).unwrap()).ends_with("alpha\n"));
}

//! Restarts and reloads under load, in which no request may be lost.
//!
//! Clients send requests all the time, over new and persistent connections, for small files, and
//! slowly for a large one. No request is retried: any response that is not complete, for whatever
//! reason, counts as lost. `MILLPOND_TEST_ROUNDS` sets the number of rounds; by default, they are few:
//!
//! ```sh
//! MILLPOND_TEST_ROUNDS=200 cargo test --release --test it restart:: -- --nocapture --test-threads 1
//! ```

use crate::support::{Launch, Load, Signal, poll_until, rounds, site_of_many_files};
use std::{fs, net::TcpListener, os::fd::AsFd, path::Path, time::Instant};

/// The number of requests between two rounds, so that each round affects some.
const REQUESTS_A_ROUND: usize = 50;

/// Starts a server that the next one may take over from.
fn reusable(root: &Path, listen: &str) -> Launch {
    Launch::bare()
        .arg(root)
        .args(["--listen", listen, "--reuse-port", "--access-log", "off"])
        .expecting(&["another server listens on"])
}

#[test]
fn no_restart_loses_a_request() {
    let (site, files) = site_of_many_files();
    let rounds = rounds(2, 5);
    let mut server = reusable(&site.root(), "127.0.0.1:0").start();
    let (address, start) = (server.address, Instant::now());
    let load = Load::put_on(address, &files, |load| {
        for _ in 0..rounds {
            let next = reusable(&site.root(), &address.to_string()).start();
            load.await_more(REQUESTS_A_ROUND);
            assert_eq!(server.stop(Signal::TERM).code(), Some(0));
            server = next;
            load.await_more(REQUESTS_A_ROUND);
        }
    });
    load.assert_nothing_lost(&format!("{rounds} restarts with --reuse-port"), start);
}

#[test]
fn no_restart_with_an_inherited_socket_loses_a_request() {
    let (site, files) = site_of_many_files();
    let rounds = rounds(2, 5);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let launch = || {
        Launch::inheriting(&[("millpond.socket", listener.as_fd())])
            .arg(site.root())
            .args(["--access-log", "off"])
            .start()
    };
    let mut server = launch();
    assert_eq!(server.address, listener.local_addr().unwrap());
    let start = Instant::now();
    let load = Load::put_on(server.address, &files, |load| {
        for _ in 0..rounds {
            load.await_more(REQUESTS_A_ROUND);
            // Like systemctl restart. In the meantime, new connections wait in the queue of the
            // socket.
            assert_eq!(server.stop(Signal::TERM).code(), Some(0));
            server = launch();
        }
        load.await_more(REQUESTS_A_ROUND);
    });
    load.assert_nothing_lost(
        &format!("{rounds} restarts with a socket handed over"),
        start,
    );
}

#[test]
fn no_reload_loses_a_request() {
    let (site, files) = site_of_many_files();
    let rounds = rounds(2, 5);
    fs::create_dir(site.outside("etc")).unwrap();
    let settings = site.outside("etc/millpond.toml");
    let log = site.outside("log");
    fs::create_dir(&log).unwrap();
    let text = |round: usize| format!("cache-control = 'max-age={round}'\n");
    fs::write(&settings, text(0)).unwrap();
    let server = Launch::of(site.root())
        .args(["--config".as_ref(), settings.as_os_str()])
        .args(["--access-log".as_ref(), log.join("access.log").as_os_str()])
        .expecting(&["INFO millpond::server::reload: "])
        .start();
    let start = Instant::now();
    let load = Load::put_on(server.address, &files, |load| {
        for round in 1..=rounds {
            fs::write(&settings, text(round)).unwrap();
            server.process.signal(Signal::HUP);
            let expected = format!("max-age={round}");
            poll_until("the new settings", || {
                let response = server.get("/0.bin");
                (response.field("cache-control") == Some(&*expected)).then_some(())
            });
            load.await_more(REQUESTS_A_ROUND);
        }
    });
    load.assert_nothing_lost(&format!("{rounds} reloads"), start);
}

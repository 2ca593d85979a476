//! Many wrong passwords at once, which must not make other clients wait.

use super::{STAGING, USERS, credentials, get, launch, site, users};
use crate::support::{Client, Server, poll_until};
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// A hash of cost 8: some milliseconds of a processor, and more in unoptimized test builds. On a busy
/// machine, these take long at a low priority. The password is `secret`.
const SLOW: &str = "slow:$2y$08$kiyRHkiVTWsYW3znYOF0OObCg0w2tspP/dWdSYgokqInBoGGQlNrS\n";

/// Connects from another address of the loopback.
fn connect_from(address: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((address, 0))).unwrap();
    rustix::net::connect(&socket, &to).unwrap();
    socket.into()
}

fn request(target: &str, both: &str) -> String {
    let value = credentials(both);
    format!("GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\n\r\n")
}

/// Returns the time of the slowest of some requests for a file without a password.
fn slowest(server: &Server) -> Duration {
    let mut client = server.connect();
    let times = (0..200).map(|_| {
        let begun = Instant::now();
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response_to("GET").status, 200);
        begun.elapsed()
    });
    times.max().unwrap()
}

#[test]
fn a_right_password_is_accepted_while_another_client_floods_with_wrong_ones() {
    let site = site();
    fs::write(users(&site), USERS.to_owned() + SLOW).unwrap();
    let server = launch(&site, STAGING).start();
    let (is_over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for flooder in 0..16 {
            let (server, is_over, refused) = (&server, &is_over, &refused);
            scope.spawn(move || {
                let mut client = Client::of(connect_from([127, 0, 0, 2], server.address));
                for number in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let both = format!("slow:{flooder}-{number}");
                    client.send(request("/staging/a.txt", &both));
                    // Its own requests may take any time.
                    while !client.is_answered() && !is_over.load(Ordering::Relaxed) {}
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let status = client.response_to("GET").status;
                    assert!(status == 401 || status == 429, "{status}");
                    refused.fetch_add(usize::from(status == 429), Ordering::Relaxed);
                }
            });
        }
        poll_until("a flood", || {
            (refused.load(Ordering::Relaxed) >= 40).then_some(())
        });
        let begun = Instant::now();
        assert_eq!(get(&server, "/staging/a.txt", "slow:secret").status, 200);
        let taken = begun.elapsed();
        let others = slowest(&server);
        is_over.store(true, Ordering::Relaxed);
        assert!(taken < Duration::from_secs(20), "{taken:?}");
        assert!(others < Duration::from_secs(5), "{others:?}");
    });
}

#[test]
fn a_client_with_too_many_passwords_at_once_gets_429() {
    let site = site();
    fs::write(users(&site), SLOW).unwrap();
    let server = launch(&site, STAGING).start();
    let mut clients: Vec<_> = (0..32).map(|_| server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(request("/staging/a.txt", &format!("slow:{number}")));
    }
    let responses: Vec<_> = clients.iter_mut().map(|it| it.response_to("GET")).collect();
    let mut refused = responses.iter().filter(|it| it.status == 429);
    let first = refused.next().expect("not all of them wait");
    assert_eq!(first.field("Retry-After"), Some("1"));
    assert_eq!(first.field("Cache-Control"), Some("no-store"));
    assert!(
        responses
            .iter()
            .all(|it| it.status == 429 || it.status == 401)
    );
    // The same password is verified only once.
    for client in &mut clients {
        client.send(request("/staging/a.txt", "slow:secret"));
    }
    let statuses: Vec<_> = clients
        .iter_mut()
        .map(|it| it.response_to("GET").status)
        .collect();
    assert_eq!(statuses, [200; 32]);
}

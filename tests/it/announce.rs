//! A name in the local network (`--announce`), tested with raw packets over the loopback.

use crate::support::{Launch, Server, Signal, Site, in_a_network, poll_until, unavailable};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, ResourceRecord, TYPE};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353);

/// Returns a name that no other test has.
fn own_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("test-{}-{number}", process::id())
}

fn announced(site: &Site, name: &str) -> Launch {
    Launch::of(site.root()).args(["--announce", "--name", name])
}

/// Opens a socket for multicast DNS on the loopback. Returns `None` if this is not possible.
fn on_loopback(port: u16) -> Option<UdpSocket> {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
        let loopback = InterfaceIndexOrAddress::Address(Ipv4Addr::LOCALHOST);
        socket.join_multicast_v4_n(GROUP.ip(), &loopback)?;
        socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let socket = UdpSocket::from(socket);
        socket.send_to(&[0; 12], GROUP)?;
        std::io::Result::Ok(socket)
    };
    let opened = open();
    if let Err(error) = &opened {
        unavailable(&format!("multicast on the loopback ({error})"));
    }
    opened.ok()
}

/// Waits for a packet in which `find` finds something.
fn hear<T>(
    socket: &UdpSocket,
    what: &str,
    mut find: impl FnMut(&Packet<'_>, SocketAddr) -> Option<T>,
) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    let mut buffer = [0; 9000];
    while Instant::now() < end {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let found = Packet::parse(&buffer[..length]).ok();
        if let Some(found) = found.and_then(|packet| find(&packet, from)) {
            return found;
        }
    }
    panic!("{what} was not heard");
}

fn ask(name: &str, of: TYPE) -> Vec<u8> {
    let mut packet = Packet::new_query(77);
    let class = QCLASS::CLASS(CLASS::IN);
    let question = Question::new(Name::new(name).unwrap(), QTYPE::TYPE(of), class, false);
    packet.questions.push(question);
    packet.build_bytes_vec().unwrap()
}

/// Returns the address record of a host in a response.
fn address<'a>(packet: &'a Packet<'_>, host: &str) -> Option<&'a ResourceRecord<'a>> {
    let name = Name::new(host).unwrap();
    let mut answers = packet.answers.iter();
    answers.find(|it| it.name == name && it.rdata.type_code() == TYPE::A)
}

#[test]
fn a_name_is_announced_answered_and_withdrawn_at_the_end() {
    let Some(socket) = on_loopback(5353) else {
        return;
    };
    let site = Site::small();
    let label = own_name();
    let host = format!("{label}.local");
    let mut server = announced(&site, &label).start();
    let port = server.address.port();
    hear(&socket, "the announcement", |packet, _| {
        let record = address(packet, &host)?;
        assert!(record.cache_flush && record.ttl == 120);
        let location = packet.answers.iter().find_map(|it| match &it.rdata {
            RData::SRV(location) => Some((location.port, location.target.to_string())),
            _ => None,
        });
        assert_eq!(location, Some((port, host.clone())));
        Some(())
    });
    // A query from a resolver that does not support multicast DNS.
    let legacy = on_loopback(0).unwrap();
    legacy.send_to(&ask(&host, TYPE::A), GROUP).unwrap();
    hear(&legacy, "an answer to it alone", |packet, from| {
        let record = address(packet, &host)?;
        assert_eq!((packet.id(), record.ttl, from.port()), (77, 10, 5353));
        Some(())
    });
    // Repeated queries from one that does are answered once a second.
    let mut answers = 0;
    for _ in 0..30 {
        socket.send_to(&ask(&host, TYPE::A), GROUP).unwrap();
        let (asked, mut buffer) = (Instant::now(), [0; 9000]);
        while asked.elapsed() < Duration::from_millis(50) {
            if let Ok((length, _)) = socket.recv_from(&mut buffer) {
                let packet = Packet::parse(&buffer[..length]).ok();
                let is_answer = packet.is_some_and(|it| address(&it, &host).is_some());
                answers += u32::from(is_answer);
            }
        }
    }
    assert!((1..=3).contains(&answers), "{answers} answers");
    server.stop(Signal::TERM);
    hear(&socket, "the goodbye", |packet, _| {
        address(packet, &host).filter(|it| it.ttl == 0).map(drop)
    });
}

#[test]
fn the_second_server_with_a_name_takes_the_next_one_and_logs_it() {
    if on_loopback(5353).is_none() {
        return;
    }
    let site = Site::small();
    let label = own_name();
    let start = || {
        let launch = announced(&site, &label);
        launch.expecting(&[".local is taken"]).start()
    };
    let first = start();
    let socket = on_loopback(5353).unwrap();
    let host = format!("{label}.local");
    hear(&socket, "the first", |packet, _| {
        address(packet, &host).map(drop)
    });
    let servers = [first, start()];
    // The first server keeps the name, unless it had no time to answer on a busy machine.
    let (said, port) = poll_until("one that gives way", || {
        let said = |server: &Server| (server.process.stderr(), server.address.port());
        let mut all = servers.iter().map(said);
        all.find(|(said, _)| said.contains("is found at"))
    });
    let expected = format!(
        "the name {label}.local is taken; this server is found at http://{label}-2.local:{port}/ instead"
    );
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn malformed_packets_change_nothing() {
    let Some(socket) = on_loopback(5353) else {
        return;
    };
    let site = Site::small();
    let label = own_name();
    let host = format!("{label}.local");
    let server: Server = announced(&site, &label).start();
    hear(&socket, "the announcement", |packet, _| {
        address(packet, &host).map(drop)
    });
    let whole = ask(&host, TYPE::A);
    let mut number = 1_u32;
    // Only a few, because the servers of other tests receive them as well.
    for round in 0..100_usize {
        // Bytes that look like packets, with counts, pointers and lengths of all kinds.
        let mut bytes = whole.clone();
        bytes.resize(whole.len() + round * 14, 0);
        for at in 2..bytes.len().min(80) {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if number >> 29 == 0 {
                bytes[at] = u8::try_from(number >> 8 & 0xff).unwrap();
            }
        }
        let _ = socket.send_to(&bytes, GROUP);
    }
    assert_eq!(server.get("/a.txt").status, 200);
    let end = Instant::now() + Duration::from_secs(10);
    let legacy = on_loopback(0).unwrap();
    let mut buffer = [0; 9000];
    let is_answered = || {
        legacy.send_to(&ask(&host, TYPE::A), GROUP).unwrap();
        let received = legacy.recv_from(&mut buffer);
        let packet = received
            .ok()
            .and_then(|(length, _)| Packet::parse(&buffer[..length]).ok());
        packet.is_some_and(|it| address(&it, &host).is_some())
    };
    let mut is_answered = is_answered;
    while !is_answered() {
        assert!(Instant::now() < end, "it still has its name");
    }
}

#[test]
fn the_websites_in_the_network_are_listed_by_their_names() {
    if on_loopback(5353).is_none() {
        return;
    }
    let site = Site::small();
    let label = own_name();
    let server = announced(&site, &label).start();
    let port = server.address.port();
    let url = format!("http://{label}.local:{port}/");
    // Both at once, because they listen for some seconds.
    let [table, json] = ["--discover", "--discover=json"].map(|argument| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millpond"));
        command
            .arg(argument)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    });
    let heard = |process: Child| {
        let output = process.wait_with_output().expect("millpond runs");
        String::from_utf8(output.stdout).unwrap()
    };
    let (table, json) = (heard(table), heard(json));
    let row = table.lines().find(|line| line.starts_with(&label));
    let row: Vec<_> = row
        .unwrap_or_else(|| panic!("{table}"))
        .split_whitespace()
        .collect();
    assert_eq!(row, [&label, &url, "127.0.0.1", "path=/"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let found = json
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == label.as_str());
    assert_eq!(found.unwrap()["url"], url.as_str());
}

/// Even though the sandbox is on, and no socket can be opened any more.
#[test]
fn an_address_that_appears_later_is_announced_as_well() {
    let site = Site::small();
    let script = "\"$0\" root --share --sandbox require >out & server=$!; \
        until \"$0\" --health >/dev/null 2>&1; do sleep 0.05; done; \
        \"$0\" --discover; ip addr add 198.51.100.7/24 dev lo; \"$0\" --discover; \
        ip addr del 192.0.2.2/24 dev lo; \"$0\" --discover; \
        kill $server; wait $server; echo done";
    let Some(mut process) = in_a_network(&site, script) else {
        return;
    };
    process.await_stdout("the end", |stdout| stdout.contains("done").then_some(()));
    let said = process.end();
    let stdout = process.stdout();
    let rows: Vec<_> = stdout
        .lines()
        .filter(|line| line.starts_with("millpond"))
        .collect();
    let expected = ["192.0.2.2  ", "192.0.2.2, 198.51.100.7  ", "198.51.100.7  "];
    assert_eq!(rows.len(), expected.len(), "{stdout}{said}");
    for (row, addresses) in rows.iter().zip(expected) {
        assert!(
            row.contains(&format!("http://millpond.local:8080/  {addresses}")),
            "{stdout}"
        );
    }
}

//! The websites in the local network: the output of `--discover`.

use crate::listing::{json_array, json_string, visible};
use crate::mdns::{Browser, Found, ServiceKind};
use crate::server::net::mdns::interfaces::Interfaces;
use crate::server::net::mdns::sockets::Sockets;
use crate::server::net::name::url;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The websites in the local network.
#[derive(Debug)]
pub struct Discovered(Vec<Found>);

/// Asks for websites in all networks of this machine, and waits for answers for two and a half
/// seconds.
pub fn discover() -> io::Result<Discovered> {
    let interfaces = Interfaces::open()?;
    let mut sockets = Sockets::open()?;
    let begin = Instant::now();
    let mut browser = Browser::new(begin, RandomState::new().build_hasher().finish());
    for (link, network) in interfaces.networks(|_| true) {
        sockets.join(link, &network);
        browser.set_link(link, network);
    }
    let end = begin + SEARCH_TIME;
    loop {
        let now = Instant::now();
        if now >= end {
            return Ok(Discovered(browser.found()));
        }
        browser.advance(now);
        for transmit in browser.take_transmits() {
            sockets.send(&transmit);
        }
        let next = browser.deadline().map_or(end, |next| next.min(end));
        wait(&sockets, next.saturating_duration_since(now))?;
        while let Some((packet, arrival)) = sockets.receive() {
            browser.receive(packet, &arrival);
            if Instant::now() >= end {
                break;
            }
        }
    }
}

fn wait(sockets: &Sockets, time: Duration) -> io::Result<()> {
    let sockets = sockets.as_fds();
    let mut sockets: Vec<_> = sockets
        .iter()
        .map(|socket: &BorrowedFd<'_>| PollFd::new(socket, PollFlags::IN))
        .collect();
    // A little longer, so that the deadline has passed afterwards.
    let time = Timespec::try_from(time + Duration::from_millis(1));
    match poll(&mut sockets, time.as_ref().ok()) {
        Err(rustix::io::Errno::INTR) | Ok(_) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

impl Discovered {
    /// Returns a line for each website, for a person.
    pub fn table(&self) -> String {
        if self.0.is_empty() {
            return "no website was found in the network\n".to_owned();
        }
        let head = ["NAME", "URL", "ADDRESS", "TEXT"].map(str::to_owned);
        let rows = self.0.iter().map(|found| {
            [
                found.name.clone(),
                url_of(found),
                list(&found.addresses),
                found.text.join(" "),
            ]
            // Text from strangers must not send escape sequences to the terminal.
            .map(|cell| visible(&cell).replace(['\n', '\r', '\t'], " "))
        });
        let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..4).map(width).collect();
        let mut table = String::new();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            let _ = writeln!(table, "{}", line.trim_end());
        }
        table
    }

    /// Returns an array with an object for each website, for a program.
    pub fn json(&self) -> String {
        let mut out = String::new();
        let strings = |out: &mut String, all: &[String]| {
            json_array(out, all, |out, text| json_string(out, text));
        };
        json_array(&mut out, &self.0, |out, found| {
            out.push_str("\n{\"name\":");
            json_string(out, &found.name);
            out.push_str(",\"url\":");
            json_string(out, &url_of(found));
            out.push_str(",\"host\":");
            json_string(out, &found.host);
            let _ = write!(out, ",\"port\":{},\"addresses\":", found.port);
            let addresses: Vec<_> = found.addresses.iter().map(IpAddr::to_string).collect();
            strings(out, &addresses);
            out.push_str(",\"text\":");
            strings(out, &found.text);
            out.push('}');
        });
        out.push('\n');
        out
    }
}

fn url_of(found: &Found) -> String {
    let url = url(found.kind == ServiceKind::Https, &found.host, found.port);
    format!("{}{}", url.trim_end_matches('/'), found.path)
}

fn list(addresses: &[IpAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
    addresses.join(", ")
}

/// The time to wait for answers. Machines delay them by up to a tenth of a second, and the question
/// is repeated in case packets are lost.
const SEARCH_TIME: Duration = Duration::from_millis(2500);

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Discovered {
        let found = |name: &str, kind, port, path: &str| Found {
            name: name.to_owned(),
            kind,
            host: format!("{name}.local"),
            port,
            path: path.to_owned(),
            addresses: vec!["192.0.2.1".parse().unwrap(), "fe80::1".parse().unwrap()],
            text: vec![
                format!("path={path}"),
                "note=\u{1b}[2J\u{202e}\"\n".to_owned(),
            ],
        };
        Discovered(vec![
            found("lake", ServiceKind::Https, 443, "/"),
            found("millpond", ServiceKind::Http, 8080, "/app/"),
        ])
    }

    #[test]
    fn a_person_gets_a_table_without_escape_sequences() {
        let table = found().table();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines[0],
            "NAME      URL                              ADDRESS             TEXT"
        );
        assert!(
            lines[1].starts_with("lake      https://lake.local/  "),
            "{table}"
        );
        assert!(
            lines[2].starts_with(
                "millpond  http://millpond.local:8080/app/  192.0.2.1, fe80::1  path=/app/ note="
            ),
            "{table}"
        );
        assert_eq!(lines.len(), 3);
        assert!(!table.contains(['\u{1b}', '\u{202e}']));
        assert_eq!(
            Discovered(Vec::new()).table(),
            "no website was found in the network\n"
        );
    }

    #[test]
    fn a_program_gets_json() {
        let json = found().json();
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read[1]["url"], "http://millpond.local:8080/app/");
        assert_eq!(read[1]["port"], 8080);
        assert_eq!(read[0]["addresses"][1], "fe80::1");
        assert_eq!(read[0]["text"][1], "note=\u{1b}[2J\u{202e}\"\n");
        assert_eq!(json.lines().count(), 3);
        let none: serde_json::Value = serde_json::from_str(&Discovered(Vec::new()).json()).unwrap();
        assert_eq!(none, serde_json::json!([]));
    }
}

//! The kernel's information about connections.

use std::fs;

/// Returns the number of bytes, unsent or unacknowledged, that the kernel holds from a port of the
/// loopback to another, or to all others.
pub(crate) fn unsent_bytes(from: u16, to: Option<u16>) -> u64 {
    let queues = queues(from).into_iter();
    let between = queues.filter(|queues| to.is_none_or(|to| queues.peer == place(to)));
    between.map(|queues| queues.unsent).sum()
}

/// Returns the number of connections to a port of the loopback with unread bytes, or an unread end.
pub(crate) fn unread_connections(port: u16) -> usize {
    let queues = queues(port).into_iter();
    queues.filter(|queues| queues.unread > 0).count()
}

/// The queues of a connection in the kernel (proc(5), `/proc/net/tcp`).
struct Queues {
    peer: String,
    unsent: u64,
    unread: u64,
}

/// Returns the connections of a port of the loopback.
fn queues(port: u16) -> Vec<Queues> {
    let table = fs::read_to_string("/proc/net/tcp").expect("a table of connections");
    let rows = table.lines().map(|line| line.split_whitespace());
    let queues = rows.filter_map(|mut row| {
        let is_of_port = row.nth(1)? == place(port);
        let peer = row.next()?.to_owned();
        let is_listener = row.next()? == LISTEN;
        let (unsent, unread) = row.next()?.split_once(':')?;
        let number = |digits| u64::from_str_radix(digits, 16).expect("a number");
        (is_of_port && !is_listener).then(|| Queues {
            peer,
            unsent: number(unsent),
            unread: number(unread),
        })
    });
    queues.collect()
}

fn place(port: u16) -> String {
    format!("0100007F:{port:04X}")
}

/// `TCP_LISTEN`: its queues count connections instead of bytes.
const LISTEN: &str = "0A";

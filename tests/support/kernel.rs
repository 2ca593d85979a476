//! What the kernel knows of connections.

use std::fs;

/// Bytes that it holds to be sent, or to be acknowledged, from a port of the loopback to another, or
/// to all others (proc(5), `tx_queue` of `/proc/net/tcp`).
pub(crate) fn unsent_bytes(from: u16, to: Option<u16>) -> u64 {
    let table = fs::read_to_string("/proc/net/tcp").expect("a table of connections");
    let place = |port: u16| format!("0100007F:{port:04X}");
    let (local, remote) = (place(from), to.map(place));
    let rows = table.lines().map(|line| line.split_whitespace());
    rows.filter_map(|mut row| {
        let is_from = row.nth(1)? == local;
        let there = row.next()?;
        let is_to = remote.as_ref().is_none_or(|remote| there == remote);
        let (unsent, _) = row.nth(1)?.split_once(':')?;
        (is_from && is_to).then(|| u64::from_str_radix(unsent, 16).expect("a number"))
    })
    .sum()
}

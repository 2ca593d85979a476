//! A network of the test's own, where every port is free.

use super::{Process, Site, unavailable};
use std::process::Command;

/// Runs a script for `sh`, whose `$0` is the binary, in a network of its own: with the loopback,
/// the addresses of this machine in a network of documentation, and every port free.
///
/// `None` where there can be none.
pub(crate) fn in_a_network(site: &Site, script: &str) -> Option<Process> {
    let network = "ip link set lo up && ip addr add 192.0.2.2/24 dev lo";
    let unshare = |script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--net", "sh", "-c", script]);
        unshare.arg(env!("CARGO_BIN_EXE_millpond"));
        unshare.current_dir(site.outside("."));
        unshare
    };
    let probed = unshare(network).output();
    if !probed.is_ok_and(|it| it.status.success()) {
        unavailable("a network namespace (unshare, ip)");
        return None;
    }
    Some(Process::spawn(&mut unshare(&format!(
        "{network} && {script}"
    ))))
}

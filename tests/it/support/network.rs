//! A separate network, in which every port is free.

use super::{Process, Site, unavailable};
use std::process::Command;

/// Runs a script for `sh`, whose `$0` is the binary, in a separate network with the loopback, an
/// address from a documentation network, and every port free.
///
/// Returns `None` if this is not possible.
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

//! The units for systemd, checked by systemd-analyze.

use super::programs::tools;
use crate::{
    service::{admin_socket, unit},
    support::Site,
};
use std::{fs, path::PathBuf, process::Command};

/// Writes copies of the units, with a program that exists.
fn units(site: &Site) -> [PathBuf; 2] {
    ["millpond.service", "millpond.socket"].map(|name| {
        let unit = unit(name);
        let installed = "/usr/local/bin/millpond";
        assert_eq!(unit.contains(installed), name == "millpond.service");
        let copy = site.outside(name);
        fs::write(
            &copy,
            unit.replace(installed, env!("CARGO_BIN_EXE_millpond")),
        )
        .unwrap();
        copy
    })
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units_and_little_exposed() {
    if !tools(&["systemd-analyze"]) {
        return;
    }
    let site = Site::small();
    let units = units(&site);
    let analyze = |arguments: &[&str], units: &[PathBuf]| {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .args(units)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{arguments:?}:\n{said}");
        said
    };
    let socket = site.outside("millpond-admin.socket");
    fs::write(&socket, admin_socket()).unwrap();
    let all = [&units[..], &[socket]].concat();
    let said = analyze(&["verify", "--man=no"], &all);
    // The units that the machine has already are not ours.
    let ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("millpond"))
        .collect();
    assert_eq!(ours, <[&str; 0]>::default());
    // In tenths; the command fails above the threshold.
    analyze(&["security", "--offline=yes", "--threshold=5"], &units[..1]);
}

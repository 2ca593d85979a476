//! The content of the binary, as packaging/licences and packaging/sbom report it.

use super::{TARGET, VERSION, in_repository, output, text, tools};
use crate::support::unavailable;
use std::{collections::BTreeSet, path::Path, process::Command};

#[test]
fn the_licences_of_all_that_is_linked_are_collected_the_same_each_time() {
    if !tools(&["python3", "rustc"]) {
        return;
    }
    if !Path::new("/usr/share/common-licenses/LGPL-2.1").exists() {
        return unavailable("the licence of the C library, which Debian and Ubuntu have");
    }
    let collect = || {
        let mut script = Command::new("python3");
        script.arg("packaging/licences").args(["--target", TARGET]);
        String::from_utf8(output(in_repository(&mut script)).stdout).unwrap()
    };
    let collected = collect();
    assert_eq!(collected, collect());
    for text in [
        "\nmio ",
        "\nmatchit 0.9.2: MIT and BSD-3-Clause\n",
        "Copyright (c) 2014 Carl Lerche and other MIO contributors",
        "Copyright notices for The Rust Standard Library",
        "GNU LESSER GENERAL PUBLIC LICENSE",
    ] {
        assert!(collected.contains(text), "{text:?} is missing");
    }
    // The binary contains neither the crates for tests nor those for macros.
    for name in ["\nproptest ", "\nsyn ", "\nserde_json "] {
        assert!(!collected.contains(name), "{name:?}");
    }
}

#[test]
fn the_bill_of_materials_lists_all_crates_with_their_checksums_the_same_each_time() {
    if !tools(&["python3", "dpkg-query"]) {
        return;
    }
    let write = || {
        let mut script = Command::new("python3");
        script.arg("packaging/sbom").args(["--target", TARGET]);
        output(in_repository(&mut script)).stdout
    };
    let written = write();
    assert_eq!(written, write());
    let bill: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(bill["metadata"]["component"]["version"], VERSION);
    let lock = text("Cargo.lock");
    let checksum = |name: &str, version: &str| {
        let start = format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
        let (_, package) = lock.split_once(&start).unwrap();
        let (_, checksum) = package.split_once("checksum = \"").unwrap();
        checksum.split('"').next().unwrap().to_owned()
    };
    let components = bill["components"].as_array().unwrap();
    let mut references =
        BTreeSet::from([bill["metadata"]["component"]["bom-ref"].as_str().unwrap()]);
    for component in components {
        let (name, version) = (
            component["name"].as_str().unwrap(),
            component["version"].as_str().unwrap(),
        );
        let reference = component["bom-ref"].as_str().unwrap();
        assert!(references.insert(reference), "{reference} is there twice");
        if reference.starts_with("pkg:cargo/") {
            assert_eq!(component["hashes"][0]["content"], checksum(name, version));
        }
        assert!(component["licenses"][0].is_object(), "{name}");
    }
    assert!(
        references
            .iter()
            .any(|reference| reference.contains("libc6-dev"))
    );
    // Everything is reachable from the binary, and no reference leaves the document.
    let mut reached = BTreeSet::new();
    for dependency in bill["dependencies"].as_array().unwrap() {
        for on in dependency["dependsOn"].as_array().unwrap() {
            let on = on.as_str().unwrap();
            assert!(references.contains(on), "{on} is not in the document");
            reached.insert(on);
        }
    }
    assert_eq!(reached.len(), components.len());
    // No path of this machine.
    assert!(
        !String::from_utf8(written)
            .unwrap()
            .contains(env!("CARGO_MANIFEST_DIR"))
    );
}

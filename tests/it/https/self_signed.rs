//! The certificate that a server makes for itself.

use super::{authority::Authority, client::Browser, server::address_of};
use crate::support::{Launch, Server, Site};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const MADE: &[&str] = &["a self-signed certificate was made"];

fn start(site: &Site, state: &Path) -> Server {
    Launch::of(site.root())
        .env("XDG_STATE_HOME", state.to_str().unwrap())
        .args(["--listen", "https://127.0.0.1:0"])
        .expecting(MADE)
        .start()
}

fn files(state: &Path) -> [PathBuf; 2] {
    ["self-signed.pem", "self-signed.key"].map(|name| state.join("millpond").join(name))
}

#[test]
fn without_a_certificate_one_is_made_for_this_machine_and_stored() {
    let site = Site::small();
    let state = site.outside("state");
    let server = start(&site, &state);
    let [certificate, key] = files(&state);
    let authority = Authority::of(&fs::read_to_string(&certificate).unwrap());
    let browser = Browser::new(&authority);
    for name in ["localhost", "127.0.0.1", "::1"] {
        let mut client = browser.connect(address_of(&server), name);
        assert_eq!(client.get("/a.txt").status, 200, "{name}");
    }
    let mode = fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "other users cannot read the key");
    drop(server);
    // It is the same after a restart.
    let server = start(&site, &state);
    assert_eq!(server.process.stderr(), "");
    browser.connect(address_of(&server), "localhost");
    drop(server);
    // A certificate for another machine, or one that expires soon, is not used again.
    let others = Authority::new();
    for issued in [
        others.issue(&["other.test"]),
        others.issue_for(&["localhost", "127.0.0.1", "::1"], 1),
    ] {
        fs::write(&certificate, &issued.certificate).unwrap();
        fs::write(&key, &issued.key).unwrap();
        let server = start(&site, &state);
        let renewed = fs::read_to_string(&certificate).unwrap();
        assert_ne!(renewed, issued.certificate);
        let browser = Browser::new(&Authority::of(&renewed));
        browser.connect(address_of(&server), "localhost");
    }
}

#[test]
fn a_certificate_that_cannot_be_stored_is_used_anyway() {
    let site = Site::small();
    let state = site.outside("state");
    fs::write(&state, "a file").unwrap();
    let server = Launch::of(site.root())
        .env("XDG_STATE_HOME", state.to_str().unwrap())
        .args(["--listen", "https://127.0.0.1:0"])
        .expecting(&["the self-signed certificate cannot be kept"])
        .start();
    let refused = Browser::new(&Authority::new()).try_connect(address_of(&server), "localhost");
    let error = refused.err().expect("it is not trusted").to_string();
    assert!(error.contains("invalid peer certificate"), "{error}");
}

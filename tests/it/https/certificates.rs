//! The certificate that a client gets, and certificates that are rejected.

use super::{
    authority::Authority,
    client::Browser,
    server::{Https, address_of},
};
use crate::support::{Launch, Site};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use std::{fmt::Write as _, fs};

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec()
}

#[test]
fn a_client_is_shown_the_certificate_for_the_name_that_it_asks_for() {
    let site = Site::small();
    let authority = Authority::new();
    let certificates = [
        ("one", authority.issue(&["a.test", "b.test"])),
        ("two", authority.issue(&["*.b.test"])),
        ("three", authority.issue(&["C.test"])),
    ];
    let mut settings = String::new();
    for (name, issued) in &certificates {
        let [certificate, key] = issued.write(site.outside(name));
        writeln!(
            settings,
            "[[certificate]]\ncertificate = {certificate:?}\nkey = {key:?}"
        )
        .unwrap();
    }
    let file = site.outside("millpond.toml");
    fs::write(&file, settings).unwrap();
    let server = Launch::of(site.root())
        .args(["--listen", "https://127.0.0.1:0", "--config"])
        .arg(file)
        .start();
    let address = address_of(&server);
    let browser = Browser::new(&authority);
    for (name, shown) in [
        ("a.test", 0),
        ("b.test", 0),
        ("B.TEST", 0),
        ("www.b.test", 1),
        ("c.test", 2),
    ] {
        let client = browser.connect(address, name);
        let expected = der(&certificates[shown].1.certificate);
        assert!(client.certificate() == expected, "{name}");
    }
    // The first one is used for all other names, and clients reject it.
    for name in ["a.b.b.test", "other.test", "127.0.0.1"] {
        let refused = browser.try_connect(address, name).err();
        let error = refused.expect("no handshake").to_string();
        assert!(error.contains("not valid for name"), "{name}: {error}");
    }
}

#[test]
fn a_site_gets_the_certificate_that_it_names() {
    let site = Site::small();
    let authority = Authority::new();
    let mut settings = String::new();
    let mut write = |table: &str, name: &str, names: &[&str]| {
        let issued = authority.issue(names);
        let [certificate, key] = issued.write(site.outside(name));
        let prefix = if table == "[[certificate]]" {
            ""
        } else {
            "tls-"
        };
        writeln!(
            settings,
            "{table}\n{prefix}certificate = {certificate:?}\n{prefix}key = {key:?}"
        )
        .unwrap();
        der(&issued.certificate)
    };
    let root = site.root();
    let of_site = |hosts: &str| format!("[[site]]\nroot = {root:?}\n{hosts}");
    let table = write("[[certificate]]", "table", &["a.test", "b.test"]);
    let a = write(&of_site("hosts = 'A.test'"), "a", &["a.test"]);
    let c = write(&of_site("hosts = ['c.test', 'd.test']"), "c", &["c.test"]);
    let rest = write(&of_site(""), "rest", &["a.test", "rest.test", "z.test"]);
    let file = site.outside("millpond.toml");
    fs::write(&file, settings).unwrap();
    let server = Launch::bare()
        .args(["--listen", "127.0.0.1:0", "--listen", "https://127.0.0.1:0"])
        .arg("--config")
        .arg(file)
        .expecting(&["of the site d.test is not valid for d.test: browsers refuse it"])
        .start();
    let address = address_of(&server);
    let browser = Browser::new(&authority);
    for (name, expected) in [
        ("a.test", &a),
        ("b.test", &table),
        ("c.test", &c),
        ("rest.test", &rest),
        // It has the name of no site and of no certificate in a table.
        ("z.test", &rest),
    ] {
        let client = browser.connect(address, name);
        assert!(client.certificate() == *expected, "{name}");
    }
    // The site of d.test names a certificate that does not fit.
    let error = browser.try_connect(address, "d.test").err().expect("none");
    assert!(error.to_string().contains("not valid for name"), "{error}");
    let warning = |said: &str| said.contains("of the site d.test").then_some(());
    server.process.await_stderr("a warning", warning);
}

#[test]
fn keys_of_every_common_kind_and_encoding_are_read() {
    let site = Site::small();
    for (certificate, key) in [
        (
            include_str!("keys/p256.crt"),
            include_str!("keys/p256-sec1.key"),
        ),
        (
            include_str!("keys/p256.crt"),
            include_str!("keys/p256-pkcs8.key"),
        ),
        (
            include_str!("keys/p384.crt"),
            include_str!("keys/p384-sec1.key"),
        ),
        (
            include_str!("keys/ed25519.crt"),
            include_str!("keys/ed25519.key"),
        ),
        (
            include_str!("keys/rsa.crt"),
            include_str!("keys/rsa-pkcs1.key"),
        ),
        (
            include_str!("keys/rsa.crt"),
            include_str!("keys/rsa-pkcs8.key"),
        ),
    ] {
        let authority = Authority::of(certificate);
        let issued = super::authority::Issued {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let https = Https::launch_with(&site, authority, &issued, |launch| launch);
        assert_eq!(https.connect().get("/a.txt").status, 200, "{key}");
    }
}

#[test]
fn an_invalid_certificate_is_reported_and_nothing_is_served() {
    let site = Site::small();
    let authority = Authority::new();
    let (one, other) = (authority.issue(&["a.test"]), authority.issue(&["a.test"]));
    let out_of_order = [&*one.certificate, &*other.certificate].concat();
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificate, key, said) in [
        (
            &*one.certificate,
            &*other.key,
            "is not the key of the certificate",
        ),
        ("", &one.key, "has no certificate in it"),
        (&one.certificate, "", "has no private key in it"),
        (&one.key, &one.key, "has no certificate in it"),
        (
            garbage,
            &one.key,
            "has a certificate that cannot be decoded",
        ),
        (&out_of_order, &one.key, "out of order"),
    ] {
        let paths = ["cert.pem", "key.pem"].map(|name| site.outside(name));
        fs::write(&paths[0], certificate).unwrap();
        fs::write(&paths[1], key).unwrap();
        for more in [&["--check"][..], &[]] {
            let mut process = launch(&site, &paths).args(more).spawn();
            assert_eq!(process.wait().code(), Some(1));
            process.await_stderr(said, |stderr| stderr.contains(said).then_some(()));
        }
    }
    // Reading a pipe would wait for its writer.
    let pipe = site.outside("pipe.pem");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
    for (certificate, said) in [
        ("missing.pem", "missing.pem cannot be read"),
        (
            "pipe.pem",
            "pipe.pem cannot be read: it is not a regular file",
        ),
    ] {
        let paths = [certificate, "key.pem"].map(|name| site.outside(name));
        let mut process = launch(&site, &paths).spawn();
        assert_eq!(process.wait().code(), Some(1));
        process.await_stderr(said, |stderr| stderr.contains(said).then_some(()));
    }
}

fn launch(site: &Site, [certificate, key]: &[std::path::PathBuf; 2]) -> Launch {
    Launch::bare()
        .arg(site.root())
        .args(["--listen", "https://127.0.0.1:0", "--tls-certificate"])
        .arg(certificate)
        .arg("--tls-key")
        .arg(key)
}

#[test]
fn the_options_for_a_certificate_require_each_other() {
    let site = Site::small();
    for (given, wanted) in [
        ("--tls-certificate", "tls-key"),
        ("--tls-key", "tls-certificate"),
    ] {
        let mut process = Launch::of(site.root()).args([given, "a.pem"]).spawn();
        assert_eq!(process.wait().code(), Some(2));
        let said = format!("{given}: it needs {wanted} as well");
        process.await_stderr(&said, |stderr| stderr.contains(&said).then_some(()));
    }
}

#[test]
fn a_certificate_that_expires_soon_is_warned_of_and_one_that_has_expired_is_used() {
    let site = Site::small();
    for (days, said) in [(13, "expires in 13 days"), (-2, "has expired")] {
        let authority = Authority::new();
        let issued = authority.issue_for(&["a.test"], days);
        let phrases: &'static [&'static str] = &["expires in 13 days", "has expired"];
        let https = Https::launch_with(&site, authority, &issued, |it| it.expecting(phrases));
        let process = &https.server.process;
        process.await_stderr(said, |stderr| stderr.contains(said).then_some(()));
        let error = https.browser.try_connect(https.address, "a.test").err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(error.contains("certificate expired"), days < 0, "{error}");
        assert_eq!(process.stderr().matches(said).count(), 1);
    }
}

#[test]
fn the_expiry_of_each_certificate_is_a_metric() {
    let site = Site::small();
    let authority = Authority::new();
    let issued = authority.issue_for(&["a.test"], 30);
    let https = Https::launch_with(&site, authority, &issued, |launch| launch);
    let path = site.outside("tls/cert.pem");
    let expiry = https.metric(&format!(
        "millpond_tls_certificate_expiry_timestamp_seconds{{file={path:?}}}"
    ));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let days = (expiry - now) / (24 * 60 * 60);
    assert_eq!(days, 30);
}

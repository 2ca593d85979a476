//! Certificates that are renewed while the server runs.

use super::{authority::Issued, server::Https};
use crate::support::{PATIENCE, Signal, Site, is_root};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime},
};

/// The time limit for the use of a renewed certificate.
const SOON: Duration = Duration::from_secs(3);

#[track_caller]
fn await_shown(https: &Https, issued: &Issued) {
    await_shown_within(SOON, https, issued);
}

#[track_caller]
fn await_shown_within(limit: Duration, https: &Https, issued: &Issued) {
    let begun = Instant::now();
    while !is_shown(https, issued) {
        assert!(begun.elapsed() < limit, "the certificate before is shown");
        thread::sleep(Duration::from_millis(50));
    }
}

fn is_shown(https: &Https, issued: &Issued) -> bool {
    let expected = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
    https.connect().certificate() == expected.as_ref()
}

/// Replaces a file atomically, as careful programs do: by writing a new file and renaming it.
fn replace(path: &Path, content: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, content).unwrap();
    fs::rename(beside, path).unwrap();
}

const RENEWED: &[&str] = &["was renewed"];

#[test]
fn a_renewed_certificate_is_shown_within_seconds_however_its_files_are_changed() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| launch.expecting(RENEWED));
    let (certificate, key) = (site.outside("tls/cert.pem"), site.outside("tls/key.pem"));
    // Written in place.
    let issued = https.authority.issue(&["a.test"]);
    issued.write(site.outside("tls"));
    await_shown(&https, &issued);
    // Replaced, the key a little later.
    let issued = https.authority.issue(&["a.test"]);
    replace(&certificate, &issued.certificate);
    assert_eq!(https.connect().get("/a.txt").status, 200);
    thread::sleep(Duration::from_millis(300));
    replace(&key, &issued.key);
    await_shown(&https, &issued);
}

#[test]
fn a_certificate_behind_links_is_shown_when_they_are_swapped() {
    let site = Site::small();
    let authority = super::authority::Authority::new();
    // certbot: live/a.test/cert.pem -> ../../archive/a.test/cert1.pem
    let (live, archive) = (site.outside("live/a.test"), site.outside("archive/a.test"));
    fs::create_dir_all(&live).unwrap();
    fs::create_dir_all(&archive).unwrap();
    let lay = |issued: &Issued, number: u32| {
        for (name, content) in [("cert", &issued.certificate), ("key", &issued.key)] {
            fs::write(archive.join(format!("{name}{number}.pem")), content).unwrap();
            let link = live.join(format!("{name}.pem"));
            let _ = fs::remove_file(&link);
            symlink(format!("../../archive/a.test/{name}{number}.pem"), link).unwrap();
        }
    };
    let issued = authority.issue(&["a.test"]);
    lay(&issued, 1);
    symlink("live/a.test", site.outside("tls")).unwrap();
    let https = Https::launch_with_files(&site, authority, |it| it.expecting(RENEWED));
    for number in 2..5 {
        let issued = https.authority.issue(&["a.test"]);
        lay(&issued, number);
        await_shown(&https, &issued);
    }
}

#[test]
fn an_unusable_certificate_is_reported_and_the_previous_one_stays() {
    type Change = fn(&Path, &Issued);
    let changes: [(Change, &[&str]); 3] = [
        (
            |certificate, expired| replace(certificate, &expired.certificate),
            &["is not the key of the certificate", "was renewed"],
        ),
        (
            |certificate, expired| {
                expired.write(certificate.parent().unwrap());
            },
            &["has expired", "was renewed"],
        ),
        (
            |certificate, _| fs::remove_file(certificate).unwrap(),
            &["cannot be read", "was renewed"],
        ),
    ];
    // Each has a server of its own, because each is reported after a while.
    thread::scope(|scope| {
        for (change, said) in changes {
            scope.spawn(move || {
                let site = Site::small();
                let https = Https::launch(&site, |launch| launch.expecting(said));
                let good = https.connect().certificate();
                let expired = https.authority.issue_for(&["a.test"], -1);
                change(&site.outside("tls/cert.pem"), &expired);
                let begun = Instant::now();
                while !https.server.process.stderr().contains(said[0]) {
                    assert_eq!(https.connect().certificate(), good);
                    assert!(begun.elapsed() < SOON + SOON, "nothing is said of it");
                    thread::sleep(Duration::from_millis(50));
                }
                assert_eq!(https.connect().certificate(), good);
                let next = https.authority.issue(&["a.test"]);
                next.write(site.outside("tls"));
                await_shown(&https, &next);
            });
        }
    });
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_reported_once_and_used_when_it_is_valid() {
    let site = Site::small();
    let early = "is not valid yet";
    let https = Https::launch(&site, |launch| {
        launch.expecting(&["not valid yet", "renewed"])
    });
    // The clock of its issuer is a few seconds ahead.
    let now = SystemTime::now();
    let [begin, end] = [6, 9_000].map(|seconds| now + Duration::from_secs(seconds));
    let issued = https.authority.issue_between(&["a.test"], begin, end);
    issued.write(site.outside("tls"));
    while !https.server.process.stderr().contains(early) {
        assert!(!is_shown(&https, &issued));
        assert!(SystemTime::now() < begin, "nothing is said of it");
        thread::sleep(Duration::from_millis(50));
    }
    await_shown_within(PATIENCE, &https, &issued);
    assert_eq!(https.server.process.stderr().matches(early).count(), 1);
}

#[test]
fn a_signal_makes_the_server_read_the_certificate_at_once() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| {
        launch.expecting(&["was renewed", "settings reloaded"])
    });
    let issued = https.authority.issue(&["a.test"]);
    issued.write(site.outside("tls"));
    https.server.process.signal(Signal::HUP);
    let begun = Instant::now();
    while !https.server.process.stderr().contains("was renewed") {
        assert!(begun.elapsed() < Duration::from_secs(2));
        thread::sleep(Duration::from_millis(5));
    }
    assert!(is_shown(&https, &issued));
}

#[test]
fn connections_from_before_a_renewal_continue() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| launch.expecting(RENEWED));
    let mut client = https.connect();
    assert_eq!(client.get("/a.txt").status, 200);
    let issued = https.authority.issue(&["a.test"]);
    issued.write(site.outside("tls"));
    await_shown(&https, &issued);
    assert_eq!(client.get("/a.txt").status, 200);
}

#[test]
fn a_server_that_dropped_root_uses_a_renewed_certificate() {
    if !is_root("to drop it") {
        return;
    }
    let site = Site::small();
    let https = Https::launch(&site, |launch| {
        launch.args(["--user", "nobody"]).expecting(RENEWED)
    });
    // As docs/tls.md advises: its user can read the files.
    let issued = https.authority.issue(&["a.test"]);
    issued.write(site.outside("tls"));
    await_shown(&https, &issued);
}

#[test]
fn a_key_that_the_server_can_no_longer_read_is_warned_of_and_stays_in_use() {
    if !is_root("to drop it") {
        return;
    }
    let site = Site::small();
    let authority = super::authority::Authority::new();
    let issued = authority.issue(&["a.test"]);
    let [_, key] = issued.write(site.outside("tls"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let https = Https::launch_with_files(&site, authority, |launch| {
        launch
            .args(["--user", "nobody"])
            .expecting(&["cannot be read again"])
    });
    assert!(is_shown(&https, &issued));
    https
        .server
        .process
        .await_stderr("a warning", |stderr| stderr.find("cannot be read again"));
}

#[test]
fn a_renewed_certificate_is_shown_whichever_worker_serves_the_connection() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| {
        launch.args(["--workers", "3"]).expecting(RENEWED)
    });
    let issued = https.authority.issue(&["a.test"]);
    issued.write(site.outside("tls"));
    await_shown(&https, &issued);
    let mut clients: Vec<_> = (0..6).map(|_| https.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/a.txt").status, 200);
        let expected = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
        assert_eq!(client.certificate(), expected.as_ref());
    }
}

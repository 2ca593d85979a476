//! Roots of several sites: missing, replaced, added and removed, one by one.

use super::{THREE, assert_text, get, launch, roots};
use crate::support::{Server, Signal, poll_until};
use std::fs;

const LOST: &[&str] = &[
    "there is no directory",
    " is gone; it is served again as soon as it is back",
    "is available again",
    "is now another directory",
    "settings reloaded",
];

#[track_caller]
fn await_text(server: &Server, host: &str, target: &str, text: &str) {
    poll_until(text, || {
        let response = get(server, host, target);
        (response.status == 200 && response.text() == text).then_some(())
    });
}

#[test]
fn a_root_that_is_missing_at_the_start_gets_503_until_it_is_there() {
    let site = roots();
    fs::rename(site.path("b"), site.path("later")).unwrap();
    let server = launch(&site, THREE).expecting(LOST).start();
    let lost = get(&server, "b.test", "/same.txt");
    assert_eq!((lost.status, lost.field("retry-after")), (503, Some("1")));
    assert_text(&server, "a.test", "/same.txt", 200, "same of a");
    assert_text(&server, "c", "/media/same.txt", 200, "same of m");
    fs::rename(site.path("later"), site.path("b")).unwrap();
    await_text(&server, "b.test", "/same.txt", "same of b");
}

#[test]
fn no_server_starts_where_all_roots_are_missing() {
    let site = roots();
    fs::rename(site.root(), site.outside("elsewhere")).unwrap();
    let mut process = launch(&site, THREE).spawn();
    assert!(!process.wait().success());
    assert!(process.end().contains("error: there is no directory"));
}

#[test]
fn a_root_is_followed_when_it_is_replaced_while_the_others_are_served() {
    let site = roots();
    let server = launch(&site, THREE).expecting(LOST).start();
    assert_text(&server, "a.test", "/same.txt", 200, "same of a");
    site.file("new/same.txt", "new of a");
    fs::rename(site.path("a"), site.path("old")).unwrap();
    assert_eq!(get(&server, "a.test", "/same.txt").status, 503);
    assert_text(&server, "b.test", "/same.txt", 200, "same of b");
    fs::rename(site.path("new"), site.path("a")).unwrap();
    assert_text(&server, "a.test", "/same.txt", 200, "new of a");
    assert_text(&server, "c", "/media/same.txt", 200, "same of m");
}

#[test]
fn a_reload_adds_and_removes_sites_and_keeps_the_others() {
    let site = roots();
    site.file("n/same.txt", "same of n");
    let server = launch(&site, THREE).expecting(LOST).start();
    assert_text(&server, "a.test", "/same.txt", 200, "same of a");
    let reload = |settings: &str| {
        let path = site.outside("millpond.toml");
        let root = site.root().display().to_string();
        fs::write(&path, settings.replace("{}", &root)).unwrap();
        let done = "settings reloaded";
        let before = server.process.stderr().matches(done).count();
        server.process.signal(Signal::HUP);
        server.process.await_stderr(done, |said| {
            (said.matches(done).count() > before).then_some(())
        });
    };
    let (first, rest) = THREE.split_once("[[site]]\nhosts = 'b.test'").unwrap();
    let (_, last) = rest.split_once("[[site]]").unwrap();
    let added = format!("{first}[[site]]{last}\n[[site]]\nhosts = 'n.test'\nroot = '{{}}/n'\n");
    reload(&added);
    assert_text(&server, "a.test", "/same.txt", 200, "same of a");
    assert_text(&server, "n.test", "/same.txt", 200, "same of n");
    assert_eq!(get(&server, "b.test", "/same.txt").status, 404);
    reload("root = '{}/b'\n");
    assert_text(&server, "a.test", "/same.txt", 200, "same of b");
    assert_eq!(get(&server, "c", "/media/same.txt").status, 404);
    reload(THREE);
    assert_text(&server, "a.test", "/same.txt", 200, "same of a");
    assert_text(&server, "b.test", "/same.txt", 200, "same of b");
}

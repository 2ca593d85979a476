//! The replacements of a root or a settings file that a server in its sandbox can follow, and the
//! messages about those that it cannot.

use crate::support::{Client, Launch, Site, poll_until, unavailable};
use std::fs;

/// Returns `true` if the kernel can restrict access to files.
fn has_landlock() -> bool {
    let mut check = Launch::of("/").arg("--check").spawn();
    check.wait();
    check.end();
    let is_there = check
        .stdout()
        .contains("the sandbox refuses all other files");
    if !is_there {
        unavailable("Landlock");
    }
    is_there
}

/// Creates a link, `current`, to the first of two releases, which are in different directories.
fn site_with_a_release_elsewhere() -> Site {
    let site = Site::new();
    site.file("releases/1/version", "one");
    fs::create_dir(site.outside("elsewhere")).unwrap();
    fs::write(site.outside("elsewhere/version"), "two").unwrap();
    site.symlink("current", "releases/1");
    site
}

#[test]
fn a_root_swapped_to_a_directory_outside_the_sandbox_is_rejected_with_the_reason() {
    if !has_landlock() {
        return;
    }
    let site = site_with_a_release_elsewhere();
    let reason =
        "which is outside of the sandbox; restart to serve it; the previous one is still served";
    let server = Launch::of(site.path("current"))
        .expecting(&["is now another directory"])
        .start();
    assert_eq!(server.get("/version").text(), "one");
    Site::swap_symlink(&site.path("current"), site.outside("elsewhere"));
    poll_until("the reason", || {
        assert_eq!(server.get("/version").text(), "one");
        server.process.stderr().contains(reason).then_some(())
    });
    // It is logged once, not twice a second, and a release in its place is served again.
    site.file("releases/3/version", "three");
    Site::swap_symlink(&site.path("current"), site.path("releases/3"));
    assert_eq!(server.get("/version").text(), "three");
    let logged = server.process.await_stderr("the last swap", |logged| {
        let is_last = logged.ends_with("is now another directory\n");
        is_last.then(|| logged.to_owned())
    });
    assert_eq!(logged.matches(reason).count(), 1, "{logged}");
    // If the previous release is gone too, there is nothing to serve.
    Site::swap_symlink(&site.path("current"), site.outside("elsewhere"));
    fs::remove_dir_all(site.path("releases")).unwrap();
    assert_eq!(server.get("/version").status, 503);
}

#[test]
fn the_same_swap_is_followed_without_a_sandbox() {
    let site = site_with_a_release_elsewhere();
    let server = Launch::of(site.path("current"))
        .args(["--sandbox", "off"])
        .expecting(&["is now another directory"])
        .start();
    assert_eq!(server.get("/version").text(), "one");
    Site::swap_symlink(&site.path("current"), site.outside("elsewhere"));
    assert_eq!(server.get("/version").text(), "two");
}

/// The message of a server whose sandbox prevents it from following its root.
const LIMIT: &str = "stops the site (503) until a restart: ";

/// Rebuilds a root as many tools do, while a server runs that cannot follow it and has warned about
/// that.
fn rebuilt_out_of_reach(site: &Site, launch: Launch, why: &str) {
    let dist = site.path("dist");
    let server = launch
        .expecting(&[
            LIMIT,
            "is now another directory",
            " is gone; ",
            "running as root while other machines can connect",
        ])
        .start();
    let limit = server.process.await_stderr("the limit", |said| {
        said.contains(LIMIT).then(|| said.to_owned())
    });
    assert!(limit.contains(why), "{limit}");
    let ask = || Client::connect(server.address).send(GET).response_to("GET");
    assert_eq!(ask().text(), "one");
    for moved in [false, true] {
        if moved {
            fs::rename(&dist, site.path("old")).unwrap();
        } else {
            fs::remove_dir_all(&dist).unwrap();
        }
        site.file("dist/index.html", "two");
        let response = ask();
        assert_eq!(response.status, 503, "{}", response.text());
        assert_eq!(response.field("retry-after"), Some("1"));
    }
    let reason =
        "which is outside of the sandbox; restart to serve it; requests get 503 until it is back";
    server
        .process
        .await_stderr("the reason", |said| said.contains(reason).then_some(()));
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn a_strict_sandbox_reports_that_it_does_not_follow_a_recreated_root() {
    if !has_landlock() {
        return;
    }
    let site = Site::new();
    site.file("dist/index.html", "one");
    let launch = Launch::of(site.path("dist")).args(["--sandbox", "strict"]);
    rebuilt_out_of_reach(
        &site,
        launch,
        "sandbox = \"strict\" allows nothing around it",
    );
}

#[test]
fn no_home_directory_is_opened_for_a_recreated_root_if_others_can_connect() {
    if !has_landlock() {
        return;
    }
    let site = Site::new();
    site.file("dist/index.html", "one");
    let home = site.root().canonicalize().unwrap().display().to_string();
    let launch = Launch::bare()
        .arg(site.path("dist"))
        .args(["--listen", "0.0.0.0:0"])
        .env("HOME", &home);
    let why = format!("the sandbox does not allow the home directory {home} where other machines");
    rebuilt_out_of_reach(&site, launch, &why);
}

#[test]
fn a_recreated_root_is_served_without_a_sandbox() {
    let site = Site::new();
    site.file("dist/index.html", "one");
    let dist = site.path("dist");
    let server = Launch::of(&dist)
        .args(["--sandbox", "off"])
        .expecting(&["is now another directory"])
        .start();
    assert_eq!(server.get("/").text(), "one");
    fs::remove_dir_all(&dist).unwrap();
    site.file("dist/index.html", "two");
    assert_eq!(server.get("/").text(), "two");
}

#[test]
fn the_check_predicts_the_effect_of_a_rebuild_or_an_editor() {
    if !has_landlock() {
        return;
    }
    let site = Site::small();
    fs::write(site.outside("millpond.toml"), "").unwrap();
    site.symlink("../link", "root");
    let home = site.outside(".").canonicalize().unwrap();
    let home = home.to_str().unwrap();
    let (others, local) = ("0.0.0.0:8080", "127.0.0.1:8080");
    let of_root = "root and makes it again, or moves another in its place, stops the site (503)";
    let of_link = "link is switched to another directory, that one is not served until a restart";
    let of_settings = "millpond.toml is replaced, as editors and sed -i do, a reload cannot";
    for (root, listen, sandbox, home_is, expected) in [
        ("root", local, "auto", home, &[][..]),
        ("root", others, "auto", "/nonexistent", &[]),
        ("root", others, "auto", home, &[of_root, of_settings]),
        // The home directory is within this directory, so it is not opened either.
        ("root", others, "auto", "root", &[of_root, of_settings]),
        // The target of a link is among other releases, which the link may lead to next.
        ("link", others, "auto", home, &[]),
        (
            "root",
            local,
            "strict",
            "/nonexistent",
            &[of_root, of_settings],
        ),
        (
            "link",
            local,
            "strict",
            "/nonexistent",
            &[of_link, of_settings],
        ),
        ("root", others, "off", home, &[]),
    ] {
        let mut check = Launch::bare()
            .arg(site.outside(root))
            .args(["--listen", listen, "--sandbox", sandbox, "--check"])
            .arg("--config")
            .arg(site.outside("millpond.toml"))
            .env("HOME", site.outside(home_is).to_str().unwrap())
            .spawn();
        assert!(check.wait().success(), "{}", check.end());
        check.end();
        let logged = check.stdout();
        let limits = logged.lines().filter(|line| line.contains("restart"));
        let limits: Vec<_> = limits.collect();
        let case = format!("{root} {listen} {sandbox} {home_is}:\n{logged}");
        assert_eq!(limits.len(), expected.len(), "{case}");
        for (limit, expected) in limits.iter().zip(expected) {
            assert!(limit.contains(expected), "{expected} in {case}");
        }
    }
}

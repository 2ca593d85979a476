//! Directories outside of the root that symbolic links may lead to.

use crate::support::{Launch, Response, Server, Site, gzip, poll_until, rounds};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The content that no request may get.
const SECRET: &str = "xyzzy plugh";

/// Creates a site with links into the directory `media` beside its root, and secrets around both.
fn site() -> Site {
    let site = Site::small();
    let write = |name: &str, content: &str| {
        let path = site.outside(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("media/a.txt", "media a");
    write("media/sub/b.txt", "media b");
    write("media/sub/index.html", "media index");
    write("media/.env", SECRET);
    write("secret.txt", SECRET);
    write("media-private/secret.txt", SECRET);
    write("other/secret.txt", SECRET);
    site.symlink("media", site.outside("media"))
        .symlink("b.txt", site.outside("media/sub/b.txt"))
        .symlink("relative", "../media/sub");
    site
}

fn launch(site: &Site) -> Launch {
    Launch::of(site.root())
        .arg("--links")
        .arg(site.outside("media"))
}

fn text(response: &Response) -> (u16, &str) {
    (response.status, response.text())
}

#[test]
fn links_into_a_named_directory_are_followed() {
    let site = site();
    symlink("sub/b.txt", site.outside("media/inner")).unwrap();
    symlink(site.outside("media/sub"), site.outside("media/absolute")).unwrap();
    symlink(site.path("a.txt"), site.outside("media/back")).unwrap();
    symlink("../root/a.txt", site.outside("media/back-relative")).unwrap();
    site.symlink("chain", "media/absolute");
    let own = Server::start(site.root()).get("/a.txt").text().to_owned();
    let server = launch(&site).start();
    for (target, expected) in [
        ("/media/a.txt", "media a"),
        ("/b.txt", "media b"),
        ("/media/sub/", "media index"),
        ("/relative/b.txt", "media b"),
        ("/relative/", "media index"),
        ("/media/inner", "media b"),
        ("/media/absolute/b.txt", "media b"),
        ("/chain/b.txt", "media b"),
        ("/media/back", &own),
        ("/media/back-relative", &own),
        ("/media/../media/./a.txt", "media a"),
    ] {
        for _ in 0..2 {
            assert_eq!(text(&server.get(target)), (200, expected), "{target}");
        }
        let tag = server.await_strong_etag(target);
        let again = server.request("GET", target, &[("If-None-Match", &*tag)]);
        assert_eq!(again.status, 304, "{target}");
    }
    assert_eq!(server.get("/media/none").status, 404);
    assert_eq!(server.get("/media").status, 301);
    let without = Launch::of(site.root())
        .expecting(&["leads out of the root"])
        .start();
    for target in ["/media/a.txt", "/b.txt", "/relative/b.txt", "/media/sub/"] {
        assert_eq!(without.get(target).status, 404, "{target}");
    }
}

/// The targets that lead out of both directories.
const ATTEMPTS: [&str; 32] = [
    "/up/secret.txt",
    "/parent/secret.txt",
    "/parent/media/a.txt",
    "/top/etc/passwd",
    "/passwd",
    "/magic/etc/passwd",
    "/fd/0",
    "/sibling/secret.txt",
    "/sibling/",
    "/dots",
    "/dots-inside",
    "/relative-dots",
    "/past",
    "/other/secret.txt",
    "/chain",
    "/loop",
    "/media/out",
    "/media/absolute",
    "/media/above/secret.txt",
    "/media/above/",
    "/media/top/etc/passwd",
    "/media/through",
    "/media/beside/secret.txt",
    "/media/sub/other/secret.txt",
    "/media/sub/../../secret.txt",
    "/media/..%2fsecret.txt",
    "/media/%2e%2e/secret.txt",
    "/media/back/secret.txt",
    "/media/loop",
    "/media/magic/",
    "/media/.env",
    "/media/%2eenv",
];

#[test]
fn nothing_else_outside_of_the_root_is_served() {
    let site = site();
    let outside = |name: &str| site.outside(name);
    // Links in the root.
    site.symlink("up", "..")
        .symlink("parent", outside(""))
        .symlink("top", "/")
        .symlink("passwd", "/etc/passwd")
        .symlink("magic", "/proc/self/root")
        .symlink("fd", "/proc/self/fd")
        .symlink("sibling", outside("media-private"))
        .symlink("dots", outside("media/../secret.txt"))
        .symlink("dots-inside", outside("media/sub/../../secret.txt"))
        .symlink("relative-dots", "../media/../secret.txt")
        .symlink("past", "../../../../../../../../etc/passwd")
        .symlink("other", outside("other"))
        .symlink("chain", "media/out")
        .symlink("loop", "media/loop");
    // Links in the directory.
    symlink("../secret.txt", outside("media/out")).unwrap();
    symlink(outside("secret.txt"), outside("media/absolute")).unwrap();
    symlink("..", outside("media/above")).unwrap();
    symlink("/", outside("media/top")).unwrap();
    symlink("sub/../../secret.txt", outside("media/through")).unwrap();
    symlink("../media-private", outside("media/beside")).unwrap();
    symlink("../../other", outside("media/sub/other")).unwrap();
    symlink(site.path("up"), outside("media/back")).unwrap();
    symlink(site.path("loop"), outside("media/loop")).unwrap();
    symlink("/proc/self/cwd", outside("media/magic")).unwrap();
    let server = launch(&site)
        .arg("--listing")
        .expecting(&["is not served", "is not regular", "form a loop"])
        .start();
    let around = format!("/top{}/a.txt", site.root().display()).replace(' ', "%20");
    for target in ATTEMPTS.into_iter().chain([&*around]) {
        for _ in 0..2 {
            let response = server.get(target);
            assert!(!response.text().contains("xyz"), "{target}");
            assert!(!response.text().contains("root:"), "{target}");
            assert_eq!(response.status, 404, "{target}");
        }
    }
    // Listings show only what is served.
    let listed = server.get("/media/").text().to_owned();
    assert!(
        listed.contains("a.txt") && listed.contains("sub/"),
        "{listed}"
    );
    for hidden in [
        "out", "absolute", "above", "top", "through", "beside", "magic", ".env",
    ] {
        assert!(
            !listed.contains(&format!("href=\"{hidden}")),
            "{hidden}: {listed}"
        );
    }
}

/// Links that are changed while requests arrive lead no further than others.
#[test]
fn a_link_that_is_swapped_all_the_time_never_leads_elsewhere() {
    let site = site();
    site.file("plain/a.txt", "media a");
    let server = launch(&site)
        .expecting(&["is not served", "links form a loop"])
        .start();
    let is_done = AtomicBool::new(false);
    let link = site.path("swapped");
    let inner = site.outside("media/swapped");
    symlink(site.outside("media"), &link).unwrap();
    symlink("sub", &inner).unwrap();
    fs::write(site.outside("other/a.txt"), SECRET).unwrap();
    fs::write(site.outside("other/b.txt"), SECRET).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let targets = [
                site.outside("media"),
                site.outside("other"),
                site.path("plain"),
            ];
            let inner_targets = [Path::new("sub"), Path::new("../other"), &targets[1]];
            for round in (0..).take_while(|_| !is_done.load(Ordering::Relaxed)) {
                Site::swap_symlink(&link, &targets[round % 3]);
                Site::swap_symlink(&inner, inner_targets[round % 3]);
            }
        });
        let mut successes = 0;
        let mut client = server.connect();
        for round in 0..rounds(600, 3000) {
            let target = ["/swapped/a.txt", "/media/swapped/b.txt"][round % 2];
            let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            client.send(request);
            let response = client.response_to("GET");
            assert!(matches!(response.status, 200 | 404), "{}", response.status);
            assert!(!response.text().contains("xyz"), "{target}");
            successes += usize::from(response.status == 200);
        }
        is_done.store(true, Ordering::Relaxed);
        assert!(successes > 0);
    });
}

#[test]
fn a_changed_link_or_file_is_noticed() {
    let site = site();
    fs::write(site.outside("media/other.txt"), "other").unwrap();
    let server = launch(&site).expecting(&["leads out of the root"]).start();
    assert_eq!(server.get("/b.txt").text(), "media b");
    Site::swap_symlink(&site.path("b.txt"), site.outside("media/other.txt"));
    assert_eq!(server.get("/b.txt").text(), "other");
    fs::write(site.outside("media/other.txt"), "changed").unwrap();
    assert_eq!(server.get("/b.txt").text(), "changed");
    assert_eq!(server.get("/media/a.txt").text(), "media a");
    fs::write(site.outside("media/a.txt"), "changed, too").unwrap();
    assert_eq!(server.get("/media/a.txt").text(), "changed, too");
    Site::swap_symlink(&site.path("b.txt"), site.outside("secret.txt"));
    assert_eq!(server.get("/b.txt").status, 404);
    Site::swap_symlink(&site.path("media"), site.outside("other"));
    poll_until("the link is lost", || {
        (server.get("/media/a.txt").status == 404).then_some(())
    });
    // Another directory takes the place of the one that is named.
    Site::swap_symlink(&site.path("media"), site.outside("media"));
    fs::rename(site.outside("media"), site.outside("old")).unwrap();
    fs::create_dir(site.outside("media")).unwrap();
    fs::write(site.outside("media/a.txt"), "new directory").unwrap();
    assert_eq!(server.get("/media/a.txt").text(), "new directory");
}

#[test]
fn compressed_files_index_files_and_error_pages_are_found_behind_links() {
    let site = site();
    let page = "a page\n".repeat(500);
    fs::write(site.outside("media/page.html"), &page).unwrap();
    fs::write(site.outside("media/page.html.gz"), gzip(&page)).unwrap();
    fs::write(site.outside("media/only.css.gz"), gzip("only")).unwrap();
    fs::write(site.outside("media/404.html"), "not in media").unwrap();
    let server = launch(&site).start();
    let response = server.request("GET", "/media/page.html", &[("Accept-Encoding", "gzip")]);
    assert_eq!(response.gunzipped(), page.clone().into_bytes());
    assert_eq!(response.content, gzip(&page), "the file beside it");
    assert_eq!(server.get("/media/only.css").text(), "only");
    assert_eq!(text(&server.get("/media/sub/none")), (404, "not in media"));
    let range = server.request("GET", "/media/page.html", &[("Range", "bytes=0-5")]);
    assert_eq!(text(&range), (206, "a page"));
}

#[test]
fn the_sandbox_has_a_right_to_named_directories_alone() {
    let site = site();
    site.symlink("other", site.outside("other"));
    let server = launch(&site)
        .in_default_sandbox()
        .expecting(&["leads out of the root"])
        .start();
    assert_eq!(text(&server.get("/media/a.txt")), (200, "media a"));
    assert_eq!(server.get("/other/secret.txt").status, 404);
    let output = millpond(
        &site,
        &[
            "--check",
            "--links",
            &site.outside("media").display().to_string(),
        ],
    );
    let said =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_missing_directory_is_reported_and_everything_else_is_served() {
    let site = site();
    site.symlink("later", site.outside("later"));
    let server = launch(&site)
        .arg("--links")
        .arg(site.outside("later"))
        .expecting(&["later cannot be opened (No such file or directory"])
        .start();
    assert_eq!(text(&server.get("/media/a.txt")), (200, "media a"));
    assert_eq!(server.get("/later/a.txt").status, 404);
}

#[test]
fn each_site_has_its_own_directories_or_inherits_them() {
    let site = site();
    let (root, media) = (
        site.root().display().to_string(),
        site.outside("media").display().to_string(),
    );
    let settings = format!(
        "links = ['{media}']\n\
         [[site]]\nhosts = 'a.test'\nroot = '{root}'\n\
         [[site]]\nhosts = 'b.test'\nroot = '{root}'\nlinks = []\n"
    );
    fs::write(site.outside("millpond.toml"), settings).unwrap();
    let server = Launch::bare()
        .arg("--config")
        .arg(site.outside("millpond.toml"))
        .expecting(&["leads out of the root"])
        .start();
    let get = |host: &str| {
        let request = format!("GET /media/a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n");
        server.response_to("GET", request).status
    };
    for _ in 0..2 {
        assert_eq!((get("a.test"), get("b.test")), (200, 404));
    }
}

#[test]
fn links_are_explained() {
    let site = site();
    let media = site.outside("media").display().to_string();
    let explain = |arguments: &[&str]| {
        let output = millpond(&site, &[arguments, &["--explain", "/media/a.txt"]].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let link = format!("\nlink      {} -> {media}\n", site.path("media").display());
    let text = explain(&["--links", &media]);
    assert!(
        text.contains(&link) && text.contains("HTTP/1.1 200 OK"),
        "{text}"
    );
    let text = explain(&[]);
    assert!(text.contains(&link), "{text}");
    assert!(
        text.contains("name the directory that it leads to (links)"),
        "{text}"
    );
}

fn millpond(site: &Site, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_millpond"))
        .arg(site.root())
        .args(arguments)
        .env_remove("RUST_LOG")
        .output()
        .expect("millpond runs")
}

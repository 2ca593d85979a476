//! Names that are served although they begin with a dot.

use crate::support::{Launch, Server, Site};
use std::fs;
use std::process::{Command, Output};

fn site() -> Site {
    let site = Site::new();
    for place in [
        ".zarray",
        "data/.zgroup",
        "data/0/.zarray",
        "data/.hidden/.zarray",
        "data/.zdir/a.txt",
        "data/.zdir/.secret",
        "data/.zdir/server.key",
        "os/.treeinfo",
        ".git/config",
        ".git/.zarray",
        ".env",
        ".htaccess",
        ".zshrc.pem",
        ".well-known/security.txt",
    ] {
        site.file(place, place);
    }
    site
}

fn launch(site: &Site) -> Launch {
    Launch::of(site.root()).args(["--dotfiles", "/**/.z*", "--dotfiles", "/os/.treeinfo"])
}

fn millpond(site: &Site, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_millpond"))
        .arg(site.root())
        .args(arguments)
        .env_remove("RUST_LOG")
        .output()
        .expect("millpond runs")
}

fn status(server: &Server, target: &str) -> u16 {
    server.get(target).status
}

#[test]
fn named_names_are_served_and_no_others() {
    let site = site();
    let server = launch(&site).expecting(&["private files"]).start();
    for target in [
        "/.zarray",
        "/%2ezarray",
        "/a/../.zarray",
        "/data/.zgroup",
        "/data/0/.zarray",
        "/data/.zdir/a.txt",
        "/os/.treeinfo",
        "/.well-known/security.txt",
    ] {
        for _ in 0..2 {
            let response = server.get(target);
            assert_eq!(response.status, 200, "{target}");
            assert!(
                target.ends_with(
                    response
                        .text()
                        .rsplit('/')
                        .next()
                        .unwrap()
                        .trim_start_matches('.')
                )
            );
        }
        assert_eq!(server.request("HEAD", target, &[]).status, 200, "{target}");
    }
    for target in [
        "/data/.hidden/.zarray",
        "/data/.zdir/.secret",
        "/data/.zdir/server.key",
        "/data/.zdir/x/../server.key",
        "/.treeinfo",
        "/data/.treeinfo",
        "/.git/config",
        "/.git/.zarray",
        "/.zarray/../.git/config",
        "/.zdir/../.env",
        "/.z%2f../.env",
        "/.z%2f..%2f.env",
        "/.Zarray",
        "/.env",
        "/.htaccess",
        "/.zshrc.pem",
        "/.zarray/",
        "/.zarray.gz",
        "/.z*",
        "/.zarray%00",
    ] {
        let response = server.get(target);
        let status = response.status;
        assert!(matches!(status, 400 | 404), "{target}: {status}");
    }
}

#[test]
fn private_names_are_served_only_where_their_path_is_written() {
    let site = site();
    let everything = Launch::of(site.root())
        .args(["--dotfiles", "/**/.*"])
        .expecting(&["private files"])
        .start();
    assert_eq!(status(&everything, "/os/.treeinfo"), 200);
    for target in [
        "/.git/config",
        "/.env",
        "/.htaccess",
        "/data/.zdir/server.key",
    ] {
        assert_eq!(status(&everything, target), 404, "{target}");
    }
    let exact = Launch::of(site.root())
        .args([
            "--dotfiles",
            "/.git",
            "--dotfiles",
            "/data/.zdir/server.key",
        ])
        .expecting(&["private files"])
        .start();
    assert_eq!(status(&exact, "/.git/config"), 200);
    assert_eq!(status(&exact, "/data/.zdir/server.key"), 200);
    for target in ["/.git/.zarray", "/.env", "/data/.zdir/a.txt"] {
        assert_eq!(status(&exact, target), 404, "{target}");
    }
}

#[test]
fn listings_show_what_is_served() {
    let site = site();
    let server = launch(&site)
        .arg("--listing")
        .expecting(&["private files"])
        .start();
    let names = |target: &str| {
        let response = server.request("GET", target, &[("Accept", "application/json")]);
        let text = response.text().to_owned();
        let names = text.split("\"name\":\"").skip(1);
        let names = names.map(|rest| rest.split('"').next().unwrap().to_owned());
        let mut names: Vec<_> = names.filter(|name| name.starts_with('.')).collect();
        names.sort();
        names
    };
    assert_eq!(names("/"), [".zarray"]);
    assert_eq!(names("/data/"), [".zdir", ".zgroup"]);
    assert_eq!(names("/os/"), [".treeinfo"]);
    assert_eq!(names("/data/.zdir/"), [""; 0]);
    let plain = Launch::of(site.root())
        .arg("--listing")
        .expecting(&["private files"])
        .start();
    assert!(!plain.get("/data/").text().contains(".zgroup"));
}

#[test]
fn each_site_has_its_own_patterns_or_inherits_them() {
    let site = site();
    let root = site.root();
    let settings = format!(
        "dotfiles = ['/**/.z*']\n\
         [[site]]\nhosts = 'a.test'\nroot = '{0}'\n\
         [[site]]\nhosts = 'b.test'\nroot = '{0}'\ndotfiles = '/os/.treeinfo'\n\
         [[site]]\nhosts = 'c.test'\npath = '/m/'\nroot = '{0}'\ndotfiles = []\n\
         [[site]]\nhosts = 'd.test'\npath = '/m/'\nroot = '{0}'\n",
        root.display()
    );
    fs::write(site.outside("millpond.toml"), settings).unwrap();
    let server = Launch::bare()
        .arg("--config")
        .arg(site.outside("millpond.toml"))
        .expecting(&["private files"])
        .start();
    for (host, target, expected) in [
        ("a.test", "/.zarray", 200),
        ("a.test", "/os/.treeinfo", 404),
        ("b.test", "/.zarray", 404),
        ("b.test", "/os/.treeinfo", 200),
        ("c.test", "/m/.zarray", 404),
        ("d.test", "/m/.zarray", 200),
        ("d.test", "/m/os/.treeinfo", 404),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let response = server.response_to("GET", &request);
        assert_eq!(response.status, expected, "{host}{target}");
    }
}

#[test]
fn explain_says_which_pattern_serves_a_name_or_why_none_does() {
    let site = site();
    let patterns = ["--dotfiles", "/**/.z*", "--dotfiles", "/**/.g*"];
    let explain = |target: &str| {
        let output = millpond(&site, &[&patterns[..], &["--explain", target]].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let text = explain("/data/.zgroup");
    assert!(text.contains("\ndotfiles  /**/.z*\n"), "{text}");
    assert!(text.contains("HTTP/1.1 200 OK"), "{text}");
    let text = explain("/data/.hidden/.zarray");
    assert!(text.contains("and where dotfiles names them"), "{text}");
    let text = explain("/.git/config");
    assert!(
        text.contains("a name in the path is private; dotfiles"),
        "{text}"
    );
}

#[test]
fn check_reports_patterns_that_match_nothing_and_private_files_that_are_served() {
    let site = site();
    for (pattern, message) in [
        (
            "/**/*.txt",
            "can match nothing, as no part of it begins with a dot",
        ),
        ("/**/.git", "can match nothing, as .git is private"),
        (".z*", "does not begin with a slash"),
    ] {
        let output = millpond(&site, &["--check", "--dotfiles", pattern]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(message), "{text}");
    }
    let output = millpond(&site, &["--check", "--dotfiles", "/os/.gone"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("\"/os/.gone\" matches nothing now"), "{text}");
    let output = millpond(&site, &["--check", "--dotfiles", "/.git"]);
    let text = String::from_utf8(output.stderr).unwrap();
    let message = "contains private files, which are served, as dotfiles names them: .git\n";
    assert!(text.contains(message), "{text}");
}

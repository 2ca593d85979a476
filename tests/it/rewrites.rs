//! Rewrites, and start pages other than the index file.

use crate::support::{Launch, Server, Site, assert_all, quoted};
use std::fs;

/// Starts a server with these settings.
fn serve(site: &Site, settings: &str) -> Server {
    launch(site, settings).start()
}

fn launch(site: &Site, settings: &str) -> Launch {
    let file = site.outside("millpond.toml");
    let root = quoted(site.root());
    fs::write(&file, format!("root = {root}\n{settings}")).unwrap();
    Launch::bare()
        .args(["--listen", "127.0.0.1:0", "--config"])
        .arg(file)
}

const REWRITES: &str = "
[[rewrite]]
from = '/user/{id}'
to = '/user.html'

[[rewrite]]
from = '/app/{*rest}'
to = '/app/index.html'

[[rewrite]]
from = '/v1/{*rest}'
to = '/{rest}'

[[rewrite]]
from = '/raw/{name}/{file}'
to = '/{name}/{file}'

[[rewrite]]
from = '/section/{name}'
to = '/guide/'
";

fn site() -> Site {
    let site = Site::small();
    site.file("user.html", "user page")
        .file("user/me", "me\n")
        .file("app/index.html", "application")
        .file("app/main.js", "1")
        .file("guide/index.html", "guide")
        .file(".env", "secret");
    site
}

#[test]
fn a_rewrite_serves_its_target_where_there_is_no_file() {
    let site = site();
    let server = serve(&site, REWRITES);
    let table = [
        ("/user/42", (200, "user page")),
        ("/user/42?tab=1", (200, "user page")),
        ("/user/me", (200, "me\n")),
        ("/app/", (200, "application")),
        ("/app/main.js", (200, "1")),
        ("/app/deep/route", (200, "application")),
        ("/v1/a.txt", (200, "alpha\n")),
        ("/section/one", (200, "guide")),
    ];
    let table = table.map(|(path, (status, content))| (path, (status, content.to_owned())));
    assert_all(table, |path| {
        let response = server.get(path);
        (response.status, response.text().to_owned())
    });
}

#[test]
fn a_rewrite_never_serves_a_hidden_file() {
    let site = site();
    let server = serve(&site, REWRITES);
    for path in [
        "/v1/.env",
        "/v1/%2eenv",
        "/v1/a/../.env",
        "/v1/..%2f.env",
        "/v1//.env",
        "/raw/./.env",
        "/raw/../.env",
        "/raw/%2e/.env",
        "/raw/user%2f..%2f/.env",
    ] {
        let response = server.get(path);
        assert_eq!(response.status, 404, "{path}");
        assert!(!response.text().contains("secret"), "{path}");
    }
}

#[test]
fn a_rewritten_response_is_that_of_its_target() {
    let site = site();
    let settings = format!(
        "{REWRITES}
[[rule]]
path = '/user/*'
set = {{ X-Asked = 'user' }}

[[rule]]
path = '/user.html'
set = {{ X-Sent = 'page' }}
"
    );
    let server = serve(&site, &settings);
    let response = server.get("/user/42");
    assert_eq!(
        response.field("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(response.field("X-Asked"), Some("user"));
    assert_eq!(response.field("X-Sent"), Some("page"));
    let tag = server.await_strong_etag("/user/42");
    let fields = [("If-None-Match", tag.as_str())];
    assert_eq!(server.request("GET", "/user/43", &fields).status, 304);
    let part = server.request("GET", "/user/42", &[("Range", "bytes=0-3")]);
    assert_eq!((part.status, part.text()), (206, "user"));
    // The target itself has only the rules for its own path.
    let target = server.get("/user.html");
    assert_eq!(target.field("X-Asked"), None);
    assert_eq!(target.field("X-Sent"), Some("page"));
}

#[test]
fn a_rewrite_to_a_missing_file_leaves_the_other_fallbacks() {
    let site = Site::small();
    site.file("404.html", "not here");
    let settings = "[[rewrite]]\nfrom = '/user/{id}'\nto = '/gone.html'\n";
    let launch = launch(&site, settings).expecting(&["has no file /gone.html now"]);
    let server = launch.start();
    let response = server.get("/user/42");
    assert_eq!((response.status, response.text()), (404, "not here"));
}

#[test]
fn a_start_page_has_any_name() {
    let site = Site::small();
    site.file("_shell.html", "shell");
    let server = serve(&site, "spa = '/_shell.html'\n");
    let page = [("Accept", "text/html")];
    let response = server.request("GET", "/users/7", &page);
    assert_eq!((response.status, response.text()), (200, "shell"));
    assert_eq!(
        server
            .request("GET", "/gone.js", &[("Accept", "*/*")])
            .status,
        404
    );
}

#[test]
fn check_warns_about_start_pages_and_targets_of_rewrites_that_do_not_exist() {
    let site = Site::small();
    site.file("user.html", "user")
        .file("packed.html.gz", "packed");
    let settings = |page: &str| {
        format!(
            "spa = '{page}'\n[[rewrite]]\nfrom = '/u/{{id}}'\nto = '/user.html'\n\
             [[rewrite]]\nfrom = '/v/{{id}}'\nto = '/{{id}}'\n\
             [[rewrite]]\nfrom = '/w/{{id}}'\nto = '{page}'\n"
        )
    };
    let check = |page: &str| {
        let file = site.outside("checked.toml");
        let root = quoted(site.root());
        fs::write(&file, format!("root = {root}\n{}", settings(page))).unwrap();
        let launch = Launch::bare().args(["--check", "--config"]).arg(file);
        let mut process = launch.expecting(&["has no file"]).spawn();
        assert!(process.wait().success(), "{page}");
        process.end()
    };
    let stderr = check("/gone.html");
    for by in ["spa: ", "rewrite 3: "] {
        let mut lines = stderr.lines();
        let is_about =
            |line: &str| line.contains(by) && line.contains("has no file /gone.html now");
        assert!(lines.any(is_about), "{by}: {stderr}");
    }
    assert_eq!(stderr.matches("has no file").count(), 2, "{stderr}");
    for page in ["/user.html", "/user", "/packed.html", "/"] {
        let stderr = check(page);
        assert!(!stderr.contains("has no file"), "{page}: {stderr}");
    }
}

#[test]
fn wrong_rewrites_are_refused_with_their_place() {
    let site = Site::small();
    let root = quoted(site.root());
    let table = [
        (
            "from = '/user/:id'\nto = '/user.html'",
            ":3:8: rewrite: from: \"/user/:id\" has :id",
        ),
        (
            "from = '/a'\nto = 'https://b.example/'",
            ":4:6: rewrite: to: ",
        ),
        (
            "from = '/a/(.*)'\nto = '/b'",
            ":3:8: rewrite: from: \"/a/(.*)\" has a regular expression",
        ),
        ("from = '/a'", ":2:1: rewrite: it has no to"),
        (
            "from = '/a'\nto = '/b'\nstatus = 200",
            ":5:1: rewrite: there is no \"status\"",
        ),
        (
            "form = '/a'\nto = '/b'",
            ":3:1: rewrite: there is no \"form\"; did you mean from?",
        ),
    ];
    for (rewrite, message) in table {
        let file = site.outside("wrong.toml");
        fs::write(&file, format!("root = {root}\n[[rewrite]]\n{rewrite}\n")).unwrap();
        let mut process = Launch::bare()
            .args(["--check", "--config"])
            .arg(file)
            .spawn();
        assert!(!process.wait().success(), "{rewrite}");
        let stderr = process.end();
        assert!(stderr.contains(message), "{rewrite}: {stderr}");
    }
}

//! The tables of the settings file as their author meets them: mistakes, printing, examples.

use crate::support::{Site, assert_all};
use std::{fs, process::Command};

/// Returns the message and the status of `--check` for a settings file.
fn check(site: &Site, settings: &str) -> (Option<i32>, String) {
    fs::write(site.outside("m.toml"), settings).expect("a file can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_millpond"))
        .args(["--config", "m.toml", "--check"])
        .arg(site.root())
        .current_dir(site.outside(""))
        .env_remove("RUST_LOG")
        .output()
        .expect("millpond runs");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    (output.status.code(), stderr)
}

#[test]
fn a_mistake_in_a_table_is_reported_with_its_position() {
    let site = Site::small();
    let table = WRONG.iter().map(|(settings, said)| {
        let said = format!("error: m.toml:{said}\n");
        (*settings, (Some(1), said))
    });
    assert_all(table, |settings| check(&site, settings));
    // All problems are reported at once.
    let two = "[types]\na = '1'\n[[rule]]\npath = 'b'\nremove = 'Date'\n[[redirect]]\nfrom = 'c'\nto = '/d'\n";
    assert_eq!(check(&site, two).1.lines().count(), 4);
}

#[test]
fn an_extension_may_have_the_name_of_a_setting() {
    let site = Site::small();
    for name in ["root", "index", "user", "open", "allowed-hosts", "Root"] {
        let settings = format!("[types]\n{name} = 'application/x-own; a=b'");
        assert_eq!(check(&site, &settings), (Some(0), String::new()), "{name}");
    }
}

#[test]
fn a_status_may_be_any_toml_integer() {
    let site = Site::small();
    let check = |status: &str| {
        let redirect = format!("[[redirect]]\nfrom = '/a'\nto = '/b'\nstatus = {status}");
        check(&site, &redirect).0
    };
    for status in ["301", "+301", "3_01", "0x12d", "0o455"] {
        assert_eq!(check(status), Some(0), "{status}");
    }
    for status in ["-301", "0x301", "0o301", "0x1000000000000012d"] {
        assert_eq!(check(status), Some(1), "{status}");
    }
}

#[test]
fn the_printed_tables_set_them_again() {
    let site = Site::small();
    let sample = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/millpond.toml"));
    // The examples of the sample file, without their comment signs.
    let sample = sample.unwrap();
    let (_, tables) = sample.split_once("# --- Tables ---").expect("tables");
    let bare = tables.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') => setting,
        _ => line,
    });
    let bare: Vec<_> = bare.collect();
    let print = |name: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_millpond"))
            .args(["--config", name, "--print-config"])
            .current_dir(site.outside(""))
            .output()
            .expect("millpond runs");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
        let stdout = String::from_utf8(output.stdout).expect("UTF-8");
        let values = stdout
            .lines()
            .map(|line| line.split("# ").next().unwrap().to_owned());
        values.collect::<Vec<_>>()
    };
    fs::write(site.outside("m.toml"), bare.join("\n")).unwrap();
    let printed = print("m.toml");
    for line in [
        "[types]",
        "mjs = \"text/javascript; charset=utf-8\"",
        "owners = \"text/plain; charset=utf-8\"",
        "\"\" = \"text/html; charset=utf-8\"",
        "[[rule]]",
        "[[redirect]]",
    ] {
        assert!(printed.iter().any(|printed| printed == line), "{line}");
    }
    fs::write(site.outside("again.toml"), printed.join("\n")).unwrap();
    assert_eq!(print("again.toml"), printed);
}

#[test]
fn the_examples_in_the_docs_are_valid_settings() {
    let site = Site::small();
    // The targets of rewrites.
    site.file("user.html", "a user")
        .file("app/index.html", "an application");
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/website.md")).unwrap();
    let blocks = page.split("```toml\n").skip(1);
    let examples: Vec<_> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 3);
    // The examples also work together.
    let together = examples.concat();
    for example in examples.into_iter().chain([&*together]) {
        let (status, said) = check(&site, example);
        assert_eq!(status, Some(0), "{example}");
        // Some name files and directories that only the reader has.
        let mut others = said.lines().filter(|line| {
            !["WARN millpond: dotfiles: ", "WARN millpond: links: "]
                .iter()
                .any(|it| line.contains(it))
        });
        assert_eq!(others.next(), None, "{example}");
    }
}

/// Settings, and the messages about them after the name of the file.
const WRONG: &[(&str, &str)] = &[
    (
        "[type]\nmjs = 'a/b'",
        "1:2: unknown table \"type\"; did you mean types?",
    ),
    (
        "[[rules]]\npath = '/'",
        "1:3: unknown setting \"rules\"; did you mean rule?",
    ),
    (
        "[rule]\npath = '/'",
        "1:1: rule is a list; write [[rule]] above each entry",
    ),
    (
        "types = 'a'",
        "1:9: types: write [types]; this is of type string",
    ),
    (
        "[types]\nmjs = 'text'",
        "2:7: types: \"text\" is not a content type; write one like text/javascript",
    ),
    (
        "[types]\n'.mjs' = 'a/b'",
        "2:1: types: \".mjs\" is not a file extension; write it without a dot, like mjs",
    ),
    (
        "[types]\n'.' = 'a/b'",
        "2:1: types: \".\" is not a file extension; write it without a dot, like mjs",
    ),
    (
        "[types]\n'Dockerfile.dev' = 'a/b'",
        "2:1: types: \"Dockerfile.dev\" is neither an extension, like mjs, nor a name without one, \
         like LICENSE; set Content-Type by a [[rule]] for its path",
    ),
    (
        "[types]\nmjs = 1",
        "2:7: types: write a text in quotes; this is of type integer",
    ),
    (
        "[types]\nspa = true",
        "2:1: spa is a setting; move it above all tables",
    ),
    (
        "[types]\nindex = ['home.html']",
        "2:1: index is a setting; move it above all tables",
    ),
    // Although the value looks like a media type.
    (
        "[types]\nroot = 'public/html'",
        "2:1: root is a setting; move it above all tables",
    ),
    (
        "[[rule]]\npath = '/**'\nsets = {}",
        "3:1: rule: there is no \"sets\"; did you mean set?",
    ),
    ("[[rule]]\nset = { A = 'b' }", "1:1: rule: it has no path"),
    (
        "[[rule]]\npath = '/**'\nhosts = ['a.example:80']\nset = { A = 'b' }",
        "3:10: rule: hosts: \"a.example:80\" has a port; write the host alone",
    ),
    (
        "[[rule]]\npath = '/**'\nmethods = 'POST'\nset = { A = 'b' }",
        "3:11: rule: methods: \"POST\" is none of GET, HEAD, OPTIONS, to which the server answers; \
         all others get an error",
    ),
    (
        "[[rule]]\npath = '/**'\nmethods = []\nset = { A = 'b' }",
        "3:11: rule: methods: there is none, so that the rule never applies; write some of GET, \
         HEAD, OPTIONS, or leave it out",
    ),
    (
        "[[rule]]\npath = '/**'\nhosts = 'a.example'\nset = { Content-Type = 'text/plain' }",
        "1:1: rule: Content-Type is the same for all requests; leave out hosts and methods",
    ),
    (
        "[[rule]]\npath = '/**'",
        "1:1: rule: it changes nothing; write set or remove",
    ),
    (
        "[[rule]]\npath = []\nset = { A = 'b' }",
        "2:8: rule: path: there is none, so that the rule never applies; write one like \"/**\"",
    ),
    (
        "[[rule]]\npath = '/**'\non = []\nset = { A = 'b' }",
        "3:6: rule: on: there is none, so that the rule never applies; write some of success, redirect, \
         error, preflight, or leave it out",
    ),
    (
        "[[rule]]\npath = ['/a', '*.js']\nset = { A = 'b' }",
        "2:15: rule: path: \"*.js\" does not begin with a slash; write \"/*.js\", or \
         \"/**/*.js\" for any directory",
    ),
    (
        "[[rule]]\npath = '/[a'\nset = { A = 'b' }",
        "2:8: rule: path: \"/[a\" is not a path pattern: unclosed character class at byte 1; missing ']' (to match a literal '[', escape it as '\\[' or '[[]')",
    ),
    (
        "[[rule]]\npath = '/'\non = 'always'\nset = { A = 'b' }",
        "3:6: rule: on: \"always\" is none of success, redirect, error, preflight",
    ),
    (
        "[[rule]]\npath = '/'\nset = { content-length = '1' }",
        "3:9: rule: set: content-length: millpond sets it itself",
    ),
    (
        "[[rule]]\npath = '/'\nremove = ['A', 'Connection']",
        "3:16: rule: remove: Connection: it describes the connection, so only millpond sets it",
    ),
    (
        "[[rule]]\npath = '/'\nremove = 'Server'",
        "3:10: rule: remove: Server: the setting server-header turns it on or off",
    ),
    (
        "[[rule]]\npath = '/'\nset = { 'a b' = '1' }",
        "3:9: rule: set: \"a b\" is not the name of a header",
    ),
    (
        "[[rule]]\npath = '/'\nset = { A = \"b\\r\\nC: d\" }",
        "3:13: rule: set: A: \"b\\r\\nC: d\" is not a header value; use visible ASCII, \
         with spaces only inside",
    ),
    (
        "[[rule]]\npath = '/'\non = 'error'\nset = { Content-Type = 'a/b' }",
        "1:1: rule: Content-Type can only be set for files; leave out `on`",
    ),
    (
        "[[redirect]]\nfrom = '/a'\nto = '//evil.example'",
        "3:6: redirect: to: \"//evil.example\" is neither a path, which begins with one slash, \
         nor a URL that begins with https://",
    ),
    (
        "[[redirect]]\nfrom = '/old/**'\nto = '/new/'",
        "2:8: redirect: from: \"/old/**\" has a bare *; write /old/{*rest} for everything that \
         follows, or /old/{name} for one segment",
    ),
    (
        "[[redirect]]\nfrom = '/a'\nto = '/b'\n[[redirect]]\nfrom = '/b'\nto = '/a'",
        "3:6: redirect: to: /a leads back to itself",
    ),
    (
        "[[rule]]\npath = '/*.br'\nset = { Content-Encoding = 'brotli' }",
        "3:28: rule: set: Content-Encoding: \"brotli\" is none of br, zstd, gzip",
    ),
    (
        "[[rule]]\npath = '/*.br'\non = ['success', 'error']\nset = { content-encoding = 'br' }",
        "1:1: rule: Content-Encoding can only be set for files; leave out `on`",
    ),
    ("[[redirect]]\nto = '/b'", "1:1: redirect: it has no from"),
    (
        "[[redirect]]\nfrom = '/a'\nto = '/b'\nstatus = 200",
        "4:10: redirect: status: write one of 301, 302, 307, 308",
    ),
];

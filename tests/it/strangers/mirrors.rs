//! Whole sites, copied file by file and compared byte by byte.
//!
//! Two tests take long and are ignored:
//! `cargo test --release --features strangers mirrors:: -- --ignored --nocapture` fetches the whole
//! documentation of the Rust toolchain, with `tests/strangers/mirror`, which prints the
//! Content-Types, and with wget, whose copy is compared by `diff -r`.

use crate::strangers::programs::{
    PROGRAM_PATIENCE, assert_same, beside, program, run, run_for, rust_documentation, tools,
    try_run_for, words,
};
use crate::support::{Launch, Server, Site};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

#[test]
fn wget_mirrors_our_own_site_without_a_difference() {
    if !tools(&["wget", "diff"]) {
        return;
    }
    let own_site = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let server = silent_server(&own_site);
    let workplace = Site::new();
    // The start page links to an error and to a redirect, as examples.
    let on_purpose = "no-such|/guide$";
    let mut wget = mirroring_wget(&server, &workplace.root());
    run(wget.args(["--reject-regex", on_purpose]));
    let mut diff = program("diff", &workplace.root());
    // wget does not read the `srcset` of a `source`, which has the pictures for dark mode.
    let night = "--exclude=*-dark.png";
    run(diff.args(["-r", night]).arg(&own_site).arg("."));
}

#[test]
fn wget_mirrors_a_book_of_the_rust_documentation() {
    let Some(documentation) = rust_documentation() else {
        return;
    };
    if !tools(&["wget"]) {
        return;
    }
    let book = documentation.join("nomicon");
    let server = silent_server(&book);
    let workplace = Site::new();
    // The book links to other books, which are not here, so wget reports an error.
    try_run_for(
        PROGRAM_PATIENCE,
        &mut mirroring_wget(&server, &workplace.root()),
    );
    let mirrored = files_beneath(&workplace.root());
    let count = mirrored.len();
    assert!(count > 90, "only {count} files were mirrored");
    for name in mirrored {
        assert_same(&workplace.path(&name), &book.join(&name));
    }
}

#[test]
fn every_fiftieth_file_of_the_rust_documentation_is_served_as_it_is() {
    let Some(documentation) = rust_documentation() else {
        return;
    };
    if !tools(&["python3"]) {
        return;
    }
    let server = silent_server(&documentation);
    let workplace = Site::new();
    run(mirror(&server, &documentation, &workplace).arg("50"));
}

#[test]
#[ignore = "takes a minute: fetches every file of the Rust documentation"]
fn every_file_of_the_rust_documentation_is_served_as_it_is() {
    let documentation = rust_documentation().expect("the toolchain comes with documentation");
    let server = silent_server(&documentation);
    let workplace = Site::new();
    let mut mirror = mirror(&server, &documentation, &workplace);
    println!("{}", run_for(LONG, &mut mirror));
}

#[test]
#[ignore = "takes minutes: wget copies 660 MB of Rust documentation"]
fn wget_copies_all_of_the_rust_documentation_and_finds_it_unchanged() {
    let documentation = rust_documentation().expect("the toolchain comes with documentation");
    let server = Server::start(&documentation);
    let workplace = Site::new();
    // Many files are referenced only by scripts, where wget finds no links, so it gets a list of
    // all files.
    let url = |name: &PathBuf| format!("http://{}/{}\n", server.address, name.display());
    let urls: Vec<_> = files_beneath(&documentation).iter().map(url).collect();
    let list = workplace.outside("urls");
    fs::write(&list, urls.concat()).expect("a file can be written");
    for status in [" 200 ", " 304 "] {
        let mut wget = program("wget", &workplace.root());
        wget.args(words("--quiet --timestamping --no-host-directories"));
        wget.args(words("--force-directories --input-file"));
        // Dotfiles are not served, so wget reports an error.
        try_run_for(LONG, wget.arg(&list));
        let copied = files_beneath(&workplace.root()).len();
        let answered = server.process.stdout().matches(status).count();
        println!("{copied} files are there, {answered} times it was{status}");
        assert_eq!(answered, copied);
    }
    let mut diff = program("diff", &workplace.root());
    diff.args(["--recursive", "--exclude=.?*"]);
    run_for(LONG, diff.arg(&documentation).arg("."));
}

/// Starts a server without log lines, which would hide failures.
fn silent_server(root: &Path) -> Server {
    Launch::of(root).args(["--access-log", "off"]).start()
}

fn mirroring_wget(server: &Server, into: &Path) -> Command {
    let mut wget = program("wget", into);
    wget.args(words("--quiet --mirror --no-host-directories"));
    wget.arg(format!("http://{}/", server.address));
    wget
}

fn mirror(server: &Server, documentation: &Path, workplace: &Site) -> Command {
    let mut mirror = program(beside("mirror"), &workplace.root());
    mirror.arg(server.address.to_string()).arg(documentation);
    mirror
}

/// Returns the files beneath a directory, as relative paths.
fn files_beneath(directory: &Path) -> Vec<PathBuf> {
    let mut pending = vec![directory.to_owned()];
    let mut files = Vec::new();
    while let Some(place) = pending.pop() {
        let entries = fs::read_dir(place).expect("a directory can be read");
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).expect("it is beneath");
                files.push(name.to_owned());
            }
        }
    }
    files
}

const LONG: Duration = Duration::from_mins(15);

//! Directory listings, read by the programs that people use with them.

use crate::strangers::programs::{program, run, tools, words};
use crate::support::{Launch, Server, Site};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

/// Names with special characters of HTML, URLs and clients.
const NAMES: [&str; 9] = [
    "one.txt",
    "big.bin",
    "a b.txt",
    "a+b&c;d.txt",
    "100%.txt",
    "gr\u{fc}n.txt",
    "in/deep/leaf.txt",
    "in/a b/leaf.txt",
    "<i>.txt",
];

fn served() -> (Site, Server) {
    let site = Site::new();
    for name in NAMES {
        site.file(name, name);
    }
    site.file("big.bin", vec![b'x'; 1_234_567]);
    // 2021-03-04 05:06:07
    let time = UNIX_EPOCH + Duration::from_secs(1_614_834_367);
    site.modified("big.bin", time).modified("one.txt", time);
    fs::create_dir(site.outside("client")).expect("a directory can be made");
    let server = Launch::of(site.root()).arg("--listing").start();
    (site, server)
}

/// Returns the files beneath a directory, as relative paths.
fn files_beneath(directory: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(place) = pending.pop() {
        let entries = fs::read_dir(place).expect("a directory can be read");
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).expect("it is beneath");
                files.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    files
}

#[test]
fn wget_copies_each_file_once_and_no_directory_in_several_orders() {
    if !tools(&["wget"]) {
        return;
    }
    for arguments in [
        "--recursive --level=inf",
        "--mirror",
        "--recursive --no-parent",
    ] {
        let (site, server) = served();
        let mut wget = program("wget", &site.outside("client"));
        wget.args(words(
            "--quiet --no-host-directories --restrict-file-names=unix",
        ));
        wget.args(words(arguments));
        run(wget.arg(format!("http://{}/", server.address)));
        let copied = files_beneath(&site.outside("client"));
        let pages = ["", "in/", "in/deep/", "in/a b/"].map(|at| format!("{at}index.html"));
        let expected: BTreeSet<_> = NAMES.map(str::to_owned).into_iter().chain(pages).collect();
        assert_eq!(copied, expected, "{arguments}");
        let requests = server.process.stdout();
        assert!(!requests.contains("sort="), "{requests}");
    }
}

#[test]
fn lftp_lists_sizes_and_times_and_mirrors_the_tree() {
    if !tools(&["lftp"]) {
        return;
    }
    let (site, server) = served();
    let lftp = |commands: &str| {
        let mut lftp = program("lftp", &site.outside("client"));
        let settings = "set cmd:default-protocol http; set net:max-retries 1";
        let open = format!("{settings}; open http://{}/; {commands}", server.address);
        run(lftp.args(["--norc", "-c", &open]))
    };
    let listed = lftp("ls");
    let lines: Vec<_> = listed.lines().collect();
    for line in [
        "-rw-r--r--      1234567  2021-03-04 05:06  big.bin",
        "-rw-r--r--            7  2021-03-04 05:06  one.txt",
    ] {
        assert!(lines.contains(&line), "{line} in\n{listed}");
    }
    assert_eq!(lines.len(), 8, "{listed}");
    // It gets everything from one page, which it requests after trying WebDAV.
    let records = server.records(2);
    let is_of_page = |record: &String| record.contains(" / HTTP/1.1\"");
    assert!(records.iter().all(is_of_page), "{records:?}");
    assert!(lftp("ls in/").contains("-  20"), "{}", lftp("ls in/"));
    lftp("mirror --no-perms / copy");
    let copied = files_beneath(&site.outside("client/copy"));
    assert_eq!(copied, NAMES.map(str::to_owned).into());
    let read = |path| fs::read(path).expect("a file can be read");
    assert!(read(site.outside("client/copy/big.bin")) == read(site.path("big.bin")));
}

#[test]
fn rclone_finds_every_file_of_a_listing() {
    if !tools(&["rclone"]) {
        return;
    }
    let (site, server) = served();
    let url = format!("http://{}/", server.address);
    let mut rclone = program("rclone", &site.outside("client"));
    let found = run(rclone.args(["lsf", "-R", "--files-only", "--http-url", &url, ":http:"]));
    let found: BTreeSet<_> = found.lines().map(str::to_owned).collect();
    assert_eq!(found, NAMES.map(str::to_owned).into());
}

/// Like Kodi: each line has a link whose text equals its reference.
#[test]
fn the_displayed_name_of_an_entry_equals_its_reference() {
    let (_site, server) = served();
    let page = server.get("/");
    let mut names = BTreeSet::new();
    for line in page.text().lines().filter(|line| line.starts_with("<tr ")) {
        let (_, link) = line.split_once("<a href=\"").expect("a link");
        let (reference, rest) = link.split_once("\">").expect("the end of the tag");
        let (shown, rest) = rest.split_once("</a>").expect("the end of the link");
        assert!(!rest.contains("<a ") && rest.contains("</tr"), "{line}");
        let plain = |text: &str| {
            let pairs = [
                ("&lt;", "<"),
                ("&gt;", ">"),
                ("&quot;", "\""),
                ("&amp;", "&"),
            ];
            pairs
                .iter()
                .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
        };
        let decoded = percent_encoding::percent_decode_str(reference).decode_utf8();
        let decoded = plain(decoded.expect("UTF-8").trim_end_matches('/'));
        assert_eq!(plain(shown), decoded);
        names.insert(decoded);
    }
    let top = NAMES.map(|name| name.split('/').next().unwrap_or_default().to_owned());
    assert_eq!(names, top.into());
}

//! Clients that download files, each in its typical use, with every byte compared.

use crate::strangers::programs::{Visit, run, tools, words};
use crate::support::{Site, noise};
use std::{fs, io::Read, process::Stdio};

#[test]
fn curl_speaks_http_1_0_with_and_without_keep_alive() {
    if !tools(&["curl"]) {
        return;
    }
    let visit = Visit::to(Site::small());
    let mut once = visit.client("curl");
    once.args(words("--silent --show-error --fail --http1.0"));
    run(once.args(["-o", "once", &visit.url("a.txt")]));
    visit.assert_fetched("once", "a.txt");
    let mut twice = visit.client("curl");
    twice.args(words("--silent --show-error --fail --http1.0"));
    twice.args(["-H", "Connection: keep-alive"]);
    twice.args(["-o", "first", &visit.url("a.txt")]);
    twice.args(["-o", "second", &visit.url("index.html")]);
    twice.args(["--write-out", "%{num_connects} "]);
    // One connection for the first file, and no new one for the second.
    assert_eq!(run(&mut twice), "1 0 ");
    visit.assert_fetched("first", "a.txt");
    visit.assert_fetched("second", "index.html");
}

#[test]
fn curl_and_wget_resume_a_broken_download_of_100_megabytes() {
    if !tools(&["curl", "wget"]) {
        return;
    }
    let site = Site::new();
    site.file("large.bin", noise(100_000_000));
    let visit = Visit::to(site);
    for (name, arguments) in [
        ("curl", "--silent --show-error --fail --continue-at - -O"),
        ("wget", "--no-verbose --continue"),
    ] {
        break_off(&visit, "large.bin", 37_654_321);
        let mut client = visit.client(name);
        client.args(words(arguments)).arg(visit.url("large.bin"));
        run(&mut client);
        visit.assert_fetched("large.bin", "large.bin");
    }
    visit.assert_answered_with(206, 2);
}

/// Fetches the beginning of a file and closes the connection.
fn break_off(visit: &Visit, name: &str, length: usize) {
    let mut curl = visit.client("curl");
    curl.args(["--silent", &visit.url(name)]);
    let mut child = curl.stdout(Stdio::piped()).spawn().expect("curl starts");
    let mut stdout = child.stdout.take().expect("stdout is piped");
    let mut beginning = vec![0; length];
    let read = stdout.read_exact(&mut beginning);
    read.expect("curl writes what it receives");
    drop(stdout);
    let status = child.wait().expect("curl ends");
    assert!(!status.success(), "curl was not broken off");
    fs::write(visit.home.join(name), beginning).expect("a file can be written");
}

#[test]
fn downloaders_that_split_a_file_put_it_together_again() {
    let site = Site::new();
    site.file("large.bin", noise(24_000_000));
    let visit = Visit::to(site);
    for (name, arguments) in [
        ("aria2c", "--quiet -x8 -s8 -k1M --out=aria2c.bin"),
        ("axel", "--quiet --num-connections=8 --output=axel.bin"),
        (
            "wget2",
            "--quiet --chunk-size=3M --output-document=wget2.bin",
        ),
    ] {
        if tools(&[name]) {
            let target = format!("large.bin?{name}");
            let mut client = visit.client(name);
            run(client.args(words(arguments)).arg(visit.url(&target)));
            visit.assert_fetched(&format!("{name}.bin"), "large.bin");
            // How many parts it takes depends on how fast they come: each asks for the beginning of
            // the file, or for all of it, before it knows the size.
            visit.assert_target_answered_with(&target, 206, 2);
        }
    }
}

#[test]
fn rclone_copies_what_an_index_page_lists() {
    if !tools(&["rclone"]) {
        return;
    }
    let site = Site::new();
    let list = |names: &str| {
        let link = |name| format!("<a href=\"{name}\">.</a>\n");
        words(names).map(link).collect::<Vec<_>>().concat()
    };
    site.file("index.html", list("plain.txt with%20space.txt deep/"));
    site.file("deep/index.html", list("inner.bin"));
    site.file("plain.txt", "plain\n");
    site.file("with space.txt", "space\n");
    site.file("deep/inner.bin", noise(70_000));
    let visit = Visit::to(site);
    let mut rclone = visit.client("rclone");
    run(rclone.args(["copy", "--http-url", &visit.url(""), ":http:", "copied"]));
    for name in ["plain.txt", "with space.txt", "deep/inner.bin"] {
        visit.assert_fetched(&format!("copied/{name}"), name);
    }
}

#[test]
fn ab_keeps_its_http_1_0_connections_alive() {
    if !tools(&["ab"]) {
        return;
    }
    let visit = Visit::to(Site::small());
    let mut ab = visit.client("ab");
    let report = run(ab.args(words("-q -k -n 2000 -c 8")).arg(visit.url("a.txt")));
    let report = report.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "Complete requests: 2000",
        "Failed requests: 0",
        "Keep-Alive requests: 2000",
    ] {
        assert!(report.contains(line), "no {line:?} in {report}");
    }
    assert!(!report.contains("Non-2xx"), "{report}");
}

//! Files whose content is generated while it is read, as in /proc and /sys: their sizes and times
//! mean nothing.

use crate::support::{Launch, Server, poll_until, unavailable};
use std::{fs, path::Path};

#[test]
fn generated_files_are_read_to_their_end_whatever_size_they_claim() {
    // sysfs claims 4096 bytes for its files and returns fewer, /proc claims 0 and returns some.
    for (root, name) in [
        ("/sys/devices/virtual/net/lo", "mtu"),
        ("/sys/devices/virtual/net/lo", "address"),
        ("/proc/self", "cgroup"),
        ("/proc/sys/kernel", "ostype"),
        ("/proc", "version"),
        ("/proc", "filesystems"),
        ("/proc", "devices"),
    ] {
        let Ok(content) = fs::read(Path::new(root).join(name)) else {
            unavailable(&format!("{root}/{name}"));
            continue;
        };
        let server = Server::start(root);
        let target = format!("/{name}");
        let response = server.get(&target);
        assert_eq!(response.status, 200, "{target}");
        assert!(
            response.content == content,
            "{target}: {:?}",
            response.text()
        );
        assert_eq!(response.field("last-modified"), None, "{target}");
        let tag = response.field("etag").expect("a tag");
        let again = server.request("GET", &target, &[("If-None-Match", tag)]);
        assert_eq!(again.status, 304, "{target}");
        let head = server.request("HEAD", &target, &[]);
        let length = content.len().to_string();
        assert_eq!(head.field("content-length"), Some(length.as_str()));
        let part = server.request("GET", &target, &[("Range", "bytes=1-2")]);
        assert_eq!(part.status, 206, "{target}");
        assert_eq!(part.content, content[1..3], "{target}");
    }
}

#[test]
fn generated_files_are_never_cached() {
    if !Path::new("/proc/uptime").exists() {
        return unavailable("/proc");
    }
    let server = Server::start("/proc");
    let mut client = server.connect();
    let mut uptime = || {
        client.send("GET /uptime HTTP/1.1\r\nHost: a\r\n\r\n");
        client.response_to("GET").content
    };
    let first = uptime();
    assert!(!first.is_empty());
    poll_until("a later time", || (uptime() != first).then_some(()));
}

#[test]
fn a_file_that_falsely_claims_to_be_small_is_rejected_with_the_reason_in_the_log() {
    let path = Path::new("/proc/kallsyms");
    if fs::read(path).map_or(0, |content| content.len()) <= 1 << 20 {
        return unavailable("a file of /proc of more than 1 MiB");
    }
    let server = Launch::of("/proc").expecting(&["\"/kallsyms\""]).start();
    assert_eq!(server.get("/kallsyms").status, 500);
    server.process.await_stderr("the reason", |stderr| {
        stderr.contains("larger than 1 MiB").then_some(())
    });
}

//! Whom the server becomes, and what it can no longer do then.

mod support;

use std::{fs, path::PathBuf, process::Command};
use support::{Launch, Server, Site, assert_all, is_root, quoted, unavailable};

/// The values of a line of /proc/PID/status.
fn status_of(server: &Server, name: &str) -> String {
    let path = PathBuf::from(format!("/proc/{}/status", server.process.id()));
    let status = fs::read_to_string(path).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let values: Vec<_> = line
        .unwrap_or_else(|| panic!("no {name}"))
        .split_whitespace()
        .collect();
    values.join(" ")
}

#[test]
fn a_user_is_become_for_good_before_anything_is_answered() {
    if !is_root("to drop them") {
        return;
    }
    let site = Site::small();
    // Nobody has these numbers, so that they come from the setting alone.
    let server = Launch::of(site.root())
        .args(["--user", "54321:54322"])
        .start();
    assert_eq!(server.get("/a.txt").status, 200);
    assert_all(
        [
            ("Uid", "54321 54321 54321 54321"),
            ("Gid", "54322 54322 54322 54322"),
            ("Groups", "54322"),
            ("CapInh", "0000000000000000"),
            ("CapPrm", "0000000000000000"),
            ("CapEff", "0000000000000000"),
            ("CapAmb", "0000000000000000"),
            ("NoNewPrivs", "1"),
            ("Threads", "1"),
        ]
        .map(|(name, values)| (name, values.to_owned())),
        |name| status_of(&server, name),
    );
}

#[test]
fn a_name_brings_its_numbers_and_what_its_user_cannot_read_is_not_served() {
    if !is_root("to drop them") {
        return;
    }
    let site = Site::small();
    site.file("private.txt", "private")
        .mode("private.txt", 0o600);
    let server = Launch::of(site.root())
        .args(["--user", "nobody"])
        .expecting(&["the server's user may not read it"])
        .start();
    assert!(status_of(&server, "Uid").starts_with("65534 "));
    assert_eq!(server.get("/a.txt").status, 200);
    assert_eq!(server.get("/private.txt").status, 403);
}

#[test]
fn a_user_that_cannot_be_become_gives_one_sentence_and_code_1() {
    let site = Site::small();
    let mut launches = vec![
        (
            Launch::of(site.root()).args(["--user", "no-such-user"]),
            "has no user no-such-user",
        ),
        (
            Launch::of(site.root()).args(["--user", "1:no-such-group"]),
            "has no group no-such-group",
        ),
        (
            Launch::of(site.root()).args(["--user", "root"]),
            "root is no user",
        ),
    ];
    let other = Launch::unprivileged(&site.root()).args(["--user", "1:1"]);
    launches.push((other, "only root can become another user"));
    for (launch, sentence) in launches {
        let mut process = launch.spawn();
        assert_eq!(process.wait().code(), Some(1), "{sentence}");
        let said = process.end();
        assert!(
            said.contains(sentence) && said.lines().count() == 1,
            "{said}"
        );
        assert_eq!(process.stdout(), "", "nothing is served");
    }
}

/// Whether somebody can be had who is not what it seems.
fn has_setpriv() -> bool {
    if !is_root("to drop some of them") {
        return false;
    }
    let version = Command::new("setpriv").arg("--version").output();
    let is_there = version.is_ok_and(|output| output.status.success());
    if !is_there {
        unavailable("setpriv (util-linux)");
    }
    is_there
}

/// Lets `setpriv` start a server as somebody who is not what it seems.
fn through_setpriv(site: &Site, arguments: &[&str]) -> Launch {
    Launch::unprivileged(&site.root()).within(|command| {
        let mut outer = Command::new("setpriv");
        outer
            .args(arguments)
            .arg(command.get_program())
            .args(command.get_args());
        outer
    })
}

#[test]
fn whoever_only_seems_to_be_the_user_already_becomes_it_for_good() {
    if !has_setpriv() {
        return;
    }
    let site = Site::small();
    let ids = "65534 65534 65534 65534";
    for seeming in [
        &["--euid=65534", "--egid=65534", "--groups=0,4"][..],
        &["--ruid=65534", "--regid=65534", "--clear-groups"],
        &["--euid=65534", "--regid=65534", "--keep-groups"],
        // With a power that would make it root again.
        &[
            "--reuid=65534",
            "--regid=65534",
            "--groups=65534",
            "--inh-caps=+setuid",
            "--ambient-caps=+setuid",
        ],
    ] {
        let server = through_setpriv(&site, seeming)
            .args(["--user", "65534:65534"])
            .start();
        assert_all(
            [
                ("Uid", ids),
                ("Gid", ids),
                ("Groups", "65534"),
                ("CapPrm", "0000000000000000"),
            ]
            .map(|(name, values)| (name, values.to_owned())),
            |name| status_of(&server, name),
        );
    }
}

#[test]
fn where_no_thread_can_be_had_a_check_and_a_question_about_health_say_so() {
    if !has_setpriv() {
        return;
    }
    let site = Site::small();
    let alone = [
        "--reuid=54399",
        "--regid=54399",
        "--clear-groups",
        "prlimit",
        "--nproc=1",
    ];
    for action in ["--check", "--health=http://127.0.0.1:1/"] {
        let mut process = through_setpriv(&site, &alone).arg(action).spawn();
        assert_eq!(process.wait().code(), Some(1), "{action}");
        let said = process.end();
        let is_sentence = said.starts_with("error: ") && said.lines().count() == 1;
        assert!(
            is_sentence && said.contains("temporarily unavailable"),
            "{said}"
        );
    }
}

#[test]
fn who_is_the_user_already_starts_unless_it_is_in_another_group_than_the_named_one() {
    if !has_setpriv() {
        return;
    }
    let site = Site::small();
    let launch = |groups, user| {
        through_setpriv(&site, &["--reuid=65534", "--regid=65534", groups]).args(["--user", user])
    };
    for (groups, user, present) in [
        ("--clear-groups", "65534:65534", ""),
        ("--groups=65534", "65534:65534", "65534"),
        // As whoever started it has arranged for.
        ("--groups=4", "65534", "4"),
    ] {
        let server = launch(groups, user).start();
        assert_eq!(status_of(&server, "Groups"), present, "{groups} {user}");
    }
    let mut process = launch("--groups=65534,4", "65534:65534").spawn();
    assert_eq!(process.wait().code(), Some(1));
    let said = process.end();
    assert!(
        said.contains("it is in group 4, too, which only root can leave"),
        "{said}"
    );
}

#[test]
fn a_root_or_a_log_that_the_user_cannot_open_keeps_the_server_from_starting() {
    if !is_root("to drop them") {
        return;
    }
    let site = Site::small();
    let log = site.outside("access.log");
    let with_log = Launch::of(site.root()).arg("--access-log").arg(&log);
    site.directory("closed").mode("closed", 0o700);
    let closed = || Launch::of(site.path("closed"));
    for launch in [with_log, closed(), closed().arg("--check")] {
        let mut process = launch.args(["--user", "nobody"]).spawn();
        assert_eq!(process.wait().code(), Some(1));
        let said = process.end();
        assert!(
            said.contains("cannot be opened: Permission denied"),
            "{said}"
        );
    }
}

#[test]
fn every_server_gives_up_new_privileges() {
    let site = Site::small();
    let server = Launch::of(site.root()).args(["--sandbox", "off"]).start();
    assert_eq!(status_of(&server, "NoNewPrivs"), "1");
}

/// What starts the same in a namespace of its own for mounts, after this one.
fn after(mount: &str, command: &mut Command) -> Command {
    let mut outer = Command::new("unshare");
    let script = format!("{mount} && exec \"$@\"");
    outer
        .args(["--mount", "sh", "-c", &script, "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    outer
}

#[test]
fn a_jail_without_proc_is_no_obstacle() {
    if !is_root("to hide /proc") {
        return;
    }
    let hide = |command: &mut Command| after("mount -t tmpfs none /proc", command);
    let is_hidden = hide(Command::new("test").args(["!", "-e", "/proc/self"])).status();
    if !is_hidden.is_ok_and(|status| status.success()) {
        return unavailable("the right to hide /proc");
    }
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--user", "54321:54322", "--sandbox", "auto"])
        .within(hide)
        .start();
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn what_is_told_of_other_users_may_be_in_any_encoding() {
    if !is_root("to mount a file in the place of /etc/passwd") {
        return;
    }
    let site = Site::small();
    let passwd = site.outside("passwd");
    let entries = b"j:x:54320:54320:J\xfcrgen:/:/bin/sh\nwww:x:54321:54322::/:/bin/sh\n";
    fs::write(&passwd, entries).unwrap();
    let mount = format!("mount --bind {} /etc/passwd", quoted(passwd));
    let is_mounted = after(&mount, &mut Command::new("true")).status();
    if !is_mounted.is_ok_and(|status| status.success()) {
        return unavailable("the right to mount a file in the place of /etc/passwd");
    }
    for user in ["www", "54321"] {
        let server = Launch::of(site.root())
            .args(["--user", user])
            .within(|command| after(&mount, command))
            .start();
        assert_eq!(status_of(&server, "Uid"), "54321 54321 54321 54321");
        assert_eq!(status_of(&server, "Gid"), "54322 54322 54322 54322");
    }
}

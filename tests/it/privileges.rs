//! The user of the server, and the privileges that it has dropped.

use crate::support::{Launch, Server, Signal, Site, assert_all, is_root, quoted, unavailable};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

/// Returns the values of a line of /proc/PID/status.
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
fn privileges_are_dropped_permanently_before_any_request_is_answered() {
    if !is_root("to drop them") {
        return;
    }
    let site = Site::small();
    // Nobody has these ids, so they come only from the setting.
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
fn a_user_name_is_resolved_and_files_it_cannot_read_are_not_served() {
    if !is_root("to drop them") {
        return;
    }
    let site = Site::small();
    site.file("private.txt", "private")
        .mode("private.txt", 0o600);
    let server = Launch::of(site.root())
        .args(["--user", "nobody"])
        .expecting(&["the server has no permission to read it"])
        .start();
    assert!(status_of(&server, "Uid").starts_with("65534 "));
    assert_eq!(server.get("/a.txt").status, 200);
    assert_eq!(server.get("/private.txt").status, 403);
}

#[test]
fn an_impossible_user_gives_one_sentence_and_code_1() {
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
            "root is not an unprivileged user",
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

/// Returns `true` if `setpriv` can start a process with inconsistent ids.
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

/// Starts a server through `setpriv`, with inconsistent ids.
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
fn a_process_that_only_seems_to_be_the_user_drops_its_privileges_permanently() {
    if !has_setpriv() {
        return;
    }
    let site = Site::small();
    let ids = "65534 65534 65534 65534";
    for seeming in [
        &["--euid=65534", "--egid=65534", "--groups=0,4"][..],
        &["--ruid=65534", "--regid=65534", "--clear-groups"],
        &["--euid=65534", "--regid=65534", "--keep-groups"],
        // With a capability that would allow it to become root again.
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
fn check_and_health_report_that_no_thread_can_be_started() {
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
fn a_process_that_is_the_user_already_starts_unless_its_group_differs() {
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
        // With the groups that its starter has chosen.
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
fn a_root_or_a_log_that_the_user_cannot_open_prevents_the_start() {
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
            said.contains("cannot open the ") && said.contains(": Permission denied"),
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

/// Runs the command in a mount namespace of its own, after this mount command.
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
fn the_server_starts_in_a_chroot_without_proc() {
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
fn entries_of_other_users_may_be_in_any_encoding() {
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

#[test]
fn created_files_are_not_writable_for_others_whatever_the_umask() {
    let site = Site::small();
    let (pid_file, log) = (site.outside("millpond.pid"), site.outside("access.log"));
    let socket = site.outside("socket");
    for (umask, file_mode, socket_mode) in [("0", 0o644, 0o770), ("077", 0o600, 0o700)] {
        let mut server = Launch::bare()
            .arg(site.root())
            .args(["--listen", "127.0.0.1:0", "--listen"])
            .arg(format!("unix:{}", socket.display()))
            .arg("--pid-file")
            .arg(&pid_file)
            .arg("--access-log")
            .arg(&log)
            .within(|command| {
                let mut shell = Command::new("sh");
                let script = format!("umask {umask}; exec \"$0\" \"$@\"");
                shell.args(["-c", &script]).arg(command.get_program());
                shell.args(command.get_args());
                shell
            })
            .start();
        for (path, expected) in [
            (&pid_file, file_mode),
            (&log, file_mode),
            (&socket, socket_mode),
        ] {
            let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, expected, "umask {umask}: {}", path.display());
        }
        server.stop(Signal::TERM);
        fs::remove_file(&log).unwrap();
        // In the sandbox it may have to stay.
        let _ = fs::remove_file(&pid_file);
    }
}

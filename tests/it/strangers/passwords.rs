//! Passwords: files made by `htpasswd`, and clients that log in.

use super::programs::{Visit, assert_same, beside, program, python, run, tools, words};
use super::repositories::lay_out_machine;
use crate::support::{Launch, Site, noise};
use std::{fs, path::PathBuf};

/// Returns a visit to a site that only the users of a file made by `htpasswd` may see.
fn visit(site: Site) -> Visit {
    let users = site.outside("users");
    let mut htpasswd = program("htpasswd", &site.outside(""));
    htpasswd
        .args(["-c", "-b", "-B"])
        .arg(&users)
        .args(["alice", PASSWORD]);
    run(&mut htpasswd);
    let launch = Launch::of(site.root())
        .arg("--auth-file")
        .arg(users)
        .expecting(&["reloaded the users"]);
    Visit::by(site, launch)
}

/// A password of two words, with a character beyond ASCII.
const PASSWORD: &str = "p\u{e4}ss word";

/// The password as a part of a URL.
const ESCAPED: &str = "p%C3%A4ss%20word";

fn url_of_user(visit: &Visit, path: &str) -> String {
    format!("http://alice:{ESCAPED}@{}/{path}", visit.server.address)
}

#[test]
fn only_safe_hashes_of_htpasswd_are_accepted() {
    if !tools(&["htpasswd", "curl"]) {
        return;
    }
    for (flags, is_taken) in [
        ("-B", true),
        ("-B -C 8", true),
        ("-2", true),
        ("-5", true),
        ("-5 -r 2000", true),
        ("-m", true),
        ("-d", false),
        ("-s", false),
        ("-p", false),
    ] {
        let site = Site::small();
        let users = site.outside("users");
        let mut htpasswd = program("htpasswd", &site.outside(""));
        htpasswd.args(["-c", "-b"]).args(words(flags)).arg(&users);
        run(htpasswd.args(["alice", "secret"]));
        let launch = Launch::of(site.root())
            .arg("--auth-file")
            .arg(&users)
            .expecting(&["$apr1$ hashes"]);
        if !is_taken {
            let mut process = launch.spawn();
            assert!(!process.wait().success(), "{flags}");
            assert!(process.end().contains("users, line 1: "), "{flags}");
            continue;
        }
        let visit = Visit::by(site, launch);
        let status = |both: &str| {
            let mut curl = visit.client("curl");
            curl.args(words(
                "--silent --output /dev/null --write-out %{http_code}",
            ));
            run(curl.args(["--user", both]).arg(visit.url("a.txt")))
        };
        assert_eq!(status("alice:secret"), "200", "{flags}");
        assert_eq!(status("alice:secre"), "401", "{flags}");
    }
}

#[test]
fn curl_and_wget_log_in() {
    if !tools(&["htpasswd", "curl", "wget"]) {
        return;
    }
    let visit = visit(Site::small());
    let user = format!("alice:{PASSWORD}");
    let mut curl = visit.client("curl");
    curl.args(words("--silent --fail -o curl --anyauth --user"));
    run(curl.args([&user, &visit.url("a.txt")]));
    visit.assert_fetched("curl", "a.txt");
    let mut curl = visit.client("curl");
    curl.args(words("--silent -o /dev/null --write-out %{http_code}"));
    assert_eq!(run(curl.arg(visit.url("a.txt"))), "401");
    // wget first asks without the password, and then again with it.
    let mut wget = visit.client("wget");
    wget.args([
        "--quiet",
        "-O",
        "wget",
        "--user",
        "alice",
        "--password",
        PASSWORD,
    ]);
    run(wget.arg(visit.url("a.txt")));
    visit.assert_fetched("wget", "a.txt");
    let mut wget = visit.client("wget");
    wget.args(["--quiet", "--user", "alice", "--password", "wrong"]);
    let status = wget.arg(visit.url("a.txt")).status().expect("wget starts");
    // "Username/password authentication failure."
    assert_eq!(status.code(), Some(6));
}

#[test]
fn git_clones_with_a_password() {
    if !tools(&["htpasswd", "git"]) {
        return;
    }
    let visit = visit(Site::new());
    let git = |arguments: &str| {
        let mut git = visit.client("git");
        git.env("GIT_CONFIG_NOSYSTEM", "1");
        git.env("GIT_TERMINAL_PROMPT", "0");
        git.args(words("-c user.name=A -c user.email=a@example.org"));
        git.args(words(arguments));
        git
    };
    run(&mut git("init --quiet --initial-branch=main work"));
    fs::write(visit.home.join("work/file"), noise(1000)).expect("can be written");
    run(&mut git("-C work add file"));
    run(&mut git("-C work commit --quiet --message first"));
    let served = visit.site.path("work.git").display().to_string();
    run(&mut git(&format!("clone --quiet --bare work {served}")));
    run(&mut git(&format!("-C {served} update-server-info")));
    run(&mut git(&format!(
        "clone --quiet {} cloned",
        url_of_user(&visit, "work.git")
    )));
    assert_same(
        &visit.home.join("cloned/file"),
        &visit.home.join("work/file"),
    );
    let anonymous = git(&format!("clone --quiet {} refused", visit.url("work.git"))).output();
    assert!(!anonymous.expect("git starts").status.success());
}

#[test]
fn apt_logs_in_with_its_auth_conf() {
    if !tools(&[
        "htpasswd",
        "apt-get",
        "dpkg",
        "dpkg-deb",
        "dpkg-scanpackages",
    ]) {
        return;
    }
    let visit = visit(Site::new());
    run(program(beside("apt_repository"), &visit.home).arg(visit.site.root()));
    let machine = visit.home.join("machine");
    lay_out_machine(&machine, &visit.url(""));
    let update = || {
        let mut apt_get = visit.client("apt-get");
        apt_get.env("APT_CONFIG", machine.join("apt.conf"));
        apt_get.arg("update").output().expect("apt-get starts")
    };
    let refused = update();
    let said = String::from_utf8_lossy(&refused.stdout) + String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("401  Unauthorized"), "{said}");
    // The words of the file end at spaces.
    let mut htpasswd = program("htpasswd", &visit.home);
    htpasswd.args(["-b", "-B"]).arg(visit.site.outside("users"));
    run(htpasswd.args(["apt", "secret"]));
    let entry = format!(
        "machine http://{}/ login apt password secret\n",
        visit.server.address
    );
    fs::write(machine.join("etc/apt/auth.conf"), entry).expect("can be written");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let updated = update();
    let said = String::from_utf8_lossy(&updated.stdout).into_owned();
    assert!(updated.status.success() && said.contains("Get:"), "{said}");
}

#[test]
fn pip_installs_from_an_index_with_a_password() {
    let python: Option<PathBuf> = tools(&["htpasswd", "python3"]).then(python).flatten();
    let Some(python) = python else {
        return;
    };
    let visit = visit(Site::new());
    run(program(beside("python_index"), &visit.home).arg(visit.site.root()));
    let install = |index: &str, target: &str| {
        let mut pip = program(&python, &visit.home);
        pip.args(words(
            "-m pip --disable-pip-version-check --no-input install --quiet --target",
        ));
        pip.args([target, "--index-url", index, "stranger"]);
        pip
    };
    run(&mut install(&url_of_user(&visit, "simple/"), "lib"));
    assert!(visit.home.join("lib/stranger.py").exists());
    let refused = install(&visit.url("simple/"), "none")
        .output()
        .expect("pip starts");
    assert!(!refused.status.success());
}

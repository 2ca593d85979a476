//! Tools that fetch from a repository, which for the server is a directory of plain files: git, apt
//! and pip.

use crate::strangers::programs::{Visit, assert_same, beside, program, python, run, tools, words};
use crate::support::{Site, noise};
use std::{fs, path::Path, thread, time::Duration};

/// The time after which a file's time is a strong validator.
const SETTLING_TIME: Duration = Duration::from_secs(2);

#[test]
fn git_clones_a_repository_of_plain_files() {
    if !tools(&["git"]) {
        return;
    }
    let visit = Visit::to(Site::new());
    let git = |arguments: &str| {
        let mut git = visit.client("git");
        git.env("GIT_CONFIG_NOSYSTEM", "1");
        git.env("GIT_TERMINAL_PROMPT", "0");
        git.args(words("-c user.name=A -c user.email=a@example.org"));
        run(git.args(words(arguments)))
    };
    git("init --quiet --initial-branch=main work");
    for number in 0..30 {
        fs::write(visit.home.join("work/file"), noise(1000 + number)).expect("can be written");
        git("-C work add file");
        git(&format!("-C work commit --quiet --message {number}"));
        if number == 15 {
            git("-C work gc --quiet");
        }
    }
    // Half of the history is now in a pack and half in loose objects, so git fetches in both ways.
    let served = visit.site.path("work.git").display().to_string();
    git(&format!("clone --quiet --bare work {served}"));
    git(&format!("-C {served} update-server-info"));
    git(&format!("clone --quiet {} cloned", visit.url("work.git")));
    git("-C cloned fsck --strict");
    let head = |repository: &str| git(&format!("-C {repository} rev-parse main"));
    assert_eq!(head("cloned"), head("work"));
}

#[test]
fn apt_updates_installs_and_resumes_from_a_directory() {
    if !tools(&["apt-get", "dpkg", "dpkg-deb", "dpkg-scanpackages"]) {
        return;
    }
    let visit = Visit::to(Site::new());
    run(program(beside("apt_repository"), &visit.home).arg(visit.site.root()));
    let machine = visit.home.join("machine");
    lay_out_machine(&machine, &visit.url(""));
    let apt_get = |arguments: &str| {
        let mut apt_get = visit.client("apt-get");
        apt_get.env("APT_CONFIG", machine.join("apt.conf"));
        apt_get.arg("--assume-yes").args(words(arguments));
        run(&mut apt_get)
    };
    assert!(apt_get("update").contains("Get:"));
    // The second time, only the times of the files are compared.
    assert!(apt_get("update").contains("Hit:"));
    visit.assert_answered_with(304, 1);
    apt_get("install strangers-all");
    for name in ["strangers-01", "strangers-40"] {
        let installed = fs::read_to_string(machine.join("usr/share/strangers").join(name));
        let content = installed.expect("the package is installed");
        assert_eq!(content, format!("{name}\n"));
    }
    // Before that, the time of a file does not distinguish it from other content (RFC 9110
    // §8.8.2.2), and apt relies on the time.
    thread::sleep(SETTLING_TIME);
    let package = "strangers-large_1.0_all.deb";
    let cache = machine.join("var/cache/apt/archives");
    leave_half(
        &visit.site.path(package),
        &cache.join("partial").join(package),
    );
    apt_get("install --download-only strangers-large");
    visit.assert_answered_with(206, 1);
    assert_same(&cache.join(package), &visit.site.path(package));
}

/// Gives apt and dpkg separate directories, so that nothing on the tester's machine changes.
pub(super) fn lay_out_machine(machine: &Path, url: &str) {
    for directory in words(
        "etc/apt/apt.conf.d etc/apt/preferences.d var/lib/apt/lists/partial var/lib/dpkg/info \
         var/lib/dpkg/updates var/cache/apt/archives/partial var/log/apt",
    ) {
        fs::create_dir_all(machine.join(directory)).expect("a directory can be made");
    }
    let root = machine.display();
    let settings = format!(
        "Dir \"{root}/\";\n\
         Dir::State::status \"{root}/var/lib/dpkg/status\";\n\
         Dir::Bin::dpkg \"/usr/bin/dpkg\";\n\
         DPkg::Options {{ \"--root={root}\"; \"--force-not-root\"; }};\n\
         DPkg::Options {{ \"--log={root}/var/log/dpkg.log\"; }};\n\
         APT::Sandbox::User \"\";\n\
         APT::Architecture \"all\";\n"
    );
    for (name, content) in [
        ("apt.conf", settings),
        (
            "etc/apt/sources.list",
            format!("deb [trusted=yes] {url} ./\n"),
        ),
        ("var/lib/dpkg/status", String::new()),
    ] {
        fs::write(machine.join(name), content).expect("a file can be written");
    }
}

/// Writes the first half of a file, as after an interrupted download. It has the file's own time,
/// which apt sends as `If-Range`.
fn leave_half(whole: &Path, half: &Path) {
    let content = fs::read(whole).expect("a file can be read");
    fs::write(half, &content[..content.len() / 2]).expect("a file can be written");
    let facts = fs::metadata(whole).expect("a file has facts");
    let time = facts.modified().expect("a file has a time");
    let file = fs::File::open(half).expect("a file can be opened");
    file.set_modified(time).expect("a time can be set");
}

#[test]
fn pip_installs_from_a_simple_index() {
    if !tools(&["python3"]) {
        return;
    }
    let Some(python) = python() else {
        return;
    };
    let visit = Visit::to(Site::new());
    run(program(beside("python_index"), &visit.home).arg(visit.site.root()));
    let mut pip = program(&python, &visit.home);
    pip.args(words(
        "-m pip --disable-pip-version-check install --quiet --target lib",
    ));
    run(pip.args(["--index-url", &visit.url("simple/"), "stranger"]));
    let installed = fs::read_to_string(visit.home.join("lib/stranger.py"));
    assert_eq!(
        installed.expect("it is installed"),
        "GREETING = 'fetched'\n"
    );
}

//! Warnings about settings that an operator would regret, at startup and from `--check`.

use crate::support::{Launch, Site, unavailable};
use std::{fs, process::Command};

/// Returns the standard error of `--check`, which must succeed.
fn check(launch: Launch) -> Vec<String> {
    let mut process = launch.arg("--check").spawn();
    assert!(process.wait().success());
    let said = process.end();
    assert!(process.stdout().starts_with("millpond would serve "));
    said.lines().map(str::to_owned).collect()
}

#[test]
fn a_warning_names_private_files_in_the_root() {
    let site = Site::small();
    site.file(".git/config", "").file(".env", "SECRET=1");
    let launch = || {
        let launch = Launch::unprivileged(&site.root());
        launch.args(["--listen", "0.0.0.0:0"])
    };
    let said = check(launch());
    assert_eq!(said.len(), 1, "{said:?}");
    let warning = format!(
        "WARN millpond: {} contains private files",
        site.root().display()
    );
    let names = said[0].contains(&warning) && said[0].ends_with(": .git, .env");
    assert!(names, "{said:?}");

    let server = launch().expecting(&["private files"]).start();
    server
        .process
        .await_stderr("the warning", |said| said.contains(&warning).then_some(()));
    assert_eq!(server.get("/.env").status, 404, "as the warning says");
}

/// The server is the first process of a container.
#[test]
fn an_empty_root_in_a_container_causes_a_warning() {
    const UNSHARE: [&str; 4] = ["--user", "--map-root-user", "--pid", "--fork"];
    let probe = Command::new("unshare").args(UNSHARE).arg("true").output();
    if !probe.is_ok_and(|it| it.status.success()) {
        return unavailable("a namespace of processes (unshare)");
    }
    let site = Site::new();
    site.file(".keep", "");
    let in_a_container = || {
        let launch = Launch::of(site.root()).arg("--sandbox=off");
        check(launch.within(|command| {
            let mut unshare = Command::new("unshare");
            unshare.args(UNSHARE).arg(command.get_program());
            unshare.args(command.get_args());
            unshare
        }))
    };
    let said = in_a_container();
    let root = site.root();
    let mount = format!("--volume \"$PWD/site:{}:ro\"", root.display());
    let copy = format!("FROM millpond, COPY site {}", root.display());
    assert!(said.len() == 1 && said[0].contains(&mount), "{said:?}");
    assert!(said[0].contains(&copy), "{said:?}");
    assert!(
        check(Launch::of(site.root())).is_empty(),
        "elsewhere, files may come later"
    );
    site.file(".well-known/security.txt", "");
    assert!(in_a_container().is_empty(), "that is served");
}

#[test]
fn private_files_cause_no_warning_on_the_loopback() {
    let site = Site::small();
    site.file(".git/config", "").file(".env", "SECRET=1");
    for listen in [
        &[][..],
        &["--listen", "127.0.0.1:8080"],
        &["--listen", "127.9.9.9:80", "--listen", "[::1]:8080"],
    ] {
        let said = check(Launch::bare().arg(site.root()).args(listen));
        assert!(said.is_empty(), "{listen:?}: {said:?}");
    }
    // A proxy forwards requests of other machines.
    let unix = ["--listen", "unix:/run/millpond.sock"];
    let said = check(Launch::bare().arg(site.root()).args(unix));
    assert_eq!(said.len(), 1, "{said:?}");
    // It is unknown who can connect to an inherited socket.
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let launch = Launch::inheriting(&[("", std::os::fd::AsFd::as_fd(&socket))]);
    let said = check(launch.arg(site.root()));
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn files_that_belong_to_a_site_cause_no_warning() {
    let site = Site::small();
    site.file(".well-known/security.txt", "")
        .file(".nojekyll", "");
    assert!(check(Launch::of(site.root())).is_empty());
}

#[test]
fn a_warning_names_a_log_or_settings_that_would_be_served() {
    let site = Site::small();
    site.file("millpond.toml", "")
        .file(".hidden/log", "")
        .directory(".well-known");
    fs::write(site.outside("millpond.toml"), "").unwrap();
    let said = |log: &std::path::Path, settings: &std::path::Path| {
        let launch = Launch::of(site.root()).arg("--access-log").arg(log);
        check(launch.arg("--config").arg(settings))
    };
    let (log, settings) = (site.path("access.log"), site.path("millpond.toml"));
    let warnings = said(&log, &settings);
    for (warning, path) in warnings.iter().zip([&log, &settings]) {
        assert!(warning.ends_with(path.to_str().unwrap()), "{warning}");
    }
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let outside = site.outside("millpond.toml");
    assert!(said(&site.path(".hidden/log"), &outside).is_empty());
    assert_eq!(said(&site.path(".well-known/log"), &outside).len(), 1);
    site.symlink("way-out", "..").symlink("way-in", ".");
    assert!(said(&site.path("way-out/log"), &outside).is_empty());
    assert_eq!(said(&site.path("way-in/log"), &outside).len(), 1);
}

#[test]
fn a_warning_names_a_pid_file_that_would_be_served() {
    let site = Site::small();
    let said = |path| check(Launch::of(site.root()).arg("--pid-file").arg(path));
    let path = site.path("millpond.pid");
    let warnings = said(path.clone());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("the pid file is inside the root, so it is served"));
    assert!(warnings[0].ends_with(path.to_str().unwrap()));
    assert!(said(site.outside("millpond.pid")).is_empty());
}

#[test]
fn a_warning_names_a_variable_that_is_probably_misspelt() {
    let site = Site::small();
    let with = |variable| check(Launch::of(site.root()).env(variable, "75s"));
    let said = with("MILLPOND_IDEL_TIMEOUT");
    let warning = "MILLPOND_IDEL_TIMEOUT is not a setting; did you mean MILLPOND_IDLE_TIMEOUT?";
    assert!(said.len() == 1 && said[0].ends_with(warning), "{said:?}");
    assert!(with("MILLPOND_SERVICE_HOST").is_empty(), "of Kubernetes");
    // A server that cannot start reports it too, because it may be the reason.
    let mut process = Launch::of(site.path("missing"))
        .env("MILLPOND_IDEL_TIMEOUT", "75s")
        .spawn();
    assert!(!process.wait().success());
    assert!(process.end().contains(warning));
}

#[test]
fn a_warning_names_a_root_that_everybody_can_write_to() {
    let site = Site::small();
    for (mode, concerns) in [(0o755, 0), (0o775, 0), (0o757, 1), (0o1777, 1)] {
        site.mode("", mode);
        let said = check(Launch::of(site.root()));
        let named = said
            .iter()
            .filter(|it| it.contains("every user of this machine can write to"));
        assert_eq!(
            (named.count(), said.len()),
            (concerns, concerns),
            "{mode:o}: {said:?}"
        );
    }
}

#[test]
fn running_as_root_causes_a_warning_if_other_machines_can_connect() {
    let site = Site::small();
    let is_root = rustix::process::geteuid().is_root();
    for (listen, is_for_others) in [
        ("0.0.0.0:8080", true),
        ("[::]:8080", true),
        ("192.0.2.1:8080", true),
        ("127.0.0.1:8080", false),
        ("127.9.9.9:8080", false),
        ("[::1]:8080", false),
        ("unix:/run/millpond.sock", false),
    ] {
        let launch = Launch::bare().arg(site.root());
        let said = check(launch.args(["--listen", listen]));
        let warned = said.iter().any(|line| line.contains("running as root"));
        assert_eq!(warned, is_root && is_for_others, "{listen}: {said:?}");
    }
    assert!(
        check(Launch::bare().arg(site.root())).is_empty(),
        "the default"
    );
    let others = ["--listen", "0.0.0.0:8080"];
    if is_root {
        let launch = Launch::bare().arg(site.root()).args(others);
        let said = check(launch.args(["--user", "65534:65534"]));
        assert!(said.is_empty(), "{said:?}");
    }
    let said = check(Launch::unprivileged(&site.root()).args(others));
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn warnings_respect_the_log_level() {
    let site = Site::small();
    site.file(".env", "");
    assert!(check(Launch::of(site.root()).env("RUST_LOG", "error")).is_empty());
}

#[test]
fn a_warning_names_a_redirect_that_the_site_redirects_back() {
    let site = Site::small();
    site.directory("docs");
    let settings = site.outside("millpond.toml");
    for (from, to, arguments, concerns) in [
        ("/docs/", "/docs", &[][..], 1),
        ("/else/", "/else", &[], 0),
        ("/about", "/about.html", &[], 0),
        ("/about", "/about.html", &["--clean-urls"], 1),
    ] {
        let text = format!("[[redirect]]\nfrom = '{from}'\nto = '{to}'\n");
        fs::write(&settings, text).expect("a file can be written");
        let launch = Launch::of(site.root()).arg("--config").arg(&settings);
        let said = check(launch.args(arguments));
        let named = said.iter().filter(|it| it.contains("redirect 1 leads to"));
        assert_eq!(
            (named.count(), said.len()),
            (concerns, concerns),
            "{said:?}"
        );
    }
}

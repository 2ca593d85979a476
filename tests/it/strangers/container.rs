//! The container image: built by Docker from the Dockerfile like a user would, and run with no
//! privileges.

mod compose;
mod docker;

use crate::support::{Site, poll_until, skipped};
use docker::{Container, Image, ROOT, StandIn, docker, run, try_docker, turn};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

/// The base image of the Dockerfile.
const BUILDER: &str = "rust:1.95-slim-bookworm";
const IMAGE: &str = "millpond-test";
const OWN_IMAGE: &str = "millpond-test-own";
/// The options of a cautious user.
const LOCKED_DOWN: &[&str] = &[
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
];

#[test]
fn the_image_is_small_serves_anywhere_writes_nowhere_and_stops_at_once() {
    if let Err(reason) = try_docker(&["version"]) {
        // Even a test machine may lack Docker, because many run in a container themselves.
        return skipped(&format!(
            "the image is neither built nor run, without Docker: {reason}"
        ));
    }
    let _turn = turn();
    let Some(_builder) = StandIn::provide(BUILDER, "builder") else {
        return;
    };
    // The first stage gets its own name, so that it can be removed.
    let _stage = Image::build("millpond-test-build", &["--target=build"]);
    let image = Image::build(IMAGE, &[]);
    has_the_expected_size_user_and_labels(&image);
    holds_nothing_that_its_user_could_change(&image);
    serves_a_whole_site_and_stops_at_once(&image);
    knows_whether_it_is_well(&image);
    is_unhealthy_without_a_site_and_gives_advice(&image);
    adds_no_files_to_images_built_upon_it(&image);
    serves_a_mounted_site_as_it_changes(&image);
    follows_what_is_replaced_in_mounted_directories(&image);
    follows_a_site_that_is_built_again(&image);
    reports_what_a_system_call_filter_withholds(&image);
    compose::serves_the_site_beside_its_file(&image);
    compose::serves_and_is_replaced_without_losing_a_request(&image);
}

fn has_the_expected_size_user_and_labels(image: &Image) {
    let inspect = |what: &str| docker(&["image", "inspect", "--format", what, image.name]);
    let size: u64 = inspect("{{.Size}}").parse().expect("a size is a number");
    assert!(size <= 8 << 20, "the image has {size} bytes");
    assert_eq!(inspect("{{.Config.User}}"), "65532:65532");
    assert_eq!(inspect("{{.Config.StopSignal}}"), "SIGTERM");
    assert_eq!(
        inspect("{{json .Config.ExposedPorts}}"),
        r#"{"8080/tcp":{}}"#
    );
    assert_eq!(
        inspect("{{len .RootFS.Layers}}"),
        "2",
        "the binary and the place for the site"
    );
    let label = |name: &str| inspect(&format!("{{{{index .Config.Labels {name:?}}}}}"));
    assert_eq!(
        label("org.opencontainers.image.title"),
        env!("CARGO_PKG_NAME")
    );
    assert_eq!(
        label("org.opencontainers.image.version"),
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        label("org.opencontainers.image.licenses"),
        env!("CARGO_PKG_LICENSE")
    );
    eprintln!("the image has {size} bytes");
}

fn holds_nothing_that_its_user_could_change(image: &Image) {
    let container = Container::run(image, &[]);
    let site = Site::new();
    let archive = site.outside("image.tar");
    let archive = archive.to_str().expect("a temporary path is text");
    docker(&["export", "--output", archive, &container.id]);
    let listing = run(Command::new("tar")
        .args(["--list", "--verbose", "--numeric-owner", "--file"])
        .arg(archive));
    let listing = listing.expect("tar lists what Docker exports");
    let ours: Vec<_> = listing
        .lines()
        .filter(|line| line.contains(" srv/") || line.ends_with(" millpond"))
        .collect();
    assert_eq!(
        ours.len(),
        2,
        "the binary and an empty directory are there:\n{listing}"
    );
    for line in ours {
        let others_write = line.as_bytes().get(8) == Some(&b'w');
        assert!(
            line.contains(" 0/0 ") && !others_write,
            "somebody but root can write to {line}"
        );
    }
    assert_eq!(container.get("/").status, 404);
    assert_eq!(
        docker(&["diff", &container.id]),
        "",
        "serving changes nothing"
    );
}

fn serves_a_whole_site_and_stops_at_once(image: &Image) {
    let mount = format!("--volume={ROOT}/static:/srv:ro");
    let container = Container::run(image, &[LOCKED_DOWN, &[&mount]].concat());
    for (target, file) in [("/", "static/index.html"), ("/pond.svg", "static/pond.svg")] {
        let content = fs::read(Path::new(ROOT).join(file)).expect("the site is there");
        assert_eq!(container.get(target).content, content, "{target}");
    }
    assert_eq!(container.get("/../etc/hosts").status, 404);
    assert_eq!(container.request("PUT", "/a.txt").status, 405);

    assert_eq!(
        container.stderr(),
        "",
        "there is nothing to say before the end"
    );
    let before = SystemTime::now();
    docker(&["stop", "--time=10", &container.id]);
    // Docker itself needs more time afterwards; this is the time when the first process had ended.
    let finished = container.inspect("{{.State.FinishedAt}}");
    let finished = run(Command::new("date").args(["--date", &finished, "+%s.%N"]));
    let finished: f64 = finished
        .expect("date reads Docker's")
        .parse()
        .expect("a number");
    let took = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(finished);
    let took = took.duration_since(before).expect("it ended on request");
    // Docker's own kill comes after ten seconds, as does the end of the drain timeout.
    assert!(
        took < Duration::from_secs(7),
        "the first process took {took:?} to stop"
    );
    assert_eq!(container.inspect("{{.State.ExitCode}}"), "0");
    eprintln!("the first process was gone {took:?} after `docker stop`");
}

fn knows_whether_it_is_well(image: &Image) {
    let site = Site::new();
    site.file("index.html", "index");
    let mount = format!("--volume={}:/srv:ro", site.root().display());
    let options = [LOCKED_DOWN, &["--health-interval=1s", &mount]].concat();
    let container = Container::run(image, &options);
    poll_until("a healthy container", || {
        (container.inspect("{{.State.Health.Status}}") == "healthy").then_some(())
    });
    // The variable directs the check to an address where nobody answers.
    let lost = ["exec", "--env=MILLPOND_LISTEN=127.0.0.1:1", &container.id];
    assert!(try_docker(&[&lost[..], &["/millpond", "--health"]].concat()).is_err());
}

fn is_unhealthy_without_a_site_and_gives_advice(image: &Image) {
    let options = ["--health-interval=1s", "--health-retries=1"];
    let container = Container::run(image, &[LOCKED_DOWN, &options].concat());
    await_unhealthy(&container);
    let said = container.stderr();
    assert!(said.contains("/srv is empty"), "{said}");
    assert!(said.contains("--volume \"$PWD/site:/srv:ro\""), "{said}");

    let site = Site::new();
    site.file("data.json", "{}");
    let mount = format!("--volume={}:/srv:ro", site.root().display());
    let container = Container::run(image, &[LOCKED_DOWN, &options, &[&mount]].concat());
    await_unhealthy(&container);
    let said = container.stderr();
    assert!(said.contains("no index file; add index.html"), "{said}");
    assert!(!said.contains("is empty"), "{said}");
    let listing = "--env=MILLPOND_LISTING=true";
    let options = [LOCKED_DOWN, &options, &[&mount, listing]].concat();
    let container = Container::run(image, &options);
    poll_until("a healthy container", || {
        (container.inspect("{{.State.Health.Status}}") == "healthy").then_some(())
    });
}

/// Waits for the state in `docker ps`; `docker inspect` has the output of the check.
fn await_unhealthy(container: &Container) {
    poll_until("an unhealthy container", || {
        (container.inspect("{{.State.Health.Status}}") == "unhealthy").then_some(())
    });
    let said = container.inspect("{{(index .State.Health.Log 0).Output}}");
    assert!(
        said.contains("answers 404: the site has no index file"),
        "{said}"
    );
}

/// As in docs/container.md.
fn adds_no_files_to_images_built_upon_it(image: &Image) {
    let site = Site::new();
    let context = site.path("context");
    site.file("context/site/data.json", "{}");
    let dockerfile = format!("FROM {}\nCOPY site /srv\n", image.name);
    site.file("context/Dockerfile", dockerfile);
    let context = context.to_str().expect("a temporary path is text");
    let own = Image::of(OWN_IMAGE, &[], context);
    let container = Container::run(&own, LOCKED_DOWN);
    assert_eq!(container.get("/data.json").content, b"{}");
    for target in ["/", "/index.html", "/pond.svg", "/favicon.ico"] {
        assert_eq!(container.get(target).status, 404, "{target}");
    }
}

fn serves_a_mounted_site_as_it_changes(image: &Image) {
    let site = Site::small();
    let mount = format!("--volume={}:/srv:ro", site.root().display());
    let container = Container::run(image, &[LOCKED_DOWN, &[&mount]].concat());
    assert_eq!(container.get("/a.txt").content, b"alpha\n");
    site.file("a.txt", "beta\n");
    assert_eq!(container.get("/a.txt").content, b"beta\n");
    site.replace("a.txt", "gamma\n");
    assert_eq!(container.get("/a.txt").content, b"gamma\n");
}

/// As in docs/container.md: a mount of the replaced directory itself would keep the old one.
fn follows_what_is_replaced_in_mounted_directories(image: &Image) {
    let site = Site::new();
    site.file("releases/1/a.txt", "one\n")
        .file("releases/2/a.txt", "two\n")
        .symlink("releases/current", "1")
        .file("etc/millpond.toml", "cache-control = \"max-age=1\"\n");
    let mount = |from: &str, to: &str| format!("--volume={}:{to}:ro", site.path(from).display());
    let options = [
        &mount("releases", "/sites"),
        &mount("etc", "/etc/millpond"),
        "--env=MILLPOND_ROOT=/sites/current",
        "--env=MILLPOND_CONFIG=/etc/millpond/millpond.toml",
    ];
    let container = Container::run(image, &[LOCKED_DOWN, &options].concat());
    assert_eq!(container.get("/a.txt").content, b"one\n");
    Site::swap_symlink(&site.path("releases/current"), "2");
    poll_until("the next release", || {
        (container.get("/a.txt").content == b"two\n").then_some(())
    });

    site.replace("etc/millpond.toml", "cache-control = \"max-age=2\"\n");
    docker(&["kill", "--signal=HUP", &container.id]);
    poll_until("the next settings", || {
        (container.get("/a.txt").field("Cache-Control") == Some("max-age=2")).then_some(())
    });
}

/// As in docs/container.md: with the parent directory mounted rather than the site's own.
fn follows_a_site_that_is_built_again(image: &Image) {
    let site = Site::new();
    site.file("dist/a.txt", "one\n");
    let mount = |from: &str, to: &str| format!("--volume={}:{to}:ro", site.path(from).display());
    let options = [&mount("", "/project"), "--env=MILLPOND_ROOT=/project/dist"];
    let above = Container::run(image, &[LOCKED_DOWN, &options].concat());
    let itself = Container::run(image, &[LOCKED_DOWN, &[&mount("dist", "/srv")]].concat());
    for container in [&above, &itself] {
        assert_eq!(container.get("/a.txt").content, b"one\n");
        assert_eq!(container.stderr(), "");
    }
    fs::remove_dir_all(site.path("dist")).expect("a directory can be removed");
    site.file("dist/a.txt", "two\n");
    assert_eq!(above.get("/a.txt").content, b"two\n");
    assert_eq!(itself.get("/a.txt").status, 503);
    let said = itself.stderr();
    assert!(
        said.contains("a mount of a directory that was removed"),
        "{said}"
    );
}

/// Engines that are older than a system call block it, and some machines have no IPv6.
fn reports_what_a_system_call_filter_withholds(image: &Image) {
    let site = Site::new();
    let filter = |what: &str| {
        let path = site.outside("filter.json");
        let rule = format!(r#"{{{what}, "action": "SCMP_ACT_ERRNO"}}"#);
        let rules = format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rule}]}}"#);
        fs::write(&path, rules).expect("a file can be written");
        format!("--security-opt=seccomp={}", path.display())
    };
    let refusal = |filter: &str| {
        let run = ["run", "--rm", "--env=MILLPOND_SANDBOX=require", filter];
        try_docker(&[&run, LOCKED_DOWN, &[image.name]].concat()).expect_err("it does not start")
    };
    let files = refusal(&filter(r#""names": ["openat2"]"#));
    assert!(files.contains("openat2 is missing"), "{files}");

    let no_landlock = filter(r#""names": ["landlock_create_ruleset"]"#);
    let sandbox = refusal(&no_landlock);
    assert!(sandbox.contains("a sandbox is required"), "{sandbox}");
    let container = Container::run(image, &[LOCKED_DOWN, &[&no_landlock]].concat());
    assert_eq!(container.get("/").status, 404, "and else it does without");
    let check = docker(&["exec", &container.id, "/millpond", "--check"]);
    assert!(check.contains("no sandbox: "), "{check}");
    drop(container);

    // AF_INET6 is 10, EAFNOSUPPORT 97.
    let family = r#"{"index": 0, "value": 10, "op": "SCMP_CMP_EQ"}"#;
    let no_ipv6 = filter(&format!(
        r#""names": ["socket"], "errnoRet": 97, "args": [{family}]"#
    ));
    let container = Container::run(image, &[LOCKED_DOWN, &[&no_ipv6]].concat());
    assert_eq!(container.get("/").status, 404);
    let said = container.stderr();
    assert!(said.contains("this machine has no IPv6"), "{said}");
}

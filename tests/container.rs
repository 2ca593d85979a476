//! The image: built by Docker from the Dockerfile as a user builds it, and run with nothing allowed.

mod support;

use std::{
    env, fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime},
};
use support::{Client, Response, Site, poll_until, unavailable};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The name that the Dockerfile builds from.
const BUILDER: &str = "rust:1.95-slim-bookworm";
const IMAGE: &str = "millpond-test";
/// What a cautious user runs any image with.
const LOCKED_DOWN: &[&str] = &[
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
];

#[test]
fn the_image_is_small_serves_anywhere_writes_nowhere_and_stops_at_once() {
    if let Err(reason) = try_docker(&["version"]) {
        // The one tool that even a machine for tests may lack: many run in a container themselves.
        return eprintln!("SKIPPED: the image is neither built nor run, without Docker: {reason}");
    }
    let _turn = turn();
    let Some(_builder) = Builder::provide() else {
        return;
    };
    // The first stage is built by a name of its own, so that it can be removed by that name.
    let _stage = Image::build("millpond-test-build", &["--target=build"]);
    let image = Image::build(IMAGE, &[]);
    says_what_it_is(&image);
    holds_nothing_that_its_user_could_change(&image);
    serves_its_own_site_and_stops_at_once(&image);
    knows_whether_it_is_well(&image);
    serves_a_mounted_site_as_it_changes(&image);
    says_what_a_filter_of_system_calls_withholds(&image);
}

fn says_what_it_is(image: &Image) {
    let inspect = |what: &str| docker(&["image", "inspect", "--format", what, image.name]);
    let size: u64 = inspect("{{.Size}}").parse().expect("a size is a number");
    assert!(size <= 5 << 20, "the image has {size} bytes");
    assert_eq!(inspect("{{.Config.User}}"), "65532:65532");
    assert_eq!(inspect("{{.Config.StopSignal}}"), "SIGTERM");
    assert_eq!(
        inspect("{{json .Config.ExposedPorts}}"),
        r#"{"8080/tcp":{}}"#
    );
    assert_eq!(
        inspect("{{len .RootFS.Layers}}"),
        "2",
        "the binary and the site"
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
    assert!(
        ours.len() > 5,
        "the binary and the site are there:\n{listing}"
    );
    for line in ours {
        let others_write = line.as_bytes().get(8) == Some(&b'w');
        assert!(
            line.contains(" 0/0 ") && !others_write,
            "somebody but root can write to {line}"
        );
    }
    container.get("/");
    assert_eq!(
        docker(&["diff", &container.id]),
        "",
        "serving changes nothing"
    );
}

fn serves_its_own_site_and_stops_at_once(image: &Image) {
    let container = Container::run(image, LOCKED_DOWN);
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
    // Docker itself takes its time afterwards; what counts is when the first process was gone.
    let finished = container.inspect("{{.State.FinishedAt}}");
    let finished = run(Command::new("date").args(["--date", &finished, "+%s.%N"]));
    let finished: f64 = finished
        .expect("date reads Docker's")
        .parse()
        .expect("a number");
    let took = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(finished);
    let took = took
        .duration_since(before)
        .expect("it ended after it was told to");
    assert!(
        took < Duration::from_secs(1),
        "the first process took {took:?} to stop"
    );
    assert_eq!(container.inspect("{{.State.ExitCode}}"), "0");
    eprintln!("the first process was gone {took:?} after `docker stop`");
}

fn knows_whether_it_is_well(image: &Image) {
    let container = Container::run(image, &[LOCKED_DOWN, &["--health-interval=1s"]].concat());
    poll_until("a healthy container", || {
        (container.inspect("{{.State.Health.Status}}") == "healthy").then_some(())
    });
    // A variable of its own sends the question to where nobody answers.
    let lost = ["exec", "--env=MILLPOND_LISTEN=127.0.0.1:1", &container.id];
    assert!(try_docker(&[&lost[..], &["/millpond", "--health"]].concat()).is_err());
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

/// Engines that are older than a system call refuse it.
fn says_what_a_filter_of_system_calls_withholds(image: &Image) {
    let site = Site::new();
    let filter = |calls: &str| {
        let path = site.outside("filter.json");
        let rule = format!(r#"{{"names": [{calls}], "action": "SCMP_ACT_ERRNO"}}"#);
        let rules = format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rule}]}}"#);
        fs::write(&path, rules).expect("a file can be written");
        format!("--security-opt=seccomp={}", path.display())
    };
    let refusal = |filter: &str| {
        let run = ["run", "--rm", "--env=MILLPOND_SANDBOX=require", filter];
        try_docker(&[&run, LOCKED_DOWN, &[image.name]].concat()).expect_err("it does not start")
    };
    let files = refusal(&filter(r#""openat2""#));
    assert!(files.contains("openat2 is missing"), "{files}");

    let no_landlock = filter(r#""landlock_create_ruleset""#);
    let sandbox = refusal(&no_landlock);
    assert!(sandbox.contains("a sandbox is required"), "{sandbox}");
    let container = Container::run(image, &[LOCKED_DOWN, &[&no_landlock]].concat());
    assert_eq!(container.get("/").status, 200, "and else it does without");
    let check = docker(&["exec", &container.id, "/millpond", "--check"]);
    assert!(check.contains("no sandbox: "), "{check}");
}

/// Waits until no other test on this machine uses the same names of images.
fn turn() -> fs::File {
    let path = env::temp_dir().join("millpond-container-test.lock");
    let file = fs::File::create(path).expect("a temporary file can be made");
    file.lock().expect("a file can be locked");
    file
}

/// A stand-in for the builder's image, where the real one has not been pulled; nothing is pulled
/// here. Removed after the test, lest anybody take it for the real one.
struct Builder {
    is_stand_in: bool,
}

impl Builder {
    fn provide() -> Option<Self> {
        let label = [
            "image",
            "inspect",
            "--format",
            "{{index .Config.Labels \"millpond.stand-in\"}}",
            BUILDER,
        ];
        match try_docker(&label).as_deref() {
            // Left behind by a test that was killed; the compiler may have changed since.
            Ok("true") => drop(Self { is_stand_in: true }),
            Ok(_) => return Some(Self { is_stand_in: false }),
            Err(_) => {}
        }
        let script = Path::new(ROOT).join("tests/container/builder");
        match run(Command::new(script).arg(BUILDER)) {
            Ok(_) => Some(Self { is_stand_in: true }),
            Err(reason) => {
                unavailable(&format!(
                    "an image to build in; `docker pull {BUILDER}` has one: {reason}"
                ));
                None
            }
        }
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        if self.is_stand_in {
            remove(&["image", "rm", "--force", BUILDER]);
            // What was built in it and has no name; all of it has its label.
            remove(&[
                "image",
                "prune",
                "--force",
                "--filter=label=millpond.stand-in",
            ]);
        }
    }
}

struct Image {
    name: &'static str,
}

impl Image {
    fn build(name: &'static str, options: &[&str]) -> Self {
        let start = Instant::now();
        docker(
            &[
                &["build", "--quiet", "--force-rm", "--tag", name],
                options,
                &[ROOT],
            ]
            .concat(),
        );
        eprintln!("{name} was built in {:?}", start.elapsed());
        Self { name }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        remove(&["image", "rm", "--force", self.name]);
    }
}

/// A running container, whose port is published to the loopback.
struct Container {
    id: String,
    address: SocketAddr,
}

impl Container {
    fn run(image: &Image, options: &[&str]) -> Self {
        let run = ["run", "--detach", "--publish=127.0.0.1::8080"];
        let id = docker(&[&run, options, &[image.name]].concat());
        let published = try_docker(&["port", &id, "8080/tcp"]).and_then(|address| {
            address
                .parse()
                .map_err(|error| format!("{error}: {address}"))
        });
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        // Removed by its destructor from here on, whatever goes wrong.
        let mut container = Self {
            id,
            address: unknown,
        };
        container.address = published.expect("Docker publishes the port");
        poll_until("a line with the address", || {
            docker(&["logs", &container.id])
                .contains("millpond serves /srv at ")
                .then_some(())
        });
        container
    }

    fn get(&self, target: &str) -> Response {
        self.request("GET", target)
    }

    fn request(&self, method: &str, target: &str) -> Response {
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
        Client::connect(self.address)
            .send(request)
            .response_to(method)
    }

    fn inspect(&self, what: &str) -> String {
        docker(&["container", "inspect", "--format", what, &self.id])
    }

    /// What the server wrote to its standard error.
    fn stderr(&self) -> String {
        let output = Command::new("docker")
            .args(["logs", &self.id])
            .output()
            .expect("Docker runs");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        remove(&["container", "rm", "--force", "--volumes", &self.id]);
    }
}

/// Runs Docker, which must succeed: what it prints.
#[track_caller]
fn docker(arguments: &[&str]) -> String {
    try_docker(arguments)
        .unwrap_or_else(|reason| panic!("docker {}: {reason}", arguments.join(" ")))
}

fn try_docker(arguments: &[&str]) -> Result<String, String> {
    run(Command::new("docker").args(arguments))
}

/// Tells of what could not be removed; a test that has failed must not fail again.
fn remove(arguments: &[&str]) {
    if let Err(reason) = try_docker(arguments) {
        eprintln!("docker {}: {reason}", arguments.join(" "));
    }
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(told(&output.stdout))
    } else {
        Err(format!(
            "{}\n{}",
            told(&output.stdout),
            told(&output.stderr)
        ))
    }
}

//! The files for Docker Compose, run by it: config/compose.yaml, one site, and
//! config/compose-replicas.yaml, replicas behind `HAProxy`, each in a container.

use super::docker::{Image, ROOT, StandIn, run};
use crate::strangers::programs::{present, tools};
use crate::support::{Load, Site, files_of_many_sizes, poll_until};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// The image in the file.
const PROXY: &str = "haproxy:2.6";

const REPLICAS: [&str; 3] = ["millpond-1", "millpond-2", "millpond-3"];

/// Makes Docker check soon. Otherwise, it would wait for half a minute before the first check.
const CHECK_SOON: &str = "services: { web: { healthcheck: { interval: 1s } } }";

/// Runs the file unchanged, in its own project, except for the name of the image, the port and the
/// time between two checks.
pub(crate) fn serves_the_site_beside_its_file(image: &Image) {
    let compose = Path::new(ROOT).join("target/strangers-venv/bin/docker-compose");
    let Some(compose) = present(compose, "run tests/strangers/setup for it") else {
        return;
    };
    let project = Site::new();
    project.file("site/index.html", "index of the project\n");
    let file = fs::read_to_string(Path::new(ROOT).join("config/compose.yaml")).unwrap();
    let file = file
        .replace("image: millpond", &format!("image: {}", image.name))
        .replace("127.0.0.1:8080:8080", "127.0.0.1::8080");
    project
        .file("compose.yaml", file)
        .file("compose.override.yaml", CHECK_SOON);
    let compose = |arguments: &[&str]| {
        let mut command = Command::new(&compose);
        // In this directory, it finds both files itself.
        command.arg("--project-directory").arg(project.root());
        command
            .arg("--project-name=millpond-test-site")
            .args(arguments);
        run(&mut command)
    };
    let up = compose(&["up", "--detach", "--wait", "--pull", "never"]);
    let asked = up
        .and_then(|_| compose(&["port", "web", "8080"]))
        .map(|address| {
            let address: SocketAddr = address.parse().expect("Docker publishes the port");
            let mut answer = String::new();
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
    // Compose waited until its health check had succeeded, which left no log line.
    let log = compose(&["logs"]).unwrap_or_else(|reason| reason);
    let down = compose(&["down", "--volumes", "--timeout", "5"]);
    assert!(
        asked.is_ok_and(|it| it.ends_with("index of the project\n")),
        "{log}"
    );
    assert_eq!(log.matches("\"GET / ").count(), 1, "{log}");
    down.expect("the container goes");
}

pub(crate) fn serves_and_is_replaced_without_losing_a_request(image: &Image) {
    let compose = Path::new(ROOT).join("target/strangers-venv/bin/docker-compose");
    let Some(compose) = present(compose, "run tests/strangers/setup for it") else {
        return;
    };
    if !tools(&["haproxy"]) {
        return;
    }
    let Some(_proxy) = StandIn::provide(PROXY, "proxy") else {
        return;
    };
    let files = files_of_many_sizes();
    let site = Site::small();
    for (target, content) in &files {
        site.file(target.trim_start_matches('/'), content);
    }
    let stack = Stack::up(compose, image, &site);
    let address = stack.address();
    let start = Instant::now();
    let load = Load::put_on(address, &files, |load| {
        for replica in REPLICAS {
            load.await_more(100);
            // As in docs/scale.md.
            stack.compose(&[
                "up",
                "--detach",
                "--wait",
                "--no-deps",
                "--force-recreate",
                replica,
            ]);
            stack.await_up(replica);
        }
        load.await_more(100);
    });
    let (sent, lost) = (load.sent(), load.lost());
    eprintln!(
        "{sent} requests sent and {} lost while each container was replaced, {:?}",
        lost.len(),
        start.elapsed()
    );
    assert!(
        lost.is_empty(),
        "were lost:\n{}\n{}",
        lost.join("\n"),
        stack.compose(&["logs"])
    );
}

/// A project of its own, which is removed after the test.
struct Stack {
    compose: PathBuf,
    image: &'static str,
    site: PathBuf,
    /// The address at which `HAProxy` reports the state of the replicas.
    status: SocketAddr,
}

impl Stack {
    fn up(compose: PathBuf, image: &Image, site: &Site) -> Self {
        // Free now, and probably for the next few seconds.
        let status = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let stack = Self {
            compose,
            image: image.name,
            site: site.root(),
            status: status.expect("a port is free"),
        };
        stack.compose(&["up", "--detach", "--wait", "--no-build", "--pull", "never"]);
        stack
    }

    #[track_caller]
    fn compose(&self, arguments: &[&str]) -> String {
        self.try_compose(arguments)
            .unwrap_or_else(|reason| panic!("docker compose {}: {reason}", arguments.join(" ")))
    }

    fn try_compose(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.compose);
        command
            .args(["--project-name=millpond-test", "--file"])
            .arg(Path::new(ROOT).join("config/compose-replicas.yaml"))
            .args(arguments)
            .env("IMAGE", self.image)
            .env("SITE", &self.site)
            .env("PUBLISH", "127.0.0.1:")
            .env("PUBLISH_STATUS", self.status.port().to_string());
        run(&mut command)
    }

    fn address(&self) -> SocketAddr {
        let address = self.compose(&["port", "haproxy", "8080"]);
        address.parse().expect("Docker publishes the port")
    }

    /// Waits until `HAProxy` uses a replica.
    fn await_up(&self, replica: &str) {
        poll_until("HAProxy to use the replica", || {
            let mut table = String::new();
            let mut stream = TcpStream::connect(self.status).ok()?;
            stream.write_all(b"GET /;csv HTTP/1.0\r\n\r\n").ok()?;
            stream.read_to_string(&mut table).ok()?;
            let mut lines = table.lines();
            let line = lines.find_map(|line| line.strip_prefix(&format!("millpond,{replica},")))?;
            line.contains(",UP,").then_some(())
        });
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Err(reason) = self.try_compose(&["down", "--volumes", "--timeout", "5"]) {
            eprintln!("the containers are still there: {reason}");
        }
    }
}

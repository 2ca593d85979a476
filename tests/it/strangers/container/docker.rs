//! Docker, its images and its containers, which are removed after the test.

use crate::support::{Client, Response, poll_until, unavailable};
use std::{env, fs, net::SocketAddr, path::Path, process::Command, time::Instant};

/// The root of the repository.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Waits until no other test on this machine uses the same image names.
pub(crate) fn turn() -> fs::File {
    let path = env::temp_dir().join("millpond-container-test.lock");
    let file = fs::File::create(path).expect("a temporary file can be made");
    file.lock().expect("a file can be locked");
    file
}

/// A substitute for an image that is not on this machine; the tests pull nothing. It is removed
/// after the test, so that nobody mistakes it for the real image.
pub(crate) struct StandIn {
    name: &'static str,
    /// `true` if it is a substitute.
    is_made: bool,
}

impl StandIn {
    /// Returns the real image if it is here, or else a substitute that a script beside this file
    /// makes from programs on this machine.
    pub(crate) fn provide(name: &'static str, script: &str) -> Option<Self> {
        let label = "{{index .Config.Labels \"millpond.stand-in\"}}";
        match try_docker(&["image", "inspect", "--format", label, name]).as_deref() {
            // Left behind by a test that was killed; its programs may have changed since.
            Ok("true") => drop(Self {
                name,
                is_made: true,
            }),
            Ok(_) => {
                return Some(Self {
                    name,
                    is_made: false,
                });
            }
            Err(_) => {}
        }
        let script = Path::new(ROOT).join("tests/container").join(script);
        match run(Command::new(script).arg(name)) {
            Ok(_) => Some(Self {
                name,
                is_made: true,
            }),
            Err(reason) => {
                let hint = format!("the image {name}; `docker pull {name}` has it: {reason}");
                unavailable(&hint);
                None
            }
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if self.is_made {
            remove(&["image", "rm", "--force", self.name]);
            // Unnamed images that were built from it also have its label.
            remove(&[
                "image",
                "prune",
                "--force",
                "--filter=label=millpond.stand-in",
            ]);
        }
    }
}

pub(crate) struct Image {
    pub(crate) name: &'static str,
}

impl Image {
    pub(crate) fn build(name: &'static str, options: &[&str]) -> Self {
        Self::of(name, options, ROOT)
    }

    /// Builds an image from the Dockerfile in a directory.
    pub(crate) fn of(name: &'static str, options: &[&str], context: &str) -> Self {
        let start = Instant::now();
        docker(
            &[
                &["build", "--quiet", "--force-rm", "--tag", name],
                options,
                &[context],
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

/// A running container with its port published on the loopback.
pub(crate) struct Container {
    pub(crate) id: String,
    address: SocketAddr,
}

impl Container {
    pub(crate) fn run(image: &Image, options: &[&str]) -> Self {
        let run = ["run", "--detach", "--publish=127.0.0.1::8080"];
        let id = docker(&[&run, options, &[image.name]].concat());
        let published = try_docker(&["port", &id, "8080/tcp"]).and_then(|address| {
            address
                .parse()
                .map_err(|error| format!("{error}: {address}"))
        });
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        // From here on, its destructor removes it, even after a panic.
        let mut container = Self {
            id,
            address: unknown,
        };
        container.address = published.expect("Docker publishes the port");
        poll_until("a line with the address", || {
            docker(&["logs", &container.id])
                .contains("millpond serves /")
                .then_some(())
        });
        container
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.request("GET", target)
    }

    pub(crate) fn request(&self, method: &str, target: &str) -> Response {
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
        Client::connect(self.address)
            .send(request)
            .response_to(method)
    }

    pub(crate) fn inspect(&self, what: &str) -> String {
        docker(&["container", "inspect", "--format", what, &self.id])
    }

    /// Returns the standard error of the server.
    pub(crate) fn stderr(&self) -> String {
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

/// Runs Docker, which must succeed, and returns its output.
#[track_caller]
pub(crate) fn docker(arguments: &[&str]) -> String {
    try_docker(arguments)
        .unwrap_or_else(|reason| panic!("docker {}: {reason}", arguments.join(" ")))
}

pub(crate) fn try_docker(arguments: &[&str]) -> Result<String, String> {
    run(Command::new("docker").args(arguments))
}

/// Reports objects that could not be removed. It does not panic, because the test may have failed
/// already.
pub(crate) fn remove(arguments: &[&str]) {
    if let Err(reason) = try_docker(arguments) {
        eprintln!("docker {}: {reason}", arguments.join(" "));
    }
}

pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!(
            "{}\n{}",
            text(&output.stdout),
            text(&output.stderr)
        ))
    }
}

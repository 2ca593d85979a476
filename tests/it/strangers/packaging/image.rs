//! The image that packaging/image writes, read like Docker and other tools read it.

use super::{VERSION, in_repository, output, text, tools};
use crate::support::Site;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// An unpacked image layout.
struct Layout(PathBuf);

impl Layout {
    fn unpack(archive: &Path, directory: PathBuf) -> Self {
        fs::create_dir(&directory).unwrap();
        let mut tar = Command::new("tar");
        output(tar.arg("-xf").arg(archive).arg("-C").arg(&directory));
        Self(directory)
    }

    fn read(&self, path: &str) -> Value {
        serde_json::from_slice(&fs::read(self.0.join(path)).unwrap()).unwrap()
    }

    /// Returns the path of a blob, which must match its descriptor.
    fn blob(&self, descriptor: &Value) -> String {
        let digest = descriptor["digest"].as_str().unwrap();
        let digest = digest.strip_prefix("sha256:").unwrap();
        let path = format!("blobs/sha256/{digest}");
        let content = fs::read(self.0.join(&path)).unwrap();
        let found = Sha256::digest(&content);
        let found: Vec<_> = found.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found.concat(), digest);
        assert_eq!(descriptor["size"], content.len());
        path
    }

    /// Returns the paths of the configuration and the layers, from the index.
    fn image(&self) -> (String, Vec<String>) {
        assert_eq!(self.read("oci-layout")["imageLayoutVersion"], "1.0.0");
        let manifest = self.read(&self.blob(&self.read("index.json")["manifests"][0]));
        let layers = manifest["layers"].as_array().unwrap().iter();
        (
            self.blob(&manifest["config"]),
            layers.map(|layer| self.blob(layer)).collect(),
        )
    }

    /// Returns tar's listing of a layer.
    fn listing(&self, layer: &str) -> String {
        let mut tar = Command::new("tar");
        tar.args(["--list", "--verbose", "--numeric-owner", "--gzip", "-f"]);
        String::from_utf8(output(tar.arg(self.0.join(layer))).stdout).unwrap()
    }
}

/// Writes the image twice, and checks that the bytes are the same.
fn image(site: &Site) -> PathBuf {
    let licences = site.outside("licences");
    fs::create_dir(&licences).unwrap();
    fs::write(licences.join("THIRD-PARTY-LICENCES.txt"), "texts\n").unwrap();
    // The content of the binary does not affect the packaging.
    let binary = site.outside("millpond");
    fs::write(&binary, "a program").unwrap();
    fs::set_permissions(&binary, Permissions::from_mode(0o755)).unwrap();
    let write = |name: &str| {
        let path = site.outside(name);
        let mut script = Command::new("python3");
        script
            .arg("packaging/image")
            .args(["--arch", "amd64", "--version", VERSION, "--binary"])
            .arg(&binary)
            .arg("--licences")
            .arg(&licences)
            .arg("--output")
            .arg(&path)
            .env("SOURCE_DATE_EPOCH", "1700000000");
        output(in_repository(&mut script));
        path
    };
    let first = write("first.tar");
    assert!(fs::read(&first).unwrap() == fs::read(write("second.tar")).unwrap());
    first
}

#[test]
fn the_image_is_one_that_docker_and_oci_read_and_the_same_each_time() {
    if !tools(&["python3", "tar"]) {
        return;
    }
    let site = Site::new();
    let layout = Layout::unpack(&image(&site), site.outside("layout"));
    let (config, layers) = layout.image();
    let for_docker = &layout.read("manifest.json")[0];
    assert_eq!(for_docker["Config"], config);
    assert_eq!(for_docker["Layers"], json!(layers));
    assert_eq!(for_docker["RepoTags"][0], format!("millpond:{VERSION}"));

    let listed: String = layers.iter().map(|layer| layout.listing(layer)).collect();
    for file in ["millpond", "srv/", "usr/share/doc/millpond/LICENSE-MIT"] {
        let found = listed
            .lines()
            .any(|line| line.ends_with(&format!(" {file}")));
        assert!(found, "{file}:\n{listed}");
    }
    for line in listed.lines() {
        let others_write = line.as_bytes().get(8) == Some(&b'w');
        assert!(line.contains(" 0/0 ") && !others_write, "{line}");
    }
}

#[test]
fn the_image_of_a_release_matches_the_dockerfile() {
    if !tools(&["python3", "tar"]) {
        return;
    }
    let site = Site::new();
    let layout = Layout::unpack(&image(&site), site.outside("layout"));
    let config = &layout.read(&layout.image().0)["config"];
    let dockerfile = text("Dockerfile");
    for (instruction, value) in [
        ("USER", &config["User"]),
        ("STOPSIGNAL", &config["StopSignal"]),
    ] {
        let line = format!("\n{instruction} {}\n", value.as_str().unwrap());
        assert!(dockerfile.contains(&line), "{line}");
    }
    let variables = config["Env"].as_array().unwrap();
    assert!(!variables.is_empty());
    for variable in variables {
        assert!(
            dockerfile.contains(variable.as_str().unwrap()),
            "{variable}"
        );
    }
    assert_eq!(config["Entrypoint"], json!(["/millpond"]));
    assert_eq!(config["ExposedPorts"], json!({"8080/tcp": {}}));
    assert_eq!(config["Healthcheck"]["Test"][0], "CMD");
    assert_eq!(config["Healthcheck"]["Test"][1], "/millpond");
    let labels = &config["Labels"];
    assert_eq!(labels["org.opencontainers.image.version"], VERSION);
    assert_eq!(
        labels["org.opencontainers.image.licenses"],
        env!("CARGO_PKG_LICENSE")
    );
}

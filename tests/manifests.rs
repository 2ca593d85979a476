//! What the project gives to those who run it in containers: valid to the last field by the schemas
//! that its readers publish, and of one mind with the server on its settings.

mod strangers;
mod support;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use strangers::{assert_misses_are_choices, beside, count, judge, present, program, python};
use support::{Launch, Site};

/// The oldest version that the manifests claim to be for, and the newest that there are schemas of.
const KUBERNETES: [&str; 2] = ["1.30", "1.37"];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap()
}

#[test]
fn the_manifests_of_kubernetes_keep_to_its_schemas_where_no_field_can_be_misspelt() {
    let Some(python) = python() else {
        return;
    };
    let site = Site::new();
    for version in KUBERNETES {
        let mut script = program(&python, &site.outside(""));
        script.arg(beside("manifests.py")).args([
            version,
            repository("config/kubernetes.yaml").to_str().unwrap(),
        ]);
        let judgements = judge(&mut script);
        assert_misses_are_choices(&judgements, &[]);
        // Without the misspelt ones there are some thirty.
        let oks = count(&judgements, "ok");
        assert!(oks > 200, "only {oks} cases were judged");
        eprintln!("Kubernetes {version}: {oks} cases are right");
    }
}

#[test]
fn docker_compose_takes_its_files_and_no_misspelt_field_in_them() {
    let compose = repository("target/strangers-venv/bin/docker-compose");
    let Some(compose) = present(compose, "run tests/strangers/setup for it") else {
        return;
    };
    let site = Site::new();
    let parse = |text: &str| {
        let file = site.outside("compose.yaml");
        fs::write(&file, text).unwrap();
        let mut command = program(&compose, &site.outside(""));
        command.arg("--file").arg(&file).args(["config", "--quiet"]);
        let output = command.output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    for (path, least) in [
        ("config/compose.yaml", 9),
        ("config/compose-replicas.yaml", 21),
    ] {
        let file = text(path);
        assert_eq!(parse(&file), "");
        let names = fields(&file);
        assert!(names.len() >= least, "{path}: {names:?}");
        for name in names {
            let misspelt = file.replacen(&format!("{name}:"), &format!("{name}x:"), 1);
            assert_ne!(parse(&misspelt), "", "{path}: {name} is misspelt");
        }
    }
}

#[test]
fn the_page_on_containers_begins_with_the_file_of_compose() {
    let page = text("docs/container.md");
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (shown, _) = rest.split_once("```").unwrap();
    assert_eq!(shown, text("config/compose.yaml"));
}

/// The names of fields in a file of Compose, but for those that are for users to give.
fn fields(file: &str) -> BTreeSet<&str> {
    let words = file.lines().filter(|line| !line.trim().starts_with('#'));
    let words = words.flat_map(|line| line.split([' ', '{', '"']));
    let names = words.filter_map(|word| word.strip_suffix(':'));
    let is_free = |name: &&str| {
        let first = name.chars().next().unwrap_or(' ');
        !first.is_lowercase()
            || name.starts_with("x-")
            || name.starts_with("max-")
            || name.starts_with("millpond-")
            || ["haproxy", "pond", "outside", "web"].contains(name)
    };
    names.filter(|name| !is_free(name)).collect()
}

#[test]
fn every_setting_that_these_files_make_is_known_and_right() {
    let site = Site::small();
    for (path, least) in [
        ("config/kubernetes.yaml", 3),
        ("config/compose.yaml", 1),
        ("config/compose-replicas.yaml", 3),
        ("Dockerfile", 2),
    ] {
        let file = text(path);
        let settings: Vec<_> = file.lines().filter_map(setting).collect();
        assert!(settings.len() >= least, "{path}: {settings:?}");
        let mut check = Launch::bare().arg(site.root()).arg("--check");
        let known = known_variables();
        for (name, value) in settings {
            assert!(known.contains(name), "{path} sets {name}");
            let mut value = value.to_owned();
            if name == "MILLPOND_ROOT" {
                value = site.root().to_str().unwrap().to_owned();
            }
            check = check.env(name, &value);
        }
        let mut process = check.spawn();
        assert!(process.wait().success(), "{path}: {}", process.end());
    }
}

#[test]
fn the_image_listens_on_the_port_that_a_platform_asks_for_or_on_that_it_exposes() {
    let site = Site::small();
    let file = text("Dockerfile");
    for (port, expected) in [(Some("9999"), "9999"), (None, "8080")] {
        let mut check = Launch::bare().arg(site.root()).arg("--check");
        let settings = file.lines().filter_map(setting);
        for (name, value) in settings.filter(|(name, _)| *name != "MILLPOND_ROOT") {
            check = check.env(name, value);
        }
        if let Some(port) = port {
            check = check.env("PORT", port);
        }
        let mut process = check.spawn();
        assert!(process.wait().success(), "{}", process.end());
        process.end();
        for address in ["0.0.0.0", "[::]"] {
            let line = format!(" at http://{address}:{expected}/\n");
            assert!(process.stdout().contains(&line), "{}", process.stdout());
        }
    }
    assert!(file.contains("\nEXPOSE 8080\n"));
}

#[test]
fn a_site_from_a_config_map_is_served_and_followed_when_the_kubelet_swaps_it() {
    // As the kubelet lays a ConfigMap out: names beginning with two dots are its own.
    let site = Site::new();
    site.file("..2026_01_01/index.html", "one")
        .file("..2026_01_02/index.html", "two")
        .symlink("..data", "..2026_01_01")
        .symlink("index.html", "..data/index.html");
    let server = Launch::of(site.root()).start();
    assert_eq!(server.get("/").text(), "one");
    Site::swap_symlink(&site.path("..data"), "..2026_01_02");
    fs::remove_dir_all(site.path("..2026_01_01")).unwrap();
    assert_eq!(server.get("/").text(), "two");
    assert_eq!(server.get("/..data/index.html").status, 404);
}

/// `MILLPOND_NAME=value`, `MILLPOND_NAME: value` or `{name: MILLPOND_NAME, value: value}`.
fn setting(line: &str) -> Option<(&str, &str)> {
    if line.trim().starts_with('#') {
        return None;
    }
    let (_, rest) = line.split_once("MILLPOND_")?;
    let end = rest.find(['=', ':', ','])?;
    let name = &line[line.len() - rest.len() - "MILLPOND_".len()..][..end + "MILLPOND_".len()];
    let value = rest[end + 1..].trim().trim_end_matches([' ', '\\', '}']);
    let value = value.trim_start_matches("value:").trim();
    Some((name, value.trim_matches('"')))
}

/// The variables of all options, from the file that has each of them at its default.
fn known_variables() -> BTreeSet<String> {
    let sample = text("config/millpond.toml");
    let names = sample.lines().filter_map(|line| line.split_once(" = "));
    let names = names.filter_map(|(name, _)| name.strip_prefix('#'));
    names
        .map(|name| format!("MILLPOND_{}", name.replace('-', "_").to_uppercase()))
        .collect()
}

#[test]
fn every_argument_in_the_image_and_the_unit_is_known_and_right() {
    let site = Site::small();
    // The instructions that have the program run with arguments have them as JSON has lists.
    let file = text("Dockerfile");
    let lists = file
        .lines()
        .filter_map(|line| line.split_once("[\"/millpond\", "));
    let lists: Vec<_> = lists.map(|(_, list)| list).collect();
    assert_eq!(lists, ["\"--health\"]"]);

    let unit = text("config/millpond.service");
    let lines = unit
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart="));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1);
    for line in lines {
        let mut check = Launch::bare().arg("--check").arg(site.root());
        for word in line.split_whitespace().skip(1) {
            // The settings that the page on systemd begins with are all at their defaults.
            let sample = repository("config/millpond.toml");
            let is_settings = word == "/etc/millpond/millpond.toml";
            check = check.arg(if is_settings {
                sample.as_path()
            } else {
                Path::new(word)
            });
        }
        let mut process = check.spawn();
        assert!(process.wait().success(), "{line}: {}", process.end());
    }
}

#[test]
fn the_image_and_the_files_agree_on_ports_users_and_versions() {
    let dockerfile = text("Dockerfile");
    let user = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix("USER 65532:65532"));
    assert!(user.is_some(), "the image has another user");
    let kubernetes = text("config/kubernetes.yaml");
    for line in [
        "runAsUser: 65532",
        "runAsGroup: 65532",
        "containerPort: 8080",
        "containerPort: 9090",
    ] {
        assert!(kubernetes.contains(line), "{line}");
    }
    let haproxy = text("config/haproxy.cfg");
    for replica in ["millpond-1", "millpond-2", "millpond-3"] {
        let server = format!("{replica}:8080}}\"");
        assert!(haproxy.contains(&server), "{server}");
        let service = format!("\n  {replica}: *replica\n");
        let replicas = text("config/compose-replicas.yaml");
        assert!(replicas.contains(&service), "{service}");
    }
    assert!(haproxy.contains("check port 9090"));
}

//! The files for running the server in containers agree with the server about its settings, and
//! with each other.

use crate::{output, repository, text};
use std::{collections::BTreeSet, env, process::Command};

/// Returns `millpond --check` of an existing site, without the tester's own environment.
fn check() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millpond"));
    for (name, _) in env::vars_os() {
        let is_read = name.as_encoded_bytes().starts_with(b"MILLPOND_");
        if is_read || name == "RUST_LOG" || name == "PORT" {
            command.env_remove(name);
        }
    }
    command.arg(repository("static")).arg("--check");
    command
}

#[test]
fn the_page_on_containers_begins_with_the_file_of_compose() {
    let page = text("docs/container.md");
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (shown, _) = rest.split_once("```").unwrap();
    assert_eq!(shown, text("config/compose.yaml"));
}

#[test]
fn every_setting_that_these_files_make_is_known_and_right() {
    for (path, least) in [
        ("config/kubernetes.yaml", 3),
        ("config/compose.yaml", 1),
        ("config/compose-replicas.yaml", 3),
        ("Dockerfile", 2),
    ] {
        let file = text(path);
        let settings: Vec<_> = file.lines().filter_map(setting).collect();
        assert!(settings.len() >= least, "{path}: {settings:?}");
        let mut check = check();
        let known = known_variables();
        for (name, value) in settings {
            assert!(known.contains(name), "{path} sets {name}");
            if name == "MILLPOND_ROOT" {
                check.env(name, repository("static"));
            } else {
                check.env(name, value);
            }
        }
        output(&mut check);
    }
}

#[test]
fn the_image_listens_on_the_port_that_a_platform_asks_for_or_on_that_it_exposes() {
    let file = text("Dockerfile");
    for (port, expected) in [(Some("9999"), "9999"), (None, "8080")] {
        let mut check = check();
        let settings = file.lines().filter_map(setting);
        for (name, value) in settings.filter(|(name, _)| *name != "MILLPOND_ROOT") {
            check.env(name, value);
        }
        if let Some(port) = port {
            check.env("PORT", port);
        }
        let stdout = String::from_utf8(output(&mut check).stdout).unwrap();
        for address in ["0.0.0.0", "[::]"] {
            let line = format!(" at http://{address}:{expected}/\n");
            assert!(stdout.contains(&line), "{stdout}");
        }
    }
    assert!(file.contains("\nEXPOSE 8080\n"));
}

/// Parses `MILLPOND_NAME=value`, `MILLPOND_NAME: value` or `{name: MILLPOND_NAME, value: value}`.
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

/// Returns the variables of all options, from the sample settings file.
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
    // Instructions that run the program with arguments write them as JSON lists.
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
        let mut check = check();
        for word in line.split_whitespace().skip(1) {
            // All settings that the page on systemd begins with have their defaults.
            let sample = repository("config/millpond.toml");
            let is_settings = word == "/etc/millpond/millpond.toml";
            check.arg(if is_settings {
                sample.as_os_str()
            } else {
                word.as_ref()
            });
        }
        output(&mut check);
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

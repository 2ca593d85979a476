//! The manifests for Kubernetes and Docker Compose: every field is valid according to the published
//! schemas.

use super::programs::{assert_misses_are_choices, beside, count, judge, present, program, python};
use crate::support::Site;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The oldest version that the manifests support, and the newest one with schemas.
const KUBERNETES: [&str; 2] = ["1.30", "1.37"];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
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
        // Without the deliberately misspelt ones there are about thirty.
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
        let file = fs::read_to_string(repository(path)).unwrap();
        assert_eq!(parse(&file), "");
        let names = fields(&file);
        assert!(names.len() >= least, "{path}: {names:?}");
        for name in names {
            let misspelt = file.replacen(&format!("{name}:"), &format!("{name}x:"), 1);
            assert_ne!(parse(&misspelt), "", "{path}: {name} is misspelt");
        }
    }
}

/// Returns the names of fields in a Compose file, except those that users define.
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

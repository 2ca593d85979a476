//! The workflows of GitHub Actions: pinned, of least permissions, and free of known mistakes.

use crate::{
    repository,
    strangers::{present, program},
    support::Site,
    text,
};
use std::{fs, path::PathBuf};

#[test]
fn each_workflow_pins_its_actions_and_grants_no_more_than_each_job_needs() {
    let mut pins = 0;
    for name in ["ci.yml", "release.yml"] {
        let workflow = text(&format!(".github/workflows/{name}"));
        // Nothing is granted but by a job.
        assert!(workflow.contains("\npermissions: {}\n"), "{name}");
        for line in workflow.lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            pins += 1;
            let (action, version) = action
                .split_once(" # v")
                .expect("a comment with the version");
            let (_, commit) = action.split_once('@').unwrap();
            assert!(
                commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{line}"
            );
            assert_eq!(version.split('.').count(), 3, "{line}");
            assert!(action.starts_with("actions/"), "{line}");
        }
        let checkouts = workflow.matches("actions/checkout@").count();
        assert_eq!(
            workflow.matches("persist-credentials: false").count(),
            checkouts,
            "{name}"
        );
    }
    assert_eq!(pins, 4);

    assert!(text(".github/workflows/ci.yml").contains("run: bash .ci/run\n"));
    let release = text(".github/workflows/release.yml");
    let (build, publish) = release.split_once("\n  publish:\n").unwrap();
    // What runs the project's code can write nothing; what can write runs none of it.
    assert!(!build.contains(": write"));
    assert!(
        !publish.contains("checkout")
            && !publish.contains("cargo")
            && !publish.contains("packaging/")
    );
    // The compiler that the image is built with is the release's.
    let builder = text("Dockerfile").lines().find_map(|line| {
        let builder = line.strip_prefix("FROM ")?.strip_suffix(" AS build")?;
        Some(format!("container: {builder}\n"))
    });
    let builder = builder.unwrap();
    assert!(build.contains(&builder) && text(".github/workflows/ci.yml").contains(&builder));
}

#[test]
fn actionlint_and_zizmor_find_nothing_wrong_with_the_workflows() {
    let site = Site::new();
    for (tool, arguments) in [
        ("actionlint", &[][..]),
        ("zizmor", &["--offline", "--no-progress"]),
    ] {
        let path = repository("target/strangers-venv/bin").join(tool);
        let Some(path) = present(path, "run tests/strangers/setup for it") else {
            continue;
        };
        let judge = |workflows: &[PathBuf]| {
            let mut command = program(&path, &site.outside(""));
            command.args(arguments).args(workflows).output().unwrap()
        };
        let workflows =
            ["ci.yml", "release.yml"].map(|name| repository(".github/workflows").join(name));
        let judgement = judge(&workflows);
        let said = [judgement.stdout, judgement.stderr].concat();
        assert!(
            judgement.status.success(),
            "{tool}:\n{}",
            String::from_utf8_lossy(&said)
        );
        // It can find something.
        let bad = site.outside("bad.yml");
        fs::write(
            &bad,
            text(".github/workflows/ci.yml")
                .replace("actions/checkout@", "actions/checkout@v5 #")
                .replace(
                    "runs-on: ubuntu-24.04",
                    "runs-on: ubuntu-24.04\n    needs: nothing",
                ),
        )
        .unwrap();
        assert!(
            !judge(&[bad]).status.success(),
            "{tool} finds nothing in a bad workflow"
        );
    }
}

//! The workflows of GitHub Actions: pinned, with minimal permissions, and free of known mistakes.

use crate::text;

#[test]
fn each_workflow_pins_its_actions_and_grants_no_more_than_each_job_needs() {
    let mut pins = 0;
    for name in ["ci.yml", "release.yml"] {
        let workflow = text(format!(".github/workflows/{name}"));
        // Permissions are granted only by jobs.
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
    // Jobs that run the project's code cannot write anything, and jobs that can write run none of
    // it.
    assert!(!build.contains(": write"));
    assert!(
        !publish.contains("checkout")
            && !publish.contains("cargo")
            && !publish.contains("packaging/")
    );
    // The image is built with the compiler of the release.
    let builder = text("Dockerfile").lines().find_map(|line| {
        let builder = line.strip_prefix("FROM ")?.strip_suffix(" AS build")?;
        Some(format!("container: {builder}\n"))
    });
    let builder = builder.unwrap();
    assert!(build.contains(&builder) && text(".github/workflows/ci.yml").contains(&builder));
}

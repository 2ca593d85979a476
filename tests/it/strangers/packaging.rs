//! The scripts and workflows in `packaging/`, `.ci/` and `.github/`, checked by the programs that
//! run or lint them.

mod contents;
mod image;

use super::programs::{present, program, tools};
use crate::support::Site;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const TARGET: &str = "x86_64-unknown-linux-gnu";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    let path = repository(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn in_repository(command: &mut Command) -> &mut Command {
    command
        .current_dir(repository(""))
        .env("PYTHONDONTWRITEBYTECODE", "1")
}

fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    output
}

#[test]
fn every_script_is_one_that_its_shell_reads_and_lints() {
    if !tools(&["bash", "dash", "python3"]) {
        return;
    }
    let mut scripts = 0;
    for directory in ["packaging", "packaging/debian", ".ci"] {
        for entry in fs::read_dir(repository(directory)).unwrap() {
            let path = entry.unwrap().path();
            let Some(first) = fs::read(&path).ok().and_then(|content| {
                let line = content.split(|byte| *byte == b'\n').next()?;
                String::from_utf8(line.to_vec()).ok()
            }) else {
                continue;
            };
            let mut check = match first.as_str() {
                "#!/usr/bin/env bash" => Command::new("bash"),
                "#!/bin/sh" => Command::new("dash"),
                "#!/usr/bin/env python3" => {
                    let mut python = Command::new("python3");
                    python.args(["-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())"]);
                    output(python.arg(&path));
                    scripts += 1;
                    continue;
                }
                _ => continue,
            };
            output(check.arg("-n").arg(&path));
            scripts += 1;
        }
    }
    assert!(scripts >= 9, "only {scripts} scripts were found");
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
        // Proof that it finds problems.
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

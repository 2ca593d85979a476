//! The pages, packages and manifests of this repository: they agree with the program and with each
//! other. This is a separate crate, because the package on crates.io leaves it out, together with
//! many of the files that these tests read.

mod commands;
mod docs;
mod guide;
mod manifests;
mod packaging;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Returns a path in the repository.
fn repository(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Returns the text of a file in the repository.
fn text(path: impl AsRef<Path>) -> String {
    let path = repository(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the output of a command, which must succeed.
fn output(command: &mut Command) -> Output {
    let output = command.current_dir(repository("")).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    output
}

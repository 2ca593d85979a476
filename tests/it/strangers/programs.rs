//! Other programs: finding them, running them, and checking their results against the promises of
//! the server.
//!
//! `setup` beside this file installs programs from `PyPI`. If a tool is missing, its test is
//! skipped with a message.

use super::visit;

use crate::support::{Process, unavailable};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

pub(crate) use visit::{Visit, assert_same};

/// One line in the output of a judge.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) case: String,
    pub(crate) verdict: String,
    pub(crate) seen: String,
}

/// A deliberate difference: the case, in which `*` matches anything, and its reason.
pub(crate) type Choice = (&'static str, &'static str);

/// Returns the path of a script or data file beside this file.
pub(crate) fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/strangers")
        .join(name)
}

/// Returns the Python that the judges are installed for.
pub(crate) fn python() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/strangers-venv/bin/python");
    present(path, "run tests/strangers/setup for it")
}

/// Returns the file that `setup` has downloaded whose name has this prefix.
pub(crate) fn downloaded(prefix: &str) -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/strangers");
    let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
    let found = entries.map(|entry| entry.path()).find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    });
    present(
        found.unwrap_or_else(|| directory.join(prefix)),
        "run tests/strangers/setup for it",
    )
}

/// Returns a path that belongs to a system package, if it exists.
pub(crate) fn present(path: PathBuf, hint: &str) -> Option<PathBuf> {
    let exists = path.exists();
    if !exists {
        unavailable(&format!("{}: {hint}", path.display()));
    }
    exists.then_some(path)
}

/// Returns `true` if all of these programs exist.
pub(crate) fn tools(names: &[&str]) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let missing = names
        .iter()
        .find(|name| !env::split_paths(&path).any(|place| place.join(name).exists()));
    if let Some(name) = missing {
        unavailable(&format!("the program {name}"));
    }
    missing.is_none()
}

/// Returns the directory of HTML documentation in the Rust toolchain.
pub(crate) fn rust_documentation() -> Option<PathBuf> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .ok()?;
    let sysroot = String::from_utf8(output.stdout).ok()?;
    let path = Path::new(sysroot.trim()).join("share/doc/rust/html");
    present(path, "`rustup component add rust-docs` brings it")
}

/// Prepares a program without the tester's own settings: no proxy, no `.curlrc`, no pip.conf.
pub(crate) fn program(name: impl AsRef<Path>, home: &Path) -> Command {
    let mut command = Command::new(name.as_ref());
    let path = env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("LC_ALL", "C")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(home);
    command
}

/// Splits a command line that needs no quoting.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_ascii_whitespace()
}

/// Runs a program, which must succeed, and returns its standard output.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    run_for(PROGRAM_PATIENCE, command)
}

/// The time that a program may take for much more than one file, on a busy machine.
pub(crate) const PROGRAM_PATIENCE: Duration = Duration::from_mins(3);

/// Runs a program like [`run`], with another time limit.
#[track_caller]
pub(crate) fn run_for(patience: Duration, command: &mut Command) -> String {
    let (status, process) = try_run_for(patience, command);
    assert!(
        status.success(),
        "{command:?} ends with {status}\n{}",
        outputs(&process)
    );
    process.stdout()
}

/// Runs a program, which may fail.
#[track_caller]
pub(crate) fn try_run_for(patience: Duration, command: &mut Command) -> (ExitStatus, Process) {
    let deadline = Instant::now() + patience;
    let mut process = Process::spawn(command);
    while process.is_running() {
        assert!(
            Instant::now() < deadline,
            "{command:?} hangs\n{}",
            outputs(&process)
        );
        thread::sleep(Duration::from_millis(10));
    }
    let status = process.wait();
    process.end();
    (status, process)
}

/// Runs a judge and parses its verdicts.
#[track_caller]
pub(crate) fn judge(command: &mut Command) -> Vec<Judgement> {
    run(command).lines().map(Judgement::parse).collect()
}

/// Requires that every difference is deliberate, and that every deliberate difference still exists.
#[track_caller]
pub(crate) fn assert_misses_are_choices(judgements: &[Judgement], choices: &[Choice]) {
    let misses = || {
        judgements
            .iter()
            .filter(|judgement| judgement.verdict == "miss")
    };
    let unexplained: Vec<_> = misses()
        .filter(|miss| !choices.iter().any(|choice| matches(choice.0, &miss.case)))
        .map(|miss| format!("{}: {}", miss.case, miss.seen))
        .collect();
    let outdated: Vec<_> = choices
        .iter()
        .map(|choice| choice.0)
        .filter(|pattern| !misses().any(|miss| matches(pattern, &miss.case)))
        .collect();
    assert!(
        unexplained.is_empty() && outdated.is_empty(),
        "misses without a reason:\n{}\nreasons without a miss:\n{}",
        unexplained.join("\n"),
        outdated.join("\n"),
    );
}

/// Returns the number of judgements with a verdict.
pub(crate) fn count(judgements: &[Judgement], verdict: &str) -> usize {
    judgements
        .iter()
        .filter(|judgement| judgement.verdict == verdict)
        .count()
}

impl Judgement {
    #[track_caller]
    fn parse(line: &str) -> Self {
        let mut parts = line.split('\t').map(str::to_owned);
        let mut part = || {
            parts
                .next()
                .unwrap_or_else(|| panic!("not a verdict: {line}"))
        };
        Self {
            case: part(),
            verdict: part(),
            seen: part(),
        }
    }
}

fn matches(pattern: &str, case: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == case,
        Some((start, rest)) => case.strip_prefix(start).is_some_and(|case| {
            let mut ends = (0..=case.len()).filter_map(|at| case.get(at..));
            ends.any(|end| matches(rest, end))
        }),
    }
}

fn outputs(process: &Process) -> String {
    format!(
        "stdout:\n{}\nstderr:\n{}",
        process.stdout(),
        process.stderr()
    )
}

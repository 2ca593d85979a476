//! The command: finding the files, and the outcome.

use super::file::Problem;
use super::output::Output;
use super::tree::{Contents, Tree};
use super::work::{Task, Work};
use crate::http::coding::Coding;
use crate::http::media::is_compressible;
use crate::plan::Policy;
use crate::server::Options;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use std::{fmt, io, mem};

/// The outcome of the command.
#[derive(Debug, PartialEq, Eq)]
pub enum Precompressed {
    /// Every file that should be compressed is compressed.
    Complete,
    /// Files are missing or stale. The command has listed them.
    Incomplete,
    /// A signal with this number interrupted the command.
    Interrupted(u8),
}

/// The reason why the command cannot begin.
#[derive(Debug)]
pub enum NotPrecompressed {
    /// The directory cannot be opened.
    Open(PathBuf, io::Error),
    /// Another process is compressing the directory.
    Busy(PathBuf),
    /// Signals or threads are unavailable.
    System(io::Error),
}

/// Writes the precompressed files that are missing or stale.
pub fn precompress(options: &Options) -> Result<Precompressed, NotPrecompressed> {
    run(options, Task::Write)
}

/// Checks that the precompressed files exist and were made of their originals.
pub fn check_precompressed(options: &Options) -> Result<Precompressed, NotPrecompressed> {
    run(options, Task::Check)
}

/// Runs the command for each root of the settings.
fn run(options: &Options, task: Task) -> Result<Precompressed, NotPrecompressed> {
    let sites = options.sites.iter().map(|it| (&it.site.root, &it.policy));
    let single = options.sites.is_empty();
    let single = single.then_some((&options.site.root, &options.policy));
    let mut roots: Vec<(&PathBuf, Vec<&Policy>)> = Vec::new();
    for (root, policy) in single.into_iter().chain(sites) {
        match roots.iter_mut().find(|(known, _)| *known == root) {
            Some((_, policies)) => policies.push(policy),
            None => roots.push((root, vec![policy])),
        }
    }
    let mut outcome = Precompressed::Complete;
    for (root, policies) in roots {
        match run_in(root, &policies, task)? {
            Precompressed::Complete => {}
            Precompressed::Incomplete => outcome = Precompressed::Incomplete,
            interrupted @ Precompressed::Interrupted(_) => return Ok(interrupted),
        }
    }
    Ok(outcome)
}

/// Runs the command for the root of one or several sites.
fn run_in(
    root: &Path,
    policies: &[&Policy],
    task: Task,
) -> Result<Precompressed, NotPrecompressed> {
    let open = |error| NotPrecompressed::Open(root.to_owned(), error);
    let tree = Tree::open(root).map_err(open)?;
    if task == Task::Write && !tree.lock() {
        return Err(NotPrecompressed::Busy(root.to_owned()));
    }
    let contents = tree.contents();
    let left_over = left_over(&contents, policies);
    let Contents {
        mut files,
        unreadable,
        ..
    } = contents;
    files.retain(|path| is_compressed(path, policies));
    // Large files first, so that no thread begins one when the others have finished.
    files.sort_by_cached_key(|path| Reverse(tree.size(path)));
    let mut output = Output::new(root, files.len());
    for (path, error) in unreadable {
        let path = if path.is_empty() { b"." } else { &*path };
        output.problem(path, &Problem::Read(error));
    }
    let work = Arc::new(Work::new(tree, task, files));
    if let Some(signal) = follow(&work, &mut output).map_err(NotPrecompressed::System)? {
        output.clear();
        return Ok(Precompressed::Interrupted(signal));
    }
    if output.has_written() {
        // After a loss of power, a renamed file could otherwise be empty.
        if let Err(error) = work.sync() {
            output.problem(b".", &Problem::Sync(error));
        }
    }
    output.end(task, &left_over);
    Ok(if output.is_complete() {
        Precompressed::Complete
    } else {
        Precompressed::Incomplete
    })
}

/// Starts the threads and prints their results. Returns the signal that interrupted them, if one
/// did.
fn follow(work: &Arc<Work>, output: &mut Output<'_>) -> io::Result<Option<u8>> {
    let signal = Arc::new(AtomicUsize::new(0));
    for number in [SIGINT, SIGTERM] {
        let value = usize::try_from(number).unwrap_or_default();
        signal_hook::flag::register_usize(number, Arc::clone(&signal), value)?;
    }
    let done = work.begin()?;
    let mut is_over = false;
    while !is_over {
        match done.recv_timeout(LOOK_EVERY) {
            Ok((index, outcome)) => {
                output.show(work.path(index), &outcome);
                if matches!(&outcome, Err(problem) if problem.concerns_all()) {
                    work.halt();
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => is_over = true,
        }
        if let signal @ 1.. = signal.load(Ordering::Relaxed) {
            // The end of the process ends the threads. None of them is writing a file.
            work.halt();
            mem::forget(work.lock_writing());
            return Ok(Some(u8::try_from(signal).unwrap_or_default()));
        }
    }
    Ok(None)
}

/// Returns `true` if any site compresses files of this name.
fn is_compressed(path: &[u8], policies: &[&Policy]) -> bool {
    policies.iter().any(|policy| {
        let (content_type, coding) = policy.stored_as(path, path);
        coding.is_none() && is_compressible(&content_type)
    })
}

/// Returns the compressed forms whose originals are gone, but neither archives (`release.tar.gz`)
/// nor files for which a rule sets `Content-Encoding`.
fn left_over(contents: &Contents, policies: &[&Policy]) -> Vec<Vec<u8>> {
    let is_left_over = |(path, coding): &&(Vec<u8>, Coding)| {
        let original = path.strip_suffix(coding.extension().as_bytes());
        original.is_some_and(|original| {
            let is_there = |original: &[u8]| {
                let found = contents
                    .files
                    .binary_search_by(|path| path.as_slice().cmp(original));
                found.is_ok()
            };
            !is_there(original)
                && is_compressed(original, policies)
                && policies
                    .iter()
                    .all(|policy| policy.stored_as(path, path).1.is_none())
        })
    };
    let coded = contents.coded.iter().filter(is_left_over);
    coded.map(|(path, _)| path.clone()).collect()
}

impl fmt::Display for NotPrecompressed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(path, error) => write!(out, "cannot open {}: {error}", path.display()),
            Self::Busy(path) => write!(
                out,
                "cannot compress {}: another millpond is doing that. Wait until it has finished.",
                path.display()
            ),
            Self::System(error) => write!(out, "cannot begin: {error}"),
        }
    }
}

/// The interval at which signals are checked.
const LOOK_EVERY: Duration = Duration::from_millis(50);

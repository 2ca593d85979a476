//! The threads that compress or check the files, each one file at a time.

use super::file::{Form, Original, Problem};
use super::memory::Memory;
use super::tally::FileDone;
use super::tree::Tree;
use crate::http::coding::Coding;
use crate::site::codings::Encoder;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{io, thread};

/// The kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Write files that are missing or stale.
    Write,
    /// List files that are missing or stale.
    Check,
}

/// The work, shared by all threads.
#[derive(Debug)]
pub(super) struct Work {
    tree: Tree,
    task: Task,
    files: Vec<Vec<u8>>,
    memory: Memory,
    /// The index of the next file.
    next: AtomicUsize,
    /// `true` if the threads must stop: the disk is full, or a signal arrived.
    is_halted: AtomicBool,
    /// Locked while a file is written, which must not be interrupted.
    writing: Mutex<()>,
}

/// The index of a file, and its result.
pub(super) type Done = (usize, Result<FileDone, Problem>);

impl Work {
    pub(super) fn new(tree: Tree, task: Task, files: Vec<Vec<u8>>) -> Self {
        Self {
            tree,
            task,
            files,
            memory: Memory::new(MEMORY_BYTES),
            next: AtomicUsize::new(0),
            is_halted: AtomicBool::new(false),
            writing: Mutex::new(()),
        }
    }

    /// Starts as many threads as there are processors.
    pub(super) fn begin(self: &Arc<Self>) -> io::Result<Receiver<Done>> {
        let (sender, receiver) = mpsc::channel();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads.min(self.files.len()) {
            let (work, sender) = (Arc::clone(self), sender.clone());
            thread::Builder::new()
                .name("precompress".to_owned())
                .spawn(move || work.run(&sender))?;
        }
        Ok(receiver)
    }

    /// Stops the threads at their next step.
    pub(super) fn halt(&self) {
        self.is_halted.store(true, Ordering::Relaxed);
    }

    pub(super) fn path(&self, index: usize) -> &[u8] {
        self.files.get(index).map(Vec::as_slice).unwrap_or_default()
    }

    /// Waits until all written data is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.tree.sync()
    }

    fn run(&self, done: &Sender<Done>) {
        while self.should_continue() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.files.get(index) else {
                return;
            };
            let Some(outcome) = self.deal_with(path) else {
                return;
            };
            // The receiver is gone after a signal.
            if done.send((index, outcome)).is_err() {
                return;
            }
        }
    }

    fn should_continue(&self) -> bool {
        !self.is_halted.load(Ordering::Relaxed)
    }

    /// Compresses or checks one file. Returns `None` if the threads must stop.
    fn deal_with(&self, path: &[u8]) -> Option<Result<FileDone, Problem>> {
        let mut done = FileDone::default();
        let original = match Original::read(&self.tree, path, &self.memory) {
            Ok(Some(original)) => original,
            Ok(None) => {
                done.is_left_out = true;
                return Some(Ok(done));
            }
            Err(problem) => return Some(Err(problem)),
        };
        done.sizes.before = original.length();
        let mut missing = Vec::new();
        for coding in Encoder::CODINGS.iter() {
            let form = match (original.form(&self.tree, coding), self.task) {
                (Ok(form), _) => form,
                (Err(error), Task::Check) => return Some(Err(Problem::ReadForm(coding, error))),
                // It is replaced like one of other content.
                (Err(_), Task::Write) => Form::OfOther,
            };
            match (form, self.task) {
                (Form::Current, _) => {}
                (Form::Missing, _) => missing.push(coding),
                (Form::OfOther, Task::Check) => done.lacking.push((coding, OF_OTHER)),
                (Form::Older(_), Task::Check) => done.lacking.push((coding, OLDER)),
                (Form::OfOther, Task::Write) => {
                    if let Err(problem) = self.make(&original, coding, &mut done)? {
                        return Some(Err(problem));
                    }
                }
                (Form::Older(form), Task::Write) => {
                    if let Err(problem) = original.renew(coding, &form) {
                        return Some(Err(problem));
                    }
                    done.renewed += 1;
                }
            }
        }
        if missing.is_empty() {
            return Some(Ok(done));
        }
        if !original.gains() {
            done.is_without_gain = true;
            return Some(Ok(done));
        }
        for coding in missing {
            if self.task == Task::Check {
                done.lacking.push((coding, MISSING));
            } else if let Err(problem) = self.make(&original, coding, &mut done)? {
                return Some(Err(problem));
            }
        }
        Some(Ok(done))
    }

    /// Makes and writes one compressed form. Returns `None` if the threads must stop.
    fn make(
        &self,
        original: &Original<'_>,
        coding: Coding,
        done: &mut FileDone,
    ) -> Option<Result<(), Problem>> {
        let coded = original.compress(coding, &|| self.should_continue())?;
        let _writing = self.lock_writing();
        if !self.should_continue() {
            return None;
        }
        if let Err(problem) = original.write(&self.tree, coding, &coded) {
            return Some(Err(problem));
        }
        if let Some(after) = done.sizes.after.get_mut(coding as usize) {
            *after = coded.len();
        }
        done.written.push(coding);
        Some(Ok(()))
    }

    /// Waits until no file is being written, and prevents further writes.
    pub(super) fn lock_writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory for the files that are compressed at the same time, besides that of the encoders. Only
/// few files are so large that they have to wait for others.
const MEMORY_BYTES: u64 = 1024 * 1024 * 1024;

const MISSING: &str = "missing";
const OF_OTHER: &str = "stale: it was made from other content";
const OLDER: &str = "stale: it is older than its original, so it is not served";

//! The state that the loops and the verifying thread share.

use super::fair_queue::{FairQueue, Full};
use super::remembered::Known;
use super::user_file::{UserFile, is_same};
use super::verification::{Job, Turn, Verification};
use crate::http::basic::Credentials;
use mio::Waker;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

/// The files, and the passwords to verify.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    has_work: Condvar,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) files: Vec<UserFile>,
    queue: FairQueue<Turn, Box<[u8]>, Job>,
    /// The queued and running verifications, so that no password is verified twice at once.
    under_way: HashMap<[u8; 32], Weak<Verification>>,
}

/// The result of looking up a password.
#[derive(Debug)]
pub(super) enum Look {
    Known(Known),
    Pending(Arc<Verification>),
    Full(Full),
}

/// A loop that asks for a password.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    pub(super) turn: Turn,
    pub(super) waker: &'a Arc<Waker>,
    pub(super) now: Instant,
}

impl Shared {
    pub(super) fn new(files: Vec<UserFile>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                files,
                queue: FairQueue::new(Turn::is_near),
                under_way: HashMap::new(),
            }),
            has_work: Condvar::new(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks up whether a value of `Authorization` is right for a file. `waited` is the
    /// verification that the request has waited for.
    pub(super) fn look(
        &self,
        path: &Path,
        value: &[u8],
        waited: Option<&Arc<Verification>>,
        asker: &Asker<'_>,
    ) -> Look {
        let mut state = self.lock();
        let State {
            files,
            queue,
            under_way,
        } = &mut *state;
        let Some(file) = files.iter_mut().find(|file| is_same(&file.path, path)) else {
            return Look::Known(Known::Wrong);
        };
        file.look(asker.now);
        let hash = blake3::keyed_hash(&file.key, value);
        if let Some(known) = file.remembered.recall(&hash, asker.now) {
            return Look::Known(known);
        }
        if let Some(waited) = waited.filter(|waited| waited.hash == hash) {
            return match waited.outcome() {
                Some(known) => Look::Known(known.clone()),
                None => Look::Pending(Arc::clone(waited)),
            };
        }
        if let Some(other) = under_way.get(hash.as_bytes()).and_then(Weak::upgrade) {
            other.wake_later(asker.waker);
            // It may have finished before it knew of this loop.
            if other.outcome().is_none() {
                return Look::Pending(other);
            }
        }
        let Some(Credentials { user, password }) = Credentials::parse(value) else {
            return Look::Known(Known::Wrong);
        };
        let verification = Verification::new(hash);
        verification.wake_later(asker.waker);
        let job = Job {
            verification: Arc::clone(&verification),
            users: Arc::clone(&file.users),
            key: file.key,
            user,
            password,
        };
        queue.retain(Job::is_awaited);
        if let Err(full) = queue.push(asker.turn, job.user.clone(), job) {
            return Look::Full(full);
        }
        under_way.retain(|_, verification| verification.strong_count() > 0);
        under_way.insert(*hash.as_bytes(), Arc::downgrade(&verification));
        drop(state);
        self.has_work.notify_one();
        Look::Pending(verification)
    }

    /// Waits for the next password to verify that a request waits for.
    fn next(&self) -> Job {
        let mut state = self.lock();
        loop {
            // Nobody else can begin to wait for a job that is dropped here: that takes the lock.
            while let Some(job) = state.queue.pop() {
                if job.is_awaited() {
                    return job;
                }
            }
            let waited = self.has_work.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Verifies passwords one by one.
    pub(super) fn verify_all(&self) -> ! {
        loop {
            let job = self.next();
            let known = job.run();
            let mut state = self.lock();
            let State {
                files, under_way, ..
            } = &mut *state;
            under_way.remove(job.verification.hash.as_bytes());
            if let Some(file) = files.iter_mut().find(|file| file.key == job.key) {
                file.remembered
                    .note(&job.verification.hash, &known, Instant::now());
            }
            drop(state);
            job.verification.finish(known);
        }
    }
}

//! Passwords: their files, a thread that verifies them, and the results.
//!
//! Verifying a password takes long by design. So it is done outside of the loops, by one thread for
//! all of them, and the result is remembered for a while. A request whose password is being
//! verified waits like one that waits for a job.

mod fair_queue;
mod guard;
mod remembered;
mod shared;
mod user_file;
mod verification;
mod verifier;

pub(crate) use guard::{Guard, Waiting};
pub(crate) use verifier::{LoadedFiles, Passwords, Verifier};

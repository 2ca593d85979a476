//! System calls that are refused to a server that listens already: a filter by seccomp.
//!
//! Landlock refuses TCP by `connect` and `bind`, but no way around them: UDP, Multipath TCP, TCP Fast
//! Open by `sendto`; and programs in files, but none in memory. All of these begin with a call that
//! answering requests does not take. So this is a list of what is refused, not of what is needed: a
//! library that calls for something new tomorrow is none the worse for it.

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::env::consts::ARCH;
use std::thread;

/// Why there is no filter.
pub use seccompiler::Error as FilterError;

/// Refuses the calls to the calling thread and those that it starts, for good.
pub fn refuse_calls() -> Result<(), FilterError> {
    seccompiler::apply_filter(&program()?)
}

/// Whether this machine can refuse them: tried by a thread that has nothing else to do.
pub(super) fn can_refuse_calls() -> bool {
    thread::spawn(|| refuse_calls().is_ok())
        .join()
        .unwrap_or(false)
}

fn program() -> Result<BpfProgram, FilterError> {
    // Without conditions: whatever the arguments are.
    let rules = REFUSED.map(|call| (call, Vec::new())).into();
    let refusal = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, ARCH.try_into()?)?;
    Ok(filter.try_into()?)
}

const REFUSED: [libc::c_long; 7] = [
    // Whatever a socket is for. Those that it was started with stay, and accept others.
    libc::SYS_socket,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    // It does all of that without a call that a filter would see.
    libc::SYS_io_uring_setup,
    libc::SYS_execve,
    libc::SYS_execveat,
];

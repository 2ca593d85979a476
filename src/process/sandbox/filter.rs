//! System calls that are refused to a server that listens already: a filter by seccomp.
//!
//! Landlock refuses TCP by `connect` and `bind`, but no way around them: UDP, Multipath TCP, TCP Fast
//! Open by `sendto`; and programs in files, but none in memory. All of these begin with a call that
//! answering requests does not take. So this is a list of what is refused, not of what is needed: a
//! library that calls for something new tomorrow is none the worse for it.

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::env::consts::ARCH;
use std::{io, thread};

/// Why there is no filter.
pub use seccompiler::Error as FilterError;

/// Refuses the calls to the calling thread and those that it starts, for good.
pub fn refuse_calls() -> Result<(), FilterError> {
    seccompiler::apply_filter(&program()?)
}

/// Whether this machine can refuse them: tried by a thread that has nothing else to do.
pub(crate) fn can_refuse_calls() -> io::Result<bool> {
    let attempt = thread::Builder::new().spawn(|| refuse_calls().is_ok())?;
    Ok(attempt.join().unwrap_or(false))
}

fn program() -> Result<BpfProgram, FilterError> {
    // Without conditions: whatever the arguments are.
    let rules = numbers().map(|number| (number, Vec::new())).collect();
    let refusal = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, ARCH.try_into()?)?;
    Ok(filter.try_into()?)
}

/// All numbers that the refused calls go by.
fn numbers() -> impl Iterator<Item = libc::c_long> {
    let with_bit = REFUSED.into_iter().chain(X32_ALONE);
    // Elsewhere no call has this bit, and to refuse it takes nothing away.
    let of_x32 = with_bit.map(|number| number | X32_BIT);
    REFUSED.into_iter().chain(of_x32)
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

/// What sets a call of x32 apart, an ABI that a kernel for x86-64 may have: to a filter, its
/// architecture is the same.
const X32_BIT: libc::c_long = 0x4000_0000;

/// Calls whose numbers in x32 are its own: `execve` and `execveat`. The others share theirs with
/// x86-64.
const X32_ALONE: [libc::c_long; 2] = [520, 545];

#[cfg(target_arch = "x86_64")]
#[cfg(test)]
mod tests {
    use super::*;
    use seccompiler::sock_filter;

    /// What the kernel would do with a call, by a reading of the program with as much of BPF as it
    /// has.
    fn verdict(program: &[sock_filter], architecture: u32, call: u32) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at].clone();
            at += 1;
            match u32::from(code) {
                // Of what is known of a call, its number comes first.
                LOAD if k == 0 => loaded = call,
                LOAD if k == 4 => loaded = architecture,
                JUMP => at += k as usize,
                JUMP_IF_EQUAL => at += usize::from(if loaded == k { jt } else { jf }),
                RETURN => return k,
                _ => panic!("instruction {code:#x} with {k:#x}"),
            }
        }
    }

    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const JUMP: u32 = libc::BPF_JMP | libc::BPF_JA;
    const JUMP_IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;

    #[test]
    fn calls_are_refused_by_their_numbers_in_x32_too() {
        let program = program().unwrap();
        let verdict = |call| verdict(&program, AUDIT_ARCH_X86_64, call);
        let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
        // socket, connect, bind, listen, execve, execveat and io_uring_setup by x86-64's numbers.
        for call in [41, 42, 49, 50, 59, 322, 425] {
            assert_eq!(verdict(call), refused, "{call}");
            assert_eq!(verdict(call | 0x4000_0000), refused, "{call} of x32");
        }
        for call in [520, 545] {
            assert_eq!(verdict(call | 0x4000_0000), refused, "{call} of x32");
        }
        // read, write, accept4, sendfile, openat2: what a server does.
        for call in [0, 1, 288, 40, 437] {
            assert_eq!(verdict(call), libc::SECCOMP_RET_ALLOW, "{call}");
        }
    }
}

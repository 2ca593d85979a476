//! The system call filter (seccomp): a running server makes the calls listed in `calls`, and no
//! others.
//!
//! Landlock refuses access to files, and TCP by `connect` and `bind`. It does not refuse the ways
//! around that, such as TCP Fast Open by `sendto`, datagrams or file attributes, nor the calls that
//! attacks on the kernel use. All of these need calls that a running server never makes.
//!
//! The kernel remembers which calls a filter allows with any arguments, and does not run the filter
//! for them. So the calls of most requests are either of that kind or `sendto`, which has the
//! fewest checks.

use super::calls::{Row, TABLE, Test};
use rustix::process::getpid;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::{io, thread};

/// The reason why the filter cannot be built or installed.
pub use seccompiler::Error as FilterError;

/// A system call filter for a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFilter {
    refusal: CallRefusal,
    process: u32,
    datagrams: Option<i32>,
    network: NetworkDescriptors,
    is_daemon: bool,
}

/// The descriptors of a server that is announced in the local network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkDescriptors {
    /// The socket of multicast DNS over IPv4.
    pub multicast_v4: Option<i32>,
    /// The socket of multicast DNS over IPv6.
    pub multicast_v6: Option<i32>,
    /// The socket on which the kernel reports changes of the network. Nothing is sent on it.
    pub changes: Option<i32>,
}

/// The kernel's reaction to a refused call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRefusal {
    /// The call fails with `EPERM`.
    Fails,
    /// The kernel ends the process (`SIGSYS`) and logs the call's number.
    Kills,
}

impl CallFilter {
    /// Creates a filter for this process.
    pub fn new(refusal: CallRefusal) -> Self {
        Self {
            refusal,
            process: getpid().as_raw_nonzero().get().cast_unsigned(),
            datagrams: None,
            network: NetworkDescriptors::default(),
            is_daemon: false,
        }
    }

    /// Sets the socket that sends datagrams. Calls that pass an address in memory, which a filter
    /// cannot read, are refused on this socket.
    #[must_use]
    pub fn without_addresses_for(mut self, datagrams: Option<i32>) -> Self {
        self.datagrams = datagrams;
        self
    }

    /// Allows the calls that announce the server in the local network with these descriptors.
    #[must_use]
    pub fn with_network(mut self, network: NetworkDescriptors) -> Self {
        self.network = network;
        self
    }

    /// Allows the calls by which a daemon leaves its terminal.
    #[must_use]
    pub fn for_a_daemon(mut self, is_daemon: bool) -> Self {
        self.is_daemon = is_daemon;
        self
    }

    /// Permanently filters the calls of the calling thread and of the threads that it starts.
    pub fn install(&self) -> Result<(), FilterError> {
        seccompiler::apply_filter(&self.program()?)
    }

    /// Filters the calls of all threads of the process and of those that they start, permanently.
    pub(crate) fn install_for_all_threads(&self) -> Result<(), FilterError> {
        seccompiler::apply_filter_all_threads(&self.program()?)
    }

    fn program(&self) -> Result<BpfProgram, FilterError> {
        let mut rules = BTreeMap::new();
        for row in TABLE {
            if let Some(row_rules) = self.rules(row)? {
                rules.extend(
                    row.calls
                        .iter()
                        .map(|(_, number)| (*number, row_rules.clone())),
                );
            }
        }
        let refusal = match self.refusal {
            CallRefusal::Fails => SeccompAction::Errno(libc::EPERM.cast_unsigned()),
            CallRefusal::Kills => SeccompAction::KillProcess,
        };
        let architecture = ARCH.try_into()?;
        let filter = SeccompFilter::new(rules, refusal, SeccompAction::Allow, architecture)?;
        Ok(filter.try_into()?)
    }

    /// Returns the rules for a row: an empty list if its calls are always allowed, `None` if they
    /// never are.
    fn rules(&self, row: &Row) -> Result<Option<Vec<SeccompRule>>, BackendError> {
        if row.uses.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let is_ours = |test: &Test| match test {
            Test::IsDaemon => self.is_daemon,
            Test::IsMulticastV4(_) => self.network.multicast_v4.is_some(),
            Test::IsMulticastV6(_) => self.network.multicast_v6.is_some(),
            _ => true,
        };
        let uses = row.uses.iter().filter(|tests| tests.iter().all(is_ours));
        let rules = uses.map(|tests| {
            let conditions: Result<Vec<_>, _> = tests
                .iter()
                .flat_map(|test| self.conditions(*test))
                .collect();
            SeccompRule::new(conditions?)
        });
        let rules: Vec<_> = rules.collect::<Result<_, _>>()?;
        Ok(Some(rules).filter(|rules| !rules.is_empty()))
    }

    fn conditions(&self, test: Test) -> Vec<Result<SeccompCondition, BackendError>> {
        use SeccompCmpArgLen::{Dword, Qword};
        use SeccompCmpOp::{Eq, Gt, Le, MaskedEq, Ne};
        let condition = |argument, length, operator, value: u32| {
            SeccompCondition::new(argument, length, operator, value.into())
        };
        let is_descriptor = |argument, descriptor: Option<i32>| {
            let descriptor = descriptor.map(i32::cast_unsigned);
            let is_it = descriptor.map(|it| condition(argument, Dword, Eq, it));
            is_it.into_iter().collect()
        };
        match test {
            Test::Is(argument, value) => vec![condition(argument, Dword, Eq, value)],
            Test::IsNull(argument) => vec![condition(argument, Qword, Eq, 0)],
            Test::HasOnly(argument, bits) => {
                vec![condition(argument, Dword, MaskedEq((!bits).into()), 0)]
            }
            Test::HasNone(argument, bits) => {
                vec![condition(argument, Dword, MaskedEq(bits.into()), 0)]
            }
            Test::IsSelf(argument) => vec![condition(argument, Dword, Eq, self.process)],
            Test::IsStandardStream(argument) => {
                vec![condition(argument, Dword, Le, STANDARD_STREAM_MAX)]
            }
            Test::IsStream(argument) => {
                let is_other = condition(argument, Dword, Gt, STANDARD_STREAM_MAX);
                let others = [self.datagrams, self.network.changes].into_iter().flatten();
                let is_none = others.map(|it| condition(argument, Dword, Ne, it.cast_unsigned()));
                std::iter::once(is_other).chain(is_none).collect()
            }
            Test::IsMulticastV4(argument) => is_descriptor(argument, self.network.multicast_v4),
            Test::IsMulticastV6(argument) => is_descriptor(argument, self.network.multicast_v6),
            Test::IsDaemon => Vec::new(),
        }
    }
}

/// Returns `true` if this machine can filter calls. A separate thread tries it, since the filter
/// cannot be removed.
pub(crate) fn can_filter_calls() -> io::Result<bool> {
    let filter = CallFilter::new(CallRefusal::Fails);
    let attempt = thread::Builder::new().spawn(move || filter.install().is_ok())?;
    Ok(attempt.join().unwrap_or(false))
}

/// The descriptor of standard error, the last of the standard streams.
const STANDARD_STREAM_MAX: u32 = 2;

#[cfg(target_arch = "x86_64")]
#[cfg(test)]
mod tests {
    use super::*;
    use seccompiler::sock_filter;

    /// Returns the kernel's verdict on a call, by interpreting the subset of BPF that the program
    /// uses.
    fn verdict(program: &[sock_filter], call: u32, arguments: [u64; 6]) -> u32 {
        let word = |at: u32| match at {
            0 => call,
            4 => AUDIT_ARCH_X86_64,
            _ => {
                let argument = arguments[(at as usize - 16) / 8];
                u32::try_from((argument >> (8 * (at % 8))) & 0xffff_ffff).unwrap()
            }
        };
        let (mut at, mut loaded) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at].clone();
            at += 1;
            let jump = |holds: bool| usize::from(if holds { jt } else { jf });
            match u32::from(code) {
                LOAD => loaded = word(k),
                AND => loaded &= k,
                JUMP => at += k as usize,
                JUMP_IF_EQUAL => at += jump(loaded == k),
                JUMP_IF_GREATER => at += jump(loaded > k),
                JUMP_IF_NOT_LESS => at += jump(loaded >= k),
                RETURN => return k,
                _ => panic!("instruction {code:#x} with {k:#x}"),
            }
        }
    }

    /// From linux/audit.h; libc does not define it.
    const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;

    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const AND: u32 = libc::BPF_ALU | libc::BPF_AND | libc::BPF_K;
    const JUMP: u32 = libc::BPF_JMP | libc::BPF_JA;
    const JUMP_IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const JUMP_IF_GREATER: u32 = libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K;
    const JUMP_IF_NOT_LESS: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

    const REFUSED: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
    const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;

    /// Returns a filter of process 77, whose descriptor 9 sends datagrams.
    fn filter() -> CallFilter {
        CallFilter {
            process: 77,
            ..CallFilter::new(CallRefusal::Fails).without_addresses_for(Some(9))
        }
    }

    #[test]
    fn unlisted_calls_and_all_x32_calls_are_refused() {
        let program = filter().program().unwrap();
        let numbers: Vec<_> = TABLE
            .iter()
            .flat_map(|row| row.calls)
            .map(|it| it.1)
            .collect();
        for call in 0..1024_u32 {
            let is_listed = numbers.contains(&call.into());
            let is_refused = verdict(&program, call, [0; 6]) == REFUSED;
            assert!(is_listed || is_refused, "{call}");
            let of_x32 = call | 0x4000_0000;
            assert_eq!(verdict(&program, of_x32, [0; 6]), REFUSED, "{call} of x32");
        }
    }

    #[test]
    fn a_call_of_another_architecture_ends_the_process() {
        let program = filter().program().unwrap();
        let [load, test, end, ..] = program.as_slice() else {
            panic!("a filter is longer");
        };
        assert_eq!((u32::from(load.code), load.k), (LOAD, 4));
        assert_eq!(
            (u32::from(test.code), test.k),
            (JUMP_IF_EQUAL, AUDIT_ARCH_X86_64)
        );
        assert_eq!(
            (u32::from(end.code), end.k),
            (RETURN, libc::SECCOMP_RET_KILL_PROCESS)
        );
        assert_eq!((test.jt, test.jf), (1, 0));
    }

    #[test]
    fn calls_are_allowed_depending_on_their_arguments() {
        let program = filter().program().unwrap();
        let daemon = filter().for_a_daemon(true).program().unwrap();
        let null = 0;
        let somewhere = 0x7f00_0000_0000;
        let minus_one = u64::MAX;
        for (number, arguments, by_any, by_daemon) in [
            // sendto: MSG_NOSIGNAL | MSG_MORE; with an address; with MSG_FASTOPEN.
            (44, [9, somewhere, 1, 0xc000, null, 0], true, true),
            (44, [11, somewhere, 1, 0x4000, somewhere, 16], false, false),
            (44, [11, somewhere, 1, 0x2000_4000, null, 0], false, false),
            // sendmsg: on a connection; on the service manager's socket, a standard stream; with
            // MSG_FASTOPEN.
            (46, [11, somewhere, 0x4000, 0, 0, 0], true, true),
            (46, [9, somewhere, 0x4000, 0, 0, 0], false, false),
            (
                46,
                [0x1_0000_0009, somewhere, 0x4000, 0, 0, 0],
                false,
                false,
            ),
            (46, [2, somewhere, 0x4000, 0, 0, 0], false, false),
            (46, [11, somewhere, 0x2000_0000, 0, 0, 0], false, false),
            // recvmsg on a connection.
            (47, [11, somewhere, 0x40, 0, 0, 0], false, false),
            // setsockopt: IP_ADD_MEMBERSHIP.
            (54, [11, 0, 35, somewhere, 12, 0], false, false),
            // setsockopt: SO_LINGER, TCP_NOTSENT_LOWAT; SO_BINDTODEVICE, TCP_ULP.
            (54, [11, 1, 13, somewhere, 8, 0], true, true),
            (54, [11, 6, 25, somewhere, 4, 0], true, true),
            (54, [11, 1, 25, somewhere, 4, 0], false, false),
            (54, [11, 6, 31, somewhere, 3, 0], false, false),
            // getsockopt: TCP_INFO; SO_PEERPIDFD.
            (55, [11, 6, 11, somewhere, somewhere, 0], true, true),
            (55, [11, 1, 77, somewhere, somewhere, 0], false, false),
            // fcntl: F_GETFL; F_SETFD with FD_CLOEXEC and without; F_SETOWN; F_DUPFD_CLOEXEC.
            (72, [11, 3, 0, 0, 0, 0], true, true),
            (72, [11, 2, 1, 0, 0, 0], true, true),
            (72, [11, 2, 0, 0, 0, 0], false, false),
            (72, [11, 8, 1, 0, 0, 0], false, false),
            (72, [1, 1030, 3, 0, 0, 0], false, true),
            (72, [9, 1030, 3, 0, 0, 0], false, false),
            // dup3.
            (292, [11, 1, 0, 0, 0, 0], false, true),
            (292, [9, 1, 0, 0, 0, 0], false, false),
            (292, [11, 12, 0, 0, 0, 0], false, false),
            // ioctl: TCGETS; TIOCSTI.
            (16, [1, 0x5401, somewhere, 0, 0, 0], true, true),
            (16, [1, 0x5412, somewhere, 0, 0, 0], false, false),
            // prlimit64: reading its own limit; that of another process; setting one.
            (302, [0, 7, null, somewhere, 0, 0], true, true),
            (302, [78, 7, null, somewhere, 0, 0], false, false),
            (302, [0, 7, somewhere, null, 0, 0], false, false),
            // mmap and mprotect: writable memory; executable memory.
            (9, [0, 4096, 3, 0x22, minus_one, 0], true, true),
            (9, [0, 4096, 7, 0x22, minus_one, 0], false, false),
            (10, [somewhere, 4096, 3, 0, 0, 0], true, true),
            (10, [somewhere, 4096, 5, 0, 0, 0], false, false),
            // futex: FUTEX_WAKE_PRIVATE; FUTEX_REQUEUE_PRIVATE.
            (202, [somewhere, 129, 1, 0, 0, 0], true, true),
            (202, [somewhere, 131, 1, 0, 0, 0], false, false),
            // prctl: PR_GET_AUXV; PR_SET_DUMPABLE.
            (157, [0x4155_5856, somewhere, 512, 0, 0, 0], true, true),
            (157, [4, 1, 0, 0, 0, 0], false, false),
            // tgkill: this process; another one.
            (234, [77, 77, 6, 0, 0, 0], true, true),
            (234, [78, 78, 6, 0, 0, 0], false, false),
        ] {
            for (program, is_allowed) in [(&program, by_any), (&daemon, by_daemon)] {
                let expected = if is_allowed { ALLOWED } else { REFUSED };
                let found = verdict(program, number, arguments);
                assert_eq!(found, expected, "{number} with {arguments:x?}");
            }
        }
    }

    #[test]
    fn who_is_announced_may_receive_and_join_by_the_sockets_for_it_and_no_others() {
        let network = NetworkDescriptors {
            multicast_v4: Some(20),
            multicast_v6: Some(21),
            changes: Some(22),
        };
        let program = filter().with_network(network).program().unwrap();
        let somewhere = 0x7f00_0000_0000;
        for (number, arguments, is_allowed) in [
            // recvmsg.
            (47, [20, somewhere, 0x40, 0, 0, 0], true),
            (47, [21, somewhere, 0x40, 0, 0, 0], true),
            (47, [22, somewhere, 0x40, 0, 0, 0], false),
            (47, [11, somewhere, 0x40, 0, 0, 0], false),
            // sendmsg.
            (46, [20, somewhere, 0x4040, 0, 0, 0], true),
            (46, [22, somewhere, 0x4040, 0, 0, 0], false),
            (46, [9, somewhere, 0x4040, 0, 0, 0], false),
            // sendto with an address.
            (44, [20, somewhere, 1, 0x4000, somewhere, 16], false),
            // setsockopt: IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP; IPV6_ADD_MEMBERSHIP,
            // IPV6_DROP_MEMBERSHIP; SO_DONTROUTE, IP_MULTICAST_TTL.
            (54, [20, 0, 35, somewhere, 12, 0], true),
            (54, [20, 0, 36, somewhere, 12, 0], true),
            (54, [11, 0, 35, somewhere, 12, 0], false),
            (54, [21, 41, 20, somewhere, 20, 0], true),
            (54, [21, 41, 21, somewhere, 20, 0], true),
            (54, [20, 41, 20, somewhere, 20, 0], false),
            (54, [20, 1, 5, somewhere, 4, 0], false),
            (54, [20, 0, 33, somewhere, 4, 0], false),
            (54, [21, 41, 16, somewhere, 4, 0], false),
            // socket, connect, bind.
            (41, [2, 2, 0, 0, 0, 0], false),
            (42, [20, somewhere, 16, 0, 0, 0], false),
            (49, [20, somewhere, 16, 0, 0, 0], false),
        ] {
            let expected = if is_allowed { ALLOWED } else { REFUSED };
            let found = verdict(&program, number, arguments);
            assert_eq!(found, expected, "{number} with {arguments:x?}");
        }
    }

    #[test]
    fn the_filter_does_not_run_for_the_calls_of_most_requests() {
        for (name, number) in [
            ("recvfrom", libc::SYS_recvfrom),
            ("epoll_wait", libc::SYS_epoll_wait),
            ("statx", libc::SYS_statx),
            ("sendfile", libc::SYS_sendfile),
            ("write", libc::SYS_write),
            ("accept4", libc::SYS_accept4),
            ("close", libc::SYS_close),
            ("epoll_ctl", libc::SYS_epoll_ctl),
        ] {
            let mut rows = TABLE.iter();
            let row = rows.find(|row| row.calls.contains(&(name, number)));
            assert!(row.expect(name).uses.is_empty(), "{name}");
        }
    }
}

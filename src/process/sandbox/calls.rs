//! The system calls that a running server makes, each with its limits and its reason. The same
//! table in docs/sandbox.md is generated from this one.
//!
//! A call that is not listed is refused, so the list is as short as possible. A call that could
//! reach something new (a socket, a program, a process, executable memory, file attributes) is
//! either left out or limited by its arguments. seccomp sees only numbers, not the memory that they
//! point to. Where that matters, the limit explains how it is handled.
//!
//! C libraries differ in the call that they make for the same purpose, and so do architectures.
//! Those newer than x86-64 have no `open`, `poll` or `unlink`, only the variants with a directory
//! descriptor or a signal mask.

use libc::c_long;

/// Calls that are allowed for the same reason.
pub(super) struct Row {
    /// The name and number of each call.
    pub(super) calls: &'static [(&'static str, c_long)],
    /// The accepted sets of arguments, of which one has to match; if empty, all arguments are
    /// allowed.
    pub(super) uses: &'static [Use],
    /// The same in words, for the page; empty if all arguments are allowed.
    #[cfg_attr(not(test), expect(dead_code, reason = "the page is made of it"))]
    pub(super) limit: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "the page is made of it"))]
    pub(super) reason: &'static str,
}

/// The conditions that the arguments of a call all have to meet.
pub(super) type Use = &'static [Test];

/// A condition for an argument, which is given by its position.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test {
    Is(u8, u32),
    /// It is a null pointer.
    IsNull(u8),
    /// It has no bits other than these.
    HasOnly(u8, u32),
    /// It has none of these bits.
    HasNone(u8, u32),
    /// It is the id of this process.
    IsSelf(u8),
    /// It is standard input, output or error.
    IsStandardStream(u8),
    /// It is a descriptor that sends no datagrams, or a socket of multicast DNS. It is none of
    /// these: a standard stream, which may be anything, the socket to the service manager, and the
    /// one that reports changes of the network.
    IsStream(u8),
    /// It is the socket of multicast DNS over IPv4, if there is one.
    IsMulticastV4(u8),
    /// It is the socket of multicast DNS over IPv6, if there is one.
    IsMulticastV6(u8),
    /// The process is about to leave its terminal.
    IsDaemon,
}

use Test::{
    HasNone, HasOnly, Is, IsDaemon, IsMulticastV4, IsMulticastV6, IsNull, IsSelf, IsStandardStream,
    IsStream,
};

/// Lists calls, each by its name and libc's constant for its number.
macro_rules! calls {
    ($($name:ident $number:ident),+) => {
        &[$((stringify!($name), libc::$number)),+]
    };
}

/// All allowed calls.
pub(super) const TABLE: &[Row] = &[
    row(calls![accept4 SYS_accept4], ANY, "", "takes a connection"),
    row(
        calls![recvfrom SYS_recvfrom],
        ANY,
        "",
        "receives from a connection; reads wake-ups that signals sent",
    ),
    row(
        calls![sendto SYS_sendto],
        &[&[IsNull(4), HasOnly(3, SEND_FLAGS)]],
        "no address; no flag but `MSG_NOSIGNAL`, `MSG_MORE`, `MSG_DONTWAIT`",
        "sends to a connection and to the service manager; wakes the loop after a signal",
    ),
    row(
        calls![sendmsg SYS_sendmsg],
        &[&[IsStream(0), HasOnly(2, SEND_FLAGS)]],
        "the same flags; not by descriptors 0 to 2, nor by the service manager's, nor by the one for changes of the network",
        "sends two buffers at once; hands the listening socket to the next server (`reuse-port`); multicast DNS",
    ),
    row(
        calls![recvmsg SYS_recvmsg],
        &[&[IsMulticastV4(0)], &[IsMulticastV6(0)]],
        "with `announce`, by the two sockets of multicast DNS",
        "receives from the local network, and on which interface",
    ),
    row(
        calls![sendfile SYS_sendfile],
        ANY,
        "",
        "sends a part of a file",
    ),
    row(
        calls![shutdown SYS_shutdown, close SYS_close],
        ANY,
        "",
        "ends a connection",
    ),
    row(
        calls![setsockopt SYS_setsockopt],
        &[
            &[
                Is(1, bits(libc::IPPROTO_TCP)),
                Is(2, bits(libc::TCP_NOTSENT_LOWAT)),
            ],
            &[Is(1, bits(libc::SOL_SOCKET)), Is(2, bits(libc::SO_LINGER))],
            &[
                IsMulticastV4(0),
                Is(1, bits(libc::IPPROTO_IP)),
                Is(2, bits(libc::IP_ADD_MEMBERSHIP)),
            ],
            &[
                IsMulticastV4(0),
                Is(1, bits(libc::IPPROTO_IP)),
                Is(2, bits(libc::IP_DROP_MEMBERSHIP)),
            ],
            &[
                IsMulticastV6(0),
                Is(1, bits(libc::IPPROTO_IPV6)),
                Is(2, bits(libc::IPV6_ADD_MEMBERSHIP)),
            ],
            &[
                IsMulticastV6(0),
                Is(1, bits(libc::IPPROTO_IPV6)),
                Is(2, bits(libc::IPV6_DROP_MEMBERSHIP)),
            ],
        ],
        "`TCP_NOTSENT_LOWAT`, `SO_LINGER`; with `announce`, `IP_ADD_MEMBERSHIP`, `IP_DROP_MEMBERSHIP` and those of IPv6 by the two sockets of multicast DNS",
        "how much of a large file may wait in the kernel; a reset in place of an end; interfaces that come and go",
    ),
    row(
        calls![getsockopt SYS_getsockopt],
        &[
            &[Is(1, bits(libc::IPPROTO_TCP)), Is(2, bits(libc::TCP_INFO))],
            &[Is(1, bits(libc::SOL_SOCKET)), Is(2, bits(libc::SO_MEMINFO))],
            &[
                Is(1, bits(libc::SOL_SOCKET)),
                Is(2, bits(libc::SO_PEERCRED)),
            ],
        ],
        "`TCP_INFO`, `SO_MEMINFO`, `SO_PEERCRED`",
        "what a slow client has acknowledged; which user asks for the listening socket",
    ),
    row(
        calls![epoll_pwait SYS_epoll_pwait, epoll_ctl SYS_epoll_ctl, ppoll SYS_ppoll],
        ANY,
        "",
        "waits until something is ready",
    ),
    #[cfg(target_arch = "x86_64")]
    row(
        calls![epoll_wait SYS_epoll_wait],
        ANY,
        "",
        "the same, by glibc",
    ),
    row(
        calls![openat2 SYS_openat2, statx SYS_statx, pread64 SYS_pread64, getdents64 SYS_getdents64],
        ANY,
        "",
        "opens, looks at and reads files and directories; Landlock says which",
    ),
    row(
        calls![openat SYS_openat, read SYS_read, fstat SYS_fstat, newfstatat SYS_newfstatat, lseek SYS_lseek],
        ANY,
        "",
        "reads the settings and opens the log again; reads `/metrics`' figures",
    ),
    row(
        calls![faccessat SYS_faccessat, faccessat2 SYS_faccessat2, readlinkat SYS_readlinkat, getcwd SYS_getcwd, chdir SYS_chdir],
        ANY,
        "",
        "resolves paths at a reload",
    ),
    #[cfg(target_arch = "x86_64")]
    row(
        calls![open SYS_open, stat SYS_stat, lstat SYS_lstat, readlink SYS_readlink],
        ANY,
        "",
        "the same, by a C library",
    ),
    row(
        calls![inotify_init1 SYS_inotify_init1, inotify_add_watch SYS_inotify_add_watch, inotify_rm_watch SYS_inotify_rm_watch],
        ANY,
        "",
        "whether the root was moved; which files change (`live`)",
    ),
    row(
        calls![fstatfs SYS_fstatfs],
        ANY,
        "",
        "whether a file system reports changes (`live`)",
    ),
    row(
        calls![write SYS_write],
        ANY,
        "",
        "the access log and standard error",
    ),
    row(
        calls![unlinkat SYS_unlinkat, ftruncate SYS_ftruncate],
        ANY,
        "",
        "removes the pid file and Unix sockets at the end; Landlock says which",
    ),
    #[cfg(target_arch = "x86_64")]
    row(
        calls![unlink SYS_unlink],
        ANY,
        "",
        "the same, by a C library",
    ),
    row(
        calls![fcntl SYS_fcntl],
        &[
            &[Is(1, bits(libc::F_GETFD))],
            &[Is(1, bits(libc::F_GETFL))],
            &[Is(1, bits(libc::F_SETFD)), Is(2, bits(libc::FD_CLOEXEC))],
            &[
                IsDaemon,
                Is(1, bits(libc::F_DUPFD_CLOEXEC)),
                IsStandardStream(0),
            ],
        ],
        "reads flags, sets `FD_CLOEXEC`; with `--daemon`, copies descriptors 0 to 2",
        "what a C library does after opening; a daemon leaves its terminal",
    ),
    #[cfg(target_arch = "x86_64")]
    row(
        calls![dup2 SYS_dup2],
        &[&[IsDaemon, IsStream(0), IsStandardStream(1)]],
        "with `--daemon`, onto descriptors 0 to 2",
        "a daemon leaves its terminal",
    ),
    row(
        calls![dup3 SYS_dup3],
        &[&[IsDaemon, IsStream(0), IsStandardStream(1)]],
        "with `--daemon`, onto descriptors 0 to 2",
        "a daemon leaves its terminal",
    ),
    row(
        calls![ioctl SYS_ioctl],
        &[&[Is(1, TCGETS)], &[Is(1, TCGETS2)], &[Is(1, TIOCGWINSZ)]],
        "`TCGETS`, `TCGETS2`, `TIOCGWINSZ`",
        "whether the log is a terminal, and how wide",
    ),
    row(
        calls![prlimit64 SYS_prlimit64],
        &[&[Is(0, 0), IsNull(2)]],
        "reads its own limits",
        "how many descriptors there may be",
    ),
    row(
        calls![brk SYS_brk, munmap SYS_munmap, mremap SYS_mremap, madvise SYS_madvise],
        ANY,
        "",
        "memory",
    ),
    row(
        calls![mmap SYS_mmap, mprotect SYS_mprotect],
        &[&[HasNone(2, bits(libc::PROT_EXEC))]],
        "no `PROT_EXEC`",
        "memory",
    ),
    row(
        calls![futex SYS_futex],
        &[
            &[Is(1, FUTEX_WAIT_PRIVATE)],
            &[Is(1, FUTEX_WAKE_PRIVATE)],
            &[Is(1, FUTEX_WAIT_BITSET_PRIVATE)],
        ],
        "waits and wakes within the process",
        "locks between threads; a worker that has nothing more to do",
    ),
    row(
        calls![sched_yield SYS_sched_yield],
        ANY,
        "",
        "lets another worker finish handing something over",
    ),
    row(
        calls![clock_gettime SYS_clock_gettime],
        ANY,
        "",
        "processor time; the time, where the kernel has no faster way",
    ),
    row(
        calls![getrandom SYS_getrandom],
        ANY,
        "",
        "keys of hash tables and of TLS",
    ),
    row(
        calls![prctl SYS_prctl],
        &[&[Is(0, PR_GET_AUXV)]],
        "`PR_GET_AUXV`",
        "where the kernel's clock is",
    ),
    row(
        calls![wait4 SYS_wait4],
        ANY,
        "",
        "reaps children, as process 1 and with `open`",
    ),
    row(
        calls![rt_sigreturn SYS_rt_sigreturn, restart_syscall SYS_restart_syscall],
        ANY,
        "",
        "continues after a signal",
    ),
    row(
        calls![rt_sigaction SYS_rt_sigaction, rt_sigprocmask SYS_rt_sigprocmask, sigaltstack SYS_sigaltstack, getpid SYS_getpid, gettid SYS_gettid],
        ANY,
        "",
        "ends the process with a signal after a crash",
    ),
    row(
        calls![tgkill SYS_tgkill, tkill SYS_tkill],
        &[&[IsSelf(0)]],
        "itself",
        "ends the process with a signal after a crash",
    ),
    row(
        calls![exit SYS_exit, exit_group SYS_exit_group],
        ANY,
        "",
        "ends",
    ),
];

const fn row(
    calls: &'static [(&'static str, c_long)],
    uses: &'static [Use],
    limit: &'static str,
    reason: &'static str,
) -> Row {
    Row {
        calls,
        uses,
        limit,
        reason,
    }
}

/// No condition: all arguments are allowed.
const ANY: &[Use] = &[];

/// None of these flags sets up a connection or passes an address, as `MSG_FASTOPEN` does.
const SEND_FLAGS: u32 = bits(libc::MSG_NOSIGNAL | libc::MSG_MORE | libc::MSG_DONTWAIT);

// From asm-generic/ioctls.h, which all supported architectures follow; libc defines them with
// different types.
const TCGETS: u32 = 0x5401;
const TIOCGWINSZ: u32 = 0x5413;
const TCGETS2: u32 = 0x802c_542a;

const FUTEX_WAIT_PRIVATE: u32 = bits(libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG);
const FUTEX_WAKE_PRIVATE: u32 = bits(libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG);
const FUTEX_WAIT_BITSET_PRIVATE: u32 = bits(libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG);

/// From linux/prctl.h; libc does not define it.
const PR_GET_AUXV: u32 = 0x4155_5856;

const fn bits(number: libc::c_int) -> u32 {
    number.cast_unsigned()
}

#[cfg(target_arch = "x86_64")]
#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::env;
    use std::fmt::Write;
    use std::fs;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sandbox.md");
    const HEAD: &str = "| call | allowed | for |\n| --- | --- | --- |\n";

    #[test]
    fn the_table_in_the_docs_matches() {
        let mut table = HEAD.to_owned();
        for row in TABLE {
            let names: Vec<_> = row
                .calls
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            let limit = if row.limit.is_empty() {
                "always"
            } else {
                row.limit
            };
            writeln!(table, "| {} | {limit} | {} |", names.join(", "), row.reason).unwrap();
        }
        let page = fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page
            .split_once(HEAD)
            .expect("the page has a table of calls");
        let (_, after) = rest.split_once("\n\n").expect("it ends");
        let expected = format!("{before}{table}\n{after}");
        if env::var_os("UPDATE").is_some() {
            fs::write(PAGE, expected).unwrap();
        } else {
            assert_eq!(
                page, expected,
                "UPDATE=1 cargo test --lib sandbox writes it"
            );
        }
    }

    #[test]
    fn every_call_is_listed_once_and_has_a_reason() {
        let mut numbers = HashSet::new();
        for row in TABLE {
            assert!(!row.reason.is_empty(), "{:?}", row.calls);
            assert_eq!(row.limit.is_empty(), row.uses.is_empty(), "{:?}", row.calls);
            for (name, number) in row.calls {
                assert!(numbers.insert(number), "{name}");
            }
        }
    }
}

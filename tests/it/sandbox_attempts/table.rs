//! The attempts: system calls of x86-64. If the kernel does not refuse one, its arguments make it
//! either succeed or return a specific error.

use Value::{Bytes, Datagrams, Notifier, Number, Other, Outside, Room, Text};

/// A system call.
pub(super) struct Attempt {
    /// The name on the page.
    pub(super) name: &'static str,
    pub(super) number: i64,
    pub(super) arguments: &'static [Value],
}

/// An argument of a system call.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Number(u64),
    /// The address of these bytes.
    Bytes(&'static [u8]),
    /// The address of a NUL-terminated text.
    Text(&'static str),
    /// The address of zeros, which may be read or overwritten.
    Room,
    /// The address of the path of a file that is not granted.
    Outside,
    /// The address of the address of a socket that receives datagrams.
    Datagrams,
    /// The descriptor of the socket to the service manager.
    Notifier,
    /// The id of another process.
    Other,
}

/// The attempts, grouped by purpose.
pub(super) const ATTEMPTS: &[(&str, &[Attempt])] = &[
    ("reach somebody else", REACH),
    ("change or find files that are not granted", FILES),
    ("slow, end, read or take over another process", PROCESSES),
    ("run a program, or code of one's own", PROGRAMS),
    ("break out by what kernels are attacked by", KERNEL),
];

const REACH: &[Attempt] = &[
    attempt("`socket`", 41, &[Number(2), Number(2), Number(0)]),
    attempt("`socketpair`", 53, &[Number(1), Number(2), Number(0), Room]),
    attempt(
        "`sendto` with an address",
        44,
        &[
            Notifier,
            Text("x"),
            Number(1),
            Number(0x40),
            Datagrams,
            Number(110),
        ],
    ),
    attempt(
        "`sendto` with `MSG_FASTOPEN`",
        44,
        &[
            Notifier,
            Text("x"),
            Number(1),
            Number(0x2000_0000),
            Number(0),
            Number(0),
        ],
    ),
    attempt(
        "`sendmsg` by a datagram socket",
        46,
        &[Notifier, Room, Number(0x4000)],
    ),
    attempt(
        "`sendmsg` with `MSG_FASTOPEN`",
        46,
        &[Number(900), Room, Number(0x2000_4000)],
    ),
    attempt(
        "`sendmmsg`",
        307,
        &[Number(900), Room, Number(1), Number(0)],
    ),
    attempt("`connect`", 42, &[Number(900), Datagrams, Number(110)]),
    attempt("`bind`", 49, &[Number(900), Datagrams, Number(110)]),
    attempt("`listen`", 50, &[Number(900), Number(8)]),
    attempt("`recvmsg`", 47, &[Number(900), Room, Number(0)]),
    attempt(
        "`setsockopt` with `SO_BINDTODEVICE`",
        54,
        &[Number(900), Number(1), Number(25), Text("lo"), Number(2)],
    ),
    attempt("`dup3`", 292, &[Notifier, Number(2), Number(0)]),
    attempt(
        "`fcntl` with `F_DUPFD_CLOEXEC`",
        72,
        &[Notifier, Number(1030), Number(0)],
    ),
];

const FILES: &[Attempt] = &[
    attempt(
        "`openat`",
        257,
        &[Number(AT_FDCWD), Text("/etc/passwd"), Number(0), Number(0)],
    ),
    attempt("`chmod`", 90, &[Outside, Number(0o600)]),
    attempt(
        "`fchmodat`",
        268,
        &[Number(AT_FDCWD), Outside, Number(0o600)],
    ),
    attempt("`fchmod`", 91, &[Number(900), Number(0o600)]),
    attempt("`chown`", 92, &[Outside, Number(1), Number(1)]),
    attempt(
        "`fchownat`",
        260,
        &[Number(AT_FDCWD), Outside, Number(1), Number(1), Number(0)],
    ),
    attempt(
        "`utimensat`",
        280,
        &[Number(AT_FDCWD), Outside, Number(0), Number(0)],
    ),
    attempt(
        "`setxattr`",
        188,
        &[Outside, Text("user.a"), Text("b"), Number(1), Number(0)],
    ),
    attempt("`removexattr`", 197, &[Outside, Text("user.a")]),
    attempt("`rename`", 82, &[Outside, Outside]),
    attempt("`symlink`", 88, &[Outside, Outside]),
    attempt("`mkdir`", 83, &[Outside, Number(0o700)]),
    attempt("`truncate`", 76, &[Outside, Number(0)]),
    attempt(
        "`open_by_handle_at`",
        304,
        &[Number(AT_FDCWD), Room, Number(0)],
    ),
    attempt(
        "`name_to_handle_at`",
        303,
        &[Number(AT_FDCWD), Outside, Room, Room, Number(0)],
    ),
    attempt("`fanotify_init`", 300, &[Number(0), Number(0)]),
];

const PROCESSES: &[Attempt] = &[
    attempt(
        "`prlimit64` of another process",
        302,
        &[Other, Number(0), Number(0), Room],
    ),
    attempt(
        "`prlimit64` to set a limit",
        302,
        &[Number(0), Number(4), Bytes(&[0; 16]), Number(0)],
    ),
    attempt("`setpriority`", 141, &[Number(0), Other, Number(19)]),
    attempt("`ioprio_set`", 251, &[Number(1), Other, Number(0)]),
    attempt(
        "`sched_setaffinity`",
        203,
        &[Other, Number(8), Bytes(&[1, 0, 0, 0, 0, 0, 0, 0])],
    ),
    attempt(
        "`sched_setscheduler`",
        144,
        &[Other, Number(0), Bytes(&[0; 4])],
    ),
    attempt("`sched_setparam`", 142, &[Other, Bytes(&[0; 4])]),
    attempt("`sched_setattr`", 314, &[Other, Bytes(&[48]), Number(0)]),
    attempt("`kill`", 62, &[Other, Number(0)]),
    attempt(
        "`tgkill` of another process",
        234,
        &[Other, Other, Number(0)],
    ),
    attempt("`tkill` of another process", 200, &[Other, Number(0)]),
    attempt(
        "`rt_sigqueueinfo`",
        129,
        // As in sigqueue(3): SI_QUEUE.
        &[
            Other,
            Number(0),
            Bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]),
        ],
    ),
    attempt("`pidfd_open`", 434, &[Other, Number(0)]),
    attempt(
        "`pidfd_send_signal`",
        424,
        &[Number(900), Number(0), Number(0), Number(0)],
    ),
    attempt("`pidfd_getfd`", 438, &[Number(900), Number(0), Number(0)]),
    attempt(
        "`process_vm_readv`",
        310,
        &[Other, Room, Number(0), Room, Number(0), Number(0)],
    ),
    attempt(
        "`process_vm_writev`",
        311,
        &[Other, Room, Number(0), Room, Number(0), Number(0)],
    ),
    attempt(
        "`process_madvise`",
        440,
        &[Number(900), Number(0), Number(0), Number(0), Number(0)],
    ),
    // PTRACE_DETACH of a process that is not traced.
    attempt("`ptrace`", 101, &[Number(17), Other, Number(0), Number(0)]),
    attempt(
        "`kcmp`",
        312,
        &[Other, Other, Number(0), Number(0), Number(0)],
    ),
    attempt(
        "`fcntl` with `F_SETOWN`",
        72,
        &[Number(900), Number(8), Other],
    ),
];

const PROGRAMS: &[Attempt] = &[
    attempt("`execve`", 59, &[Number(0), Number(0), Number(0)]),
    attempt("`memfd_create`", 319, &[Text("a"), Number(0)]),
    attempt(
        "`execveat`",
        322,
        &[Number(900), Text(""), Number(0), Number(0), Number(0x1000)],
    ),
    // Flags that are valid only together with others.
    attempt(
        "`clone`",
        56,
        &[
            Number(0x0001_0000),
            Number(0),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    // A size that is too small.
    attempt("`clone3`", 435, &[Room, Number(1)]),
    attempt(
        "`mmap` with `PROT_EXEC`",
        9,
        &[
            Number(0),
            Number(4096),
            Number(7),
            Number(0x22),
            Number(u64::MAX),
            Number(0),
        ],
    ),
    attempt(
        "`mprotect` with `PROT_EXEC`",
        10,
        &[Number(0), Number(4096), Number(5)],
    ),
    attempt(
        "`pkey_mprotect`",
        329,
        &[Number(0), Number(4096), Number(1), Number(0)],
    ),
    attempt("`personality`", 135, &[Number(0xffff_ffff)]),
];

const KERNEL: &[Attempt] = &[
    attempt("`unshare`", 272, &[Number(0)]),
    attempt("`setns`", 308, &[Number(900), Number(0)]),
    attempt(
        "`mount`",
        165,
        &[Number(0), Number(0), Number(0), Number(0), Number(0)],
    ),
    attempt("`umount2`", 166, &[Number(0), Number(0)]),
    attempt(
        "`move_mount`",
        429,
        &[Number(900), Number(0), Number(900), Number(0), Number(0)],
    ),
    attempt("`open_tree`", 428, &[Number(900), Number(0), Number(0)]),
    attempt("`fsopen`", 430, &[Text("tmpfs"), Number(0)]),
    attempt("`fsmount`", 432, &[Number(900), Number(0), Number(0)]),
    attempt(
        "`mount_setattr`",
        442,
        &[Number(900), Number(0), Number(0), Number(0), Number(0)],
    ),
    attempt("`pivot_root`", 155, &[Number(0), Number(0)]),
    attempt("`chroot`", 161, &[Text("/")]),
    attempt("`bpf`", 321, &[Number(0), Number(0), Number(0)]),
    attempt(
        "`perf_event_open`",
        298,
        &[Number(0), Number(0), Number(0), Number(900), Number(0)],
    ),
    attempt("`userfaultfd`", 323, &[Number(0)]),
    attempt(
        "`add_key`",
        248,
        &[Number(0), Number(0), Number(0), Number(0), Number(0)],
    ),
    attempt(
        "`request_key`",
        249,
        &[Number(0), Number(0), Number(0), Number(0)],
    ),
    attempt(
        "`keyctl`",
        250,
        &[Number(999), Number(0), Number(0), Number(0), Number(0)],
    ),
    attempt("`shmget`", 29, &[Number(0), Number(0), Number(0)]),
    attempt("`semget`", 64, &[Number(0x5eed_0001), Number(0), Number(0)]),
    attempt("`msgget`", 68, &[Number(0x5eed_0001), Number(0)]),
    attempt(
        "`mq_open`",
        240,
        &[Text("a"), Number(0), Number(0), Number(0)],
    ),
    attempt("`io_uring_setup`", 425, &[Number(1), Room]),
    attempt(
        "`io_uring_enter`",
        426,
        &[
            Number(900),
            Number(0),
            Number(0),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    attempt(
        "`io_uring_register`",
        427,
        &[Number(900), Number(0), Number(0), Number(0)],
    ),
    attempt(
        "`splice`",
        275,
        &[
            Number(900),
            Number(0),
            Number(900),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    attempt("`seccomp`", 317, &[Number(9), Number(0), Number(0)]),
    attempt(
        "`prctl`",
        157,
        &[Number(15), Number(0), Number(0), Number(0), Number(0)],
    ),
    attempt(
        "`ioctl` with `TIOCSTI`",
        16,
        &[Number(900), Number(0x5412), Text("x")],
    ),
    attempt("`finit_module`", 313, &[Number(900), Number(0), Number(0)]),
    attempt(
        "`kexec_load`",
        246,
        &[Number(0), Number(0), Number(0), Number(0xffff)],
    ),
    attempt("`setuid`", 105, &[Number(0)]),
    attempt(
        "`socket` by its number in x32",
        0x4000_0029,
        &[Number(2), Number(2), Number(0)],
    ),
];

const fn attempt(name: &'static str, number: i64, arguments: &'static [Value]) -> Attempt {
    Attempt {
        name,
        number,
        arguments,
    }
}

/// The working directory, as a descriptor.
const AT_FDCWD: u64 = (-100_i64).cast_unsigned();

//! A running process that is made to perform system calls chosen by a test, as injected code would:
//! by ptrace, from outside.

use super::process::poll_until;
use nix::{
    errno::Errno,
    libc::user_regs_struct,
    sys::{
        ptrace,
        signal::Signal,
        wait::{WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// A process that is stopped until it is released.
pub(crate) struct Tracee {
    pid: Pid,
    /// The original registers, to continue with.
    registers: user_regs_struct,
    /// The next free byte of the memory below its stack.
    free: u64,
    is_running: bool,
}

/// An argument of a system call.
pub(crate) enum Argument {
    Number(u64),
    /// The address of these bytes.
    Bytes(Vec<u8>),
}

/// The result of a system call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done(i64),
    Failed(Errno),
    /// The process has ended.
    Killed(Signal),
}

impl Tracee {
    /// Stops a process that waits in a system call. Returns `None` if this test lacks the
    /// privileges.
    pub(crate) fn attach(pid: rustix::process::Pid) -> Option<Self> {
        let pid = Pid::from_raw(pid.as_raw_nonzero().get());
        let registers = poll_until("a process that waits in a system call", || {
            if ptrace::attach(pid).is_err() {
                return Some(None);
            }
            let status = waitpid(pid, None).expect("it stops");
            assert!(
                matches!(status, WaitStatus::Stopped(_, Signal::SIGSTOP)),
                "{status:?}"
            );
            let registers = ptrace::getregs(pid).expect("registers");
            let before = registers.rip - SYSCALL.len() as u64;
            let word = ptrace::read(pid, before as ptrace::AddressType).expect("its code");
            if word.to_le_bytes().starts_with(&SYSCALL) {
                return Some(Some(registers));
            }
            // It has not begun to wait yet.
            ptrace::detach(pid, None).expect("it continues");
            None
        })?;
        Some(Self {
            pid,
            registers,
            // Beyond the red zone, which the interrupted function may use below the stack.
            free: (registers.rsp - 16 * 1024) & !15,
            is_running: true,
        })
    }

    /// Makes the process perform a system call.
    pub(crate) fn call(&mut self, number: i64, arguments: &[Argument]) -> Outcome {
        self.free = (self.registers.rsp - 16 * 1024) & !15;
        let mut values = [0; 6];
        for (value, argument) in values.iter_mut().zip(arguments) {
            *value = match argument {
                Argument::Number(number) => *number,
                Argument::Bytes(bytes) => self.place(bytes),
            };
        }
        let [rdi, rsi, rdx, r10, r8, r9] = values;
        let registers = user_regs_struct {
            rip: self.registers.rip - SYSCALL.len() as u64,
            rax: number.cast_unsigned(),
            // No system call is in progress that the kernel would have to restart.
            orig_rax: u64::MAX,
            rdi,
            rsi,
            rdx,
            r10,
            r8,
            r9,
            ..self.registers
        };
        ptrace::setregs(self.pid, registers).expect("registers can be set");
        ptrace::step(self.pid, None).expect("it continues");
        match waitpid(self.pid, None).expect("it stops") {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
            WaitStatus::Signaled(_, signal, _) => {
                self.is_running = false;
                return Outcome::Killed(signal);
            }
            other => panic!("{other:?}"),
        }
        let result = ptrace::getregs(self.pid).expect("registers").rax;
        let result = result.cast_signed();
        // The kernel uses these values only for errors.
        if (-4095..0).contains(&result) {
            Outcome::Failed(Errno::from_raw(i32::try_from(-result).expect("small")))
        } else {
            Outcome::Done(result)
        }
    }

    /// Writes bytes into the memory of the process. Returns their address.
    fn place(&mut self, bytes: &[u8]) -> u64 {
        let start = self.free;
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let word = i64::from_le_bytes(word);
            ptrace::write(self.pid, self.free as ptrace::AddressType, word).expect("its memory");
            self.free += 8;
        }
        self.free += 8;
        start
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        if self.is_running {
            // The call that it waited in is interrupted, which it can handle.
            let _ = ptrace::setregs(self.pid, self.registers);
            let _ = ptrace::detach(self.pid, None);
        }
    }
}

/// The syscall instruction, which the process has just executed.
const SYSCALL: [u8; 2] = [0x0f, 0x05];

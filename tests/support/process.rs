//! A child process whose output is collected while it runs, and that never outlives its test.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::Read,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long anything that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until there is an answer, which must come before patience ends.
#[track_caller]
pub(crate) fn poll_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain for {what}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

/// How much of standard output is read.
#[derive(Clone, Copy)]
pub(crate) enum Hearing {
    /// All, as it comes.
    All,
    /// The first line; then the reading end is closed.
    OneLine,
    /// As far as the first address; the rest when it is asked for.
    Address,
}

/// A running child.
pub(crate) struct Process {
    child: Child,
    stdout: Collector,
    stderr: Collector,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_and_hear(command, Hearing::All)
    }

    pub(crate) fn spawn_and_hear(command: &mut Command, hearing: Hearing) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
        let stdout = Collector::of(child.stdout.take().expect("stdout is piped"), hearing);
        let stderr = Collector::of(child.stderr.take().expect("stderr is piped"), Hearing::All);
        Self {
            child,
            stdout,
            stderr,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The id as the safe system calls want it.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process can be signalled");
    }

    /// Waits for the process to end by itself.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        poll_until("the process to end", || {
            self.child.try_wait().expect("a child can be awaited")
        })
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be awaited")
            .is_none()
    }

    /// Reads on what was left in standard output.
    pub(crate) fn hear_the_rest(&self) {
        self.stdout.resume();
    }

    /// What was read of standard output so far. The last of it may still be on its way here, unless
    /// the process was brought to its [end](Self::end).
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What was read of standard error so far, as of standard output.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until `find` finds what it looks for in standard output.
    #[track_caller]
    pub(crate) fn await_stdout<T>(&self, what: &str, find: impl FnMut(&str) -> Option<T>) -> T {
        self.stdout
            .wait(find)
            .unwrap_or_else(|| self.told_in_vain(what))
    }

    /// Waits until `find` finds what it looks for in standard error.
    #[track_caller]
    pub(crate) fn await_stderr<T>(&self, what: &str, find: impl FnMut(&str) -> Option<T>) -> T {
        self.stderr
            .wait(find)
            .unwrap_or_else(|| self.told_in_vain(what))
    }

    /// Ends the process, if it still runs, and gives all that it wrote to standard error.
    pub(crate) fn end(&mut self) -> String {
        // An error here means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.stdout.join();
        self.stderr.join();
        self.stderr()
    }

    #[track_caller]
    fn told_in_vain(&self, what: &str) -> ! {
        panic!(
            "no sign of {what}\nstdout:\n{}\nstderr:\n{}",
            self.stdout(),
            self.stderr()
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads a pipe in a thread, so that the child never waits for us.
struct Collector {
    shared: Arc<(Mutex<Collected>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
    wants_rest: bool,
}

impl Collector {
    fn of(mut pipe: impl Read + Send + 'static, hearing: Hearing) -> Self {
        let shared = Arc::new((Mutex::new(Collected::default()), Condvar::new()));
        let theirs = Arc::clone(&shared);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let count = pipe.read(&mut buffer).unwrap_or(0);
                let mut collected = locked(&theirs.0);
                collected.bytes.extend_from_slice(&buffer[..count]);
                collected.ended = count == 0
                    || matches!(hearing, Hearing::OneLine) && collected.bytes.contains(&b'\n');
                theirs.1.notify_all();
                while matches!(hearing, Hearing::Address)
                    && !collected.ended
                    && !collected.wants_rest
                    && has_address(&collected.bytes)
                {
                    let waited = theirs.1.wait(collected);
                    collected = waited.unwrap_or_else(PoisonError::into_inner);
                }
                if collected.ended {
                    return;
                }
            }
        });
        Self {
            shared,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&locked(&self.shared.0).bytes).into_owned()
    }

    fn wait<T>(&self, mut find: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut collected = locked(&self.shared.0);
        loop {
            if let Some(found) = find(&String::from_utf8_lossy(&collected.bytes)) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            if collected.ended {
                return None;
            }
            let waited = self.shared.1.wait_timeout(collected, left);
            collected = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn resume(&self) {
        locked(&self.shared.0).wants_rest = true;
        self.shared.1.notify_all();
    }

    fn join(&mut self) {
        self.resume();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn locked(collected: &Mutex<Collected>) -> MutexGuard<'_, Collected> {
    collected.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether there is an address with a line's end behind it.
fn has_address(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes)
        .split_once("http://")
        .is_some_and(|(_, rest)| rest.contains('\n'))
}

//! A child process whose output is collected while it runs, and which never outlives its test.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::Read,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The time limit for anything that must happen, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Polls until there is a result, which must come before the time limit. What takes long is asked for
/// less and less often.
#[track_caller]
pub(crate) fn poll_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} for {what}, without success"
        );
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// The part of standard output that is read.
#[derive(Clone, Copy)]
pub(crate) enum Hearing {
    /// All, as it arrives.
    All,
    /// The first line; then the reading end is closed.
    OneLine,
    /// The part up to the first address; the rest on request.
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

    /// Returns the id in the type of rustix.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process can be signalled");
    }

    /// Stops the process, and waits until it is stopped.
    #[track_caller]
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        let status = format!("/proc/{}/status", self.id());
        poll_until("the process to be stopped", || {
            let status = fs::read_to_string(&status).expect("the status of a process");
            status.contains("\nState:\tT").then_some(())
        });
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

    /// Reads the rest of standard output.
    pub(crate) fn hear_the_rest(&self) {
        self.stdout.resume();
    }

    /// Returns the standard output so far. The last part may be missing unless the process was
    /// brought to its [end](Self::end).
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Returns the standard error so far, with the same limitation.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until `find` returns a value for standard output.
    #[track_caller]
    pub(crate) fn await_stdout<T>(&self, what: &str, find: impl FnMut(&str) -> Option<T>) -> T {
        self.stdout
            .wait(find)
            .unwrap_or_else(|| self.give_up_on(what))
    }

    /// Waits until `find` returns a value for standard error.
    #[track_caller]
    pub(crate) fn await_stderr<T>(&self, what: &str, find: impl FnMut(&str) -> Option<T>) -> T {
        self.stderr
            .wait(find)
            .unwrap_or_else(|| self.give_up_on(what))
    }

    /// Ends the process, if it still runs, and returns everything that it wrote to standard error.
    pub(crate) fn end(&mut self) -> String {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.stdout.join();
        self.stderr.join();
        self.stderr()
    }

    #[track_caller]
    fn give_up_on(&self, what: &str) -> ! {
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

/// A thread that reads a pipe, so that the child never waits for us.
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

/// Returns `true` if the output has an address and the line end after it.
fn has_address(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes)
        .split_once("http://")
        .is_some_and(|(_, rest)| rest.contains('\n'))
}

//! The `DevTools` protocol: commands, results and events, as JSON over a pair of pipes.
//!
//! The browser reads our messages from its descriptor 3 and writes to 4; each message ends with a
//! NUL. So there is no port to find and no WebSocket, and the browser ends when our end of the pipe
//! closes.
//! <https://chromedevtools.github.io/devtools-protocol/>

use crate::support::PATIENCE;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Read, Write},
    process::{self, ChildStdin, Command, Stdio},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

/// A browser that several tests share.
pub(crate) struct Browser {
    commands: Mutex<ChildStdin>,
    next_id: AtomicU64,
    inbox: Mutex<Inbox>,
    arrived: Condvar,
}

/// Messages that have arrived and are not used yet.
#[derive(Default)]
struct Inbox {
    results: HashMap<u64, Value>,
    /// The events by session, in the order of arrival. They are kept, so that each can be inspected
    /// several times.
    events: HashMap<String, Vec<Event>>,
    has_ended: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) method: String,
    pub(crate) params: Value,
}

impl Browser {
    /// Starts Chromium with a fresh profile.
    pub(crate) fn start() -> &'static Self {
        let profile = env::temp_dir().join(format!("millpond-browser-{}", process::id()));
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(&profile)
            .args(ARGUMENTS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        let commands = child.stdin.take().expect("stdin is piped");
        let results = child.stdout.take().expect("stdout is piped");
        // It lives until all tests have ended.
        let browser: &'static Self = Box::leak(Box::new(Self {
            commands: Mutex::new(commands),
            next_id: AtomicU64::new(1),
            inbox: Mutex::default(),
            arrived: Condvar::new(),
        }));
        thread::spawn(move || {
            browser.collect(results);
            // Later calls fail with the message that it has ended.
            let _ = child.wait();
        });
        browser
    }

    /// Returns the result of a command, to the browser itself or within a session.
    #[track_caller]
    pub(crate) fn call(&self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.try_call(session, method, params)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Returns the result of a command, or the error that the browser answers with.
    #[track_caller]
    pub(crate) fn try_call(
        &self,
        session: Option<&str>,
        method: &str,
        params: &Value,
    ) -> Result<Value, Value> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut command = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            command["sessionId"] = json!(session);
        }
        let mut message = command.to_string().into_bytes();
        message.push(0);
        let written = locked(&self.commands).write_all(&message);
        written.expect("the browser reads");
        let answer = self.wait(&format!("the result of {method}"), |inbox| {
            inbox.results.remove(&id)
        });
        if answer["error"].is_null() {
            Ok(answer["result"].clone())
        } else {
            Err(answer["error"].clone())
        }
    }

    /// Waits for the first event of a session, starting at index `start`, for which `find` returns
    /// a value.
    #[track_caller]
    pub(crate) fn await_event<T>(
        &self,
        session: &str,
        what: &str,
        start: usize,
        find: impl Fn(&Event) -> Option<T>,
    ) -> T {
        self.wait(what, |inbox| {
            let events = inbox.events.get(session)?;
            events.iter().skip(start).find_map(&find)
        })
    }

    /// Returns all events of a session so far.
    pub(crate) fn events(&self, session: &str) -> Vec<Event> {
        let inbox = locked(&self.inbox);
        inbox.events.get(session).cloned().unwrap_or_default()
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, mut find: impl FnMut(&mut Inbox) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut inbox = locked(&self.inbox);
        loop {
            if let Some(found) = find(&mut inbox) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !inbox.has_ended && !left.is_zero(),
                "the browser gives no sign of {what}"
            );
            let waited = self.arrived.wait_timeout(inbox, left);
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sorts incoming messages into the inbox, until the end.
    fn collect(&self, results: impl Read) {
        let mut messages = BufReader::new(results).split(0);
        while let Some(Ok(bytes)) = messages.next() {
            let message: Value = serde_json::from_slice(&bytes).expect("the browser sends JSON");
            let mut inbox = locked(&self.inbox);
            if let Some(id) = message["id"].as_u64() {
                inbox.results.insert(id, message);
            } else {
                let session = message["sessionId"].as_str().unwrap_or_default();
                let event = Event {
                    method: message["method"].as_str().unwrap_or_default().to_owned(),
                    params: message["params"].clone(),
                };
                let events = inbox.events.entry(session.to_owned());
                events.or_default().push(event);
            }
            self.arrived.notify_all();
        }
        locked(&self.inbox).has_ended = true;
        self.arrived.notify_all();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first argument is the profile, which is removed when the browser has ended.
const SCRIPT: &str = "\
    profile=$1; shift; \
    chromium --user-data-dir=\"$profile\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null; \
    rm -rf \"$profile\"";

const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--remote-debugging-pipe",
    // Required for root, as in a container. All pages are our own.
    "--no-sandbox",
    // The browser must send requests only to the server.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    // Containers have little shared memory.
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
];

//! The `DevTools` protocol: commands and their results, and events, as JSON over a pair of pipes.
//!
//! The browser takes what we send from its descriptor 3 and answers to 4, each message ended by a
//! NUL: no port to be found, no WebSocket, and the browser ends when our end of the pipe does.
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

/// What has come and was not asked for yet.
#[derive(Default)]
struct Inbox {
    results: HashMap<u64, Value>,
    /// By session, in the order in which they came. They are kept, so that each can be looked at
    /// more than once.
    events: HashMap<String, Vec<Event>>,
    has_ended: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) method: String,
    pub(crate) params: Value,
}

impl Browser {
    /// Starts Chromium with a profile that nobody has used.
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
        // It lives as long as the tests do, all of them.
        let browser: &'static Self = Box::leak(Box::new(Self {
            commands: Mutex::new(commands),
            next_id: AtomicU64::new(1),
            inbox: Mutex::default(),
            arrived: Condvar::new(),
        }));
        thread::spawn(move || {
            browser.collect(results);
            // Whoever still asks it anything is told that it has ended.
            let _ = child.wait();
        });
        browser
    }

    /// The result of a command, to the browser itself or within a session.
    #[track_caller]
    pub(crate) fn call(&self, session: Option<&str>, method: &str, params: &Value) -> Value {
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
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    /// Waits for the first event of a session, from the one at `start` on, that `find` finds
    /// something in.
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

    /// All events of a session so far.
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

    /// Sorts what comes into the inbox, to the end.
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

/// Its first argument is the profile, which goes when the browser has ended.
const SCRIPT: &str = "\
    profile=$1; shift; \
    chromium --user-data-dir=\"$profile\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null; \
    rm -rf \"$profile\"";

const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--remote-debugging-pipe",
    // Root, as in a container, has no other way; what is looked at is our own.
    "--no-sandbox",
    // It is not to ask anything of anybody but the server.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    // Small shared memory, as containers have it, is not to matter.
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
];

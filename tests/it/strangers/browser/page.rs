//! A page in a browser: its navigation, its content, and its complaints.

use super::devtools::{Browser, Event};
use crate::support::{PATIENCE, poll_until, unavailable};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{env, sync::OnceLock, thread, time::Duration};

/// A page with its own cache and history.
pub(crate) struct Page {
    browser: &'static Browser,
    context: String,
    session: String,
}

/// The colour scheme that the user's system prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// The attempts to evaluate an expression while one page replaces another.
const REPEATED_MAX: u32 = 20;

impl Page {
    /// Opens an empty page. Returns `None`, with a message, if there is no browser.
    pub(crate) fn open() -> Option<Self> {
        static BROWSER: OnceLock<Option<&'static Browser>> = OnceLock::new();
        let path = env::var_os("PATH").unwrap_or_default();
        let is_here = env::split_paths(&path).any(|place| place.join("chromium").exists());
        if !is_here {
            unavailable("the program chromium");
            return None;
        }
        let browser = (*BROWSER.get_or_init(|| Some(Browser::start())))?;
        let made = browser.call(None, "Target.createBrowserContext", &json!({}));
        let context = text(&made["browserContextId"]);
        let asked = json!({ "url": "about:blank", "browserContextId": context });
        let target = browser.call(None, "Target.createTarget", &asked);
        let asked = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call(None, "Target.attachToTarget", &asked);
        let session = text(&attached["sessionId"]);
        let page = Self {
            browser,
            context,
            session,
        };
        for domain in [
            "Page",
            "Runtime",
            "Log",
            "Network",
            "Audits",
            "Accessibility",
        ] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.size(1280, 800);
        Some(page)
    }

    #[track_caller]
    pub(crate) fn call(&self, method: &str, params: &Value) -> Value {
        self.browser.call(Some(&self.session), method, params)
    }

    /// Goes to a URL and waits until everything on the page is loaded.
    #[track_caller]
    pub(crate) fn go_to(&self, url: &str) {
        self.expecting_load(|| {
            let gone = self.call("Page.navigate", &json!({ "url": url }));
            assert!(gone["errorText"].is_null(), "{url}: {}", gone["errorText"]);
        });
    }

    /// Goes to a URL, and types a user and a password each time that the browser asks for them,
    /// until there are none left. Returns the realms that it asked for.
    #[track_caller]
    pub(crate) fn go_to_as(&self, url: &str, typed: &[(&str, &str)]) -> Vec<String> {
        self.call("Fetch.enable", &json!({ "handleAuthRequests": true }));
        let mut seen = self.browser.events(&self.session).len();
        self.evaluate(&format!("void (location.href = {})", json!(url)));
        let mut realms = Vec::new();
        loop {
            let names = [
                "Fetch.requestPaused",
                "Fetch.authRequired",
                "Page.loadEventFired",
            ];
            let is_next = |event: &Event| names.contains(&event.method.as_str());
            let event = self.browser.await_event(
                &self.session,
                "what comes of a password",
                seen,
                |event| is_next(event).then(|| event.clone()),
            );
            let events = self.browser.events(&self.session);
            let later = events.iter().skip(seen);
            seen += later.take_while(|event| !is_next(event)).count() + 1;
            let id = &event.params["requestId"];
            match event.method.as_str() {
                "Fetch.requestPaused" => {
                    self.call("Fetch.continueRequest", &json!({ "requestId": id }));
                }
                "Fetch.authRequired" => {
                    let response = match typed.get(realms.len()) {
                        Some((user, password)) => json!({
                            "response": "ProvideCredentials", "username": user, "password": password,
                        }),
                        None => json!({ "response": "CancelAuth" }),
                    };
                    realms.push(text(&event.params["authChallenge"]["realm"]));
                    let answer = json!({ "requestId": id, "authChallengeResponse": response });
                    self.call("Fetch.continueWithAuth", &answer);
                }
                _ => break,
            }
        }
        self.call("Fetch.disable", &json!({}));
        realms
    }

    /// Reloads the page, using the cache.
    #[track_caller]
    pub(crate) fn reload(&self) {
        self.expecting_load(|| {
            self.call("Page.reload", &json!({}));
        });
    }

    /// Clicks on the only element that matches a selector, which navigates to another page.
    #[track_caller]
    pub(crate) fn follow(&self, selector: &str) {
        self.expecting_load(|| {
            let click = format!("document.querySelector({}).click()", json!(selector));
            self.evaluate(&click);
        });
    }

    /// Presses the Enter key on a link, which navigates to another page.
    #[track_caller]
    pub(crate) fn enter(&self) {
        self.expecting_load(|| self.press("Enter"));
    }

    /// Goes this many steps through the history, which may show a page without loading it again.
    #[track_caller]
    pub(crate) fn step_through_history(&self, steps: i32, path: &str) {
        self.evaluate(&format!("history.go({steps})"));
        let is_there = format!(
            "location.pathname === {} && document.readyState === 'complete'",
            json!(path)
        );
        self.until("the other page", &is_there);
    }

    #[track_caller]
    fn expecting_load(&self, act: impl FnOnce()) {
        let start = self.browser.events(&self.session).len();
        act();
        let is_load = |event: &Event| (event.method == "Page.loadEventFired").then_some(());
        self.browser
            .await_event(&self.session, "a page that is loaded", start, is_load);
    }

    /// Returns the value of an expression, or that of its promise.
    #[track_caller]
    pub(crate) fn evaluate(&self, expression: &str) -> Value {
        self.try_evaluate(expression)
            .unwrap_or_else(|error| panic!("{error} in {expression}"))
    }

    fn try_evaluate(&self, expression: &str) -> Result<Value, String> {
        let asked = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
            "userGesture": true,
        });
        // A page that is left meanwhile does not answer; the next one does.
        let evaluated = (0..REPEATED_MAX).find_map(|_| {
            let session = Some(self.session.as_str());
            match self.browser.try_call(session, "Runtime.evaluate", &asked) {
                Ok(evaluated) => Some(evaluated),
                Err(error) if text(&error["message"]).contains("navigated") => None,
                Err(error) => panic!("{error}"),
            }
        });
        let evaluated = evaluated.expect("a page that stays");
        let thrown = &evaluated["exceptionDetails"];
        if thrown.is_null() {
            Ok(evaluated["result"]["value"].clone())
        } else {
            Err(thrown["exception"]["description"].to_string())
        }
    }

    /// Returns the value of an expression as text.
    #[track_caller]
    pub(crate) fn text(&self, expression: &str) -> String {
        text(&self.evaluate(expression))
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, expression: &str) {
        poll_until(what, || {
            // Between two pages, nothing can be evaluated.
            let is_so = self.try_evaluate(&format!("Boolean({expression})"));
            (is_so == Ok(Value::Bool(true))).then_some(())
        });
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        let is_mobile = width < 600;
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_mobile,
        });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    pub(crate) fn prefer(&self, scheme: Scheme) {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.call(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [feature] }),
        );
    }

    /// Presses a key, with the shift key for one that is written `Shift+`.
    pub(crate) fn press(&self, key: &str) {
        let (shift, key) = match key.strip_prefix("Shift+") {
            Some(key) => (8, key),
            None => (0, key),
        };
        for kind in ["keyDown", "keyUp"] {
            let code = match key {
                "Tab" => 9,
                "Enter" => 13,
                _ => panic!("{key} has no code here"),
            };
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
                "text": if key == "Enter" { "\r" } else { "" }, "modifiers": shift,
            });
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Returns the visible part of the page as a PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        self.call("Emulation.setScrollbarsHidden", &json!({ "hidden": true }));
        let taken = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let decoded = BASE64_STANDARD.decode(text(&taken["data"]));
        decoded.expect("a screenshot is base64")
    }

    /// Returns the responses that the browser received for a path, in order, without those from its
    /// cache.
    pub(crate) fn responses(&self, path: &str) -> Vec<Value> {
        let events = self.browser.events(&self.session);
        let responses = events
            .iter()
            .filter(|event| event.method == "Network.responseReceived")
            .map(|event| event.params["response"].clone());
        let of_path = responses.filter(|it| text(&it["url"]).ends_with(path));
        of_path.collect()
    }

    /// Returns the messages in the console, and the problems that the browser reports.
    pub(crate) fn complaints(&self) -> Vec<String> {
        // Late reports have been sent by now, because the browser answers in order.
        self.evaluate("new Promise((done) => setTimeout(done, 50))");
        let events = self.browser.events(&self.session);
        events.iter().filter_map(complaint).collect()
    }

    #[track_caller]
    pub(crate) fn assert_no_complaints(&self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    /// Waits until no request has been sent for a while.
    pub(crate) fn await_calm(&self) {
        let count = || self.browser.events(&self.session).len();
        let mut before = count();
        for _ in 0..PATIENCE.as_millis() / CALM.as_millis() {
            thread::sleep(CALM);
            let now = count();
            if now == before {
                return;
            }
            before = now;
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if !thread::panicking() {
            let context = json!({ "browserContextId": self.context });
            self.browser
                .call(None, "Target.disposeBrowserContext", &context);
        }
    }
}

fn complaint(event: &Event) -> Option<String> {
    let params = &event.params;
    match event.method.as_str() {
        "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled" => {
            let is_bad = ["error", "warning", "assert"].map(Value::from);
            is_bad
                .contains(&params["type"])
                .then(|| params["args"].to_string())
        }
        "Log.entryAdded" => {
            let entry = &params["entry"];
            let is_bad = ["error", "warning"].map(Value::from);
            is_bad
                .contains(&entry["level"])
                .then(|| format!("{}: {}", entry["url"], entry["text"]))
        }
        "Audits.issueAdded" => Some(params["issue"].to_string()),
        "Network.loadingFailed" if params["canceled"] != true => Some(params.to_string()),
        _ => None,
    }
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

const CALM: Duration = Duration::from_millis(100);

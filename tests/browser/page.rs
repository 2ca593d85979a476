//! A page in a browser: where it goes, what it shows, and what it complains of.

use super::devtools::{Browser, Event};
use crate::support::{PATIENCE, poll_until, unavailable};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{env, sync::OnceLock, thread, time::Duration};

/// A page with a cache and a history of its own.
pub(crate) struct Page {
    browser: &'static Browser,
    context: String,
    session: String,
}

/// What the user's system prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Page {
    /// An empty page; `None`, said aloud, where there is no browser.
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

    /// Goes to a URL and waits until all that belongs to it has been loaded.
    #[track_caller]
    pub(crate) fn go_to(&self, url: &str) {
        self.expecting_load(|| {
            let gone = self.call("Page.navigate", &json!({ "url": url }));
            assert!(gone["errorText"].is_null(), "{url}: {}", gone["errorText"]);
        });
    }

    /// Reloads, as a person does who has no reason to doubt the cache.
    #[track_caller]
    pub(crate) fn reload(&self) {
        self.expecting_load(|| {
            self.call("Page.reload", &json!({}));
        });
    }

    /// Clicks on the one element that a selector finds, which leads elsewhere.
    #[track_caller]
    pub(crate) fn follow(&self, selector: &str) {
        self.expecting_load(|| {
            let click = format!("document.querySelector({}).click()", json!(selector));
            self.evaluate(&click);
        });
    }

    /// Presses the return key on a link, which leads elsewhere.
    #[track_caller]
    pub(crate) fn enter(&self) {
        self.expecting_load(|| self.press("Enter"));
    }

    /// Goes so many steps through the history, which may show a page without loading it again.
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

    /// The value of an expression, or of what it promises.
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
        let evaluated = self.call("Runtime.evaluate", &asked);
        let thrown = &evaluated["exceptionDetails"];
        if thrown.is_null() {
            Ok(evaluated["result"]["value"].clone())
        } else {
            Err(thrown["exception"]["description"].to_string())
        }
    }

    /// The text that an expression has for a value.
    #[track_caller]
    pub(crate) fn text(&self, expression: &str) -> String {
        text(&self.evaluate(expression))
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, expression: &str) {
        poll_until(what, || {
            // Between two pages there is nothing to be asked.
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

    /// Presses a key, with the shift key held down for one that is written `Shift+`.
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

    /// What is seen, as a PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        self.call("Emulation.setScrollbarsHidden", &json!({ "hidden": true }));
        let taken = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let decoded = BASE64_STANDARD.decode(text(&taken["data"]));
        decoded.expect("a screenshot is base64")
    }

    /// What the browser was answered for a path, in order. What its cache had is not among it.
    pub(crate) fn responses(&self, path: &str) -> Vec<Value> {
        let events = self.browser.events(&self.session);
        let responses = events
            .iter()
            .filter(|event| event.method == "Network.responseReceived")
            .map(|event| event.params["response"].clone());
        let of_path = responses.filter(|it| text(&it["url"]).ends_with(path));
        of_path.collect()
    }

    /// What a person would find in the console, and what the browser holds against the page.
    pub(crate) fn complaints(&self) -> Vec<String> {
        // What is told of late is on its way by now: the browser answers in order.
        self.evaluate("new Promise((done) => setTimeout(done, 50))");
        let events = self.browser.events(&self.session);
        events.iter().filter_map(complaint).collect()
    }

    #[track_caller]
    pub(crate) fn assert_no_complaints(&self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    /// Waits until nothing has been asked of the server for a while.
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

//! Live reload in a real browser: what is reloaded, what is replaced, and how soon.

use super::page::Page;
use crate::support::{Launch, Server, Site, poll_until};
use rustix::process::Signal;
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// The number of changes of each kind.
const EDITS: usize = 10;

/// The longest time from a write to its display. It is a tenth of a second on an idle machine, but
/// other tests run at the same time.
const SOON: Duration = Duration::from_secs(2);

/// The same after a page was missing: it is awaited for up to two seconds before its absence is
/// shown.
const AFTER_REMOVAL: Duration = Duration::from_secs(3);

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address)
}

/// Creates a page with everything that can be changed, and a mark that only a real reload removes.
fn site() -> Site {
    let site = Site::new();
    site.file("index.html", start("0"))
        .file(
            "css/site.css",
            "body { order: 0; background: url(back.svg) }",
        )
        .file("css/back.svg", svg(1))
        .file("pond.svg", svg(1))
        .file("app.js", "window.app = 0")
        .file("other.html", "<p>other");
    site
}

fn start(text: &str) -> String {
    format!(
        "<!doctype html><html lang=en><title>T</title><link rel=icon href=/pond.svg><link rel=stylesheet href=/css/site.css>\
         <body><h1>{text}</h1><img src=/pond.svg alt=Pond><input id=name aria-label=Name autocomplete=off><script src=/app.js></script>"
    )
}

const FOUND: &str = "<!doctype html><title>N</title><h1>found</h1>";

fn svg(width: usize) -> String {
    format!("<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='1'/>")
}

/// Waits until the page listens, so that a change is reported at once and not at the next
/// connection.
fn await_stream(page: &Page) {
    page.until(
        "a stream",
        "performance.getEntriesByType('resource').some((it) => it.name.includes('live.js'))",
    );
    page.await_calm();
}

/// Makes changes, and reports how long each takes to become visible.
#[track_caller]
fn measure(
    page: &Page,
    (what, limit): (&str, Duration),
    mut edit: impl FnMut(usize) -> Instant,
    seen: impl Fn(usize) -> String,
) {
    let mut took: Vec<_> = (1..=EDITS)
        .map(|number| {
            page.await_calm();
            let written = edit(number);
            page.until(what, &seen(number));
            written.elapsed()
        })
        .collect();
    took.sort_unstable();
    let (median, worst) = (took[EDITS / 2], took[EDITS - 1]);
    println!("{what}: median {median:?}, worst {worst:?}");
    assert!(median < limit, "{what}: {took:?}");
}

#[test]
fn a_change_is_visible_soon_and_reloads_only_what_is_necessary() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = site();
    let server = Launch::of(site.root()).arg("--live").start();
    page.go_to(&url(&server, "/"));
    await_stream(&page);
    let write = |name: &str, content: String| {
        fs::write(site.path(name), content).unwrap();
        Instant::now()
    };

    // Changes that are applied without a reload.
    page.evaluate("window.mark = 1; document.querySelector('#name').value = 'typed'");
    measure(
        &page,
        ("a style sheet", SOON),
        |number| {
            write(
                "css/site.css",
                format!("body {{ order: {number}; background: url(back.svg) }}"),
            )
        },
        |number| format!("getComputedStyle(document.body).order === '{number}'"),
    );
    measure(
        &page,
        ("an image", SOON),
        |number| write("pond.svg", svg(number + 1)),
        |number| {
            format!(
                "document.querySelector('img').naturalWidth === {}",
                number + 1
            )
        },
    );
    let before = page.text("getComputedStyle(document.body).backgroundImage");
    write("css/back.svg", svg(2));
    page.until(
        "the image behind the page",
        &format!("getComputedStyle(document.body).backgroundImage !== {before:?}"),
    );
    write("other.html", "<p>another".to_owned());
    page.await_calm();
    let kept = "[window.mark, document.querySelector('#name').value].join()";
    assert_eq!(page.text(kept), "1,typed");
    assert_eq!(page.evaluate("document.querySelectorAll('link').length"), 2);

    // Changes that require a reload.
    measure(
        &page,
        ("a page", SOON),
        |number| {
            // As editors save: in place, or by replacing the file.
            if number % 2 == 0 {
                return write("index.html", start(&number.to_string()));
            }
            write("index.html.tmp", start(&number.to_string()));
            fs::rename(site.path("index.html.tmp"), site.path("index.html")).unwrap();
            Instant::now()
        },
        |number| format!("document.querySelector('h1')?.textContent === '{number}'"),
    );
    assert_eq!(page.evaluate("window.mark === undefined"), true);
    write("app.js", "window.app = 7".to_owned());
    page.until("the script", "window.app === 7");
    page.assert_no_complaints();
}

#[test]
fn applications_and_pages_that_were_missing_are_reloaded_as_well() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = site();
    let server = Launch::of(site.root()).args(["--live", "--spa"]).start();
    page.go_to(&url(&server, "/users/7"));
    await_stream(&page);
    measure(
        &page,
        ("an application", SOON),
        |number| {
            fs::write(site.path("index.html"), start(&number.to_string())).unwrap();
            Instant::now()
        },
        |number| format!("document.querySelector('h1')?.textContent === '{number}'"),
    );
    let server = Launch::of(site.root())
        .args(["--live", "--clean-urls"])
        .start();
    for own_page in [false, true] {
        if own_page {
            site.file("404.html", "<!doctype html><title>M</title><h1>none</h1>");
        }
        page.go_to(&url(&server, "/new/page"));
        await_stream(&page);
        let is_found = "document.querySelector('h1')?.textContent === 'found'";
        measure(
            &page,
            ("a page that was missing", AFTER_REMOVAL),
            |number| {
                if number % 2 == 0 {
                    fs::remove_file(site.path("new/page.html")).unwrap();
                    page.until("the page to be missing", &format!("!({is_found})"));
                    page.await_calm();
                }
                fs::create_dir_all(site.path("new")).unwrap();
                fs::write(site.path("new/page.html"), FOUND).unwrap();
                Instant::now()
            },
            |_| is_found.to_owned(),
        );
        fs::remove_dir_all(site.path("new")).unwrap();
    }
}

#[test]
fn a_build_reloads_a_page_once() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = site();
    let server = Launch::of(site.root())
        .arg("--live")
        .expecting(&[
            "is gone",
            "is available again",
            "is now another directory",
            "is missing",
        ])
        .start();
    page.go_to(&url(&server, "/"));
    await_stream(&page);
    count_loads(&page);
    let shows = |text: &str| format!("document.querySelector('h1')?.textContent === '{text}'");
    // Into the existing directory, over some seconds.
    for number in 0..200 {
        site.file(format!("{}/{number}.html", number % 10), "<p>x");
        if number == 100 {
            fs::write(site.path("index.html"), start("built")).unwrap();
        }
        // As slowly as a build.
        thread::sleep(Duration::from_millis(15));
    }
    page.until("the page that was built", &shows("built"));
    page.await_calm();
    assert_eq!(page.text("sessionStorage.loads"), "1");

    measure(
        &page,
        ("a root that is removed and built again", AFTER_REMOVAL),
        |number| {
            fs::remove_dir_all(site.root()).unwrap();
            for other in 0..50 {
                site.file(format!("{other}.html"), "<p>x");
            }
            site.file("css/site.css", "")
                .file("index.html", start(&format!("again {number}")));
            Instant::now()
        },
        |number| shows(&format!("again {number}")),
    );
    page.await_calm();
    assert_eq!(page.text("sessionStorage.loads"), (1 + EDITS).to_string());
}

#[test]
fn a_restart_of_the_server_reloads_a_page_once() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = site();
    let mut server = Launch::of(site.root()).arg("--live").start();
    page.go_to(&url(&server, "/"));
    await_stream(&page);
    count_loads(&page);
    let port = server.address.port();
    assert!(server.stop(Signal::TERM).success());
    let begun = Instant::now();
    let _server = poll_until("the port", || {
        let launch = Launch::bare()
            .arg(site.root())
            .arg("--live")
            .expecting(&["is missing"]);
        Some(
            launch
                .args(["--listen", &format!("127.0.0.1:{port}")])
                .start(),
        )
    });
    page.until("a reload", "sessionStorage.loads === '1'");
    println!("a restart: {:?}", begun.elapsed());
    page.await_calm();
    assert_eq!(page.text("sessionStorage.loads"), "1");
}

/// Counts how often the window loads a page from now on.
fn count_loads(page: &Page) {
    page.evaluate("sessionStorage.loads = 0");
    let count = "addEventListener('pageshow', () => sessionStorage.loads++);";
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        &serde_json::json!({ "source": count }),
    );
}

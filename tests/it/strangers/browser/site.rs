//! The site in a real browser, checked by its content.

use super::{accessibility, page::Page, video};
use crate::support::{Launch, Server, Site, gzip};
use serde_json::Value;
use std::{fs, path::Path};

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address)
}

#[test]
fn the_site_that_comes_along_renders_without_a_complaint_for_everybody() {
    let Some(page) = Page::open() else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let guide = fs::read_dir(root.join("guide")).expect("a directory");
    let names = guide.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    let others = ["images", "index.html"];
    let pages = names.filter(|name| !others.contains(&name.as_str()));
    let pages = pages.map(|name| format!("/guide/{name}/"));
    let mut paths = ["/", "/guide/"].map(str::to_owned).to_vec();
    paths.extend(pages);
    assert!(paths.len() > 10, "{paths:?}");
    let server = Server::start(&root);
    for path in paths {
        page.go_to(&url(&server, &path));
        page.until(
            "its picture, if any",
            "[...document.images].every((it) => it.complete && it.naturalWidth)",
        );
        if path == "/" {
            page.until(
                "what the server says",
                "!document.querySelector('#live').hidden",
            );
            // The script sends five requests and shows the responses.
            assert_eq!(
                page.evaluate("document.querySelectorAll('#requests li').length"),
                5
            );
        }
        accessibility::assert_good_for_everybody(&page);
        page.assert_no_complaints();
    }
    page.size(1280, 800);
    page.go_to(&url(&server, "/"));
    page.until(
        "what the server says",
        "!document.querySelector('#live').hidden",
    );
    let stops = [
        "link: Skip to the content",
        "link: millpond",
        "link: Guide",
        "button: Send again",
        "link: /guide",
        "link: /pond.svg",
        "link: /no-such-page",
        "region: Commands for a terminal",
        "link: The guide",
    ];
    assert_eq!(accessibility::tab_stops(&page), stops);
}

/// The result of a script on a page of one server that fetches from another server.
const FETCH_ELSEWHERE: &str = "async (url) => {
    const headers = { Range: 'bytes=1-2', 'If-Range': '\"other\"', 'X-Own': '1' };
    try {
        const none = await fetch(new URL('/none', url));
        const whole = await fetch(url, { headers });
        delete headers['If-Range'];
        const part = await fetch(url, { headers });
        return [none.status, whole.status, await whole.text(), part.status, await part.text(),
            part.headers.get('content-range'), part.headers.get('content-length'),
            part.headers.get('etag') === whole.headers.get('etag') && !!whole.headers.get('etag'),
        ].join('|');
    } catch (error) {
        return error.name;
    }
}";

#[test]
fn a_page_of_another_origin_reads_ranges_validators_and_errors_where_cors_lets_it() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::small();
    let of_page = Server::start(site.root());
    let origin = format!("http://{}", of_page.address);
    page.go_to(&url(&of_page, "/"));
    let read = "404|200|alpha\n|206|lp|bytes 1-2/6|2|true";
    for (argument, expected) in [
        ("--cors".to_owned(), read),
        (format!("--cors={origin}"), read),
        ("--cors=https://other.example".to_owned(), "TypeError"),
        ("--cors=false".to_owned(), "TypeError"),
    ] {
        let elsewhere = Launch::of(site.root()).arg(&argument).start();
        let script = format!("({FETCH_ELSEWHERE})('{}')", url(&elsewhere, "/a.txt"));
        assert_eq!(page.evaluate(&script), expected, "{argument}");
    }
}

#[test]
fn a_bad_page_is_found_out() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::new();
    site.file(
        "index.html",
        "<!doctype html><meta name=viewport content='width=device-width'>\
         <meta http-equiv=Content-Security-Policy content=\"style-src 'self'\">\
         <link rel=icon href=data:,><link rel=stylesheet href=style.css><style>h1 { color: red }</style>\
         <h1>One</h1><h3>Three</h3><img src=style.css><button></button>\
         <p class=pale>Pale</p><p class=wide>Wide</p><script type=module src=missing.js></script>",
    );
    site.file(
        "style.css",
        ".pale { color: #999; background: #fff } .wide { width: 400px }",
    );
    let server = Server::start(site.root());
    page.size(360, 800);
    page.go_to(&url(&server, "/"));
    let faults = accessibility::faults(&page);
    assert_eq!(
        faults,
        [
            "a image without a name",
            "a button without a name",
            "no document.title",
            "no document.documentElement.lang",
            "0 places for the content",
            "headings of levels [1, 3]",
            "2.85 to 1: Pale",
        ]
    );
    let overflow = accessibility::overflow(&page, 360).expect("it is too wide");
    assert!(overflow.contains("Wide"), "{overflow}");
    let complaints = page.complaints().concat();
    for complaint in ["missing.js", "404", "Content Security Policy"] {
        assert!(complaints.contains(complaint), "{complaints}");
    }
}

#[test]
fn a_video_is_sought_in_by_ranges() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::new();
    video::write(&site.path("clip.webm"));
    site.file(
        "index.html",
        "<!doctype html><html lang=en><title>Video</title><link rel=icon href=data:,>\
         <video src=clip.webm preload=metadata muted></video>",
    );
    let server = Server::start(site.root());
    page.go_to(&url(&server, "/"));
    page.until(
        "its length",
        "document.querySelector('video').duration === 60",
    );
    // Seeks until the picture has this colour: it may appear after the event for the end of the
    // seek. Each seek expects a colour that differs from the last.
    let seek = |seconds: u64, colour: &str| {
        page.evaluate(&format!(
            "document.querySelector('video').currentTime = {seconds}"
        ));
        page.until(
            &format!("{colour} at {seconds} s"),
            &format!(
                "(() => {{ \
                   const video = document.querySelector('video'); \
                   if (video.error) throw new Error(video.error.message); \
                   const context = document.createElement('canvas').getContext('2d'); \
                   context.drawImage(video, 0, 0); \
                   const [red, , blue] = context.getImageData(8, 8, 1, 1).data; \
                   return !video.seeking && (red > blue ? 'red' : blue > red ? 'blue' : 'none') === '{colour}'; \
                 }})()"
            ),
        );
    };
    let before = page.responses("/clip.webm").len();
    seek(45, "blue");
    seek(5, "red");
    let sought = page.responses("/clip.webm").split_off(before);
    let start = |response: &Value| {
        let range = super::page::text(&response["headers"]["Content-Range"]);
        let (start, _) = range.strip_prefix("bytes ")?.split_once('-')?;
        start.parse::<u64>().ok()
    };
    let is_of_the_end = |response: &Value| start(response) >= Some(video::SECOND_HALF);
    let count = sought.iter().filter(|it| is_of_the_end(it)).count();
    assert!(count > 0, "no range of the second half: {sought:?}");
    assert!(sought.iter().all(|response| response["status"] == 206));
    let records = server.records(before + sought.len() + 1);
    let ranges = records
        .iter()
        .filter(|it| it.contains(" /clip.webm HTTP/1.1\" 206 "));
    assert!(ranges.count() >= before + sought.len(), "{records:?}");
    page.assert_no_complaints();
}

#[test]
fn scripts_of_every_kind_run_by_their_types() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::new();
    site.file(
        "index.html",
        "<!doctype html><html lang=en><title>Types</title><link rel=icon href=data:,>\
         <link rel=stylesheet href=style.css><script src=classic.cjs></script>\
         <script type=module src=main.js></script>",
    );
    site.file("style.css", "html { color: rgb(1, 2, 3) }");
    site.file("classic.cjs", "var classic = 'script';\n");
    site.file(
        "main.js",
        "import { name } from './part.mjs';\n\
         import data from './data.json' with { type: 'json' };\n\
         await WebAssembly.compileStreaming(fetch('empty.wasm'));\n\
         await navigator.serviceWorker.register('worker.js');\n\
         await navigator.serviceWorker.ready;\n\
         document.title = `${classic} ${name} ${data.number} ${getComputedStyle(document.documentElement).color}`;\n",
    );
    site.file("part.mjs", "export const name = 'module';\n");
    site.file("data.json", "{ \"number\": 7 }\n");
    // An empty module: its magic number and its version.
    site.file("empty.wasm", b"\0asm\x01\0\0\0");
    site.file(
        "worker.js",
        "addEventListener('install', () => skipWaiting());\n\
         addEventListener('activate', (event) => event.waitUntil(clients.claim()));\n\
         addEventListener('fetch', (event) => {\n\
           if (new URL(event.request.url).pathname === '/from-the-worker')\n\
             event.respondWith(new Response('the worker'));\n\
         });\n",
    );
    let server = Server::start(site.root());
    page.go_to(&url(&server, "/"));
    page.until(
        "all of them",
        "document.title === 'script module 7 rgb(1, 2, 3)'",
    );
    page.until(
        "the worker to be in control",
        "navigator.serviceWorker.controller",
    );
    let text = page.text("fetch('/from-the-worker').then((it) => it.text())");
    assert_eq!(text, "the worker");
    page.assert_no_complaints();
}

#[test]
fn the_browser_revalidates_its_cached_files() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::new();
    let html = |name: &str, to: &str| {
        format!(
            "<!doctype html><html lang=en><title>{name}</title><link rel=icon href=data:,>\
             <link rel=stylesheet href=/style.css><a href={to}>on</a>"
        )
    };
    site.file("index.html", html("one", "/two.html"));
    site.file("two.html", html("two", "/"));
    site.file("style.css", "html { color: rgb(1, 2, 3) }");
    let server = Server::start(site.root());
    // Returns the log lines since the last call, at least `count`, as `/path status`.
    let mut seen = 0;
    let mut logged = |count: usize| {
        page.await_calm();
        let records = server.records(seen + count).split_off(seen);
        seen += records.len();
        let text = |record: &String| {
            let (_, request) = record.split_once("\"GET ").expect("GET");
            let words: Vec<_> = request.split(' ').collect();
            format!("{} {}", words[0], words[2])
        };
        records.iter().map(text).collect::<Vec<_>>()
    };
    page.go_to(&url(&server, "/"));
    assert_eq!(logged(2), ["/ 200", "/style.css 200"]);
    page.follow("a");
    assert_eq!(logged(2), ["/two.html 200", "/style.css 304"]);
    page.follow("a");
    assert_eq!(logged(2), ["/ 304", "/style.css 304"]);
    page.reload();
    assert_eq!(logged(2), ["/ 304", "/style.css 304"]);
    // RFC 9111 §6: a history may show a page without revalidation, and browsers do so.
    for (steps, path) in [(-1, "/two.html"), (-1, "/"), (1, "/two.html")] {
        page.step_through_history(steps, path);
        assert_eq!(
            page.text("getComputedStyle(document.documentElement).color"),
            "rgb(1, 2, 3)"
        );
        let is_sent_anew = |line: &String| !line.ends_with(" 304");
        assert!(!logged(0).iter().any(is_sent_anew));
    }
    page.assert_no_complaints();

    // A change is seen at once, and nothing else is sent again.
    site.replace("index.html", html("three", "/two.html"));
    page.step_through_history(-1, "/");
    page.reload();
    assert_eq!(page.text("document.title"), "three");
    let last = logged(2);
    assert!(
        last.ends_with(&["/ 200".to_owned(), "/style.css 304".to_owned()]),
        "{last:?}"
    );
}

#[test]
fn an_error_page_of_our_own_is_good_for_everybody_and_keeps_its_policy() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::small();
    let server = Server::start(site.root());
    let target = "/<script>alert(1)</script>%20nowhere";
    page.go_to(&url(&server, target));
    accessibility::assert_good_for_everybody(&page);
    assert_eq!(
        page.text("document.querySelector('h1').innerText"),
        "404 Not Found"
    );
    assert!(
        page.text("document.body.innerText")
            .contains("%3Cscript%3E")
    );
    // The style sheet with the hash in the policy is applied.
    assert_eq!(page.text("getComputedStyle(document.body).display"), "grid");
    // The browser reports the status, and requests an icon; neither is a complaint.
    for complaint in page.complaints() {
        let is_status =
            complaint.ends_with("the server responded with a status of 404 (Not Found)\"");
        assert!(is_status, "{complaint}");
    }
}

#[test]
fn the_deep_link_of_an_application_loads_it_and_a_missing_script_does_not() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::new();
    site.file(
        "index.html",
        "<!doctype html><html lang=en><title>Application</title><link rel=icon href=data:,>\
         <main></main><script type=module src=/router.js></script>",
    );
    // It shows the path, and navigates without the server.
    site.file(
        "router.js",
        "const show = () => { document.querySelector('main').textContent = location.pathname };\n\
         addEventListener('popstate', show);\n\
         window.visit = (path) => { history.pushState(null, '', path); show() };\n\
         show();\n",
    );
    let server = Launch::of(site.root()).arg("--spa").start();
    let is_shown = |path: &str| {
        let shown = format!("document.querySelector('main')?.textContent === '{path}'");
        page.until(path, &shown);
    };
    page.go_to(&url(&server, "/customers/7/orders"));
    is_shown("/customers/7/orders");
    page.evaluate("visit('/customers/8')");
    is_shown("/customers/8");
    page.reload();
    is_shown("/customers/8");
    page.step_through_history(-1, "/customers/7/orders");
    is_shown("/customers/7/orders");
    page.assert_no_complaints();

    // Requests of an application whose script is gone with its release: neither gets a page instead
    // of the script.
    let of_fetch = page.evaluate("fetch('/old/chunk.js').then((it) => it.status)");
    assert_eq!(of_fetch, 404);
    let of_import = page.evaluate("import('/old/chunk.js').then(() => true, () => false)");
    assert_eq!(of_import, false);
}

#[test]
fn the_sites_own_error_page_keeps_the_status_and_the_look() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::small();
    site.file(
        "404.html",
        "<!doctype html><html lang=en><title>Lost</title><link rel=icon href=data:,>\
         <link rel=stylesheet href=/style.css><main><h1>Lost</h1></main>",
    );
    site.file("style.css", "h1 { color: rgb(1, 2, 3) }");
    let server = Launch::of(site.root()).arg("--error-pages").start();
    page.go_to(&url(&server, "/deep/below/nowhere"));
    assert_eq!(page.text("document.title"), "Lost");
    let colour = page.text("getComputedStyle(document.querySelector('h1')).color");
    assert_eq!(colour, "rgb(1, 2, 3)");
    let [response] = &page.responses("/deep/below/nowhere")[..] else {
        panic!("it is asked for once");
    };
    assert_eq!(response["status"], 404);
}

#[test]
fn the_browser_reads_compressed_content_unchanged() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::new();
    let padding = "/* as much as it takes to be worth compressing */\n".repeat(40);
    site.file(
        "index.html",
        "<!doctype html><html lang=en><title>Coded</title><link rel=icon href=data:,>\
         <link rel=stylesheet href=style.css><link rel=stylesheet href=more.css>\
         <script type=module src=main.js></script>",
    );
    site.file(
        "style.css",
        format!("{padding}html {{ color: rgb(1, 2, 3) }}"),
    );
    // Both have the same length, which the coded file has to give.
    let ground = |colour| format!("{padding}html {{ background: rgb{colour} }}");
    site.file("more.css", ground("(7, 7, 7)"))
        .file("more.css.gz", gzip(ground("(4, 5, 6)")));
    site.file("main.js", "document.title = 'the original'");
    // An uncompressed block of brotli, and the empty last block (RFC 7932 §9.2).
    site.file("main.js.br", brotli_of("document.title = 'the coded one'"));
    let launch = Launch::of(site.root()).args(["--compression", "--precompressed"]);
    let server = launch.start();
    page.go_to(&url(&server, "/"));
    page.until("the coded script", "document.title === 'the coded one'");
    let colours = "[getComputedStyle(document.documentElement)].map(style => \
                   style.color + ' on ' + style.backgroundColor)[0]";
    assert_eq!(page.text(colours), "rgb(1, 2, 3) on rgb(4, 5, 6)");
    for (path, coding) in [
        ("/style.css", "br"),
        ("/more.css", "gzip"),
        ("/main.js", "br"),
    ] {
        let [response] = &page.responses(path)[..] else {
            panic!("{path} is asked for once");
        };
        assert_eq!(response["headers"]["Content-Encoding"], coding, "{path}");
        assert_eq!(response["headers"]["Vary"], "Accept-Encoding", "{path}");
    }
    page.reload();
    page.until(
        "the coded script again",
        "document.title === 'the coded one'",
    );
    assert_eq!(page.text(colours), "rgb(1, 2, 3) on rgb(4, 5, 6)");
    page.await_calm();
    let records = server.records(8);
    let last: Vec<_> = records.iter().skip(4).collect();
    assert!(
        last.iter().all(|record| record.contains("\" 304 ")),
        "{last:?}"
    );
    page.assert_no_complaints();
}

fn brotli_of(content: &str) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a short content") - 1;
    // From the lowest bit: a window of 64 KiB (0), not the last block (0), a length of four nibbles
    // (00), the length minus one, uncompressed (1).
    let head = u32::from(length) << 4 | 1 << 20;
    let [first, second, third, _] = head.to_le_bytes();
    // The last block (1), and empty (1).
    [&[first, second, third], content.as_bytes(), &[0b11]].concat()
}

#[test]
fn a_browser_asks_for_a_password_and_shows_the_protected_page() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::small();
    site.file(
        "staging/index.html",
        "<title>inside</title><img src=\"a.svg\">",
    )
    .file(
        "staging/a.svg",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    );
    let users = "\u{e4}lice:$2y$05$opJRvU7AVGypODzAYi2LPOAGt1g7lymMbMDrIKBLtCS.2xqehX0Em\n";
    fs::write(site.outside("users"), users).unwrap();
    let settings = format!(
        "[[access]]\npath = '/staging/**'\nusers = '{}'\nrealm = 'Staging'\n",
        site.outside("users").display()
    );
    fs::write(site.outside("millpond.toml"), settings).unwrap();
    let server = Launch::of(site.root())
        .arg("--config")
        .arg(site.outside("millpond.toml"))
        .start();
    let inside = url(&server, "/staging/");
    // A wrong password, and then none: the page of the refusal is shown.
    let realms = page.go_to_as(&inside, &[("\u{e4}lice", "wrong")]);
    assert_eq!(realms, ["Staging", "Staging"]);
    assert_eq!(page.text("document.title"), "401 Unauthorized");
    // A wrong password, and then the right one.
    let realms = page.go_to_as(&inside, &[("alice", "secret"), ("\u{e4}lice", "secret")]);
    assert_eq!(realms, ["Staging", "Staging"]);
    assert_eq!(page.text("document.title"), "inside");
    // From now on the browser knows the password, also for the resources of the page.
    page.until("its picture", "document.images[0].complete");
    assert_eq!(page.go_to_as(&inside, &[]), [""; 0]);
    assert_eq!(page.text("document.title"), "inside");
    let statuses: Vec<_> = page
        .responses("/staging/a.svg")
        .iter()
        .map(|it| it["status"].as_u64())
        .collect();
    // The second time, it has a cached copy.
    assert_eq!(statuses, [Some(200), Some(304)]);
    page.go_to(&url(&server, "/"));
}

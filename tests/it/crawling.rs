//! Sites built by other tools, served with clean URLs, as an application and with rules: every link
//! in them is followed, and leads to the file that it names.

use crate::support::{Client, Launch, Response, Site, resolve as resolve_target, unavailable};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The results of a walk through a site.
#[derive(Debug, Default)]
struct Walk {
    /// Requested URLs, each with the first page that links to it.
    links: BTreeMap<String, String>,
    pages: usize,
    redirects: usize,
    /// Links to files that the source does not have.
    broken: BTreeSet<String>,
}

/// A walk through a site.
struct Walker<'a> {
    root: &'a Path,
    client: Client,
    /// The prefix of pages that are searched for links.
    within: &'a str,
    accept: &'a str,
    /// The check of every file.
    check: fn(&Response),
}

impl Walker<'_> {
    fn walk(&mut self, start: &str) -> Walk {
        let mut walk = Walk::default();
        let mut queue = VecDeque::from([(start.to_owned(), "the test".to_owned())]);
        while let Some((target, from)) = queue.pop_front() {
            if walk.links.contains_key(&target) {
                continue;
            }
            let (address, response) = self.follow(&target, &mut walk);
            let file = self.file(&target);
            walk.links.insert(target.clone(), from.clone());
            let Some(content) = file else {
                assert_eq!(response.status, 404, "{from} links to {target}");
                walk.broken.insert(target);
                continue;
            };
            assert_eq!(response.status, 200, "{from} links to {target}");
            assert!(response.content == content, "{target} is another file");
            (self.check)(&response);
            let is_page = response
                .field("content-type")
                .is_some_and(|value| value.starts_with("text/html"));
            if is_page && address.starts_with(self.within) {
                walk.pages += 1;
                let links = references(&String::from_utf8_lossy(&content));
                let links = links
                    .into_iter()
                    .filter_map(|link| resolve(&address, &link));
                queue.extend(links.map(|link| (link, target.clone())));
            }
        }
        walk
    }

    /// Returns the URL where the redirects from a target end, and its response.
    fn follow(&mut self, target: &str, walk: &mut Walk) -> (String, Response) {
        let mut address = target.to_owned();
        for _ in 0..3 {
            let accept = self.accept;
            self.client.send(format!(
                "GET {address} HTTP/1.1\r\nHost: a.example\r\nAccept: {accept}\r\n\r\n"
            ));
            let response = self.client.response_to("GET");
            match response.field("location") {
                Some(location) => address = resolve_target(&address, location),
                None => return (address, response),
            }
            walk.redirects += 1;
        }
        panic!("{target} is redirected on and on, at last to {address}");
    }

    /// Returns the content of the source file for a URL.
    fn file(&self, address: &str) -> Option<Vec<u8>> {
        let address = address.strip_prefix("/old").unwrap_or(address);
        let path = self.root.join(decode(address.trim_start_matches('/')));
        let path = if path.is_dir() {
            path.join("index.html")
        } else {
            path
        };
        fs::read(path).ok()
    }
}

/// Returns the URLs in the attributes of a page.
fn references(page: &str) -> Vec<String> {
    let mut references = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let (tag, after) = after.split_once('>').unwrap_or((after, ""));
        for name in [" href=\"", " src=\""] {
            let value = tag
                .split_once(name)
                .and_then(|(_, value)| value.split_once('"'));
            references.extend(value.map(|(value, _)| value.replace("&amp;", "&")));
        }
        // Text in a script that looks like a tag is skipped.
        rest = if tag.starts_with("script") {
            after.split_once("</script").map_or("", |(_, rest)| rest)
        } else {
            after
        };
    }
    references
}

/// Returns the URL on this host that a reference on another URL leads to (RFC 3986 §5.2).
fn resolve(base: &str, reference: &str) -> Option<String> {
    let is_elsewhere = reference.split(['/', '?', '#']).next()?.contains(':');
    let reference = reference.split(['?', '#']).next()?;
    if is_elsewhere || reference.starts_with("//") || reference.is_empty() {
        return None;
    }
    let joined = match reference.strip_prefix('/') {
        Some(_) => reference.to_owned(),
        None => format!("{}/{reference}", base.rsplit_once('/')?.0),
    };
    let mut segments = Vec::new();
    let ends_in_slash =
        joined.ends_with(['/']) || joined.ends_with("/..") || joined.ends_with("/.");
    for segment in joined.split('/').filter(|segment| !segment.is_empty()) {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let slash = if ends_in_slash && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    Some(format!("/{}{slash}", segments.join("/")).replace(' ', "%20"))
}

fn decode(path: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            let digits = std::str::from_utf8(&digits).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    PathBuf::from(String::from_utf8(bytes).expect("a name of a file"))
}

/// Arguments, the prefix of the start URL, and the check of every file.
type Way<'a> = (&'a [&'a str], &'a str, fn(&Response));

/// Walks through a site once for each way to serve it.
fn walk_in_every_way(root: &Path, within: &str) {
    let settings = Site::new();
    let rules = settings.outside("millpond.toml");
    fs::write(&rules, RULES).expect("a file can be written");
    let ways: [Way<'_>; 4] = [
        (&[], "", |_| {}),
        (&["--clean-urls"], "", |_| {}),
        (&["--spa"], "", |_| {}),
        (&["--config", rules.to_str().unwrap()], "/old", |response| {
            assert_eq!(response.field("x-rule"), Some("1"));
            let is_page = response
                .field("content-type")
                .unwrap()
                .starts_with("text/html");
            let expected = if is_page { "no-store" } else { "max-age=60" };
            assert_eq!(response.field("cache-control"), Some(expected));
        }),
    ];
    let mut broken = Vec::new();
    for (arguments, start, check) in ways {
        let server = Launch::of(root)
            .args(arguments)
            .args(["--access-log", "off"])
            .expecting(&["no index file"])
            .start();
        let mut walker = Walker {
            root,
            client: server.connect(),
            within,
            accept: "*/*",
            check,
        };
        let walk = walker.walk(&format!("{start}{within}"));
        println!(
            "{within} with {arguments:?}: {} pages, {} links, {} redirects, {} of the links broken \
             in the source",
            walk.pages,
            walk.links.len(),
            walk.redirects,
            walk.broken.len()
        );
        assert!(walk.pages > 10, "{walk:?}");
        broken.push(walk.broken);
    }
    // All ways lack the same files.
    assert!(broken.iter().all(|each| *each == broken[0]), "{broken:?}");
}

/// Every path is redirected once, and has a common field and one that depends on its file.
const RULES: &str = "
[[rule]]
path = '/**'
set = { X-Rule = '1', Cache-Control = 'max-age=60' }

[[rule]]
path = '/**/*.html'
set = { Cache-Control = 'no-store' }

[[redirect]]
from = '/old/{*rest}'
to = '/{rest}'
";

/// The Rust book comes with the toolchain, as mdBook has built it.
#[test]
fn every_link_of_a_book_by_mdbook_leads_to_its_file() {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|output| String::from_utf8(output.stdout).expect("a path"));
    let root = sysroot.map(|root| Path::new(root.trim()).join("share/doc/rust/html"));
    match root {
        Ok(root) if root.join("book/index.html").is_file() => walk_in_every_way(&root, "/book/"),
        _ => unavailable("the documentation of the toolchain (rustup component add rust-docs)"),
    }
}

/// The documentation that rustdoc makes of a crate.
#[test]
fn every_link_of_documentation_by_rustdoc_leads_to_its_file() {
    let site = Site::new();
    let source = site.outside("pond.rs");
    fs::write(&source, POND).expect("a file can be written");
    let made = Command::new("rustdoc")
        .arg(&source)
        .arg("-o")
        .arg(site.root())
        .output();
    match made {
        Ok(made) => {
            assert!(
                made.status.success(),
                "{}",
                String::from_utf8_lossy(&made.stderr)
            );
            walk_in_every_way(&site.root(), "/pond/");
        }
        Err(error) => unavailable(&format!("rustdoc: {error}")),
    }
}

/// Modules, types, traits and a macro that link to one another.
const POND: &str = "
//! A [pond](water::Pond), its [fish](fish::Fish) and its [weather](weather).
pub mod water {
    /// A pond with [fish](crate::fish::Fish) in it.
    pub struct Pond { /// Those.
        pub fish: Vec<crate::fish::Fish> }
    /// How [deep](Pond) it is.
    pub type Depth = u32;
    /// At most.
    pub const DEPTH_MAX: Depth = 9;
    /// What a [Pond] may do.
    pub trait Still { /// Whether.
        fn is_still(&self) -> bool; }
    impl Still for Pond { fn is_still(&self) -> bool { true } }
}
pub mod fish {
    /// A fish.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Fish { /// Of the [pond](crate::water::Pond).
        Carp, /// Of the sea.
        Cod(u8) }
    /// Feeds [Fish].
    pub fn feed(_: &Fish) {}
    pub use crate::water::Pond;
}
/// [Wind](weather::Wind).
pub mod weather {
    /// By its speed.
    pub union Wind { /// Slow.
        pub slow: u8, /// Fast.
        pub fast: u16 }
    /// Now.
    pub static NOW: u8 = 1;
}
/// Makes [water].
#[macro_export]
macro_rules! rain { () => {}; }
";

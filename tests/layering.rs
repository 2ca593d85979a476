//! The house of ARCHITECTURE.md: who may import whom, what the pure layers do without, and how
//! long a file or a function may be. The sources are read as text that rustfmt has laid out.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each layer with all that it may import, itself aside. Nothing imports `settings` but `main`.
const LAYERS: [(&str, &[&str]); 6] = [
    ("http", &[]),
    ("plan", &["http"]),
    ("conn", &["http"]),
    ("site", &["http", "plan"]),
    ("server", &["http", "plan", "conn", "site"]),
    // The options structs that each layer declares for itself.
    ("settings", &["http", "plan", "conn", "site", "server"]),
];

/// Files, sockets, clocks, logging, the event loop and the process: what pure code does without.
const IMPURE: [&str; 18] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::process",
    "std::thread",
    "std::os::unix::net",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "Instant::now",
    "SystemTime::now",
    "log",
    "env_logger",
    "mio",
    "rustix",
    "signal_hook",
    "socket2",
];

/// What each layer must not touch.
const FORBIDDEN: [(&str, &[&str]); 4] = [
    ("http", &IMPURE),
    ("plan", &IMPURE),
    ("conn", &IMPURE),
    (
        "site",
        &[
            "mio",
            "socket2",
            "signal_hook",
            "std::os::unix::net",
            "std::net::TcpListener",
            "std::net::TcpStream",
        ],
    ),
];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn every_module_is_a_layer() {
    let entries = fs::read_dir(repository().join("src"))
        .unwrap()
        .map(Result::unwrap);
    let modules: BTreeSet<_> = entries
        .map(|entry| {
            entry
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !["lib", "main"].contains(&name.as_str()))
        .collect();
    assert_eq!(modules, LAYERS.map(|(layer, _)| layer.to_owned()).into());
}

#[test]
fn no_layer_imports_what_stands_above_it() {
    for (layer, allowed) in LAYERS {
        for source in sources(&format!("src/{layer}")) {
            let production = source.production();
            for path in paths(&production) {
                if path[0] == "crate" {
                    let to = path.get(1).map_or("", String::as_str);
                    let right = to == layer || allowed.contains(&to);
                    assert!(right, "{} imports {}", source.name, path.join("::"));
                }
                let climbed = path
                    .iter()
                    .take_while(|segment| *segment == "super")
                    .count();
                assert!(
                    climbed <= source.depth(),
                    "{} climbs out: {path:?}",
                    source.name
                );
            }
        }
    }
}

#[test]
fn main_knows_the_settings_and_the_server_alone() {
    for source in sources("src")
        .iter()
        .filter(|source| source.name == "src/main.rs")
    {
        let imported: BTreeSet<_> = paths(&source.production())
            .filter(|path| path[0] == "millpond" && path.len() > 1)
            .map(|path| path[1].clone())
            .collect();
        assert_eq!(
            imported,
            BTreeSet::from(["server", "settings"].map(str::to_owned))
        );
    }
}

#[test]
fn pure_layers_touch_nothing_of_the_world() {
    for (layer, forbidden) in FORBIDDEN {
        for source in sources(&format!("src/{layer}")) {
            for path in paths(&source.production()).map(|path| path.join("::")) {
                let touched = forbidden.iter().find(|name| {
                    let exactly = path
                        .strip_prefix(*name)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
                    exactly || name.contains("::now") && path.ends_with(&format!("::{name}"))
                });
                assert_eq!(touched, None, "{} uses {path}", source.name);
            }
        }
    }
}

#[test]
fn nothing_is_unsafe() {
    let library = fs::read_to_string(repository().join("src/lib.rs")).unwrap();
    assert!(library.contains("#![forbid(unsafe_code)]"));
    for source in sources("src").into_iter().chain(sources("tests")) {
        let code = code_of(&source.text);
        let mut words = code.split(|char: char| !(char.is_alphanumeric() || char == '_'));
        assert!(!words.any(|word| word == "unsafe"), "{}", source.name);
    }
}

#[test]
fn no_file_is_too_long() {
    for source in sources("src").into_iter().chain(sources("tests")) {
        let code = source.production();
        let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{} has {lines} lines of code",
            source.name
        );
    }
}

#[test]
fn no_function_is_too_long() {
    for source in sources("src").into_iter().chain(sources("tests")) {
        let code = code_of(&source.text);
        let lines: Vec<_> = code
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        for (number, line) in lines.iter().enumerate() {
            let words: Vec<_> = line.split_whitespace().collect();
            let is_function = words.iter().take(4).any(|word| *word == "fn");
            if is_function && !line.ends_with(['}', ';']) {
                let indent = &line[..line.len() - line.trim_start().len()];
                let end = format!("{indent}}}");
                let body = lines[number..].iter().position(|line| **line == end);
                let length = body.map_or(0, |last| last + 1);
                assert!(
                    length <= FUNCTION_LINES_MAX,
                    "{}: {line}: {length} lines",
                    source.name
                );
            }
        }
    }
}

#[test]
fn paths_are_found_in_every_form() {
    let code = "use crate::{a, b::{c, d as e}}; fn f(x: crate::g::H) { std::fs::read(x) } use log;";
    let found: Vec<_> = paths(code).map(|path| path.join("::")).collect();
    for expected in [
        "crate::a",
        "crate::b::c",
        "crate::b::d",
        "crate::g::H",
        "std::fs::read",
        "log",
    ] {
        assert!(
            found.iter().any(|path| path == expected),
            "{expected} in {found:?}"
        );
    }
}

#[test]
fn comments_and_strings_are_no_code() {
    let code =
        "a /* b \n /* c */ d */ e // f\n\"g \\\" h\" i r#\"j \" k\"# l '\"' m 'n b'\\'' o: &'p q";
    let words: Vec<_> = code_of(code)
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert_eq!(words.join(" ").replace("b o", "o"), "a e i l m 'n o: &'p q");
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Source {
    /// From the root of the repository.
    name: String,
    text: String,
}

impl Source {
    /// The code that is not there for tests alone.
    fn production(&self) -> String {
        if self.name.ends_with("/tests.rs") {
            return String::new();
        }
        let code = code_of(&self.text);
        code.split("#[cfg(test)]\nmod ")
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// How many modules lie between this one and its layer's.
    fn depth(&self) -> usize {
        let path = Path::new(&self.name);
        let is_root = path.file_name().is_some_and(|name| name == "mod.rs");
        path.components().count() - 2 - usize::from(is_root)
    }
}

/// All Rust files beneath a directory of the repository.
fn sources(directory: &str) -> Vec<Source> {
    let mut pending: Vec<PathBuf> = vec![repository().join(directory)];
    let mut sources = Vec::new();
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path
                    .strip_prefix(repository())
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                sources.push(Source {
                    name,
                    text: fs::read_to_string(path).unwrap(),
                });
            }
        }
    }
    assert!(!sources.is_empty(), "no sources in {directory}");
    sources
}

/// The text without comments and without what stands in literals; lines stay lines.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment_length(rest)
        } else if rest.starts_with("r\"") || rest.starts_with("r#") {
            raw_string_length(rest).unwrap_or(0)
        } else if char == '"' {
            quoted_length(rest, '"')
        } else if char == '\'' && is_character(rest) {
            quoted_length(rest, '\'')
        } else {
            0
        };
        code.extend(rest[..skipped].chars().filter(|char| *char == '\n'));
        if skipped == 0 {
            code.push(char);
        }
        rest = &rest[skipped.max(char.len_utf8() * usize::from(skipped == 0))..];
    }
    code
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (position, pair) in text.as_bytes().windows(2).enumerate() {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return position + 2;
        }
    }
    text.len()
}

/// `None` for a raw identifier.
fn raw_string_length(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    let start = hashes + 2;
    text[1 + hashes..].starts_with('"').then(|| {
        let end = format!("\"{}", "#".repeat(hashes));
        text[start..]
            .find(&end)
            .map_or(text.len(), |length| start + length + end.len())
    })
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (position, char) in text.char_indices().skip(1) {
        if char == quote && !escaped {
            return position + 1;
        }
        escaped = char == '\\' && !escaped;
    }
    text.len()
}

/// Whether an apostrophe begins a character and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

/// Every path in the code, with the groups of `use` taken apart.
fn paths(code: &str) -> impl Iterator<Item = Vec<String>> {
    let spaced = code.replace("::", " :: ");
    let spaced = [
        "{", "}", ",", ";", "(", ")", "<", ">", "&", "!", ".", ":", "=", "[", "]", "*",
    ]
    .into_iter()
    .fold(spaced.replace("::", "\u{1}"), |code, mark| {
        code.replace(mark, &format!(" {mark} "))
    });
    let mut prefixes: Vec<Vec<String>> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut all = Vec::new();
    let mut continues = false;
    for token in spaced.split_whitespace() {
        match token {
            "\u{1}" => continues = true,
            "{" => {
                prefixes.push(if continues { path.clone() } else { Vec::new() });
                path = prefixes.last().cloned().unwrap_or_default();
                continues = !path.is_empty();
            }
            "," | "}" => {
                all.push(std::mem::take(&mut path));
                if token == "}" {
                    prefixes.pop();
                }
                path = prefixes.last().cloned().unwrap_or_default();
                continues = !path.is_empty();
            }
            word => {
                if !continues {
                    all.push(std::mem::take(&mut path));
                }
                path.push(word.to_owned());
                continues = false;
            }
        }
    }
    all.push(path);
    all.into_iter().filter(|path| !path.is_empty())
}

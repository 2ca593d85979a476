//! The house of ARCHITECTURE.md: who may import whom, what the pure layers do without, and how
//! long a file or a function may be. The sources are read as text that rustfmt has laid out.

#[path = "layering/circles.rs"]
mod circles;
#[path = "layering/source.rs"]
mod source;

use circles::Imports;
use source::{all_sources, function_lengths, paths, repository, sources};
use std::{collections::BTreeSet, fs};

/// Each layer with all that it may import, itself aside. Nothing imports `settings` but `main`.
const LAYERS: [(&str, &[&str]); 8] = [
    ("http", &[]),
    ("plan", &["http"]),
    ("conn", &["http"]),
    ("site", &["http", "plan"]),
    // It knows nothing of HTTP.
    ("process", &[]),
    ("server", &["http", "plan", "conn", "site", "process"]),
    (
        "commands",
        &["http", "plan", "conn", "site", "process", "server"],
    ),
    // The options structs that each layer declares for itself.
    (
        "settings",
        &["http", "plan", "conn", "site", "process", "server"],
    ),
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

/// Layers whose circles are yet to be opened.
const STILL_CLOSED: [&str; 3] = ["src/plan/", "src/site/", "src/settings/"];

/// Long enough for a type with all that it does: no type is torn in two for its length.
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn every_module_is_a_layer() {
    let modules: BTreeSet<_> = fs::read_dir(repository().join("src"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
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
                // `pub(crate)` names nothing.
                if let [first, to, ..] = &path[..]
                    && first == "crate"
                {
                    let right = to == layer || allowed.contains(&to.as_str());
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

/// A file that is imported, however indirectly, by one that it imports can be read only together
/// with it.
#[test]
fn no_circle_of_files_is_closed() {
    let circles = Imports::of(&sources("src")).circles().into_iter();
    let new: Vec<_> = circles
        .filter(|circle| !STILL_CLOSED.iter().any(|layer| circle.starts_with(layer)))
        .collect();
    assert_eq!(new, [""; 0]);
}

#[test]
fn main_knows_the_settings_what_serves_and_what_is_said_once() {
    let main = sources("src")
        .into_iter()
        .find(|source| source.name == "src/main.rs");
    let imported: BTreeSet<_> = paths(&main.expect("a main").production())
        .filter(|path| path[0] == "millpond" && path.len() > 1)
        .map(|path| path[1].clone())
        .collect();
    let expected = ["commands", "process", "server", "settings"];
    assert_eq!(imported, expected.map(str::to_owned).into());
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
    for source in all_sources() {
        let code = source.code();
        let mut words = code.split(|char: char| !(char.is_alphanumeric() || char == '_'));
        assert!(!words.any(|word| word == "unsafe"), "{}", source.name);
    }
}

#[test]
fn no_file_is_too_long() {
    let lengths = all_sources().map(|source| {
        let code = source.production();
        let lines = code.lines().filter(|line| !line.trim().is_empty());
        (source.name, lines.count())
    });
    let too_long: Vec<_> = lengths
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .collect();
    assert_eq!(too_long, [], "longer than {FILE_LINES_MAX} lines of code");
}

#[test]
fn no_function_is_too_long() {
    let lengths = all_sources().flat_map(|source| {
        let functions = function_lengths(&source.code()).into_iter();
        functions.map(move |(line, length)| (source.name.clone(), line, length))
    });
    let too_long: Vec<_> = lengths
        .filter(|(.., lines)| *lines > FUNCTION_LINES_MAX)
        .collect();
    assert_eq!(
        too_long,
        [],
        "longer than {FUNCTION_LINES_MAX} lines of code"
    );
}

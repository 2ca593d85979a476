//! The rules of ARCHITECTURE.md: the imports of each layer, the modules that pure layers avoid, and
//! the length of files and functions. The sources are read as text in the layout of rustfmt.

mod circles;
mod source;

use circles::Imports;
use source::{all_sources, function_lengths, repository, sources};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// Each layer with all layers that it may import, besides itself. Only `main` imports `settings`.
const LAYERS: [(&str, &[&str]); 11] = [
    ("http", &[]),
    ("listing", &["http"]),
    ("plan", &["http"]),
    ("passwords", &[]),
    ("conn", &["http"]),
    // Names in the local network, unrelated to HTTP.
    ("mdns", &[]),
    ("site", &["http", "listing", "plan"]),
    // It does not depend on HTTP.
    ("process", &[]),
    (
        "server",
        &[
            "http",
            "listing",
            "passwords",
            "plan",
            "conn",
            "mdns",
            "site",
            "process",
        ],
    ),
    (
        "commands",
        &[
            "http",
            "listing",
            "passwords",
            "plan",
            "conn",
            "mdns",
            "site",
            "process",
            "server",
        ],
    ),
    // The options structs that each layer declares for itself.
    (
        "settings",
        &["http", "plan", "conn", "mdns", "site", "process", "server"],
    ),
];

/// Files, sockets, clocks, logging, the event loop and the process, which pure code does not use.
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

/// The modules that each layer must not use.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    ("http", &IMPURE),
    ("listing", &IMPURE),
    ("plan", &IMPURE),
    ("passwords", &IMPURE),
    ("conn", &IMPURE),
    ("mdns", &IMPURE),
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

/// Long enough for a type with all its methods, so no type is split because of its length.
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// So many that a reader can guess which one to open.
const FOLDER_FILES_MAX: usize = 20;

#[test]
fn every_module_is_a_layer() {
    let modules: BTreeSet<_> = fs::read_dir(repository().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        // A style sheet is not a module.
        .filter(|path| path.is_dir() || path.extension().is_some_and(|it| it == "rs"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| !["lib", "main"].contains(&name.as_str()))
        .collect();
    assert_eq!(modules, LAYERS.map(|(layer, _)| layer.to_owned()).into());
}

#[test]
fn no_layer_imports_a_layer_above_it() {
    for (layer, allowed) in LAYERS {
        for source in sources(&format!("src/{layer}")) {
            for path in source.paths() {
                // `pub(crate)` is not an import.
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

/// A file that is imported, directly or indirectly, by a file that it imports can be understood
/// only together with that file.
#[test]
fn imports_of_files_form_no_cycle() {
    assert_eq!(Imports::of(&sources("src")).circles(), [""; 0]);
}

#[test]
fn main_imports_only_the_top_layers() {
    let main = sources("src")
        .into_iter()
        .find(|source| source.name == "src/main.rs");
    let imported: BTreeSet<_> = main
        .expect("a main")
        .paths()
        .iter()
        .filter(|path| path[0] == "millpond" && path.len() > 1)
        .map(|path| path[1].clone())
        .collect();
    let expected = ["commands", "process", "server", "settings"];
    assert_eq!(imported, expected.map(str::to_owned).into());
}

#[test]
fn pure_layers_do_no_io() {
    for (layer, forbidden) in FORBIDDEN {
        for source in sources(&format!("src/{layer}")) {
            for path in source.paths().iter().map(|path| path.join("::")) {
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
fn no_folder_has_too_many_files() {
    let mut folders: BTreeMap<_, usize> = BTreeMap::new();
    for source in sources("src") {
        let folder = source.name.rsplit_once('/').map(|(folder, _)| folder);
        *folders.entry(folder.map(str::to_owned)).or_default() += 1;
    }
    folders.retain(|_, files| *files > FOLDER_FILES_MAX);
    assert_eq!(folders, [].into(), "more than {FOLDER_FILES_MAX} files");
}

#[test]
fn no_file_is_too_long() {
    let lengths = all_sources().map(|source| {
        let code = source.production();
        let lines = code.lines().filter(|line| !line.trim().is_empty());
        (&source.name, lines.count())
    });
    let too_long: Vec<_> = lengths
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .collect();
    assert_eq!(too_long, [], "longer than {FILE_LINES_MAX} lines of code");
}

#[test]
fn no_function_is_too_long() {
    let lengths = all_sources().flat_map(|source| {
        let functions = function_lengths(source.code()).into_iter();
        functions.map(move |(line, length)| (&source.name, line, length))
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

//! Rust sources as text: enough of the grammar to find paths, functions and lines of code.

use std::{
    fs, iter,
    path::{Path, PathBuf},
    sync::OnceLock,
};

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A source file.
#[derive(Clone)]
pub(crate) struct Source {
    /// The path from the root of the repository.
    pub(crate) name: String,
    code: String,
    /// The code without that for tests, and its paths, once they are asked for.
    production: OnceLock<String>,
    paths: OnceLock<Vec<Vec<String>>>,
}

impl Source {
    /// Creates a source from text in a test.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            code: code_of(text),
            production: OnceLock::new(),
            paths: OnceLock::new(),
        }
    }

    /// Returns the code without that for tests.
    pub(crate) fn production(&self) -> &str {
        self.production.get_or_init(|| self.without_tests())
    }

    /// Returns every path in the [code without tests](Self::production).
    pub(crate) fn paths(&self) -> &[Vec<String>] {
        self.paths
            .get_or_init(|| paths(self.production()).collect())
    }

    fn without_tests(&self) -> String {
        if self.name.ends_with("/tests.rs") {
            return String::new();
        }
        let mut parts = self.code.split("#[cfg(test)]\nmod ");
        let mut production = parts.next().unwrap_or_default().to_owned();
        // A test module ends with its line or its block; the code after it is production code
        // again.
        for part in parts {
            let end = if part.lines().next().is_some_and(|line| line.ends_with(';')) {
                "\n"
            } else {
                "\n}\n"
            };
            production.extend(part.split_once(end).map(|(_, behind)| behind));
        }
        production
    }

    /// Returns all of the code.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Returns the number of modules between this one and its layer.
    pub(crate) fn depth(&self) -> usize {
        let path = Path::new(&self.name);
        let is_root = path.file_name().is_some_and(|name| name == "mod.rs");
        path.components().count() - 2 - usize::from(is_root)
    }
}

/// Returns the first line of each function with more than one line, and its number of code lines.
pub(crate) fn function_lengths(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = code
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let mut lengths = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let is_function = line.split_whitespace().take(4).any(|word| word == "fn");
        if is_function && !line.ends_with(['}', ';']) {
            let name = line.trim_start();
            let end = format!("{}}}", &line[..line.len() - name.len()]);
            let last = lines[number..].iter().position(|line| **line == end);
            let last = last.unwrap_or_else(|| panic!("no end of {name}"));
            lengths.push((name.to_owned(), last + 1));
        }
    }
    lengths
}

/// Returns all sources of the project and its tests.
pub(crate) fn all_sources() -> impl Iterator<Item = &'static Source> {
    static READ: OnceLock<Vec<Source>> = OnceLock::new();
    let read = READ.get_or_init(|| [read("src"), read("tests")].concat());
    read.iter()
}

/// Returns all Rust files beneath a directory in `src` or `tests`.
pub(crate) fn sources(directory: &str) -> Vec<&'static Source> {
    let directory = format!("{directory}/");
    let sources: Vec<_> = all_sources()
        .filter(|source| source.name.starts_with(&directory))
        .collect();
    assert!(!sources.is_empty(), "no sources in {directory}");
    sources
}

fn read(directory: &str) -> Vec<Source> {
    let mut pending: Vec<PathBuf> = vec![repository().join(directory)];
    let mut sources = Vec::new();
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(repository()).unwrap().to_string_lossy();
                sources.push(Source::new(&name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources
}

/// Returns the text without comments and without the content of literals, line by line.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = memchr::memchr3(b'/', b'"', b'\'', rest.as_bytes()) {
        code.push_str(&rest[..start]);
        rest = &rest[start..];
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment_length(rest)
        } else if rest.starts_with('"') {
            match take_raw_start(&mut code) {
                Some(hashes) => raw_string_length(rest, hashes),
                None => quoted_length(rest, b'"'),
            }
        } else if is_character(rest) {
            quoted_length(rest, b'\'')
        } else {
            0
        };
        if skipped == 0 {
            code.push_str(&rest[..1]);
        }
        let lines = memchr::memchr_iter(b'\n', &rest.as_bytes()[..skipped]).count();
        code.extend(iter::repeat_n('\n', lines));
        rest = &rest[skipped.max(1)..];
    }
    code + rest
}

/// Removes the start of a raw string before its quote. Returns the number of its hashes.
fn take_raw_start(code: &mut String) -> Option<usize> {
    let before = code.trim_end_matches('#');
    let hashes = code.len() - before.len();
    let length = before.strip_suffix('r')?.len();
    code.truncate(length);
    Some(hashes)
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

/// Returns the length of a raw string from its first quote.
fn raw_string_length(text: &str, hashes: usize) -> usize {
    let end = format!("\"{}", "#".repeat(hashes));
    text[1..]
        .find(&end)
        .map_or(text.len(), |length| 1 + length + end.len())
}

fn quoted_length(text: &str, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut end = 1;
    while let Some(found) = memchr::memchr2(quote, b'\\', &bytes[end..]) {
        end += found + 1;
        if bytes[end - 1] == quote {
            return end;
        }
        // What is escaped is no end.
        end += 1;
    }
    text.len()
}

/// Returns `true` if an apostrophe begins a character rather than a lifetime.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

/// Returns every path in the code, with the groups of `use` expanded.
pub(crate) fn paths(code: &str) -> impl Iterator<Item = Vec<String>> {
    let mut spaced = String::with_capacity(2 * code.len());
    for char in code.replace("::", "\u{1}").chars() {
        if "\u{1}{},;()<>&!.:=[]*".contains(char) {
            spaced.extend([' ', char, ' ']);
        } else {
            spaced.push(char);
        }
    }
    let mut prefixes: Vec<Vec<String>> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut all = Vec::new();
    let mut continues = false;
    for token in spaced.split_whitespace() {
        match token {
            "\u{1}" => continues = true,
            "{" => {
                if continues {
                    prefixes.push(path.clone());
                } else {
                    prefixes.push(Vec::new());
                    all.push(std::mem::take(&mut path));
                }
                continues = !path.is_empty();
            }
            "," | "}" => {
                // The part before a group is not a path by itself.
                if prefixes.last() != Some(&path) {
                    all.push(std::mem::take(&mut path));
                }
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

#[test]
fn tests_are_no_production() {
    let text = "a\n#[cfg(test)]\nmod b;\nc\n#[cfg(test)]\nmod d {\n    e {\n    }\n}\nf\n";
    let source = Source::new("src/g.rs", text);
    assert_eq!(
        source.production().split_whitespace().collect::<Vec<_>>(),
        ["a", "c", "f"]
    );
}

#[test]
fn functions_are_measured() {
    let code = "impl A {\n    fn a(\n        b: B,\n    ) -> C {\n        if d {\n            e\n        }\n    }\n}\nfn f() {\n}\n";
    let lengths = function_lengths(code);
    assert_eq!(
        lengths,
        [("fn a(".to_owned(), 7), ("fn f() {".to_owned(), 2)]
    );
}

#[test]
fn paths_are_found_in_every_form() {
    let code = "use crate::{a, b::{c, d as e}}; fn f(x: crate::g::H) -> crate::i::J { std::fs::read(x) } use log;";
    let found: Vec<_> = paths(code).map(|path| path.join("::")).collect();
    for expected in [
        "crate::a",
        "crate::b::c",
        "crate::b::d",
        "crate::g::H",
        "crate::i::J",
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

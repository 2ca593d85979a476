//! The pages for readers: their links work, and the names in them exist.

use crate::{repository, text};
use millpond::http::Status;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, mem,
    path::{Path, PathBuf},
    process::Command,
};

const SUPPORTED_HTTP: &str = "docs/supported-http.md";
const LOCAL: &str = "docs/local.md";
const WEBSITE: &str = "docs/website.md";

/// The prefixes of paths that a page may contain; in other text, a slash need not mean a file of
/// ours.
const DIRECTORIES: [&str; 9] = [
    ".ci/",
    "bench/",
    "config/",
    "docs/",
    "fuzz/",
    "packaging/",
    "src/",
    "static/",
    "tests/",
];

#[test]
fn every_link_leads_to_a_file_that_exists() {
    let mut links = 0;
    for page in pages() {
        let prose = prose(&page.text);
        for target in inline_links(&prose).chain(definitions(&prose).into_values()) {
            if target.contains("://") {
                continue;
            }
            links += 1;
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() {
                page.path.clone()
            } else {
                page.path.parent().unwrap().join(path)
            };
            assert!(file.exists(), "{} links to {target}", page.path.display());
            let found = fragment.is_empty() || anchors(&file).contains(fragment);
            assert!(found, "{} links to {target}", page.path.display());
        }
    }
    assert!(links > 50, "only {links} links were found");
}

#[test]
fn every_path_that_a_page_names_exists() {
    let mut paths = 0;
    for page in pages() {
        for code in code_spans(&page.text) {
            // The arguments follow the path.
            let path = code.split(' ').next().unwrap_or_default();
            if DIRECTORIES.iter().any(|start| path.starts_with(start)) && !path.contains(['*', '<'])
            {
                paths += 1;
                let exists = repository(path).exists();
                assert!(exists, "{} names {path}", page.path.display());
            }
        }
    }
    assert!(paths > 20, "only {paths} paths were found");
}

#[test]
fn every_flag_that_a_page_gives_to_millpond_exists() {
    let help = Command::new(env!("CARGO_BIN_EXE_millpond"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let known: BTreeSet<_> = help.split_whitespace().filter_map(flag).collect();
    let mut flags = 0;
    for page in pages() {
        // On other pages, a flag alone may be that of another program.
        let is_of_millpond = [SUPPORTED_HTTP, LOCAL, WEBSITE].map(repository);
        let alone = code_spans(&page.text)
            .into_iter()
            .filter(|code| code.starts_with("--") && is_of_millpond.contains(&page.path));
        let given = page.text.lines().filter_map(arguments);
        let words = alone.chain(given).flat_map(str::split_whitespace);
        for name in words.filter_map(flag) {
            flags += 1;
            assert!(known.contains(name), "{}: {name}", page.path.display());
        }
    }
    assert!(flags > 20, "only {flags} flags were found");
}

#[test]
fn every_source_and_test_that_the_page_of_http_names_exists() {
    let page = Page::of(SUPPORTED_HTTP);
    let files = definitions(&page.text);
    let mut tests_of = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut names = 0;
    for line in page.text.lines().filter(|line| !line.starts_with('[')) {
        // A name belongs to the last file before it.
        let mut file = None;
        for reference in references(line) {
            match reference {
                Reference::File(label) => {
                    let target = files.get(label);
                    file = Some(*target.unwrap_or_else(|| panic!("[{label}] leads nowhere")));
                    used.insert(label);
                }
                Reference::Test(name) => {
                    names += 1;
                    let file = file.unwrap_or_else(|| panic!("{name} is in no file: {line}"));
                    let tests = tests_of
                        .entry(file)
                        .or_insert_with(|| tests_in(&repository("docs").join(file)));
                    assert!(tests.contains(name), "{file} has no test {name}");
                }
            }
        }
    }
    let unused: Vec<_> = files
        .keys()
        .filter(|label| !used.contains(*label))
        .collect();
    assert_eq!(unused, [&""; 0], "defined and not used");
    assert!(names > 100, "only {names} tests were found");
}

#[test]
fn every_row_about_http_names_its_evidence() {
    let page = Page::of(SUPPORTED_HTTP);
    let mut rows = 0;
    for table in tables(&page.text) {
        let [head, _, body @ ..] = table.as_slice() else {
            panic!("a table without a head: {table:?}");
        };
        for row in body {
            rows += 1;
            assert_eq!(row.len(), head.len(), "{row:?}");
            assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
            for (title, cell) in head.iter().zip(row) {
                let right = match *title {
                    "tests" => *cell == "—" || (cell.starts_with('[') && cell.ends_with('`')),
                    "source" => *cell == "—" || (cell.starts_with('[') && cell.ends_with(']')),
                    _ => true,
                };
                assert!(right, "{title}: {cell}");
            }
        }
    }
    assert!(rows > 100, "only {rows} rows were found");
}

#[test]
fn every_sent_status_is_listed_on_the_page_about_http() {
    let page = Page::of(SUPPORTED_HTTP);
    let listed: Vec<_> = tables(&page.text)
        .into_iter()
        .filter(|table| table[0][0] == "status")
        .flat_map(|table| table[2..].iter().map(|row| row[0]).collect::<Vec<_>>())
        .collect();
    let sent = Status::ALL
        .iter()
        .map(|status| format!("{} {}", status.code(), status.reason()));
    assert_eq!(listed, sent.collect::<Vec<_>>());
}

/// A page in Markdown.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn of(name: &str) -> Self {
        Self::read(repository(name))
    }

    fn read(path: PathBuf) -> Self {
        let text = text(&path);
        Self { path, text }
    }
}

/// Returns every page at the top of the repository and in `docs`.
fn pages() -> Vec<Page> {
    let in_directory = |directory: &str| {
        let entries = fs::read_dir(repository(directory)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .map(Page::read)
            .collect::<Vec<_>>()
    };
    let mut pages = in_directory(".");
    pages.extend(in_directory("docs"));
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        SUPPORTED_HTTP,
        LOCAL,
        WEBSITE,
    ] {
        let path = repository(name);
        assert!(pages.iter().any(|page| page.path == path), "no {name}");
    }
    pages
}

/// Returns the text without code blocks and code spans, in which brackets are not links.
fn prose(text: &str) -> String {
    let lines = unfenced(text).map(|line| {
        let outside = line.split('`').step_by(2);
        outside.collect::<Vec<_>>().concat()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the code spans outside of code blocks.
fn code_spans(text: &str) -> Vec<&str> {
    unfenced(text)
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

fn unfenced(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    })
}

/// Returns the targets of `[text](target)`.
fn inline_links(prose: &str) -> impl Iterator<Item = &str> {
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

/// Returns the targets of `[label]: target`, by label.
fn definitions(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
        .collect()
}

/// Returns the fragments of a page's headings.
fn anchors(file: &Path) -> BTreeSet<String> {
    let text = text(file);
    let headings = unfenced(&text).filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        words
            .replace(
                |char: char| !char.is_alphanumeric() && !" -_".contains(char),
                "",
            )
            .replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// Returns the tables of a page as rows of cells, including the head and the line below it.
fn tables(text: &str) -> Vec<Vec<Vec<&str>>> {
    let mut tables = vec![Vec::new()];
    for line in text.lines() {
        match line
            .strip_prefix("| ")
            .and_then(|row| row.strip_suffix(" |"))
        {
            Some(row) => tables.last_mut().unwrap().push(row.split(" | ").collect()),
            None => tables.push(Vec::new()),
        }
    }
    tables.retain(|table| !table.is_empty());
    tables
}

/// A reference in a line of the page about HTTP.
enum Reference<'t> {
    /// A file, by its label: `[label]`.
    File(&'t str),
    /// A test in the file: at least three words, as in a sentence, joined by underscores.
    Test(&'t str),
}

fn references(line: &str) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    for (number, part) in line.split('`').enumerate() {
        if number % 2 == 1 {
            let is_name = part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if is_name && part.matches('_').count() > 1 {
                found.push(Reference::Test(part));
            }
        } else {
            let labels = part
                .split('[')
                .skip(1)
                .filter_map(|rest| rest.split_once(']'));
            found.extend(labels.map(|(label, _)| Reference::File(label)));
        }
    }
    found
}

/// Returns the names of the test functions in a source file.
fn tests_in(file: &Path) -> BTreeSet<String> {
    let text = text(file);
    let mut names = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if let Some(function) = line.strip_prefix("fn ")
            && mem::take(&mut is_test)
        {
            names.extend(function.split('(').next().map(str::to_owned));
        }
    }
    names
}

/// Returns the arguments of millpond in a command line.
fn arguments(line: &str) -> Option<&str> {
    let (before, arguments) = line
        .split_once("cargo run --release -- ")
        .or_else(|| line.split_once("millpond "))?;
    let is_command = before.split_whitespace().all(|word| word.contains('='));
    is_command.then_some(arguments)
}

/// Returns the flag in a word, without its value and surrounding characters.
fn flag(word: &str) -> Option<&str> {
    let start = word
        .find("--")
        .filter(|start| !word[..*start].contains(char::is_alphanumeric))?;
    let name = word[start..].split(|char: char| !char.is_alphanumeric() && char != '-');
    name.into_iter().next().filter(|name| name.len() > 2)
}

//! The pages for readers: what they link to is there, and what they name exists.

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

/// Where the paths begin that a page may name; elsewhere, a slash need not mean a file of ours.
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
            // What follows a path are its arguments.
            let path = code.split(' ').next().unwrap_or_default();
            if DIRECTORIES.iter().any(|start| path.starts_with(start)) && !path.contains(['*', '<'])
            {
                paths += 1;
                let exists = repository().join(path).exists();
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
        // Elsewhere, a flag by itself may be another program's.
        let is_of_millpond = [SUPPORTED_HTTP, LOCAL, WEBSITE].map(|name| repository().join(name));
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
        // A name belongs to the file that was named last before it.
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
                        .or_insert_with(|| tests_in(&repository().join("docs").join(file)));
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
fn every_row_about_http_says_what_shows_it() {
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
fn every_status_that_is_sent_stands_on_the_page_of_http() {
    let page = Page::of(SUPPORTED_HTTP);
    let told: Vec<_> = tables(&page.text)
        .into_iter()
        .filter(|table| table[0][0] == "status")
        .flat_map(|table| table[2..].iter().map(|row| row[0]).collect::<Vec<_>>())
        .collect();
    let sent = Status::ALL
        .iter()
        .map(|status| format!("{} {}", status.code(), status.reason()));
    assert_eq!(told, sent.collect::<Vec<_>>());
}

/// A page of Markdown.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn of(name: &str) -> Self {
        Self::read(repository().join(name))
    }

    fn read(path: PathBuf) -> Self {
        let text = read(&path);
        Self { path, text }
    }
}

/// Every page at the top of the repository and in `docs`.
fn pages() -> Vec<Page> {
    let in_directory = |directory: &str| {
        let entries = fs::read_dir(repository().join(directory)).unwrap();
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
        let path = repository().join(name);
        assert!(pages.iter().any(|page| page.path == path), "no {name}");
    }
    pages
}

/// What is neither code between fences nor a code span, in which brackets are no links.
fn prose(text: &str) -> String {
    let lines = unfenced(text).map(|line| {
        let outside = line.split('`').step_by(2);
        outside.collect::<Vec<_>>().concat()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What stands between backquotes, other than between fences.
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

/// The targets of `[text](target)`.
fn inline_links(prose: &str) -> impl Iterator<Item = &str> {
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

/// The targets of `[label]: target`, by their labels.
fn definitions(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
        .collect()
}

/// The names by which the headings of a page can be linked to.
fn anchors(file: &Path) -> BTreeSet<String> {
    let text = read(file);
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

/// The tables of a page: rows, the head and the line below it among them, of cells.
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

/// What a line of the page of HTTP refers to.
enum Reference<'t> {
    /// A file, by its label: `[label]`.
    File(&'t str),
    /// A test in it: three words at least, as a sentence has, joined by underscores.
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

/// The names of the test functions in a source file.
fn tests_in(file: &Path) -> BTreeSet<String> {
    let text = read(file);
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

/// What a line of commands gives to millpond.
fn arguments(line: &str) -> Option<&str> {
    let (before, arguments) = line
        .split_once("cargo run --release -- ")
        .or_else(|| line.split_once("millpond "))?;
    let is_command = before.split_whitespace().all(|word| word.contains('='));
    is_command.then_some(arguments)
}

/// The flag that a word gives, without its value and what surrounds it.
fn flag(word: &str) -> Option<&str> {
    let start = word
        .find("--")
        .filter(|start| !word[..*start].contains(char::is_alphanumeric))?;
    let name = word[start..].split(|char: char| !char.is_alphanumeric() && char != '-');
    name.into_iter().next().filter(|name| name.len() > 2)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

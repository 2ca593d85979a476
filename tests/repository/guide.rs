//! The guide for browsers, `static/guide/`, is generated from the pages in `docs/`, so that
//! everything is written once. `docs/README.md` is its first page and its menu. After a change:
//!
//! ```sh
//! UPDATE=1 cargo test --test repository guide
//! ```

use crate::{repository, text};
use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs, iter,
    path::{Path, PathBuf},
    sync::Once,
};

const GUIDE: &str = "static/guide";
const FIRST: &str = "README";

/// Pages that only the repository has: the notes about measurements are long, and interest few
/// readers.
const LEFT_OUT: [&str; 1] = ["measurements"];

/// A page of `docs` with more headings than this begins with links to them.
const HEADINGS_WITHOUT_CONTENTS: usize = 3;

#[test]
fn the_guide_is_made_of_the_pages_in_docs() {
    let made = make_guide();
    update();
    let mut found = BTreeMap::new();
    for path in files_below(&repository(GUIDE)) {
        let content = fs::read(&path).unwrap();
        let name = path.strip_prefix(repository(GUIDE)).unwrap().to_owned();
        found.insert(name, content);
    }
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    let hint = "run UPDATE=1 cargo test --test repository guide";
    assert_eq!(names(&found), names(&made), "{hint}");
    for (path, content) in &made {
        assert!(found[path] == *content, "{}: {hint}", path.display());
    }
}

#[test]
fn every_page_in_docs_is_in_the_menu_of_the_guide_or_left_out_on_purpose() {
    let mut pages = BTreeSet::new();
    for entry in fs::read_dir(repository("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    let menu = menu();
    let listed = menu.iter().flat_map(|part| &part.pages);
    let listed = listed.map(|page| page.name.clone());
    let others = LEFT_OUT.into_iter().chain([FIRST]).map(str::to_owned);
    assert_eq!(listed.chain(others).collect::<BTreeSet<_>>(), pages);
}

#[test]
fn every_link_of_the_demo_site_leads_to_a_file_and_a_place_in_it() {
    // The start page shows a redirect and an error; a page shows what --live adds.
    let on_purpose = ["/guide", "/no-such-page", "/.well-known/millpond/live.js"];
    update();
    let site = repository("static");
    let mut links = 0;
    for page in files_below(&site) {
        if page.extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        let content = fs::read_to_string(&page).unwrap();
        for link in attributes(&content, "href").chain(attributes(&content, "src")) {
            if link.contains("://") || on_purpose.contains(&link) {
                continue;
            }
            links += 1;
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = match path.strip_prefix('/') {
                Some(path) => site.join(path),
                None if path.is_empty() => page.clone(),
                None => page.parent().unwrap().join(path),
            };
            let target = if target.is_dir() {
                assert!(path.ends_with('/'), "{} links to {link}", page.display());
                target.join("index.html")
            } else {
                target
            };
            assert!(target.is_file(), "{} links to {link}", page.display());
            if !fragment.is_empty() {
                let content = fs::read_to_string(&target).unwrap();
                let is_there = attributes(&content, "id").any(|id| id == fragment);
                assert!(is_there, "{} links to {link}", page.display());
            }
        }
    }
    assert!(links > 200, "only {links} links were found");
}

/// Writes the guide if an update is requested, before any test reads it.
fn update() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if env::var_os("UPDATE").is_none() {
            return;
        }
        fs::remove_dir_all(repository(GUIDE)).unwrap();
        for (path, content) in make_guide() {
            let path = repository(GUIDE).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    });
}

/// A part of the menu: a heading of the first page, and the pages that it lists.
struct Part {
    title: String,
    pages: Vec<Page>,
}

/// A page of the guide: the name of its file in `docs`, and its title in the menu.
struct Page {
    name: String,
    title: String,
}

/// Returns the parts of `docs/README.md`, according to its headings and lists of links.
fn menu() -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for line in text(format!("docs/{FIRST}.md")).lines() {
        if let Some(title) = line.strip_prefix("## ") {
            let (title, pages) = (title.to_owned(), Vec::new());
            parts.push(Part { title, pages });
        } else if let Some((title, rest)) = line
            .strip_prefix("- [")
            .and_then(|rest| rest.split_once("]("))
            && let Some((name, _)) = rest.split_once(".md)")
        {
            let (title, name) = (title.to_owned(), name.to_owned());
            let part = parts.last_mut().expect("a heading before the list");
            part.pages.push(Page { name, title });
        }
    }
    parts
}

/// Returns the content of each file of the guide, by its path in the guide.
fn make_guide() -> BTreeMap<PathBuf, Vec<u8>> {
    let menu = menu();
    let names = menu.iter().flat_map(|part| &part.pages);
    let names: Vec<_> = names.map(|page| page.name.as_str()).collect();
    let mut files = BTreeMap::new();
    let mut images = BTreeSet::new();
    for name in names.iter().copied().chain([FIRST]) {
        let markdown = text(format!("docs/{name}.md"));
        let guide = Guide {
            name,
            names: &names,
        };
        let directory = if name == FIRST { "" } else { name };
        let path = Path::new(directory).join("index.html");
        let page = guide.render(&markdown, &menu, &mut images);
        files.insert(path, page.into_bytes());
    }
    for image in images {
        let content = fs::read(repository("docs").join(&image)).unwrap();
        files.insert(image.into(), content);
    }
    files
}

/// Turns one page of `docs` into one of the guide.
struct Guide<'a> {
    name: &'a str,
    names: &'a [&'a str],
}

impl Guide<'_> {
    /// Returns the relative path from this page to the first.
    fn to_first(&self) -> &'static str {
        if self.name == FIRST { "" } else { "../" }
    }

    fn render(&self, markdown: &str, menu: &[Part], images: &mut BTreeSet<String>) -> String {
        let parser = Parser::new_ext(markdown, Options::ENABLE_TABLES);
        let events: Vec<_> = parser.collect();
        let mut headings = Vec::new();
        let mut made = Vec::new();
        let mut is_example = false;
        for (number, event) in events.iter().enumerate() {
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    let title = text_until_end(&events[number + 1..]);
                    let id = slug(&title);
                    made.push(heading(*level, &id));
                    headings.push((*level as u8, title, id));
                }
                Event::Start(Tag::Table(columns)) => {
                    made.push(Event::Html("<div class=\"scroll\">\n".into()));
                    made.push(Event::Start(Tag::Table(columns.clone())));
                }
                Event::End(TagEnd::Table) => {
                    made.push(event.clone());
                    made.push(Event::Html("</div>\n".into()));
                }
                // The server in an example is not the one that shows the guide.
                Event::Start(Tag::Link {
                    link_type: LinkType::Autolink,
                    ..
                }) => is_example = true,
                Event::End(TagEnd::Link) if is_example => is_example = false,
                Event::Start(Tag::Link {
                    link_type,
                    dest_url,
                    title,
                    id,
                }) => made.push(Event::Start(Tag::Link {
                    link_type: *link_type,
                    dest_url: self.link(dest_url).into(),
                    title: title.clone(),
                    id: id.clone(),
                })),
                Event::Start(Tag::Image {
                    link_type,
                    dest_url,
                    title,
                    id,
                }) => {
                    images.insert(dest_url.to_string());
                    made.push(Event::Start(Tag::Image {
                        link_type: *link_type,
                        dest_url: format!("{}{dest_url}", self.to_first()).into(),
                        title: title.clone(),
                        id: id.clone(),
                    }));
                }
                Event::Html(raw) | Event::InlineHtml(raw) => {
                    made.push(Event::Html(self.raw(raw, images)));
                }
                event => made.push(event.clone()),
            }
        }
        let mut content = String::new();
        html::push_html(&mut content, made.into_iter());
        let contents = contents(&headings);
        if let Some(first) = content.find("<h2")
            && !contents.is_empty()
        {
            content.insert_str(first, &contents);
        }
        let title = headings.first().map_or("", |(_, title, _)| title);
        self.frame(title, &content, menu)
    }

    /// Returns the HTML for the guide: its images are the guide's, and comments are removed.
    fn raw<'t>(&self, raw: &str, images: &mut BTreeSet<String>) -> CowStr<'t> {
        if raw.trim_start().starts_with("<!--") {
            return "".into();
        }
        for image in attributes(raw, "src").chain(attributes(raw, "srcset")) {
            images.insert(image.to_owned());
        }
        let moved = format!("\"{}images/", self.to_first());
        raw.replace("\"images/", &moved).into()
    }

    /// Returns the target of a link in the guide: its own pages, and the repository for all other
    /// files.
    fn link(&self, target: &str) -> String {
        if target.contains("://") || target.starts_with('#') {
            return target.to_owned();
        }
        let (path, fragment) = match target.split_once('#') {
            Some((path, fragment)) => (path, format!("#{fragment}")),
            None => (target, String::new()),
        };
        let page = path.strip_suffix(".md").unwrap_or_default();
        if self.names.contains(&page) {
            return format!("{}{page}/{fragment}", self.to_first());
        }
        let path = match path.strip_prefix("../") {
            Some(path) => path.to_owned(),
            None => format!("docs/{path}"),
        };
        format!(
            "{}/blob/main/{path}{fragment}",
            env!("CARGO_PKG_REPOSITORY")
        )
    }

    fn frame(&self, title: &str, content: &str, menu: &[Part]) -> String {
        let first = if self.name == FIRST {
            " aria-current=\"page\""
        } else {
            ""
        };
        let menu = self.show_menu(menu);
        let with_menu = if menu.is_empty() { "" } else { " with-menu" };
        let title = escape(title);
        format!(
            r##"<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title} · millpond</title>
  <meta name="color-scheme" content="light dark">
  <meta name="theme-color" content="#e4eeec" media="(prefers-color-scheme: light)">
  <meta name="theme-color" content="#0c1a22" media="(prefers-color-scheme: dark)">
  <link rel="icon" href="/favicon.ico" sizes="32x32">
  <link rel="icon" href="/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/millpond.css">
</head>
<body>
  <a class="skip" href="#main">Skip to the content</a>

  <header class="top">
    <a class="brand" href="/"><img src="/icon.svg" width="28" height="28" alt="">millpond</a>
    <nav aria-label="Site">
      <a href="/guide/"{first}>Guide</a>
    </nav>
  </header>

  <div class="page guide{with_menu}">
<main id="main">
{content}</main>
{menu}  </div>

  <footer class="page">millpond: one directory, one thread, HTTP/1.1.</footer>
</body>
</html>
"##
        )
    }

    /// Returns the menu of all pages; the first page has none.
    fn show_menu(&self, menu: &[Part]) -> String {
        if self.name == FIRST {
            return String::new();
        }
        let parts = menu.iter().map(|Part { title, pages }| {
            let items = pages.iter().map(|Page { name, title }| {
                let is_own = name == self.name;
                let current = if is_own { " aria-current=\"page\"" } else { "" };
                let title = escape(title);
                format!("<li><a href=\"../{name}/\"{current}>{title}</a></li>\n")
            });
            let items = items.collect::<String>();
            format!("<h2>{}</h2>\n<ul>\n{items}</ul>\n", escape(title))
        });
        let parts = parts.collect::<String>();
        format!("<nav class=\"menu\" aria-label=\"Guide\">\n{parts}</nav>\n")
    }
}

/// Returns links to the second-level headings of a page.
fn contents(headings: &[(u8, String, String)]) -> String {
    let seconds = headings.iter().filter(|(level, ..)| *level == 2);
    if seconds.clone().count() <= HEADINGS_WITHOUT_CONTENTS {
        return String::new();
    }
    let items = seconds.map(|(_, title, id)| {
        let title = escape(title);
        format!("<li><a href=\"#{id}\">{title}</a></li>\n")
    });
    let items = items.collect::<String>();
    format!("<nav class=\"contents\" aria-label=\"On this page\">\n<ul>\n{items}</ul>\n</nav>\n")
}

/// Returns the text of a heading, from the events after its start.
fn text_until_end(events: &[Event<'_>]) -> String {
    let inside = events
        .iter()
        .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let texts = inside.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(&**text),
        _ => None,
    });
    texts.collect()
}

/// Returns the start of a heading with an id.
fn heading(level: HeadingLevel, id: &str) -> Event<'static> {
    Event::Start(Tag::Heading {
        level,
        id: Some(id.to_owned().into()),
        classes: Vec::new(),
        attrs: Vec::new(),
    })
}

/// Returns the id that GitHub gives to a heading.
fn slug(title: &str) -> String {
    let kept = title
        .chars()
        .filter(|char| char.is_alphanumeric() || " -_".contains(*char));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Returns the values of an attribute in a page.
fn attributes<'p>(page: &'p str, name: &str) -> impl Iterator<Item = &'p str> {
    let start = format!(" {name}=\"");
    let mut rest = page;
    iter::from_fn(move || {
        let (_, after) = rest.split_once(&start)?;
        let (value, after) = after.split_once('"')?;
        rest = after;
        Some(value)
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Returns every file below a directory.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

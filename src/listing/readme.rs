//! The README of a directory, shown below its entries.
//!
//! The author of a README may not be the server's operator, but the page has the server's origin.
//! So HTML in it is shown as text, no link leads to a script, and images become links.

use super::text::{shown_name, visible};
use crate::http::path::name_reference;
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Alignment, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::borrow::Cow;
use std::collections::HashMap;

/// A README, ready to be shown.
#[derive(Clone, Debug)]
pub struct Readme {
    name: String,
    content: PreEscaped<String>,
    is_cut: bool,
    reference: String,
}

/// Returns the rank of a README's name, of which the lowest wins, or `None` if the name is not that
/// of a README.
pub fn readme_rank(name: &[u8]) -> Option<usize> {
    NAMES
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))
}

impl Readme {
    /// Reads a README of this name. `content` is the whole file, or its first part if it is longer
    /// than [`README_BYTES_MAX`].
    pub fn new(name: &[u8], content: &[u8]) -> Self {
        let is_cut = content.len() > README_BYTES_MAX;
        let text = String::from_utf8_lossy(first_part(content));
        // Some editors put a byte order mark at the start of every file.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let is_markdown = name.to_ascii_lowercase().ends_with(b".md");
        let content = is_markdown.then(|| markdown(text)).flatten();
        let content = content.map_or_else(|| html! { pre { (visible(text)) } }, PreEscaped);
        Self {
            name: shown_name(name).into_owned(),
            content,
            is_cut,
            reference: name_reference(name).to_string(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn section(&self) -> Markup {
        html! {
            section id=(SECTION) aria-label=(self.name) {
                (self.content)
                @if self.is_cut {
                    p { "This is its beginning. " a href=(self.reference) { "All of " (self.name) } }
                }
            }
        }
    }
}

/// Returns the content that fits, up to the end of the last whole line.
fn first_part(content: &[u8]) -> &[u8] {
    match content.get(..README_BYTES_MAX) {
        Some(start) if start.len() < content.len() => {
            let end = memchr::memrchr(b'\n', start).unwrap_or(start.len());
            start.get(..end).unwrap_or(start)
        }
        _ => content,
    }
}

/// Renders Markdown as HTML. Returns `None` if the result would mostly be cells that tables lack:
/// each row is filled up to the width of its head, so a few bytes may become many.
fn markdown(text: &str) -> Option<String> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let (mut links, mut columns, mut cells) = (Links::default(), Columns::default(), 0);
    let events = Parser::new_ext(text, options)
        .take_while(|event| {
            cells += usize::from(*event == Event::Start(Tag::TableCell));
            cells <= text.len()
        })
        .filter_map(|event| links.filter(event))
        .map(|event| columns.classify(event));
    let mut events: Vec<_> = events.collect();
    name_headings(&mut events);
    events.iter_mut().for_each(reveal);
    let mut rendered = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut rendered, events.into_iter());
    (cells <= text.len()).then_some(rendered)
}

/// Makes invisible characters visible, raw or written as an entity: those that reorder text and
/// those without a width. References are percent-encoded already.
fn reveal(event: &mut Event<'_>) {
    if let Event::Text(text) | Event::Code(text) | Event::Start(Tag::Link { title: text, .. }) =
        event
        && let Cow::Owned(shown) = visible(text)
    {
        *text = CowStr::from(shown);
    }
}

/// Gives each heading an id made of its text, so that links within a README work. The ids match
/// GitHub's, which most READMEs are written for.
fn name_headings(events: &mut [Event<'_>]) {
    // The number of further headings with the same id. The section itself has the first one.
    let mut taken = HashMap::from([(SECTION.to_owned(), 0)]);
    let mut rest = events;
    while let Some((event, later)) = rest.split_first_mut() {
        if let Event::Start(Tag::Heading { id, .. }) = event {
            let name = fragment(later);
            let mut unique = name.clone();
            while let Some(count) = taken.get(&name).filter(|_| taken.contains_key(&unique)) {
                let count = count + 1;
                unique = format!("{name}-{count}");
                taken.insert(name.clone(), count);
            }
            taken.insert(unique.clone(), 0);
            *id = Some(unique.into()).filter(|_| !name.is_empty());
        }
        rest = later;
    }
}

/// Returns the fragment by which a link refers to the heading that these events begin with.
fn fragment(events: &[Event<'_>]) -> String {
    let is_within = |event: &&Event<'_>| !matches!(event, Event::End(TagEnd::Heading(_)));
    let text = events.iter().take_while(is_within);
    let text = text.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(text.to_lowercase()),
        Event::SoftBreak | Event::HardBreak => Some(" ".to_owned()),
        _ => None,
    });
    let text = text.collect::<String>();
    let kept = text.chars().filter_map(|char| match char {
        ' ' => Some('-'),
        '-' | '_' => Some(char),
        _ => char.is_alphanumeric().then_some(char),
    });
    kept.collect()
}

/// The links and images that are open at the moment.
#[derive(Default)]
struct Links {
    /// For each of them, `true` if it is shown as a link: not if its target is not allowed, and not
    /// if it is inside another link.
    open: Vec<bool>,
}

impl Links {
    fn filter<'a>(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        match event {
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::Start(Tag::HtmlBlock)
            | Event::End(TagEnd::HtmlBlock) => None,
            Event::Start(Tag::Link { ref dest_url, .. }) => {
                self.open(is_harmless(dest_url)).then_some(event)
            }
            // The page loads nothing, not even images.
            Event::Start(Tag::Image {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let link = Tag::Link {
                    link_type,
                    dest_url: dest_url.clone(),
                    title,
                    id,
                };
                self.open(is_harmless(&dest_url))
                    .then_some(Event::Start(link))
            }
            Event::End(TagEnd::Link | TagEnd::Image) => self
                .open
                .pop()
                .is_some_and(|is_shown| is_shown)
                .then_some(Event::End(TagEnd::Link)),
            // All headings are below the page's own title.
            Event::Start(Tag::Heading {
                level,
                id,
                classes,
                attrs,
            }) => Some(Event::Start(Tag::Heading {
                level: below(level),
                id,
                classes,
                attrs,
            })),
            Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(below(level)))),
            event => Some(event),
        }
    }

    fn open(&mut self, is_harmless: bool) -> bool {
        let is_shown = is_harmless && !self.open.contains(&true);
        self.open.push(is_shown);
        is_shown
    }
}

/// The columns of the open table. The parser would write their alignment as a style of each cell,
/// which the page's policy refuses. So each cell gets a class for the style sheet.
#[derive(Default)]
struct Columns {
    alignments: Vec<Alignment>,
    /// The column of the next cell.
    next: usize,
    /// `true` if the row is the head.
    is_head: bool,
}

impl Columns {
    fn classify<'a>(&mut self, event: Event<'a>) -> Event<'a> {
        match event {
            Event::Start(Tag::Table(alignments)) => {
                self.alignments = alignments;
                Event::Start(Tag::Table(Vec::new()))
            }
            Event::Start(Tag::TableHead | Tag::TableRow) => {
                self.next = 0;
                self.is_head = event == Event::Start(Tag::TableHead);
                event
            }
            Event::Start(Tag::TableCell) => {
                let alignment = self.alignments.get(self.next);
                self.next += 1;
                let tag = match (alignment, self.is_head) {
                    (Some(Alignment::Center), true) => "<th class=\"center\">",
                    (Some(Alignment::Center), false) => "<td class=\"center\">",
                    (Some(Alignment::Right), true) => "<th class=\"right\">",
                    (Some(Alignment::Right), false) => "<td class=\"right\">",
                    // Text is aligned to the left by default.
                    _ => return event,
                };
                Event::InlineHtml(tag.into())
            }
            event => event,
        }
    }
}

/// Returns `true` if a reference leads to a page or an email address: it is relative, or has one of
/// three schemes.
fn is_harmless(reference: &str) -> bool {
    // Browsers skip white space and control characters before a scheme, and some within it.
    let plain: String = reference
        .chars()
        .filter(|char| !char.is_whitespace() && !char.is_control())
        .collect();
    let end = plain.find(['/', '?', '#', '\\']).unwrap_or(plain.len());
    match plain.split_at(end).0.split_once(':') {
        None => true,
        Some((scheme, _)) => ["http", "https", "mailto"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known)),
    }
}

const fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

/// The fragment of links to the section.
const SECTION: &str = "readme";

/// The names of READMEs, in any case.
const NAMES: [&[u8]; 3] = [b"README.md", b"README.txt", b"README"];

/// The largest part of a README that is shown, in bytes. Longer files are better opened separately.
/// Rendering this much is one step: prose takes 0.04 ms, and the worst case (a line of nothing but
/// `>`) 1.5 ms.
pub const README_BYTES_MAX: usize = 20 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, content: &str) -> String {
        let readme = Readme::new(name.as_bytes(), content.as_bytes());
        readme.section().into_string()
    }

    fn markdown_of(content: &str) -> String {
        markdown(content).expect("no filler").trim_end().to_owned()
    }

    #[test]
    fn the_best_readme_name_wins() {
        let ranks = [
            "README.md",
            "readme.MD",
            "README.txt",
            "Readme",
            "README.rst",
            "README.md.gz",
            "",
        ];
        let ranks = ranks.map(|name| readme_rank(name.as_bytes()));
        assert_eq!(
            ranks,
            [Some(0), Some(0), Some(1), Some(2), None, None, None]
        );
    }

    #[test]
    fn markdown_is_rendered_below_the_pages_title() {
        for (text, expected) in [
            ("# A\n###### B", "<h2 id=\"a\">A</h2>\n<h6 id=\"b\">B</h6>"),
            ("a *b* `c`", "<p>a <em>b</em> <code>c</code></p>"),
            (
                "[a](b.html \"t\")",
                "<p><a href=\"b.html\" title=\"t\">a</a></p>",
            ),
            (
                "![a picture](p.png)",
                "<p><a href=\"p.png\">a picture</a></p>",
            ),
            (
                "[![badge](b.svg)](https://a.example)",
                "<p><a href=\"https://a.example\">badge</a></p>",
            ),
            (
                "[a]: /b\n\n[a] <https://c.example>",
                "<p><a href=\"/b\">a</a> <a href=\"https://c.example\">https://c.example</a></p>",
            ),
        ] {
            assert_eq!(markdown_of(text), expected, "{text}");
        }
    }

    #[test]
    fn invisible_characters_are_shown_as_codes_raw_or_from_entities() {
        for (text, expected) in [
            ("a\u{202e}b", "<p>a[U+202E]b</p>"),
            ("a&#x202e;b&#8203;", "<p>a[U+202E]b[U+200B]</p>"),
            ("`a\u{2066}b`", "<p><code>a[U+2066]b</code></p>"),
            ("    a\u{feff}\n\tb", "<pre><code>a[U+FEFF]\nb</code></pre>"),
            (
                "[a\u{200f}&rlm;](b \"&#x202e;t\")",
                "<p><a href=\"b\" title=\"[U+202E]t\">a[U+200F][U+200F]</a></p>",
            ),
            (
                "![&#x2067;](p.png '\u{ad}')",
                "<p><a href=\"p.png\" title=\"[U+00AD]\">[U+2067]</a></p>",
            ),
            (
                "<https://a.example/\u{202e}>",
                "<p><a href=\"https://a.example/%E2%80%AE\">https://a.example/[U+202E]</a></p>",
            ),
            ("# \u{202e}a", "<h2 id=\"a\">[U+202E]a</h2>"),
            // Characters that languages and emoji need stay.
            (
                "\u{1f469}\u{200d}\u{1f680}",
                "<p>\u{1f469}\u{200d}\u{1f680}</p>",
            ),
        ] {
            assert_eq!(markdown_of(text), expected, "{text:?}");
        }
        let table = markdown_of("| a |\n| :-: |\n| \u{202e} |");
        assert!(
            table.contains("<td class=\"center\">[U+202E]</td>"),
            "{table}"
        );
        let text = shown("README", "\u{feff}a\tb\r\nc\u{202e}\u{1b}[31m");
        assert!(
            text.contains("<pre>a\tb\r\nc[U+202E][U+001B][31m</pre>"),
            "{text}"
        );
    }

    #[test]
    fn headings_have_the_ids_that_links_to_them_use() {
        let text = "# Set-up, in `two_words`!\n# A\n## *a*\n# A 1\n# a\n# Größe &lt;x&gt;\n# README\n# ?\n\
                    two\nlines\n---\n# \n";
        let html = markdown_of(text);
        let ids: Vec<_> = html.split(" id=\"").skip(1).collect();
        let ids: Vec<_> = ids.iter().map(|it| it.split('"').next()).collect();
        let expected = [
            "set-up-in-two_words",
            "a",
            "a-1",
            "a-1-1",
            "a-2",
            "größe-x",
            "readme-1",
            "two-lines",
        ];
        assert_eq!(ids, expected.map(Some));
    }

    #[test]
    fn table_cells_have_the_class_of_their_alignment() {
        let text = "|a|b|c|d|\n|--:|:-:|:--|---|\n|1|2|3|4|\n|5|\n";
        let expected = "<table><thead><tr>\
             <th class=\"right\">a</th><th class=\"center\">b</th><th>c</th><th>d</th>\
             </tr></thead><tbody>\n\
             <tr><td class=\"right\">1</td><td class=\"center\">2</td><td>3</td><td>4</td></tr>\n\
             <tr><td class=\"right\">5</td><td class=\"center\"></td><td></td><td></td></tr>\n\
             </tbody></table>";
        assert_eq!(markdown_of(text), expected);
        // The next table has its own head.
        let next = markdown_of(&format!("{text}\na\n\n|a|\n|-|\n|b|\n"));
        assert!(next.starts_with(expected), "{next}");
        assert!(
            next.contains("<th>a</th>") && next.contains("<td>b</td>"),
            "{next}"
        );
    }

    #[test]
    fn a_table_of_mostly_filler_cells_is_shown_as_text() {
        let (head, delimiters) = ("|a".repeat(500), "|-".repeat(500));
        let content = format!("{head}|\n{delimiters}|\n{}", "a\n".repeat(5_000));
        let section = shown("README.md", &content);
        assert!(section.contains("<pre>|a|a"));
        assert!(section.len() < 2 * content.len(), "{}", section.len());
        // There are as many cells as bytes, or fewer.
        for (rows, expected) in [(3, true), (4, false)] {
            let content = format!("{head}|\n{delimiters}|\n{}", "a\n".repeat(rows));
            let section = shown("README.md", &content);
            assert_eq!(section.contains("<table>"), expected, "{rows} rows");
        }
        let content = format!("{head}|\n{delimiters}|\n{head}|\n");
        assert!(shown("README.md", &content).contains("<table>"));
    }

    #[test]
    fn html_in_a_readme_is_shown_as_text() {
        for (text, expected) in [
            ("<script>alert(1)</script>", ""),
            ("a <img src=x onerror=alert(1)> b", "<p>a  b</p>"),
            ("<div>\n*a*\n</div>\n\nb", "<p>b</p>"),
            ("a <!-- b --> c", "<p>a  c</p>"),
            ("a &lt;b> &amp;", "<p>a &lt;b&gt; &amp;</p>"),
            (
                "`<b>`\n\n    <i>",
                "<p><code>&lt;b&gt;</code></p>\n<pre><code>&lt;i&gt;</code></pre>",
            ),
            (
                "[\"><script>](\"><script>)",
                "<p><a href=\"%22%3E%3Cscript%3E\">\"&gt;</a></p>",
            ),
            (
                "```\"><script>\na\n```",
                "<pre><code class=\"language-&quot;&gt;&lt;script&gt;\">a\n</code></pre>",
            ),
        ] {
            let rendered = markdown_of(text);
            assert_eq!(rendered, expected, "{text}");
        }
    }

    #[test]
    fn no_link_leads_to_a_script() {
        for reference in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\tscript:alert(1)",
            "\u{1}javascript:alert(1)",
            " javascript:alert(1)",
            "&#106;avascript:alert(1)",
            "data:text/html,a",
            "vbscript:a",
            "file:///etc/passwd",
            "blob:a",
            "a:b",
        ] {
            for text in [
                format!("[a](<{reference}>)"),
                format!("![a](<{reference}>)"),
                format!("[a][b]\n\n[b]: <{reference}>"),
            ] {
                let rendered = markdown_of(&text);
                assert!(!rendered.contains("<a "), "{text:?} gives {rendered}");
            }
        }
        for reference in [
            "https://a.example/",
            "HTTP://a.example",
            " https://a.example",
            "\u{1}ht\ttps://a.example",
            "mailto:a@b.example",
            "./a:b",
            "a/b:c",
            "#a:b",
            "?a:b",
            "//a.example",
        ] {
            assert!(is_harmless(reference), "{reference}");
        }
    }

    #[test]
    fn a_readme_that_is_not_markdown_is_shown_as_text() {
        assert_eq!(
            shown("README", "# <b>\n*a*"),
            "<section id=\"readme\" aria-label=\"README\"><pre># &lt;b&gt;\n*a*</pre></section>"
        );
    }

    #[test]
    fn a_long_readme_is_cut_at_the_end_of_a_line() {
        let line = "a line\n";
        let content = line.repeat(README_BYTES_MAX / line.len() + 2);
        let section = shown("README.txt", &content);
        assert!(section.len() < README_BYTES_MAX + 200);
        assert!(section.contains("a line</pre>"), "the last line is whole");
        assert!(section.contains("<a href=\"README.txt\">All of README.txt</a>"));
        let content = line.repeat(README_BYTES_MAX / line.len());
        assert!(!shown("README.txt", &content).contains("beginning"));
        let content = format!("a\n{}", "b".repeat(README_BYTES_MAX - 2));
        let section = shown("README.txt", &content);
        assert!(section.contains(&content) && !section.contains("beginning"));
        let section = shown("README.txt", &format!("{content}b"));
        assert!(section.contains("<pre>a</pre>") && section.contains("beginning"));
    }
}

use super::*;
use crate::http::Limits;
use crate::http::base_path::BasePath;
use crate::http::date::HttpDate;
use crate::http::fields::FieldStorage;
use crate::http::media::content_type;
use crate::http::request::RequestHead;
use crate::listing::style::{CONTENT_SECURITY_POLICY, SECURITY_POLICY_WITH_SCRIPT, STYLE, TIMES};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

fn view(target: &str, accept: &str) -> View {
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{accept}\r\n");
    let mut storage = FieldStorage::default();
    let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
    View::of(&parsed.unwrap().unwrap().0, None)
}

fn path(path: &'static str) -> RequestPath<'static> {
    RequestPath::parse(path.as_bytes()).unwrap()
}

fn file(name: impl AsRef<[u8]>, size: u64) -> Entry {
    Entry {
        name: Bytes::copy_from_slice(name.as_ref()),
        size: Some(size),
        modified: HttpDate::from_unix_seconds(784_111_777),
    }
}

fn directory(name: impl AsRef<[u8]>) -> Entry {
    Entry {
        name: Bytes::copy_from_slice(name.as_ref()),
        size: None,
        modified: None,
    }
}

fn listing(at: &'static str, target: &str, accept: &str, entries: &[Entry]) -> Listing {
    let mut listing = Listing::new(BasePath::default(), path(at), view(target, accept));
    for entry in entries {
        assert!(listing.push(entry.clone()));
    }
    listing
}

fn rendered(mut listing: Listing) -> String {
    let mut out = String::new();
    while listing.write(&content_type, &mut out) {}
    out
}

#[test]
fn a_listing_shows_the_base_path_and_links_no_further_up_than_the_site() {
    let at = |base: &str, at: &'static str, accept: &str| {
        let base = BasePath::parse(base).unwrap();
        rendered(Listing::new(base, path(at), view(at, accept)))
    };
    let page = at("/media/old stuff/", "/a/", "");
    assert!(page.contains("<title>Index of /media/old stuff/a/</title>"));
    assert!(
        page.contains("<li><a href=\"../\">old stuff</a></li>"),
        "{page}"
    );
    assert_eq!(
        page.matches("../").count(),
        2,
        "the breadcrumb and the parent"
    );
    let top = at("/media/", "/", "");
    assert!(top.contains("<title>Index of /media/</title>") && top.contains("<h1>media</h1>"));
    assert!(!top.contains("../"), "{top}");
    let json = at("/media/old stuff/", "/a/", "Accept: application/json\r\n");
    assert!(
        json.starts_with("{\"path\":\"/media/old%20stuff/a/\","),
        "{json}"
    );
}

fn page(at: &'static str, target: &str, entries: &[Entry]) -> String {
    rendered(listing(at, target, "", entries))
}

/// Returns the texts of the links in rows, in order.
fn names(page: &str) -> Vec<&str> {
    let rows = page.split("<th scope=\"row\">").skip(1);
    rows.map(|row| {
        let (_, text) = row.split_once('>').unwrap();
        text.split_once("</a>").unwrap().0
    })
    .collect()
}

#[test]
fn the_policy_allows_the_style_sheet_and_the_script() {
    for text in [STYLE, TIMES] {
        let hash = BASE64_STANDARD.encode(Sha256::digest(text));
        for policy in [CONTENT_SECURITY_POLICY, SECURITY_POLICY_WITH_SCRIPT] {
            assert!(policy.contains(&format!("'sha256-{hash}'")), "{hash}");
        }
        assert!(!text.contains(['<', '&']), "nothing in it is to be escaped");
    }
    let page = page("/", "/", &[file("a", 1)]);
    assert!(page.contains(&format!("<style>{STYLE}</style>")));
    assert!(page.contains(&format!("<script>{TIMES}</script></body>")));
}

#[test]
fn a_script_is_added_at_the_end_of_a_page() {
    let mut listing = listing("/", "/", "", &[]);
    listing.set_script("<script></script>".to_owned());
    assert!(rendered(listing).ends_with("</main><script></script></body></html>\n"));
}

#[test]
fn the_form_is_the_most_preferred_one() {
    for (accept, form) in [
        ("", Form::Page),
        ("Accept: */*\r\n", Form::Page),
        ("Accept: text/html,*/*;q=0.8\r\n", Form::Page),
        ("Accept: application/json\r\n", Form::Json),
        ("Accept: application/json, text/html\r\n", Form::Page),
        ("Accept: application/json, text/html;q=0.9\r\n", Form::Json),
        ("Accept: application/*, */*;q=0.1\r\n", Form::Json),
        ("Accept: text/html;q=0, */*\r\n", Form::Json),
        ("Accept: application/json;q=0\r\n", Form::Page),
        ("Accept: image/png\r\n", Form::Page),
    ] {
        assert_eq!(view("/", accept).form, form, "{accept:?}");
    }
    assert_eq!(Form::Page.content_type(), "text/html; charset=utf-8");
    assert_eq!(Form::Json.content_type(), "application/json; charset=utf-8");
}

#[test]
fn entries_are_in_the_requested_order_with_folders_first() {
    let mut old = file("old.txt", 5);
    old.modified = HttpDate::from_unix_seconds(1000);
    let entries = [
        file("b10.txt", 30),
        directory("z"),
        file("B2.png", 2000),
        directory("A"),
        old,
        file("c", 30),
    ];
    for (query, expected) in [
        ("", "A z B2.png b10.txt c old.txt"),
        ("?sort=name&order=desc", "z A old.txt c b10.txt B2.png"),
        ("?sort=size", "A z old.txt b10.txt c B2.png"),
        ("?sort=size&order=desc", "A z B2.png b10.txt c old.txt"),
        ("?sort=time", "A z old.txt B2.png b10.txt c"),
        ("?sort=time&order=desc", "A z B2.png b10.txt c old.txt"),
        ("?sort=type", "A z c B2.png b10.txt old.txt"),
        ("?sort=type&order=desc", "A z b10.txt old.txt B2.png c"),
        ("?sort=weight", "A z B2.png b10.txt c old.txt"),
    ] {
        let page = page("/", &format!("/{query}"), &entries);
        assert_eq!(names(&page).join(" "), expected, "{query}");
    }
}

#[test]
fn a_page_shows_names_escaped_and_links_to_their_true_bytes() {
    for (name, reference, shown) in [
        (&b"a b.txt"[..], "a%20b.txt", "a b.txt"),
        (b"<b>&\"'", "%3Cb%3E&amp;%22'", "&lt;b&gt;&amp;&quot;'"),
        (
            b"javascript:alert(1)",
            "./javascript:alert(1)",
            "javascript:alert(1)",
        ),
        (b"a:b", "./a:b", "a:b"),
        (b"\\\\x", "%5C%5Cx", "\\\\x"),
        (b"?a#b", "%3Fa%23b", "?a#b"),
        (b"100%25", "100%2525", "100%25"),
        (b"\xff\xfe", "%FF%FE", "\u{fffd}\u{fffd}"),
        (b"caf\xc3\xa9", "caf%C3%A9", "caf\u{e9}"),
        (b"a\r\nb", "a%0D%0Ab", "a[U+000D][U+000A]b"),
        (
            b"\xe2\x80\xaegpj.exe",
            "%E2%80%AEgpj.exe",
            "[U+202E]gpj.exe",
        ),
    ] {
        // Kodi reads line by line.
        let has_line = |page: &str, link: &str| {
            let is_it = |line: &str| line.starts_with("<tr class=") && line.contains(link);
            page.lines().any(is_it)
        };
        let link = format!("<a href=\"{reference}\">{shown}</a>");
        let page = page("/", "/", &[file(name, 1)]);
        assert!(has_line(&page, &link), "{link} in {page}");
        let slashed = format!("<a href=\"{reference}/\">{shown}</a>");
        let page = self::page("/", "/", &[directory(name)]);
        assert!(has_line(&page, &slashed), "{slashed} in {page}");
    }
}

#[test]
fn a_row_has_a_name_a_type_a_size_and_a_time() {
    let page = page("/", "/", &[file("pond.png", 1_234_567)]);
    let row = "\n<tr class=\"image\"><th scope=\"row\"><a href=\"pond.png\">pond.png</a>\
         <!-- > 1994-11-06 08:49 1234567 --></th>\
         <td>PNG image</td>\
         <td><data value=\"1234567\" title=\"1,234,567 bytes\">1.2 MiB</data></td>\
         <td><time datetime=\"1994-11-06T08:49:37Z\">1994-11-06 08:49</time></td></tr>\n";
    assert!(page.contains(row), "{page}");
    let mut folder = directory("ponds");
    folder.modified = HttpDate::from_unix_seconds(784_111_777);
    let page = self::page("/", "/", &[folder]);
    let row = "<a href=\"ponds/\">ponds</a><!-- > 1994-11-06 08:49 - --></th>";
    assert!(page.contains(row), "{page}");
    assert!(!self::page("/", "/", &[directory("ponds")]).contains("<!--"));
}

#[test]
fn columns_show_how_they_are_sorted_and_link_to_other_orders() {
    let page = page("/a/", "/a/?sort=size&order=desc&x=1", &[directory("b")]);
    for part in [
        "<th scope=\"col\"><a href=\"./\" rel=\"nofollow\">Name</a></th>",
        "<form id=\"by.type\" rel=\"nofollow\" hidden><input type=\"hidden\" name=\"sort\" value=\"type\"></form>",
        "<th scope=\"col\"><button form=\"by.type\" name=\"order\" value=\"asc\">Type</button></th>",
        "<form id=\"by.size\" rel=\"nofollow\" hidden><input type=\"hidden\" name=\"sort\" value=\"size\"></form>",
        "<th scope=\"col\" aria-sort=\"descending\">\
         <button form=\"by.size\" name=\"order\" value=\"asc\">Size</button></th>",
        "<button form=\"by.time\" name=\"order\" value=\"desc\">Modified (<span class=\"zone\">UTC</span>)\
         </button></th>",
        // Links to other directories keep the order, and nothing else of the query.
        "<a href=\"b/?sort=size&amp;order=desc\" rel=\"nofollow\">b</a>",
        "<a href=\"../?sort=size&amp;order=desc\" rel=\"nofollow\">Parent folder</a>",
        "<a href=\"../?sort=size&amp;order=desc\" rel=\"nofollow\">Home</a>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert_eq!(
        page.matches("aria-sort").count(),
        1 + STYLE.matches("aria-sort").count()
    );
}

#[test]
fn no_link_of_the_usual_page_leads_to_another_order() {
    let page = page("/a/", "/a/", &[directory("b"), file("c", 1)]);
    let links = page.split("href=\"").skip(1);
    let links: Vec<_> = links.filter_map(|link| link.split('"').next()).collect();
    assert_eq!(links.len(), 4);
    assert!(!links.iter().any(|link| link.contains("sort")), "{page}");
    assert_eq!(page.matches("<form id=\"by.").count(), 4);
}

#[test]
fn breadcrumbs_link_to_the_parents_and_the_root_has_none() {
    let page = page("/a%20b/%3Ci%3E/c/", "/a%20b/%3Ci%3E/c/", &[file("d", 0)]);
    let crumbs = "<nav aria-label=\"Breadcrumb\"><ol>\
         <li><a href=\"../../../\">Home</a></li>\
         <li><a href=\"../../\">a b</a></li>\
         <li><a href=\"../\">&lt;i&gt;</a></li></ol></nav><h1>c</h1>";
    assert!(page.contains(crumbs), "{page}");
    assert!(page.contains("<title>Index of /a b/&lt;i&gt;/c/</title>"));
    let root = self::page("/", "/", &[file("d", 0)]);
    assert!(!root.contains("<nav") && !root.contains("Parent folder"));
    assert!(root.contains("<title>Index of /</title>"));
}

#[test]
fn a_page_shows_its_totals() {
    for (entries, caption) in [
        (vec![directory("a")], "<caption>1 folder</caption>"),
        (
            vec![file("a", 1024), file("b", 512)],
            "<caption>2 files, 1.5 KiB</caption>",
        ),
        (
            vec![file("a", 0), directory("b"), directory("c")],
            "<caption>2 folders, 1 file, 0 B</caption>",
        ),
    ] {
        let page = page("/", "/", &entries);
        assert!(page.contains(caption), "{caption} in {page}");
    }
    let empty = page("/a/", "/a/", &[]);
    assert!(empty.contains("This folder is empty.") && empty.contains("Parent folder"));
    assert!(!empty.contains("<table") && !empty.contains("</table>"));
    assert!(!empty.contains("<script"), "there is no time to show");
}

#[test]
fn surplus_entries_are_cut_with_a_note_on_the_page() {
    let mut listing = Listing::new(BasePath::default(), path("/"), View::default());
    // It does not matter that they all have one name.
    for _ in 0..ENTRIES_MAX {
        assert!(listing.push(file("a", 0)));
    }
    assert!(!listing.push(file("one more", 0)));
    let page = rendered(listing);
    assert!(page.contains("<caption>100,000 files, 0 B. This folder has more entries than"));
    assert_eq!(names(&page).len(), ENTRIES_MAX);
}

#[test]
fn a_readme_is_shown_below_the_entries_and_linked_from_the_top() {
    let mut listing = listing("/", "/", "", &[file("README.md", 5)]);
    assert!(listing.wants_readme());
    listing.set_readme(Readme::new(b"README.md", b"# A *pond*"));
    let page = rendered(listing);
    assert!(page.contains(". <a href=\"#readme\">README.md</a></caption>"));
    let section = "</table><section id=\"readme\" aria-label=\"README.md\">\
         <h2 id=\"a-pond\">A <em>pond</em></h2>\n</section></main>";
    assert!(page.contains(section), "{page}");
}

#[test]
fn json_has_the_same_entries() {
    let mut odd = file(b"a\xff\"\\\n.json", 7);
    odd.modified = None;
    let entries = [odd, directory("b c"), file("a:b", 1)];
    let json = rendered(listing(
        "/x%20y/",
        "/?sort=size&order=desc",
        "Accept: application/json\r\n",
        &entries,
    ));
    assert_eq!(
        json,
        "{\"path\":\"/x%20y/\",\"sort\":\"size\",\"order\":\"desc\",\"directories\":1,\"files\":2,\
         \"bytes\":8,\"cut\":false,\"entries\":[\n\
         {\"name\":\"b c\",\"href\":\"b%20c/\",\"kind\":\"directory\"},\n\
         {\"name\":\"a\u{fffd}\\\"\\\\\\u000a.json\",\"href\":\"a%FF%22%5C%0A.json\",\
         \"kind\":\"file\",\"type\":\"application/json; charset=utf-8\",\"size\":7},\n\
         {\"name\":\"a:b\",\"href\":\"./a:b\",\"kind\":\"file\",\
         \"type\":\"application/octet-stream\",\"size\":1,\"modified\":\"1994-11-06T08:49:37Z\"}\n\
         ]}\n"
    );
}

#[test]
fn only_a_page_shows_a_readme() {
    for (accept, expected) in [("", true), ("Accept: application/json\r\n", false)] {
        let listing = listing("/", "/", accept, &[]);
        assert_eq!(listing.wants_readme(), expected, "{accept}");
    }
}

#[test]
fn the_expected_size_is_a_little_more_than_the_real_one() {
    for accept in ["", "Accept: application/json\r\n"] {
        for (count, name_bytes) in [(1, 1), (1, 255), (1000, 3), (1000, 200)] {
            let entries: Vec<_> = (0..count)
                .map(|number| file(format!("{number:0>name_bytes$}"), 1))
                .collect();
            let listing = listing("/", "/", accept, &entries);
            let expected = listing.bytes_expected();
            let written = rendered(listing).len();
            assert!(expected >= written, "{expected} {written}");
            let most = HEAD_BYTES + 4 * written;
            assert!(expected <= most, "{expected} {written}");
        }
    }
}

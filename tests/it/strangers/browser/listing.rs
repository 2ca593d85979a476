//! Directory listings in a real browser, used with a mouse, a keyboard and a screen reader.

use super::{accessibility, page::Page};
use crate::support::{Launch, Server, Site, settled_time};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path, time::Duration};

/// Creates a directory with many kinds of entries.
fn site() -> Site {
    let site = Site::new();
    let day = |days: u64| settled_time() + Duration::from_hours(24 * days);
    for (name, size, days) in [
        ("files/apple.txt", 2000, 3),
        ("files/Banana.png", 300_000, 1),
        ("files/chapter 10.md", 10, 2),
        ("files/chapter 9.md", 4_000_000, 0),
        ("files/<b>&\"quoted\".html", 5, 4),
        (
            "files/ein sehr langer Name, der auf keinem Telefon in eine Zeile passt.tar.gz",
            1,
            0,
        ),
        (
            "files/OhneLeerzeichenUndUnglaublichLangSodassErUmgebrochenWerdenMuss.bin",
            1,
            0,
        ),
        ("files/zoo/lion.txt", 4, 0),
        ("files/albums/2024/cover.jpg", 7, 0),
        ("files/.secret", 1, 0),
    ] {
        site.file(name, vec![b'x'; size]).modified(name, day(days));
    }
    // Names with HTML syntax, text direction characters, or invisible characters.
    let odd: [&[u8]; 3] = [
        b"'\"><script>alert(1)<",
        "\u{202E}gpj.exe".as_bytes(),
        b"not UTF-8 \xff\n",
    ];
    for name in odd {
        let name = Path::new("files/albums/2024").join(OsStr::from_bytes(name));
        site.file(name, "");
    }
    site.file(
        "files/README.md",
        "# About\n\nThese are *files*, see [the first](apple.txt).\n\n\
         | of | size |\n| :-: | --: |\n| apple | 2000 |\n\n    code that is so long that \
         it does not fit on the screen of a phone, not even of one that is held across\n",
    );
    site
}

fn listed(site: &Site) -> Server {
    Launch::of(site.root()).arg("--listing").start()
}

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address)
}

/// Returns the names in the displayed order.
fn names(page: &Page) -> Vec<String> {
    let names = page.evaluate(
        "[...document.querySelectorAll('table.entries tbody a')].map((it) => it.textContent)",
    );
    let names = names.as_array().expect("a list").iter();
    names.map(super::page::text).collect()
}

#[test]
fn a_listing_is_good_for_everybody_and_keeps_its_policy() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = site();
    let server = listed(&site);
    for path in ["/", "/files/albums/2024/", "/files/"] {
        page.go_to(&url(&server, path));
        accessibility::assert_good_for_everybody(&page);
    }
    // The columns of a README's table are aligned as written.
    let aligned = "[...document.querySelectorAll('#readme td')]\
                   .map((it) => getComputedStyle(it).textAlign).join()";
    assert_eq!(page.text(aligned), "center,right");
    page.assert_no_complaints();
}

#[test]
fn a_readmes_links_to_its_own_parts_lead_there() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::new();
    let prose = "Prose.\n\n".repeat(100);
    let readme = format!("[down](#größe-und-maß)\n\n{prose}## Größe und Maß\n\n{prose}");
    site.file("README.md", readme);
    let server = listed(&site);
    page.go_to(&url(&server, "/"));
    let heading = "document.querySelector('#readme h3').getBoundingClientRect()";
    let is_seen = format!("{heading}.top >= 0 && {heading}.bottom <= innerHeight");
    assert_eq!(page.evaluate(&is_seen), false);
    page.evaluate("document.querySelector('#readme a').click()");
    assert_eq!(page.evaluate(&is_seen), true);
    page.assert_no_complaints();
}

#[test]
fn a_readme_keeps_the_words_of_its_tables_whole_and_its_rules_in_line() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::new();
    let prose = "so many words that each is worth a line ".repeat(4);
    site.file(
        "README.md",
        format!(
            "Above.\n\n***\n\n| left | centre | right | in a word | note |\n\
             | :-- | :-: | --: | --- | --- |\n\
             | 1 | 2 | 3 | Donaudampfschifffahrtsgesellschaft | {prose} |\n"
        ),
    );
    let server = listed(&site);
    page.go_to(&url(&server, "/"));
    accessibility::assert_good_for_everybody(&page);
    let is_table = |node: &&accessibility::Node| node.role == "table";
    assert_eq!(
        accessibility::tree(&page).iter().filter(is_table).count(),
        2
    );
    for width in [1280, 360] {
        page.size(width, 800);
        let broken = page.text(
            "[...document.querySelectorAll('#readme :is(th, td)')]\
             .filter((it) => !it.innerText.includes(' '))\
             .filter((it) => {\
               const range = document.createRange();\
               range.selectNodeContents(it);\
               return range.getClientRects().length > 1;\
             })\
             .map((it) => it.innerText).join()",
        );
        assert_eq!(broken, "", "{width}");
        let left = |tag: &str| {
            let element = format!("document.querySelector('#readme > {tag}')");
            page.evaluate(&format!("{element}.getBoundingClientRect().left"))
        };
        assert_eq!(left("hr"), left("p"), "{width}");
    }
    page.assert_no_complaints();
}

#[test]
fn a_listing_is_sorted_by_its_heads_entered_and_left_in_the_same_order() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = site();
    let server = listed(&site);
    page.go_to(&url(&server, "/files/"));
    let folders = ["Parent folder", "albums", "zoo"];
    let files = [
        "<b>&\"quoted\".html",
        "apple.txt",
        "Banana.png",
        "chapter 9.md",
        "chapter 10.md",
        "ein sehr langer Name, der auf keinem Telefon in eine Zeile passt.tar.gz",
        "OhneLeerzeichenUndUnglaublichLangSodassErUmgebrochenWerdenMuss.bin",
        "README.md",
    ];
    assert_eq!(names(&page), [&folders[..], &files].concat());

    // By size, the largest first, which is announced to screen readers, and then reversed.
    let sorted = "[...document.querySelectorAll('[aria-sort]')]\
                  .map((it) => `${it.innerText.trim()} ${it.ariaSort}`).join()";
    assert_eq!(page.text(sorted), "Name ascending");
    page.follow("thead th:nth-child(3) button");
    assert_eq!(page.text(sorted), "Size descending");
    assert_eq!(
        names(&page)[..4],
        [&folders[..], &["chapter 9.md"]].concat()
    );
    page.follow("thead th:nth-child(3) button");
    assert_eq!(page.text(sorted), "Size ascending");
    let by_size = names(&page);
    assert_eq!(by_size[..3], folders);
    assert_eq!(by_size.last().map(String::as_str), Some("chapter 9.md"));

    // Into a folder and back, by links and by the history.
    page.follow("tbody .folder a");
    assert_eq!(
        page.text("document.querySelector('h1').innerText"),
        "albums"
    );
    assert_eq!(page.text(sorted), "Size ascending");
    page.follow("nav li:last-child a");
    assert_eq!(page.text("document.querySelector('h1').innerText"), "files");
    assert_eq!(page.text(sorted), "Size ascending");
    page.step_through_history(-1, "/files/albums/");
    page.step_through_history(1, "/files/");
    assert_eq!(page.text(sorted), "Size ascending");

    // The listing is only revalidated.
    page.reload();
    page.await_calm();
    let records = server.records(1);
    let last = records.last().expect("a record");
    assert!(
        last.contains("GET /files/?sort=size&order=asc HTTP/1.1\" 304 "),
        "{last}"
    );

    // A name full of HTML syntax is a link to its file.
    page.assert_no_complaints();
    let href = page.text("[...document.links].find((it) => it.innerText.startsWith('<b>')).href");
    page.go_to(&href);
    assert_eq!(page.text("document.body.innerText"), "xxxxx");
}

#[test]
fn a_listing_is_read_and_entered_without_seeing_it_and_without_a_mouse() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = site();
    let server = listed(&site);
    page.go_to(&url(&server, "/files/albums/"));
    // A table with column and row headers, below a heading, next to a link to the parent.
    let is_of_note = |role: &str| {
        let roles = "navigation heading main table columnheader rowheader";
        roles.split(' ').any(|it| it == role)
    };
    let names: Vec<_> = accessibility::tree(&page)
        .iter()
        .filter(|node| is_of_note(&node.role))
        .map(|node| format!("{}: {}", node.role, node.name))
        .collect();
    assert_eq!(
        names,
        [
            "navigation: Breadcrumb",
            "heading: albums",
            "main: ",
            "table: 1 folder",
            "columnheader: Name",
            "columnheader: Type",
            "columnheader: Size",
            "columnheader: Modified (local time)",
            "rowheader: Parent folder",
            "rowheader: 2024",
        ]
    );
    let stops = accessibility::tab_stops(&page);
    assert_eq!(
        stops,
        [
            "link: Home",
            "link: files",
            "button: Name",
            "button: Type",
            "button: Size",
            "button: Modified (local time)",
            "link: Parent folder",
            "link: 2024",
        ]
    );
    page.evaluate("document.activeElement.blur()");
    for _ in stops {
        page.press("Tab");
    }
    page.enter();
    assert_eq!(page.text("document.querySelector('h1').innerText"), "2024");
    page.assert_no_complaints();
}

#[test]
fn the_focused_element_is_not_behind_the_column_headers() {
    let Some(page) = Page::open() else {
        return;
    };
    let site = Site::new();
    for number in 0..60 {
        site.file(format!("{number}.txt"), "");
    }
    let server = listed(&site);
    for width in [1280, 360] {
        page.size(width, 800);
        page.go_to(&url(&server, "/"));
        page.evaluate("[...document.querySelectorAll('tbody a')].at(-1).focus()");
        // Upwards, which makes the page scroll elements below the sticky headers.
        for _ in 1..60 {
            page.press("Shift+Tab");
            let hidden = page.text(
                "(() => {\
                   const top = document.activeElement.getBoundingClientRect().top;\
                   const heads = document.querySelector('thead th').getBoundingClientRect();\
                   return top < heads.bottom ? document.activeElement.innerText : '';\
                 })()",
            );
            assert_eq!(hidden, "", "{width}");
        }
        assert_eq!(page.text("document.activeElement.innerText"), "0.txt");
    }
}

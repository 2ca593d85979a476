//! The pictures in the documentation show the browser. To take them again:
//!
//! ```sh
//! UPDATE=1 cargo test --features strangers screenshots::
//! ```
//!
//! needs `chromium` and `pngquant`.

use super::page::{Page, Scheme};
use crate::support::{Launch, Server, Site, settled_time};
use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// The largest picture, because readers of the README have to wait for it.
const BYTES_MAX: usize = 150_000;

const PICTURES: [&str; 5] = [
    "start-light.png",
    "start-dark.png",
    "listing-light.png",
    "listing-dark.png",
    "listing-phone.png",
];

#[test]
fn the_pictures_are_there_and_small() {
    if env::var_os("UPDATE").is_some() {
        take_all();
    }
    for name in PICTURES {
        let picture = fs::read(place(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            picture.starts_with(b"\x89PNG\r\n\x1a\n"),
            "{name} is no PNG"
        );
        assert!(
            picture.len() <= BYTES_MAX,
            "{name}: {} bytes",
            picture.len()
        );
    }
}

#[test]
fn every_picture_is_shown_on_a_page() {
    let pages = ["README.md", "docs/website.md"].map(|page| {
        let text = fs::read_to_string(repository().join(page));
        text.unwrap_or_else(|error| panic!("{page}: {error}"))
    });
    for name in PICTURES {
        let reference = format!("images/{name}");
        assert!(pages.concat().contains(&reference), "{name}");
    }
}

fn take_all() {
    let page = Page::open().expect("a browser");
    page.size(WIDTH, HEIGHT);
    let server = Server::start(repository().join("static"));
    page.go_to(&format!("http://{}/", server.address));
    page.until(
        "what the server says",
        "!document.querySelector('#live').hidden",
    );
    take_both(&page, "start");

    let site = papers_of_a_mill();
    let server = Launch::of(site.root()).arg("--listing").start();
    page.go_to(&format!("http://{}/archive/", server.address));
    // With the part of the page below the list.
    page.size(WIDTH, HEIGHT + 200);
    take_both(&page, "listing");
    page.size(PHONE_WIDTH, HEIGHT);
    put("listing-phone.png", &page.screenshot());
}

/// Takes a picture in light and in dark mode.
fn take_both(page: &Page, name: &str) {
    for (scheme, suffix) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
        page.prefer(scheme);
        put(&format!("{name}-{suffix}.png"), &page.screenshot());
    }
}

/// Creates a plausible directory. Its larger files are sparse.
fn papers_of_a_mill() -> Site {
    let site = Site::new();
    let day = |days: u64| {
        settled_time() + Duration::from_hours(24 * days) + Duration::from_mins(97 * days)
    };
    for (name, length, days) in [
        ("Barley 1893.csv", 48_213, 3),
        ("Mill by night.webp", 412_904, 41),
        ("Plan of the wheel.svg", 9_803, 12),
        ("Repairs of the sluice.pdf", 1_873_004, 88),
        ("levels.py", 3_120, 120),
        ("The wheel turning.webm", 48_340_112, 97),
        ("tables.tar.gz", 730_221, 64),
    ] {
        let name = format!("archive/{name}");
        site.file(&name, "");
        let file = File::options().write(true).open(site.path(&name));
        let lengthened = file.and_then(|file| file.set_len(length));
        lengthened.expect("a file can be made longer");
        site.modified(&name, day(days));
    }
    site.file("archive/README.md", README);
    for (name, days) in [("Letters", 131), ("Photographs", 77)] {
        let name = format!("archive/{name}");
        site.directory(&name).modified(&name, day(days));
    }
    site
}

/// Writes a picture with as few colours as possible without a visible difference.
fn put(name: &str, picture: &[u8]) {
    let original = env::temp_dir().join(format!("millpond-{name}"));
    fs::write(&original, picture).expect("a picture can be written");
    let status = Command::new("pngquant")
        .args([
            "--force",
            "--strip",
            "--speed",
            "1",
            "--quality",
            "70-95",
            "--output",
        ])
        .args([&place(name), &original])
        .stdin(Stdio::null())
        .status();
    fs::remove_file(&original).expect("it was written");
    assert!(status.expect("pngquant").success(), "pngquant: {name}");
}

fn place(name: &str) -> PathBuf {
    repository().join("docs/images").join(name)
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const README: &str = "\
# The mill at the still pond

Drawings, tables and pictures of the mill, from 1893 on. Begin with the
[plan of the wheel](Plan%20of%20the%20wheel.svg); `levels.py` reckons how much water it takes.
";

const PHONE_WIDTH: u32 = 360;
const WIDTH: u32 = 1200;
const HEIGHT: u32 = 780;

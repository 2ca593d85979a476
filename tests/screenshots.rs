//! The pictures in the documentation are what a browser shows. To take them anew:
//!
//! ```sh
//! UPDATE=1 cargo test --test screenshots
//! ```
//!
//! needs `chromium` and `pngquant`.

#[path = "browser/mod.rs"]
mod browser;
mod support;

use browser::{Page, Scheme};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use support::Server;

/// What a person who reads the README has to wait for.
const BYTES_MAX: usize = 150_000;

const PICTURES: [&str; 2] = ["start-light.png", "start-dark.png"];

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

fn take_all() {
    let page = Page::open().expect("a browser");
    page.size(WIDTH, HEIGHT);
    let server = Server::start(repository().join("static"));
    page.go_to(&format!("http://{}/", server.address));
    page.until(
        "what the server says",
        "!document.querySelector('#live').hidden",
    );
    for (name, scheme) in [("light", Scheme::Light), ("dark", Scheme::Dark)] {
        page.prefer(scheme);
        put(&format!("start-{name}.png"), &page.screenshot());
    }
}

/// Writes a picture with as few colours as do not show.
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

const WIDTH: u32 = 1200;
const HEIGHT: u32 = 780;

//! Coded files that lie beside a file and are not of it, or cannot be expanded by browsers.

mod support;

use support::{Launch, Response, Server, Site, gzip, gzip_of, noise, zstandard_of};

fn accepting(server: &Server, target: &str, value: &str) -> Response {
    server.request("GET", target, &[("Accept-Encoding", value)])
}

#[test]
fn a_coded_file_that_says_that_it_is_of_something_else_is_passed_over_and_told_once() {
    let site = Site::new();
    let two_members = [gzip(noise(1000)), gzip(noise(3000))].concat();
    let bgzip = [gzip(noise(4000)), gzip("")].concat();
    let large = noise(100_000);
    for (name, coded, content) in [
        ("shorter.js", "gz", gzip_of(3999, 200)),
        ("members.js", "gz", two_members),
        ("bgzip.js", "gz", bgzip),
        ("plain.js", "gz", b"plain".to_vec()),
        ("empty.js", "gz", Vec::new()),
        ("longer.js", "zst", zstandard_of(4001, 200)),
        ("text.js", "zst", b"plain".to_vec()),
    ] {
        site.file(name, noise(4000))
            .file(format!("{name}.{coded}"), content);
    }
    // Those that are not read into memory are looked at, too.
    site.file("large.bin", &large)
        .file("large.bin.gz", gzip_of(99_999, 70_000))
        .file("large.bin.br", &large[..80_000]);
    let mut server = Launch::of(site.root())
        .args(["--compression=false", "--cache-bytes-max=0"])
        .expecting(&["is not served in place of the file that it was made of"])
        .start();
    for _ in 0..3 {
        for name in [
            "shorter", "members", "bgzip", "plain", "empty", "longer", "text",
        ] {
            let response = accepting(&server, &format!("/{name}.js"), "gzip, zstd");
            assert_eq!(response.field("content-encoding"), None, "{name}");
            assert!(response.content == noise(4000), "{name}");
        }
        let response = accepting(&server, "/large.bin", "gzip, br;q=0.5");
        assert_eq!(response.content.len(), 80_000);
    }
    let said = server.process.end();
    assert_eq!(said.lines().count(), 8, "each is told once: {said}");
    assert!(
        said.contains("expands to 3999 bytes, and the file has 4000"),
        "{said}"
    );
    assert!(said.contains("not in the format of gzip"), "{said}");
}

//! Precompressed files that do not belong to the file beside them, or that browsers cannot expand.

use crate::support::{Launch, Response, Server, Signal, Site, gzip, gzip_of, noise, zstandard_of};

fn accepting(server: &Server, target: &str, value: &str) -> Response {
    server.request("GET", target, &[("Accept-Encoding", value)])
}

#[test]
fn a_precompressed_file_of_another_original_is_skipped_and_logged_once() {
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
    // Files that are not read into memory are checked too.
    site.file("large.bin", &large)
        .file("large.bin.gz", gzip_of(99_999, 70_000))
        .file("large.bin.br", &large[..80_000]);
    let mut server = Launch::of(site.root())
        .args(["--compression=false", "--cache-bytes-max=0"])
        .expecting(&["is not served for the original file"])
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
    // Lines that repeat within a second are reported at the latest at the end.
    server.stop(Signal::TERM);
    let said = server.process.end();
    assert_eq!(said.lines().count(), 8, "each is reported once: {said}");
    assert!(
        said.contains("expands to 3999 bytes, and the file has 4000"),
        "{said}"
    );
    assert!(said.contains("not in the format of gzip"), "{said}");
}

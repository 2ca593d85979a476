//! Media types (RFC 9110 §8.3) by file name.

use super::coding::Coding;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The value of `Content-Type` for a file of this name; the name may be any bytes.
pub fn content_type(file_name: &[u8]) -> Cow<'static, str> {
    let path = Path::new(OsStr::from_bytes(file_name));
    let media_type = match mime_guess::from_path(path).first_raw() {
        Some("application/octet-stream") | None => {
            let extension = extension(file_name);
            let own = extension.and_then(|extension| type_unlisted(&extension));
            own.unwrap_or("application/octet-stream")
        }
        Some(media_type) => current_name(media_type),
    };
    if is_text(media_type) {
        Cow::Owned(with_charset(media_type))
    } else {
        Cow::Borrowed(media_type)
    }
}

/// The coding that a name of this type tells of by itself: viewers take `.svgz` for SVG that came
/// over the wire in `gzip` (SVG 2, appendix "Media Type Registration").
pub fn implied_coding(file_name: &[u8], content_type: &str) -> Option<Coding> {
    let is_coded_svg = || extension(file_name).is_some_and(|extension| extension == "svgz");
    (content_type.starts_with("image/svg+xml") && is_coded_svg()).then_some(Coding::Gzip)
}

/// What a type that `mime_guess` gives is called by now, or by those who look at it.
fn current_name(media_type: &'static str) -> &'static str {
    match media_type {
        // RFC 9239 §6: the older name is obsolete.
        "application/javascript" => "text/javascript",
        // RFC 8081 §4.4.3 and §4.4.5
        "application/font-sfnt" => "font/otf",
        "application/font-woff" => "font/woff",
        // RFC 4337 §3.2: browsers do not play what has these names.
        "audio/m4a" | "audio/m4b" => "audio/mp4",
        // RFC 8216 §4: playlists, and by IANA's name their segments.
        "audio/x-mpegurl" => "application/vnd.apple.mpegurl",
        "video/vnd.dlna.mpeg-tts" => "video/mp2t",
        // RFC 6350 §10.1
        "text/x-vcard" => "text/vcard",
        // RFC 6713: what `.tar.gz` is.
        "application/x-compressed" => "application/gzip",
        // Another thing's, which has the same extension.
        "application/vnd.ms-pki.stl" => "model/stl",
        "application/x-tgif" => "model/obj",
        "audio/x-pn-realaudio-plugin" => "application/x-rpm",
        media_type => media_type,
    }
}

/// The type of an extension, in lower case, of which `mime_guess` knows nothing better than bytes.
fn type_unlisted(extension: &str) -> Option<&'static str> {
    let media_type = match extension {
        // What is said not to be sniffed runs as a script only if it is called one.
        "cjs" => "text/javascript",
        "cur" => "image/x-icon",
        "ipynb" => "application/x-ipynb+json",
        "jsonl" | "ndjson" => "application/x-ndjson",
        "topojson" => "application/json",
        "ktx2" => "image/ktx2",
        "m4s" => "video/iso.segment",
        "mtl" => "model/mtl",
        // Phones know what to do with these by their types alone.
        "mobileconfig" => "application/x-apple-aspen-config",
        "pkpasses" => "application/vnd.apple.pkpasses",
        "usdz" => "model/vnd.usdz+zip",
        "wgsl" => "text/wgsl",
        // RFC 8878 §6.1
        "zst" => "application/zstd",
        // To be read, not saved.
        "adoc" | "diff" | "frag" | "glsl" | "go" | "graphql" | "hs" | "java" | "jl" | "kt"
        | "lock" | "md5" | "nix" | "patch" | "proto" | "r" | "rb" | "rst" | "sha1" | "sha256"
        | "sha512" | "svelte" | "swift" | "tf" | "tsx" | "vert" | "vue" | "wat" => "text/plain",
        _ => return None,
    };
    Some(media_type)
}

/// A media type with the charset that text is in, unless it has parameters already.
pub fn with_charset(media_type: &str) -> String {
    if is_text(&media_type.to_ascii_lowercase()) && !media_type.contains(';') {
        format!("{media_type}; charset=utf-8")
    } else {
        media_type.to_owned()
    }
}

/// The extension of a file name in lower case, if it has one that is text.
pub fn extension(file_name: &[u8]) -> Option<String> {
    let extension = Path::new(OsStr::from_bytes(file_name)).extension()?;
    extension.to_str().map(str::to_lowercase)
}

/// Whether a charset is due: without one, browsers guess the encoding of text, JavaScript, JSON,
/// SVG and XML from the locale of the reader. The media type is in lower case.
fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || media_type.ends_with("+xml")
        || media_type.ends_with("+json")
        || matches!(
            media_type,
            "application/javascript"
                | "application/json"
                | "application/xml"
                | "application/xml-dtd"
        )
}

/// Whether content of this type is not compressed by itself, so that a content coding makes it
/// smaller. `content_type` is a value of `Content-Type`.
pub fn is_compressible(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    // RFC 9110 §8.3.1: in any case.
    let media_type = media_type.trim_ascii_end().to_ascii_lowercase();
    is_text(&media_type)
        || matches!(
            media_type.as_str(),
            "application/font-sfnt"
                | "application/json5"
                | "application/postscript"
                | "application/rtf"
                | "application/toml"
                | "application/vnd.apple.mpegurl"
                | "application/vnd.ms-fontobject"
                | "application/wasm"
                | "application/x-ndjson"
                | "application/x-sh"
                | "application/x-sql"
                | "application/x-subrip"
                | "application/x-tex"
                | "application/yaml"
                | "font/collection"
                | "font/otf"
                | "font/ttf"
                | "image/bmp"
                | "image/x-icon"
                | "model/mtl"
                | "model/obj"
                | "model/stl"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_follow_the_extension_and_text_says_its_charset() {
        for (name, expected) in [
            (&b"index.html"[..], "text/html; charset=utf-8"),
            (b"INDEX.HTML", "text/html; charset=utf-8"),
            (b"a/b.css", "text/css; charset=utf-8"),
            (b"app.js", "text/javascript; charset=utf-8"),
            (b"app.mjs", "text/javascript; charset=utf-8"),
            (b"data.json", "application/json; charset=utf-8"),
            (
                b"site.webmanifest",
                "application/manifest+json; charset=utf-8",
            ),
            (b"pond.svg", "image/svg+xml; charset=utf-8"),
            (b"feed.xml", "text/xml; charset=utf-8"),
            (b"page.xhtml", "application/xhtml+xml; charset=utf-8"),
            (b"pond.png", "image/png"),
            (b"pond.webp", "image/webp"),
            (b"pond.avif", "image/avif"),
            (b"module.wasm", "application/wasm"),
            (b"font.woff2", "font/woff2"),
            (b"film.mp4", "video/mp4"),
            (b"song.m4a", "audio/mp4"),
            (b"book.m4b", "audio/mp4"),
            (b"release.tar.gz", "application/gzip"),
            (b"release.tar.zst", "application/zstd"),
            (b"tool.cjs", "text/javascript; charset=utf-8"),
            (b"font.woff", "font/woff"),
            (b"font.otf", "font/otf"),
            (b"font.ttf", "font/ttf"),
            (b"live.m3u8", "application/vnd.apple.mpegurl"),
            (b"live0.ts", "video/mp2t"),
            (b"boat.obj", "model/obj"),
            (b"boat.mtl", "model/mtl"),
            (b"boat.stl", "model/stl"),
            (b"boat.usdz", "model/vnd.usdz+zip"),
            (b"card.vcf", "text/vcard; charset=utf-8"),
            (b"release.tgz", "application/gzip"),
            (b"release.rpm", "application/x-rpm"),
            (b"Notes.IPYNB", "application/x-ipynb+json; charset=utf-8"),
            (b"rows.ndjson", "application/x-ndjson"),
            (b"fix.patch", "text/plain; charset=utf-8"),
            (b"Main.java", "text/plain; charset=utf-8"),
            (b"hand.cur", "image/x-icon"),
            (b"release.zst.sha256", "text/plain; charset=utf-8"),
            (b"LICENSE", "application/octet-stream"),
            (b"odd.nosuchtype", "application/octet-stream"),
            (b"odd.\xff", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ] {
            assert_eq!(
                content_type(name),
                expected,
                "{}",
                String::from_utf8_lossy(name)
            );
        }
    }

    #[test]
    fn coded_svg_is_told_by_its_name_unless_the_operator_calls_it_something_else() {
        for (name, content_type, coding) in [
            (
                "a/pond.svgz",
                "image/svg+xml; charset=utf-8",
                Some(Coding::Gzip),
            ),
            ("POND.SVGZ", "image/svg+xml", Some(Coding::Gzip)),
            ("pond.svgz", "application/gzip", None),
            ("pond.svg", "image/svg+xml", None),
            ("svgz", "image/svg+xml", None),
        ] {
            assert_eq!(
                implied_coding(name.as_bytes(), content_type),
                coding,
                "{name}"
            );
        }
    }

    #[test]
    fn what_an_operator_calls_text_is_text_however_it_is_written() {
        for (media_type, said, compressible) in [
            ("text/x-own", "text/x-own; charset=utf-8", true),
            ("Text/X-Own", "Text/X-Own; charset=utf-8", true),
            ("Application/JSON", "Application/JSON; charset=utf-8", true),
            ("image/SVG+XML", "image/SVG+XML; charset=utf-8", true),
            ("application/json ;a=b", "application/json ;a=b", true),
            (
                "application/javascript",
                "application/javascript; charset=utf-8",
                true,
            ),
            ("image/png", "image/png", false),
        ] {
            assert_eq!(with_charset(media_type), said);
            assert_eq!(is_compressible(media_type), compressible, "{media_type}");
        }
    }

    #[test]
    fn what_is_compressed_already_is_not_compressible() {
        for (name, expected) in [
            ("index.html", true),
            ("app.js", true),
            ("data.json", true),
            ("site.webmanifest", true),
            ("pond.svg", true),
            ("feed.xml", true),
            ("module.wasm", true),
            ("font.ttf", true),
            ("font.otf", true),
            ("boat.obj", true),
            ("live.m3u8", true),
            ("rows.ndjson", true),
            ("notes.ipynb", true),
            ("favicon.ico", true),
            ("font.woff", false),
            ("font.woff2", false),
            ("live0.ts", false),
            ("boat.usdz", false),
            ("pond.png", false),
            ("pond.jpg", false),
            ("pond.avif", false),
            ("film.mp4", false),
            ("song.mp3", false),
            ("paper.pdf", false),
            ("release.zip", false),
            ("release.tar.gz", false),
            ("LICENSE", false),
        ] {
            assert_eq!(
                is_compressible(&content_type(name.as_bytes())),
                expected,
                "{name}"
            );
        }
    }
}

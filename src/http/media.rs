//! Media types (RFC 9110 §8.3) by file name.

mod names;

use super::coding::Coding;
use names::BYTES;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Returns the `Content-Type` of a file with this name, which may be any bytes.
///
/// A name that reveals nothing gets `application/octet-stream`: most such files are programs,
/// archives and objects named by their hash. Served as text with `nosniff`, they would fill the
/// screen.
pub fn content_type(file_name: &[u8]) -> Cow<'static, str> {
    let media_type = known_type(file_name).unwrap_or(BYTES);
    if is_text(media_type) {
        Cow::Owned(with_charset(media_type))
    } else {
        Cow::Borrowed(media_type)
    }
}

fn known_type(file_name: &[u8]) -> Option<&'static str> {
    let name = Path::new(OsStr::from_bytes(file_name))
        .file_name()?
        .to_str();
    let by_extension = || {
        let extension = extension(file_name)?;
        names::of_extension(&extension).or_else(|| guessed(&extension))
    };
    name.and_then(names::of_whole_name)
        .or_else(by_extension)
        .or_else(|| names::of_first_word(name?))
}

/// Returns the type that `mime_guess` has for an extension.
fn guessed(extension: &str) -> Option<&'static str> {
    let guess = mime_guess::from_ext(extension);
    guess.first_raw().map(current_name)
}

/// Returns the coding that a name implies with this type: viewers read `.svgz` as SVG that was
/// transferred in `gzip` (SVG 2, appendix "Media Type Registration").
pub fn implied_coding(file_name: &[u8], content_type: &str) -> Option<Coding> {
    let is_coded_svg = || extension(file_name).is_some_and(|extension| extension == "svgz");
    (content_type.starts_with("image/svg+xml") && is_coded_svg()).then_some(Coding::Gzip)
}

/// Returns the name of the content of a file that is stored in this coding and has the coding's
/// extension: `game.wasm` for `game.wasm.br`, and for `game.wasm.unityweb`, which Unity uses for
/// either coding.
pub fn decoded_name(file_name: &[u8], coding: Coding) -> &[u8] {
    let extensions = [coding.extension().as_bytes(), b".unityweb"];
    let ends = |extension: &&[u8]| {
        let start = file_name.len().checked_sub(extension.len());
        let end = start.and_then(|start| file_name.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(extension))
    };
    let extension = extensions.into_iter().find(ends).unwrap_or_default();
    let length = file_name.len().saturating_sub(extension.len());
    file_name.get(..length).unwrap_or(file_name)
}

/// Replaces an outdated type from `mime_guess` by the current one, or by one that clients
/// understand.
fn current_name(media_type: &'static str) -> &'static str {
    match media_type {
        // RFC 9239 §6: the older name is obsolete.
        "application/javascript" => "text/javascript",
        // RFC 8081 §4.4.3 and §4.4.5
        "application/font-sfnt" => "font/otf",
        "application/font-woff" => "font/woff",
        // RFC 8216 §4: playlists.
        "audio/x-mpegurl" => "application/vnd.apple.mpegurl",
        // RFC 6350 §10.1
        "text/x-vcard" => "text/vcard",
        // RFC 6713: the type of `.tar.gz`.
        "application/x-compressed" => "application/gzip",
        // The type of Windows programs, which no client uses.
        "application/x-msdownload" => BYTES,
        // Firefox saves text of an unknown type instead of showing it.
        "text/coffeescript" | "text/dlm" | "text/gemini" | "text/jade" | "text/slim"
        | "text/stylus" | "text/vbscript" => "text/plain",
        media_type if media_type.starts_with("text/x-") => "text/plain",
        media_type => media_type,
    }
}

/// Returns a media type with the charset of its text, unless it has parameters already.
pub fn with_charset(media_type: &str) -> String {
    if is_text(&media_type.to_ascii_lowercase()) && !media_type.contains(';') {
        format!("{media_type}; charset=utf-8")
    } else {
        media_type.to_owned()
    }
}

/// The part of a file name that determines its type, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// The text after its last dot.
    Extension(String),
    /// The whole name, if it has no extension. A leading dot does not start one.
    Bare(String),
}

/// Returns the part of the name that determines the type; `None` if that is not UTF-8.
pub fn kind(file_name: &[u8]) -> Option<NameKind> {
    let path = Path::new(OsStr::from_bytes(file_name));
    match path.extension() {
        Some(extension) => Some(NameKind::Extension(extension.to_str()?.to_lowercase())),
        None => Some(NameKind::Bare(path.file_name()?.to_str()?.to_lowercase())),
    }
}

/// Returns the extension of a file name in lower case, if it has one in UTF-8.
fn extension(file_name: &[u8]) -> Option<String> {
    match kind(file_name)? {
        NameKind::Extension(extension) => Some(extension),
        NameKind::Bare(_) => None,
    }
}

/// Returns `true` if the type needs a charset: without one, browsers guess the encoding of text,
/// JavaScript, JSON, SVG and XML from the user's locale. The media type is in lower case.
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

/// Returns `true` if content of this type is not already compressed, so that a content coding makes
/// it smaller. `content_type` is a value of `Content-Type`.
pub fn is_compressible(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    // RFC 9110 §8.3.1: types are case-insensitive.
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
                | "model/step"
                | "model/stl"
                | "model/vrml"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_follows_the_extension_and_text_has_a_charset() {
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
            (b"rows.ndjson", "application/x-ndjson"),
            (b"fix.patch", "text/plain; charset=utf-8"),
            (b"Main.java", "text/plain; charset=utf-8"),
            (b"hand.cur", "image/x-icon"),
            (b"release.zst.sha256", "text/plain; charset=utf-8"),
            (b"odd.nosuchtype", "application/octet-stream"),
            (b"odd.\xff", "application/octet-stream"),
            (b"\xff.json", "application/json; charset=utf-8"),
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
    fn files_for_people_to_read_are_plain_text() {
        for name in [
            // With an extension that is not registered, or one whose registered type browsers save.
            "install.sh INSTALL.SH paper.tex dump.sql setup.ps1 refs.bib de.po de.pot boot.ipxe",
            "nginx.conf millpond.service wg0.netdev my.cnf php.ini setup.cfg app.log yarn.lock",
            "sample.env Python.gitignore run.bat run.cmd main.rs main.lua site.scss a.less b.styl",
            "app.coffee prog.pl Prog.pm x.t app.rb Main.kt main.zig lib.f90 page.hbs page.pug",
            "key.asc id_ed25519.pub hello_1.0.dsc list.sources fedora.repo notes.org jquery.license",
            "all.md5 all.sha256 all.sha512sum all.sfv film.nfo FILE_ID.DIZ read.me music.cue",
            // Without an extension, or with an unknown one.
            "LICENSE LICENSE-MIT LICENSE_APACHE license licence UNLICENSE COPYING COPYING.LESSER",
            "README readme README.cn Readme-de CHANGELOG ChangeLog AUTHORS NOTICE NEWS TODO VERSION",
            "INSTALL THANKS CONTRIBUTORS MAINTAINERS CODEOWNERS PATENTS KEYS CNAME FAQ",
            "Makefile makefile GNUmakefile Makefile.am Makefile.in Dockerfile Dockerfile.dev",
            "Containerfile Gemfile Gemfile.lock Rakefile Procfile Vagrantfile Jenkinsfile Caddyfile",
            "Pipfile PKGBUILD Kconfig SConstruct go.mod go.sum dir.zip/README",
            "SHA256SUMS SHA512SUMS MD5SUMS SHA256 B2SUMS CHECKSUMS sha256sums ls-lR",
            "Packages Sources Release InRelease Index Contents-amd64 Translation-en",
        ] {
            for name in name.split(' ') {
                let found = content_type(name.as_bytes());
                assert_eq!(found, "text/plain; charset=utf-8", "{name}");
            }
        }
    }

    #[test]
    fn registered_types_are_used() {
        for (names, expected) in [
            ("ci.yaml ci.yml", "application/yaml"),
            ("Cargo.toml", "application/toml"),
            (
                "app.js.map Notes.IPYNB log.har row.avsc roads.topojson manifest.json \
                 .well-known/apple-app-site-association .well-known/openid-configuration",
                "application/json; charset=utf-8",
            ),
            ("app.appinstaller", "application/appinstaller"),
            ("app.msixbundle", "application/msixbundle"),
            (
                "hello.deb hello.udeb",
                "application/vnd.debian.binary-package",
            ),
            ("wpad.dat proxy.pac", "application/x-ns-proxy-autoconfig"),
            ("all.rar", "application/vnd.rar"),
            ("film.m4v", "video/mp4"),
            ("ring.m4r", "audio/mp4"),
            ("song.mid", "audio/midi"),
            ("live.mts", "video/mp2t"),
            ("part.step", "model/step"),
            ("tiles.pmtiles", "application/vnd.pmtiles"),
            ("ls.man", "text/troff; charset=utf-8"),
            ("rows.cbor", "application/cbor"),
            ("map.gpkg", "application/geopackage+sqlite3"),
            ("terms.owl photo.xmp", "application/rdf+xml; charset=utf-8"),
            ("rows.sqlite", "application/vnd.sqlite3"),
            ("rows.arrow", "application/vnd.apache.arrow.file"),
            ("tile.mvt", "application/vnd.mapbox-vector-tile"),
            ("page.dtd", "application/xml-dtd; charset=utf-8"),
            ("sum.mml", "application/mathml+xml; charset=utf-8"),
            ("film.ttml", "application/ttml+xml; charset=utf-8"),
            ("de.xlf de.xliff", "application/xliff+xml; charset=utf-8"),
            ("Info.plist", "text/xml; charset=utf-8"),
            ("light.wgsl", "text/wgsl; charset=utf-8"),
            ("notes.mdx notes.rmd", "text/markdown; charset=utf-8"),
            ("app.appx", "application/appx"),
            ("app.appxbundle", "application/appxbundle"),
            ("app.msix", "application/msix"),
            ("wlan.mobileconfig", "application/x-apple-aspen-config"),
            ("home.ovpn", "application/x-openvpn-profile"),
            ("trip.pkpasses", "application/vnd.apple.pkpasses"),
            ("all.tbz all.tbz2", "application/x-bzip2"),
            ("all.txz", "application/x-xz"),
            ("all.cab", "application/vnd.ms-cab-compressed"),
            ("comic.cbr", "application/vnd.comicbook-rar"),
            ("comic.cbz", "application/vnd.comicbook+zip"),
            ("plan.emf", "image/emf"),
            ("bark.ktx2", "image/ktx2"),
            ("pond.psd", "image/vnd.adobe.photoshop"),
            ("plan.wmf", "image/wmf"),
            ("radio.pls", "audio/x-scpls"),
            ("live0.m4s", "video/iso.segment"),
            ("part.3mf", "model/3mf"),
            ("room.vrml room.wrl", "model/vrml"),
        ] {
            for name in names.split_whitespace() {
                assert_eq!(content_type(name.as_bytes()), expected, "{name}");
            }
        }
    }

    #[test]
    fn unknown_names_are_octet_streams() {
        for name in [
            // Programs, objects named by their hash, build directories.
            "busybox",
            "millpond",
            "release",
            "packages",
            "index",
            "version",
            "install",
            "license-checker",
            "changelog_writer",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "Packages.lz4",
            "tool-1.2",
            "setup.exe",
            "kernel32.dll",
            "Release.gpg",
            "app.aab",
            "ends-in-a-dot.",
            "README.exe",
            "dir.txt/plain",
            ".hidden",
        ] {
            assert_eq!(content_type(name.as_bytes()), BYTES, "{name}");
        }
    }

    #[test]
    fn svgz_implies_gzip_unless_the_operator_sets_another_type() {
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
    fn the_extension_of_a_coding_is_removed_from_the_name() {
        for (name, coding, expected) in [
            ("Build/game.wasm.br", Coding::Brotli, "Build/game.wasm"),
            ("game.data.GZ", Coding::Gzip, "game.data"),
            ("game.js.zst", Coding::Zstandard, "game.js"),
            ("game.js.unityweb", Coding::Brotli, "game.js"),
            // The file has the name of its content.
            ("app.js", Coding::Gzip, "app.js"),
            ("app.js.gz", Coding::Brotli, "app.js.gz"),
            ("br", Coding::Brotli, "br"),
        ] {
            let found = decoded_name(name.as_bytes(), coding);
            assert_eq!(found, expected.as_bytes(), "{name}");
        }
    }

    #[test]
    fn a_type_set_by_the_operator_gets_a_charset_in_any_case() {
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
    fn compressed_types_are_not_compressible() {
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
            ("LICENSE", true),
            ("ci.yaml", true),
            ("Cargo.toml", true),
            ("part.step", true),
            ("busybox", false),
        ] {
            assert_eq!(
                is_compressible(&content_type(name.as_bytes())),
                expected,
                "{name}"
            );
        }
    }
}

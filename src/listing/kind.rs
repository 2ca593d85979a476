//! The kind of a file, as a word or two and as an icon, derived from its name and its media type.

use super::entry::{ContentTypeOf, Entry};
use std::fmt;

/// A kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    Page,
    Text,
    Script,
    Source,
    Data,
    Document,
    Image,
    Audio,
    Video,
    Font,
    Archive,
    Program,
    Other,
}

impl Kind {
    pub(super) fn of(entry: &Entry, content_type_of: ContentTypeOf<'_>) -> Self {
        if entry.size.is_none() {
            return Self::Folder;
        }
        // The media types of these files are not helpful: `.ts`, for example, has that of a video.
        let extension = extension(&entry.name);
        let is_one_of = |known: &[&[u8]]| known.iter().any(|it| extension.eq_ignore_ascii_case(it));
        if is_one_of(&SOURCES) {
            return Self::Source;
        }
        if is_one_of(&SCRIPTS) {
            return Self::Script;
        }
        let content_type = content_type_of(&entry.name);
        let (essence, _) = content_type.split_once(';').unwrap_or((&content_type, ""));
        let (main, subtype) = essence.split_once('/').unwrap_or((essence, ""));
        match (main, subtype) {
            ("image", _) => Self::Image,
            ("audio", _) => Self::Audio,
            ("video", _) => Self::Video,
            ("font", _) => Self::Font,
            ("text", "html") | (_, "xhtml+xml") => Self::Page,
            ("text", "javascript") => Self::Script,
            ("text", "csv" | "xml") => Self::Data,
            ("text", _) => Self::Text,
            (_, "json" | "xml" | "yaml" | "toml") => Self::Data,
            (_, "pdf" | "msword" | "rtf" | "postscript" | "epub+zip") => Self::Document,
            (_, "wasm" | "x-msdownload" | "vnd.android.package-archive") => Self::Program,
            _ if subtype.contains("opendocument")
                || subtype.contains("officedocument")
                || subtype.starts_with("vnd.ms-") =>
            {
                Self::Document
            }
            _ if subtype.ends_with("+json") || subtype.ends_with("+xml") => Self::Data,
            _ if ARCHIVES.contains(&subtype) => Self::Archive,
            _ => Self::Other,
        }
    }

    /// Returns the class of the row, by which the style sheet chooses an icon.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Page | Self::Text | Self::Document => "text",
            Self::Script | Self::Source | Self::Data => "code",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Archive => "archive",
            Self::Font | Self::Program | Self::Other => "file",
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Folder => "Folder",
            Self::Page => "page",
            Self::Text => "text",
            Self::Script => "script",
            Self::Source => "source",
            Self::Data => "data",
            Self::Document => "document",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Font => "font",
            Self::Archive => "archive",
            Self::Program => "program",
            Self::Other => "file",
        }
    }
}

/// The description of an entry: `PNG image`, `File`, `Folder`.
pub(super) struct Description<'a>(pub(super) Kind, pub(super) &'a Entry);

impl fmt::Display for Description<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(kind, entry) = self;
        let extension = std::str::from_utf8(extension(&entry.name)).unwrap_or_default();
        let has_usable_extension = (1..=EXTENSION_BYTES_MAX).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match kind {
            Kind::Folder => out.write_str(kind.noun()),
            Kind::Text if extension.eq_ignore_ascii_case("txt") => out.write_str("Plain text"),
            Kind::Text if extension.eq_ignore_ascii_case("md") => out.write_str("Markdown text"),
            Kind::Text if !has_usable_extension => out.write_str("Plain text"),
            _ if has_usable_extension => {
                write!(out, "{} {}", extension.to_ascii_uppercase(), kind.noun())
            }
            // There is no usable extension.
            _ => out.write_str("File"),
        }
    }
}

/// Returns the text after the last dot of a name, unless the name starts with that dot.
pub(super) fn extension(name: &[u8]) -> &[u8] {
    match memchr::memrchr(b'.', name) {
        None | Some(0) => &[],
        Some(dot) => name.get(dot + 1..).unwrap_or_default(),
    }
}

/// The longest extension. Longer ones are part of a name that contains a dot.
const EXTENSION_BYTES_MAX: usize = 11;

/// Extensions of source code.
const SOURCES: [&[u8]; 22] = [
    b"c", b"cc", b"cpp", b"cs", b"css", b"go", b"h", b"hpp", b"java", b"jsx", b"kt", b"lua",
    b"php", b"py", b"rb", b"rs", b"scss", b"sql", b"swift", b"ts", b"tsx", b"zig",
];

/// Extensions of scripts that users run by name.
const SCRIPTS: [&[u8]; 8] = [
    b"bash", b"bat", b"cmd", b"fish", b"pl", b"ps1", b"sh", b"zsh",
];

/// Subtypes of media types that contain other files.
const ARCHIVES: [&str; 11] = [
    "gzip",
    "zip",
    "x-tar",
    "x-xz",
    "x-bzip2",
    "zstd",
    "x-zstd",
    "x-7z-compressed",
    "vnd.rar",
    "x-rar-compressed",
    "java-archive",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::media::content_type;
    use bytes::Bytes;

    fn entry(name: &[u8], size: Option<u64>) -> Entry {
        Entry {
            name: Bytes::copy_from_slice(name),
            size,
            modified: None,
        }
    }

    #[test]
    fn entries_are_described_by_their_extension() {
        for (name, label, class) in [
            (&b"index.html"[..], "HTML page", "text"),
            (b"notes.TXT", "Plain text", "text"),
            (b"README.md", "Markdown text", "text"),
            (b"manual.rst", "RST text", "text"),
            (b"main.rs", "RS source", "code"),
            (b"app.TS", "TS source", "code"),
            (b"Cargo.toml", "TOML data", "code"),
            (b"app.js", "JS script", "code"),
            (b"data.json", "JSON data", "code"),
            (b"feed.xml", "XML data", "code"),
            (b"feed.atom", "ATOM data", "code"),
            (b"lake.geojson", "GEOJSON data", "code"),
            (b"paper.pdf", "PDF document", "text"),
            (b"letter.odt", "ODT document", "text"),
            (b"letter.docx", "DOCX document", "text"),
            (b"table.xls", "XLS document", "text"),
            (b"pond.jpeg", "JPEG image", "image"),
            (b"pond.svg", "SVG image", "image"),
            (b"song.flac", "FLAC audio", "audio"),
            (b"film.mp4", "MP4 video", "video"),
            (b"face.woff2", "WOFF2 font", "file"),
            (b"all.tar.gz", "GZ archive", "archive"),
            (b"all.zip", "ZIP archive", "archive"),
            (b"all.7z", "7Z archive", "archive"),
            (b"module.wasm", "WASM program", "file"),
            (b"disk.img", "IMG file", "file"),
            (b"LICENSE", "Plain text", "text"),
            (b"README.a b", "Plain text", "text"),
            (b"install.sh", "SH script", "code"),
            (b"ci.yml", "YML data", "code"),
            (b"busybox", "File", "file"),
            (b"a.b c", "File", "file"),
            (b"a.", "File", "file"),
            (b".txt", "File", "file"),
            (b"a.\xff", "File", "file"),
        ] {
            let entry = entry(name, Some(1));
            let kind = Kind::of(&entry, &content_type);
            let shown = Description(kind, &entry).to_string();
            assert_eq!(
                (shown.as_str(), kind.class()),
                (label, class),
                "{}",
                name.escape_ascii()
            );
        }
        let folder = entry(b"photos.zip", None);
        assert_eq!(
            Description(Kind::of(&folder, &content_type), &folder).to_string(),
            "Folder"
        );
    }
}

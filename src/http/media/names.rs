//! Media types that `mime_guess` does not know, or knows only under an older or wrong name.
//!
//! The choice: a type registered with IANA if programs read the file; a type that servers and
//! clients agree on if none is registered and something depends on it; and plain text if people
//! read the file, since browsers save unknown types.

/// Returns the type of a file by its whole name, whatever its extension.
pub(super) fn of_whole_name(name: &str) -> Option<&'static str> {
    let media_type = match name {
        // These have no extension (RFC 8414, OpenID Connect Discovery, Apple's universal links).
        "apple-app-site-association"
        | "oauth-authorization-server"
        | "oauth-protected-resource"
        | "openid-configuration" => "application/json",
        "go.mod" | "go.sum" | "go.work" | "ls-lR" => TEXT,
        // Browsers look for this name when they configure a proxy automatically.
        "wpad.dat" => "application/x-ns-proxy-autoconfig",
        _ => return None,
    };
    Some(media_type)
}

/// Returns the type of an extension in lower case, if it differs from that of `mime_guess`.
pub(super) fn of_extension(extension: &str) -> Option<&'static str> {
    let media_type = match extension {
        // With `nosniff`, a file runs as a script only if its type is a script's.
        "cjs" => "text/javascript",
        // RFC 9512, and the registration in the TOML specification.
        "yaml" | "yml" => "application/yaml",
        "toml" => "application/toml",
        // Source maps (ECMA-426), notebooks, HTTP archives and similar files are JSON.
        "avsc" | "har" | "ipynb" | "map" | "topojson" => "application/json",
        "jsonl" | "ndjson" => "application/x-ndjson",
        "cbor" => "application/cbor",
        "gpkg" => "application/geopackage+sqlite3",
        "owl" | "xmp" => "application/rdf+xml",
        "sqlite" | "sqlite3" => "application/vnd.sqlite3",
        "arrow" => "application/vnd.apache.arrow.file",
        "mvt" => "application/vnd.mapbox-vector-tile",
        "pmtiles" => "application/vnd.pmtiles",
        "dtd" => "application/xml-dtd",
        "mml" => "application/mathml+xml",
        "ttml" => "application/ttml+xml",
        "xlf" | "xliff" => "application/xliff+xml",
        "plist" => "text/xml",
        "wgsl" => "text/wgsl",
        "mdown" | "mdx" | "mkd" | "mkdn" | "qmd" | "rmd" => "text/markdown",
        "man" | "ms" | "roff" => "text/troff",
        // Windows and phones recognize these only by their types.
        "appinstaller" => "application/appinstaller",
        "appx" => "application/appx",
        "appxbundle" => "application/appxbundle",
        "msix" => "application/msix",
        "msixbundle" => "application/msixbundle",
        "mobileconfig" => "application/x-apple-aspen-config",
        "ovpn" => "application/x-openvpn-profile",
        "pkpasses" => "application/vnd.apple.pkpasses",
        // RFC 8878 §6.1
        "tzst" | "zst" => "application/zstd",
        "tbz" | "tbz2" => "application/x-bzip2",
        "txz" => "application/x-xz",
        "cab" => "application/vnd.ms-cab-compressed",
        "cbr" => "application/vnd.comicbook-rar",
        "cbz" => "application/vnd.comicbook+zip",
        "ddeb" | "deb" | "udeb" => "application/vnd.debian.binary-package",
        "rar" => "application/vnd.rar",
        "rpm" => "application/x-rpm",
        "cur" => "image/x-icon",
        "emf" => "image/emf",
        "ktx2" => "image/ktx2",
        "psd" => "image/vnd.adobe.photoshop",
        "wmf" => "image/wmf",
        // RFC 4337 §3.2: browsers do not play these under other names.
        "m4a" | "m4b" | "m4r" => "audio/mp4",
        "m4v" => "video/mp4",
        "kar" | "mid" | "midi" | "rmi" => "audio/midi",
        "pls" => "audio/x-scpls",
        "m2ts" | "mts" | "ts" => "video/mp2t",
        "m4s" => "video/iso.segment",
        "3mf" => "model/3mf",
        "mtl" => "model/mtl",
        "obj" => "model/obj",
        "step" | "stp" => "model/step",
        "stl" => "model/stl",
        "usdz" => "model/vnd.usdz+zip",
        "vrml" | "wrl" => "model/vrml",
        // Signatures, which may or may not be armored, and Android bundles.
        "aab" | "gpg" => BYTES,
        _ => return read(extension),
    };
    Some(media_type)
}

/// Returns the type of files that people read: source code, scripts, settings, notes and checksums.
fn read(extension: &str) -> Option<&'static str> {
    source(extension)
        .or_else(|| script(extension))
        .or_else(|| settings(extension))
        .or_else(|| prose(extension))
}

fn source(extension: &str) -> Option<&'static str> {
    match extension {
        "adb" | "ads" | "astro" | "c++" | "capnp" | "cl" | "clj" | "cljc" | "cljs" | "cls"
        | "coffee" | "comp" | "cr" | "csx" | "cts" | "cu" | "cue" | "cuh" | "d" | "dtsi"
        | "dtx" | "edn" | "ejs" | "el" | "elm" | "erb" | "erl" | "ex" | "exs" | "f03" | "f08"
        | "f95" | "frag" | "fs" | "fsi" | "fsx" | "geom" | "glsl" | "go" | "gql" | "graphql"
        | "groovy" | "h++" | "hbs" | "hlsl" | "hrl" | "hs" | "ino" | "ipp" | "j2" | "java"
        | "jinja" | "jinja2" | "jl" | "jsonc" | "kt" | "kts" | "latex" | "lds" | "less" | "lhs"
        | "liquid" | "lisp" | "lsp" | "ltx" | "m" | "metal" | "ml" | "mli" | "mustache" | "nim"
        | "nix" | "njk" | "prisma" | "proto" | "pug" | "pxd" | "pyi" | "pyx" | "qml" | "r"
        | "rake" | "rb" | "rego" | "rkt" | "ru" | "scala" | "scm" | "sql" | "sty" | "styl"
        | "sv" | "svelte" | "svh" | "swift" | "tex" | "texi" | "texinfo" | "tf" | "thrift"
        | "tmpl" | "tpp" | "tsx" | "twig" | "v" | "vert" | "vhdl" | "vue" | "wast" | "wat"
        | "wit" | "zig" => Some(TEXT),
        _ => None,
    }
}

fn script(extension: &str) -> Option<&'static str> {
    match extension {
        "ahk" | "awk" | "bash" | "bat" | "bazel" | "bzl" | "cmake" | "csh" | "fish" | "gn"
        | "gni" | "gradle" | "ipxe" | "iss" | "ksh" | "m4" | "ninja" | "nsi" | "pl" | "pm"
        | "ps1" | "psd1" | "psm1" | "sbt" | "sed" | "sh" | "t" | "tcl" | "tk" | "vbs" | "vim"
        | "zsh" => Some(TEXT),
        _ => None,
    }
}

fn settings(extension: &str) -> Option<&'static str> {
    match extension {
        "ac" | "am" | "automount" | "buildinfo" | "changes" | "desktop" | "dockerignore"
        | "dsc" | "ebuild" | "editorconfig" | "env" | "gemspec" | "gitattributes" | "gitignore"
        | "gitmodules" | "hcl" | "inf" | "ks" | "lock" | "mount" | "netdev" | "network"
        | "nomad" | "npmignore" | "npmrc" | "nspawn" | "preseed" | "properties" | "repo"
        | "rules" | "service" | "slice" | "socket" | "sources" | "spec" | "target" | "tfvars"
        | "timer" | "zone" => Some(TEXT),
        _ => None,
    }
}

fn prose(extension: &str) -> Option<&'static str> {
    match extension {
        "1st" | "adoc" | "asc" | "asciidoc" | "ass" | "b2" | "b3" | "bib" | "bst" | "creole"
        | "diff" | "diz" | "license" | "lrc" | "md5" | "md5sum" | "me" | "mediawiki"
        | "mermaid" | "minisig" | "mmd" | "nfo" | "org" | "patch" | "plantuml" | "po" | "pod"
        | "pot" | "pub" | "puml" | "readme" | "rst" | "sfv" | "sha1" | "sha1sum" | "sha224"
        | "sha256" | "sha256sum" | "sha384" | "sha512" | "sha512sum" | "ssa" | "sum"
        | "textile" | "tr" | "wiki" => Some(TEXT),
        _ => None,
    }
}

/// Returns the type of a file without a known extension, by the first word of its name:
/// `LICENSE-MIT`, `README.cn` and `Dockerfile.dev` have the type of `LICENSE`, `README` and
/// `Dockerfile`.
pub(super) fn of_first_word(name: &str) -> Option<&'static str> {
    let word = |ends: &[char]| name.split(ends).next().unwrap_or_default();
    // A dot may start the extension of a compressed index: Packages.lz4.
    let index = document(word(&['-'])).filter(|_| !name.contains('.'));
    // A name in small letters may be a program: license-checker.
    let ends: &[_] = if name.starts_with(|first: char| first.is_ascii_uppercase()) {
        &['.', '-', '_']
    } else {
        &['.']
    };
    index.or_else(|| unmistakable(&word(ends).to_ascii_lowercase()))
}

/// Returns the type of files that accompany software, and of the indexes and checksums of
/// repositories and mirrors. In small letters, many of these words are names of programs and
/// directories.
fn document(word: &str) -> Option<&'static str> {
    match word {
        "ABOUT" | "ANNOUNCE" | "B2SUMS" | "B3SUMS" | "BUGS" | "BUILD" | "CHECKSUM"
        | "CHECKSUMS" | "CNAME" | "Contents" | "DIGESTS" | "FAQ" | "FILELIST" | "HISTORY"
        | "INDEX" | "INSTALL" | "InRelease" | "Index" | "KEYS" | "MANIFEST" | "MD5" | "MD5SUM"
        | "MD5SUMS" | "METADATA" | "Manifest" | "NEWS" | "OWNERS" | "PATENTS" | "Packages"
        | "RECORD" | "RELEASE" | "Release" | "SHA1" | "SHA1SUM" | "SHA1SUMS" | "SHA224SUMS"
        | "SHA256" | "SHA256SUM" | "SHA256SUMS" | "SHA384SUMS" | "SHA512" | "SHA512SUM"
        | "SHA512SUMS" | "Sources" | "THANKS" | "TODO" | "Translation" | "VERSION"
        | "WORKSPACE" => Some(TEXT),
        _ => None,
    }
}

/// Returns the type of names that are unmistakable in any case, here in lower case: documents of
/// software, and files that tools read by this name.
fn unmistakable(word: &str) -> Option<&'static str> {
    match word {
        "authors" | "brewfile" | "caddyfile" | "capfile" | "cartfile" | "changelog" | "changes"
        | "codeowners" | "containerfile" | "contributing" | "contributors" | "copying"
        | "copyright" | "credits" | "dockerfile" | "doxyfile" | "earthfile" | "fastfile"
        | "gemfile" | "gnumakefile" | "guardfile" | "jenkinsfile" | "justfile" | "kbuild"
        | "kconfig" | "licence" | "license" | "maintainers" | "makefile" | "md5sums" | "notice"
        | "pipfile" | "pkgbuild" | "podfile" | "procfile" | "rakefile" | "readme"
        | "sconscript" | "sconstruct" | "sha1sums" | "sha256sums" | "sha512sums" | "snakefile"
        | "thorfile" | "tiltfile" | "unlicense" | "vagrantfile" => Some(TEXT),
        _ => None,
    }
}

const TEXT: &str = "text/plain";

/// The type of unknown files.
pub(super) const BYTES: &str = "application/octet-stream";

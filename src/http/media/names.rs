//! Media types that `mime_guess` does not know, or has an older or another thing's name for.
//!
//! Which one it is: a type that is registered with IANA, where programs read the file; the type that
//! servers and clients have agreed on, where none is registered and something depends on it; and
//! plain text for what people read, since browsers save a type that they do not know.

/// The type of a file by its whole name, whatever its extension.
pub(super) fn of_whole_name(name: &str) -> Option<&'static str> {
    let media_type = match name {
        // They have no extension (RFC 8414, OpenID Connect Discovery, Apple's universal links).
        "apple-app-site-association"
        | "oauth-authorization-server"
        | "oauth-protected-resource"
        | "openid-configuration" => "application/json",
        "go.mod" | "go.sum" | "go.work" | "ls-lR" => TEXT,
        // What browsers look for when they configure a proxy by themselves.
        "wpad.dat" => "application/x-ns-proxy-autoconfig",
        _ => return None,
    };
    Some(media_type)
}

/// The type of an extension, in lower case, where this is not `mime_guess`'s.
pub(super) fn of_extension(extension: &str) -> Option<&'static str> {
    let media_type = match extension {
        // What is said not to be sniffed runs as a script only if it is called one.
        "cjs" => "text/javascript",
        // RFC 9512, and what TOML's specification has registered.
        "yaml" | "yml" => "application/yaml",
        "toml" => "application/toml",
        // Source maps (ECMA-426), notebooks, HTTP archives and the like are JSON.
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
        // Windows and phones know what to do with these by their types alone.
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
        // RFC 4337 §3.2: browsers do not play what has other names.
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
        // Signatures of which nobody knows whether they are armored, and bundles of Android's.
        "aab" | "gpg" => BYTES,
        _ => return read(extension),
    };
    Some(media_type)
}

/// The type of what people read: source code, scripts, settings, notes and checksums.
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

/// The type of a file whose extension, if it has one, is not known, by what its name begins with:
/// `LICENSE-MIT`, `README.cn` and `Dockerfile.dev` are what `LICENSE`, `README` and `Dockerfile` are.
pub(super) fn of_first_word(name: &str) -> Option<&'static str> {
    let word = |ends: &[char]| name.split(ends).next().unwrap_or_default();
    // What follows a dot may be what an index is packed in: Packages.lz4.
    let index = document(word(&['-'])).filter(|_| !name.contains('.'));
    // In small letters, it may be a program: license-checker.
    let ends: &[_] = if name.starts_with(|first: char| first.is_ascii_uppercase()) {
        &['.', '-', '_']
    } else {
        &['.']
    };
    index.or_else(|| unmistakable(&word(ends).to_ascii_lowercase()))
}

/// What accompanies software, and the indexes and checksums of repositories and mirrors. In small
/// letters, many of these words name programs and directories.
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

/// What is unmistakable however it is written, here in lower case: documents of software, and what
/// tools read by this very name.
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

/// Of what is not known.
pub(super) const BYTES: &str = "application/octet-stream";

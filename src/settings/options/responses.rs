//! Responses: their headers and their compression.

use crate::settings::option_spec::{Group, OptionSpec};
use crate::settings::values::{Cors, HeaderValue, Headers, OptionalFile, Switch};

pub(super) const RESPONSES: Group = Group {
    heading: Some("Responses"),
    options: &[
        OptionSpec {
            name: "cache-control",
            value: &HeaderValue(|settings| &mut settings.server.policy.cache_control),
            help: "Send this Cache-Control header with files; empty for none",
            reason: "no-cache lets browsers store files but check each time whether they have \
                     changed, so that nobody sees an old page. If file names change with their \
                     content, use max-age=31536000, immutable.",
        },
        OptionSpec {
            name: "header",
            value: &Headers(|settings| &mut settings.server.policy.headers),
            help: "Add a header to every response, as 'Name: value'; repeat for more",
            reason: "It replaces a header that millpond sends; 'Name:' removes it. Several \
                     values of one name are joined by commas. Headers about a file or its \
                     caching (Content-Type, Content-Disposition, Content-Language, Expires, \
                     and Cache-Control without no-store or no-cache) are sent with files only, \
                     so that no cache stores an error. A [[rule]] overrides it. In the \
                     environment variable, separate headers by line ends.",
        },
        OptionSpec {
            name: "cors",
            value: &Cors(|settings| &mut settings.server.policy.cors),
            help: "Allow pages of ORIGIN, or of any origin, to read responses (CORS)",
            reason: "For fonts, modules and data that other sites use, and for development \
                     servers on another port. Sends Access-Control-Allow-Origin with every \
                     response, exposes the headers for ranges and entity tags, and answers \
                     preflight requests (OPTIONS) for GET and HEAD with any header. --cors \
                     alone allows any origin (*).",
        },
        OptionSpec {
            name: "server-header",
            value: &Switch(|settings| &mut settings.server.policy.server_field),
            help: "Send the Server header",
            reason: "Server: millpond, without a version. It helps to find out which server \
                     sent a response.",
        },
    ],
};

pub(super) const ACCESS: Group = Group {
    heading: Some("Access"),
    options: &[OptionSpec {
        name: "auth-file",
        value: &OptionalFile(|settings| &mut settings.server.policy.auth_file),
        help: "Ask for a user name and password from this file",
        reason: "A file that htpasswd makes, with bcrypt (htpasswd -B), SHA-crypt or $apr1$ hashes, or \
                 with lines from millpond --hash-password. It applies to everything that no \
                 [[access]] matches. Changes are seen within a second. Use HTTPS: over plain HTTP, \
                 anybody on the way can read the passwords. Empty for none.",
    }],
};

pub(super) const COMPRESSION: Group = Group {
    heading: Some("Compression"),
    options: &[
        OptionSpec {
            name: "precompressed",
            value: &Switch(|settings| &mut settings.server.site.precompressed),
            help: "Serve precompressed files: app.js.br, .zst or .gz for app.js",
            reason: "Sent if the client accepts it and it is not older than app.js. If only \
                     app.js.gz exists, other clients get it decompressed.",
        },
        OptionSpec {
            name: "compression",
            value: &Switch(|settings| &mut settings.server.site.compression),
            help: "Compress text with Brotli or gzip",
            reason: "For text and similar files of 1 KiB to 16 MiB; with Brotli if the client \
                     accepts it. Each is compressed once and cached; other requests do not wait \
                     for it. Turn it off behind a proxy that compresses.",
        },
    ],
};

//! All tables.

use super::table::Table;
use super::{access, certificates, redirects, rewrites, rules, sites, types};

/// Returns the table of this name.
pub(crate) fn find(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// All tables, in the order in which they are shown.
pub(crate) static TABLES: &[Table] = &[
    Table {
        name: "types",
        help: "Content types by file extension, or by the name of a file without one",
        reason: "They override the built-in types. An empty key is for all other names without \
                 an extension. Text without a charset is sent as UTF-8. To set the type of a \
                 single path, use a rule for Content-Type.",
        example: "\
[types]
mjs = \"text/javascript\"
gltf = \"model/gltf+json\"
OWNERS = \"text/plain\"
\"\" = \"text/html\"
",
        read: types::read,
        show: types::show,
    },
    Table {
        name: "rule",
        help: "Set or remove headers by path",
        reason: "In a path, * matches anything but a slash, ** any number of directories, \
                 {a,b} either of two. It is compared with the URL path and, if a file is sent, \
                 with the path of the file: / and /index.html. set and remove name the \
                 headers. hosts and methods select requests; GET includes HEAD. on selects \
                 responses: success (the default, with 304), redirect, error, and preflight for \
                 OPTIONS. If several rules set the same header, the \
                 last one wins. Set Content-Encoding for files that are stored compressed \
                 under their own name, like game.wasm.br.",
        example: "\
[[rule]]
path = \"/assets/**\"
set = { Cache-Control = \"max-age=31536000, immutable\" }

[[rule]]
path = [\"/**/*.html\", \"/app/**\"]
set = { Cross-Origin-Opener-Policy = \"same-origin\", Cross-Origin-Embedder-Policy = \"require-corp\" }

[[rule]]
path = \"/**\"
hosts = \"preview.example.com\"
set = { X-Robots-Tag = \"noindex\" }

[[rule]]
path = \"/**\"
on = [\"success\", \"redirect\", \"error\"]
set = { Strict-Transport-Security = \"max-age=31536000\" }
remove = \"X-Content-Type-Options\"
",
        read: rules::read,
        show: rules::show,
    },
    Table {
        name: "redirect",
        help: "Redirect a path to another URL, even if there is a file",
        reason: "In from, {name} matches one path segment, and {*name} at the end matches the \
                 rest; to may use the same names, and may be a URL on another site. The query \
                 is kept. status is 301 (the default), 302, 307 or 308. The most specific from \
                 wins.",
        example: "\
[[redirect]]
from = \"/old/{*rest}\"
to = \"/new/{rest}\"

[[redirect]]
from = \"/{year}/{page}.php\"
to = \"https://archive.example/{year}?page={page}\"
status = 302
",
        read: redirects::read,
        show: redirects::show,
    },
    Table {
        name: "rewrite",
        help: "Serve a file under other URLs, if there is no file at them",
        reason: "from and to are written as in a redirect, but to is a path of this site. The URL \
                 in the browser stays. A rewrite is applied once, before spa and the error page. \
                 Rules for headers apply to both paths.",
        example: "\
[[rewrite]]
from = \"/user/{id}\"
to = \"/user.html\"

[[rewrite]]
from = \"/app/{*rest}\"
to = \"/app/index.html\"
",
        read: rewrites::read,
        show: rewrites::show,
    },
    Table {
        name: "access",
        help: "Ask for a password, or restrict clients by address, for a part of the site",
        reason: "The first [[access]] whose path matches applies, so put those for smaller parts \
                 first. users is a password file that htpasswd makes (bcrypt, SHA-crypt or $apr1$), \
                 and realm a name that some browsers show. allow and deny are IP addresses, \
                 networks, unix (clients of a Unix socket) or all; the narrowest one that contains \
                 the client decides. hosts selects requests. For a public part, write allow = \"all\".",
        example: "\
[[access]]
path = \"/staging/**\"
users = \"/etc/millpond/staging.htpasswd\"
realm = \"Staging\"

[[access]]
path = [\"/internal/**\", \"/**/*.map\"]
allow = [\"10.0.0.0/8\", \"fd00::/8\"]
",
        read: access::read,
        show: access::show,
    },
    Table {
        name: "certificate",
        help: "Certificates for https:// addresses, for several names",
        reason: "A client gets the first certificate for the name that it asks for, or else \
                 the first of all. The names are those in the certificates. tls-certificate, \
                 if set, comes before these.",
        example: "\
[[certificate]]
certificate = \"/etc/millpond/tls/example.org/fullchain.pem\"
key = \"/etc/millpond/tls/example.org/privkey.pem\"

[[certificate]]
certificate = \"/etc/millpond/tls/example.net/fullchain.pem\"
key = \"/etc/millpond/tls/example.net/privkey.pem\"
",
        read: certificates::read,
        show: certificates::show,
    },
    Table {
        name: "site",
        help: "Several sites on one server, chosen by host and path",
        reason: "A request goes to the site that names its host, or else to one without hosts; \
                 of several, to the one with the longest path that the URL begins with. path is \
                 taken off the URL before a file is looked for. Each site needs a root. It may \
                 also have its own index, clean-urls, listing, dotfiles, links, error-pages, spa, \
                 cache-control, header, cors, auth-file, precompressed, compression, tls-certificate and \
                 tls-key, and its own tables site.types, site.rule, site.access, site.redirect \
                 and site.rewrite, whose paths do not include that of the site. What \
                 it does not set, it takes from above all tables. If root is set there, too, it \
                 is the site for all other requests. A host without a site gets 421.",
        example: "\
[[site]]
hosts = [\"example.org\", \"www.example.org\"]
root = \"/srv/example\"

[[site]]
path = \"/media/\"
root = \"/mnt/disk/media\"
listing = true

[[site.rule]]
path = \"/**/*.mp4\"
set = { Cache-Control = \"max-age=86400\" }
",
        read: sites::read,
        show: sites::show,
    },
];

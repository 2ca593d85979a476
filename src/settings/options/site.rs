//! The site: what is served, and under which URLs.

use crate::settings::listen;
use crate::settings::option_spec::{Group, OptionSpec};
use crate::settings::values::{
    Addresses, Directories, Directory, DotfilePatterns, FileNames, Port, Switch, SwitchOrAuto,
    SwitchOrPage,
};

pub(super) const ESSENTIAL: Group = Group {
    heading: None,
    options: &[
        OptionSpec {
            name: "root",
            value: &Directory(|settings| &mut settings.server.site.root),
            help: "Serve this directory, or the directory of this HTML file",
            reason: "Nothing outside of it is served, whatever a request asks for or a \
                     symbolic link points to. The default is the current directory. On the \
                     command line, write it without a flag: millpond DIR.",
        },
        OptionSpec {
            name: "listen",
            value: &Addresses {
                field: |settings| &mut settings.listen,
                parse: listen::parse,
            },
            help: "Listen on this address; by default, on the loopback addresses",
            reason: "Repeat it for more addresses. Write an IP address, with or without a \
                     port: 0.0.0.0:80, [::]:80, 127.0.0.1. * and *:80 are all IPv4 and IPv6 \
                     addresses of this machine; localhost or a port alone is 127.0.0.1 and \
                     [::1], which only this machine can reach. unix:/run/millpond.sock is a \
                     Unix socket. https:// before an address enables HTTPS there. In the \
                     environment variable, separate addresses by commas.",
        },
        OptionSpec {
            name: "port",
            value: &Port(|settings| &mut settings.server.port),
            help: "Listen on this port",
            reason: "It applies to every listen address without a port. Without a listen address, \
                     the server listens on this port of both loopback addresses. 0 picks a \
                     free port. If nothing else sets it, the environment variable PORT does, \
                     as on Cloud Run and Heroku.",
        },
        OptionSpec {
            name: "share",
            value: &Switch(|settings| &mut settings.server.share),
            help: "Show the site to your network, with a QR code for phones",
            reason: "Without a listen address, the server listens on all IPv4 and IPv6 addresses of \
                     this machine. The terminal shows the URL for other devices and a QR code of it. \
                     Directories are listed (listing), and only names that no website can have are \
                     answered (allowed-hosts). The server also answers to its name, \
                     millpond.local (announce, name).",
        },
        OptionSpec {
            name: "open",
            value: &Switch(|settings| &mut settings.server.open),
            help: "Open the site in your browser",
            reason: "Runs xdg-open once the server is up. As root, or without a display \
                     (DISPLAY or WAYLAND_DISPLAY), it only prints a warning.",
        },
        OptionSpec {
            name: "live",
            value: &Switch(|settings| &mut settings.server.policy.live),
            help: "Reload pages in the browser when files change",
            reason: "For development. Each HTML page gets a small script, a changed style sheet or \
                     image is replaced without a reload, and every file is sent with \
                     Cache-Control: no-cache. Cannot be used with daemon or under systemd.",
        },
    ],
};

pub(super) const URLS: Group = Group {
    heading: Some("URLs and directories"),
    options: &[
        OptionSpec {
            name: "index",
            value: &FileNames(|settings| &mut settings.server.site.addressing.index),
            help: "Serve these index files for directories, the first that exists",
            reason: "A URL that ends in a slash gets the first of these files in that \
                     directory. Without one, a directory gets 404 or a listing. In the \
                     environment variable, separate names by commas.",
        },
        OptionSpec {
            name: "clean-urls",
            value: &Switch(|settings| &mut settings.server.site.addressing.clean),
            help: "Serve pages without .html in the URL",
            reason: "/about gets about.html, even if there is a directory of that name. The \
                     other URL of the same page redirects: /about.html to /about, and \
                     /guide/index.html to /guide/.",
        },
        OptionSpec {
            name: "listing",
            value: &SwitchOrAuto {
                field: |settings| &mut settings.server.listing,
                auto: |settings| settings.server.default_listing(settings.server.audience()),
            },
            help: "List directories without an index file",
            reason: "The listing is an HTML page, or JSON if the client prefers that, and \
                     shows only files that would be served. auto lists directories without a \
                     listen address, where only this machine can connect, and does not with a \
                     listen address or with spa.",
        },
        OptionSpec {
            name: "dotfiles",
            value: &DotfilePatterns(|settings| &mut settings.server.policy.dotfiles),
            help: "Serve names that begin with a dot if they match this pattern",
            reason: "Other such names are hidden, except below /.well-known/. * and ? match no \
                     slash and no dot at the start of a name, ** matches any number of \
                     directories; a named directory is served with all that is not hidden in it. \
                     .git, .env, .ht*, private keys and the like need a pattern without \
                     wildcards, such as /repo/.git. In the environment variable, separate \
                     patterns by line ends.",
        },
        OptionSpec {
            name: "links",
            value: &Directories(|settings| &mut settings.server.site.links),
            help: "Follow symbolic links that lead into this directory",
            reason: "Symbolic links are followed within the root, and out of it only into these \
                     directories, for which the sandbox then has a right. Write absolute paths. \
                     Everything in them can be served by a link, so name none with secrets. In the \
                     environment variable, separate paths by commas.",
        },
    ],
};

pub(super) const FALLBACKS: Group = Group {
    heading: Some("Error pages and fallbacks"),
    options: &[
        OptionSpec {
            name: "error-pages",
            value: &Switch(|settings| &mut settings.server.policy.error_pages),
            help: "Serve the site's own error pages, such as 404.html",
            reason: "403.html, 404.html, 500.html and 503.html replace millpond's pages and keep \
                     the status of the error. The nearest one counts: in the directory of the \
                     URL, or else in one above it, up to the root. They are shown at any URL, so \
                     begin their links with a slash.",
        },
        OptionSpec {
            name: "spa",
            value: &SwitchOrPage(|settings| &mut settings.server.policy.spa),
            help: "Answer page requests for missing files with the start page",
            reason: "For single-page applications with routes of their own. Sent if the Accept \
                     header names text/html, or is */* or missing, the path has no extension, \
                     and Sec-Fetch-Dest names no script, image or fetch(). A missing script \
                     still gets 404. Write a path for a start page of another name than the index \
                     file, such as /_shell.html.",
        },
    ],
};

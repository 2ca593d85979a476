//! The table of options: each is defined here, and nowhere else.
//!
//! From a row come the flag, the environment variable, the key in the file, the help, the manual
//! page, the completions and the lines of `config/millpond.toml`. Defaults are not among what a row
//! says: they are what [`Settings::default`] has, which takes them from the layers.

mod responses;

use super::{Settings, kind::Kind, likeness::nearest, tables};
use crate::http::FIELDS_CAP;
use std::{ops::RangeInclusive, time::Duration};

/// One option.
pub(super) struct Definition {
    /// The name of the flag and of the key in the file.
    pub(super) name: &'static str,
    /// What the value may be, and where it goes.
    pub(super) kind: Kind,
    /// What it is, in a line without a full stop.
    pub(super) help: &'static str,
    /// When and why to set it, in whole sentences.
    pub(super) reason: &'static str,
}

/// Options that belong together.
pub(super) struct Group {
    /// What stands above them; nothing above the first and foremost.
    pub(super) heading: Option<&'static str>,
    pub(super) options: &'static [Definition],
}

impl Definition {
    /// The environment variable.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// The value that the option has when nobody sets it.
    pub(super) fn default(&self) -> super::kind::Shown {
        self.kind.show(&Settings::default())
    }
}

/// All options, in the order in which they are shown.
pub(super) fn all() -> impl Iterator<Item = &'static Definition> + Clone {
    GROUPS.iter().flat_map(|group| group.options)
}

/// The option of this name.
pub(super) fn find(name: &str) -> Option<&'static Definition> {
    all().find(|definition| definition.name == name)
}

/// The name in the file that somebody who wrote `name` is likely to have meant.
pub(super) fn nearest_name(name: &str) -> Option<&'static str> {
    let tables = tables::TABLES.iter().map(|table| table.name);
    nearest(name, all().map(|definition| definition.name).chain(tables))
}

/// The options by group.
pub(super) static GROUPS: &[Group] = &[
    Group {
        heading: None,
        options: &[
            Definition {
                name: "root",
                kind: Kind::Directory(|settings| &mut settings.server.site.root),
                help: "Serve the files of this directory",
                reason: "Nothing outside of it is served, whatever a request asks for or a symbolic \
                         link points to. The default is the current directory, from which relative \
                         paths start. On the command line it stands by itself: millpond DIR.",
            },
            Definition {
                name: "listen",
                kind: Kind::Listen(|settings| &mut settings.listen),
                help: "Listen on this address; without one, on this machine's loopback",
                reason: "May be given several times. An IP address like 0.0.0.0, with a port or with \
                         that of the option port: 0.0.0.0:80, [::]:80. * and *:80 are all addresses \
                         of this machine, IPv4 and IPv6; localhost and a port by itself are both \
                         loopback addresses (127.0.0.1 and [::1]), which only this machine can \
                         reach. unix:/run/millpond.sock is a socket in the file system. In the \
                         environment variable, commas separate addresses.",
            },
            Definition {
                name: "port",
                kind: Kind::Port(|settings| &mut settings.server.port),
                help: "Listen on this port",
                reason: "It is the port of every listen address that names none. Without a listen \
                         address, only this machine can reach it, at both loopback addresses. 0 is \
                         any port that is free. Where nothing else sets it, it is that of the \
                         environment variable PORT, if there is one, as on Cloud Run and Heroku.",
            },
            Definition {
                name: "open",
                kind: Kind::Switch(|settings| &mut settings.server.open),
                help: "Open the site in your browser",
                reason: "xdg-open is asked to, once the server is up. As root, or where neither \
                         DISPLAY nor WAYLAND_DISPLAY names a screen, there is a warning instead.",
            },
        ],
    },
    Group {
        heading: Some("Network"),
        options: &[
            Definition {
                name: "admin",
                kind: Kind::Admin(|settings| &mut settings.admin),
                help: "An address for the operator: /healthz and /metrics; else there is none",
                reason: "Written like those of listen, with a port. Choose one that only you and your monitoring \
                         can reach, such as 127.0.0.1:9090. Health and metrics are told there and \
                         nowhere else, in Prometheus's text format, also while all connections \
                         are taken and while the server is stopping. Requests for them are not \
                         logged.",
            },
            Definition {
                name: "reuse-port",
                kind: Kind::Switch(|settings| &mut settings.server.reuse_port),
                help: "Whether the next server may start before this one stops",
                reason: "For a restart without a lost request: start the next one with the same \
                         addresses, and stop this one with TERM as soon as it answers. Both must \
                         have this option and be started by the same user. The next one is handed \
                         the sockets that this one listens on, with all who wait there.",
            },
            Definition {
                name: "hosts",
                kind: Kind::Hosts(|settings| &mut settings.server.hosts),
                help: "Answer requests for these hosts alone (names without ports)",
                reason: "A request for any other host gets 421 (Misdirected Request). local stands \
                         for localhost, the names beneath it and all IP addresses; write it beside \
                         names of your own where you want both. any answers every host. auto is \
                         local where no listen address is named, and else any: a page elsewhere \
                         on the web could otherwise have its own name resolve to this machine and \
                         read what you serve to yourself (DNS rebinding). In the environment \
                         variable, commas separate hosts.",
            },
            Definition {
                name: "trusted-proxies",
                kind: Kind::TrustedProxies(|settings| &mut settings.server.trusted_proxies),
                help: "Proxies whose X-Forwarded-For names the client that is logged",
                reason: "IP addresses, networks like 10.0.0.0/8, or unix for whoever connects to a \
                         Unix-domain socket. Of the addresses in the field, the rightmost that is \
                         no such proxy's is the client's. From all other peers the field is \
                         ignored, since anybody can send it. In the environment variable, commas \
                         separate them.",
            },
        ],
    },
    Group {
        heading: Some("Process"),
        options: &[
            Definition {
                name: "daemon",
                kind: Kind::Switch(|settings| &mut settings.server.daemon),
                help: "Whether to run in the background",
                reason: "The command ends when the server answers, with 0, or when it cannot, with \
                         another status. Standard output and error stay where they lead to a file; \
                         what goes to them is lost otherwise, so name a file for the access log. A \
                         service manager wants its servers in the foreground.",
            },
            Definition {
                name: "pid-file",
                kind: Kind::OptionalFile(|settings| &mut settings.server.pid_file),
                help: "A file for the server's process id; empty for none",
                reason: "It is written once the server listens and removed when it ends. A server \
                         does not start on a file of another one that runs; with reuse-port, its \
                         own file takes the place of that.",
            },
        ],
    },
    Group {
        heading: Some("Confinement"),
        options: &[
            Definition {
                name: "user",
                kind: Kind::User(|settings| &mut settings.server.user),
                help: "Whom to become after binding, as NAME[:GROUP]; empty for nobody else",
                reason: "A server that is started as root, to have port 80 for one, becomes this \
                         user for good before it answers. NAME has the groups that the user has, \
                         NAME:GROUP that group alone. Both may be numbers, which need not be in \
                         /etc/passwd and /etc/group.",
            },
            Definition {
                name: "sandbox",
                kind: Kind::Sandbox(|settings| &mut settings.server.sandbox),
                help: "A sandbox by Landlock and a filter of system calls",
                reason: "In it, the kernel refuses all files but what is served, settings and logs, \
                         as well as new connections, listeners and programs. auto takes as much of \
                         that as the kernel has, require does not start without the filter, \
                         files and TCP (Linux 6.7), off does without. auto and require also allow \
                         to read the directory around the site and that around the settings file, \
                         so that a site that is built again and a file that an editor replaces can \
                         be read; where other machines can connect, not if it is / or a home \
                         directory. strict allows neither, so both need a restart, and does not \
                         start without the filter and files (Linux 5.13). \
                         --check shows what is allowed.",
            },
        ],
    },
    Group {
        heading: Some("Addresses"),
        options: &[
            Definition {
                name: "index",
                kind: Kind::FileNames(|settings| &mut settings.server.site.addressing.index),
                help: "The files that stand for their directory, the first that is there",
                reason: "An address that ends in a slash gets the first of these names that the \
                         directory has. Without any, directories get 404. In the environment \
                         variable, commas separate names.",
            },
            Definition {
                name: "clean-addresses",
                kind: Kind::Switch(|settings| &mut settings.server.site.addressing.clean),
                help: "Whether pages have addresses without .html",
                reason: "Then /about gets about.html, before a directory of that name, and what \
                         would be a second address of the same page redirects to the one: \
                         /about.html to /about, and /guide/index.html to /guide/.",
            },
            Definition {
                name: "listing",
                kind: Kind::SwitchOrAuto(
                    |settings| &mut settings.server.listing,
                    |settings| settings.server.default_listing(settings.server.audience()),
                ),
                help: "List directories without an index file",
                reason: "Such a directory gets a page of what is in it and would be served, or \
                         JSON where a request prefers that, in place of 404. auto lists them where \
                         no listen address is named, so that only this machine can reach the \
                         server, and nowhere else; nor does it with spa, where the application \
                         answers.",
            },
        ],
    },
    Group {
        heading: Some("In place of what is not there"),
        options: &[
            Definition {
                name: "error-pages",
                kind: Kind::Switch(|settings| &mut settings.server.policy.error_pages),
                help: "Whether errors are answered with the site's own 404.html and the like",
                reason: "Of the pages 403.html, 404.html, 500.html and 503.html those that lie in \
                         the root take the place of millpond's own, with the status of the error. \
                         They may be shown under any address, so what they refer to has to begin \
                         with a slash.",
            },
            Definition {
                name: "spa",
                kind: Kind::Switch(|settings| &mut settings.server.policy.spa),
                help: "Answer page requests for missing files with the root's index file",
                reason: "For a single-page application, which makes the page for a URL by itself. \
                         Sent if Accept names text/html, or is */* or missing, the path has no \
                         extension and Sec-Fetch-Dest names no script, image or fetch(). A script \
                         that is missing is still 404.",
            },
        ],
    },
    Group {
        heading: Some("Access log"),
        options: &[
            Definition {
                name: "access-log",
                kind: Kind::LogDestination(|settings| &mut settings.server.access_log),
                help: "Where a log line for each request goes",
                reason: "A file is appended to.",
            },
            Definition {
                name: "access-log-format",
                kind: Kind::LogFormat(|settings| &mut settings.server.access_log_format),
                help: "How a log line is written",
                reason: "terminal is a short line with the status in colour: time (UTC), method, \
                         path, status, size, duration. common is the Common Log Format and the \
                         duration in seconds; combined adds the referrer and the user agent; json is \
                         one object a line. auto is terminal where the log goes to a terminal, and \
                         common elsewhere.",
            },
            Definition {
                name: "access-log-exclude",
                kind: Kind::LogExclusions(|settings| &mut settings.server.access_log_exclude),
                help: "Leave out requests for these paths or from these user agents",
                reason: "For health checks: a path like /healthz or /probes/**, or a part of a \
                         User-Agent like kube-probe or millpond-health (the image's own check). Only \
                         successes are left out; a check that fails is logged. Any client can send \
                         such a User-Agent. In the environment variable, commas separate entries.",
            },
        ],
    },
    responses::GROUP,
    Group {
        heading: Some("Content codings"),
        options: &[
            Definition {
                name: "precompressed",
                kind: Kind::Switch(|settings| &mut settings.server.site.precompressed),
                help: "Whether coded files beside a file are served in its place",
                reason: "Who accepts it gets app.js.br, app.js.zst or app.js.gz for app.js, the \
                         first of them that there is, unless it is older than app.js. Where app.js \
                         is missing, others get what app.js.gz expands to.",
            },
            Definition {
                name: "compression",
                kind: Kind::Switch(|settings| &mut settings.server.site.compression),
                help: "Whether text and the like is compressed by gzip on request",
                reason: "Files of 1 KiB to 16 MiB are, once for as long as the cache holds the \
                         result. Whoever asks first waits for it, and nobody else does. Behind a \
                         proxy that compresses, it may be left to that.",
            },
        ],
    },
    Group {
        heading: Some("Cache"),
        options: &[
            Definition {
                name: "cache-bytes-max",
                kind: Kind::Bytes(
                    |settings| &mut settings.server.site.cache_bytes_max,
                    0..=1 << 40,
                ),
                help: "Memory for small files and compressed ones; 0 for no cache",
                reason: "The cache makes responses faster and never older: a file that changed is \
                         read again. The fields and names that are kept of each file count, too.",
            },
            Definition {
                name: "cache-entries-max",
                kind: Kind::Count(
                    |settings| &mut settings.server.site.cache_entries_max,
                    0..=10_000_000,
                ),
                help: "How many files the cache holds; 0 for no cache",
                reason: "Bounds what the cache itself takes for each file. Of files above 64 KiB, no \
                         more than 256 are kept open, and no more than an eighth of the limit of open \
                         files.",
            },
        ],
    },
    Group {
        heading: Some("Limits"),
        options: &[
            Definition {
                name: "connections-max",
                kind: Kind::CountOrAuto(
                    |settings| &mut settings.server.connections_max,
                    1..=1 << 20,
                ),
                help: "How many connections may be open at once",
                reason: "auto is about three quarters of the hard limit of open files (ulimit -Hn), \
                         to which the soft one is raised. A larger number is cut to that, with a \
                         warning.",
            },
            Definition {
                name: "connections-per-client-max",
                kind: Kind::CountOrAuto(
                    |settings| &mut settings.server.connections_per_client_max,
                    1..=1 << 20,
                ),
                help: "How many of them may come from one address",
                reason: "auto is as many as there may be at all, since behind a proxy all of them \
                         come from one address.",
            },
            Definition {
                name: "request-target-bytes-max",
                kind: Kind::Bytes(
                    |settings| &mut settings.server.connection.limits.request_target_bytes_max,
                    64..=MIB,
                ),
                help: "The longest request target (path and query); then 414 (URI Too Long)",
                reason: "RFC 9112 asks for request lines of at least 8000 bytes.",
            },
            Definition {
                name: "head-bytes-max",
                kind: Kind::Bytes(
                    |settings| &mut settings.server.connection.limits.head_bytes_max,
                    256..=MIB,
                ),
                help: "The longest request head; then 431 (Request Header Fields Too Large)",
                reason: "A connection holds this much memory at most before its request is \
                         understood.",
            },
            Definition {
                name: "fields-max",
                kind: Kind::Count(
                    |settings| &mut settings.server.connection.limits.fields_max,
                    1..=FIELDS_CAP,
                ),
                help: "The most fields in a request head; then 431",
                reason: "Browsers send about 20; proxies add a few.",
            },
            Definition {
                name: "content-bytes-max",
                kind: Kind::LongBytes(
                    |settings| &mut settings.server.connection.limits.content_bytes_max,
                    0..=1 << 40,
                ),
                help: "The longest content of a request; then 413 (Content Too Large)",
                reason: "Content is of no use to a server of files. It is read and dropped, so that \
                         the connection can be used again.",
            },
        ],
    },
    Group {
        heading: Some("Timeouts"),
        options: &[
            Definition {
                name: "head-timeout",
                kind: Kind::Duration(
                    |settings| &mut settings.server.connection.timeouts.head,
                    DURATIONS,
                ),
                help: "How long a request head may take to arrive; then 408 (Request Timeout)",
                reason: "It runs from the head's first byte to its last, however the bytes trickle \
                         in. A new connection that sends nothing is closed after it, too.",
            },
            Definition {
                name: "idle-timeout",
                kind: Kind::Duration(
                    |settings| &mut settings.server.connection.timeouts.idle,
                    DURATIONS,
                ),
                help: "How long a connection may wait for its next request",
                reason: "Behind a proxy, set it longer than the proxy keeps idle connections: then \
                         the proxy closes them, and no request meets a connection that is closing.",
            },
            Definition {
                name: "content-stall-timeout",
                kind: Kind::Duration(
                    |settings| &mut settings.server.connection.timeouts.content_stall,
                    DURATIONS,
                ),
                help: "How long a request's content may make no progress",
                reason: "Then 408 (Request Timeout). All of it is due within ten times that, however \
                         steadily it comes.",
            },
            Definition {
                name: "send-stall-timeout",
                kind: Kind::Duration(
                    |settings| &mut settings.server.connection.timeouts.send_stall,
                    DURATIONS,
                ),
                help: "How long a client may take nothing of a response; then a reset",
                reason: "What counts is what the client has acknowledged. A download may take as \
                         long as it likes if that is 48 KiB in each such time, on average: at 60s, \
                         1 KiB/s is enough. A client that has taken more has the time to read that \
                         at this pace, up to 512 KiB.",
            },
            Definition {
                name: "linger-timeout",
                kind: Kind::Duration(
                    |settings| &mut settings.server.connection.timeouts.linger,
                    DURATIONS,
                ),
                help: "How long a closing connection waits for the client to close it too",
                reason: "A client that is still sending may otherwise lose the response (RFC 9112, \
                         section 9.6).",
            },
            Definition {
                name: "drain-timeout",
                kind: Kind::Duration(|settings| &mut settings.server.drain_timeout, DURATIONS),
                help: "How long responses under way may go on after a signal to stop",
                reason: "What would kill the server should wait for longer: Docker waits for 10s if \
                         it is not told otherwise (--stop-timeout), Kubernetes for 30s, systemd for \
                         90s.",
            },
        ],
    },
];

/// What environment variables begin with.
pub(super) const PREFIX: &str = "MILLPOND_";

const MIB: u64 = 1 << 20;

/// What a timeout may be. To wait for no time, or for ever, is a mistake.
const DURATIONS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_fit_for_flags_and_variables() {
        let mut names = HashSet::new();
        for Definition { name, .. } in all() {
            assert!(names.insert(name), "{name} is defined twice");
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{name}"
            );
        }
    }

    /// For a service called millpond, Kubernetes and Docker's links set `MILLPOND_PORT`,
    /// `MILLPOND_PORT_80_TCP` and so on, `MILLPOND_NAME` and `MILLPOND_SERVICE_HOST`. The first is a
    /// URL then, by which it can be told from ours.
    #[test]
    fn no_variable_but_that_of_the_port_is_one_that_orchestrators_set() {
        let others = all().filter(|definition| definition.name != "port");
        for variable in others.map(Definition::variable) {
            let reserved = [
                "MILLPOND_PORT",
                "MILLPOND_SERVICE",
                "MILLPOND_NAME",
                "MILLPOND_ENV",
            ];
            assert!(
                !reserved.iter().any(|name| variable.starts_with(name)),
                "{variable}"
            );
        }
    }

    #[test]
    fn help_is_a_line_and_reasons_are_sentences() {
        for Definition {
            name, help, reason, ..
        } in all()
        {
            assert!(help.len() <= 72 && !help.ends_with('.'), "{name}: {help}");
            assert!(
                reason.ends_with('.') && !reason.contains('\n'),
                "{name}: {reason}"
            );
        }
    }

    #[test]
    fn every_default_is_a_value_that_the_option_takes() {
        for definition in all() {
            let default = definition.default().plain();
            let mut settings = Settings::default();
            let assigned = definition
                .kind
                .assign(&mut settings, &definition.kind.split(default.into()));
            assert_eq!(assigned, Ok(()), "{}", definition.name);
            assert_eq!(settings, Settings::default(), "{}", definition.name);
        }
    }
}

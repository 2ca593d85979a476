//! The server: its network, its process, its confinement and its log.

use crate::server::options::WORKERS_MAX;
use crate::settings::listen;
use crate::settings::option_spec::{Group, OptionSpec};
use crate::settings::values::{
    Addresses, CountOrAuto, Hosts, Keyword, LOG_FORMATS, LocalName, LogExclusions, LogFile,
    OptionalFile, Proxies, SANDBOX_MODES, Switch, SwitchOrAuto, UserAndGroup,
};

pub(super) const NETWORK: Group = Group {
    heading: Some("Network"),
    options: &[
        OptionSpec {
            name: "admin",
            value: &Addresses {
                field: |settings| &mut settings.admin,
                parse: listen::parse_with_port,
            },
            help: "Serve /healthz and /metrics on this address, the admin port",
            reason: "Off by default. Write it like a listen address, with a port. Choose one \
                     that only you and your monitoring can reach, such as 127.0.0.1:9090. \
                     Metrics are in the Prometheus text format. The admin port answers even at \
                     the connection limit and during shutdown. Its requests are not logged.",
        },
        OptionSpec {
            name: "announce",
            value: &SwitchOrAuto {
                field: |settings| &mut settings.server.announce,
                auto: |settings| settings.server.default_announce(),
            },
            help: "Answer to a name in the local network, such as millpond.local",
            reason: "By multicast DNS, on all networks of this machine where the server listens, and \
                     as a website in lists of services (DNS-SD, Bonjour, Avahi). auto \
                     does so with share, except in the background. true also does so without \
                     share, for a small device that needs a name.",
        },
        OptionSpec {
            name: "name",
            value: &LocalName(|settings| &mut settings.server.name),
            help: "The name in the local network, without .local",
            reason: "Letters, digits and hyphens. If another machine has the name, the server takes \
                     the next one: millpond-2, millpond-3 and so on, and the log says so.",
        },
        OptionSpec {
            name: "https",
            value: &Switch(|settings| &mut settings.server.https),
            help: "Use HTTPS if there is no listen address",
            reason: "For pages that need a secure context, such as those that use the camera: \
                     millpond DIR --share --https. For a listen address, write https:// \
                     before it instead. Without tls-certificate, the certificate is self-signed.",
        },
        OptionSpec {
            name: "tls-certificate",
            value: &OptionalFile(|settings| &mut settings.tls_certificate),
            help: "The certificate for https:// addresses: a PEM file with its chain",
            reason: "The server certificate comes first, then its issuers, as in \
                     fullchain.pem. A renewed file is loaded without a restart if it matches \
                     its key and has not expired. For more than one certificate, see \
                     [[certificate]].",
        },
        OptionSpec {
            name: "tls-key",
            value: &OptionalFile(|settings| &mut settings.tls_key),
            help: "The private key of that certificate: a PEM file",
            reason: "ECDSA, Ed25519 or RSA, in PKCS#8, SEC1 or PKCS#1, without a password. It \
                     is read before privileges are dropped. To load a renewed key without a \
                     restart, make it readable by --user as well.",
        },
        OptionSpec {
            name: "redirect-https",
            value: &Switch(|settings| &mut settings.server.redirect_https),
            help: "Redirect plain HTTP to HTTPS",
            reason: "Requests over HTTP get 308 to the same URL over HTTPS, on the port of the \
                     first https:// listen address. Files below /.well-known/acme-challenge/ \
                     are served over HTTP as well, so that certificates can be renewed, and so \
                     is everything over a Unix socket.",
        },
        OptionSpec {
            name: "reuse-port",
            value: &Switch(|settings| &mut settings.server.reuse_port),
            help: "Let the next server start before this one stops",
            reason: "For restarts without a lost request: start the next server with the same \
                     addresses, and stop this one with TERM once the next one answers. Both \
                     need this option and the same user. The next server takes over the \
                     listening sockets with all waiting connections.",
        },
        OptionSpec {
            name: "allowed-hosts",
            value: &Hosts(|settings| &mut settings.server.hosts),
            help: "Answer only requests for these hosts (names without ports)",
            reason: "Requests for other hosts get 421 (Misdirected Request). local is \
                     localhost, names below it, and all IP addresses; add it to names of your \
                     own if you want both. any allows every host. auto is local without a \
                     listen address, which stops DNS rebinding: a website elsewhere cannot \
                     point its own name at this machine and read what you serve. With share, auto \
                     is local and .local, which is every name that multicast DNS resolves. With \
                     a listen address, auto is any. In the environment variable, separate hosts by \
                     commas.",
        },
        OptionSpec {
            name: "trusted-proxies",
            value: &Proxies(|settings| &mut settings.server.trusted_proxies),
            help: "Take the client address from the headers that these proxies send",
            reason: "Write IP addresses, networks like 10.0.0.0/8, or unix for clients of a \
                     Unix socket. The headers are X-Forwarded-For, Forwarded and X-Real-IP; the \
                     first of them counts. The client is the rightmost address in it that is \
                     not a trusted proxy. From all other peers the headers are ignored, since \
                     anybody can send them. In the environment variable, separate entries by \
                     commas.",
        },
    ],
};

pub(super) const PROCESS: Group = Group {
    heading: Some("Process"),
    options: &[
        OptionSpec {
            name: "workers",
            value: &CountOrAuto(|settings| &mut settings.server.workers, 1..=WORKERS_MAX),
            help: "Number of threads that serve requests",
            reason: "One thread serves tens of thousands of requests a second; more use more \
                     processors. auto is the number of processors that this process may use \
                     (affinity, CPU quota of its container). Limits hold for the whole server: \
                     each thread has an equal part of cache-bytes-max. docs/scale.md says when \
                     more than one pays off.",
        },
        OptionSpec {
            name: "daemon",
            value: &Switch(|settings| &mut settings.server.daemon),
            help: "Run in the background",
            reason: "The command returns once the server answers, with status 0, or has \
                     failed, with another status. Output to a terminal is lost, so log to a \
                     file. Do not use it under systemd or another service manager.",
        },
        OptionSpec {
            name: "pid-file",
            value: &OptionalFile(|settings| &mut settings.server.pid_file),
            help: "Write the process id to this file",
            reason: "Written once the server listens, and removed when it exits. The server \
                     does not start if another running server owns the file; with reuse-port, \
                     it replaces the file. Empty for none.",
        },
    ],
};

pub(super) const CONFINEMENT: Group = Group {
    heading: Some("Privileges and sandbox"),
    options: &[
        OptionSpec {
            name: "user",
            value: &UserAndGroup(|settings| &mut settings.server.user),
            help: "Drop privileges to this user after binding: NAME[:GROUP]",
            reason: "For a server started as root to use port 80 or 443. The change is \
                     permanent. NAME keeps all groups of that user, NAME:GROUP only that group. \
                     Both may be numbers, even if they are not in /etc/passwd and /etc/group. \
                     Empty keeps the user.",
        },
        OptionSpec {
            name: "sandbox",
            value: &Keyword {
                field: |settings| &mut settings.server.sandbox,
                words: SANDBOX_MODES,
                placeholder: "MODE",
                wanted: "\"off\", \"auto\", \"require\" or \"strict\"",
            },
            help: "Restrict the process with Landlock and a seccomp filter",
            reason: "The kernel then denies access to all files except the site, settings and \
                     logs, and denies new outgoing connections, listeners and programs. auto \
                     uses what the kernel supports. require fails to start without seccomp and \
                     Landlock for files and TCP (Linux 6.7). off disables it. auto and require \
                     also allow reading the directory around the site and the one around the \
                     settings file, so that a rebuilt site and a file replaced by an editor \
                     can be read; not if other machines can connect and it is / or a home \
                     directory. strict allows neither, so both need a restart; it fails to \
                     start without seccomp and Landlock for files (Linux 5.13). --check shows \
                     what is allowed.",
        },
    ],
};

pub(super) const ACCESS_LOG: Group = Group {
    heading: Some("Access log"),
    options: &[
        OptionSpec {
            name: "access-log",
            value: &LogFile(|settings| &mut settings.server.access_log),
            help: "Write the access log here, one line for each request",
            reason: "Lines are appended to a file. USR1 reopens it after a rotation.",
        },
        OptionSpec {
            name: "access-log-format",
            value: &Keyword {
                field: |settings| &mut settings.server.access_log_format,
                words: LOG_FORMATS,
                placeholder: "FORMAT",
                wanted: "the name of a format in quotes",
            },
            help: "The format of the access log",
            reason: "terminal: a short line in colour with time (UTC), method, path, status, \
                     size and duration. common: Common Log Format plus the duration in \
                     seconds. combined: the same with referrer and user agent. json: one \
                     object a line. auto: terminal if the log goes to a terminal, else common.",
        },
        OptionSpec {
            name: "access-log-exclude",
            value: &LogExclusions(|settings| &mut settings.server.access_log_exclude),
            help: "Do not log requests for these paths or from these user agents",
            reason: "For health checks: a path like /healthz or /probes/**, or a part of a \
                     User-Agent like kube-probe or millpond-health (the check of the container \
                     image). Only successful requests are left out; a failed check is logged. \
                     Any client can send such a User-Agent. In the environment variable, \
                     separate entries by commas.",
        },
    ],
};

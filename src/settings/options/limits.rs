//! Limits: cache, sizes, counts and times.

use crate::http::FIELDS_CAP;
use crate::settings::option_spec::{Group, OptionSpec};
use crate::settings::values::{Count, CountOrAuto, Size, Time};
use std::{ops::RangeInclusive, time::Duration};

pub(super) const CACHE: Group = Group {
    heading: Some("Cache"),
    options: &[
        OptionSpec {
            name: "cache-bytes-max",
            value: &Size(
                |settings| &mut settings.server.site.cache_bytes_max,
                0..=1 << 40,
            ),
            help: "Maximum memory for small and compressed files; 0 disables the cache",
            reason: "A cached file is checked against the disk before use, so it is never out \
                     of date. Headers and file names count, too.",
        },
        OptionSpec {
            name: "check-interval",
            value: &Time(
                |settings| &mut settings.server.site.check_interval,
                Duration::ZERO..=Duration::from_hours(1),
            ),
            help: "Time for which a cached file is served without checking it again",
            reason: "With 0s a file is checked for each request that arrives, so a change is \
                     seen at once. 1s saves a system call per request for many small files, as \
                     nginx does with open_file_cache; a change is then seen up to a second \
                     later, or at once after a reload. Files above 64 KiB are always checked.",
        },
        OptionSpec {
            name: "cache-entries-max",
            value: &Count(
                |settings| &mut settings.server.site.cache_entries_max,
                0..=10_000_000,
            ),
            help: "Maximum number of files in the cache; 0 disables the cache",
            reason: "Of files above 64 KiB, at most 256 are kept open, and at most an eighth \
                     of the limit of open files.",
        },
    ],
};

pub(super) const LIMITS: Group = Group {
    heading: Some("Limits"),
    options: &[
        OptionSpec {
            name: "connections-max",
            value: &CountOrAuto(|settings| &mut settings.server.connections_max, 1..=1 << 20),
            help: "Maximum number of connections at the same time",
            reason: "auto is about three quarters of the hard limit of open files (ulimit \
                     -Hn); the soft limit is raised to it. A larger number is reduced to that, \
                     with a warning. At the limit, a finished, idle or slow connection is \
                     closed to make room.",
        },
        OptionSpec {
            name: "connections-per-client-max",
            value: &CountOrAuto(
                |settings| &mut settings.server.connections_per_client_max,
                1..=1 << 20,
            ),
            help: "Maximum number of connections from one address or IPv6 /64 network",
            reason: "auto sets no limit of its own, since behind a proxy all connections come \
                     from one address.",
        },
        OptionSpec {
            name: "url-bytes-max",
            value: &Size(
                |settings| &mut settings.server.connection.limits.request_target_bytes_max,
                64..=MIB,
            ),
            help: "Maximum length of the URL (path and query); longer ones get 414",
            reason: "414 is URI Too Long. RFC 9112 recommends at least 8000 bytes for the request line.",
        },
        OptionSpec {
            name: "header-bytes-max",
            value: &Size(
                |settings| &mut settings.server.connection.limits.head_bytes_max,
                256..=MIB,
            ),
            help: "Maximum size of the request line and all headers; larger ones get 431",
            reason: "431 is Request Header Fields Too Large. This also limits the memory that \
                     a connection uses before its request is complete.",
        },
        OptionSpec {
            name: "headers-max",
            value: &Count(
                |settings| &mut settings.server.connection.limits.fields_max,
                1..=FIELDS_CAP,
            ),
            help: "Maximum number of request headers; more get 431",
            reason: "Browsers send about 20; proxies add a few.",
        },
        OptionSpec {
            name: "body-bytes-max",
            value: &Size(
                |settings| &mut settings.server.connection.limits.content_bytes_max,
                0..=1 << 40,
            ),
            help: "Maximum size of a request body; larger ones get 413",
            reason: "413 is Content Too Large. A file server has no use for request bodies. They \
                     are read and discarded, so that the connection stays usable.",
        },
    ],
};

pub(super) const TIMEOUTS: Group = Group {
    heading: Some("Timeouts"),
    options: &[
        OptionSpec {
            name: "header-timeout",
            value: &Time(
                |settings| &mut settings.server.connection.timeouts.head,
                DURATIONS,
            ),
            help: "Time to receive all request headers; then 408 (Request Timeout)",
            reason: "It counts from the first byte to the last, even if bytes trickle in. A \
                     new connection that sends nothing is closed after the same time.",
        },
        OptionSpec {
            name: "idle-timeout",
            value: &Time(
                |settings| &mut settings.server.connection.timeouts.idle,
                DURATIONS,
            ),
            help: "Time to keep an idle connection open for the next request",
            reason: "Behind a proxy, set it longer than the idle timeout of the proxy: then \
                     the proxy closes idle connections, and no request arrives at a connection \
                     that is closing.",
        },
        OptionSpec {
            name: "body-timeout",
            value: &Time(
                |settings| &mut settings.server.connection.timeouts.content_stall,
                DURATIONS,
            ),
            help: "Time without progress in receiving a request body; then 408",
            reason: "408 is Request Timeout. The whole body may take ten times as long.",
        },
        OptionSpec {
            name: "send-timeout",
            value: &Time(
                |settings| &mut settings.server.connection.timeouts.send_stall,
                DURATIONS,
            ),
            help: "Time without progress in sending a response; then a reset",
            reason: "Progress is what the client acknowledges. A download may take any time if \
                     the client receives 48 KiB in each such period on average: at 60s, 1 \
                     KiB/s is enough. Up to 512 KiB received earlier count towards that \
                     average.",
        },
        OptionSpec {
            name: "linger-timeout",
            value: &Time(
                |settings| &mut settings.server.connection.timeouts.linger,
                DURATIONS,
            ),
            help: "Time to wait for the client to close a connection",
            reason: "When the server closes a connection while the client is still sending, \
                     the client could otherwise lose the response (RFC 9112, section 9.6).",
        },
        OptionSpec {
            name: "shutdown-timeout",
            value: &Time(|settings| &mut settings.server.drain_timeout, DURATIONS),
            help: "Time to finish responses after a signal to stop",
            reason: "Let the supervisor wait longer than that before it kills the server: \
                     Docker waits for 10s by default (--stop-timeout), Kubernetes for 30s, \
                     systemd for 90s.",
        },
    ],
};

const MIB: u64 = 1 << 20;

/// The range of timeouts. A timeout of zero or without end is a mistake.
const DURATIONS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(24);

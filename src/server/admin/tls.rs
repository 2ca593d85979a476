//! The metrics of TLS.

use super::exposition::{Exposition, Family, counter, gauge};
use crate::server::net::tls::{Failure, Handshake, TlsCounters};
use std::path::PathBuf;

/// Writes the counters of each worker, or their sum. `expiries` has the file and the expiry of each
/// certificate.
pub(super) fn write<'a>(
    out: &mut Exposition,
    counters: impl Iterator<Item = (Option<&'a str>, &'a TlsCounters)> + Clone,
    expiries: &[(PathBuf, i64)],
) {
    let mut samples = out.family(&HANDSHAKES);
    for (worker, counters) in counters.clone() {
        samples.of_worker(worker);
        for handshake in Handshake::ALL {
            let (version, kind) = handshake.names();
            let labels = [("version", version), ("kind", kind)];
            samples.sample("", &labels, counters.handshakes(handshake));
        }
    }
    let mut samples = out.family(&FAILURES);
    for (worker, counters) in counters {
        samples.of_worker(worker);
        for failure in Failure::ALL {
            let labels = [("reason", failure.name())];
            samples.sample("", &labels, counters.failures(failure));
        }
    }
    let mut samples = out.family(&EXPIRY);
    for (path, expiry) in expiries {
        let path = path.display().to_string();
        samples.sample("", &[("file", &path)], expiry);
    }
}

const HANDSHAKES: Family = counter(
    "millpond_tls_handshakes_total",
    "TLS handshakes that were completed, by version and kind.",
);
const FAILURES: Family = counter(
    "millpond_tls_failures_total",
    "TLS connections that failed, by reason.",
);
const EXPIRY: Family = gauge(
    "millpond_tls_certificate_expiry_timestamp_seconds",
    "When each certificate in use expires, in seconds since 1970.",
);

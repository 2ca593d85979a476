//! The metrics: what each is called, and where its number comes from. `docs/metrics.md` lists
//! them, and a test holds it to what is told here.

use super::exposition::{Exposition, Family, Kind};
use super::figures::Figures;
use crate::conn::Phase;
use crate::http::Status;
use crate::process::stats::ProcessFigures;
use crate::server::observe::metrics::{ConnectionGauges, LastReload, Metrics};
use crate::site::CacheFigures;
use std::time::SystemTime;

/// All metrics at this moment.
pub(super) fn render(figures: &mut Figures<'_>) -> String {
    let mut out = Exposition::default();
    tell_responses(&mut out, figures.metrics);
    tell_connections(&mut out, figures.connections);
    tell_timeouts(&mut out, figures.metrics);
    tell_cache(&mut out, figures.cache);
    out.single(&RECORDS_LOST, figures.log_lines_lost);
    out.single(&DIAGNOSTICS_LOST, figures.diagnostics_lost);
    out.single(&TURNS, figures.turns);
    out.single(&DRAINING, u8::from(figures.connections.is_draining));
    out.single(&ROOT_AVAILABLE, u8::from(figures.has_root));
    tell_reload(&mut out, figures.last_reload);
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.family(&BUILD_INFO).sample("", &version, 1);
    tell_process(&mut out, &figures.process.look());
    out.finish()
}

fn tell_responses(out: &mut Exposition, metrics: &Metrics) {
    let mut samples = out.family(&RESPONSES);
    for status in Status::ALL {
        let code = status.code();
        let (class, code) = (format!("{}xx", code / 100), code.to_string());
        let labels = [("class", class.as_str()), ("code", code.as_str())];
        samples.sample("", &labels, metrics.responses(*status));
    }
    let total = Status::ALL.iter().map(|it| metrics.responses(*it)).sum();
    let mut samples = out.family(&RESPONSE_DURATION);
    for (bound, count) in metrics.durations.cumulative(total) {
        let bound = bound.as_secs_f64().to_string();
        samples.sample("_bucket", &[("le", bound.as_str())], count);
    }
    samples.sample("_bucket", &[("le", "+Inf")], total);
    samples.sample("_sum", &[], metrics.durations.sum().as_secs_f64());
    samples.sample("_count", &[], total);
    out.single(&SENT_BYTES, metrics.sent_bytes);
    out.single(&RECEIVED_BYTES, metrics.received_bytes);
}

fn tell_connections(out: &mut Exposition, gauges: &ConnectionGauges) {
    let mut samples = out.family(&CONNECTIONS);
    for (phase, count) in Phase::ALL.iter().zip(gauges.phases) {
        samples.sample("", &[("phase", phase.name())], count);
    }
    out.single(&CONNECTIONS_MAX, gauges.connections_max);
    out.single(&ACCEPTED, gauges.counters.accepted);
    out.single(&EVICTED, gauges.counters.evicted);
    out.single(&REFUSED, gauges.counters.refused);
    out.single(&PAUSES, gauges.counters.pauses);
}

fn tell_timeouts(out: &mut Exposition, metrics: &Metrics) {
    let mut samples = out.family(&TIMEOUTS);
    for phase in Phase::ALL {
        samples.sample("", &[("phase", phase.name())], metrics.timeouts(phase));
    }
}

fn tell_cache(out: &mut Exposition, cache: &CacheFigures) {
    out.single(&CACHE_HITS, cache.hits);
    out.single(&CACHE_MISSES, cache.misses);
    out.single(&CACHE_EVICTIONS, cache.evictions);
    out.single(&CACHE_ENTRIES, cache.entries);
    out.single(&CACHE_BYTES, cache.bytes);
    out.single(&CACHE_DESCRIPTORS, cache.descriptors);
}

fn tell_reload(out: &mut Exposition, reload: LastReload) {
    out.single(&RELOAD_SUCCESSFUL, u8::from(reload.is_successful));
    out.single(&RELOAD_SUCCEEDED, since_epoch(reload.succeeded));
}

fn since_epoch(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

fn tell_process(out: &mut Exposition, process: &ProcessFigures) {
    out.single(&PROCESS_START, since_epoch(process.started));
    out.single(&PROCESS_CPU, process.cpu.as_secs_f64());
    for (family, value) in [
        (&PROCESS_RESIDENT, process.resident_bytes),
        (&PROCESS_VIRTUAL, process.virtual_bytes),
        (&PROCESS_DESCRIPTORS, process.descriptors),
        (&PROCESS_DESCRIPTORS_MAX, process.descriptors_max),
    ] {
        if let Some(value) = value {
            out.single(family, value);
        }
    }
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    let kind = Kind::Counter;
    Family { name, kind, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    let kind = Kind::Gauge;
    Family { name, kind, help }
}

const RESPONSES: Family = counter(
    "millpond_responses_total",
    "Responses to requests, and to what was refused as none.",
);
const RESPONSE_DURATION: Family = Family {
    name: "millpond_response_duration_seconds",
    kind: Kind::Histogram,
    help: "From the turn that read a request's head to the one that handed over its response.",
};
const SENT_BYTES: Family = counter(
    "millpond_sent_bytes_total",
    "Bytes of responses, heads and content, that the kernel took.",
);
const RECEIVED_BYTES: Family = counter(
    "millpond_received_bytes_total",
    "Bytes that were received, of requests or not.",
);
const CONNECTIONS: Family = gauge(
    "millpond_connections",
    "Open connections, by what they are about.",
);
const CONNECTIONS_MAX: Family = gauge(
    "millpond_connections_max",
    "Connections that there is room for.",
);
const ACCEPTED: Family = counter(
    "millpond_connections_accepted_total",
    "Connections that were accepted and not closed at once.",
);
const EVICTED: Family = counter(
    "millpond_connections_evicted_total",
    "Connections, idle or slow to send a request, that were closed to make room for new ones.",
);
const REFUSED: Family = counter(
    "millpond_connections_refused_total",
    "Connections that were closed at once because their client has too many.",
);
const PAUSES: Family = counter(
    "millpond_accept_pauses_total",
    "Times that accepting paused because all connections were busy, or an error kept it.",
);
const TIMEOUTS: Family = counter(
    "millpond_timeouts_total",
    "Deadlines that passed, by what the connection was about.",
);
const CACHE_HITS: Family = counter(
    "millpond_cache_hits_total",
    "Looks for a file that the cache answered.",
);
const CACHE_MISSES: Family = counter(
    "millpond_cache_misses_total",
    "Looks for a file that the cache could not answer, or no more.",
);
const CACHE_EVICTIONS: Family = counter(
    "millpond_cache_evictions_total",
    "Files that left the cache to make room for others.",
);
const CACHE_ENTRIES: Family = gauge("millpond_cache_entries", "Files in the cache.");
const CACHE_BYTES: Family = gauge("millpond_cache_bytes", "Memory that the cache takes.");
const CACHE_DESCRIPTORS: Family = gauge(
    "millpond_cache_descriptors",
    "Files that the cache holds open, because they are large.",
);
const RECORDS_LOST: Family = counter(
    "millpond_access_records_lost_total",
    "Access records that were lost, as nobody read the log or it could not be written.",
);
const DIAGNOSTICS_LOST: Family = counter(
    "millpond_diagnostics_lost_total",
    "Lines on standard error that were lost, as nobody read them.",
);
const TURNS: Family = counter("millpond_turns_total", "Turns of the event loop.");
const DRAINING: Family = gauge(
    "millpond_draining",
    "1 while the server finishes what is under way before it ends.",
);
const ROOT_AVAILABLE: Family = gauge(
    "millpond_root_available",
    "1 while the served directory is there, 0 while it is gone and requests get 503.",
);
const RELOAD_SUCCESSFUL: Family = gauge(
    "millpond_config_last_reload_successful",
    "1 if the settings that were read last are in force, 0 if they were refused.",
);
const RELOAD_SUCCEEDED: Family = gauge(
    "millpond_config_last_reload_success_timestamp_seconds",
    "When the settings in force were read, in seconds since 1970.",
);
const BUILD_INFO: Family = gauge("millpond_build_info", "1, and which version it is.");
const PROCESS_START: Family = gauge(
    "process_start_time_seconds",
    "When the server started, in seconds since 1970.",
);
const PROCESS_CPU: Family = counter(
    "process_cpu_seconds_total",
    "Processor time of the process, the kernel's work for it included.",
);
const PROCESS_RESIDENT: Family = gauge("process_resident_memory_bytes", "Memory that is resident.");
const PROCESS_VIRTUAL: Family = gauge("process_virtual_memory_bytes", "Memory that is mapped.");
const PROCESS_DESCRIPTORS: Family = gauge("process_open_fds", "Descriptors that are open.");
const PROCESS_DESCRIPTORS_MAX: Family = gauge("process_max_fds", "Descriptors that may be open.");

//! The metrics: the name of each, and the source of its value. `docs/metrics.md` lists them, and a
//! test checks that list.

use super::exposition::{Exposition, Family, Kind, counter, gauge};
use super::figures::{Figures, LoopFigures};
use crate::conn::Phase;
use crate::http::Status;
use crate::process::stats::ProcessFigures;
use crate::server::answer::site_figures::{SiteFigures, merged};
use crate::server::observe::metrics::LastReload;
use std::fmt::Display;
use std::time::SystemTime;

/// The detail of the report: all workers together, or each one separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Sum,
    Worker,
}

/// A part of the report with its own labels: all workers together, or one of them.
struct Part {
    worker: Option<String>,
    figures: LoopFigures,
}

/// Renders all metrics at this moment.
pub(super) fn render(figures: &mut Figures<'_>, detail: Detail) -> String {
    let mut out = Exposition::default();
    let parts = parts(figures.workers, detail);
    write_responses(&mut out, &parts);
    write_connections(&mut out, &parts);
    write_timeouts(&mut out, &parts);
    #[cfg(feature = "tls")]
    {
        let counters = parts.iter().map(|it| (it.worker(), &it.figures.tls));
        super::tls::write(&mut out, counters, figures.certificate_expiries);
    }
    write_cache(&mut out, &parts);
    out.single(&RECORDS_LOST, figures.log_lines_lost);
    out.single(&DIAGNOSTICS_LOST, figures.diagnostics_lost);
    write_each(&mut out, &parts, &TURNS, |it| it.turns);
    out.single(&WORKERS, figures.workers.len());
    out.single(&DRAINING, u8::from(figures.is_draining));
    let has_root = figures.workers.iter().all(|it| it.has_root);
    out.single(&ROOT_AVAILABLE, u8::from(has_root));
    write_sites(
        &mut out,
        &merged(figures.workers.iter().map(|it| &it.sites)),
    );
    write_reload(&mut out, figures.last_reload);
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.family(&BUILD_INFO).sample("", &version, 1);
    write_process(&mut out, &figures.process.look());
    out.finish()
}

fn parts(workers: &[LoopFigures], detail: Detail) -> Vec<Part> {
    match detail {
        Detail::Sum => vec![Part {
            worker: None,
            figures: LoopFigures::sum(workers),
        }],
        Detail::Worker => {
            let numbered = workers.iter().zip(1..);
            let parts = numbered.map(|(figures, number)| Part {
                worker: Some(number.to_string()),
                figures: figures.clone(),
            });
            parts.collect()
        }
    }
}

impl Part {
    fn worker(&self) -> Option<&str> {
        self.worker.as_deref()
    }
}

/// Writes a family with one sample for each part.
fn write_each<T: Display>(
    out: &mut Exposition,
    parts: &[Part],
    family: &Family,
    value: impl Fn(&LoopFigures) -> T,
) {
    let mut samples = out.family(family);
    for part in parts {
        samples.of_worker(part.worker());
        samples.sample("", &[], value(&part.figures));
    }
}

fn write_responses(out: &mut Exposition, parts: &[Part]) {
    let mut samples = out.family(&RESPONSES);
    for part in parts {
        samples.of_worker(part.worker());
        for status in Status::ALL {
            let code = status.code();
            let (class, code) = (format!("{}xx", code / 100), code.to_string());
            let labels = [("class", class.as_str()), ("code", code.as_str())];
            samples.sample("", &labels, part.figures.metrics.responses(*status));
        }
    }
    let mut samples = out.family(&RESPONSE_DURATION);
    for part in parts {
        let metrics = &part.figures.metrics;
        samples.of_worker(part.worker());
        let total = Status::ALL.iter().map(|it| metrics.responses(*it)).sum();
        for (bound, count) in metrics.durations.cumulative(total) {
            let bound = bound.as_secs_f64().to_string();
            samples.sample("_bucket", &[("le", bound.as_str())], count);
        }
        samples.sample("_bucket", &[("le", "+Inf")], total);
        samples.sample("_sum", &[], metrics.durations.sum().as_secs_f64());
        samples.sample("_count", &[], total);
    }
    write_each(out, parts, &SENT_BYTES, |it| it.metrics.sent_bytes);
    write_each(out, parts, &RECEIVED_BYTES, |it| it.metrics.received_bytes);
}

fn write_connections(out: &mut Exposition, parts: &[Part]) {
    let mut samples = out.family(&CONNECTIONS);
    for part in parts {
        samples.of_worker(part.worker());
        for (phase, count) in Phase::ALL.iter().zip(part.figures.connections.phases) {
            samples.sample("", &[("phase", phase.name())], count);
        }
    }
    // The first worker accepts all connections.
    if let Some(first) = parts.first() {
        let gauges = &first.figures.connections;
        out.single(&CONNECTIONS_MAX, gauges.connections_max);
        out.single(&ACCEPTED, gauges.counters.accepted);
    }
    write_each(out, parts, &EVICTED, |it| it.connections.counters.evicted);
    if let Some(first) = parts.first() {
        let gauges = &first.figures.connections;
        out.single(&REFUSED, gauges.counters.refused);
        out.single(&PAUSES, gauges.counters.pauses);
    }
}

fn write_timeouts(out: &mut Exposition, parts: &[Part]) {
    let mut samples = out.family(&TIMEOUTS);
    for part in parts {
        samples.of_worker(part.worker());
        for phase in Phase::ALL {
            let count = part.figures.metrics.timeouts(phase);
            samples.sample("", &[("phase", phase.name())], count);
        }
    }
}

fn write_cache(out: &mut Exposition, parts: &[Part]) {
    write_each(out, parts, &CACHE_HITS, |it| it.cache.hits);
    write_each(out, parts, &CACHE_MISSES, |it| it.cache.misses);
    write_each(out, parts, &CACHE_EVICTIONS, |it| it.cache.evictions);
    write_each(out, parts, &CACHE_ENTRIES, |it| it.cache.entries);
    write_each(out, parts, &CACHE_BYTES, |it| it.cache.bytes);
    write_each(out, parts, &CACHE_DESCRIPTORS, |it| it.cache.descriptors);
}

fn write_sites(out: &mut Exposition, sites: &[SiteFigures]) {
    let mut samples = out.family(&SITE_ROOT_AVAILABLE);
    for site in sites {
        samples.sample("", &[("site", &site.name)], u8::from(site.has_root));
    }
    let mut samples = out.family(&SITE_RESPONSES);
    for site in sites {
        for (class, count) in (1..).zip(site.responses) {
            let class = format!("{class}xx");
            samples.sample("", &[("site", &site.name), ("class", &class)], count);
        }
    }
}

fn write_reload(out: &mut Exposition, reload: LastReload) {
    out.single(&RELOAD_SUCCESSFUL, u8::from(reload.is_successful));
    out.single(&RELOAD_SUCCEEDED, since_epoch(reload.succeeded));
}

fn since_epoch(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

fn write_process(out: &mut Exposition, process: &ProcessFigures) {
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

const RESPONSES: Family = counter(
    "millpond_responses_total",
    "Responses, including those to invalid requests.",
);
const RESPONSE_DURATION: Family = Family {
    name: "millpond_response_duration_seconds",
    kind: Kind::Histogram,
    help: "Time from reading the request to handing the response to the kernel.",
};
const SENT_BYTES: Family = counter(
    "millpond_sent_bytes_total",
    "Bytes of responses, header and content, handed to the kernel.",
);
const RECEIVED_BYTES: Family = counter("millpond_received_bytes_total", "Bytes received.");
const CONNECTIONS: Family = gauge("millpond_connections", "Open connections, by phase.");
const CONNECTIONS_MAX: Family = gauge(
    "millpond_connections_max",
    "Maximum number of open connections.",
);
const ACCEPTED: Family = counter(
    "millpond_connections_accepted_total",
    "Accepted connections, without those that were closed at once.",
);
const EVICTED: Family = counter(
    "millpond_connections_evicted_total",
    "Idle or slow connections closed to make room for new ones.",
);
const REFUSED: Family = counter(
    "millpond_connections_refused_total",
    "Connections closed at once because their client has too many.",
);
const PAUSES: Family = counter(
    "millpond_accept_pauses_total",
    "Times that accepting paused, because all connections were in use or after an error.",
);
const TIMEOUTS: Family = counter(
    "millpond_timeouts_total",
    "Timeouts, by phase of the connection.",
);
const CACHE_HITS: Family = counter(
    "millpond_cache_hits_total",
    "Lookups answered from the cache.",
);
const CACHE_MISSES: Family = counter(
    "millpond_cache_misses_total",
    "Lookups not in the cache, or outdated there.",
);
const CACHE_EVICTIONS: Family = counter(
    "millpond_cache_evictions_total",
    "Files removed from the cache to make room for others.",
);
const CACHE_ENTRIES: Family = gauge("millpond_cache_entries", "Files in the cache.");
const CACHE_BYTES: Family = gauge("millpond_cache_bytes", "Memory used by the cache.");
const CACHE_DESCRIPTORS: Family = gauge(
    "millpond_cache_descriptors",
    "Large files that the cache keeps open.",
);
const RECORDS_LOST: Family = counter(
    "millpond_access_log_lines_lost_total",
    "Lines of the access log lost because nothing read the log or it could not be written.",
);
const DIAGNOSTICS_LOST: Family = counter(
    "millpond_stderr_lines_lost_total",
    "Lines on standard error lost because nothing read them.",
);
const TURNS: Family = counter("millpond_turns_total", "Turns of the event loops.");
const WORKERS: Family = gauge("millpond_workers", "Event loops, each in its own thread.");
const DRAINING: Family = gauge(
    "millpond_draining",
    "1 while the server shuts down and finishes responses.",
);
const ROOT_AVAILABLE: Family = gauge(
    "millpond_root_available",
    "1 while the served directories exist, 0 while one is missing and its requests get 503.",
);
const SITE_ROOT_AVAILABLE: Family = gauge(
    "millpond_site_root_available",
    "1 while the directory of the site exists, 0 while it is missing; with several sites only.",
);
const SITE_RESPONSES: Family = counter(
    "millpond_site_responses_total",
    "Responses to requests for the site; with several sites only.",
);
const RELOAD_SUCCESSFUL: Family = gauge(
    "millpond_config_last_reload_successful",
    "1 if the last reload succeeded, 0 if its settings were refused.",
);
const RELOAD_SUCCEEDED: Family = gauge(
    "millpond_config_last_reload_success_timestamp_seconds",
    "Time of the last successful reload, in seconds since 1970.",
);
const BUILD_INFO: Family = gauge(
    "millpond_build_info",
    "Always 1; the label has the version.",
);
const PROCESS_START: Family = gauge(
    "process_start_time_seconds",
    "Start time of the process, in seconds since 1970.",
);
const PROCESS_CPU: Family = counter(
    "process_cpu_seconds_total",
    "CPU time of the process, user and system.",
);
const PROCESS_RESIDENT: Family = gauge("process_resident_memory_bytes", "Resident memory.");
const PROCESS_VIRTUAL: Family = gauge("process_virtual_memory_bytes", "Virtual memory.");
const PROCESS_DESCRIPTORS: Family = gauge("process_open_fds", "Open file descriptors.");
const PROCESS_DESCRIPTORS_MAX: Family = gauge(
    "process_max_fds",
    "Maximum number of open file descriptors.",
);

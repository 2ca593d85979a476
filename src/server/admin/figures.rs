//! The figures that the admin port reports, gathered from the parts that count them.

use crate::process::stats::Process;
use crate::server::answer::site_figures::SiteFigures;
use crate::server::net::tls::TlsCounters;
use crate::server::observe::metrics::{ConnectionGauges, LastReload, Metrics};
use crate::site::CacheFigures;
use std::path::PathBuf;

/// The figures of one event loop at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoopFigures {
    pub(crate) connections: ConnectionGauges,
    pub(crate) cache: CacheFigures,
    pub(crate) metrics: Metrics,
    /// `true` if there is a directory to serve.
    pub(crate) has_root: bool,
    /// The figures of each site; empty if there is a single one.
    pub(crate) sites: Vec<SiteFigures>,
    pub(crate) turns: u64,
    pub(crate) tls: TlsCounters,
}

impl LoopFigures {
    /// Adds the figures of another worker.
    fn add(&mut self, other: &Self) {
        self.connections.add(&other.connections);
        self.cache = [self.cache, other.cache].into_iter().sum();
        self.metrics.add(&other.metrics);
        self.has_root &= other.has_root;
        self.turns += other.turns;
        self.tls.add(&other.tls);
    }

    /// Returns the sum of the figures of all workers.
    pub(super) fn sum(all: &[Self]) -> Self {
        let mut all = all.iter();
        let mut sum = all.next().cloned().unwrap_or_default();
        all.for_each(|other| sum.add(other));
        sum
    }
}

/// All figures at one moment.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "there is nothing to report of TLS")
)]
pub(crate) struct Figures<'a> {
    pub(crate) process: &'a mut Process,
    /// The figures of each worker, starting with the first one.
    pub(crate) workers: &'a [LoopFigures],
    pub(crate) is_draining: bool,
    pub(crate) last_reload: LastReload,
    pub(crate) log_lines_lost: u64,
    pub(crate) diagnostics_lost: u64,
    /// The file of each certificate, and its expiry in seconds since 1970.
    pub(crate) certificate_expiries: &'a [(PathBuf, i64)],
}

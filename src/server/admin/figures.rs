//! The figures that the admin port reports, gathered from where they are counted.

use crate::process::stats::Process;
use crate::server::observe::metrics::{ConnectionGauges, LastReload, Metrics};
use crate::site::CacheFigures;

/// All that is reported at a moment.
#[derive(Debug)]
pub(crate) struct Figures<'a> {
    pub(crate) process: &'a mut Process,
    pub(crate) connections: &'a ConnectionGauges,
    pub(crate) cache: &'a CacheFigures,
    pub(crate) metrics: &'a Metrics,
    /// Whether there is a directory to serve.
    pub(crate) has_root: bool,
    pub(crate) last_reload: LastReload,
    pub(crate) log_lines_lost: u64,
    pub(crate) diagnostics_lost: u64,
    pub(crate) turns: u64,
}

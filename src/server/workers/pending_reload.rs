//! A reload in progress, for which other workers are still preparing.

use super::message::Change;
use crate::server::net::tls::Certificates;
use crate::server::observe::access_log::Reopened;
use crate::server::options::Options;
use crate::server::passwords::LoadedFiles;
use crate::server::prepared::Prepared;
use std::sync::Arc;

/// The reload in progress, if there is one.
#[derive(Debug, Default)]
pub(crate) struct PendingReload {
    pub(crate) ready: Option<Box<Ready>>,
    /// `true` if another reload was requested in the meantime.
    pub(crate) is_wanted_again: bool,
}

/// Everything that the first worker needs to apply other settings, and that could have failed.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) prepared: Prepared,
    pub(crate) certificates: Option<Certificates>,
    /// The password files that were not named before.
    pub(crate) users: LoadedFiles,
    pub(crate) output: Reopened,
    /// The options of the whole server.
    pub(crate) options: Options,
    /// The change for each other worker.
    pub(crate) change: Arc<Change>,
}

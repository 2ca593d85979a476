//! The settings and their sources.

use super::listen::WrittenAddress;
use super::origin::Origin;
use super::site_table::SiteTable;
use crate::server::{self, CertificateFiles};
use std::{collections::BTreeMap, path::PathBuf};

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The options of the server.
    pub server: server::Options,
    /// The listen addresses of `server` as they are written: a port may be missing and come from
    /// elsewhere.
    pub(super) listen: Vec<WrittenAddress>,
    /// The addresses of the admin port, as they are written.
    pub(super) admin: Vec<WrittenAddress>,
    /// The certificate that is set by options; its key follows.
    pub(super) tls_certificate: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    /// The certificates that are set by tables.
    pub(super) certificates: Vec<CertificateFiles>,
    /// The sites as written in the file. Missing values come from the settings above all tables.
    pub(super) sites: Vec<SiteTable>,
    /// The source of each option that is not at its default, by name.
    pub(super) origins: BTreeMap<&'static str, Origin>,
}

//! A site as written in the file.

use super::origin::Origin;
use crate::http::base_path::BasePath;
use crate::http::host::Host;
use crate::plan::{Access, Redirects, Rewrites, Rules};
use std::{collections::BTreeMap, ffi::OsString};

/// The settings that a site has in the file, without those that it inherits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SiteTable {
    pub(super) origin: Origin,
    /// The hosts that it answers for. If empty, it answers for any.
    pub(super) hosts: Vec<Host>,
    pub(super) base: BasePath,
    /// The options in their order in the file. Their values were parsed once, so they are valid.
    pub(super) options: Vec<SiteOption>,
    pub(super) rules: Option<Rules>,
    pub(super) access: Option<Access>,
    pub(super) redirects: Option<Redirects>,
    pub(super) rewrites: Option<Rewrites>,
    pub(super) types: Option<BTreeMap<String, String>>,
}

/// An option for which a site has its own value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SiteOption {
    pub(super) name: &'static str,
    pub(super) values: Vec<OsString>,
    pub(super) origin: Origin,
}

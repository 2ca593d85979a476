//! One of several sites in the options, and its name.

use crate::http::base_path::BasePath;
use crate::http::host::Host;
use crate::plan::Policy;
use crate::site;
use std::fmt;

/// One of several sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteOptions {
    /// The hosts that it answers for. If empty, it answers for those that no other site names.
    pub hosts: Vec<Host>,
    /// Whether directories without an index file are listed. `None` means the default for the
    /// [`Audience`](crate::server::Audience). Overrides the value in `site`.
    pub listing: Option<bool>,
    /// The directory, and how it is served.
    pub site: site::Options,
    /// The operator's policy for its responses, including its base path.
    pub policy: Policy,
}

impl SiteOptions {
    /// Returns its name for the operator.
    pub fn name(&self) -> SiteName<'_> {
        SiteName::new(&self.hosts, &self.policy.base)
    }
}

/// The name of a site: its first host, if it has one, and its base path.
#[derive(Clone, Copy, Debug)]
pub struct SiteName<'a> {
    hosts: &'a [Host],
    base: &'a BasePath,
}

impl<'a> SiteName<'a> {
    pub(crate) fn new(hosts: &'a [Host], base: &'a BasePath) -> Self {
        Self { hosts, base }
    }
}

impl fmt::Display for SiteName<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = self.hosts.first() {
            write!(out, "{host}")?;
        }
        write!(out, "{}", self.base)
    }
}

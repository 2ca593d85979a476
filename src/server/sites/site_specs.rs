//! The sites of a server: those that its options name one by one, or else a single one.

use super::site_options::SiteName;
use crate::http::host::Host;
use crate::plan::Policy;
use crate::server::audience::Audience;
use crate::server::options::Options;
use crate::site;
use std::path::{Path, PathBuf};

/// The specification of a site, with the defaults that follow from the audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SiteSpec {
    /// The hosts by which it is chosen. If empty, it is chosen for those that no other site names.
    pub(crate) hosts: Vec<Host>,
    /// The options with which it is opened.
    pub(crate) site: site::Options,
    /// The policy under which it is served, with the hosts that are answered.
    pub(crate) policy: Policy,
}

impl SiteSpec {
    /// Returns its name for the operator.
    pub(crate) fn name(&self) -> SiteName<'_> {
        SiteName::new(&self.hosts, &self.policy.base)
    }
}

impl Options {
    /// Returns the specifications of the sites. If the options name none, there is one for the
    /// options as a whole.
    pub(crate) fn site_specs(&self, audience: Audience) -> Vec<SiteSpec> {
        let answered = self.answered_hosts(audience);
        if self.sites.is_empty() {
            return vec![SiteSpec {
                hosts: Vec::new(),
                site: self.site_options(audience),
                policy: Policy {
                    hosts: answered.into(),
                    index: self.site.addressing.index.clone().into(),
                    ..self.policy.clone()
                },
            }];
        }
        let known = self.known_hosts(audience);
        let specs = self.sites.iter().map(|site| SiteSpec {
            hosts: site.hosts.clone(),
            site: site::Options {
                listing: site
                    .listing
                    .unwrap_or_else(|| Self::default_listing_of(&site.policy, audience).0),
                ..site.site.clone()
            },
            policy: Policy {
                // A site that is chosen by its hosts need not compare them again.
                hosts: if site.hosts.is_empty() {
                    known.clone().into()
                } else {
                    Vec::new().into()
                },
                index: site.site.addressing.index.clone().into(),
                ..site.policy.clone()
            },
        });
        specs.collect()
    }

    /// Returns a short description: the root, or the number of sites.
    pub fn subject(&self) -> String {
        match self.sites.len() {
            0 => self.site.root.display().to_string(),
            1 => "1 site".to_owned(),
            count => format!("{count} sites"),
        }
    }

    /// Returns the directories that are served.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &PathBuf> {
        let only = self.sites.is_empty().then_some(&self.site.root);
        let of_sites = self.sites.iter().map(|site| &site.site.root);
        only.into_iter().chain(of_sites)
    }

    /// Returns the directories outside of the roots that symbolic links may lead to.
    pub(crate) fn links(&self) -> impl Iterator<Item = &PathBuf> {
        let only = self.sites.is_empty().then_some(&self.site);
        let of_sites = self.sites.iter().map(|site| &site.site);
        let sites = only.into_iter().chain(of_sites);
        sites.flat_map(|site| &site.links)
    }

    /// Returns the policies with which a directory is served.
    pub(crate) fn policies_of<'a>(&'a self, root: &'a Path) -> impl Iterator<Item = &'a Policy> {
        let only = self.sites.is_empty().then_some((&self.site, &self.policy));
        let of_sites = self.sites.iter().map(|site| (&site.site, &site.policy));
        let all = only.into_iter().chain(of_sites);
        all.filter(move |(site, _)| site.root == root)
            .map(|(_, policy)| policy)
    }

    /// Returns the hosts that requests may be for, including those of sites. If empty, all hosts
    /// are allowed.
    pub fn known_hosts(&self, audience: Audience) -> Vec<Host> {
        let answered = self.answered_hosts(audience);
        if answered.is_empty() {
            return answered;
        }
        let of_sites = self
            .sites
            .iter()
            .flat_map(|site| site.hosts.iter().cloned());
        answered.into_iter().chain(of_sites).collect()
    }
}

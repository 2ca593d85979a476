//! Sites with the settings that they inherit from those above all tables.

use super::error::Problem;
use super::options;
use super::origin::Origin;
use super::site_table::{SiteOption, SiteTable};
use super::store::Settings;
use crate::plan::{Policy, Rules};
use crate::server::SiteOptions;
use std::collections::{HashMap, hash_map::Entry};

impl Settings {
    /// Creates the sites of the server, after all other settings are known. A root above all tables
    /// is that of the site for all other requests. Returns the errors.
    pub(super) fn resolve_sites(&mut self) -> Vec<Problem> {
        if self.sites.is_empty() {
            return Vec::new();
        }
        let mut sites: Vec<_> = self.sites.iter().map(|site| self.site(site)).collect();
        if self.origins.contains_key("root") {
            sites.push(SiteOptions {
                hosts: Vec::new(),
                listing: self.server.listing,
                site: self.server.site.clone(),
                policy: self.server.policy.clone(),
            });
        }
        let problems = self.colliding_sites(&sites);
        self.server.sites = sites;
        problems
    }

    /// Returns the options for which a site has its own values, each as a line of the file.
    pub(super) fn printed_options(&self, site: &SiteTable) -> impl Iterator<Item = String> {
        let settings = self.with_options_of(site);
        site.options
            .iter()
            .filter_map(move |SiteOption { name, origin, .. }| {
                let value = options::find(name)?.value.print(&settings);
                let origin = origin.to_string().replace(char::is_control, "?");
                Some(format!("{name} = {value}  # {origin}"))
            })
    }

    /// Returns a site with the settings that it inherits.
    fn site(&self, site: &SiteTable) -> SiteOptions {
        let Self { server, .. } = self.with_options_of(site);
        let mut policy = Policy {
            base: site.base.clone(),
            ..server.policy
        };
        if let Some(rules) = &site.rules {
            // The last matching rule wins, so the site's own rules come last.
            let all = policy.rules.iter().chain(rules.iter());
            policy.rules = Rules::new(all.cloned().collect());
        }
        if let Some(access) = &site.access {
            // The first matching rule counts, so everything that a site does not mention stays as
            // protected as before.
            policy.access = access.followed_by(&policy.access);
        }
        if let Some(redirects) = &site.redirects {
            policy.redirects = redirects.clone();
        }
        if let Some(rewrites) = &site.rewrites {
            policy.rewrites = rewrites.clone();
        }
        if let Some(types) = &site.types {
            policy.types.extend(types.clone());
        }
        SiteOptions {
            hosts: site.hosts.clone(),
            listing: server.listing,
            site: server.site,
            policy,
        }
    }

    /// Returns the options among these settings, with the values of a site.
    pub(super) fn with_options_of(&self, site: &SiteTable) -> Self {
        let mut settings = Self {
            server: self.server.clone(),
            ..Self::default()
        };
        for SiteOption { name, values, .. } in &site.options {
            if let Some(option) = options::find(name) {
                let assigned = option.value.assign(&mut settings, values);
                debug_assert!(assigned.is_ok(), "{name} has been read before");
            }
        }
        settings
    }

    /// Reports sites that would get no requests because another one has the same host and path.
    fn colliding_sites(&self, sites: &[SiteOptions]) -> Vec<Problem> {
        let origins = self.sites.iter().map(|site| &site.origin);
        let origins = origins.chain(self.origins.get("root"));
        let (mut first, mut problems) = (HashMap::new(), Vec::new());
        for (site, origin) in sites.iter().zip(origins) {
            let base = &site.policy.base;
            let mut hosts: Vec<_> = site.hosts.iter().map(ToString::to_string).collect();
            if hosts.is_empty() {
                hosts.push("any host".to_owned());
            }
            for host in hosts {
                let message = |first: &Origin| {
                    format!(
                        "site: {host} with the path {base} is already the site of {first}; change \
                         hosts or path of one of them"
                    )
                };
                match first.entry((host.clone(), base.clone())) {
                    Entry::Vacant(entry) => {
                        entry.insert(origin);
                    }
                    Entry::Occupied(entry) => problems.push(Problem {
                        origin: origin.clone(),
                        message: message(entry.get()),
                    }),
                }
            }
        }
        problems
    }
}

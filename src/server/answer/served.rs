//! A site that is served, with its policy.

use crate::http::Status;
use crate::plan::Policy;
use crate::server::error::StartError;
use crate::server::sites::site_specs::SiteSpec;
use crate::site::{SharedLimits, Site};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Instant;

/// A site with its policy. A reload replaces it, and waiting requests keep the old one.
#[derive(Debug)]
pub(crate) struct Served {
    /// The specification that it was made from.
    pub(crate) spec: SiteSpec,
    pub(crate) policy: Rc<Policy>,
    pub(crate) site: RefCell<Site>,
    /// The counts of the responses to its requests.
    pub(crate) responses: Rc<ResponseCounts>,
}

/// Counts of responses by the first digit of their status.
#[derive(Debug, Default)]
pub(crate) struct ResponseCounts([Cell<u64>; CLASSES]);

impl Served {
    /// Opens a site that shares these limits with others.
    pub(crate) fn open(
        spec: SiteSpec,
        limits: &SharedLimits,
        now: Instant,
    ) -> Result<Self, StartError> {
        let policy = Rc::new(spec.policy.clone().with_general_rules());
        let site = Site::open_within(&spec.site, Rc::clone(&policy), limits, now)
            .map_err(|error| StartError::Root(spec.site.root.clone(), error))?;
        Ok(Self::new(spec, policy, site))
    }

    /// Creates a site whose root cannot be opened yet. Until it can, requests get 503.
    pub(crate) fn without_root(
        spec: SiteSpec,
        error: &io::Error,
        limits: &SharedLimits,
        now: Instant,
    ) -> Self {
        let policy = Rc::new(spec.policy.clone().with_general_rules());
        let site = Site::without_root(&spec.site, Rc::clone(&policy), error, limits, now);
        Self::new(spec, policy, site)
    }

    fn new(spec: SiteSpec, policy: Rc<Policy>, site: Site) -> Self {
        Self {
            spec,
            policy,
            site: RefCell::new(site),
            responses: Rc::default(),
        }
    }
}

impl ResponseCounts {
    pub(crate) fn note(&self, status: Status) {
        let class = usize::from(status.code() / 100).checked_sub(1);
        if let Some(count) = class.and_then(|class| self.0.get(class)) {
            count.set(count.get() + 1);
        }
    }

    /// Returns the counts, starting with that of 1xx.
    pub(crate) fn counts(&self) -> [u64; CLASSES] {
        self.0.each_ref().map(Cell::get)
    }
}

/// The number of classes: the first digit of a status is 1 to 5.
pub(crate) const CLASSES: usize = 5;

//! The sites that are served: a single one, or several, one of which is chosen for each request.

use super::choice::Choice;
use super::served::Served;
use crate::http::path::{PathError, RequestPath, as_if_separated};
use crate::http::request::RequestHead;
use crate::plan::{NoSite, Policy};
use crate::server::audience::Audience;
use crate::server::error::StartError;
use crate::server::options::Options;
use crate::server::sites::site_specs::SiteSpec;
use crate::site::SharedLimits;
use std::borrow::Cow;
use std::io;
use std::rc::Rc;
use std::slice;
use std::time::Instant;

/// The sites that are served.
#[derive(Debug)]
pub(crate) enum Sites {
    One(Rc<Served>, SharedLimits),
    Several(Box<Several>),
}

/// Sites that are chosen by host and path.
#[derive(Debug)]
pub(crate) struct Several {
    all: Vec<Rc<Served>>,
    choice: Choice,
    /// The policy for requests that are for none of the sites.
    policy: Rc<Policy>,
    limits: SharedLimits,
}

impl Sites {
    /// Opens the sites of these options, which together keep at most `files_max` files open. Sites
    /// in `before` that have not changed are kept.
    ///
    /// If one of several roots cannot be opened, this is only logged, as long as another can.
    pub(crate) fn open(
        options: &Options,
        audience: Audience,
        files_max: usize,
        before: Option<&Self>,
        now: Instant,
    ) -> Result<Self, StartError> {
        let opening = Opening::new(options, files_max, before, now);
        let mut specs = options.site_specs(audience);
        if options.sites.is_empty()
            && let Some(spec) = specs.pop()
        {
            let served = opening.unchanged(&spec);
            let served = served.map_or_else(|| opening.open(spec), Ok)?;
            return Ok(Self::One(served, opening.limits));
        }
        let (mut all, mut choice) = (Vec::with_capacity(specs.len()), Choice::default());
        let mut failures = Vec::new();
        for spec in specs {
            choice.add(&spec.hosts, &spec.policy.base, all.len());
            all.push(match opening.unchanged(&spec) {
                Some(served) => served,
                None => opening.open_if_there(spec, &mut failures)?,
            });
        }
        let is_any_there = failures.len() < all.len();
        match failures.into_iter().next() {
            Some(error) if !is_any_there => Err(error),
            _ => Ok(Self::Several(Box::new(Several {
                all,
                choice,
                policy: Rc::new(options.policy.clone().with_general_rules()),
                limits: opening.limits,
            }))),
        }
    }

    /// Returns the site that a request is for.
    #[inline]
    pub(crate) fn find(&self, request: &RequestHead<'_>) -> Result<&Rc<Served>, NoSite> {
        match self {
            Self::One(served, _) => Ok(served),
            Self::Several(several) => several.find(request),
        }
    }

    /// Returns all sites.
    pub(crate) fn all(&self) -> &[Rc<Served>] {
        match self {
            Self::One(served, _) => slice::from_ref(served),
            Self::Several(several) => &several.all,
        }
    }

    /// Returns the policy for requests that are for none of the sites, and for malformed ones.
    pub(crate) fn common_policy(&self) -> &Policy {
        match self {
            Self::One(served, _) => &served.policy,
            Self::Several(several) => &several.policy,
        }
    }

    fn limits(&self) -> &SharedLimits {
        match self {
            Self::One(_, limits) => limits,
            Self::Several(several) => &several.limits,
        }
    }
}

impl Several {
    /// Makes all caches fit into the budget: one may have taken what others have to give up.
    pub(crate) fn fit_budget(&self) {
        if self.limits.are_caches_too_large() {
            for served in &self.all {
                served.site.borrow_mut().fit_budget();
            }
        }
    }

    /// Returns the site that a request is for.
    pub(crate) fn find(&self, request: &RequestHead<'_>) -> Result<&Rc<Served>, NoSite> {
        let path = || {
            let target = request.target.path_and_query();
            let path = target.map(|target| target.path).unwrap_or_default();
            match RequestPath::parse(path) {
                Ok(path) => path.into_bytes(),
                // It names nothing in any site. Its error page is that of the site where it would be.
                Err(PathError::EncodedSlash) => as_if_separated(path).into(),
                Err(PathError::BrokenEscape | PathError::Nul) => Cow::default(),
            }
        };
        let index = self.choice.find(request.authority(), path);
        self.all.get(index?).ok_or(NoSite::Path)
    }
}

/// The parameters for opening sites.
struct Opening<'a> {
    limits: SharedLimits,
    before: &'a [Rc<Served>],
    now: Instant,
}

impl<'a> Opening<'a> {
    fn new(options: &Options, files_max: usize, before: Option<&'a Sites>, now: Instant) -> Self {
        let has_same_limits = |before: &&Sites| before.limits().are_for(&options.site, files_max);
        let kept = before.filter(has_same_limits);
        let limits = kept.map(|before| before.limits().clone());
        Self {
            limits: limits.unwrap_or_else(|| SharedLimits::new(&options.site, files_max)),
            before: kept.map_or(&[], Sites::all),
            now,
        }
    }

    /// Returns the existing site, if it has not changed.
    fn unchanged(&self, spec: &SiteSpec) -> Option<Rc<Served>> {
        let same = self.before.iter().find(|served| served.spec == *spec);
        same.map(Rc::clone)
    }

    fn open(&self, spec: SiteSpec) -> Result<Rc<Served>, StartError> {
        Served::open(spec, &self.limits, self.now).map(|served| self.counting_on(served))
    }

    /// Opens a site. If its root cannot be opened, the site is served without it, and the error is
    /// logged and added to the others.
    fn open_if_there(
        &self,
        spec: SiteSpec,
        failures: &mut Vec<StartError>,
    ) -> Result<Rc<Served>, StartError> {
        match self.open(spec.clone()) {
            Err(StartError::Root(root, error)) if error.kind() != io::ErrorKind::Unsupported => {
                let served = Served::without_root(spec, &error, &self.limits, self.now);
                let (failure, name) = (StartError::Root(root, error), served.spec.name());
                log::warn!("{failure}; requests for {name} get 503 until it exists");
                failures.push(failure);
                Ok(self.counting_on(served))
            }
            opened => opened,
        }
    }

    /// Makes a site continue the counts of the one that had its name before.
    fn counting_on(&self, mut served: Served) -> Rc<Served> {
        let name = served.spec.name().to_string();
        let mut before = self.before.iter();
        if let Some(before) = before.find(|before| before.spec.name().to_string() == name) {
            served.responses = Rc::clone(&before.responses);
        }
        Rc::new(served)
    }
}

//! The job of one listing: waiting for a permit, reading, writing.

use super::content_types::content_types;
use super::gathering::{Folder, Gathering};
use super::pool::{ListingPool, Permit};
use super::represent::represent;
use super::writing::Writing;
use crate::http::base_path::BasePath;
use crate::http::coding::CodingSet;
use crate::listing::{Listing, View};
use crate::plan::Policy;
use crate::plan::live::{self, Shown};
use crate::site::codings::Output;
use crate::site::error::LookupError;
use crate::site::file::{File, Origin, Source};
use crate::site::jobs::{JobContext, Outcome, Task};
use crate::site::lookup::content_tag;
use std::rc::Rc;

/// The job of one listing.
#[derive(Debug)]
pub(super) struct Job {
    pool: Rc<ListingPool>,
    folder: Folder,
    view: View,
    codings: CodingSet,
    listing: Listing,
    /// `Some` once the job has begun.
    permit: Option<Permit>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Other jobs hold all permits.
    Waiting,
    Gathering(Gathering),
    Writing(Writing),
}

impl Task for Job {
    fn step(&mut self, context: &mut JobContext<'_>) -> Option<Outcome> {
        let next = match &mut self.state {
            State::Waiting => {
                self.permit = Permit::take(&self.pool);
                self.permit.as_ref()?;
                self.folder.open().map(State::Gathering)
            }
            State::Gathering(gathering) => {
                match gathering.step(&self.folder, &context.policy.dotfiles, &mut self.listing) {
                    Ok(true) => return None,
                    Ok(false) => {
                        gathering.finish(&self.folder, &mut self.listing);
                        if context.policy.live {
                            let shown = Shown::Directory(self.folder.path.as_bytes());
                            self.listing.set_script(live::tag(shown));
                        }
                        Ok(State::Writing(Writing::new(
                            self.view.coding,
                            &self.listing,
                        )))
                    }
                    Err(miss) => Err(miss),
                }
            }
            State::Writing(writing) => {
                let path = self.folder.path.as_bytes();
                let written = writing.step(&mut self.listing, &content_types(path, context.policy));
                return match written {
                    Ok(true) => None,
                    Ok(false) => Some(self.finish(context.policy)),
                    Err(_) => Some(Err(LookupError::OutOfResources)),
                };
            }
        };
        match next {
            Ok(state) => self.state = state,
            Err(miss) => return Some(Err(miss)),
        }
        None
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Waiting)
    }
}

impl Job {
    pub(super) fn new(
        pool: &Rc<ListingPool>,
        base: BasePath,
        folder: Folder,
        view: View,
        codings: CodingSet,
    ) -> Self {
        Self {
            pool: Rc::clone(pool),
            listing: Listing::new(base, folder.path.clone(), view),
            folder,
            view,
            codings,
            permit: None,
            state: State::Waiting,
        }
    }

    fn finish(&mut self, policy: &Policy) -> Outcome {
        let State::Writing(writing) = &mut self.state else {
            return Err(LookupError::Nothing);
        };
        let Output { bytes, hasher } = writing.finish().map_err(|_| LookupError::OutOfResources)?;
        let hash = hasher.finalize();
        let content = self
            .pool
            .put(bytes, hash)
            .ok_or(LookupError::TooManyListings)?;
        let (length, coding) = (content.len() as u64, self.view.coding);
        let tag = content_tag(&hash, coding);
        let path = self.folder.path.as_bytes();
        Ok(Rc::new(File {
            origin: Origin::Listing,
            representation: represent(self.view, path, self.codings, length, tag, policy),
            source: Source::Memory(content),
            path_on_disk: path.into(),
            variants: None,
        }))
    }
}

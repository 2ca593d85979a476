//! Requests for listings: each gets a handle to the job that makes one.

use super::gathering::Folder;
use super::job::Job;
use super::pool::ListingPool;
use crate::http::base_path::BasePath;
use crate::http::coding::{Coding, CodingSet, Codings};
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::listing::View;
use crate::plan::select_coding;
use crate::site::jobs::{JobHandle, JobKey, Jobs};
use crate::site::root::Root;
use std::rc::Rc;

/// The state shared by all listings.
#[derive(Debug)]
pub(crate) struct Listings {
    pool: Rc<ListingPool>,
    /// The codings that listings are available in.
    codings: CodingSet,
    /// The base path of the site.
    base: BasePath,
}

impl Listings {
    /// Creates the listings of one of several copies of a site.
    pub(crate) fn new(compression: bool, base: BasePath, copies: usize) -> Self {
        let codings = CodingSet::EMPTY;
        Self {
            pool: Rc::new(ListingPool::one_of(copies)),
            codings: if compression {
                codings.with(Coding::Gzip)
            } else {
                codings
            },
            base,
        }
    }

    /// Returns a handle to the job that lists a directory, and begins the job if necessary.
    pub(crate) fn claim(
        &self,
        jobs: &mut Jobs,
        tree: &Rc<Root>,
        path: &RequestPath<'_>,
        request: &RequestHead<'_>,
    ) -> JobHandle {
        let codings = Codings::EMPTY.or_made(self.codings);
        let view = View::of(request, select_coding(&request.fields, codings));
        let key = JobKey::List {
            root: tree.file_id(),
            path: path.as_bytes().into(),
            view,
        };
        jobs.join(&key).unwrap_or_else(|| {
            let path = path.clone().into_owned();
            let folder = Folder {
                tree: Rc::clone(tree),
                path,
            };
            let work = Job::new(&self.pool, self.base.clone(), folder, view, self.codings);
            jobs.begin(key, Box::new(work))
        })
    }
}

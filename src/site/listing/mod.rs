//! Gathering what a directory holds, and writing its listing down: work in steps.
//!
//! Each entry is looked at like a request for it would, and left out if that would be refused:
//! hidden names, links that lead out or nowhere, what is no file or directory, what may not be
//! read. Nothing is kept between requests, as no time of a directory tells of changes to its files.
//! What keeps many requests from adding up:
//!
//! - who asks for the same before it is begun waits for the same job (once it is begun, it may have
//!   passed what has changed since);
//! - few jobs go on at once, and the others hold next to nothing until it is their turn;
//! - content that is still being sent is shared with whoever gets the same, and bounded.

mod gathering;
mod shelf;

use super::compression::Output;
use super::facts::content_tag;
use super::jobs::{Jobs, Means, Outcome, Pending, Work};
use super::root::Root;
use super::{File, Miss, Origin, Source};
use crate::http::coding::{Coding, CodingSet};
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::Policy;
use crate::plan::listing::{self, Listing, View};
use flate2::write::GzEncoder;
use gathering::{Folder, Gathering};
use shelf::{Shelf, Turn};
use std::io::{self, Write as _};
use std::rc::Rc;

/// What all listings have in common.
#[derive(Debug)]
pub(super) struct Listings {
    shelf: Rc<Shelf>,
    /// The codings that they are to be had in.
    codings: CodingSet,
}

impl Listings {
    pub(super) fn new(compression: bool) -> Self {
        let codings = CodingSet::EMPTY;
        Self {
            shelf: Rc::default(),
            codings: if compression {
                codings.with(Coding::Gzip)
            } else {
                codings
            },
        }
    }

    /// A claim on the listing of a directory, which is begun if it is not under way.
    pub(super) fn claim(
        &self,
        jobs: &mut Jobs,
        tree: &Rc<Root>,
        path: &RequestPath<'_>,
        request: &RequestHead<'_>,
    ) -> Pending {
        let view = View::of(request, self.codings);
        // A root that is swapped, or another one after the settings were read again, is another.
        let what = format!("listing {:?} {} ", tree.identity(), view.name());
        let subject = [what.as_bytes(), path.as_bytes()].concat();
        jobs.join(&subject).unwrap_or_else(|| {
            let path = path.clone().into_owned();
            let work = Job {
                shelf: Rc::clone(&self.shelf),
                listing: Listing::new(path.clone(), view),
                folder: Folder {
                    tree: Rc::clone(tree),
                    path,
                },
                view,
                codings: self.codings,
                turn: None,
                state: State::Waiting,
            };
            jobs.begin(&subject, Box::new(work))
        })
    }
}

/// The making of one listing.
#[derive(Debug)]
struct Job {
    shelf: Rc<Shelf>,
    folder: Folder,
    view: View,
    codings: CodingSet,
    listing: Listing,
    /// From when it is begun.
    turn: Option<Turn>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Others are before it.
    Waiting,
    Gathering(Gathering),
    Writing(Writing),
}

impl Work for Job {
    fn step(&mut self, means: &mut Means<'_>) -> Option<Outcome> {
        let next = match &mut self.state {
            State::Waiting => {
                self.turn = Turn::take(&self.shelf);
                self.turn.as_ref()?;
                self.folder.open().map(State::Gathering)
            }
            State::Gathering(gathering) => match gathering.step(&self.folder, &mut self.listing) {
                Ok(true) => return None,
                Ok(false) => {
                    gathering.finish(&self.folder, &mut self.listing);
                    Ok(State::Writing(Writing::new(
                        self.view.coding,
                        &self.listing,
                    )))
                }
                Err(miss) => Err(miss),
            },
            State::Writing(writing) => {
                return match writing.step(&mut self.listing, means.policy) {
                    Ok(true) => None,
                    Ok(false) => Some(self.finish(means.policy)),
                    Err(_) => Some(Err(Miss::Exhausted)),
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
    fn finish(&mut self, policy: &Policy) -> Outcome {
        let State::Writing(writing) = &mut self.state else {
            return Err(Miss::Nothing);
        };
        let Output { bytes, hasher } = writing.finish().map_err(|_| Miss::Exhausted)?;
        let hash = hasher.finalize();
        let content = self.shelf.put(bytes, hash).ok_or(Miss::Crowded)?;
        let (length, coding) = (content.len() as u64, self.view.coding);
        let tag = content_tag(&hash, coding);
        let path = self.folder.path.as_bytes();
        Ok(Rc::new(File {
            origin: Origin::Listing,
            representation: listing::represent(self.view, path, self.codings, length, tag, policy),
            source: Source::Memory(content),
            place: path.into(),
            variants: None,
        }))
    }
}

/// A listing that is being written.
#[derive(Debug)]
struct Writing {
    /// Where a piece of it is put together.
    piece: String,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Plain(Box<Output>),
    Gzip(Box<GzEncoder<Output>>),
}

impl Writing {
    fn new(coding: Option<Coding>, listing: &Listing) -> Self {
        let (piece, mut output) = (String::new(), Output::default());
        let level = flate2::Compression::new(LEVEL);
        let sink = if coding.is_some() {
            Sink::Gzip(Box::new(GzEncoder::new(output, level)))
        } else {
            // Memory that is reserved costs nothing before it is used; to move it would.
            output.bytes.reserve_exact(listing.bytes_expected());
            Sink::Plain(Box::new(output))
        };
        Self { piece, sink }
    }

    /// Writes some more of it: whether there is more.
    fn step(&mut self, listing: &mut Listing, policy: &Policy) -> io::Result<bool> {
        self.piece.clear();
        let has_more = listing.write(policy, &mut self.piece);
        let piece = self.piece.as_bytes();
        match &mut self.sink {
            Sink::Plain(output) => output.write_all(piece)?,
            Sink::Gzip(encoder) => encoder.write_all(piece)?,
        }
        Ok(has_more)
    }

    fn finish(&mut self) -> io::Result<Output> {
        match &mut self.sink {
            Sink::Plain(output) => Ok(std::mem::take(&mut **output)),
            Sink::Gzip(encoder) => {
                encoder.try_finish()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }
}

/// A listing is sent once: to compress it better would take longer than to send what that saves.
const LEVEL: u32 = 4;

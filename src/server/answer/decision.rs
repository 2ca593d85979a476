//! What a request came to, and the response that is made of it.

use crate::conn::{self, Response, Segment};
use crate::http::path::RequestPath;
use crate::plan::{self, Multipart, Plan, StandIn};
use crate::site::{File, Outcome, Source};
use bytes::Bytes;
use rustix::fd::OwnedFd;
use std::iter;
use std::ops::Range;
use std::rc::Rc;

/// A file that is sent from, shared by all who send it.
pub(crate) type OpenFile = Rc<OwnedFd>;

/// What a request came to.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) plan: Plan,
    /// What the look at the site found, where there was one.
    pub(crate) found: Option<Outcome>,
    /// The file that is sent in place of one that could not be found.
    pub(crate) stand_in: Option<Rc<File>>,
}

impl Decision {
    /// A decision that needed no look at the site.
    pub(crate) fn at_once(plan: Plan) -> Self {
        Self {
            plan,
            found: None,
            stand_in: None,
        }
    }

    /// The paths that rules are held against: the address, if it can name anything, and the place of
    /// the file that is sent for it. The page of an error is none of those.
    pub(crate) fn ruled_paths<'a>(
        &'a self,
        path: Option<&'a RequestPath<'_>>,
    ) -> Option<[&'a [u8]; 2]> {
        let file = match (&self.stand_in, &self.found) {
            (Some(file), _) => Some(file).filter(|file| file.stand_in() == Some(StandIn::Start)),
            (None, Some(Ok(file))) => Some(file),
            _ => None,
        };
        let address = path.map(RequestPath::as_bytes);
        let place = file.map(|file| &*file.place);
        Some([address.or(place)?, place.or(address)?])
    }

    /// Joins what was planned to the bytes that it speaks of.
    pub(crate) fn into_response(self) -> Response<OpenFile> {
        let Self {
            plan,
            found,
            stand_in,
        } = self;
        let found = stand_in.map(Ok).or(found);
        let content = match (plan.content, found) {
            (plan::Content::Page(page), _) => conn::Content::one(Segment::Bytes(page)),
            (plan::Content::Whole, Some(Ok(file))) => {
                whole(&file).map_or_else(conn::Content::empty, conn::Content::one)
            }
            (plan::Content::Part(range), Some(Ok(file))) => conn::Content::one(part(&file, range)),
            (plan::Content::Parts(multipart), Some(Ok(file))) => {
                conn::Content::sequence(parts(file, *multipart))
            }
            (plan::Content::Empty, _) | (_, None | Some(Err(_))) => conn::Content::empty(),
        };
        Response {
            status: plan.status,
            fields: plan.fields,
            content,
        }
    }
}

fn whole(file: &File) -> Option<Segment<OpenFile>> {
    let length = file.representation.facts().length;
    (length > 0).then(|| part(file, 0..length))
}

/// The segments of several parts, each made, and read where it is short, when its turn comes.
fn parts(file: Rc<File>, multipart: Multipart) -> impl Iterator<Item = Segment<OpenFile>> {
    let Multipart {
        ranges,
        heads,
        close,
    } = multipart;
    let segments = ranges.into_iter().flat_map(move |range| {
        let head = Segment::Bytes(heads.head(&range));
        [head, part(&file, range)]
    });
    segments.chain(iter::once(Segment::Bytes(close)))
}

fn part(file: &File, range: Range<u64>) -> Segment<OpenFile> {
    match &file.source {
        Source::Memory(content) => Segment::Bytes(slice(content, &range)),
        Source::Descriptor(descriptor) => {
            let (offset, length) = (range.start, range.end.saturating_sub(range.start));
            let read = usize::try_from(length)
                .ok()
                .filter(|length| *length <= READ_BYTES_MAX)
                .and_then(|length| read(descriptor, offset, length));
            read.map_or_else(
                || Segment::File {
                    file: Rc::clone(descriptor),
                    offset,
                    length,
                },
                Segment::Bytes,
            )
        }
        // Nothing is planned for it but an error.
        Source::Coded => Segment::Bytes(Bytes::new()),
    }
}

/// A little of a file, as it is now. `None` where it cannot be read or is shorter than it was:
/// sending it finds out what is to be said of that.
fn read(file: &OwnedFd, offset: u64, length: usize) -> Option<Bytes> {
    let mut content = vec![0; length];
    let count = rustix::io::pread(file, &mut content, offset).ok()?;
    (count == length).then(|| Bytes::from(content))
}

fn slice(content: &Bytes, range: &Range<u64>) -> Bytes {
    let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
    let (start, end) = (bound(range.start), bound(range.end));
    content.slice(start..end.max(start))
}

/// Up to so much of a file is read to leave in one call together with the head, which costs less
/// than to send it from the file in a call of its own.
const READ_BYTES_MAX: usize = 8 * 1024;

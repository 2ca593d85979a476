//! Combines a decision with the bytes of its file.

use crate::conn::{self, Response, Segment};
use crate::plan::{self, Multipart, Plan};
use crate::site::{File, Source};
use bytes::Bytes;
use rustix::fd::OwnedFd;
use std::iter;
use std::ops::Range;
use std::rc::Rc;

/// An open file, shared by all responses that send it.
pub(crate) type OpenFile = Rc<OwnedFd>;

/// The decision on a request.
pub(crate) type Decision = plan::Decision<Rc<File>>;

/// Returns the response for a decision.
pub(crate) fn response(decision: Decision) -> Response<OpenFile> {
    let Decision { plan, file } = decision;
    let content = match (plan.content, file) {
        (plan::Content::Events(_), _) => conn::Content::open(Bytes::new()),
        (plan::Content::Page(page), _) => conn::Content::one(Segment::Bytes(page)),
        (plan::Content::Whole, Some(file)) => {
            whole(&file).map_or_else(conn::Content::empty, conn::Content::one)
        }
        (plan::Content::Part(range), Some(file)) => conn::Content::one(part(&file, range)),
        (plan::Content::Parts(multipart), Some(file)) => {
            conn::Content::sequence(parts(file, *multipart))
        }
        (plan::Content::Empty, _) | (_, None) => conn::Content::empty(),
    };
    Response {
        status: plan.status,
        fields: plan.fields,
        content,
    }
}

/// Returns the response for a plan that needs no file.
pub(crate) fn response_without_file(plan: Plan) -> Response<OpenFile> {
    response(Decision::without_file(plan))
}

fn whole(file: &File) -> Option<Segment<OpenFile>> {
    let length = file.representation.metadata().length;
    (length > 0).then(|| part(file, 0..length))
}

/// Returns the segments of several parts. Each is made, and read if it is short, when it is due.
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
        // The plan sends only errors for such a file.
        Source::Coded => Segment::Bytes(Bytes::new()),
    }
}

/// Reads a small part of a file. Returns `None` if it cannot be read or has become shorter; sending
/// the part then reports that.
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

/// The largest part that is read and sent together with the head, in one call. Up to this size,
/// that costs less than a separate `sendfile`.
const READ_BYTES_MAX: usize = 8 * 1024;

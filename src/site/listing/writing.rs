//! Writing a listing, compressed or not.

use crate::http::coding::Coding;
use crate::listing::{ContentTypeOf, Listing};
use crate::site::codings::Output;
use flate2::write::GzEncoder;
use std::io::{self, Write as _};

/// A listing that is being written.
#[derive(Debug)]
pub(super) struct Writing {
    /// The buffer for one piece.
    piece: String,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Plain(Box<Output>),
    Gzip(Box<GzEncoder<Output>>),
}

impl Writing {
    pub(super) fn new(coding: Option<Coding>, listing: &Listing) -> Self {
        let (piece, mut output) = (String::new(), Output::default());
        let level = flate2::Compression::new(LEVEL);
        let sink = if coding.is_some() {
            Sink::Gzip(Box::new(GzEncoder::new(output, level)))
        } else {
            // Reserved memory costs nothing until it is used, but moving it later would.
            output.bytes.reserve_exact(listing.bytes_expected());
            Sink::Plain(Box::new(output))
        };
        Self { piece, sink }
    }

    /// Writes the next piece. Returns `true` if more follow.
    pub(super) fn step(
        &mut self,
        listing: &mut Listing,
        content_type_of: ContentTypeOf<'_>,
    ) -> io::Result<bool> {
        self.piece.clear();
        let has_more = listing.write(content_type_of, &mut self.piece);
        let piece = self.piece.as_bytes();
        match &mut self.sink {
            Sink::Plain(output) => output.write_all(piece)?,
            Sink::Gzip(encoder) => encoder.write_all(piece)?,
        }
        Ok(has_more)
    }

    pub(super) fn finish(&mut self) -> io::Result<Output> {
        match &mut self.sink {
            Sink::Plain(output) => Ok(std::mem::take(&mut **output)),
            Sink::Gzip(encoder) => {
                encoder.try_finish()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }
}

/// A listing is sent once, so better compression would take longer than sending the bytes that it
/// saves.
const LEVEL: u32 = 4;

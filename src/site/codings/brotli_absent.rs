//! The replacement of `brotli` in a build without the feature, in which text is only compressed by
//! gzip.

use super::effort::Effort;
use super::output::Output;
use std::io;

/// The Brotli encoder, which does not exist in this build.
#[derive(Debug)]
pub(crate) enum BrotliEncoder {}

impl BrotliEncoder {
    pub(crate) const IS_AVAILABLE: bool = false;

    pub(crate) fn new(_: Effort, _: u64) -> Option<Self> {
        None
    }

    pub(crate) fn write(&mut self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn is_full(&self) -> bool {
        match *self {}
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn finish(&mut self) -> io::Result<Output> {
        match *self {}
    }

    pub(crate) fn output(&self) -> &Output {
        match *self {}
    }
}

pub(crate) fn is_brotli_of(_: &[u8], _: &[u8]) -> bool {
    false
}

//! The encoders for compression in steps of bounded time.
//!
//! The result depends only on the content, and not on the steps, if each step except the last has
//! [`STEP_BYTES`](super::STEP_BYTES).

use super::brotli::BrotliEncoder;
use super::effort::Effort;
use super::output::Output;
use crate::http::coding::{Coding, CodingSet};
use flate2::write::GzEncoder;
use std::io::{self, Write as _};

/// An encoder with its output so far.
#[derive(Debug)]
pub(crate) enum Encoder {
    Gzip(Box<GzEncoder<Output>>),
    Brotli(Box<BrotliEncoder>),
}

impl Encoder {
    /// The codings for which there are encoders.
    pub(crate) const CODINGS: CodingSet = if BrotliEncoder::IS_AVAILABLE {
        CodingSet::EMPTY.with(Coding::Gzip).with(Coding::Brotli)
    } else {
        CodingSet::EMPTY.with(Coding::Gzip)
    };

    /// Returns an encoder for content of `length` bytes, or `None` if there is none for the coding.
    pub(crate) fn new(coding: Coding, effort: Effort, length: u64) -> Option<Self> {
        match coding {
            Coding::Gzip => {
                let level = flate2::Compression::new(match effort {
                    Effort::OnRequest => LEVEL_ON_REQUEST,
                    Effort::Most => LEVEL_MOST,
                });
                let encoder = GzEncoder::new(Output::default(), level);
                Some(Self::Gzip(Box::new(encoder)))
            }
            Coding::Brotli => BrotliEncoder::new(effort, length).map(|it| Self::Brotli(it.into())),
            Coding::Zstandard => None,
        }
    }

    /// Encodes the next step of the content.
    pub(crate) fn write(&mut self, step: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(step),
            Self::Brotli(encoder) => encoder.write(step),
        }
    }

    /// Returns `true` if [`Self::flush`] has to be called before the next step.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            // The crate flushes by itself.
            Self::Gzip(_) => false,
            Self::Brotli(encoder) => encoder.is_full(),
        }
    }

    /// Codes the pending input, as a separate step.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(_) => Ok(()),
            Self::Brotli(encoder) => encoder.flush(),
        }
    }

    /// Ends the content, as a separate step.
    pub(crate) fn finish(&mut self) -> io::Result<Output> {
        match self {
            Self::Gzip(encoder) => {
                encoder.try_finish()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Brotli(encoder) => encoder.finish(),
        }
    }

    /// Returns the number of bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        let output = match self {
            Self::Gzip(encoder) => encoder.get_ref(),
            Self::Brotli(encoder) => encoder.output(),
        };
        output.bytes.len() as u64
    }
}

/// The next level makes files a hundredth smaller, but takes up to four times as long for content
/// with few repetitions.
const LEVEL_ON_REQUEST: u32 = 5;

const LEVEL_MOST: u32 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::codings::STEP_BYTES;
    use proptest::prelude::*;
    use std::fmt::Write as _;
    use std::io::Read;

    fn decoded(coding: Coding, coded: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        let read = match coding {
            Coding::Brotli => brotli::Decompressor::new(coded, 4096).read_to_end(&mut content),
            _ => flate2::read::GzDecoder::new(coded).read_to_end(&mut content),
        };
        read.expect("what an encoder has made can be decoded");
        content
    }

    /// Encodes content as a job does.
    fn encoded(coding: Coding, effort: Effort, content: &[u8]) -> Vec<u8> {
        let mut encoder = Encoder::new(coding, effort, content.len() as u64).expect("it is there");
        for step in content.chunks(STEP_BYTES) {
            if encoder.is_full() {
                encoder.flush().expect("it is memory");
            }
            encoder.write(step).expect("it is memory");
        }
        encoder.finish().expect("it is memory").bytes
    }

    fn text(lines: usize) -> Vec<u8> {
        let mut text = String::new();
        for line in 0..lines {
            let _ = writeln!(text, "{line}: the pond lies still, {}", line * line % 977);
        }
        text.into_bytes()
    }

    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..bytes).map(|_| next()).collect()
    }

    #[test]
    fn content_of_any_length_is_decoded_unchanged() {
        let lengths = [0, 1, 2, 1023, 1024, 4095, 4096, 4097, 8192, 65_535, 65_536];
        let large = [131_071, 131_073, 700_000];
        for content in [text(35_000), noise(700_000), vec![b'a'; 700_000]] {
            for length in lengths.iter().chain(&large) {
                let content = &content[..*length];
                for coding in Encoder::CODINGS.iter() {
                    let coded = encoded(coding, Effort::OnRequest, content);
                    assert!(decoded(coding, &coded) == content, "{coding} of {length}");
                }
            }
        }
    }

    #[test]
    fn more_effort_makes_smaller_results() {
        let content = text(5000);
        for coding in Encoder::CODINGS.iter() {
            let [quick, small] = [Effort::OnRequest, Effort::Most].map(|effort| {
                let coded = encoded(coding, effort, &content);
                assert!(decoded(coding, &coded) == content);
                coded.len()
            });
            assert!(small < quick, "{coding}: {small} of {quick}");
        }
    }

    #[cfg(feature = "brotli")]
    #[test]
    fn brotli_makes_smaller_results_than_gzip() {
        for content in [
            &include_bytes!("../../../docs/supported-http.md")[..],
            include_bytes!("../../../static/guide/website/index.html"),
            include_bytes!("../../house.css"),
        ] {
            let [brotli, gzip] = [Coding::Brotli, Coding::Gzip]
                .map(|coding| encoded(coding, Effort::OnRequest, content).len());
            assert!(brotli < gzip, "{brotli} of {gzip}");
        }
    }

    #[cfg(feature = "brotli")]
    #[test]
    fn brotli_makes_less_than_gzip_of_the_largest_file() {
        let mut content = String::new();
        for number in 0_u64.. {
            let word = number.wrapping_mul(2_654_435_761) % 20_000;
            let _ = write!(content, "{word}:{{\"tf\":{}}},", number % 7);
            if content.len() >= 2 * 1024 * 1024 {
                break;
            }
        }
        let content = &content.as_bytes()[..2 * 1024 * 1024];
        let [brotli, gzip] = [Coding::Brotli, Coding::Gzip]
            .map(|coding| encoded(coding, Effort::OnRequest, content).len());
        assert!(brotli < gzip, "{brotli} of {gzip}");
    }

    proptest! {
        #[test]
        fn any_content_is_decoded_unchanged(
            pieces in prop::collection::vec((prop::collection::vec(0_u8..4, 0..40), 0..400_usize), 0..30)
        ) {
            let content: Vec<u8> =
                pieces.iter().flat_map(|(piece, times)| piece.repeat(*times)).collect();
            for coding in Encoder::CODINGS.iter() {
                let coded = encoded(coding, Effort::OnRequest, &content);
                prop_assert!(decoded(coding, &coded) == content);
            }
        }
    }
}

//! Comparing the expanded form of compressed content with the original.

use super::brotli;
use crate::http::coding::Coding;
use flate2::bufread::GzDecoder;
use std::io::Read;

/// Returns `true` if this is exactly this content in this coding, complete and with nothing after
/// it. Expansion stops when there is more than that.
pub(crate) fn is_coding_of(coding: Coding, coded: &[u8], content: &[u8]) -> bool {
    match coding {
        Coding::Gzip => {
            let mut decoder = GzDecoder::new(coded);
            expands_to(&mut decoder, content) && decoder.into_inner().is_empty()
        }
        Coding::Brotli => brotli::is_brotli_of(coded, content),
        Coding::Zstandard => false,
    }
}

fn expands_to(decoder: &mut impl Read, content: &[u8]) -> bool {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut rest = content;
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return rest.is_empty(),
            Ok(count) => match rest.strip_prefix(buffer.get(..count).unwrap_or_default()) {
                Some(after) => rest = after,
                None => return false,
            },
            Err(_) => return false,
        }
    }
}

const BUFFER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::codings::{Effort, Encoder};

    #[test]
    fn only_complete_codings_of_the_content_are_recognised() {
        let content = b"the pond lies still, ".repeat(100);
        for coding in Encoder::CODINGS.iter() {
            let encode = |content: &[u8]| {
                let length = content.len() as u64;
                let mut encoder = Encoder::new(coding, Effort::Most, length).unwrap();
                encoder.write(content).unwrap();
                encoder.finish().unwrap().bytes
            };
            let coded = encode(&content);
            assert!(is_coding_of(coding, &coded, &content));
            assert!(is_coding_of(coding, &encode(b""), b""));
            let [shorter, longer] = [&content[1..], &[&content[..], b"."].concat()];
            for other in [shorter, longer, b"", &content.to_ascii_uppercase()] {
                assert!(!is_coding_of(coding, &coded, other), "{coding}");
            }
            for damaged in [&coded[1..], &coded[..coded.len() - 1], b"", b"plain text"] {
                assert!(!is_coding_of(coding, damaged, &content), "{coding}");
            }
            let twice = coded.repeat(2);
            assert!(!is_coding_of(coding, &twice, &content), "{coding}");
        }
    }
}

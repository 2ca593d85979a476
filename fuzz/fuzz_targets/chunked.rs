//! Chunked content ends at the same byte however it is split, and within its limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond::http::content::{ChunkedDecoder, ContentError, Progress};

// The first byte is the limit, the second the size of the pieces, and the rest the content.
fuzz_target!(|input: &[u8]| {
    let [limit, piece, content @ ..] = input else {
        return;
    };
    let limit = u64::from(*limit);
    let whole = ChunkedDecoder::new(limit).decode(content);
    for size in [1, usize::from(*piece).max(1)] {
        assert_eq!(
            decode_in_pieces(limit, content, size),
            whole,
            "in pieces of {size}"
        );
    }
    if let Ok(Progress::Done(end)) = whole {
        assert!(content[..end].ends_with(b"\r\n"));
        assert_eq!(ChunkedDecoder::new(limit).decode(&content[..end]), whole);
        assert_eq!(
            ChunkedDecoder::new(limit).decode(&content[..end - 1]),
            Ok(Progress::More)
        );
        assert_eq!(
            ChunkedDecoder::new(u64::MAX).decode(content),
            whole,
            "a limit only refuses"
        );
    }
});

fn decode_in_pieces(limit: u64, content: &[u8], size: usize) -> Result<Progress, ContentError> {
    let mut decoder = ChunkedDecoder::new(limit);
    let mut before = 0;
    for piece in content.chunks(size) {
        match decoder.decode(piece)? {
            Progress::More => before += piece.len(),
            Progress::Done(used) => return Ok(Progress::Done(before + used)),
        }
    }
    Ok(Progress::More)
}

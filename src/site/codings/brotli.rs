//! Brotli (RFC 7932), in steps.
//! Two things take time: finding repetitions in each block of input, and coding a meta-block, which
//! consists of several blocks. By default, the crate does both at once, for 64 KiB and more. Here a
//! block is one step of the content. A meta-block ends in a separate step, once it has enough
//! commands and literals. The time to code it depends on their number.

use super::effort::{Effort, STEP_BYTES};
use super::output::Output;
use brotli::enc::StandardAlloc;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderStateStruct};
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use std::fmt;
use std::io::{self, Write as _};

/// A Brotli encoder, with its output so far.
pub(crate) struct BrotliEncoder {
    state: BrotliEncoderStateStruct<StandardAlloc>,
    output: Output,
    /// The number of bytes since the last meta-block ended.
    uncoded: usize,
    is_stepwise: bool,
}

impl BrotliEncoder {
    pub(crate) const IS_AVAILABLE: bool = true;

    #[expect(
        clippy::unnecessary_wraps,
        reason = "a build without the feature has none"
    )]
    pub(crate) fn new(effort: Effort, length: u64) -> Option<Self> {
        let mut state = BrotliEncoderStateStruct::new(StandardAlloc::default());
        let window = window_bits(length);
        let is_stepwise = effort == Effort::OnRequest;
        if is_stepwise {
            state.params.quality = QUALITY_ON_REQUEST;
            state.params.lgwin = window.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
            // This computes the layout of the memory. Afterwards, the blocks may be made smaller.
            state.input_block_size();
            state.params.lgblock = BLOCK_BITS;
        } else {
            state.params.quality = QUALITY_MOST;
            state.params.lgwin = window.clamp(WINDOW_BITS_MIN, WINDOW_BITS_LARGEST);
            state.params.size_hint = usize::try_from(length).unwrap_or(usize::MAX);
        }
        Some(Self {
            state,
            output: Output::default(),
            uncoded: 0,
            is_stepwise,
        })
    }

    /// Encodes one step of the content.
    pub(crate) fn write(&mut self, step: &[u8]) -> io::Result<()> {
        self.uncoded += step.len();
        self.run(BrotliEncoderOperation::BROTLI_OPERATION_PROCESS, step)
    }

    /// Returns `true` if the meta-block has to end before the next step.
    pub(crate) fn is_full(&self) -> bool {
        self.is_stepwise && (self.symbols() > SYMBOLS_MAX || self.uncoded >= META_BLOCK_BYTES_MAX)
    }

    /// Returns the number of commands and literals in the meta-block, including the literals that
    /// belong to no command yet.
    fn symbols(&self) -> usize {
        let state = &self.state;
        state.num_commands_ + state.num_literals_ + state.last_insert_len_
    }

    /// Ends the meta-block.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.uncoded = 0;
        self.run(BrotliEncoderOperation::BROTLI_OPERATION_FLUSH, &[])
    }

    /// Ends the content.
    pub(crate) fn finish(&mut self) -> io::Result<Output> {
        self.run(BrotliEncoderOperation::BROTLI_OPERATION_FINISH, &[])?;
        Ok(std::mem::take(&mut self.output))
    }

    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    fn run(&mut self, operation: BrotliEncoderOperation, input: &[u8]) -> io::Result<()> {
        let mut buffer = [0; OUTPUT_BYTES];
        let (mut left, mut taken) = (input.len(), 0);
        loop {
            let (mut room, mut made) = (buffer.len(), 0);
            let is_done = self.state.compress_stream(
                operation,
                &mut left,
                input,
                &mut taken,
                &mut room,
                &mut buffer,
                &mut made,
                &mut None,
                &mut |_, _, _, _| (),
            );
            if !is_done {
                return Err(io::Error::other("Brotli failed"));
            }
            self.output
                .write_all(buffer.get(..made).unwrap_or_default())?;
            if left == 0 && !self.state.has_more_output() {
                return Ok(());
            }
        }
    }
}

/// Leaves out the state of the crate.
impl fmt::Debug for BrotliEncoder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("BrotliEncoder")
            .field("output", &self.output)
            .field("uncoded", &self.uncoded)
            .finish_non_exhaustive()
    }
}

/// Returns `true` if this is exactly this content in Brotli, complete and with nothing after it.
pub(crate) fn is_brotli_of(coded: &[u8], content: &[u8]) -> bool {
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new(alloc(), alloc(), alloc());
    let mut buffer = vec![0; 8 * OUTPUT_BYTES];
    let (mut left, mut taken, mut total) = (coded.len(), 0, 0);
    let mut rest = content;
    loop {
        let (mut room, mut made) = (buffer.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut taken,
            coded,
            &mut room,
            &mut made,
            &mut buffer,
            &mut total,
            &mut state,
        );
        match rest.strip_prefix(buffer.get(..made).unwrap_or_default()) {
            Some(after) => rest = after,
            None => return false,
        }
        match result {
            BrotliResult::ResultSuccess => return left == 0 && rest.is_empty(),
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => return false,
        }
    }
}

/// Returns the binary logarithm of the smallest window that holds this many bytes.
fn window_bits(length: u64) -> i32 {
    let bits = u64::BITS - length.saturating_sub(1).leading_zeros();
    i32::try_from(bits).unwrap_or(i32::MAX)
}

/// The next quality makes files a hundredth smaller, but takes a quarter longer and another
/// megabyte.
const QUALITY_ON_REQUEST: i32 = 5;

const QUALITY_MOST: i32 = 11;

/// With smaller windows, the crate has no hash table for this quality, and uses one of 33 MiB.
const WINDOW_BITS_MIN: i32 = 17;

/// With this window, an encoder takes 3.7 MiB, and its buffer of twice the window holds the largest file
/// that is compressed on request. If content does not fit into the buffer, the crate finds few matches
/// and makes more than gzip does.
const WINDOW_BITS_MAX: i32 = 20;

/// The maximum in RFC 7932.
const WINDOW_BITS_LARGEST: i32 = 24;

/// The size of a block: one step of the content.
const BLOCK_BITS: i32 = STEP_BYTES.ilog2().cast_signed();

/// The commands and literals in a meta-block. Coding this many takes 0.2 ms. With more, files are
/// only a thousandth smaller.
const SYMBOLS_MAX: usize = 10_000;

/// The content of a meta-block if most of it repeats earlier content. Coding it takes up to twice
/// this much memory.
const META_BLOCK_BYTES_MAX: usize = 128 * 1024;

/// The number of bytes that are copied at once.
const OUTPUT_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_step() {
        assert_eq!(1 << BLOCK_BITS, STEP_BYTES);
    }

    #[test]
    fn the_window_holds_the_file_as_far_as_memory_allows() {
        for (length, bits) in [
            (0, 0),
            (1, 0),
            (2, 1),
            (1024, 10),
            (1025, 11),
            (u64::MAX, 64),
        ] {
            assert_eq!(window_bits(length), bits, "{length}");
        }
    }

    /// Steps exist to limit time. The test counts what determines the time.
    #[test]
    fn a_step_never_has_more_to_code_than_a_meta_block_and_a_block() {
        let mut noise = 1_u32;
        let mut byte = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        };
        let noise: Vec<u8> = (0..1_000_000).map(|_| byte()).collect();
        let letters: Vec<u8> = noise.iter().map(|byte| b'a' + byte % 26).collect();
        let repeats = noise[..3000].repeat(300);
        for content in [noise, letters, repeats, vec![b' '; 1_000_000]] {
            let length = content.len() as u64;
            let mut encoder = BrotliEncoder::new(Effort::OnRequest, length).unwrap();
            for step in content.chunks(STEP_BYTES) {
                if encoder.is_full() {
                    encoder.flush().unwrap();
                    let state = &encoder.state;
                    assert_eq!((state.num_commands_, state.num_literals_), (0, 0));
                }
                let before = encoder.state.input_pos_;
                encoder.write(step).unwrap();
                let state = &encoder.state;
                assert_eq!(state.input_pos_ - before, step.len() as u64);
                assert!(encoder.symbols() <= SYMBOLS_MAX + step.len());
                let uncoded = state.input_pos_ - state.last_flush_pos_;
                assert!(uncoded <= (META_BLOCK_BYTES_MAX + STEP_BYTES) as u64);
                assert_eq!(
                    uncoded, encoder.uncoded as u64,
                    "the crate does not flush by itself"
                );
                let block = step.len() == STEP_BYTES;
                let waits = state.input_pos_ - state.last_processed_pos_;
                assert!(!block || waits == 0, "a whole block is dealt with at once");
            }
        }
    }
}

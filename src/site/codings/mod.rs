//! The codings of a file: precompressed files beside it, codings made by the server, and the
//! encoders that make them.

#[cfg(feature = "brotli")]
mod brotli;
#[cfg(not(feature = "brotli"))]
#[path = "brotli_absent.rs"]
mod brotli;
mod decoder;
mod effort;
mod encoder;
mod output;
mod scan;
mod variant_finder;
mod variants;

pub(crate) use decoder::is_coding_of;
pub(crate) use effort::{Effort, STEP_BYTES};
pub(crate) use encoder::Encoder;
pub(crate) use output::Output;
pub(crate) use scan::{is_coded, scan, sidecar};
pub(crate) use variant_finder::{VariantError, VariantFinder};
pub(crate) use variants::{VARY, Variants};

//! The admin port: health and metrics.

mod exposition;
pub(crate) mod figures;
pub(crate) mod respond;
mod scrape;
#[cfg(feature = "tls")]
mod tls;

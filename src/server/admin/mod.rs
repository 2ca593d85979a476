//! The admin port: health and metrics.

mod exposition;
pub(crate) mod figures;
pub(crate) mod respond;
mod scrape;

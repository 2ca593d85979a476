//! Tests of the whole program: one module for each topic. Most start the real binary on a free port
//! and send raw bytes to it.
//!
//! ```sh
//! cargo test --test it ranges::                     # one topic
//! cargo test --test it --features strangers proxies # a topic that runs other programs
//! ```

mod access;
mod admin;
#[cfg(feature = "share")]
mod announce;
mod announcement;
mod audience;
#[cfg(feature = "brotli")]
mod brotli;
mod changes;
mod clean_urls;
mod closing;
mod coded_ranges;
mod coding;
mod compression;
mod concerns;
mod conditional;
mod cors;
mod crawling;
mod daemon;
mod deadlines;
mod directories;
mod dotfiles;
mod entity_tags;
mod errors;
mod explain;
mod fallbacks;
mod files;
mod framing;
mod generated_files;
mod habits;
mod handover;
mod harness;
mod health;
mod hosts;
#[cfg(feature = "tls")]
mod https;
mod json_log;
mod layering;
mod lifecycle;
mod limits;
mod links;
mod listen;
mod listing;
mod listing_exchange;
mod live;
mod log;
mod log_reader;
mod media_types;
mod methods;
mod multipart;
mod nearest_error_page;
mod only_precompressed;
mod open;
mod pipelining;
mod precompress;
mod privileges;
mod proxy;
mod ranged;
mod ranges;
mod rebuild;
mod rebuild_under_load;
mod reload;
mod reload_replaced;
mod representation;
mod requests;
mod restart;
mod rewrites;
mod room;
mod rules;
mod sandbox;
#[cfg(target_arch = "x86_64")]
mod sandbox_attempts;
mod sandbox_crash;
mod sandbox_surroundings;
mod sequences;
mod service;
mod settings;
mod share;
mod sites;
mod sleeps;
mod spa;
mod startup;
#[cfg(feature = "strangers")]
mod strangers;
mod support;
mod tables;
mod targets;
mod terminal_log;
mod unfit_codings;
mod workers;

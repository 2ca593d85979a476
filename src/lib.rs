#![forbid(unsafe_code)]
// Nothing that the network sends can panic; tests may.
#![cfg_attr(
    not(test),
    warn(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::todo,
        clippy::unwrap_used
    )
)]
#![doc = "A minimal static-file HTTP server."]
//!
//! The modules stand in the order of their layers: none may import one that stands below it, and
//! `tests/layering.rs` holds them to it and to what else `ARCHITECTURE.md` says of the layers.
//!
//! | module | owns |
//! | --- | --- |
//! | [`http`] | the vocabulary and grammar of RFC 9110 and RFC 9112, without any I/O |
//! | [`plan`] | one pure decision: a request and the facts about a resource give a response |
//! | [`conn`] | the pure protocol machine of one connection |
//! | [`site`] | the served directory: the only code that opens and reads its files |
//! | [`process`] | what belongs to the process and knows nothing of HTTP |
//! | [`server`] | the event loop: sockets, timers, signals, the access log |
//! | [`commands`] | what looks, prints and ends: `--check`, `--explain`, `--health`, the banner |
//! | [`settings`] | command line, environment and file, turned into the layers' options |

pub mod commands;
pub mod conn;
pub mod http;
pub mod plan;
pub mod process;
pub mod server;
pub mod settings;
pub mod site;

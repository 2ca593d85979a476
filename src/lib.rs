#![forbid(unsafe_code)]
// Code that handles network data must not panic; tests may.
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
//! The modules are listed in the order of their layers: none may import one that is listed below
//! it. `tests/it/layering.rs` enforces this and the other rules for layers in `ARCHITECTURE.md`.
//!
//! | module | owns |
//! | --- | --- |
//! | [`http`] | the vocabulary and grammar of RFC 9110 and RFC 9112, without any I/O |
//! | [`listing`] | the content of a directory, as a page and as JSON: pure rendering |
//! | [`passwords`] | password files, and whether a password is right: pure |
//! | [`plan`] | one pure decision: a request and the facts about a resource give a response |
//! | [`conn`] | the pure protocol machine of one connection |
//! | [`mdns`] | the pure machines of multicast DNS: a name in the local network |
//! | [`site`] | the served directory: the only code that opens and reads its files |
//! | [`process`] | the process itself, without HTTP: user, sandbox, messages, service manager |
//! | [`server`] | the event loop: sockets, timers, signals, the access log |
//! | [`commands`] | commands that print something and exit: `--check`, `--explain`, `--health`; the
//! banner |
//! | [`settings`] | command line, environment and file, turned into the layers' options |

pub mod commands;
pub mod conn;
pub mod http;
pub mod listing;
#[cfg(feature = "share")]
pub mod mdns;
pub mod passwords;
pub mod plan;
pub mod process;
pub mod server;
pub mod settings;
pub mod site;

//! Precompressing files, so that a server sends them without compressing: `--precompress`, and
//! `--precompress=check`. Only this command writes to the served directory. A running server never
//! does.

mod bar;
mod command;
mod file;
mod memory;
mod output;
mod replace;
mod tally;
mod tree;
mod work;

pub use command::{NotPrecompressed, Precompressed, check_precompressed, precompress};

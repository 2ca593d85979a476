//! The table of options. Each option is defined here and nowhere else.
//!
//! A row produces the flag, the environment variable, the key in the file, the help, the manual
//! page, the completions and the lines of `config/millpond.toml`. It has no default:
//! `Settings::default` takes the defaults from the layers.

mod limits;
mod responses;
mod server;
mod site;
mod table;

pub(crate) use table::{GROUPS, all, find};

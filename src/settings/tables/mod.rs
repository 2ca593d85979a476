//! The settings that are tables. They have no flag and no variable, and exist only in the file.
//!
//! Each is defined here once: its syntax in the file, its explanation, and its output.

mod access;
mod all;
mod certificates;
mod option_value;
mod reading;
mod redirects;
mod rewrites;
mod rules;
mod scope;
mod sites;
mod table;
mod types;

pub(crate) use all::{TABLES, find};
pub(crate) use option_value::{Texts, texts};
pub(crate) use table::{Source, SpannedError, Table, TableValue};

//! The command line, the environment and the file, turned into the options that each layer
//! declares.
//!
//! | file | owns |
//! | --- | --- |
//! | `load` | the settings put together from all sources |
//! | `store`, `origin`, `assignment`, `error` | the settings, their origins and their errors |
//! | `options` | the table of options, from which everything else is derived |
//! | `option_spec` | the parts of an option |
//! | `values` | the kinds of values, each with its syntax and its field |
//! | `listen` | the syntax of listen addresses, which has many variants |
//! | `suggest` | the name that was probably meant |
//! | `command_line` | the command line, its help, its manual page and its messages |
//! | `file` | the TOML file, with the positions of its values |
//! | `tables` | the settings that are tables, which exist only in the file |
//! | `certificates` | the certificates that options, tables and sites name |
//! | `site_table`, `sites` | the sites as they are written, and with the settings that they inherit |
//! | `print`, `wrap` | settings written as a TOML file |
//! | `text` | the checks that texts must pass to be values |
//! | `variables` | environment variables that are probably misspelt |
//!
//! [`Settings::load`] accesses neither the environment nor the disk itself. The caller passes
//! functions for both, so that tests need neither and a running server can load its settings again.

mod assignment;
mod certificates;
mod command_line;
mod error;
mod file;
mod listen;
mod load;
mod option_spec;
mod options;
mod origin;
mod print;
mod site_table;
mod sites;
mod store;
mod suggest;
mod tables;
mod text;
mod values;
mod variables;
mod wrap;

#[cfg(test)]
mod tests;

pub use command_line::{Action, Arguments, DiscoveryForm, Unparsed, completions, manual};
pub use error::SettingsError;
pub use origin::Origin;
pub use print::sample_file;
pub use store::Settings;
pub use variables::{Misspelt, misspelt};

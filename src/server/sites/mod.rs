//! The sites in the options of a server.

mod page;
pub(crate) mod site_options;
pub(crate) mod site_specs;

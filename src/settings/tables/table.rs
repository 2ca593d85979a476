//! The parts of a table.

use crate::plan::{Access, Redirects, Rewrites, Rules};
use crate::server::CertificateFiles;
use crate::settings::option_spec::OptionSpec;
use crate::settings::origin::Origin;
use crate::settings::site_table::SiteTable;
use crate::settings::store::Settings;
use std::{collections::BTreeMap, ops::Range};
use toml::{Spanned, de::DeValue};

/// A table, or an array of tables.
pub(crate) struct Table {
    /// The key in the file.
    pub(crate) name: &'static str,
    /// Its purpose, in one line without a full stop.
    pub(crate) help: &'static str,
    /// When and why to write it, in whole sentences.
    pub(crate) reason: &'static str,
    /// Example lines for the file.
    pub(crate) example: &'static str,
    /// Parses the table.
    pub(crate) read:
        fn(&Spanned<DeValue<'_>>, &Source<'_>) -> Result<TableValue, Vec<SpannedError>>,
    /// Writes the table; empty if it has no content.
    pub(crate) show: fn(&Settings) -> String,
}

/// The parsed value of a table.
#[derive(Debug)]
pub(crate) enum TableValue {
    Types(BTreeMap<String, String>),
    Rules(Rules),
    Redirects(Redirects),
    Rewrites(Rewrites),
    Certificates(Vec<CertificateFiles>),
    Sites(Vec<SiteTable>),
    Access(Access),
}

/// The information that parsing a table requires besides its text.
pub(crate) struct Source<'a> {
    /// Returns the option with a name.
    pub(crate) option: fn(&str) -> Option<&'static OptionSpec>,
    /// Returns the line and the column of a position in the file.
    pub(crate) place: &'a dyn Fn(Range<usize>) -> Origin,
}

impl Source<'_> {
    /// Returns `true` if there is an option with this name.
    pub(super) fn is_option(&self, name: &str) -> bool {
        (self.option)(name).is_some()
    }
}

/// An error message and its position.
pub(crate) type SpannedError = (Range<usize>, String);

impl TableValue {
    /// Stores the value in the settings.
    pub(crate) fn assign(self, settings: &mut Settings) {
        let policy = &mut settings.server.policy;
        match self {
            Self::Types(types) => policy.types = types,
            Self::Rules(rules) => policy.rules = rules,
            Self::Redirects(redirects) => policy.redirects = redirects,
            Self::Rewrites(rewrites) => policy.rewrites = rewrites,
            Self::Access(access) => policy.access = access,
            Self::Certificates(certificates) => settings.certificates = certificates,
            Self::Sites(sites) => settings.sites = sites,
        }
    }
}

//! The settings that are tables: they have no flag and no variable, and stand in the file alone.
//!
//! Each is defined here once: what the file may hold, how it is explained, and how it is written.

mod reading;
mod redirects;
mod rules;
mod types;

use super::Settings;
use crate::plan::{Redirects, Rules};
use std::{collections::BTreeMap, ops::Range};
use toml::{Spanned, de::DeValue};

pub(super) use reading::number;

/// A table, or an array of tables.
pub(super) struct Table {
    /// The key in the file.
    pub(super) name: &'static str,
    /// What it is, in a line without a full stop.
    pub(super) help: &'static str,
    /// When and why to write it, in whole sentences.
    pub(super) reason: &'static str,
    /// Lines of the file.
    pub(super) example: &'static str,
    /// Reads it.
    pub(super) read: fn(&Spanned<DeValue<'_>>) -> Result<Contents, Vec<Fault>>,
    /// Writes it; empty where there is nothing in it.
    pub(super) show: fn(&Settings) -> String,
}

/// What was read from a table.
#[derive(Debug)]
pub(super) enum Contents {
    Types(BTreeMap<String, String>),
    Rules(Rules),
    Redirects(Redirects),
}

/// What is wrong, and where.
pub(super) type Fault = (Range<usize>, String);

impl Contents {
    /// Puts it where it belongs.
    pub(super) fn assign(self, settings: &mut Settings) {
        let policy = &mut settings.server.policy;
        match self {
            Self::Types(types) => policy.types = types,
            Self::Rules(rules) => policy.rules = rules,
            Self::Redirects(redirects) => policy.redirects = redirects,
        }
    }
}

/// The table of this name.
pub(super) fn find(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// All tables, in the order in which they are shown.
pub(super) static TABLES: &[Table] = &[
    Table {
        name: "types",
        help: "Media types by the extension of a file's name, or by a name that has none",
        reason: "They override those that are known. An empty key stands for all other names \
                 without an extension. Text without a charset is sent as UTF-8. For single paths, a \
                 rule can set Content-Type.",
        example: "\
[types]
mjs = \"text/javascript\"
gltf = \"model/gltf+json\"
OWNERS = \"text/plain\"
\"\" = \"text/html\"
",
        read: types::read,
        show: types::show,
    },
    Table {
        name: "rule",
        help: "What to change about the fields of responses, by path",
        reason: "In a path, * stands for anything but a slash, ** for any number of directories, \
                 {a,b} for either. It is held against the address and, where a file was found, \
                 against its place: / and /index.html for one. set and remove name fields; on says \
                 of which responses: success, which 304 belongs to and which is what it is if \
                 nothing is said, redirect, error, and preflight for those that answer OPTIONS. Of \
                 several rules that apply, the last one that names a field wins. Content-Encoding is \
                 for files that are stored compressed under their own name, like game.wasm.br.",
        example: "\
[[rule]]
path = \"/assets/**\"
set = { Cache-Control = \"max-age=31536000, immutable\" }

[[rule]]
path = [\"/**/*.html\", \"/app/**\"]
set = { Cross-Origin-Opener-Policy = \"same-origin\", Cross-Origin-Embedder-Policy = \"require-corp\" }

[[rule]]
path = \"/**\"
on = [\"success\", \"redirect\", \"error\"]
set = { Strict-Transport-Security = \"max-age=31536000\" }
remove = \"X-Content-Type-Options\"
",
        read: rules::read,
        show: rules::show,
    },
    Table {
        name: "redirect",
        help: "Where a path leads to instead, whatever file there is",
        reason: "In from, {name} stands for what is in one segment, {*name} at the end for all \
                 that is left; to may have the same names in it, and may be an address elsewhere. \
                 The query is kept. status is 301 if nothing is said, or 302, 307 or 308. The most \
                 specific from counts.",
        example: "\
[[redirect]]
from = \"/old/{*rest}\"
to = \"/new/{rest}\"

[[redirect]]
from = \"/{year}/{page}.php\"
to = \"https://archive.example/{year}?page={page}\"
status = 302
",
        read: redirects::read,
        show: redirects::show,
    },
];

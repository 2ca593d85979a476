//! The general sections of the manual page and of `--help`, after the options.

use crate::settings::wrap::wrap;
use clap_mangen::roff::{Roff, bold, roman};

/// Returns the sections as plain text, for the end of `--help`.
pub(super) fn help() -> String {
    let sections = SECTIONS.iter().map(|(heading, blocks)| {
        let lines: Vec<_> = blocks.iter().flat_map(Block::lines).collect();
        format!("{heading}:\n  {}", lines.join("\n  "))
    });
    sections.collect::<Vec<_>>().join("\n\n")
}

/// A part of a section.
pub(super) enum Block {
    /// A paragraph.
    Text(&'static str),
    /// Lines to type or to write literally.
    Example(&'static [&'static str]),
    /// A term and its explanation.
    Item(&'static str, &'static str),
}

impl Block {
    pub(super) fn render(&self, page: &mut Roff) {
        match self {
            Self::Text(text) => page.control("PP", []).text([roman(*text)]),
            Self::Example(lines) => {
                page.control("PP", [])
                    .control("RS", ["4"])
                    .control("nf", []);
                for line in *lines {
                    page.text([roman(*line)]);
                }
                page.control("fi", []).control("RE", [])
            }
            Self::Item(term, text) => page
                .control("TP", [])
                .text([bold(*term)])
                .text([roman(*text)]),
        };
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Text(text) => wrap(text, HELP_WIDTH),
            Self::Example(lines) => lines.iter().map(|line| format!("    {line}")).collect(),
            Self::Item(term, text) => wrap(&format!("{term}: {text}"), HELP_WIDTH),
        }
    }
}

/// The width in columns, after an indentation of two.
const HELP_WIDTH: usize = 88;

pub(super) const SECTIONS: &[(&str, &[Block])] = &[
    (
        "Settings",
        &[
            Block::Text(
                "Each option with an environment variable can be set in three ways: by its flag, \
                 by that variable, or by a line in the file that --config names:",
            ),
            Block::Example(&[
                "--idle-timeout 75s",
                "MILLPOND_IDLE_TIMEOUT=75s",
                "idle-timeout = \"75s\"",
            ]),
            Block::Text(
                "A flag overrides a variable, and a variable overrides the file. An overridden \
                 value must be valid all the same. The variable PORT sets the port if nothing else \
                 does. Unknown variables are ignored, with a warning for likely misspellings. So \
                 is a MILLPOND_PORT that holds a URL, which Kubernetes sets for a service named \
                 millpond.",
            ),
            Block::Text(
                "Sites, rules for headers, redirects, rewrites, access rules, content types and further \
                 certificates are tables, which only the file can hold. See the end of \
                 config/millpond.toml for examples.",
            ),
            Block::Text(
                "Switches take true or false, on or off, yes or no, 1 or 0. A flag alone is true: \
                 --listing, --listing=false.",
            ),
            Block::Text(
                "Durations have units: d, h, m, s, ms, as in 1m30s. Sizes are bytes, or have a \
                 unit: KiB, MiB, GiB, TiB (powers of 1024).",
            ),
        ],
    ),
    (
        "Logs",
        &[
            Block::Text(
                "The access log has a line for each request; --access-log sets where it goes. All \
                 other messages go to standard error. The environment variable RUST_LOG sets their \
                 level, also by module:",
            ),
            Block::Example(&["RUST_LOG=debug", "RUST_LOG=info,millpond::site=debug"]),
            Block::Text(
                "The access log counts as millpond::access at level info. RUST_LOG=warn turns it \
                 off, and so does a value that names only other modules.",
            ),
        ],
    ),
    (
        "Signals",
        &[
            Block::Item(
                "TERM, INT",
                "Shut down: accept no new connections, finish responses in progress within \
                 --shutdown-timeout, and exit. Idle connections are closed after 0.3 s. A second \
                 signal exits at once.",
            ),
            Block::Item(
                "HUP",
                "Reload the settings and reopen the access log. No connection is dropped. If the \
                 new settings are invalid, the error is logged with its line, and the server keeps \
                 the previous ones. Settings from a pipe are not read again. A server whose \
                 terminal was closed shuts down instead.",
            ),
            Block::Item("USR1", "Reopen the access log, after a rotation."),
        ],
    ),
    (
        "Exit status",
        &[
            Block::Item(
                "0",
                "Stopped by a signal, or the requested text was printed.",
            ),
            Block::Item(
                "1",
                "An environment variable or the file is invalid, the server cannot start, \
                 --explain found that nothing would be served, or --health or \
                 --precompress=check found a problem.",
            ),
            Block::Item("2", "The command line is invalid."),
        ],
    ),
    (
        "Examples",
        &[
            Block::Text("Serve a directory to the network on port 80:"),
            Block::Example(&["millpond /srv/www --listen '*:80'"]),
            Block::Text("Serve the current directory to this machine only, on another port:"),
            Block::Example(&["millpond --port 3000"]),
            Block::Text("Start with a file of all settings, and test it:"),
            Block::Example(&[
                "millpond --print-config > millpond.toml",
                "millpond --config millpond.toml --check",
            ]),
            Block::Text("Find out why a page is missing:"),
            Block::Example(&["millpond /srv/www --explain /guide/start.html"]),
            Block::Text("Read the manual page:"),
            Block::Example(&["millpond --man | man -l -"]),
        ],
    ),
];

//! What an operator is told beyond the options themselves, on the manual page and at the end of
//! `--help`.

use super::{command::command, print::wrap};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

/// The manual page, in roff.
pub fn manual() -> String {
    let command = command()
        .override_usage("millpond [OPTIONS] [DIR]")
        .mut_args(|argument| match argument.get_possible_values().as_slice() {
            [] => argument,
            // They would take a line each, and the text names them.
            _ => argument.hide_possible_values(true),
        });
    let page = Man::new(command)
        .section("8")
        .manual("System administration");
    let mut text = Vec::new();
    // Memory always takes what is written to it.
    let _ = page
        .render_title(&mut text)
        .and_then(|()| page.render_name_section(&mut text))
        .and_then(|()| page.render_synopsis_section(&mut text))
        .and_then(|()| page.render_description_section(&mut text))
        .and_then(|()| page.render_options_section(&mut text));
    let mut rest = Roff::new();
    for (heading, blocks) in SECTIONS {
        rest.control("SH", [heading.to_uppercase().as_str()]);
        for block in *blocks {
            block.render(&mut rest);
        }
    }
    String::from_utf8_lossy(&text).into_owned() + &rest.render()
}

/// The same at the end of `--help`, without the options.
pub(super) fn help() -> String {
    let sections = SECTIONS.iter().map(|(heading, blocks)| {
        let lines: Vec<_> = blocks.iter().flat_map(Block::lines).collect();
        format!("{heading}:\n  {}", lines.join("\n  "))
    });
    sections.collect::<Vec<_>>().join("\n\n")
}

/// A part of a section.
enum Block {
    /// A paragraph.
    Text(&'static str),
    /// Lines to be typed or written as they stand.
    Example(&'static [&'static str]),
    /// A term and what it means.
    Item(&'static str, &'static str),
}

impl Block {
    fn render(&self, page: &mut Roff) {
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

/// In columns, next to an indentation of two.
const HELP_WIDTH: usize = 88;

const SECTIONS: &[(&str, &[Block])] = &[
    (
        "Settings",
        &[
            Block::Text(
                "An option that names an environment variable can be set in three ways: by its \
                 flag, by that variable, and in the file that --config names, by a line with the \
                 name of the flag:",
            ),
            Block::Example(&[
                "--idle-timeout 75s",
                "MILLPOND_IDLE_TIMEOUT=75s",
                "idle-timeout = \"75s\"",
            ]),
            Block::Text(
                "A flag beats a variable, which beats the file; but what is beaten has to be right, \
                 too. Below all of them is the variable PORT, which sets the port and nothing else. \
                 Variables that name no option are ignored, since others may have set them. Of \
                 those that are likely to be misspelt there is a warning. Where a service is called \
                 millpond, Kubernetes sets MILLPOND_PORT to a URL, which is ignored, too.",
            ),
            Block::Text(
                "Rules about fields, redirects and media types are tables, which stand in the file \
                 alone. The end of config/millpond.toml has examples of them.",
            ),
            Block::Text(
                "What is on or off is true or false; on and off, yes and no, 1 and 0 mean the same. A \
                 flag by itself is true: --listing, --listing=false.",
            ),
            Block::Text(
                "Durations have units: d, h, m, s and ms, as in 1m30s. Sizes are bytes, or have one \
                 of the units KiB, MiB, GiB and TiB, each 1024 of the one before.",
            ),
        ],
    ),
    (
        "Logs",
        &[
            Block::Text(
                "A record of each exchange goes where --access-log says. All else that there is to \
                 tell goes to standard error. The environment variable RUST_LOG says how much of \
                 it, by module:",
            ),
            Block::Example(&["RUST_LOG=debug", "RUST_LOG=info,millpond::site=debug"]),
            Block::Text(
                "Records of exchanges count as millpond::access at level info. So RUST_LOG=warn \
                 turns them off, and so does a value that names other modules alone.",
            ),
        ],
    ),
    (
        "Signals",
        &[
            Block::Item(
                "TERM, INT",
                "Accept no more, finish what is under way within --drain-timeout, and exit. \
                 Connections on which no request comes for 0.3 s are closed. A second one: exit \
                 now.",
            ),
            Block::Item(
                "HUP",
                "Read the settings again and open the access log anew. Good settings are in force \
                 for all that comes, and no connection is dropped; bad ones are told with their \
                 place, and those of before stay in force. Those that came through a pipe are not \
                 read again. A server whose terminal was closed \
                 stops instead.",
            ),
            Block::Item("USR1", "Open the access log anew, after it was renamed."),
        ],
    ),
    (
        "Exit status",
        &[
            Block::Item(
                "0",
                "A signal said to stop, or what was asked for has been printed.",
            ),
            Block::Item(
                "1",
                "A variable or the file is wrong, or the server cannot start. What --explain tells \
                 of would not be served, or what --health asks is not well.",
            ),
            Block::Item("2", "The command line is wrong."),
        ],
    ),
    (
        "Examples",
        &[
            Block::Text("Serve a directory to every machine that can reach this one:"),
            Block::Example(&["millpond /srv/www --listen '*:80'"]),
            Block::Text("Serve the current directory to this machine alone, on another port:"),
            Block::Example(&["millpond --port 3000"]),
            Block::Text("Begin with a file of all settings, and test it before it is used:"),
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

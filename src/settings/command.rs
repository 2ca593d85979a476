//! The command line: what it may hold, and the help, manual page and completions that tell of it.
//!
//! Settings come from the table in [`super::options`]. What is defined here is what only a command
//! line can ask for.

use super::{
    CONFIG_VARIABLE, Given, Origin,
    kind::Kind,
    options::{self, Definition},
    print::wrap,
};
use clap::{
    Arg, ArgAction, ArgMatches, Command, ValueHint,
    builder::{OsStringValueParser, PossibleValuesParser},
    value_parser,
};
use clap_complete::Shell;
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// What the command line asks for.
#[derive(Clone)]
pub struct Arguments {
    action: Action,
    config: Option<PathBuf>,
    given: Vec<Given>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Serve.
    Serve,
    /// Test the settings, and say what would be served and where.
    Check,
    /// Write the settings as a file.
    PrintConfig,
    /// Write the manual page.
    Manual,
    /// Write the completions for a shell.
    Completions(Shell),
}

impl Arguments {
    /// Reads the words of a command line, the name of the program first.
    ///
    /// What [`clap::Error`] says may be the help or the version that was asked for; it knows where
    /// to print it and which status to exit with. Values of settings are left to
    /// [`super::Settings::load`], which tells of bad ones alike wherever they stand.
    pub fn parse<W: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = W>,
    ) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(words)?;
        let action = match matches.get_one::<Shell>(COMPLETIONS) {
            Some(shell) => Action::Completions(*shell),
            None if matches.get_flag(MAN) => Action::Manual,
            None if matches.get_flag(PRINT_CONFIG) => Action::PrintConfig,
            None if matches.get_flag(CHECK) => Action::Check,
            None => Action::Serve,
        };
        let config = matches.get_one::<PathBuf>(CONFIG).cloned();
        let given = options::all()
            .filter_map(|definition| given(definition, &matches))
            .collect();
        Ok(Self {
            action,
            config,
            given,
        })
    }

    /// What to do.
    pub fn action(&self) -> Action {
        self.action
    }

    pub(super) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    pub(super) fn given(&self) -> &[Given] {
        &self.given
    }
}

/// The manual page, in roff.
pub fn manual() -> String {
    let command = command()
        .override_usage("millpond [OPTIONS] [ROOT]")
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
    let mut sections = Roff::new();
    for (heading, text) in SECTIONS {
        sections.control("SH", [heading.to_uppercase().as_str()]);
        for line in text.lines() {
            match line.strip_prefix(' ') {
                None => sections.text([roman(line)]),
                Some(example) => sections.control("br", []).text([roman(example)]),
            };
        }
    }
    text.extend(sections.render().into_bytes());
    String::from_utf8_lossy(&text).into_owned()
}

/// The completions for `shell`.
pub fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), env!("CARGO_PKG_NAME"), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serves a directory over HTTP/1.1")
        .long_about(LONG_ABOUT)
        .after_help(AFTER_HELP)
        .after_long_help(after_long_help());
    for group in options::GROUPS {
        command = command.args(group.options.iter().map(|definition| {
            let argument = argument(definition);
            match group.heading {
                Some(heading) => argument.help_heading(heading),
                None => argument,
            }
        }));
        if group.heading.is_none() {
            command = command.args(actions());
        }
    }
    command
}

/// An option of the table as an argument.
fn argument(definition: &'static Definition) -> Arg {
    let Definition {
        name,
        kind,
        help,
        reason,
    } = definition;
    let default = match definition.default().plain() {
        // The help of such an option says itself what its absence means.
        text if text.is_empty() => text,
        text => format!(" [default: {text}]"),
    };
    let long_help = wrap(&format!("{help}. {reason}"), HELP_WIDTH).join("\n");
    let argument = Arg::new(*name)
        .help(format!("{help}{default}"))
        .long_help(format!(
            "{long_help}\n\n[env: {}]{default}",
            definition.variable()
        ))
        .value_name(kind.placeholder())
        .value_hint(kind.hint());
    let argument = match kind.choices() {
        Some(choices) => argument.value_parser(PossibleValuesParser::new(choices)),
        None => argument.value_parser(OsStringValueParser::new()),
    };
    match kind {
        _ if *name == POSITIONAL => argument.value_name(POSITIONAL_PLACEHOLDER),
        // `--server-field` by itself means `true`. Without the equals sign, the next word would be
        // taken for a value.
        Kind::Switch(_) => argument
            .long(*name)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .hide_possible_values(true),
        Kind::Listen(_) => argument.long(*name).action(ArgAction::Append),
        _ => argument.long(*name),
    }
}

/// What only the command line can ask for.
fn actions() -> [Arg; 5] {
    let flag = |name| Arg::new(name).long(name).action(ArgAction::SetTrue);
    [
        Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::FilePath)
            .help("A file of settings in TOML")
            .long_help(format!(
                "A file of settings in TOML\n\n[env: {CONFIG_VARIABLE}]"
            )),
        flag(CHECK)
            .conflicts_with_all([PRINT_CONFIG, MAN, COMPLETIONS])
            .help("Test the settings, print what would be served and where, and exit"),
        flag(PRINT_CONFIG)
            .conflicts_with_all([MAN, COMPLETIONS])
            .help("Print the settings in force as a file for --config, and exit"),
        flag(MAN)
            .conflicts_with(COMPLETIONS)
            .help("Print the manual page, for man -l -, and exit"),
        Arg::new(COMPLETIONS)
            .long(COMPLETIONS)
            .value_name("SHELL")
            .value_parser(value_parser!(Shell))
            .hide_possible_values(true)
            .help("Print completions for bash, elvish, fish, powershell or zsh, and exit"),
    ]
}

/// What `matches` have for an option.
fn given(definition: &'static Definition, matches: &ArgMatches) -> Option<Given> {
    let values = matches
        .get_raw(definition.name)?
        .map(ToOwned::to_owned)
        .collect();
    let name = match definition.name {
        POSITIONAL => POSITIONAL_PLACEHOLDER.to_owned(),
        name => format!("--{name}"),
    };
    let origin = Origin::Argument(name);
    Some(Given {
        definition,
        values,
        origin,
        origins: Vec::new(),
    })
}

fn after_long_help() -> String {
    let sections = SECTIONS.iter().map(|(heading, text)| {
        let lines: Vec<_> = text.lines().map(|line| format!("  {line}")).collect();
        format!("{heading}:\n{}", lines.join("\n"))
    });
    sections.collect::<Vec<_>>().join("\n\n")
}

const CONFIG: &str = "config";
const CHECK: &str = "check";
const PRINT_CONFIG: &str = "print-config";
const MAN: &str = "man";
const COMPLETIONS: &str = "completions";

/// The option that stands by itself, without a flag.
const POSITIONAL: &str = "root";
const POSITIONAL_PLACEHOLDER: &str = "ROOT";

/// In columns, next to an indentation of ten.
const HELP_WIDTH: usize = 80;

const LONG_ABOUT: &str = "\
Serves a directory over HTTP/1.1, from one process with one thread. It prints the addresses that it
serves at, and goes on until it is told to stop.";

const AFTER_HELP: &str = "\
Settings can stand in environment variables and in a file, too; --help says how.";

/// What else is to know, by heading. Lines that begin with a space are examples.
const SECTIONS: &[(&str, &str)] = &[
    (
        "Settings",
        "\
Where an option names an environment variable, it can be set in three ways: by its flag, by that
variable, and in the --config file by a line with the flag's name:
 --idle-timeout 75s
 MILLPOND_IDLE_TIMEOUT=75s
 idle-timeout = \"75s\"
A flag beats a variable, which beats the file; what is beaten has to be right all the same. Variables that name no option are ignored, since other programs set some: Kubernetes sets
MILLPOND_PORT for a service of that name.
Durations are numbers with units: d, h, m, s and ms. Sizes are bytes, or have one of the units KiB,
MiB, GiB and TiB, of 1024 each.",
    ),
    (
        "Logs",
        "\
Records of exchanges go where --access-log says. Everything else that is to be told goes to standard
error; the environment variable RUST_LOG says how much, by module:
 RUST_LOG=debug
 RUST_LOG=warn,millpond::site=debug",
    ),
    (
        "Signals",
        "\
TERM and INT: accept no more, finish what is under way within --drain-timeout, and exit.",
    ),
    (
        "Exit status",
        "\
0 after a signal to stop, and when what was asked for was printed.
1 when the server cannot be started, or when a variable or the file is wrong.
2 when the command line is wrong.",
    ),
    (
        "Examples",
        "\
Serve a directory to every machine that can reach this one:
 millpond /srv/www --listen 0.0.0.0:80 --listen [::]:80
Test the settings before they are used:
 millpond --config /etc/millpond.toml --check
Begin with a file of all settings, and read the manual:
 millpond --print-config > millpond.toml
 millpond --man | man -l -",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn what_is_asked_for_is_one_thing() {
        let action = |words: &[&str]| {
            let words = ["millpond"].into_iter().chain(words.iter().copied());
            Arguments::parse(words)
                .map(|arguments| arguments.action())
                .ok()
        };
        assert_eq!(action(&[]), Some(Action::Serve));
        assert_eq!(action(&["--check"]), Some(Action::Check));
        assert_eq!(action(&["--print-config"]), Some(Action::PrintConfig));
        assert_eq!(action(&["--man"]), Some(Action::Manual));
        assert_eq!(
            action(&["--completions", "zsh"]),
            Some(Action::Completions(Shell::Zsh))
        );
        for words in [
            &["--check", "--print-config"][..],
            &["--check", "--man"],
            &["--print-config", "--completions", "zsh"],
            &["--man", "--completions", "zsh"],
            &["--check", "--completions", "zsh"],
            &["--print-config", "--man"],
        ] {
            assert_eq!(action(words), None, "{words:?}");
        }
    }

    #[test]
    fn the_manual_and_the_help_name_every_option_in_every_way() {
        let manual = manual().replace("\\-", "-");
        let help = command().render_long_help().to_string();
        for definition in options::all() {
            for text in [&manual, &help] {
                assert!(
                    text.contains(&definition.variable()),
                    "{}",
                    definition.variable()
                );
                let flag = format!("--{}", definition.name);
                assert!(
                    definition.name == POSITIONAL || text.contains(&flag),
                    "{flag}"
                );
            }
        }
    }
}

//! The command line: its syntax, its help and its completions.
//!
//! Settings come from the table in [`crate::settings::options`]. This module defines only what
//! exists on the command line alone.

use super::guide;
use super::mistake::{self, Unparsed};
use crate::settings::{
    assignment::Assignment,
    option_spec::{CONFIG_VARIABLE, OptionSpec},
    options,
    origin::Origin,
};
use clap::{
    Arg, ArgAction, ArgGroup, ArgMatches, Command, ValueHint,
    builder::{OsStringValueParser, PossibleValue, TypedValueParser},
    value_parser,
};
use clap_complete::Shell;
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// A parsed command line.
#[derive(Clone)]
pub struct Arguments {
    action: Action,
    config: Option<PathBuf>,
    given: Vec<Assignment>,
}

/// The action that the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Serve the site.
    Serve,
    /// Check the settings, and print what the server would serve and where.
    Check,
    /// Print the response to a request for this target, and the reasons for it.
    Explain(OsString),
    /// Check the health of a running server, at this URL if there is one.
    Health(Option<OsString>),
    /// List the websites in the local network.
    Discover(DiscoveryForm),
    /// Write precompressed files.
    Precompress,
    /// Check that the precompressed files are there and current.
    CheckPrecompressed,
    /// Print a line for a file of users.
    HashPassword(String),
    /// Print the settings as a file.
    PrintConfig,
    /// Print the manual page.
    Manual,
    /// Print the completions for a shell.
    Completions(Shell),
}

/// The output format of discovered websites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryForm {
    /// A table.
    Table,
    /// JSON.
    Json,
}

impl Arguments {
    /// Parses the words of a command line, which begin with the name of the program.
    ///
    /// Values of settings are left to [`crate::settings::Settings::load`], which reports wrong ones
    /// in the same way for all sources. `is_directory` determines whether a word can be the
    /// directory to serve.
    pub fn parse<W: Into<OsString>>(
        words: impl IntoIterator<Item = W>,
        is_directory: &dyn Fn(&Path) -> bool,
    ) -> Result<Self, Unparsed> {
        let words: Vec<OsString> = words.into_iter().map(W::into).collect();
        let words = mistake::join_switches(&words, is_directory)?;
        let mut command = command();
        // Without this, clap does not yet have the flags for the help and the version.
        command.build();
        if let Some(mistake) = mistake::single_dash(&words, &command) {
            return Err(mistake);
        }
        let matches = command.clone().try_get_matches_from(&words);
        let matches =
            matches.map_err(|error| mistake::of_clap(error, &words, &command, is_directory))?;
        let root = matches
            .get_raw(POSITIONAL)
            .and_then(|mut words| words.next());
        if let Some(root) = root.and_then(OsStr::to_str)
            && let Some(mistake) = mistake::of_directory(root, &words, &command, is_directory)
        {
            return Err(Unparsed::Wrong(mistake));
        }
        let action = action(&matches);
        let config = matches.get_one::<PathBuf>(CONFIG).cloned();
        let given = options::all()
            .filter_map(|option| given(option, &matches))
            .collect();
        Ok(Self {
            action,
            config,
            given,
        })
    }

    /// Returns the action.
    pub fn action(&self) -> &Action {
        &self.action
    }

    pub(crate) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    pub(crate) fn given(&self) -> &[Assignment] {
        &self.given
    }
}

/// Returns the completions for `shell`.
pub fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), env!("CARGO_PKG_NAME"), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Returns the clap definition of the command line.
pub(super) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serves a directory over HTTP/1.1")
        .long_about(LONG_ABOUT)
        .after_help(AFTER_HELP)
        .after_long_help(guide::help());
    for group in options::GROUPS {
        command = command.args(group.options.iter().map(|option| {
            let argument = argument(option);
            match group.heading {
                Some(heading) => argument.help_heading(heading),
                None => argument,
            }
        }));
        if group.heading.is_none() {
            command = command.args(actions());
        }
    }
    let things_to_do = [
        CHECK,
        EXPLAIN,
        HEALTH,
        HASH_PASSWORD,
        DISCOVER,
        PRECOMPRESS,
        PRINT_CONFIG,
        MAN,
        COMPLETIONS,
    ];
    command.group(ArgGroup::new("action").args(things_to_do))
}

/// Returns an option of the table as a clap argument.
fn argument(option: &'static OptionSpec) -> Arg {
    let OptionSpec {
        name,
        value,
        help,
        reason,
    } = option;
    let default = match option.default().plain() {
        // Without a default, the help text explains what happens if the option is absent.
        text if text.is_empty() => text,
        text => format!(" [default: {text}]"),
    };
    let argument = Arg::new(*name)
        .help(format!("{help}{default}"))
        .long_help(format!(
            "{help}. {reason}\n\n[env: {}]{default}",
            option.variable()
        ))
        .value_name(value.placeholder())
        .value_hint(value.hint());
    let argument = match value.choices() {
        Some(choices) => argument.value_parser(AnyOf(choices)),
        None => argument.value_parser(OsStringValueParser::new()),
    };
    if *name == POSITIONAL {
        return argument.value_name(POSITIONAL_PLACEHOLDER);
    }
    let argument = argument.long(*name);
    let argument = match value.of_bare_flag() {
        // `--server-header` alone means `true`. Without the equals sign, the next word would be
        // taken for its value.
        Some(of_bare_flag) => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(of_bare_flag)
            .hide_possible_values(true),
        None if value.is_list() => argument.action(ArgAction::Append),
        None => argument,
    };
    match value.short_flag() {
        // So that -1 is an invalid number rather than an unknown flag.
        Some(letter) => argument.short(letter).allow_negative_numbers(true),
        None => argument,
    }
}

/// Returns the requested action.
fn action(matches: &ArgMatches) -> Action {
    if let Some(shell) = matches.get_one::<Shell>(COMPLETIONS) {
        Action::Completions(*shell)
    } else if let Some(target) = matches.get_one::<OsString>(EXPLAIN) {
        Action::Explain(target.clone())
    } else if let Some(mode) = matches.get_one::<String>(PRECOMPRESS) {
        if mode == PRECOMPRESS_CHECK {
            Action::CheckPrecompressed
        } else {
            Action::Precompress
        }
    } else if matches.contains_id(HEALTH) {
        Action::Health(matches.get_one::<OsString>(HEALTH).cloned())
    } else if let Some(form) = matches.get_one::<String>(DISCOVER) {
        Action::Discover(match form.as_str() {
            JSON => DiscoveryForm::Json,
            _ => DiscoveryForm::Table,
        })
    } else if let Some(user) = matches.get_one::<String>(HASH_PASSWORD) {
        Action::HashPassword(user.clone())
    } else if matches.get_flag(MAN) {
        Action::Manual
    } else if matches.get_flag(PRINT_CONFIG) {
        Action::PrintConfig
    } else if matches.get_flag(CHECK) {
        Action::Check
    } else {
        Action::Serve
    }
}

/// Returns the arguments that exist only on the command line.
fn actions() -> [Arg; 10] {
    let flag = |name| Arg::new(name).long(name).action(ArgAction::SetTrue);
    [
        Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::FilePath)
            .help("Read settings from this TOML file")
            .long_help(format!(
                "Read settings from this TOML file\n\n[env: {CONFIG_VARIABLE}]"
            )),
        flag(CHECK).help("Test the settings, print what would be served at which URLs, and exit"),
        Arg::new(EXPLAIN)
            .long(EXPLAIN)
            .value_name("TARGET")
            .value_parser(OsStringValueParser::new())
            .help("Explain which file a path or URL gets, and why, and exit"),
        Arg::new(HEALTH)
            .long(HEALTH)
            .value_name("URL")
            .num_args(0..=1)
            .value_parser(OsStringValueParser::new())
            .value_hint(ValueHint::Url)
            .help("Check whether a server is running and healthy, and exit")
            .long_help(HEALTH_HELP),
        Arg::new(DISCOVER)
            .long(DISCOVER)
            .value_name("FORMAT")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(TABLE)
            .value_parser([TABLE, JSON])
            .hide_possible_values(true)
            .help(
                "List the websites in the local network, as a table or as JSON (=json), and exit",
            ),
        Arg::new(PRECOMPRESS)
            .long(PRECOMPRESS)
            .value_name(PRECOMPRESS_CHECK)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(PRECOMPRESS_WRITE)
            .value_parser([PRECOMPRESS_WRITE, PRECOMPRESS_CHECK])
            .hide_possible_values(true)
            .help("Compress the files of DIR in advance, or check them (=check), and exit")
            .long_help(PRECOMPRESS_HELP),
        Arg::new(HASH_PASSWORD)
            .long(HASH_PASSWORD)
            .value_name("USER")
            .value_hint(ValueHint::Username)
            .help("Ask for a password, print a line for --auth-file, and exit")
            .long_help(HASH_PASSWORD_HELP),
        flag(PRINT_CONFIG).help("Print the settings in use as a file for --config, and exit"),
        flag(MAN).help("Print the manual page, for man -l -, and exit"),
        Arg::new(COMPLETIONS)
            .long(COMPLETIONS)
            .value_name("SHELL")
            .value_parser(value_parser!(Shell))
            .hide_possible_values(true)
            .help("Print completions for bash, elvish, fish, powershell or zsh, and exit"),
    ]
}

/// Offers these values to the help and to shells, but accepts all others too:
/// [`crate::settings::Settings::load`] reports the wrong ones.
#[derive(Clone)]
struct AnyOf(Vec<&'static str>);

impl TypedValueParser for AnyOf {
    type Value = OsString;

    fn parse_ref(
        &self,
        _command: &Command,
        _argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<OsString, clap::Error> {
        Ok(value.to_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}

/// Returns the values of an option in `matches`.
fn given(option: &'static OptionSpec, matches: &ArgMatches) -> Option<Assignment> {
    let values = matches
        .get_raw(option.name)?
        .map(ToOwned::to_owned)
        .collect();
    let name = match option.name {
        POSITIONAL => POSITIONAL_PLACEHOLDER.to_owned(),
        name => format!("--{name}"),
    };
    let origin = Origin::Argument(name);
    Some(Assignment {
        option,
        values,
        origin,
        origins: Vec::new(),
    })
}

const CONFIG: &str = "config";
const CHECK: &str = "check";
const EXPLAIN: &str = "explain";
const HEALTH: &str = "health";
const DISCOVER: &str = "discover";
const TABLE: &str = "table";
const JSON: &str = "json";
const PRECOMPRESS: &str = "precompress";
const PRECOMPRESS_WRITE: &str = "write";
const PRECOMPRESS_CHECK: &str = "check";
const HASH_PASSWORD: &str = "hash-password";
const PRINT_CONFIG: &str = "print-config";
const MAN: &str = "man";
const COMPLETIONS: &str = "completions";

/// The option without a flag.
const POSITIONAL: &str = "root";
const POSITIONAL_PLACEHOLDER: &str = "DIR";

const LONG_ABOUT: &str = "\
Serves a directory over HTTP/1.1. It prints its URLs, and runs until Ctrl-C or a signal stops it.";

const HEALTH_HELP: &str = "\
Check whether a server is running and healthy, and exit: with status 0 if it answers GET with a \
success, a redirect or 401 (it asks for a password) within 3 seconds, else with 1. The URL begins \
with http: or, for a Unix socket, is unix: and its path. Without a URL, the server of these \
settings gets a request for /.";

const PRECOMPRESS_HELP: &str = "\
Compress the files of DIR in advance, and exit: write app.js.br and app.js.gz, as small as \
possible, beside each file that the server would compress, unless they are there and up to date. \
With =check, write nothing, list the missing and stale ones, and exit with status 1 if there are \
any.";

const HASH_PASSWORD_HELP: &str = "\
Ask for a password, print a line for --auth-file, and exit. The line has the user and a bcrypt hash. \
Append it to the file. The password is read from the terminal, or from the first line of standard \
input.";

const AFTER_HELP: &str = "\
Environment variables and a file can set these options as well; see --help.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn only_one_action_is_accepted() {
        let action = |words: &[&str]| {
            let words = ["millpond"].into_iter().chain(words.iter().copied());
            Arguments::parse(words, &|_| false)
                .map(|arguments| arguments.action().clone())
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
        assert_eq!(
            action(&["--explain", "/a?b"]),
            Some(Action::Explain("/a?b".into()))
        );
        assert_eq!(action(&["--precompress"]), Some(Action::Precompress));
        assert_eq!(
            action(&["--precompress", "dist"]),
            Some(Action::Precompress)
        );
        assert_eq!(
            action(&["--precompress=check", "dist"]),
            Some(Action::CheckPrecompressed)
        );
        assert_eq!(
            action(&["--hash-password", "alice"]),
            Some(Action::HashPassword("alice".to_owned()))
        );
        assert_eq!(action(&["--health"]), Some(Action::Health(None)));
        assert_eq!(
            action(&["--health", "http://a/"]),
            Some(Action::Health(Some("http://a/".into())))
        );
        assert_eq!(
            action(&["--discover"]),
            Some(Action::Discover(DiscoveryForm::Table))
        );
        assert_eq!(
            action(&["--discover=json"]),
            Some(Action::Discover(DiscoveryForm::Json))
        );
        for words in [
            &["--check", "--print-config"][..],
            &["--discover", "--check"],
            &["--discover=xml"],
            &["--explain", "/", "--check"],
            &["--explain", "/", "--health"],
            &["--health", "--man"],
            &["--precompress", "--check"],
            &["--precompress=sometimes"],
            &["--hash-password"],
            &["--hash-password", "alice", "--check"],
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
    fn the_manual_and_the_help_show_every_form_of_every_option() {
        let manual = crate::settings::manual().replace("\\-", "-");
        let help = command().render_long_help().to_string();
        for option in options::all() {
            for text in [&manual, &help] {
                assert!(text.contains(&option.variable()), "{}", option.variable());
                let flag = format!("--{}", option.name);
                assert!(option.name == POSITIONAL || text.contains(&flag), "{flag}");
            }
        }
    }
}

//! The command line: what it may hold, with its help and its completions.
//!
//! Settings come from the table in [`super::options`]. What is defined here is what only a command
//! line can ask for.

use super::{
    CONFIG_VARIABLE, Given, Origin,
    kind::Kind,
    manual,
    mistake::{self, Unparsed},
    options::{self, Definition},
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

/// What the command line asks for.
#[derive(Clone)]
pub struct Arguments {
    action: Action,
    config: Option<PathBuf>,
    given: Vec<Given>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Serve.
    Serve,
    /// Test the settings, and say what would be served and where.
    Check,
    /// Say what a request for this target would get, and why.
    Explain(OsString),
    /// Ask a server that runs, the one at this URL if there is one, whether it is well.
    Health(Option<OsString>),
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
    /// Values of settings are left to [`super::Settings::load`], which tells of bad ones alike
    /// wherever they stand. `is_directory` says whether a word can be what is to be served.
    pub fn parse<W: Into<OsString>>(
        words: impl IntoIterator<Item = W>,
        is_directory: &dyn Fn(&Path) -> bool,
    ) -> Result<Self, Unparsed> {
        let words: Vec<OsString> = words.into_iter().map(W::into).collect();
        let words = mistake::join_switches(&words, is_directory)?;
        let mut command = command();
        // Else it knows nothing of the flags for the help and the version.
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
            .filter_map(|definition| given(definition, &matches))
            .collect();
        Ok(Self {
            action,
            config,
            given,
        })
    }

    /// What to do.
    pub fn action(&self) -> &Action {
        &self.action
    }

    pub(super) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    pub(super) fn given(&self) -> &[Given] {
        &self.given
    }
}

/// The completions for `shell`.
pub fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), env!("CARGO_PKG_NAME"), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The command line as clap knows it.
pub(super) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serves a directory over HTTP/1.1")
        .long_about(LONG_ABOUT)
        .after_help(AFTER_HELP)
        .after_long_help(manual::help());
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
    let things_to_do = [CHECK, EXPLAIN, HEALTH, PRINT_CONFIG, MAN, COMPLETIONS];
    command.group(ArgGroup::new("action").args(things_to_do))
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
    let argument = Arg::new(*name)
        .help(format!("{help}{default}"))
        .long_help(format!(
            "{help}. {reason}\n\n[env: {}]{default}",
            definition.variable()
        ))
        .value_name(kind.placeholder())
        .value_hint(kind.hint());
    let argument = match kind.choices() {
        Some(choices) => argument.value_parser(AnyOf(choices)),
        None => argument.value_parser(OsStringValueParser::new()),
    };
    match kind {
        _ if *name == POSITIONAL => argument.value_name(POSITIONAL_PLACEHOLDER),
        // `--server-field` by itself means `true`. Without the equals sign, the next word would be
        // taken for a value.
        Kind::Switch(_) | Kind::SwitchOrAuto(..) => argument
            .long(*name)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .hide_possible_values(true),
        Kind::Cors(_) => argument
            .long(*name)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("*"),
        kind if kind.is_list() => argument.long(*name).action(ArgAction::Append),
        // -1 is a bad number rather than an unknown flag.
        Kind::Port(_) => argument.long(*name).short('p').allow_negative_numbers(true),
        _ => argument.long(*name),
    }
}

/// The one thing to do that is asked for.
fn action(matches: &ArgMatches) -> Action {
    if let Some(shell) = matches.get_one::<Shell>(COMPLETIONS) {
        Action::Completions(*shell)
    } else if let Some(target) = matches.get_one::<OsString>(EXPLAIN) {
        Action::Explain(target.clone())
    } else if matches.contains_id(HEALTH) {
        Action::Health(matches.get_one::<OsString>(HEALTH).cloned())
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

/// What only the command line can ask for.
fn actions() -> [Arg; 7] {
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
        flag(CHECK).help("Test the settings, print what would be served and where, and exit"),
        Arg::new(EXPLAIN)
            .long(EXPLAIN)
            .value_name("TARGET")
            .value_parser(OsStringValueParser::new())
            .help("Say which file a path or URL would get and why, or why none, and exit"),
        Arg::new(HEALTH)
            .long(HEALTH)
            .value_name("URL")
            .num_args(0..=1)
            .value_parser(OsStringValueParser::new())
            .value_hint(ValueHint::Url)
            .help("Ask a running server whether it is well, and exit")
            .long_help(HEALTH_HELP),
        flag(PRINT_CONFIG).help("Print the settings in force as a file for --config, and exit"),
        flag(MAN).help("Print the manual page, for man -l -, and exit"),
        Arg::new(COMPLETIONS)
            .long(COMPLETIONS)
            .value_name("SHELL")
            .value_parser(value_parser!(Shell))
            .hide_possible_values(true)
            .help("Print completions for bash, elvish, fish, powershell or zsh, and exit"),
    ]
}

/// Offers these values to the help and to shells, and takes all others too: what is wrong with one
/// is for [`super::Settings::load`] to say.
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

const CONFIG: &str = "config";
const CHECK: &str = "check";
const EXPLAIN: &str = "explain";
const HEALTH: &str = "health";
const PRINT_CONFIG: &str = "print-config";
const MAN: &str = "man";
const COMPLETIONS: &str = "completions";

/// The option that stands by itself, without a flag.
const POSITIONAL: &str = "root";
const POSITIONAL_PLACEHOLDER: &str = "DIR";

const LONG_ABOUT: &str = "\
Serves a directory over HTTP/1.1, from one process with one thread. It prints the addresses that it \
serves at, and goes on until it is told to stop.";

const HEALTH_HELP: &str = "\
Ask a running server whether it is well, and exit: with 0 if it answers GET with a success or a \
redirect within 3 seconds, else with 1. The URL is http: or, for a Unix-domain socket, unix: and its \
path. Without one, the server that these settings start is asked for /.";

const AFTER_HELP: &str = "\
Settings can stand in environment variables and in a file, too; --help says how.";

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
        assert_eq!(action(&["--health"]), Some(Action::Health(None)));
        assert_eq!(
            action(&["--health", "http://a/"]),
            Some(Action::Health(Some("http://a/".into())))
        );
        for words in [
            &["--check", "--print-config"][..],
            &["--explain", "/", "--check"],
            &["--explain", "/", "--health"],
            &["--health", "--man"],
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

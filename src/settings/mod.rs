//! Command line, environment and file, turned into the options that each layer declares.
//!
//! | file | owns |
//! | --- | --- |
//! | `options` | the table of options, from which all else is made |
//! | `kind` | kinds of settings: their syntax, and the way to their field and back |
//! | `value` | the syntax of single values |
//! | `listen` | the syntax of addresses to listen on, which people write in many ways |
//! | `mistake` | what is said of a command line that is not understood |
//! | `habits` | what people type who know other servers, and what to write here |
//! | `likeness` | the name that was probably meant by a wrong one |
//! | `command` | the command line, its help and its completions |
//! | `manual` | the manual page, and what else there is to tell |
//! | `file` | the TOML file, with the places where its values stand |
//! | `tables` | the settings that are tables, which stand in the file alone |
//! | `print` | settings written as a TOML file |
//! | `variables` | environment variables that are likely to be misspelt |
//!
//! A value on the command line beats one in the environment, which beats one in the file, which
//! beats the default. All of them are read, and all problems are told at once: a value that another
//! one beats has to be right nevertheless.
//!
//! [`Settings::load`] touches neither the environment nor the disk itself. It is handed the ways to
//! them, so that tests can do without and a running server can load its settings anew.

mod command;
mod file;
mod habits;
mod kind;
mod likeness;
mod listen;
mod manual;
mod mistake;
mod options;
mod print;
mod tables;
mod value;
mod variables;

pub use command::{Action, Arguments, completions};
pub use manual::manual;
pub use mistake::Unparsed;
pub use print::sample_file;
pub use variables::{Misspelt, misspelt};

use crate::server::{self, ListenAddress};
use file::Entry;
use listen::WrittenAddress;
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt, io,
    path::{Path, PathBuf},
};

/// All that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What the server is started with.
    pub server: server::Options,
    /// The addresses of `server` as they are written: a port that one lacks may come from elsewhere.
    listen: Vec<WrittenAddress>,
    /// The same for the operator.
    admin: Vec<WrittenAddress>,
    /// By name of the option, where its value comes from when it is not the default.
    origins: BTreeMap<&'static str, Origin>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line: the flag, or the placeholder of an argument that stands by itself.
    Argument(String),
    /// An environment variable.
    Variable(String),
    /// A file.
    File {
        /// As it was given.
        path: PathBuf,
        /// The line and the column in characters, both from 1; none for the file as a whole.
        place: Option<(usize, usize)>,
    },
}

/// Why settings are refused: everything that is wrong with them, a line each.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    problems: Vec<Problem>,
}

#[derive(Debug, PartialEq, Eq)]
struct Problem {
    origin: Origin,
    message: String,
}

/// The values of an option that stood in one place; several for lists alone.
#[derive(Clone)]
struct Given {
    definition: &'static options::Definition,
    values: Vec<OsString>,
    origin: Origin,
    /// Where each of the values stood, if that can be told.
    origins: Vec<Origin>,
}

impl Settings {
    /// Puts together what `arguments`, environment variables (by `variable`) and the file (by
    /// `read`) give.
    pub fn load(
        arguments: &Arguments,
        variable: impl Fn(&str) -> Option<OsString>,
        read: impl Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, Refusal> {
        let mut settings = Self::default();
        let from_file = match config(arguments, &variable) {
            Ok(config) => {
                settings.server.settings_file.clone_from(&config);
                config.map_or_else(Vec::new, |path| file::read(&path, read))
            }
            Err(problem) => vec![Err(problem)],
        };
        let from_environment = options::all().filter_map(|definition| {
            let name = definition.variable();
            let text = variable(&name).filter(|text| !is_of_orchestrator(&name, text))?;
            let values = definition.kind.split(text);
            let origin = Origin::Variable(name);
            Some(Ok(Entry::Option(Given {
                definition,
                values,
                origin,
                origins: Vec::new(),
            })))
        });
        let from_arguments = arguments.given().iter().cloned();
        let from_arguments = from_arguments.map(|given| Ok(Entry::Option(given)));

        // What is taken later beats what was taken earlier.
        let taken = from_file
            .into_iter()
            .chain(from_environment)
            .chain(from_arguments);
        let mut problems: Vec<_> = taken
            .filter_map(|entry| entry.and_then(|entry| settings.take(entry)).err())
            .collect();
        problems.extend(settings.take_platform_port(&variable));
        settings.resolve_addresses();
        problems.extend(settings.unused_port());
        problems.extend(settings.overlap("listen", &settings.server.listen));
        problems.extend(settings.overlap("admin", &settings.server.admin));
        problems.extend(settings.clash());
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(Refusal { problems })
        }
    }

    /// Takes the port that the platform asks for, as Cloud Run, Heroku and many others do, unless
    /// one is given to us by name. `PORT` is everybody's, so a bad one matters only if it is used.
    fn take_platform_port(
        &mut self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Option<Problem> {
        let is_given = self.origins.contains_key("port");
        let text = variable(PLATFORM_PORT).filter(|text| !is_given && !text.is_empty())?;
        let origin = Origin::Variable(PLATFORM_PORT.to_owned());
        match value::utf8(&text).and_then(listen::port) {
            Ok(port) => {
                self.server.port = port;
                self.origins.insert("port", origin);
                None
            }
            Err(message) => {
                let message = format!("{message}; or unset PORT");
                self.uses_port().then_some(Problem { origin, message })
            }
        }
    }

    /// Whether anything depends on the option `port`.
    fn uses_port(&self) -> bool {
        self.listen.is_empty() || self.listen.iter().any(WrittenAddress::lacks_port)
    }

    /// A port by itself on the command line is meant to be used. Elsewhere it may be there just in
    /// case.
    fn unused_port(&self) -> Option<Problem> {
        let is_lost = |origin: &&Origin| matches!(origin, Origin::Argument(_)) && !self.uses_port();
        let origin = self.origins.get("port").filter(is_lost)?.clone();
        let used = self.server.listen.first()?;
        let message = format!(
            "{} would not be used, as every listen address has its own, like {used}; leave one out",
            self.server.port
        );
        Some(Problem::of("port", origin, message))
    }

    fn resolve_addresses(&mut self) {
        let port = self.server.port;
        let resolve = |written: &[WrittenAddress]| {
            written
                .iter()
                .flat_map(|address| address.resolve(port))
                .collect()
        };
        self.server.listen = resolve(&self.listen);
        self.server.admin = resolve(&self.admin);
    }

    /// An address cannot be part of another one of the same list, unless they are shared.
    fn overlap(&self, name: &str, addresses: &[ListenAddress]) -> Option<Problem> {
        let is_shared = self.server.reuse_port;
        let (one, other) = addresses.iter().zip(1..).find_map(|(one, next)| {
            let clashes =
                |other: &&ListenAddress| one.clashes_with(other) && (one == *other || !is_shared);
            Some((one, addresses.get(next..)?.iter().find(clashes)?))
        })?;
        let origin = self.origins.get(name)?.clone();
        let message = if one == other {
            format!("{one} is given twice")
        } else {
            format!(
                "{one} and {other} cannot be listened on at once; the one that is all addresses is \
                 enough"
            )
        };
        Some(Problem::of(name, origin, message))
    }

    /// An address cannot be the operator's and the site's. Without a word of where the operator's
    /// is from there is none.
    fn clash(&self) -> Option<Problem> {
        let served = server::addresses(&self.server);
        let mut admin = self.server.admin.iter();
        let address =
            admin.find(|address| served.iter().any(|other| address.clashes_with(other)))?;
        let origin = self.origins.get("admin")?.clone();
        let message = format!("{address} is where the site is served; name another address");
        Some(Problem::of("admin", origin, message))
    }

    fn take(&mut self, entry: Entry) -> Result<(), Problem> {
        match entry {
            Entry::Option(given) => self.take_option(given),
            Entry::Table(table, contents, origin) => {
                contents.assign(self);
                self.origins.insert(table.name, origin);
                Ok(())
            }
        }
    }

    fn take_option(&mut self, given: Given) -> Result<(), Problem> {
        let Given {
            definition,
            values,
            origin,
            mut origins,
        } = given;
        match definition.kind.assign(self, &values) {
            Ok(()) => {
                self.origins.insert(definition.name, origin);
                Ok(())
            }
            Err(kind::Invalid { index, message }) => {
                let origin = if index < origins.len() {
                    origins.swap_remove(index)
                } else {
                    origin
                };
                Err(Problem::of(definition.name, origin, message))
            }
        }
    }
}

/// The file of settings that is named, if one is.
fn config(
    arguments: &Arguments,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<PathBuf>, Problem> {
    if let Some(path) = arguments.config() {
        return Ok(Some(path.to_owned()));
    }
    let path = variable(CONFIG_VARIABLE).map(|path| value::path(&path));
    path.transpose().map_err(|message| Problem {
        origin: Origin::Variable(CONFIG_VARIABLE.to_owned()),
        message,
    })
}

impl Problem {
    /// A problem of an option, which in a file has to be named: it stands somewhere in a line.
    fn of(name: &str, origin: Origin, message: String) -> Self {
        let message = match origin {
            Origin::File { .. } => format!("{name}: {message}"),
            Origin::Argument(_) | Origin::Variable(_) => message,
        };
        Self { origin, message }
    }
}

impl Refusal {
    /// The status to exit with: 2 where the command line is to blame, otherwise 1.
    pub fn exit_status(&self) -> u8 {
        let blame = |problem: &Problem| matches!(problem.origin, Origin::Argument(_));
        if self.problems.iter().any(blame) {
            2
        } else {
            1
        }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { origin, message }) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(out, "{separator}{origin}: {message}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(name) | Self::Variable(name) => out.write_str(name),
            Self::File { path, place: None } => write!(out, "{}", path.display()),
            Self::File {
                path,
                place: Some((line, column)),
            } => {
                write!(out, "{}:{line}:{column}", path.display())
            }
        }
    }
}

/// Whether a variable that has one of our names is none of ours: for a service called millpond,
/// Kubernetes and Docker's links set `MILLPOND_PORT=tcp://10.96.0.1:80`.
fn is_of_orchestrator(name: &str, text: &OsStr) -> bool {
    let schemes = [&b"tcp://"[..], b"udp://", b"sctp://"];
    let text = text.as_encoded_bytes();
    name == "MILLPOND_PORT" && schemes.iter().any(|scheme| text.starts_with(scheme))
}

const CONFIG_VARIABLE: &str = "MILLPOND_CONFIG";

/// By which platforms say where they expect a program to listen.
const PLATFORM_PORT: &str = "PORT";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::forwarded::TrustedProxy;
    use crate::http::host::Host;
    use crate::http::response::Edit;
    use crate::plan::AllowedOrigin;
    use crate::process::{Identity, SandboxMode, User};
    use crate::server::{AccessLogFormat, ListenAddress, LogDestination, LogExclusion};
    use std::{collections::HashSet, mem, time::Duration};

    /// The settings of `millpond` with these words after it, these variables, and this file.
    fn load(
        words: &[&str],
        variables: &[(&str, &str)],
        file: Option<&str>,
    ) -> Result<Settings, Refusal> {
        let named = file.map(|_| ["--config", "m.toml"]);
        let words = ["millpond"].into_iter().chain(words.iter().copied());
        let arguments =
            Arguments::parse(words.chain(named.into_iter().flatten()), &|_| true).expect("words");
        let variable = |name: &str| {
            let found = variables.iter().find(|(each, _)| *each == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Settings::load(&arguments, variable, |path| {
            assert_eq!(path, Path::new("m.toml"));
            file.map(ToOwned::to_owned)
                .ok_or(io::ErrorKind::NotFound.into())
        })
    }

    fn problems(file: &str) -> String {
        load(&[], &[], Some(file)).expect_err(file).to_string()
    }

    #[test]
    fn nothing_given_is_the_default() {
        assert_eq!(load(&[], &[], None), Ok(Settings::default()));
        let mut settings = load(&[], &[], Some("")).expect("an empty file");
        assert_eq!(settings.server.settings_file.take(), Some("m.toml".into()));
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn an_argument_beats_a_variable_beats_the_file_beats_the_default() {
        let words = ["--head-timeout", "1s"];
        let variables = [("MILLPOND_HEAD_TIMEOUT", "2s")];
        let file = "head-timeout = '3s'";
        for (words, variables, file, seconds, origin) in [
            (&words[..], &variables[..], Some(file), 1, "--head-timeout"),
            (&words[..], &[], Some(file), 1, "--head-timeout"),
            (&[], &variables[..], Some(file), 2, "MILLPOND_HEAD_TIMEOUT"),
            (&[], &[], Some(file), 3, "m.toml:1:16"),
            (&[], &[], None, 10, "default"),
        ] {
            let settings = load(words, variables, file).expect("good settings");
            assert_eq!(
                settings.server.connection.timeouts.head,
                Duration::from_secs(seconds)
            );
            let line = format!("\nhead-timeout = \"{seconds}s\"  # {origin}\n");
            assert!(settings.to_file().contains(&line), "{line}");
        }
    }

    #[test]
    fn a_list_is_replaced_rather_than_added_to() {
        let words = ["--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2"];
        let variables = [("MILLPOND_LISTEN", "127.0.0.1:3, unix:/run/a,[::1]:4")];
        let ports = |settings: Result<Settings, Refusal>| {
            let listen = settings.expect("good settings").server.listen;
            listen
                .iter()
                .map(listen::text)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let file = "listen = ['127.0.0.1:5', '127.0.0.1:6']";
        assert_eq!(
            ports(load(&words, &variables, Some(file))),
            "127.0.0.1:1 127.0.0.1:2"
        );
        assert_eq!(
            ports(load(&[], &variables, Some(file))),
            "127.0.0.1:3 unix:/run/a [::1]:4"
        );
        assert_eq!(ports(load(&[], &[], Some(file))), "127.0.0.1:5 127.0.0.1:6");
        assert_eq!(ports(load(&[], &[("MILLPOND_LISTEN", "")], Some(file))), "");
        assert_eq!(
            ports(load(&[], &[], Some("listen = 'unix:/a,b'"))),
            "unix:/a,b"
        );
    }

    #[test]
    fn a_port_comes_from_the_flag_the_variable_the_file_the_platform_or_is_8080() {
        let flag = &["--port", "1"][..];
        let ours = ("MILLPOND_PORT", "2");
        let platform = ("PORT", "4");
        let file = Some("port = 3");
        for (words, variables, file, expected) in [
            (flag, &[ours, platform][..], file, "1  # --port"),
            (&["-p", "1"], &[ours, platform], file, "1  # --port"),
            (&["-p1"], &[platform], file, "1  # --port"),
            (&[], &[ours, platform], file, "2  # MILLPOND_PORT"),
            (&[], &[platform], file, "3  # m.toml:1:8"),
            (&[], &[platform], None, "4  # PORT"),
            (&[], &[("PORT", "")], None, "8080  # default"),
            (&[], &[], None, "8080  # default"),
            // Those of orchestrators, for a service called millpond.
            (
                &[],
                &[("MILLPOND_PORT", "tcp://10.0.0.1:80"), platform],
                None,
                "4  # PORT",
            ),
            // A bad one that nothing depends on is somebody else's.
            (&["-p", "1"], &[("PORT", "com1")], None, "1  # --port"),
            (
                &["--listen", "[::1]:9"],
                &[("PORT", "com1")],
                None,
                "8080  # default",
            ),
        ] {
            let settings = load(words, variables, file).expect("good settings");
            let line = format!("\nport = {expected}\n");
            assert!(settings.to_file().contains(&line), "{line} {words:?}");
        }
    }

    #[test]
    fn an_address_without_a_port_has_that_of_the_option_and_a_port_alone_names_no_address() {
        let listen = |words: &[&str], variables: &[(&str, &str)]| {
            let settings = load(words, variables, None).expect("good settings");
            let addresses = settings.server.listen.iter().map(listen::text);
            let named = addresses.collect::<Vec<_>>().join(" ");
            let all = server::addresses(&settings.server);
            (
                named,
                all.iter().map(listen::text).collect::<Vec<_>>().join(" "),
            )
        };
        let loopback = "127.0.0.1:3000 [::1]:3000".to_owned();
        for (words, variables) in [
            (&["--port", "3000"][..], &[][..]),
            (&[], &[("PORT", "3000")]),
            (&[], &[("MILLPOND_PORT", "3000"), ("PORT", "1")]),
        ] {
            assert_eq!(listen(words, variables), (String::new(), loopback.clone()));
        }
        let image = ("MILLPOND_LISTEN", "0.0.0.0,[::]");
        for (words, variables, expected) in [
            (&[][..], &[image][..], "0.0.0.0:8080 [::]:8080"),
            (&[], &[image, ("PORT", "80")], "0.0.0.0:80 [::]:80"),
            (&["-p", "80"], &[image, ("PORT", "1")], "0.0.0.0:80 [::]:80"),
            (&["--listen", "localhost", "-p", "3000"], &[], &loopback),
            (&["--listen", "[::]:9"], &[("PORT", "80")], "[::]:9"),
            (
                &["--listen", "[::]:9"],
                &[("MILLPOND_PORT", "80")],
                "[::]:9",
            ),
        ] {
            assert_eq!(
                listen(words, variables).0,
                expected,
                "{words:?} {variables:?}"
            );
        }
    }

    #[test]
    fn a_port_on_the_command_line_that_would_be_used_nowhere_is_refused() {
        let refused = |words: &[&str], variables: &[(&str, &str)]| {
            let loaded = load(words, variables, None);
            loaded.map_err(|refusal| (refusal.exit_status(), refusal.to_string()))
        };
        let listen = ("MILLPOND_LISTEN", "127.0.0.1:80,unix:/a");
        let message = "--port: 3000 would not be used, as every listen address has its own, like \
                       http://127.0.0.1:80/; leave one out";
        let expected = Err((2, message.to_owned()));
        assert_eq!(refused(&["-p", "3000"], &[listen]), expected);
        assert_eq!(
            refused(&["-p", "3000", "--listen", ":80"], &[]).map_err(|it| it.0),
            Err(2)
        );
        for words in [
            &["-p", "3000"][..],
            &["-p", "3000", "--listen", "*"],
            &["-p", "3000", "--listen", ":80", "--listen", "::1"],
        ] {
            assert!(refused(words, &[]).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn a_bad_port_of_the_platform_is_told_where_it_would_be_used() {
        for (words, value) in [
            (&[][..], "com1"),
            (&["--listen", "*"], "com1"),
            (&["--listen", "*", "--listen", "[::1]:1"], "65536"),
        ] {
            let refusal = load(words, &[("PORT", value)], None).expect_err(value);
            let told = refusal.to_string();
            assert!(
                told.starts_with("PORT: ") && told.ends_with("; or unset PORT"),
                "{told}"
            );
            assert_eq!(refusal.exit_status(), 1);
        }
    }

    #[test]
    fn every_kind_of_setting_can_be_given_in_every_way() {
        let values = ONE_OF_EACH_KIND;
        let kind = |definition: &options::Definition| mem::discriminant(&definition.kind);
        let all: HashSet<_> = options::all().map(kind).collect();
        let given = values.iter().filter_map(|(name, ..)| options::find(name));
        assert_eq!(given.map(kind).collect::<HashSet<_>>(), all);

        let mut expected = Settings::default().server;
        expected.site.root = PathBuf::from("/srv/www");
        expected.listen = vec![ListenAddress::Tcp(([127, 0, 0, 1], 3000).into())];
        expected.admin = vec![ListenAddress::Unix("/run/admin".into())];
        expected.port = 3000;
        expected.access_log = LogDestination::File(PathBuf::from("/var/log/a"));
        expected.access_log_format = AccessLogFormat::Json;
        expected.access_log_exclude = vec![LogExclusion::parse("/healthz").expect("a path")];
        expected.policy.cache_control = String::new();
        expected.policy.server_field = false;
        expected.user = Some(User {
            user: Identity::Name("www".to_owned()),
            group: Some(Identity::Number(7)),
        });
        expected.sandbox = SandboxMode::Require;
        expected.site.cache_bytes_max = 1000;
        expected.connection.limits.fields_max = 16;
        expected.connections_max = Some(5);
        expected.connection.limits.content_bytes_max = 3 << 30;
        expected.drain_timeout = Duration::from_secs(90);
        expected.site.addressing.index = vec!["home.html".to_owned()];
        expected.hosts = Some(vec![Host::parse("a.example").expect("a host")]);
        expected.listing = Some(false);
        expected.policy.headers = vec![Edit {
            name: "Link".into(),
            value: Some("</a>, </b>".into()),
        }];
        expected.policy.cors = AllowedOrigin::parse("https://a.example").ok();
        expected.trusted_proxies = vec![TrustedProxy::Unix];
        expected.pid_file = Some(PathBuf::from("/run/a.pid"));

        let words = values.map(|(name, value, _)| match name {
            "root" => value.to_owned(),
            _ => format!("--{name}={value}"),
        });
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        assert_eq!(load(&words, &[], None).expect("words").server, expected);

        let variables = values.map(|(name, value, _)| {
            (
                format!("MILLPOND_{}", name.replace('-', "_").to_uppercase()),
                value,
            )
        });
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        assert_eq!(
            load(&[], &variables, None).expect("variables").server,
            expected
        );

        let file: String = values
            .map(|(name, _, value)| format!("{name} = {value}\n"))
            .concat();
        let settings = load(&[], &[], Some(&file)).expect("a file");
        expected.settings_file = Some("m.toml".into());
        assert_eq!(settings.server, expected);

        let again = load(&[], &[], Some(&settings.to_file())).expect("a file of ours");
        assert_eq!(again.server, expected);
    }

    #[test]
    fn a_switch_by_itself_is_on() {
        let variables = [("MILLPOND_SERVER_FIELD", "false")];
        let switched = |words: &[&str]| {
            load(words, &variables, None)
                .expect("good settings")
                .server
                .policy
                .server_field
        };
        assert!(!switched(&[]));
        assert!(switched(&["--server-field"]));
        assert!(switched(&["--server-field", "a-root"]));
        assert!(!switched(&["--server-field=false"]));
    }

    #[test]
    fn auto_takes_back_what_a_source_below_gave() {
        let settings = load(
            &["--connections-max", "auto"],
            &[],
            Some("connections-max = 7"),
        );
        assert_eq!(
            settings.expect("good settings").server.connections_max,
            None
        );
    }

    #[test]
    fn the_file_may_be_named_by_a_variable() {
        let arguments = Arguments::parse(["millpond"], &|_| true).expect("words");
        let variable = |name: &str| (name == CONFIG_VARIABLE).then(|| "m.toml".into());
        let settings = Settings::load(&arguments, variable, |_| Ok("fields-max = 9".to_owned()));
        assert_eq!(
            settings
                .expect("good settings")
                .server
                .connection
                .limits
                .fields_max,
            9
        );
    }

    #[test]
    fn all_problems_are_told_at_once_in_the_order_of_the_file() {
        let refusal = load(
            &["--drain-timeout", "0s"],
            &[("MILLPOND_FIELDS_MAX", "many")],
            Some("idle_timeout = '1s'\n\nroot = ''\nfields-max = 0\n"),
        )
        .expect_err("four problems");
        let told = "\
m.toml:1:1: there is no setting \"idle_timeout\"; did you mean idle-timeout?
m.toml:3:8: root: the name of the directory is empty; write . for the current one
m.toml:4:14: fields-max: 0 is out of range; it may be 1 to 256
MILLPOND_FIELDS_MAX: \"many\" is not a number
--drain-timeout: 0s is out of range; it may be 1ms to 1d";
        assert_eq!(refusal.to_string(), told);
    }

    #[test]
    fn the_command_line_is_to_blame_with_status_2_and_all_else_with_1() {
        let words = ["--fields-max", "0"];
        let variables = [("MILLPOND_FIELDS_MAX", "0")];
        let status = |words: &[&str], variables: &[(&str, &str)], file| {
            load(words, variables, file)
                .expect_err("a problem")
                .exit_status()
        };
        assert_eq!(status(&words, &variables, Some("fields-max = 0")), 2);
        assert_eq!(status(&words, &[], None), 2);
        assert_eq!(status(&[], &variables, None), 1);
        assert_eq!(status(&[], &[], Some("fields-max = 0")), 1);
    }

    #[test]
    fn a_problem_stands_at_its_line_and_column() {
        for (file, told) in [
            (
                "fields-max = 300",
                "m.toml:1:14: fields-max: 300 is out of range; it may be 1 to 256",
            ),
            (
                "# ü\r\n  fields-max=0",
                "m.toml:2:14: fields-max: 0 is out of range; it may be 1 to 256",
            ),
            ("\"ü\" = 1", "m.toml:1:1: there is no setting \"ü\""),
            (
                "root = 'ü' # ü\nlisten = ['ü']",
                "m.toml:2:11: listen: \"ü\" is a name; write an IP address of this machine, like 127.0.0.1, or * for all",
            ),
            (
                "listen = [\n  '[::1]:1',\n  '[::1]:1',\n]",
                "m.toml:3:3: listen: \"[::1]:1\" is given twice",
            ),
            (
                "admin = '127.0.0.1:8080'",
                "m.toml:1:9: admin: http://127.0.0.1:8080/ is where the site is served; name another address",
            ),
            (
                "listen = ['0.0.0.0:80', 'unix:/a']\nadmin = ['unix:/b', '127.0.0.1:80']",
                "m.toml:2:9: admin: http://127.0.0.1:80/ is where the site is served; name another address",
            ),
            (
                "listen = ['[::1]:1', 80.80]",
                "m.toml:1:22: listen: write addresses in quotes, like [\"127.0.0.1:8080\"]; this is of type float",
            ),
            (
                "head-timeout = 10",
                "m.toml:1:16: head-timeout: write a duration in quotes, like \"10s\"; this is of type integer",
            ),
            (
                "fields-max = -1",
                "m.toml:1:14: fields-max: \"-1\" is not a number",
            ),
            (
                "fields-max = 1.5",
                "m.toml:1:14: fields-max: write a number; this is of type float",
            ),
            (
                "server-field = 'no'",
                "m.toml:1:16: server-field: write true or false; this is of type string",
            ),
            (
                "[limits]\nfields-max = 1",
                "m.toml:1:2: there is no table \"limits\"; settings stand outside of any",
            ),
        ] {
            assert_eq!(problems(file), told);
        }
    }

    #[test]
    fn a_problem_of_an_address_a_port_or_a_path_stands_there_too() {
        for (file, told) in [
            (
                "listen = ['[::1]:1', 80800]",
                "m.toml:1:22: listen: 80800 is too high for a port; the highest is 65535",
            ),
            (
                "port = 3000\nlisten = ['[::1]:1', '*']\nadmin = 'localhost'",
                "m.toml:3:9: admin: \"localhost\" lacks a port; write one, like 127.0.0.1:9090",
            ),
            (
                "listen = ['127.0.0.1', 'localhost']",
                "m.toml:1:10: listen: http://127.0.0.1:8080/ is given twice",
            ),
            (
                "port = 65536",
                "m.toml:1:8: port: 65536 is too high for a port; the highest is 65535",
            ),
            (
                "root = '~/site'",
                "m.toml:1:8: root: \"~/site\" begins with ~, which only a shell expands; write the path in full, like /home/me",
            ),
        ] {
            assert_eq!(problems(file), told);
        }
    }

    #[test]
    fn what_is_not_toml_is_told_with_its_place() {
        for (file, place) in [
            ("fields-max = 1\nfields-max = 2", "m.toml:2:1: "),
            ("fields-max 1", "m.toml:1:"),
            ("root = 'a", "m.toml:1:"),
            ("root = ", "m.toml:1:"),
        ] {
            let told = problems(file);
            assert!(told.starts_with(place) && !told.contains('\n'), "{told}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told() {
        let arguments =
            Arguments::parse(["millpond", "--config", "m.toml"], &|_| true).expect("words");
        let refusal = Settings::load(
            &arguments,
            |_| None,
            |_| Err(io::ErrorKind::NotFound.into()),
        );
        let refusal = refusal.expect_err("no file");
        assert_eq!(
            refusal.to_string(),
            "m.toml: the file cannot be read: entity not found"
        );
        assert_eq!(refusal.exit_status(), 1);
    }

    #[test]
    fn what_is_in_force_is_a_file_that_gives_it_again() {
        let words = [
            "--access-log",
            "a\"b\\c\nd\u{1}",
            "--listen",
            "unix:/a b",
            "--header",
            "X-A:",
            "--header",
            "Link: <\"a\">",
            "--cors",
            "--hosts",
            "local",
            "--hosts",
            "auto.",
            "ü",
        ];
        let settings = load(&words, &[], None).expect("good settings");
        let mut again = load(&[], &[], Some(&settings.to_file())).expect("a file of ours");
        again.server.settings_file = None;
        assert_eq!(again.server, settings.server);
    }

    /// A setting of each kind, with a value as it is in words and variables, and in the file.
    const ONE_OF_EACH_KIND: [(&str, &str, &str); 23] = [
        ("root", "/srv/www", "'/srv/www'"),
        ("listen", "127.0.0.1", "['127.0.0.1']"),
        ("port", "3000", "3000"),
        ("admin", "unix:/run/admin", "['unix:/run/admin']"),
        ("access-log", "/var/log/a", "'/var/log/a'"),
        ("access-log-format", "json", "'json'"),
        ("access-log-exclude", "/healthz", "['/healthz']"),
        ("cache-control", "", "''"),
        ("server-field", "false", "false"),
        ("user", "www:7", "'www:7'"),
        ("sandbox", "require", "'require'"),
        ("cache-bytes-max", "1000", "1_000"),
        ("fields-max", "16", "0x10"),
        ("connections-max", "5", "5"),
        ("content-bytes-max", "3GiB", "'3GiB'"),
        ("drain-timeout", "1m30s", "'1m30s'"),
        ("index", "home.html", "['home.html']"),
        ("hosts", "a.example", "['a.example']"),
        ("listing", "false", "false"),
        ("header", "Link: </a>, </b>", "['Link: </a>, </b>']"),
        ("cors", "https://a.example", "'https://a.example'"),
        ("trusted-proxies", "unix", "['unix']"),
        ("pid-file", "/run/a.pid", "'/run/a.pid'"),
    ];
}

//! Combining settings from the command line, the environment and the file.
//!
//! The command line overrides the environment, which overrides the file, which overrides the
//! defaults. All sources are parsed and all problems reported at once, so a value must be valid
//! even if another one overrides it.

use super::assignment::Assignment;
use super::command_line::Arguments;
use super::error::{Problem, SettingsError};
use super::file::{self, Entry};
use super::listen::{self, WrittenAddress};
use super::option_spec::CONFIG_VARIABLE;
use super::options;
use super::origin::Origin;
use super::store::Settings;
use super::text::{path, utf8};
use super::values::InvalidValue;
use crate::server::{self, ListenAddress};
use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
};

impl Settings {
    /// Combines `arguments`, the environment variables (through `variable`) and the file (through
    /// `read`).
    pub fn load(
        arguments: &Arguments,
        variable: impl Fn(&str) -> Option<OsString>,
        read: impl Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        let from_file = match config(arguments, &variable) {
            Ok(config) => {
                settings.server.settings_file.clone_from(&config);
                config.map_or_else(Vec::new, |path| file::read(&path, read))
            }
            Err(problem) => vec![Err(problem)],
        };
        let from_environment = options::all().filter_map(|option| {
            let name = option.variable();
            let text = variable(&name).filter(|text| !is_of_orchestrator(&name, text))?;
            let values = option.value.split(text);
            let origin = Origin::Variable(name);
            Some(Ok(Entry::Option(Assignment {
                option,
                values,
                origin,
                origins: Vec::new(),
            })))
        });
        let from_arguments = arguments.given().iter().cloned();
        let from_arguments = from_arguments.map(|given| Ok(Entry::Option(given)));

        // Later assignments override earlier ones.
        let taken = from_file
            .into_iter()
            .chain(from_environment)
            .chain(from_arguments);
        let mut problems: Vec<_> = taken
            .filter_map(|entry| entry.and_then(|entry| settings.take(entry)).err())
            .collect();
        problems.extend(settings.take_platform_port(&variable));
        settings.resolve_addresses();
        problems.extend(settings.resolve_certificates());
        problems.extend(settings.resolve_sites());
        problems.extend(settings.unused_port());
        problems.extend(settings.unused_https());
        problems.extend(settings.overlap("listen", &settings.server.listen));
        problems.extend(settings.overlap("admin", &settings.server.admin));
        problems.extend(settings.clash());
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError { problems })
        }
    }

    /// Takes the port from the platform, such as Cloud Run or Heroku, unless it is set explicitly.
    /// Any program may use `PORT`, so an invalid value is an error only if it is needed.
    fn take_platform_port(
        &mut self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Option<Problem> {
        let is_given = self.origins.contains_key("port");
        let text = variable(PLATFORM_PORT).filter(|text| !is_given && !text.is_empty())?;
        let origin = Origin::Variable(PLATFORM_PORT.to_owned());
        match utf8(&text).and_then(listen::port) {
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

    /// Returns `true` if any address depends on the option `port`.
    fn uses_port(&self) -> bool {
        self.listen.is_empty() || self.listen.iter().any(WrittenAddress::lacks_port)
    }

    /// Reports a port on the command line that no address uses. In other sources it may be there
    /// just in case.
    fn unused_port(&self) -> Option<Problem> {
        let is_lost = |origin: &&Origin| matches!(origin, Origin::Argument(_)) && !self.uses_port();
        let origin = self.origins.get("port").filter(is_lost)?.clone();
        let used = self.server.listen.first()?;
        let message = format!(
            "{} would not be used, because every listen address has its own port, like {used}; remove one",
            self.server.port
        );
        Some(Problem::of("port", origin, message))
    }

    /// Reports HTTPS that was asked for but is not used: it must never become plain HTTP.
    fn unused_https(&self) -> Option<Problem> {
        let has_plain = self.server.listen.iter().find(|address| !address.is_tls());
        let (true, Some(address)) = (self.server.https, has_plain) else {
            return None;
        };
        let origin = self.origins.get("https")?.clone();
        let message = format!(
            "it is for servers without a listen address, and there is {address}; write https:// before the address"
        );
        Some(Problem::of("https", origin, message))
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

    /// Reports two addresses in one list of which one includes the other, unless they are shared.
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
                "{one} and {other} overlap; keep the one for \
                 all addresses"
            )
        };
        Some(Problem::of(name, origin, message))
    }

    /// Reports an address that is used for both the site and the admin port. The default of the
    /// admin port is none.
    fn clash(&self) -> Option<Problem> {
        let served = server::addresses(&self.server);
        let mut admin = self.server.admin.iter();
        let address =
            admin.find(|address| served.iter().any(|other| address.clashes_with(other)))?;
        let origin = self.origins.get("admin")?.clone();
        let message = format!("{address} already serves the site; use another address");
        Some(Problem::of("admin", origin, message))
    }

    fn take(&mut self, entry: Entry) -> Result<(), Problem> {
        match entry {
            Entry::Option(given) => self.take_option(given),
            Entry::Table(table, value, origin) => {
                value.assign(self);
                self.origins.insert(table.name, origin);
                Ok(())
            }
        }
    }

    fn take_option(&mut self, given: Assignment) -> Result<(), Problem> {
        let Assignment {
            option,
            values,
            origin,
            mut origins,
        } = given;
        match option.value.assign(self, &values) {
            Ok(()) => {
                self.origins.insert(option.name, origin);
                Ok(())
            }
            Err(InvalidValue { index, message }) => {
                let origin = if index < origins.len() {
                    origins.swap_remove(index)
                } else {
                    origin
                };
                Err(Problem::of(option.name, origin, message))
            }
        }
    }
}

/// Returns the path of the settings file, if one is given.
fn config(
    arguments: &Arguments,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<PathBuf>, Problem> {
    if let Some(path) = arguments.config() {
        return Ok(Some(path.to_owned()));
    }
    let path = variable(CONFIG_VARIABLE).map(|text| path(&text));
    path.transpose().map_err(|message| Problem {
        origin: Origin::Variable(CONFIG_VARIABLE.to_owned()),
        message,
    })
}

/// Returns `true` for a variable of an orchestrator that has one of our names: for a service called
/// millpond, Kubernetes and Docker links set `MILLPOND_PORT=tcp://10.96.0.1:80`, and the latter
/// also `MILLPOND_NAME=/web/millpond`.
fn is_of_orchestrator(name: &str, text: &OsStr) -> bool {
    let schemes = [&b"tcp://"[..], b"udp://", b"sctp://"];
    let text = text.as_encoded_bytes();
    match name {
        "MILLPOND_PORT" => schemes.iter().any(|scheme| text.starts_with(scheme)),
        "MILLPOND_NAME" => text.starts_with(b"/"),
        _ => false,
    }
}

/// The variable by which platforms set the port of a program.
const PLATFORM_PORT: &str = "PORT";

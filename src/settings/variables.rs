//! Environment variables that are probably meant for settings and name none.
//!
//! To name none is no mistake by itself: for a service called millpond, Kubernetes sets
//! `MILLPOND_PORT_80_TCP` and the like, and images have variables of their own.

use super::{
    CONFIG_VARIABLE,
    likeness::mistyped,
    options::{self, PREFIX},
};
use std::{ffi::OsString, fmt};

/// A variable that was probably meant to be another.
#[derive(Debug, PartialEq, Eq)]
pub struct Misspelt {
    variable: String,
    meant: String,
}

/// Those of these variables that differ by little from one that would be read.
pub fn misspelt(variables: impl IntoIterator<Item = OsString>) -> Vec<Misspelt> {
    let known = options::all().map(options::Definition::variable);
    let known: Vec<_> = known.chain([CONFIG_VARIABLE.to_owned()]).collect();
    let names = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
    let variables = variables.into_iter().filter_map(|it| it.into_string().ok());
    variables
        .filter(|variable| !known.contains(variable))
        .filter_map(|variable| {
            let name = variable.strip_prefix(PREFIX)?;
            let name = name.to_uppercase().replace('-', "_");
            let meant = format!("{PREFIX}{}", mistyped(&name, names.clone())?);
            Some(Misspelt { variable, meant })
        })
        .collect()
}

impl fmt::Display for Misspelt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, meant } = self;
        write!(out, "{variable} names no setting; did you mean {meant}?")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_by_little_is_taken_for_a_mistake() {
        for (name, meant) in [
            ("LISEN", Some("LISTEN")),
            ("HOST", Some("HOSTS")),
            ("IDEL_TIMEOUT", Some("IDLE_TIMEOUT")),
            ("ACESS_LOG_FORMT", Some("ACCESS_LOG_FORMAT")),
            ("idle-timeout", Some("IDLE_TIMEOUT")),
            ("CONFG", Some("CONFIG")),
            // Right ones.
            ("LISTEN", None),
            ("CONFIG", None),
            // Those of orchestrators, for services called millpond and millpond-admin.
            ("PORT", None),
            ("PORT_80_TCP", None),
            ("PORT_80_TCP_ADDR", None),
            ("SERVICE_HOST", None),
            ("SERVICE_PORT", None),
            ("SERVICE_PORT_HTTP", None),
            ("NAME", None),
            ("ENV_PATH", None),
            ("ADMIN_PORT", None),
            ("ADMIN_PORT_9090_TCP_PROTO", None),
            ("ADMIN_SERVICE_HOST", None),
            // Those that people have for themselves.
            ("1", None),
            ("VERSION", None),
            ("TOKEN", None),
            ("DOMAIN", None),
            ("SITE", None),
            ("TEST_ROUNDS", None),
            ("DETACHED", None),
        ] {
            let variable = format!("MILLPOND_{name}");
            let found = misspelt([OsString::from(&variable)]);
            let expected = meant.map(|meant| Misspelt {
                variable,
                meant: format!("MILLPOND_{meant}"),
            });
            assert_eq!(found.first(), expected.as_ref());
        }
        assert_eq!(misspelt(["LISEN".into()]), [], "it is not ours");
    }
}

//! Environment variables that are probably misspelt settings.
//!
//! An unknown name alone is not an error: for a service called millpond, Kubernetes sets
//! `MILLPOND_PORT_80_TCP` and similar variables, and images define variables of their own.

use super::{
    option_spec::{CONFIG_VARIABLE, OptionSpec, PREFIX},
    options,
    suggest::mistyped,
};
use std::{ffi::OsString, fmt};

/// A variable that was probably meant to be another one.
#[derive(Debug, PartialEq, Eq)]
pub struct Misspelt {
    variable: String,
    meant: String,
}

/// Returns those of these variables that are similar to the name of a setting.
pub fn misspelt(variables: impl IntoIterator<Item = OsString>) -> Vec<Misspelt> {
    let known = options::all().map(OptionSpec::variable);
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
        write!(out, "{variable} is not a setting; did you mean {meant}?")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_similar_names_are_reported() {
        for (name, meant) in [
            ("LISEN", Some("LISTEN")),
            ("ALLOWED_HOST", Some("ALLOWED_HOSTS")),
            ("IDEL_TIMEOUT", Some("IDLE_TIMEOUT")),
            ("ACESS_LOG_FORMT", Some("ACCESS_LOG_FORMAT")),
            ("idle-timeout", Some("IDLE_TIMEOUT")),
            ("CONFG", Some("CONFIG")),
            // Correct names.
            ("LISTEN", None),
            ("CONFIG", None),
            // Variables of orchestrators, for services called millpond and millpond-admin.
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
            // Variables that users define for themselves.
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

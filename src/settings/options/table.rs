//! All options, in their order.

use super::{limits, responses, server, site};
use crate::settings::option_spec::{Group, OptionSpec};

/// Returns all options, in the order in which they are shown.
pub(crate) fn all() -> impl Iterator<Item = &'static OptionSpec> + Clone {
    GROUPS.iter().flat_map(|group| group.options)
}

/// Returns the option of this name.
pub(crate) fn find(name: &str) -> Option<&'static OptionSpec> {
    all().find(|option| option.name == name)
}

/// The options by group.
pub(crate) static GROUPS: &[Group] = &[
    site::ESSENTIAL,
    server::NETWORK,
    server::PROCESS,
    server::CONFINEMENT,
    site::URLS,
    site::FALLBACKS,
    server::ACCESS_LOG,
    responses::ACCESS,
    responses::RESPONSES,
    responses::COMPRESSION,
    limits::CACHE,
    limits::LIMITS,
    limits::TIMEOUTS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::store::Settings;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_valid_for_flags_and_variables() {
        let mut names = HashSet::new();
        for OptionSpec { name, .. } in all() {
            assert!(names.insert(name), "{name} is defined twice");
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{name}"
            );
        }
    }

    /// For a service called millpond, Kubernetes and Docker links set `MILLPOND_PORT`,
    /// `MILLPOND_PORT_80_TCP` and so on, `MILLPOND_NAME` and `MILLPOND_SERVICE_HOST`. Their
    /// `MILLPOND_PORT` is a URL and their `MILLPOND_NAME` a path, which distinguishes them from ours.
    #[test]
    fn only_the_variables_of_port_and_name_are_also_set_by_orchestrators() {
        let others = all().filter(|option| !["port", "name"].contains(&option.name));
        for variable in others.map(OptionSpec::variable) {
            let reserved = [
                "MILLPOND_PORT",
                "MILLPOND_SERVICE",
                "MILLPOND_NAME",
                "MILLPOND_ENV",
            ];
            assert!(
                !reserved.iter().any(|name| variable.starts_with(name)),
                "{variable}"
            );
        }
    }

    #[test]
    fn help_is_one_line_and_reasons_are_sentences() {
        for OptionSpec {
            name, help, reason, ..
        } in all()
        {
            assert!(help.len() <= 72 && !help.ends_with('.'), "{name}: {help}");
            assert!(
                reason.ends_with('.') && !reason.contains('\n'),
                "{name}: {reason}"
            );
        }
    }

    #[test]
    fn every_default_is_a_valid_value() {
        for option in all() {
            let default = option.default().plain();
            let mut settings = Settings::default();
            let assigned = option
                .value
                .assign(&mut settings, &option.value.split(default.into()));
            assert_eq!(assigned, Ok(()), "{}", option.name);
            assert_eq!(settings, Settings::default(), "{}", option.name);
        }
    }
}

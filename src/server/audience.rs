//! Whom a server is for, and the defaults that follow from it.
//!
//! A server without a listen address is what somebody starts to look at files of their own: only
//! this machine can reach it. It lists directories, and it answers for the names of this machine
//! alone, since a page elsewhere on the web could otherwise read it by DNS rebinding. A server whose
//! address was named is set up for others, perhaps behind a proxy: there both are for the operator
//! to turn on. Whatever the operator has set counts, whomever the server is for.

use super::net::listener::Listener;
use super::options::{Options, Side};
use crate::http::host::Host;
use crate::site;

/// Whom a server is for, as far as its listen addresses say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// This machine alone: no address was named, so that the server has loopback addresses.
    ThisMachine,
    /// Those who can reach the addresses that were named, or the sockets that were handed over.
    Named,
}

impl Audience {
    /// Whom a server with these options is for that has these listeners.
    pub(crate) fn of(options: &Options, listeners: &[Listener]) -> Self {
        let is_handed_over = |it: &Listener| it.side() == Side::Public && it.is_handed_over();
        if listeners.iter().any(is_handed_over) {
            Self::Named
        } else {
            options.audience()
        }
    }

    /// Why a default is what it is: the end of a sentence.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ThisMachine => "as no listen address is named",
            Self::Named => "as a listen address is named",
        }
    }
}

impl Options {
    /// Whom a server with these options is for, unless sockets are handed over to it.
    pub fn audience(&self) -> Audience {
        if self.listen.is_empty() {
            Audience::ThisMachine
        } else {
            Audience::Named
        }
    }

    /// Whether directories without an index file are listed.
    pub fn lists_directories(&self, audience: Audience) -> bool {
        self.listing.unwrap_or(self.default_listing(audience).0)
    }

    /// Whether they are where nobody has set it, and why: the end of a sentence.
    pub fn default_listing(&self, audience: Audience) -> (bool, &'static str) {
        if self.policy.spa && audience == Audience::ThisMachine {
            // Where the site will be deployed, the application has the paths of directories, too.
            (false, "as the application answers for directories (spa)")
        } else {
            (audience == Audience::ThisMachine, audience.reason())
        }
    }

    /// The hosts that are answered; none means all.
    pub fn answered_hosts(&self, audience: Audience) -> Vec<Host> {
        match (&self.hosts, audience) {
            (Some(hosts), _) => hosts.clone(),
            (None, Audience::ThisMachine) => vec![Host::Local],
            (None, Audience::Named) => Vec::new(),
        }
    }

    /// What the site is opened with.
    pub(crate) fn site_options(&self, audience: Audience) -> site::Options {
        site::Options {
            listing: self.lists_directories(audience),
            ..self.site.clone()
        }
    }
}

/// Hosts that are answered, for a person.
pub(crate) fn host_list(hosts: &[Host]) -> String {
    let hosts = hosts.iter().map(|host| match host {
        Host::Local => "localhost and IP addresses".to_owned(),
        host => host.to_string(),
    });
    hosts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ListenAddress;

    #[test]
    fn defaults_follow_the_audience_and_what_is_set_overrides_them() {
        let named = Host::parse("my.test").unwrap();
        for (listen, spa, listing, hosts, lists, answered) in [
            (false, false, None, None, true, vec![Host::Local]),
            (false, true, None, None, false, vec![Host::Local]),
            (false, true, Some(true), None, true, vec![Host::Local]),
            (true, false, None, None, false, vec![]),
            (true, true, None, None, false, vec![]),
            (false, false, Some(false), Some(vec![]), false, vec![]),
            (
                true,
                false,
                Some(true),
                Some(vec![Host::Local]),
                true,
                vec![Host::Local],
            ),
            (
                false,
                false,
                None,
                Some(vec![named.clone()]),
                true,
                vec![named],
            ),
        ] {
            let address = ListenAddress::Tcp(([127, 0, 0, 1], 8080).into());
            let mut options = Options {
                listen: Vec::from_iter(listen.then_some(address)),
                listing,
                hosts,
                ..Options::default()
            };
            options.policy.spa = spa;
            let audience = options.audience();
            assert_eq!(options.lists_directories(audience), lists, "{options:?}");
            assert_eq!(options.answered_hosts(audience), answered, "{options:?}");
            assert_eq!(options.site_options(audience).listing, lists);
        }
    }
}

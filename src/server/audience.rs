//! The audience of a server, and the defaults that depend on it.
//!
//! A server without a listen address is usually started by somebody to look at their own files, and
//! only this machine can reach it. It lists directories, and answers only for names of this
//! machine, because a web page elsewhere could otherwise read it by DNS rebinding. A shared server
//! shows files to people in the same network: it lists directories too, and answers for names that
//! no web page elsewhere can have, including those of multicast DNS. A server with a named address
//! is set up for others, perhaps behind a proxy, and the operator can turn on both features.
//! Explicit settings always override these defaults.

use super::net::listener::Listener;
#[cfg(feature = "tls")]
use super::net::name::host;
use super::options::{ListenerRole, Options};
use crate::http::host::Host;
use crate::plan::Policy;
use crate::site;

/// The audience of a server, according to its listen addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// This machine only: no address was named, so the server has loopback addresses.
    ThisMachine,
    /// People in the networks of this machine, with whom the site is shared.
    Network,
    /// Clients that can reach the named addresses or the inherited sockets.
    Named,
}

impl Audience {
    /// Returns the audience of a server with these options and listeners.
    pub(crate) fn of(options: &Options, listeners: &[Listener]) -> Self {
        let is_handed_over =
            |it: &Listener| it.role() == ListenerRole::Public && it.is_handed_over();
        if listeners.iter().any(is_handed_over) {
            Self::Named
        } else {
            options.audience()
        }
    }

    /// Returns the reason for a default, as the end of a sentence.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ThisMachine => "because there is no listen address",
            Self::Network => "because the site is shared",
            Self::Named => "because there is a listen address",
        }
    }
}

impl Options {
    /// Returns the audience of a server with these options, unless it inherits sockets.
    pub fn audience(&self) -> Audience {
        if self.share {
            Audience::Network
        } else if self.listen.is_empty() {
            Audience::ThisMachine
        } else {
            Audience::Named
        }
    }

    /// Returns `true` if directories without an index file are listed.
    pub fn lists_directories(&self, audience: Audience) -> bool {
        self.listing.unwrap_or(self.default_listing(audience).0)
    }

    /// Returns the default of the listing, and the reason for it as the end of a sentence.
    pub fn default_listing(&self, audience: Audience) -> (bool, &'static str) {
        Self::default_listing_of(&self.policy, audience)
    }

    /// Returns the default for a site with its own policy.
    pub(crate) fn default_listing_of(policy: &Policy, audience: Audience) -> (bool, &'static str) {
        if policy.spa.is_some() && audience != Audience::Named {
            // Where the site will be deployed, the application also handles the paths of
            // directories.
            (
                false,
                "because the application answers for directories (spa)",
            )
        } else {
            (audience != Audience::Named, audience.reason())
        }
    }

    /// Returns the hosts that are answered; an empty list means all.
    pub fn answered_hosts(&self, audience: Audience) -> Vec<Host> {
        match (&self.hosts, audience) {
            (Some(hosts), _) => hosts.clone(),
            (None, Audience::ThisMachine) => vec![Host::Local],
            (None, Audience::Network) => vec![Host::Local, Host::Link],
            (None, Audience::Named) => Vec::new(),
        }
    }

    /// Returns the options to open the site with.
    pub(crate) fn site_options(&self, audience: Audience) -> site::Options {
        site::Options {
            listing: self.lists_directories(audience),
            ..self.site.clone()
        }
    }
}

impl Options {
    /// Returns `true` if the server is announced by its name. In the background, this must be
    /// requested.
    pub fn is_announced(&self) -> bool {
        self.default_announce().0
    }

    /// Returns the default, and the reason for it as the end of a sentence.
    pub fn default_announce(&self) -> (bool, &'static str) {
        if !cfg!(feature = "share") {
            return (
                false,
                "because this millpond was built without the feature share",
            );
        }
        match (self.announce, self.share, self.daemon) {
            (Some(is_on), _, _) => (is_on, "because it is set"),
            (None, true, false) => (true, "because the site is shared"),
            (None, true, true) => (false, "because the server runs in the background"),
            (None, false, _) => (false, "because the site is not shared"),
        }
    }

    /// Returns the host by which the server is announced.
    #[cfg(feature = "tls")]
    pub(crate) fn announced_host(&self) -> Option<String> {
        self.is_announced().then(|| host(&self.name))
    }
}

/// Returns the answered hosts in words.
pub(crate) fn host_list(hosts: &[Host]) -> String {
    let hosts = hosts.iter().map(|host| match host {
        Host::Local => "localhost and IP addresses".to_owned(),
        Host::Link => "names in .local".to_owned(),
        host => host.to_string(),
    });
    hosts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ListenAddress;

    #[test]
    fn defaults_depend_on_the_audience_and_settings_override_them() {
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
            options.policy.spa = spa.then(|| "/".into());
            let audience = options.audience();
            assert_eq!(options.lists_directories(audience), lists, "{options:?}");
            assert_eq!(options.answered_hosts(audience), answered, "{options:?}");
            assert_eq!(options.site_options(audience).listing, lists);
        }
    }

    #[test]
    fn a_shared_site_is_listed_and_answers_for_names_in_the_network() {
        let address = ListenAddress::Tcp(([192, 0, 2, 1], 8080).into());
        for listen in [Vec::new(), vec![address]] {
            let options = Options {
                listen,
                share: true,
                ..Options::default()
            };
            let audience = options.audience();
            assert_eq!(audience, Audience::Network);
            assert!(options.lists_directories(audience));
            let hosts = options.answered_hosts(audience);
            assert_eq!(hosts, [Host::Local, Host::Link]);
        }
    }

    #[cfg(feature = "share")]
    #[test]
    fn a_name_is_announced_with_share_and_in_the_background_only_if_it_is_set() {
        for (announce, share, daemon, expected) in [
            (None, false, false, false),
            (None, true, false, true),
            (None, true, true, false),
            (Some(true), false, true, true),
            (Some(false), true, false, false),
        ] {
            let options = Options {
                share,
                announce,
                daemon,
                ..Options::default()
            };
            assert_eq!(options.is_announced(), expected, "{options:?}");
        }
    }
}

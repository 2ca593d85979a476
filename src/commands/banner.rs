//! What a server says of itself when it starts: where it is reached, and what is on.
//!
//! Two readers want it. A program, or whoever reads a log later, gets a line for each address,
//! always of the same form. A person at a terminal gets addresses to click, and what they may ask
//! next: who can reach this, what is on, how it is stopped.

use crate::http::host::Host;
use crate::plan;
use crate::process::Ink;
use crate::server::audience::{Audience, host_list};
use crate::server::{ListenAddress, Options};
use std::fmt::Display;
use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{self, PathBuf};

/// Where a server is reached, and what is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    root: PathBuf,
    addresses: Vec<ListenAddress>,
    /// Where the operator is answered.
    admin: Vec<ListenAddress>,
    /// This machine's addresses in the networks that it is part of, if any of it is served.
    neighbours: Vec<IpAddr>,
    hosts: Vec<Host>,
    features: Vec<String>,
    /// Which of the features follow from whom the server is for.
    defaults: Vec<LocalDefault>,
}

/// A setting that is what it is because no listen address is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LocalDefault {
    Listing,
    Hosts,
}

impl Announcement {
    /// Of a server with these options that listens, or would listen, at these addresses, and at
    /// others for its operator.
    pub fn of(
        options: &Options,
        audience: Audience,
        addresses: Vec<ListenAddress>,
        admin: Vec<ListenAddress>,
    ) -> Self {
        let is_for_all = |address: &ListenAddress| unspecified(address).is_some();
        let neighbours = if addresses.iter().any(is_for_all) {
            neighbours()
        } else {
            Vec::new()
        };
        Self {
            root: options.site.root.clone(),
            addresses,
            admin,
            neighbours,
            hosts: options.answered_hosts(audience),
            features: features(options, audience),
            defaults: defaults(options, audience),
        }
    }

    /// For programs: `millpond serves ROOT at ADDRESS`, a line for each address, first those that
    /// are listened on. `verb` is what it does, or would do.
    pub fn lines(&self, verb: &str) -> String {
        let root = self.root.display();
        let bound = self.addresses.iter().map(ToString::to_string);
        let lines = bound
            .chain(self.network())
            .map(|address| format!("millpond {verb} {root} at {address}\n"));
        let admin = self.admin.iter();
        let of_admin = admin.map(|address| format!("millpond {verb} its operator at {address}\n"));
        lines.chain(of_admin).collect::<Vec<_>>().concat()
    }

    /// For `--check`: the defaults that follow from whom the server is for, a line each.
    pub fn default_lines(&self) -> String {
        let reason = Audience::ThisMachine.reason();
        let lines = self.defaults.iter().map(|default| match default {
            LocalDefault::Listing => format!("directories are listed, {reason} (listing)\n"),
            LocalDefault::Hosts => {
                let hosts = host_list(&[Host::Local]);
                format!("only {hosts} are answered, {reason} (hosts)\n")
            }
        });
        lines.collect()
    }

    /// For a person at a terminal.
    pub fn greeting(&self, ink: Ink) -> String {
        let root = path::absolute(&self.root).unwrap_or_else(|_| self.root.clone());
        let root = printable(root.display());
        let mut lines = vec![
            String::new(),
            format!("  {} serves {root}", ink.bold("millpond")),
            String::new(),
        ];
        // Padded before it is painted: what paints takes no room.
        let row = |label: &str, what: String| {
            let label = ink.faint(&format!("{label:<12}"));
            format!("  {label}  {what}")
        };
        for (label, addresses) in self.places() {
            let labels = iter::once(label).chain(iter::repeat(""));
            let rows = labels.zip(&addresses);
            lines.extend(rows.map(|(label, address)| row(label, ink.bold(address))));
        }
        if let Some(port) = self.loopback_port() {
            let hint = format!("cannot see it; --listen 0.0.0.0:{port} shows it");
            lines.push(row("your network", ink.faint(&hint)));
        }
        let labels = iter::once("operator").chain(iter::repeat(""));
        let rows = labels.zip(&self.admin);
        lines.extend(rows.map(|(label, address)| row(label, ink.bold(&printable(address)))));
        let features = self.features.join(", ");
        lines.extend([String::new(), format!("  {features}")]);
        let why = match self.defaults.as_slice() {
            [] => None,
            [LocalDefault::Listing] => Some("listing is on (--listing)"),
            [LocalDefault::Hosts] => Some("other host names get 421 (--hosts)"),
            _ => Some("listing is on and other host names get 421 (--listing, --hosts)"),
        };
        lines.extend(why.map(|why| ink.faint(&format!("  without --listen, {why}"))));
        lines.extend([ink.faint("  Ctrl-C stops it"), "\n".to_owned()]);
        lines.join("\n")
    }

    /// The address to open in this machine's browser, if there is one.
    pub fn address_to_open(&self) -> Option<String> {
        let all = self.local().into_iter().chain(self.elsewhere());
        all.chain(self.network()).find(|it| self.is_answered(it))
    }

    /// Addresses by whom they are for. Those at which only other hosts are answered are left out,
    /// unless they are all that there is.
    fn places(&self) -> [(&'static str, Vec<String>); 3] {
        let mut places = [
            ("this machine", self.local()),
            ("your network", self.network()),
            ("elsewhere", self.elsewhere()),
        ];
        let mut all = places.iter().flat_map(|(_, addresses)| addresses);
        if all.any(|address| self.is_answered(address)) {
            for (_, addresses) in &mut places {
                addresses.retain(|it| !it.starts_with(SCHEME) || self.is_answered(it));
            }
        }
        places
    }

    /// Whether this is a URL whose host is answered.
    fn is_answered(&self, address: &str) -> bool {
        let rest = address.strip_prefix(SCHEME);
        let authority = rest.and_then(|rest| rest.strip_suffix('/'));
        authority.is_some_and(|it| plan::is_answered(it.as_bytes(), &self.hosts))
    }

    /// Addresses that reach the server from this machine.
    fn local(&self) -> Vec<String> {
        let reached: Vec<_> = self.addresses.iter().filter_map(from_here).collect();
        let is_named = plan::is_answered(b"localhost", &self.hosts);
        let mut local = Vec::new();
        for address in &reached {
            // `localhost` is either loopback address, as the browser sees fit.
            let other = match address.ip() {
                IpAddr::V4(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            };
            let both = address.ip().is_loopback()
                && reached.contains(&SocketAddr::new(other, address.port()));
            let by_number = url_of(*address);
            let url = if is_named && (both || !self.is_answered(&by_number)) {
                url("localhost", address.port())
            } else {
                by_number
            };
            if !local.contains(&url) {
                local.push(url);
            }
        }
        let sockets = self.addresses.iter().filter_map(|address| match address {
            ListenAddress::Unix(_) => Some(printable(address)),
            ListenAddress::Tcp(_) => None,
        });
        local.extend(sockets);
        local
    }

    /// Addresses that reach the server from the networks that this machine is part of, where it
    /// listens on whatever addresses the machine has.
    fn network(&self) -> Vec<String> {
        let all = self.addresses.iter().filter_map(unspecified);
        let reached = all.flat_map(|address| {
            let same_family = move |ip: &&IpAddr| ip.is_ipv4() == address.is_ipv4();
            let neighbours = self.neighbours.iter().filter(same_family);
            neighbours.map(move |ip| url_of(SocketAddr::new(*ip, address.port())))
        });
        reached.collect()
    }

    /// Addresses that were named one by one, and are not of this machine alone.
    fn elsewhere(&self) -> Vec<String> {
        let named = self.addresses.iter().filter_map(|address| match address {
            ListenAddress::Tcp(address)
                if !address.ip().is_loopback() && !address.ip().is_unspecified() =>
            {
                Some(url_of(*address))
            }
            _ => None,
        });
        named.collect()
    }

    /// The port on the loopback, if nobody but this machine can connect over TCP.
    fn loopback_port(&self) -> Option<u16> {
        let mut ports = self.addresses.iter().map(|address| match address {
            ListenAddress::Tcp(address) if address.ip().is_loopback() => Some(address.port()),
            _ => None,
        });
        let first = ports.next()??;
        ports.all(|port| port.is_some()).then_some(first)
    }
}

/// What is on and what is off, of that which a visitor or an operator would notice; what few want
/// is not told where it is off.
fn features(options: &Options, audience: Audience) -> Vec<String> {
    let told = |name: &str, is_on: bool| format!("{name} {}", if is_on { "on" } else { "off" });
    let mut features = vec![
        told("listing", options.lists_directories(audience)),
        told("sandbox", options.sandbox.is_effective()),
        told("compression", options.site.compression),
    ];
    for (name, is_on) in [
        ("clean addresses", options.site.addressing.clean),
        ("single-page application", options.policy.spa),
    ] {
        if is_on {
            features.push(told(name, is_on));
        }
    }
    let hosts = options.answered_hosts(audience);
    if !hosts.is_empty() {
        features.push(format!("only for {}", host_list(&hosts)));
    }
    features
}

/// What is on or refused because no listen address is named, and nobody has set it.
fn defaults(options: &Options, audience: Audience) -> Vec<LocalDefault> {
    if audience == Audience::Named {
        return Vec::new();
    }
    let is_listing = options.listing.is_none() && options.lists_directories(audience);
    let listing = is_listing.then_some(LocalDefault::Listing);
    let hosts = options.hosts.is_none().then_some(LocalDefault::Hosts);
    listing.into_iter().chain(hosts).collect()
}

/// Where a program on this machine connects to reach a listener.
fn from_here(address: &ListenAddress) -> Option<SocketAddr> {
    let ListenAddress::Tcp(address) = address else {
        return None;
    };
    let loopback = match address.ip() {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        _ => return None,
    };
    Some(SocketAddr::new(loopback, address.port()))
}

/// The address, if it stands for all that the machine has.
fn unspecified(address: &ListenAddress) -> Option<SocketAddr> {
    match address {
        ListenAddress::Tcp(address) => Some(*address).filter(|it| it.ip().is_unspecified()),
        ListenAddress::Unix(_) => None,
    }
}

/// This machine's addresses that others can connect to and a person can type: none of the loopback,
/// and none that means something on one link alone.
fn neighbours() -> Vec<IpAddr> {
    // Without them the server is no worse: a service may be kept from asking, for one.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        log::debug!("the addresses of this machine cannot be had: {error}");
        Vec::new()
    });
    let mut neighbours: Vec<_> = interfaces
        .iter()
        .filter(|it| it.is_oper_up() && !it.is_loopback() && !it.is_link_local())
        .map(if_addrs::Interface::ip)
        .collect();
    neighbours.sort_by_key(IpAddr::is_ipv6);
    neighbours.dedup();
    neighbours
}

/// A path may hold what would speak to the terminal.
fn printable(what: impl Display) -> String {
    what.to_string().replace(char::is_control, "\u{FFFD}")
}

fn url_of(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) => url(ip, address.port()),
        IpAddr::V6(ip) => url(format_args!("[{ip}]"), address.port()),
    }
}

fn url(host: impl Display, port: u16) -> String {
    format!("{SCHEME}{host}:{port}/")
}

const SCHEME: &str = "http://";

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(addresses: &[&str]) -> Announcement {
        let listen = |address: &&str| match address.strip_prefix("unix:") {
            Some(path) => ListenAddress::Unix(path.into()),
            None => ListenAddress::Tcp(address.parse().unwrap()),
        };
        Announcement {
            root: "/srv".into(),
            addresses: addresses.iter().map(listen).collect(),
            admin: Vec::new(),
            neighbours: vec!["192.0.2.2".parse().unwrap(), "2001:db8::2".parse().unwrap()],
            hosts: Vec::new(),
            features: vec!["sandbox on".to_owned(), "listing off".to_owned()],
            defaults: Vec::new(),
        }
    }

    #[test]
    fn programs_get_a_line_for_each_address_and_those_of_the_network_last() {
        let announcement = announcement(&["0.0.0.0:80", "unix:/run/m.sock", "127.0.0.1:81"]);
        assert_eq!(
            announcement.lines("serves"),
            "millpond serves /srv at http://0.0.0.0:80/\n\
             millpond serves /srv at unix:/run/m.sock\n\
             millpond serves /srv at http://127.0.0.1:81/\n\
             millpond serves /srv at http://192.0.2.2:80/\n"
        );
    }

    #[test]
    fn the_operators_address_is_told_apart_from_those_of_the_site() {
        let announcement = Announcement {
            admin: vec![ListenAddress::Unix("/run/admin.sock".into())],
            ..announcement(&["127.0.0.1:80"])
        };
        let lines = announcement.lines("serves");
        assert!(lines.ends_with("/\nmillpond serves its operator at unix:/run/admin.sock\n"));
        let greeting = announcement.greeting(Ink::Plain);
        assert!(
            greeting.contains("  operator      unix:/run/admin.sock\n"),
            "{greeting}"
        );
    }

    #[test]
    fn a_person_gets_what_to_click_and_what_is_on() {
        let announcement = announcement(&["127.0.0.1:8080", "[::1]:8080"]);
        assert_eq!(
            announcement.greeting(Ink::Plain),
            "
  millpond serves /srv

  this machine  http://localhost:8080/
  your network  cannot see it; --listen 0.0.0.0:8080 shows it

  sandbox on, listing off
  Ctrl-C stops it

"
        );
    }

    #[test]
    fn a_person_gets_the_defaults_that_follow_from_no_listen_address_with_their_settings() {
        for (defaults, line) in [
            (&[][..], None),
            (
                &[LocalDefault::Listing][..],
                Some("listing is on (--listing)"),
            ),
            (
                &[LocalDefault::Hosts],
                Some("other host names get 421 (--hosts)"),
            ),
            (
                &[LocalDefault::Listing, LocalDefault::Hosts],
                Some("listing is on and other host names get 421 (--listing, --hosts)"),
            ),
        ] {
            let announcement = Announcement {
                defaults: defaults.to_vec(),
                ..announcement(&["127.0.0.1:8080"])
            };
            let greeting = announcement.greeting(Ink::Plain);
            let told = greeting
                .lines()
                .find_map(|line| line.strip_prefix("  without --listen, "));
            assert_eq!(told, line, "{defaults:?}");
            assert_eq!(
                announcement.default_lines().lines().count(),
                defaults.len(),
                "{defaults:?}"
            );
        }
    }

    #[test]
    fn the_defaults_without_a_listen_address_are_told_unless_they_are_set() {
        let options = Options {
            hosts: Some(vec![Host::Local]),
            ..Options::default()
        };
        let this_machine = Audience::ThisMachine;
        assert_eq!(defaults(&options, this_machine), [LocalDefault::Listing]);
        assert_eq!(defaults(&options, Audience::Named), []);
        let features = features(&options, this_machine);
        assert!(features.contains(&"listing on".to_owned()), "{features:?}");
        assert_eq!(
            features.last().map(String::as_str),
            Some("only for localhost and IP addresses")
        );
    }

    #[test]
    fn all_addresses_of_the_machine_are_told_by_family() {
        let v4 = announcement(&["0.0.0.0:8080"]);
        assert_eq!(v4.local(), ["http://127.0.0.1:8080/"]);
        assert_eq!(v4.network(), ["http://192.0.2.2:8080/"]);
        let both = announcement(&["0.0.0.0:8080", "[::]:8080"]);
        assert_eq!(both.local(), ["http://localhost:8080/"]);
        assert_eq!(
            both.network(),
            ["http://192.0.2.2:8080/", "http://[2001:db8::2]:8080/"]
        );
        let greeting = both.greeting(Ink::Plain);
        assert!(
            greeting.contains(
                "  your network  http://192.0.2.2:8080/\n                http://[2001:db8::2]:8080/\n"
            ),
            "{greeting}"
        );
        assert!(!greeting.contains("--listen"), "{greeting}");
    }

    #[test]
    fn localhost_is_named_only_where_both_families_lead_here_and_it_is_answered() {
        let mut both = announcement(&["127.0.0.1:1", "[::1]:1", "127.0.0.1:2", "[::1]:3"]);
        assert_eq!(
            both.local(),
            [
                "http://localhost:1/",
                "http://127.0.0.1:2/",
                "http://[::1]:3/"
            ]
        );
        both.hosts = vec![Host::parse("127.0.0.1").unwrap()];
        assert_eq!(both.local()[0], "http://127.0.0.1:1/");
    }

    #[test]
    fn who_is_refused_is_not_sent_there() {
        let (v4, any, unix) = ("127.0.0.1:8080", "0.0.0.0:8080", "unix:/s");
        let (local, named) = ("http://127.0.0.1:8080/", "http://localhost:8080/");
        let network = "http://192.0.2.2:8080/";
        for (addresses, hosts, shown, opened) in [
            (
                &[any][..],
                &["192.0.2.2"][..],
                &[network][..],
                Some(network),
            ),
            (
                &[any],
                &["192.0.2.2", "127.0.0.1"],
                &[local, network],
                Some(local),
            ),
            (&[v4], &["localhost"], &[named], Some(named)),
            (&[v4, unix], &["127.0.0.1"], &[local, unix], Some(local)),
            // A proxy is, and whoever sets one up wants to know where the server is.
            (&[v4, unix], &["pond.example"], &[local, unix], None),
        ] {
            let announcement = Announcement {
                hosts: hosts.iter().map(|it| Host::parse(it).unwrap()).collect(),
                ..announcement(addresses)
            };
            let greeting = announcement.greeting(Ink::Plain);
            let is_address = |word: &&str| word.contains(":/");
            let told: Vec<_> = greeting.split_whitespace().filter(is_address).collect();
            assert_eq!(told, shown, "{hosts:?} at {addresses:?}");
            assert_eq!(announcement.address_to_open().as_deref(), opened);
        }
    }

    #[test]
    fn the_browser_is_sent_where_this_machine_is_reached_best() {
        for (addresses, expected) in [
            (&["unix:/s", "127.0.0.1:1"][..], Some("http://127.0.0.1:1/")),
            (&["192.0.2.9:1", "[::1]:2"], Some("http://[::1]:2/")),
            (&["192.0.2.9:1"], Some("http://192.0.2.9:1/")),
            (&["unix:/s"], None),
        ] {
            let announcement = announcement(addresses);
            assert_eq!(
                announcement.address_to_open().as_deref(),
                expected,
                "{addresses:?}"
            );
        }
    }

    #[test]
    fn nothing_is_painted_without_a_terminal_that_can() {
        let announcement = announcement(&["127.0.0.1:1"]);
        assert!(!announcement.greeting(Ink::Plain).contains('\x1b'));
        let painted = announcement.greeting(Ink::Terminal);
        assert!(
            painted.contains("\x1b[1mhttp://127.0.0.1:1/\x1b[0m"),
            "{painted:?}"
        );
    }

    #[test]
    fn a_path_cannot_speak_to_the_terminal() {
        let mut announcement = announcement(&["127.0.0.1:1", "unix:/run/\x1b[2J"]);
        announcement.root = "/srv/\x1b[2J".into();
        assert!(!announcement.greeting(Ink::Plain).contains('\x1b'));
    }
}

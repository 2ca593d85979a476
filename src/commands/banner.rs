//! The banner of a starting server: its addresses and its features.
//!
//! It has two readers. A program, or someone who reads a log later, gets one line for each address,
//! always in the same format. A person at a terminal gets URLs to click, and answers to the next
//! questions: who can reach the server, which features are on, how to stop it.

use super::qr_code::qr_code;
use crate::http::host::Host;
use crate::plan;
use crate::process::TermStyle;
use crate::server::audience::{Audience, host_list};
use crate::server::net::name::urls;
use crate::server::{ListenAddress, Options};
use std::fmt::Display;
use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{self, PathBuf};

/// The addresses and the features of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// The root, or the number of sites.
    subject: String,
    /// The absolute root, or the number of sites, for a person.
    full_subject: String,
    /// The page to show, relative to the URL of the site.
    page: String,
    /// Each of several sites, with its root.
    sites: Vec<(String, PathBuf)>,
    /// The path of a site, without its first slash.
    start: String,
    audience: Audience,
    addresses: Vec<ListenAddress>,
    /// The addresses of the admin port.
    admin: Vec<ListenAddress>,
    /// This machine's addresses in its networks, if any listener accepts connections from them.
    neighbours: Vec<IpAddr>,
    hosts: Vec<Host>,
    features: Vec<String>,
    /// The settings whose default depends on who the server is for.
    defaults: Vec<LocalDefault>,
    /// The fingerprint of the self-signed certificate, if the server has made one.
    fingerprint: Option<String>,
    /// The address through which this machine reaches most others.
    outgoing: Option<IpAddr>,
    /// The name in the local network, if it is announced.
    name: Option<String>,
}

/// A setting whose default depends on who the server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LocalDefault {
    Listing,
    Hosts,
}

impl Banner {
    /// Describes a server with these options that listens, or would listen, at `addresses`, and at
    /// `admin` for its operator.
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
            subject: options.subject(),
            full_subject: full_subject(options),
            page: options.page.clone(),
            sites: sites(options),
            audience,
            addresses,
            admin,
            neighbours,
            hosts: options.known_hosts(audience),
            start: start(options),
            features: features(options, audience),
            defaults: defaults(options, audience),
            fingerprint: None,
            outgoing: options.share.then(outgoing_ip).flatten(),
            name: options.is_announced().then(|| options.name.clone()),
        }
    }

    /// Adds the SHA-256 fingerprint of a self-signed certificate, which a person can compare.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: Option<String>) -> Self {
        Self {
            fingerprint,
            ..self
        }
    }

    /// Returns the text for programs: `millpond serves ROOT at ADDRESS`, one line for each address,
    /// starting with the listen addresses. `verb` is `serves` or its variant for `--check`. If
    /// there are several sites, their number replaces the root, and a line for each follows:
    /// `millpond serves ROOT as HOST/PATH`. The last line gives the fingerprint of a self-signed
    /// certificate.
    pub fn lines(&self, verb: &str) -> String {
        let Self { subject, .. } = self;
        let bound = self.addresses.iter().map(ToString::to_string);
        let lines = bound
            .chain(self.network())
            .chain(self.named())
            .map(|address| {
                let address = self.to_page(&address);
                format!("millpond {verb} {subject} at {address}\n")
            });
        let admin = self.admin.iter();
        let of_admin =
            admin.map(|address| format!("millpond {verb} the admin port at {address}\n"));
        let sites = self.sites.iter();
        let of_sites =
            sites.map(|(name, root)| format!("millpond {verb} {} as {name}\n", root.display()));
        let fingerprint = self.fingerprint.iter();
        let of_certificate = fingerprint.map(|fingerprint| {
            format!("millpond {verb} a self-signed certificate with the SHA-256 fingerprint {fingerprint}\n")
        });
        let lines = lines.chain(of_admin).chain(of_sites).chain(of_certificate);
        lines.collect::<Vec<_>>().concat()
    }

    /// Returns the lines for `--check` about defaults that depend on who the server is for.
    pub fn default_lines(&self) -> String {
        let reason = self.audience.reason();
        let lines = self.defaults.iter().map(|default| match default {
            LocalDefault::Listing => format!("directories are listed, {reason} (listing)\n"),
            LocalDefault::Hosts => {
                let hosts = host_list(&self.hosts);
                format!("only requests for {hosts} are answered, {reason} (allowed-hosts)\n")
            }
        });
        lines.collect()
    }

    /// Returns the text for a person at a terminal with this many columns.
    pub fn for_terminal(&self, style: TermStyle, columns: u16) -> String {
        let mut lines = vec![
            String::new(),
            format!(
                "  {} serves {}",
                style.bold("millpond"),
                printable(&self.full_subject)
            ),
            String::new(),
        ];
        // Padded before it is styled, because escape sequences take no space on the screen.
        let row = |label: &str, what: String| {
            let label = style.faint(&format!("{label:<12}"));
            format!("  {label}  {what}")
        };
        for (label, addresses) in self.places() {
            let labels = iter::once(label).chain(iter::repeat(""));
            let rows = labels.zip(&addresses);
            let rows = rows.map(|(label, it)| row(label, style.bold(&self.to_page(it))));
            lines.extend(rows);
        }
        if let Some(port) = self.loopback_port() {
            let hint = format!("has no access; allow it with --listen 0.0.0.0:{port}");
            lines.push(row("your network", style.faint(&hint)));
        }
        let labels = iter::once("sites").chain(iter::repeat(""));
        let shown = labels.zip(self.sites.iter().take(SITES_SHOWN_MAX));
        lines.extend(shown.map(|(label, (name, root))| {
            let root = printable(root.display());
            row(
                label,
                format!("{}  {}", style.bold(&printable(name)), style.faint(&root)),
            )
        }));
        if let Some(more) = self.sites.len().checked_sub(SITES_SHOWN_MAX + 1) {
            lines.push(row("", style.faint(&format!("and {} more", more + 1))));
        }
        let labels = iter::once("admin port").chain(iter::repeat(""));
        let rows = labels.zip(&self.admin);
        lines.extend(rows.map(|(label, address)| row(label, style.bold(&printable(address)))));
        if let Some(fingerprint) = &self.fingerprint {
            lines.push(row("certificate", "self-signed; SHA-256".to_owned()));
            // The fingerprint is too long for one line.
            let (first, second) = fingerprint.split_at(fingerprint.len() / 2 + 1);
            let halves = [first.trim_end_matches(':'), second];
            lines.extend(halves.map(|half| row("", half.to_owned())));
        }
        lines.push(String::new());
        lines.extend(wrapped(&self.features.join(", "), columns));
        let why = match self.defaults.as_slice() {
            [] => None,
            [LocalDefault::Listing] => Some("listing is on (--listing)"),
            [LocalDefault::Hosts] => Some("other host names get 421 (--allowed-hosts)"),
            _ => Some("listing is on and other host names get 421 (--listing, --allowed-hosts)"),
        };
        let when = match self.audience {
            Audience::Network => "with --share",
            Audience::ThisMachine | Audience::Named => "without --listen",
        };
        let hint = why.map_or_else(Vec::new, |why| wrapped(&format!("{when}, {why}"), columns));
        lines.extend(hint.iter().map(|line| style.faint(line)));
        let code = self
            .shared_url()
            .and_then(|url| qr_code(&self.to_page(&url), style, columns));
        if let Some(code) = code {
            lines.push(String::new());
            lines.extend(code.iter().map(|line| format!("  {line}")));
            lines.push(String::new());
        }
        lines.extend([style.faint("  Ctrl-C stops it"), "\n".to_owned()]);
        lines.join("\n")
    }

    /// Returns the URL to open in this machine's browser, if there is one.
    pub fn address_to_open(&self) -> Option<String> {
        let all = self.local().into_iter().chain(self.elsewhere());
        let mut all = all.chain(self.network());
        let address = all.find(|it| self.is_answered(it))?;
        Some(self.to_page(&address) + &self.start)
    }

    /// Returns the URL of the page to show, for a URL of the site. Any other address stays as it is.
    fn to_page(&self, address: &str) -> String {
        let page = if address.contains("://") {
            &*self.page
        } else {
            ""
        };
        format!("{address}{page}")
    }

    /// Returns the URL for a phone in the same network, if the site is shared. It has the address
    /// through which this machine reaches most others, or else the first one that others can reach.
    /// A name would work on most phones, but not on all.
    fn shared_url(&self) -> Option<String> {
        if self.audience != Audience::Network {
            return None;
        }
        let mut network = self.network().into_iter().chain(self.elsewhere());
        let outgoing = self.outgoing.and_then(|ip| {
            let mut addresses = self.addresses.iter();
            addresses.find_map(|address| {
                let at = address.socket_address()?;
                let is_reached =
                    at.ip() == ip || at.ip().is_unspecified() && at.is_ipv4() == ip.is_ipv4();
                is_reached.then(|| address.at(SocketAddr::new(ip, at.port())).to_string())
            })
        });
        outgoing.or_else(|| network.next())
    }

    /// Returns the addresses, grouped by who can use them. Addresses at which only other hosts are
    /// answered are left out, unless there are no others.
    fn places(&self) -> [(&'static str, Vec<String>); 3] {
        let mut places = [
            ("this machine", self.local()),
            ("your network", [self.named(), self.network()].concat()),
            ("elsewhere", self.elsewhere()),
        ];
        let mut all = places.iter().flat_map(|(_, addresses)| addresses);
        if all.any(|address| self.is_answered(address)) {
            for (_, addresses) in &mut places {
                addresses.retain(|it| !it.contains("://") || self.is_answered(it));
            }
        }
        places
    }

    /// Returns `true` if this is a URL whose host is answered.
    fn is_answered(&self, address: &str) -> bool {
        let rest = address.split_once("://");
        let authority = rest.and_then(|(_, rest)| rest.strip_suffix('/'));
        authority.is_some_and(|it| plan::is_answered(it.as_bytes(), &self.hosts))
    }

    /// Returns the addresses that reach the server from this machine.
    fn local(&self) -> Vec<String> {
        let reached: Vec<_> = self.addresses.iter().filter_map(from_here).collect();
        let is_named = plan::is_answered(b"localhost", &self.hosts);
        let mut local = Vec::new();
        for address in &reached {
            let Some(at) = address.socket_address() else {
                continue;
            };
            // `localhost` means either loopback address, and the browser chooses.
            let other = match at.ip() {
                IpAddr::V4(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            };
            let both = at.ip().is_loopback()
                && reached.contains(&address.at(SocketAddr::new(other, at.port())));
            let by_number = address.to_string();
            let url = if is_named && (both || !self.is_answered(&by_number)) {
                url(address, "localhost", at.port())
            } else {
                by_number
            };
            if !local.contains(&url) {
                local.push(url);
            }
        }
        let sockets = self.addresses.iter().filter_map(|address| match address {
            ListenAddress::Unix(_) => Some(printable(address)),
            ListenAddress::Tcp(_) | ListenAddress::Tls(_) => None,
        });
        local.extend(sockets);
        local
    }

    /// Returns the addresses that reach the server from this machine's networks, for listeners on
    /// all addresses of the machine.
    fn network(&self) -> Vec<String> {
        let all = self.addresses.iter().filter_map(unspecified);
        let reached = all.flat_map(|(address, at)| {
            let same_family = move |ip: &&IpAddr| ip.is_ipv4() == at.is_ipv4();
            let neighbours = self.neighbours.iter().filter(same_family);
            neighbours.map(move |ip| address.at(SocketAddr::new(*ip, at.port())).to_string())
        });
        reached.collect()
    }

    /// Returns the URLs with the announced name, unless another machine has it.
    fn named(&self) -> Vec<String> {
        let others = self.addresses.iter().filter(|at| at.is_for_others());
        let others: Vec<_> = others.cloned().collect();
        let name = self.name.as_ref();
        name.map_or_else(Vec::new, |name| urls(name, &others))
    }

    /// Returns the addresses that were named individually and are not loopback addresses.
    fn elsewhere(&self) -> Vec<String> {
        let is_elsewhere = |address: &&ListenAddress| {
            let ip = address.socket_address().map(|at| at.ip());
            ip.is_some_and(|ip| !ip.is_loopback() && !ip.is_unspecified())
        };
        let named = self.addresses.iter().filter(is_elsewhere);
        named.map(ToString::to_string).collect()
    }

    /// Returns the port on the loopback, if only this machine can connect over TCP.
    fn loopback_port(&self) -> Option<u16> {
        let mut ports = self.addresses.iter().map(|address| {
            let at = address.socket_address();
            at.filter(|at| at.ip().is_loopback()).map(|at| at.port())
        });
        let first = ports.next()??;
        ports.all(|port| port.is_some()).then_some(first)
    }
}

/// Returns the absolute root, or the number of sites. A relative root would mean little to a
/// person.
fn full_subject(options: &Options) -> String {
    match path::absolute(&options.site.root) {
        Ok(root) if options.sites.is_empty() => root.display().to_string(),
        _ => options.subject(),
    }
}

/// Returns each of several sites, with its root.
fn sites(options: &Options) -> Vec<(String, PathBuf)> {
    let sites = options.sites.iter();
    sites
        .map(|site| (site.name().to_string(), site.site.root.clone()))
        .collect()
}

/// Returns the path, without its first slash, at which this machine's browser finds a site: the
/// first one without hosts, unless one of them is at the top.
fn start(options: &Options) -> String {
    let mut sites = options.sites.iter().filter(|site| site.hosts.is_empty());
    let has_top = sites.clone().any(|site| site.policy.base.is_top());
    let site = sites.next().filter(|_| !has_top);
    let base = site.map(|site| site.policy.base.to_string());
    base.map_or_else(String::new, |base| base.trim_start_matches('/').to_owned())
}

/// Returns the features that a visitor or an operator would notice, each with on or off. Rare ones
/// are listed only if they are on.
fn features(options: &Options, audience: Audience) -> Vec<String> {
    let on_or_off =
        |name: &str, is_on: bool| format!("{name} {}", if is_on { "on" } else { "off" });
    if !options.sites.is_empty() {
        // Everything else depends on the site.
        return vec![on_or_off("sandbox", options.sandbox.is_effective())];
    }
    let mut features = vec![
        on_or_off("listing", options.lists_directories(audience)),
        on_or_off("sandbox", options.sandbox.is_effective()),
        on_or_off("compression", options.site.compression),
    ];
    for (name, is_on) in [
        ("clean URLs", options.site.addressing.clean),
        ("single-page application", options.policy.spa.is_some()),
        ("live reload", options.policy.live),
    ] {
        if is_on {
            features.push(on_or_off(name, is_on));
        }
    }
    let hosts = options.answered_hosts(audience);
    if !hosts.is_empty() {
        features.push(format!("only for {}", host_list(&hosts)));
    }
    features
}

/// Returns the settings that nobody has set and whose default depends on who the server is for.
fn defaults(options: &Options, audience: Audience) -> Vec<LocalDefault> {
    if audience == Audience::Named {
        return Vec::new();
    }
    let is_listing = options.sites.is_empty()
        && options.listing.is_none()
        && options.lists_directories(audience);
    let listing = is_listing.then_some(LocalDefault::Listing);
    let hosts = options.hosts.is_none().then_some(LocalDefault::Hosts);
    listing.into_iter().chain(hosts).collect()
}

/// Returns the address that a program on this machine connects to to reach a listener.
fn from_here(address: &ListenAddress) -> Option<ListenAddress> {
    let at = address.socket_address()?;
    let loopback = match at.ip() {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        _ => return None,
    };
    Some(address.at(SocketAddr::new(loopback, at.port())))
}

/// Returns the address if it stands for all addresses of the machine.
fn unspecified(address: &ListenAddress) -> Option<(&ListenAddress, SocketAddr)> {
    let at = address.socket_address()?;
    at.ip().is_unspecified().then_some((address, at))
}

/// Returns this machine's addresses that others can connect to and a person can type: no loopback
/// addresses, and none that are valid on one link only.
fn neighbours() -> Vec<IpAddr> {
    // The server works without them. A service, for example, may not be allowed to list them.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        log::debug!("cannot list the addresses of this machine: {error}");
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

/// Returns the address through which this machine reaches most others: that of its default route,
/// rather than that of a bridge for containers or virtual machines. Connecting a datagram socket
/// sends nothing.
fn outgoing_ip() -> Option<IpAddr> {
    let of_family = |from: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, DISCARD_PORT)).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
    };
    of_family(Ipv4Addr::UNSPECIFIED.into(), TEST_NET.into())
        .or_else(|| of_family(Ipv6Addr::UNSPECIFIED.into(), DOCUMENTATION.into()))
}

/// Addresses that nobody has (RFC 5737, RFC 3849).
const TEST_NET: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const DOCUMENTATION: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const DISCARD_PORT: u16 = 9;

/// Replaces control characters, since a path may contain terminal escape sequences.
fn printable(what: impl Display) -> String {
    what.to_string().replace(char::is_control, "\u{FFFD}")
}

/// Breaks a text between words into indented lines that fit, since a terminal breaks within words.
fn wrapped(text: &str, columns: u16) -> Vec<String> {
    let width = |text: &str| text.chars().count();
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= usize::from(columns) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines
}

/// Returns the URL of a listener with this host name.
fn url(address: &ListenAddress, host: &str, port: u16) -> String {
    let scheme = if address.is_tls() { "https" } else { "http" };
    format!("{scheme}://{host}:{port}/")
}

/// The most sites that are shown to a person one by one.
const SITES_SHOWN_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(addresses: &[&str]) -> Banner {
        let listen = |address: &&str| match address.strip_prefix("unix:") {
            Some(path) => ListenAddress::Unix(path.into()),
            None => ListenAddress::Tcp(address.parse().unwrap()),
        };
        Banner {
            page: String::new(),
            subject: "/srv".to_owned(),
            full_subject: "/srv".to_owned(),
            sites: Vec::new(),
            start: String::new(),
            audience: Audience::ThisMachine,
            outgoing: None,
            name: None,
            addresses: addresses.iter().map(listen).collect(),
            admin: Vec::new(),
            neighbours: vec!["192.0.2.2".parse().unwrap(), "2001:db8::2".parse().unwrap()],
            hosts: Vec::new(),
            features: vec!["sandbox on".to_owned(), "listing off".to_owned()],
            defaults: Vec::new(),
            fingerprint: None,
        }
    }

    #[test]
    fn the_fingerprint_of_a_self_signed_certificate_is_shown_at_a_terminal_and_elsewhere() {
        let fingerprint = (0..32).map(|byte| format!("{byte:02X}"));
        let fingerprint = fingerprint.collect::<Vec<_>>().join(":");
        let banner = banner(&["127.0.0.1:8443"]).with_fingerprint(Some(fingerprint));
        let text = banner.for_terminal(TermStyle::Plain, 80);
        let expected = "  certificate   self-signed; SHA-256\n                00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\n                10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\n";
        assert!(text.contains(expected), "{text}");
        let lines = banner.lines("serves");
        let last = lines.lines().last().unwrap();
        let expected =
            "millpond serves a self-signed certificate with the SHA-256 fingerprint 00:01:";
        assert!(
            last.starts_with(expected) && last.ends_with(":1E:1F"),
            "{last}"
        );
    }

    #[test]
    fn programs_get_one_line_per_address_with_network_addresses_last() {
        let banner = banner(&["0.0.0.0:80", "unix:/run/m.sock", "127.0.0.1:81"]);
        assert_eq!(
            banner.lines("serves"),
            "millpond serves /srv at http://0.0.0.0:80/\n\
             millpond serves /srv at unix:/run/m.sock\n\
             millpond serves /srv at http://127.0.0.1:81/\n\
             millpond serves /srv at http://192.0.2.2:80/\n"
        );
    }

    #[test]
    fn the_admin_address_is_marked() {
        let banner = Banner {
            admin: vec![ListenAddress::Unix("/run/admin.sock".into())],
            ..banner(&["127.0.0.1:80"])
        };
        let lines = banner.lines("serves");
        assert!(lines.ends_with("/\nmillpond serves the admin port at unix:/run/admin.sock\n"));
        let text = banner.for_terminal(TermStyle::Plain, 80);
        assert!(
            text.contains("  admin port    unix:/run/admin.sock\n"),
            "{text}"
        );
    }

    #[test]
    fn a_person_gets_urls_and_features() {
        let banner = banner(&["127.0.0.1:8080", "[::1]:8080"]);
        assert_eq!(
            banner.for_terminal(TermStyle::Plain, 80),
            "
  millpond serves /srv

  this machine  http://localhost:8080/
  your network  has no access; allow it with --listen 0.0.0.0:8080

  sandbox on, listing off
  Ctrl-C stops it

"
        );
    }

    #[test]
    fn lines_that_are_too_long_for_the_terminal_are_broken_between_words() {
        let banner = Banner {
            defaults: vec![LocalDefault::Listing, LocalDefault::Hosts],
            ..banner(&["127.0.0.1:8080"])
        };
        let hint = "
  without --listen, listing is on and other host names get 421 (--listing,
  --allowed-hosts)
  Ctrl-C stops it";
        let text = banner.for_terminal(TermStyle::Plain, 80);
        assert!(text.contains(hint), "{text}");
        let text = banner.for_terminal(TermStyle::Plain, 20);
        assert!(text.contains("\n  sandbox on,\n  listing off\n"), "{text}");
    }

    #[test]
    fn a_person_gets_the_defaults_without_a_listen_address_and_their_settings() {
        for (defaults, line) in [
            (&[][..], None),
            (
                &[LocalDefault::Listing][..],
                Some("listing is on (--listing)"),
            ),
            (
                &[LocalDefault::Hosts],
                Some("other host names get 421 (--allowed-hosts)"),
            ),
            (
                &[LocalDefault::Listing, LocalDefault::Hosts],
                Some("listing is on and other host names get 421 (--listing, --allowed-hosts)"),
            ),
        ] {
            let banner = Banner {
                defaults: defaults.to_vec(),
                ..banner(&["127.0.0.1:8080"])
            };
            let text = banner.for_terminal(TermStyle::Plain, 100);
            let line_shown = text
                .lines()
                .find_map(|line| line.strip_prefix("  without --listen, "));
            assert_eq!(line_shown, line, "{defaults:?}");
            assert_eq!(
                banner.default_lines().lines().count(),
                defaults.len(),
                "{defaults:?}"
            );
        }
    }

    #[test]
    fn the_defaults_without_a_listen_address_are_listed_unless_they_are_set() {
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
    fn all_addresses_of_the_machine_are_listed_by_family() {
        let v4 = banner(&["0.0.0.0:8080"]);
        assert_eq!(v4.local(), ["http://127.0.0.1:8080/"]);
        assert_eq!(v4.network(), ["http://192.0.2.2:8080/"]);
        let both = banner(&["0.0.0.0:8080", "[::]:8080"]);
        assert_eq!(both.local(), ["http://localhost:8080/"]);
        assert_eq!(
            both.network(),
            ["http://192.0.2.2:8080/", "http://[2001:db8::2]:8080/"]
        );
        let text = both.for_terminal(TermStyle::Plain, 80);
        assert!(
            text.contains(
                "  your network  http://192.0.2.2:8080/\n                http://[2001:db8::2]:8080/\n"
            ),
            "{text}"
        );
        assert!(!text.contains("--listen"), "{text}");
    }

    #[test]
    fn localhost_is_shown_only_if_both_families_lead_here_and_it_is_answered() {
        let mut both = banner(&["127.0.0.1:1", "[::1]:1", "127.0.0.1:2", "[::1]:3"]);
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
    fn addresses_whose_host_is_not_answered_are_not_shown() {
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
            // A proxy is answered, and its operator needs to know where the server listens.
            (&[v4, unix], &["pond.example"], &[local, unix], None),
        ] {
            let banner = Banner {
                hosts: hosts.iter().map(|it| Host::parse(it).unwrap()).collect(),
                ..banner(addresses)
            };
            let text = banner.for_terminal(TermStyle::Plain, 80);
            let is_address = |word: &&str| word.contains(":/");
            let addresses_shown: Vec<_> = text.split_whitespace().filter(is_address).collect();
            assert_eq!(addresses_shown, shown, "{hosts:?} at {addresses:?}");
            assert_eq!(banner.address_to_open().as_deref(), opened);
        }
    }

    #[test]
    fn the_browser_opens_the_best_address_of_this_machine() {
        for (addresses, expected) in [
            (&["unix:/s", "127.0.0.1:1"][..], Some("http://127.0.0.1:1/")),
            (&["192.0.2.9:1", "[::1]:2"], Some("http://[::1]:2/")),
            (&["192.0.2.9:1"], Some("http://192.0.2.9:1/")),
            (&["unix:/s"], None),
        ] {
            let banner = banner(addresses);
            assert_eq!(
                banner.address_to_open().as_deref(),
                expected,
                "{addresses:?}"
            );
        }
    }

    #[test]
    fn text_is_styled_only_on_a_terminal_that_supports_it() {
        let banner = banner(&["127.0.0.1:1"]);
        assert!(!banner.for_terminal(TermStyle::Plain, 80).contains('\x1b'));
        let painted = banner.for_terminal(TermStyle::Terminal, 80);
        assert!(
            painted.contains("\x1b[1mhttp://127.0.0.1:1/\x1b[0m"),
            "{painted:?}"
        );
    }

    #[test]
    fn a_path_cannot_send_escape_sequences_to_the_terminal() {
        let mut banner = banner(&["127.0.0.1:1", "unix:/run/\x1b[2J"]);
        banner.full_subject = "/srv/\x1b[2J".to_owned();
        let name = "a.test/\x1b[2J".to_owned();
        banner.sites.push((name, "/srv/\x1b[2J".into()));
        assert!(!banner.for_terminal(TermStyle::Plain, 80).contains('\x1b'));
    }
}

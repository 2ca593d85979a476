//! The choice of one of several sites for a request: by its host, then by its path.
//!
//! A host is compared with the hosts that sites name, then with `local`. Sites without hosts come
//! last. Among the sites of a host, the one with the longest base path that matches is chosen. If
//! none matches, the next kind of host is tried.

use crate::http::base_path::BasePath;
use crate::http::host::{Host, without_port};
use crate::plan::NoSite;
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::Ipv6Addr;

/// The keys by which sites are chosen. A site is identified by its index.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    /// The named hosts, in lower case and without a trailing dot.
    names: ByBytes<Mounts>,
    addresses: HashMap<Ipv6Addr, Mounts>,
    local: Mounts,
    /// The sites without hosts.
    any: Mounts,
}

/// The sites of a host by their base paths.
#[derive(Debug, Default)]
struct Mounts {
    /// The site whose base path is `/`.
    top: Option<usize>,
    /// The other sites, by their base paths without the last slash.
    below: ByBytes<usize>,
    /// The number of segments in the longest base path. No more of a requested path is examined,
    /// however many slashes a client sends.
    depth_max: usize,
}

impl Choice {
    /// Adds the site with this index. Of two sites with the same host and base path, the first one
    /// counts.
    pub(crate) fn add(&mut self, hosts: &[Host], base: &BasePath, index: usize) {
        if hosts.is_empty() {
            self.any.add(base, index);
        }
        for host in hosts {
            let mounts = match host {
                Host::Name(name) => self.names.entry(name.as_bytes().into()).or_default(),
                Host::Ipv6(address) => self.addresses.entry(*address).or_default(),
                // No site has the host `.local`, which is only a default of a shared server.
                Host::Local | Host::Link => &mut self.local,
            };
            mounts.add(base, index);
        }
    }

    /// Returns the index of the site for an authority and a path, which is sanitized and relative to
    /// the top of the host; it is only asked for if the sites of a host differ by path. A base path
    /// without its slash leads to its site, too.
    pub(crate) fn find<'p>(
        &self,
        authority: &[u8],
        path: impl Fn() -> Cow<'p, [u8]>,
    ) -> Result<usize, NoSite> {
        let exact = self.mounts_of(without_port(authority));
        if let Some(site) = exact.and_then(|mounts| mounts.find(&path)) {
            return Ok(site);
        }
        let is_local = !self.local.is_empty() && Host::is_local(authority);
        let local = is_local.then_some(&self.local);
        let any = Some(&self.any).filter(|any| !any.is_empty());
        let mut others = [local, any].into_iter().flatten();
        let found = others.find_map(|mounts| mounts.find(&path));
        found.ok_or(match (exact, local, any) {
            (None, None, None) => NoSite::Host,
            _ => NoSite::Path,
        })
    }

    /// Returns the sites that name a host.
    fn mounts_of(&self, host: &[u8]) -> Option<&Mounts> {
        if let [b'[', inside @ .., b']'] = host {
            let address: Ipv6Addr = std::str::from_utf8(inside).ok()?.parse().ok()?;
            return self.addresses.get(&address);
        }
        let host = host.strip_suffix(b".").unwrap_or(host);
        if host.iter().any(u8::is_ascii_uppercase) {
            return self.names.get(host.to_ascii_lowercase().as_slice());
        }
        self.names.get(host)
    }
}

impl Mounts {
    fn add(&mut self, base: &BasePath, index: usize) {
        match base.as_bytes().strip_suffix(b"/") {
            None => {
                self.top.get_or_insert(index);
            }
            Some(base_path) => {
                self.below.entry(base_path.into()).or_insert(index);
                self.depth_max = self.depth_max.max(base.depth());
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.top.is_none() && self.below.is_empty()
    }

    fn find<'p>(&self, path: impl Fn() -> Cow<'p, [u8]>) -> Option<usize> {
        let mut found = self.top;
        if self.depth_max > 0 {
            let path = path();
            let ends = memchr::memchr_iter(b'/', &path).chain([path.len()]);
            for end in ends.take(self.depth_max) {
                let site = path.get(..end).and_then(|start| self.below.get(start));
                found = site.copied().or(found);
            }
        }
        found
    }
}

/// A hash of few instructions (FNV-1a), for keys that are the operator's own: nobody can choose them
/// so that they collide.
#[derive(Debug)]
struct ShortHash(u64);

impl Default for ShortHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for ShortHash {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The length of a key, which adds nothing to its bytes.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        // The map takes the lowest bits and the highest.
        self.0 ^ self.0 >> 32
    }
}

/// A map by bytes that the operator wrote.
type ByBytes<T> = HashMap<Box<[u8]>, T, BuildHasherDefault<ShortHash>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(sites: &[(&str, &str)]) -> Choice {
        let mut choice = Choice::default();
        for (index, (hosts, base)) in sites.iter().enumerate() {
            let hosts = hosts.split(' ').filter(|host| !host.is_empty());
            let hosts: Vec<_> = hosts.map(|host| Host::parse(host).unwrap()).collect();
            choice.add(&hosts, &BasePath::parse(base).unwrap(), index);
        }
        choice
    }

    #[test]
    fn the_most_specific_host_wins_then_the_longest_base_path() {
        let choice = choice(&[
            ("a.test www.a.test", "/"),
            ("a.test", "/docs/"),
            ("a.test", "/docs/old/"),
            ("local", "/"),
            ("127.0.0.1 [::1]", "/media/"),
            ("", "/"),
            ("", "/docs/"),
            ("", "/only/"),
            ("b.test", "/docs/"),
        ]);
        for (authority, path, site) in [
            ("a.test", "", 0),
            ("A.Test:8080", "x", 0),
            ("a.test.", "x", 0),
            ("a.test.:80", "x", 0),
            ("www.a.test", "docs/x", 0),
            ("a.test", "docs", 1),
            ("a.test", "docs/", 1),
            ("a.test", "docs/x", 1),
            ("a.test", "docsx", 0),
            ("a.test", "docs.html", 0),
            ("a.test", "x/docs/", 0),
            ("a.test", "docs/old", 2),
            ("a.test", "docs/old/x/y", 2),
            ("a.test", "docs/older", 1),
            // This host has no such path, but the sites for any host have it.
            ("a.test", "only/x", 0),
            ("b.test", "docs/x", 8),
            ("b.test", "x", 5),
            ("b.test", "only/x", 7),
            ("localhost", "x", 3),
            ("app.localhost:3000", "docs/x", 3),
            ("192.0.2.1", "x", 3),
            ("127.0.0.1:8080", "media/x", 4),
            ("127.0.0.1:8080", "x", 3),
            ("[::1]:8080", "media/x", 4),
            ("[0:0::1]", "media/x", 4),
            ("[::2]", "media/x", 3),
            ("c.test", "x", 5),
            ("c.test", "docs/x", 6),
            ("c.test", "only", 7),
            ("a%2etest", "docs/x", 6),
            ("", "docs/x", 3),
        ] {
            assert_eq!(
                choice.find(authority.as_bytes(), || path.as_bytes().into()),
                Ok(site),
                "{authority} {path}"
            );
        }
        let long = [b'a'; 300];
        assert_eq!(choice.find(&long, || b"x".into()), Ok(5));
    }

    #[test]
    fn a_host_without_a_site_differs_from_a_path_without_one() {
        let choice = choice(&[("a.test", "/docs/"), ("b.test", "/")]);
        for (authority, path, why) in [
            ("a.test", "x", NoSite::Path),
            ("a.test", "", NoSite::Path),
            ("a.test:1", "doc", NoSite::Path),
            ("c.test", "docs/", NoSite::Host),
            ("x.a.test", "docs/", NoSite::Host),
            ("localhost", "docs/", NoSite::Host),
            ("", "docs/", NoSite::Host),
            ("[::1]", "docs/", NoSite::Host),
        ] {
            assert_eq!(
                choice.find(authority.as_bytes(), || path.as_bytes().into()),
                Err(why),
                "{authority} {path}"
            );
        }
    }
}

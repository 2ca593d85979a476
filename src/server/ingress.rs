//! The way of requests to the site: the answered hosts, and the trusted proxies.

use super::audience::Audience;
use super::net::listener::Listener;
use super::options::{ListenerRole, Options};
use crate::http::address_range::AddressRange;
use crate::http::host::Host;

/// The way of requests to the site.
#[derive(Clone, Debug)]
pub(crate) struct Ingress {
    pub(crate) hosts: Vec<Host>,
    pub(crate) trusted_proxies: Vec<AddressRange>,
    /// The HTTPS port that requests over HTTP are redirected to, if they are.
    pub(crate) redirect_port: Option<u16>,
}

impl Ingress {
    /// Returns the ingress of a server with these options and listeners.
    pub(super) fn of(options: &Options, audience: Audience, listeners: &[Listener]) -> Self {
        Self {
            hosts: options.known_hosts(audience),
            trusted_proxies: options.trusted_proxies.clone(),
            redirect_port: redirect_port(options, listeners),
        }
    }
}

/// Returns the port that requests over HTTP are redirected to, if they are: the first one with
/// HTTPS.
fn redirect_port(options: &Options, listeners: &[Listener]) -> Option<u16> {
    if !options.redirect_https {
        return None;
    }
    let public = listeners
        .iter()
        .filter(|it| it.role() == ListenerRole::Public && it.is_tls());
    let mut ports = public.filter_map(|it| it.address().socket_address());
    let port = ports.next().map(|address| address.port());
    if port.is_none() {
        log::warn!("redirect-https has no effect, as no listen address begins with https://");
    }
    port
}

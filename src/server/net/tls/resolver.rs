//! Choosing the certificate for a client.

use super::certificate::Certificate;
use crate::http::host::Host;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// The certificates at one moment, in the order of the settings. There is at least one.
#[derive(Debug)]
pub(super) struct Resolver(pub(super) Vec<Candidate>);

/// A certificate, and the hosts of the sites that name it in the settings.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) hosts: Vec<Host>,
    pub(super) certificate: Certificate,
}

impl Resolver {
    /// Returns the certificate for a client that sends this host name, or none, and can use these
    /// certificates: that of the site with this host, the first one that has this name or, because
    /// a client may know the server by another name, the first one.
    fn choose(
        &self,
        name: Option<&str>,
        can_use: impl Fn(&Certificate) -> bool,
    ) -> Option<&Certificate> {
        let usable = || self.0.iter().filter(|it| can_use(&it.certificate));
        let of_site = |name: &str| usable().find(|it| it.is_of_site(name));
        let with_name = |name: &str| usable().find(|it| it.certificate.is_for(name));
        let chosen = name
            .and_then(|name| of_site(name).or_else(|| with_name(name)))
            .or_else(|| usable().next())
            .or_else(|| self.0.first());
        chosen.map(|it| &it.certificate)
    }
}

impl Candidate {
    fn is_of_site(&self, name: &str) -> bool {
        self.hosts.iter().any(|host| host.matches(name.as_bytes()))
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        // A name may have a second certificate with an RSA key, for clients that support nothing
        // else.
        let can_use = |it: &Certificate| it.key.key.choose_scheme(schemes).is_some();
        let chosen = self.choose(hello.server_name(), can_use)?;
        Some(Arc::clone(&chosen.key))
    }
}

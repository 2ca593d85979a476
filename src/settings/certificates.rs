//! The certificates that options, tables and sites name.

use super::error::Problem;
use super::store::Settings;
use crate::server::CertificateFiles;

/// An option that has no effect without another one.
#[derive(Debug)]
struct IncompletePair {
    name: &'static str,
    other: &'static str,
}

impl Settings {
    /// Collects the certificates. Clients that request no known name get the first one: that of a
    /// site without hosts, or else the one named by options above all tables.
    pub(super) fn resolve_certificates(&mut self) -> Vec<Problem> {
        let (of_sites, mut problems) = self.certificates_of_sites();
        let named = self.named_certificate().unwrap_or_else(|incomplete| {
            let IncompletePair { name, other } = incomplete;
            let origin = self.origins.get(name).cloned();
            let message = format!("it needs {other} as well");
            problems.extend(origin.map(|origin| Problem::of(name, origin, message)));
            None
        });
        let (of_any, of_hosts): (Vec<_>, Vec<_>) =
            of_sites.into_iter().partition(|it| it.hosts.is_empty());
        let tables = self.certificates.iter().cloned();
        let all = of_any.into_iter().chain(named).chain(tables);
        self.server.certificates = all.chain(of_hosts).collect();
        problems
    }

    /// Returns the certificates that sites name, each once, and the errors.
    fn certificates_of_sites(&self) -> (Vec<CertificateFiles>, Vec<Problem>) {
        let (mut all, mut problems) = (Vec::<CertificateFiles>::new(), Vec::new());
        for site in &self.sites {
            let mut report = |message: String| {
                problems.push(Problem {
                    origin: site.origin.clone(),
                    message: format!("site: {message}"),
                });
            };
            let named = match self.with_options_of(site).named_certificate() {
                Ok(None) => continue,
                Ok(Some(named)) => named,
                Err(IncompletePair { name, other }) => {
                    report(format!("{name} needs {other} as well"));
                    continue;
                }
            };
            let is_same =
                |it: &CertificateFiles| it.certificate == named.certificate && it.key == named.key;
            for host in &site.hosts {
                let of_host = all.iter().find(|it| it.hosts.contains(host));
                if let Some(other) = of_host.filter(|it| !is_same(it)) {
                    report(format!(
                        "{host} has the certificate {} already, by another site; use one for both",
                        other.certificate.display()
                    ));
                }
            }
            let is_for_any = site.hosts.is_empty();
            let known = all
                .iter_mut()
                .find(|it| is_same(it) && it.hosts.is_empty() == is_for_any);
            match known {
                Some(known) => known.hosts.extend(site.hosts.iter().cloned()),
                None => all.push(CertificateFiles {
                    hosts: site.hosts.clone(),
                    ..named
                }),
            }
        }
        (all, problems)
    }

    /// Returns the certificate that is named by two options.
    fn named_certificate(&self) -> Result<Option<CertificateFiles>, IncompletePair> {
        let (name, other) = ("tls-certificate", "tls-key");
        match (&self.tls_certificate, &self.tls_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(CertificateFiles {
                certificate: certificate.clone(),
                key: key.clone(),
                hosts: Vec::new(),
            })),
            (Some(_), None) => Err(IncompletePair { name, other }),
            (None, Some(_)) => Err(IncompletePair {
                name: other,
                other: name,
            }),
        }
    }
}

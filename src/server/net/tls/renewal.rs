//! The certificates of all listeners: loaded at startup, and again when their files change.
//!
//! Changes are checked when a client connects, at most once a second. So an idle server stays idle,
//! and no client gets a certificate that was replaced more than a second before. The check looks at
//! the targets of the paths, because programs that renew certificates rewrite a file, replace it,
//! or swap a link anywhere on the way to it.
//!
//! Two files cannot change at the same moment. So files that do not match are checked again a
//! second later before an error is reported. Unusable files change nothing: the previous
//! certificate stays in use.

use super::super::socket::Socket;
use super::certificate::{Certificate, CertificateError, seconds};
use super::resolver::{Candidate, Resolver};
use super::self_signed;
use super::stream::TlsStream;
use crate::process::file_stamp::{FileStamp, LOOK_INTERVAL};
use crate::server::options::{CertificateFiles, Options};
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::UnixTime;
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerConfig};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, fs};

/// The certificates in use, and everything that handshakes need.
pub(crate) struct Certificates {
    sources: Vec<Source>,
    config: Arc<ServerConfig>,
    /// It outlives the certificates, so that clients can resume sessions from before a renewal.
    tickets: Arc<dyn ProducesTickets>,
    looked: Instant,
    warned: Option<Instant>,
}

/// A certificate and its files.
#[derive(Debug)]
struct Source {
    files: CertificateFiles,
    certificate: Certificate,
    /// The identity of the files when they were last read.
    stamps: [Option<FileStamp>; 2],
    doubt: Doubt,
    /// `true` if they have been unreadable since the server dropped its privileges.
    is_out_of_reach: bool,
    /// `true` if the server has made the certificate.
    is_self_signed: bool,
}

/// Whether files are read again even if they have not changed since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Doubt {
    /// They are not: their certificate is in use, or the problem with it was reported.
    #[default]
    None,
    /// There was a problem. It is reported if the next check finds one.
    Unreported,
    /// It was reported that their certificate is not valid yet. It will be, without a change.
    Early,
}

impl Certificates {
    /// Loads the certificates; without any files, a self-signed one. The error is for the operator.
    pub(crate) fn load(options: &Options, now: Instant) -> Result<Self, String> {
        let files = &options.certificates;
        let sources: Vec<Source> = if files.is_empty() {
            let announced = options.announced_host();
            vec![Source::of_our_own(announced.as_deref())?]
        } else {
            files.iter().map(Source::load).collect::<Result<_, _>>()?
        };
        let tickets = Ticketer::new().map_err(|error| format!("no keys for tickets: {error}"))?;
        let config = config(&sources, &tickets)?;
        let mut certificates = Self {
            sources,
            config,
            tickets,
            looked: now,
            warned: None,
        };
        certificates.warn_of_expiry(now);
        Ok(certificates)
    }

    /// Returns the stream of a connection that was accepted at this moment.
    pub(crate) fn accept(&mut self, socket: Socket, now: Instant) -> TlsStream {
        if now.saturating_duration_since(self.looked) >= LOOK_INTERVAL {
            self.renew(now);
        }
        TlsStream::new(socket, Arc::clone(&self.config))
    }

    /// Checks that the files can be read again after the server has dropped its privileges.
    /// Otherwise, reports how to make renewals work.
    pub(crate) fn check_reach(&mut self) {
        for source in self.sources.iter_mut().filter(|it| !it.is_self_signed) {
            let CertificateFiles {
                certificate, key, ..
            } = &source.files;
            for path in [certificate, key] {
                let Err(error) = fs::File::open(path) else {
                    continue;
                };
                source.is_out_of_reach = true;
                log::warn!(
                    "{} was read at the start, and cannot be read again: {error}. So a renewed \
                     certificate needs a restart. To load it without one, let the server's user \
                     read the file and enter its directories, for example through a group; \
                     docs/tls.md shows how",
                    path.display()
                );
            }
        }
    }

    /// Reads all files again, and reports problems with them at once.
    pub(crate) fn read_again(&mut self, now: Instant) {
        for source in self.sources.iter_mut().filter(|it| !it.is_self_signed) {
            source.stamps = stamps(&source.files);
            source.doubt = Doubt::Unreported;
            source.is_out_of_reach = false;
            source.attempt();
        }
        self.rebuild(now);
    }

    /// Loads files that have changed.
    fn renew(&mut self, now: Instant) {
        self.looked = now;
        // All of them are checked, even after one that has changed.
        let renewed = self.sources.iter_mut().map(Source::renew);
        let is_renewed = renewed.filter(|it| *it).count() > 0;
        if is_renewed {
            self.rebuild(now);
        } else {
            self.warn_of_expiry(now);
        }
    }

    fn rebuild(&mut self, now: Instant) {
        match config(&self.sources, &self.tickets) {
            Ok(config) => self.config = config,
            Err(error) => log::error!("keeping the previous certificates: {error}"),
        }
        self.warned = None;
        self.warn_of_expiry(now);
    }

    /// Replaces these certificates by others. Sessions can still be resumed.
    pub(crate) fn replace(&mut self, other: Self) {
        self.sources = other.sources;
        match config(&self.sources, &self.tickets) {
            Ok(config) => self.config = config,
            // The others have their own configuration, with new tickets.
            Err(_) => self.config = other.config,
        }
    }

    /// Returns the file of each certificate, and its expiry in seconds since 1970.
    pub(crate) fn expiries(&self) -> Vec<(PathBuf, i64)> {
        let expiry = |source: &Source| {
            let path = source.files.certificate.clone();
            (path, source.certificate.facts.not_after)
        };
        self.sources.iter().map(expiry).collect()
    }

    /// Returns the fingerprint of the self-signed certificate, if clients get that one.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let first = self.sources.first()?;
        first
            .is_self_signed
            .then(|| self_signed::fingerprint(&first.certificate))
    }

    /// Warns of certificates that expire soon, once a day.
    fn warn_of_expiry(&mut self, now: Instant) {
        let is_early = |warned| now.saturating_duration_since(warned) < WARNING_INTERVAL;
        if self.warned.is_some_and(is_early) {
            return;
        }
        self.warned = Some(now);
        let today = seconds(UnixTime::now());
        for (path, expiry) in self.expiries() {
            let path = path.display();
            let left = expiry.saturating_sub(today);
            if left < 0 {
                log::error!("the certificate {path} has expired: clients refuse it. Renew it");
            } else if left < WARNING_SECONDS {
                let days = left / SECONDS_A_DAY;
                log::warn!(
                    "the certificate {path} expires in {days} days and was not renewed; does its \
                     renewal still run?"
                );
            }
        }
    }
}

impl Source {
    /// Loads or makes a self-signed certificate, which is not renewed.
    fn of_our_own(announced: Option<&str>) -> Result<Self, String> {
        let (files, certificate) = self_signed::load_or_make(announced)?;
        Ok(Self {
            stamps: [None; 2],
            files,
            certificate,
            doubt: Doubt::None,
            is_out_of_reach: true,
            is_self_signed: true,
        })
    }

    fn load(files: &CertificateFiles) -> Result<Self, String> {
        // Before they are read, so that a change in between causes another read.
        let stamps = stamps(files);
        let certificate = Certificate::load(files).map_err(|error| error.to_string())?;
        // A certificate that is not valid is better for the site than no answer. An expired one is
        // reported with those that soon will be.
        let checked = certificate.check_time(&files.certificate, UnixTime::now());
        if let Err(error @ CertificateError::NotYetValid(_)) = checked {
            log::error!("{error}");
        }
        let source = Self {
            files: files.clone(),
            certificate,
            stamps,
            doubt: Doubt::None,
            is_out_of_reach: false,
            is_self_signed: false,
        };
        source.warn_of_missing_names();
        Ok(source)
    }

    /// Warns of hosts of sites for which the certificate is not valid.
    fn warn_of_missing_names(&self) {
        let CertificateFiles {
            certificate, hosts, ..
        } = &self.files;
        for host in hosts {
            if !self.certificate.is_for_host(host) {
                log::warn!(
                    "the certificate {} of the site {host} is not valid for {host}: browsers \
                     refuse it. Add the name to the certificate",
                    certificate.display()
                );
            }
        }
    }

    /// Reads files that have changed. Returns `true` if there is a new certificate.
    fn renew(&mut self) -> bool {
        if self.is_out_of_reach {
            return false;
        }
        let found = stamps(&self.files);
        if found != self.stamps {
            self.stamps = found;
            self.doubt = Doubt::None;
        } else if self.doubt == Doubt::None {
            return false;
        }
        self.attempt()
    }

    /// Reads the files. Returns `true` if there is a new certificate. A problem is reported at the
    /// second attempt.
    fn attempt(&mut self) -> bool {
        let path = &self.files.certificate;
        let loaded = Certificate::load(&self.files)
            .and_then(|it| it.check_time(path, UnixTime::now()).map(|()| it));
        let doubt = std::mem::take(&mut self.doubt);
        match loaded {
            Ok(certificate) => {
                let is_other = certificate.key.cert != self.certificate.key.cert;
                self.certificate = certificate;
                if is_other {
                    log::info!("the certificate {} was renewed", path.display());
                    self.warn_of_missing_names();
                }
                true
            }
            Err(error) => {
                let is_early = matches!(error, CertificateError::NotYetValid(_));
                self.doubt = match doubt {
                    Doubt::None => Doubt::Unreported,
                    Doubt::Unreported | Doubt::Early if is_early => Doubt::Early,
                    Doubt::Unreported | Doubt::Early => Doubt::None,
                };
                if doubt == Doubt::Unreported || (doubt == Doubt::Early && !is_early) {
                    log::error!("{error}; keeping the previous certificate");
                }
                false
            }
        }
    }
}

fn stamps(files: &CertificateFiles) -> [Option<FileStamp>; 2] {
    [FileStamp::of(&files.certificate), FileStamp::of(&files.key)]
}

/// Returns the configuration: TLS 1.3 and 1.2 with the suites of rustls, none of which is weak, and
/// without early data, which could be replayed.
fn config(
    sources: &[Source],
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<Arc<ServerConfig>, String> {
    let candidate = |source: &Source| Candidate {
        hosts: source.files.hosts.clone(),
        certificate: source.certificate.clone(),
    };
    let resolver = Resolver(sources.iter().map(candidate).collect());
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = builder
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Sessions are resumed with tickets, which clients store.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::clone(tickets);
    Ok(Arc::new(config))
}

impl fmt::Debug for Certificates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Certificates")
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

const WARNING_INTERVAL: Duration = Duration::from_hours(24);

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// Programs renew certificates 30 days before they expire. By now they have failed for two weeks.
const WARNING_SECONDS: i64 = 14 * SECONDS_A_DAY;

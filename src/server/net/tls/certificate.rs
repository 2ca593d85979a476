//! A certificate with its chain and its key: loaded from PEM files, and checked before use.

use super::der::CertificateFacts;
use crate::http::host::Host;
use crate::server::options::CertificateFiles;
use rustls::Error;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

/// A certificate that can be used.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) facts: CertificateFacts,
}

/// The reason why files cannot be used.
#[derive(Debug)]
pub(super) enum CertificateError {
    Unreadable(PathBuf, io::Error),
    NoFile(PathBuf),
    TooLarge(PathBuf),
    NoCertificate(PathBuf),
    NoKey(PathBuf),
    Malformed(PathBuf),
    ChainOrder {
        path: PathBuf,
        /// The position, counted from 1.
        place: usize,
    },
    UnknownKey(PathBuf),
    KeyMismatch {
        chain: PathBuf,
        key: PathBuf,
    },
    Expired(PathBuf),
    NotYetValid(PathBuf),
}

impl Certificate {
    /// Loads a certificate and its key, and checks that they match and that the chain is in order.
    /// [`check_time`](Self::check_time) checks its validity period.
    pub(super) fn load(files: &CertificateFiles) -> Result<Self, CertificateError> {
        Self::parse(files, &read(&files.certificate)?, &read(&files.key)?)
    }

    /// Parses a certificate and its key from the content of the files.
    pub(super) fn parse(
        files: &CertificateFiles,
        chain_pem: &[u8],
        key_pem: &[u8],
    ) -> Result<Self, CertificateError> {
        let path = &files.certificate;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain_pem)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::Malformed(path.clone()))?;
        let all: Option<Vec<_>> = chain
            .iter()
            .map(|der| CertificateFacts::parse(der))
            .collect();
        let all = all.ok_or_else(|| CertificateError::Malformed(path.clone()))?;
        // RFC 8446 §4.4.2: each certificate is followed by that of its issuer.
        let out_of_order = all.windows(2).position(|pair| match pair {
            [one, issuer] => one.issuer != issuer.subject,
            _ => false,
        });
        if let Some(place) = out_of_order {
            let (path, place) = (path.clone(), place + 2);
            return Err(CertificateError::ChainOrder { path, place });
        }
        let Some(facts) = all.into_iter().next() else {
            return Err(CertificateError::NoCertificate(path.clone()));
        };
        let key = PrivateKeyDer::from_pem_slice(key_pem)
            .map_err(|_| CertificateError::NoKey(files.key.clone()))?;
        let key = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| {
            let key = files.key.clone();
            match error {
                Error::InconsistentKeys(_) => {
                    let chain = path.clone();
                    CertificateError::KeyMismatch { chain, key }
                }
                Error::InvalidCertificate(_) => CertificateError::Malformed(path.clone()),
                _ => CertificateError::UnknownKey(key),
            }
        })?;
        Ok(Self {
            key: Arc::new(key),
            facts,
        })
    }

    /// Checks that it is valid at this moment.
    pub(super) fn check_time(&self, path: &Path, now: UnixTime) -> Result<(), CertificateError> {
        let now = seconds(now);
        if now > self.facts.not_after {
            return Err(CertificateError::Expired(path.to_owned()));
        }
        if now < self.facts.not_before {
            return Err(CertificateError::NotYetValid(path.to_owned()));
        }
        Ok(())
    }

    /// Returns `true` if it is valid for a host. `local` and `.local` stand for many hosts, so it
    /// may be valid for some of them.
    pub(super) fn is_for_host(&self, host: &Host) -> bool {
        let has = |address: IpAddr| self.facts.addresses.contains(&address);
        match host {
            Host::Name(name) => self.is_for(name) || name.parse().is_ok_and(has),
            Host::Ipv6(address) => has(IpAddr::V6(*address)),
            Host::Local | Host::Link => true,
        }
    }

    /// Returns `true` if it is valid for a name (RFC 6125 §6.4.3). A `*` stands for one label, the
    /// first.
    pub(super) fn is_for(&self, name: &str) -> bool {
        let after_first_label = name.split_once('.').map(|(_, rest)| rest);
        self.facts
            .names
            .iter()
            .any(|own| match own.strip_prefix("*.") {
                Some(own) => after_first_label.is_some_and(|rest| rest.eq_ignore_ascii_case(own)),
                None => own.eq_ignore_ascii_case(name),
            })
    }
}

/// Returns the seconds since 1970, as in certificates.
pub(super) fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// Reads a file, up to a size that no chain or key exceeds.
fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |error| CertificateError::Unreadable(path.to_owned(), error);
    // A pipe would block the loop, and could not be read a second time.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(CertificateError::NoFile(path.to_owned()));
    }
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let mut limited = file.take(FILE_BYTES_MAX + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(CertificateError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

impl fmt::Display for CertificateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(out, "{} cannot be read: {error}", path.display())
            }
            Self::NoFile(path) => {
                write!(
                    out,
                    "{} cannot be read: it is not a regular file",
                    path.display()
                )
            }
            Self::TooLarge(path) => write!(
                out,
                "{} is larger than any certificate or key: {} KiB are read",
                path.display(),
                FILE_BYTES_MAX / 1024
            ),
            Self::NoCertificate(path) => write!(
                out,
                "{} has no certificate in it; it should begin with -----BEGIN CERTIFICATE-----",
                path.display()
            ),
            Self::NoKey(path) => write!(
                out,
                "{} has no private key in it that can be read; it should have a line like \
                 -----BEGIN PRIVATE KEY-----, and no password",
                path.display()
            ),
            Self::Malformed(path) => write!(
                out,
                "{} has a certificate that cannot be decoded",
                path.display()
            ),
            Self::ChainOrder { path, place } => write!(
                out,
                "{} has its certificates out of order: the site's own goes first and each is \
                 followed by that of its issuer, but number {place} did not issue the one before",
                path.display()
            ),
            Self::UnknownKey(path) => write!(
                out,
                "{} has a key of a kind that is not supported; use ECDSA (P-256, P-384), Ed25519 \
                 or RSA (2048 to 8192 bits)",
                path.display()
            ),
            Self::KeyMismatch { chain, key } => write!(
                out,
                "{} is not the key of the certificate {}",
                key.display(),
                chain.display()
            ),
            Self::Expired(path) => {
                write!(out, "the certificate {} has expired", path.display())
            }
            Self::NotYetValid(path) => write!(
                out,
                "the certificate {} is not valid yet; is this machine's clock right?",
                path.display()
            ),
        }
    }
}

/// A chain of four certificates with keys of 4096 bits has less than 10 KiB.
const FILE_BYTES_MAX: u64 = 256 * 1024;

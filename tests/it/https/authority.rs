//! An authority that issues certificates to the tests.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

pub(crate) struct Authority {
    /// `None` for an authority that issues no more certificates.
    issuer: Option<Issuer<'static, KeyPair>>,
    pub(crate) certificate: CertificateDer<'static>,
}

/// A certificate with its key, both in PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The validity of a certificate in days, unless a test chooses another one.
const DAYS: i64 = 90;

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "millpond's tests");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            issuer: Some(Issuer::new(params, key)),
            certificate: certificate.der().clone(),
        }
    }

    /// Creates an authority with this certificate, which issues no others.
    pub(crate) fn of(pem: &str) -> Self {
        Self {
            issuer: None,
            certificate: CertificateDer::from_pem_slice(pem.as_bytes()).unwrap(),
        }
    }

    pub(crate) fn issue(&self, names: &[&str]) -> Issued {
        self.issue_for(names, DAYS)
    }

    /// Issues a certificate that expires after this many days, or has expired if they are negative.
    pub(crate) fn issue_for(&self, names: &[&str], days: i64) -> Issued {
        let at = |days: i64| {
            let distance = Duration::from_hours(24 * days.unsigned_abs());
            if days < 0 {
                SystemTime::now() - distance
            } else {
                SystemTime::now() + distance
            }
        };
        // Not a whole number of days, so that no test depends on how long it takes.
        self.issue_between(names, at(-100), at(days) + Duration::from_hours(1))
    }

    /// Issues a certificate that is valid between two moments.
    pub(crate) fn issue_between(
        &self,
        names: &[&str],
        not_before: SystemTime,
        not_after: SystemTime,
    ) -> Issued {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = not_before.into();
        params.not_after = not_after.into();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = params
            .signed_by(&key, self.issuer.as_ref().unwrap())
            .unwrap();
        Issued {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Issued {
    /// Writes both into a directory: `cert.pem` and `key.pem`.
    pub(crate) fn write(&self, directory: impl AsRef<Path>) -> [PathBuf; 2] {
        let directory = directory.as_ref();
        fs::create_dir_all(directory).unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.join(name));
        fs::write(&certificate, &self.certificate).unwrap();
        fs::write(&key, &self.key).unwrap();
        [certificate, key]
    }
}

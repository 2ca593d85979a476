//! A self-signed certificate, for HTTPS in a local network without a certificate from an authority.
//! It is made at the first start and kept for a year, so that a browser asks about it once.

use super::certificate::Certificate;
use super::pem;
use crate::server::options::CertificateFiles;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::UnixTime;
use std::env;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Returns the stored certificate, if it is for these names, or else a new one, and the files for
/// it. `announced` is the host by which the server is announced in the local network.
pub(super) fn load_or_make(
    announced: Option<&str>,
) -> Result<(CertificateFiles, Certificate), String> {
    let names = names(announced);
    let home = state_directory();
    let files = files(home.as_deref().unwrap_or(Path::new("")));
    if let Some(kept) = kept(&files, &names) {
        return Ok((files, kept));
    }
    let (certificate, key) = make(&names)?;
    match &home {
        Some(home) => match keep(home, &files, &certificate, &key) {
            Ok(()) => log::info!(
                "a self-signed certificate was made: {}",
                files.certificate.display()
            ),
            Err(error) => log::warn!(
                "the self-signed certificate cannot be kept in {}, so browsers will warn about a \
                 new one after each start: {error}",
                home.display()
            ),
        },
        None => log::warn!(
            "without XDG_STATE_HOME and HOME, the self-signed certificate is not kept, so \
             browsers will warn about a new one after each start"
        ),
    }
    let certificate = Certificate::parse(&files, certificate.as_bytes(), key.as_bytes());
    let certificate = certificate.map_err(|error| error.to_string())?;
    Ok((files, certificate))
}

/// Returns the SHA-256 hash of the certificate, in the format of browsers.
pub(super) fn fingerprint(certificate: &Certificate) -> String {
    let der = certificate.key.cert.first().map_or(&[][..], |der| der);
    let bytes = digest(&SHA256, der);
    let pairs = bytes.as_ref().iter().map(|byte| format!("{byte:02X}"));
    pairs.collect::<Vec<_>>().join(":")
}

/// Returns the names and addresses at which this machine can be reached: the announced one, its own
/// name, with and without the domain of multicast DNS, and its addresses.
fn names(announced: Option<&str>) -> Vec<SanType> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_ascii_lowercase();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let mut hosts = vec!["localhost".to_owned()];
    hosts.extend(announced.map(str::to_ascii_lowercase));
    if !host.is_empty() && host != "localhost" && host.bytes().all(is_name) {
        if !host.contains('.') {
            hosts.push(format!("{host}.local"));
        }
        hosts.push(host);
    }
    let hosts = hosts.into_iter().filter_map(|name| name.try_into().ok());
    let mut addresses = vec![
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ];
    for interface in if_addrs::get_if_addrs().unwrap_or_default() {
        let ip = interface.ip();
        if !interface.is_link_local() && !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    hosts
        .map(SanType::DnsName)
        .chain(addresses.into_iter().map(SanType::IpAddress))
        .collect()
}

/// Makes a certificate and its key, in PEM.
fn make(names: &[SanType]) -> Result<(String, String), String> {
    let failed = |error: rcgen::Error| format!("a self-signed certificate cannot be made: {error}");
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.to_vec();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "millpond, self-signed");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemTime::now();
    // The clocks of clients differ.
    params.not_before = (now - Duration::from_hours(24)).into();
    params.not_after = (now + Duration::from_hours(24 * 365)).into();
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok((
        pem::encode("CERTIFICATE", certificate.der()),
        pem::encode("PRIVATE KEY", key.serialized_der()),
    ))
}

/// Returns the certificate in these files, if it will be valid for some time and has all the names.
fn kept(files: &CertificateFiles, names: &[SanType]) -> Option<Certificate> {
    let certificate = Certificate::load(files).ok()?;
    let soon = UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + SOON);
    certificate.check_time(&files.certificate, soon).ok()?;
    let is_there = |name: &SanType| match name {
        SanType::DnsName(name) => certificate.is_for(name.as_str()),
        SanType::IpAddress(ip) => certificate.facts.addresses.contains(ip),
        _ => false,
    };
    names.iter().all(is_there).then_some(certificate)
}

/// Writes both files, with the key readable only for the owner.
fn keep(home: &Path, files: &CertificateFiles, certificate: &str, key: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(home)?;
    for (path, content) in [(&files.key, key), (&files.certificate, certificate)] {
        let beside = path.with_extension("new");
        let _ = fs::remove_file(&beside);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(content.as_bytes())?;
        fs::rename(&beside, path)?;
    }
    Ok(())
}

/// Returns the directory for it: the one in systemd's `StateDirectory=`, or else the user's state
/// directory.
fn state_directory() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let of_user = || {
        let state = absolute("XDG_STATE_HOME");
        state.or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
    };
    absolute("STATE_DIRECTORY").or_else(|| of_user().map(|state| state.join("millpond")))
}

fn files(home: &Path) -> CertificateFiles {
    CertificateFiles {
        certificate: home.join("self-signed.pem"),
        key: home.join("self-signed.key"),
        hosts: Vec::new(),
    }
}

/// A certificate that expires sooner is made again.
const SOON: Duration = Duration::from_hours(24 * 7);

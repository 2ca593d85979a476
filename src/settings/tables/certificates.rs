//! Tables of certificates.

use super::reading::{fields, into_result, tables, text};
use super::table::{Source, SpannedError, TableValue};
use crate::server::CertificateFiles;
use crate::settings::text::path as file_path;
use crate::settings::{store::Settings, values::toml_string};
use std::{ffi::OsStr, fmt::Write as _, path::PathBuf};
use toml::{Spanned, de::DeValue};

pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<TableValue, Vec<SpannedError>> {
    let (mut certificates, mut errors) = (Vec::new(), Vec::new());
    for table in tables(value, "certificate")? {
        match read_certificate(table, source) {
            Ok(certificate) => certificates.push(certificate),
            Err(found) => errors.extend(found),
        }
    }
    into_result(errors, TableValue::Certificates(certificates))
}

fn read_certificate(
    table: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<CertificateFiles, Vec<SpannedError>> {
    let fields = fields(table, "certificate", &["certificate", "key"], source)?;
    let mut errors = Vec::new();
    let mut path = |name: &str| {
        let read = match fields.get(name) {
            None => Err((table.span(), format!("certificate: it has no {name}"))),
            Some(value) => {
                text(value, &format!("certificate: {name}: ")).and_then(|(text, span)| {
                    let path = file_path(OsStr::new(text));
                    path.map_err(|message| (span, format!("certificate: {name}: {message}")))
                })
            }
        };
        read.unwrap_or_else(|error| {
            errors.push(error);
            PathBuf::new()
        })
    };
    let (certificate, key) = (path("certificate"), path("key"));
    let files = CertificateFiles {
        certificate,
        key,
        hosts: Vec::new(),
    };
    into_result(errors, files)
}

pub(super) fn show(settings: &Settings) -> String {
    let mut text = String::new();
    for CertificateFiles {
        certificate, key, ..
    } in &settings.certificates
    {
        let path = |path: &PathBuf| toml_string(&path.to_string_lossy());
        let (certificate, key) = (path(certificate), path(key));
        let _ = write!(
            text,
            "[[certificate]]\ncertificate = {certificate}\nkey = {key}\n"
        );
    }
    text
}

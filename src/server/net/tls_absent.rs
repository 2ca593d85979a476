//! The replacement for `tls` in a build without that feature: no connection uses TLS.

use super::socket::{Next, Socket};
use super::transfer::{Batch, Received};
use crate::server::options::Options;
use rustix::fd::AsFd;
use rustix::io::Result;
use std::path::PathBuf;
use std::time::Instant;

/// A TLS connection, of which there are none.
#[derive(Debug)]
pub(crate) enum TlsStream {}

/// The state that TLS connections would share.
#[derive(Debug, Default)]
pub(crate) struct TlsShared {
    pub(crate) counters: TlsCounters,
}

/// The counters of TLS connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TlsCounters(());

impl TlsCounters {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the counters of TLS are larger"
    )]
    pub(crate) fn add(&mut self, other: &Self) {
        *self = *other;
    }
}

/// Certificates, of which there are none.
#[derive(Debug)]
pub(crate) enum Certificates {}

impl Certificates {
    pub(crate) fn load(_: &Options, _: Instant) -> std::result::Result<Self, String> {
        Err("this millpond was built without TLS; build it with the feature tls, or put a proxy in \
             front that speaks TLS"
            .to_owned())
    }

    pub(crate) fn accept(&mut self, _: Socket, _: Instant) -> TlsStream {
        match *self {}
    }

    pub(crate) fn expiries(&self) -> Vec<(PathBuf, i64)> {
        match *self {}
    }

    pub(crate) fn fingerprint(&self) -> Option<String> {
        match *self {}
    }

    pub(crate) fn check_reach(&mut self) {
        match *self {}
    }

    pub(crate) fn read_again(&mut self, _: Instant) {
        match *self {}
    }

    pub(crate) fn replace(&mut self, _: Self) {
        match *self {}
    }
}

impl TlsStream {
    pub(crate) fn socket(&self) -> &Socket {
        match *self {}
    }

    pub(crate) fn is_plain(&self) -> bool {
        match *self {}
    }

    pub(crate) fn has_to_shake_hands(&self) -> bool {
        match *self {}
    }

    pub(crate) fn has_begun(&self) -> bool {
        match *self {}
    }

    pub(crate) fn has_unsent(&self) -> bool {
        match *self {}
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        match *self {}
    }

    pub(crate) fn receive(&mut self, _: &mut [u8], _: &mut TlsShared) -> Result<Received> {
        match *self {}
    }

    pub(crate) fn send(
        &mut self,
        _: [&[u8]; 2],
        _: Next,
        _: Batch,
        _: &mut TlsShared,
    ) -> Result<usize> {
        match *self {}
    }

    pub(crate) fn send_file(
        &mut self,
        _: impl AsFd,
        _: u64,
        _: usize,
        _: Batch,
        _: &mut TlsShared,
    ) -> Result<usize> {
        match *self {}
    }

    pub(crate) fn shut_down_sending(&mut self) -> Result<()> {
        match *self {}
    }

    pub(crate) fn finish(&mut self) -> Result<()> {
        match *self {}
    }
}

//! The replacement of `mdns` in a build without it, in which no server has a name in the local
//! network.

use crate::process::sandbox::NetworkDescriptors;
use crate::server::listen_address::ListenAddress;
use mio::{Registry, Token};
use std::io;
use std::time::Instant;

/// The announcer, which does not exist in this build.
#[derive(Debug)]
pub(crate) enum Announcer {}

impl Announcer {
    pub(crate) fn open(_: &str, _: &[ListenAddress], _: Instant) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn register(&self, _: &Registry, _: Token) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn descriptors(&self) -> NetworkDescriptors {
        match *self {}
    }

    pub(crate) fn note_ready(&mut self) {
        match *self {}
    }

    pub(crate) fn tick(&mut self, _: Instant) {
        match *self {}
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match *self {}
    }

    pub(crate) fn say_goodbye(&mut self) {
        match *self {}
    }
}

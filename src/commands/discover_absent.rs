//! The replacement of `discover` in a build without multicast DNS.

use std::io;

/// The websites in the local network, of which this build finds none.
#[derive(Debug)]
pub enum Discovered {}

/// Fails, because this build lacks the feature.
pub fn discover() -> io::Result<Discovered> {
    let reason = "this millpond was built without it; build it with the feature share";
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
}

impl Discovered {
    /// There is nothing to show.
    pub fn table(&self) -> String {
        match *self {}
    }

    /// There is nothing to show.
    pub fn json(&self) -> String {
        match *self {}
    }
}

//! Refusing live reload for a server in the background, which has no author watching.

use crate::process::service_manager;
use crate::server::error::StartError;
use crate::server::options::Options;

impl Options {
    /// Fails if live reload is on although the server runs in the background.
    pub fn check_live(&self) -> Result<(), StartError> {
        if !self.policy.live {
            return Ok(());
        }
        let reason = if self.daemon {
            "--daemon"
        } else if !self.sites.is_empty() {
            "[[site]]"
        } else if service_manager::has_started_us() {
            "a service manager"
        } else {
            return Ok(());
        };
        Err(StartError::Live(reason))
    }
}

//! New settings for a loop: everything that can fail is done first, and then they take effect at
//! once.

use super::answer::sites::Sites;
use super::audience::Audience;
use super::error::StartError;
use super::event_loop::EventLoop;
use super::ingress::Ingress;
use super::options::Options;

/// The parts that new settings need and that could not be created within the loop.
#[derive(Debug)]
pub(crate) struct Prepared {
    sites: Sites,
}

impl EventLoop {
    /// Prepares for new settings.
    pub(super) fn prepare(
        &self,
        new: &Options,
        audience: Audience,
    ) -> Result<Prepared, StartError> {
        let files_max = self.sessions.files_kept_open_max();
        let before = Some(self.responder.sites());
        let sites = Sites::open(new, audience, files_max, before, self.now())?;
        Ok(Prepared { sites })
    }

    /// Puts the new settings in force.
    pub(super) fn put_in_force(&mut self, prepared: Prepared, new: &Options, ingress: Ingress) {
        self.responder.replace_sites(prepared.sites);
        self.watch_roots();
        self.context.clock.show_server(new.policy.server_field);
        self.context.ingress = ingress;
        self.context.options = new.connection.clone();
        // Shorter timeouts may have passed already.
        self.sessions.look_at_deadlines_by(self.context.clock.now());
        self.sessions
            .resize(new.connections_max, new.connections_per_client_max);
    }
}

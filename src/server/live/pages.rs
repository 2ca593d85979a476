//! The part of the loop that serves listening pages.

use super::hub::Look;
use crate::server::event_loop::EventLoop;

impl EventLoop {
    /// Looks for changes, and sends them to the pages.
    pub(crate) fn reload_pages(&mut self) {
        let moment = self.context.clock.moment();
        // With live reload, there is only one site.
        let site = self.responder.sites().all().first();
        let (Some(live), Some(site)) = (&mut self.context.live, site) else {
            return;
        };
        let site = &site.site;
        let Look {
            has_other_events,
            text,
        } = live.look(&mut site.borrow_mut(), &moment);
        if has_other_events {
            self.watch_files();
        }
        if let Some(text) = text {
            for key in self.sessions.streams() {
                if let Some(session) = self.sessions.get_mut(key) {
                    session.feed(text.as_bytes(), &self.context);
                }
                self.pump(key);
            }
        }
        if std::mem::take(&mut self.context.has_new_streams) {
            for key in self.sessions.surplus_streams() {
                if let Some(session) = self.sessions.get_mut(key) {
                    session.end_stream();
                }
                self.pump(key);
            }
        }
    }

    /// Lets the poll report changes beneath the root.
    fn watch_files(&self) {
        let live = self.context.live.as_ref();
        let Some(events) = live.and_then(|live| live.events()) else {
            return;
        };
        self.await_events(events, self.live_token);
    }
}

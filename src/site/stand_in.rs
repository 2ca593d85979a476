//! Files that stand in for others: how the cache knows them, and which of them are not there.

use super::Miss;
use crate::http::Status;
use crate::plan::StandIn;

/// What stands for a file in the cache that is no request path, as it starts with a slash.
pub(super) fn key(stand_in: StandIn) -> &'static [u8] {
    match stand_in {
        StandIn::Start => b"/",
        StandIn::Error(Status::Forbidden) => b"/403",
        StandIn::Error(Status::NotFound) => b"/404",
        StandIn::Error(Status::InternalServerError) => b"/500",
        StandIn::Error(_) => b"/503",
    }
}

/// Those that were looked for in vain, each in its last tick: most sites lack them, and are asked
/// for much else that they lack.
#[derive(Debug, Default)]
pub(super) struct MissingStandIns {
    last: Vec<(StandIn, u64, Miss)>,
}

impl MissingStandIns {
    pub(super) fn recall(&self, stand_in: StandIn, tick: u64) -> Option<Miss> {
        let mut last = self.last.iter();
        last.find(|(known, noted, _)| *known == stand_in && *noted == tick)
            .map(|(_, _, miss)| *miss)
    }

    pub(super) fn note(&mut self, stand_in: StandIn, tick: u64, miss: Miss) {
        self.last.retain(|(known, _, _)| *known != stand_in);
        self.last.push((stand_in, tick, miss));
    }
}

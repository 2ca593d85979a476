//! Files that stand in for others: how the cache knows them, and which of them are not there.

use super::Miss;
use crate::plan::StandIn;

/// What stands for a file in the cache that is no request path, as it starts with a slash. After that
/// comes the status whose page it is, if it is one's.
pub(super) fn key(stand_in: StandIn) -> [u8; 3] {
    let code = match stand_in {
        StandIn::Start => 0,
        StandIn::Error(status) => status.code(),
    };
    let [high, low] = code.to_be_bytes();
    [b'/', high, low]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Status;
    use std::collections::BTreeSet;

    #[test]
    fn each_stand_in_has_a_key_of_its_own_that_is_no_path() {
        let errors = Status::ALL.iter().map(|status| StandIn::Error(*status));
        let keys: BTreeSet<_> = errors.chain([StandIn::Start]).map(key).collect();
        assert_eq!(keys.len(), Status::ALL.len() + 1);
        assert!(keys.iter().all(|key| key.starts_with(b"/")));
    }
}

//! How much is done for one connection before the others have their turn.
//!
//! Work is counted in bytes that are sent and received, and each request counts for some more. A
//! session has a budget of its own in each of its turns, and the sessions that send much share one in
//! each step of a tick.

/// Counts work, and says when it is somebody else's turn.
#[derive(Debug, Default)]
pub(crate) struct TurnBudget {
    /// What has been done so far, for all sessions.
    spent: u64,
    /// The work at which the share is spent that the present step of the loop has of a tick.
    share_end: u64,
}

/// The work at which a session's turn began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnStart(u64);

impl TurnBudget {
    /// Begins a step of the loop, which has a share of work of its own.
    pub(crate) fn begin_share(&mut self) {
        self.share_end = self.spent + BYTES_A_TURN as u64;
    }

    /// Returns `true` if what takes long is left for the next step.
    pub(crate) fn is_share_spent(&self) -> bool {
        self.spent >= self.share_end
    }

    /// Begins the turn of a session.
    pub(crate) fn begin_turn(&self) -> TurnStart {
        TurnStart(self.spent)
    }

    /// Returns `true` if the turn that began then is over.
    pub(crate) fn is_turn_over(&self, start: TurnStart) -> bool {
        self.spent - start.0 >= BYTES_A_TURN as u64
    }

    /// Counts bytes that were sent or received.
    pub(crate) fn charge(&mut self, bytes: usize) {
        self.spent += bytes as u64;
    }

    /// Counts a request.
    pub(crate) fn charge_request(&mut self) {
        self.spent += REQUEST_BYTES;
    }
}

/// Per-turn work budget, in bytes. Once a session has spent it, the next session runs. Also caps a
/// single `sendfile`.
pub(crate) const BYTES_A_TURN: usize = 1024 * 1024;

/// What a request weighs in a turn besides its bytes: a small one may have a file opened and read.
const REQUEST_BYTES: u64 = 16 * 1024;

/// Content up to this size is sent at once, however many ask for it: as much as is kept in memory of
/// a file. To come back for it costs more than to be done with it.
pub(crate) const SMALL_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_after_its_budget_and_some_dozens_of_requests_are_one() {
        let mut budget = TurnBudget::default();
        let turn = budget.begin_turn();
        budget.charge(BYTES_A_TURN - 1);
        assert!(!budget.is_turn_over(turn));
        budget.charge(1);
        assert!(budget.is_turn_over(turn));
        let turn = budget.begin_turn();
        let requests = (1..=100).find(|_| {
            budget.charge_request();
            budget.is_turn_over(turn)
        });
        assert_eq!(requests, Some(64));
    }

    #[test]
    fn each_step_has_a_share_of_its_own() {
        let mut budget = TurnBudget::default();
        budget.begin_share();
        budget.charge(BYTES_A_TURN);
        assert!(budget.is_share_spent());
        budget.begin_share();
        assert!(!budget.is_share_spent());
    }
}

//! The amount of work for one connection before others have their turn.
//!
//! Work is counted in bytes sent and received, plus a constant for each request. A session has a
//! budget in each of its turns, and the sessions with large responses share one in each step of a
//! tick.

/// Counts work, and ends turns.
#[derive(Debug, Default)]
pub(crate) struct TurnBudget {
    /// The work so far, for all sessions.
    spent: u64,
    /// The amount of work at which the share of the present step ends.
    share_end: u64,
}

/// The amount of work at which a session's turn began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnStart(u64);

impl TurnBudget {
    /// Begins a step of the loop with its own share of work.
    pub(crate) fn begin_share(&mut self) {
        self.share_end = self.spent + BYTES_A_TURN as u64;
    }

    /// Returns `true` if long work should wait for the next step.
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

    /// Counts bytes sent or received.
    pub(crate) fn charge(&mut self, bytes: usize) {
        self.spent += bytes as u64;
    }

    /// Counts a request.
    pub(crate) fn charge_request(&mut self) {
        self.spent += REQUEST_BYTES;
    }
}

/// The work budget of a turn, in bytes. Once a session has spent it, the next session runs. It also
/// limits a single `sendfile`.
pub(crate) const BYTES_A_TURN: usize = 1024 * 1024;

/// The cost of a request besides its bytes: even a small one may open and read a file.
const REQUEST_BYTES: u64 = 16 * 1024;

/// Content up to this size is sent at once, however many clients request it: the same size up to
/// which a file is kept in memory. Returning to it later would cost more than sending it.
pub(crate) const SMALL_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_after_its_budget_or_some_dozens_of_requests() {
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
    fn each_step_has_its_own_share() {
        let mut budget = TurnBudget::default();
        budget.begin_share();
        budget.charge(BYTES_A_TURN);
        assert!(budget.is_share_spent());
        budget.begin_share();
        assert!(!budget.is_share_spent());
    }
}

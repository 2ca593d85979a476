//! Whether the request of a new connection tends to be here by the connection's first turn.
//!
//! Where it is, a connection that ends with it need not be registered with the poll at all. Where
//! it is not, as with a client that is close and has to wake up first, the look is in vain, and
//! waiting at once is cheaper.

#[derive(Debug, Default)]
pub(crate) struct Promptness {
    /// Connections whose request was late, since one whose request was not.
    late: u32,
    /// Connections that were not looked at since one that was.
    not_looked_at: u32,
}

/// What the first look for a connection's request has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstLook {
    Found,
    InVain,
}

impl Promptness {
    /// Whether to look for the request of a connection that has just been accepted.
    pub(crate) fn is_worth_a_look(&mut self) -> bool {
        if self.late < LATE_MAX || self.not_looked_at >= NOT_LOOKED_AT_MAX {
            self.not_looked_at = 0;
            return true;
        }
        self.not_looked_at += 1;
        false
    }

    /// Takes note of what a look has shown, if there was one.
    pub(crate) fn note(&mut self, look: Option<FirstLook>) {
        match look {
            Some(FirstLook::Found) => self.late = 0,
            Some(FirstLook::InVain) => self.late = self.late.saturating_add(1),
            None => {}
        }
    }
}

/// So many late requests in a row make a habit.
const LATE_MAX: u32 = 8;

/// After so many connections, one is looked at to see whether the habit has changed.
const NOT_LOOKED_AT_MAX: u32 = 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_requests_are_soon_not_looked_for_but_now_and_then() {
        let mut promptness = Promptness::default();
        let looks = (0..LATE_MAX + 64)
            .filter(|_| {
                let looks = promptness.is_worth_a_look();
                if looks {
                    promptness.note(Some(FirstLook::InVain));
                }
                looks
            })
            .count();
        assert_eq!(looks, 8 + 2);
    }

    #[test]
    fn one_prompt_request_is_enough_to_look_for_the_next() {
        let mut promptness = Promptness::default();
        for _ in 0..100 {
            promptness.note(Some(FirstLook::InVain));
        }
        assert!(!promptness.is_worth_a_look());
        promptness.note(Some(FirstLook::Found));
        assert!(promptness.is_worth_a_look());
    }
}

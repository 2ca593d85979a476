//! The operator's rules for the headers of responses.

pub(super) mod general;
pub(super) mod rule;
pub(super) mod rules;
pub(super) mod scope;

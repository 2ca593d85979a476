//! Access control, by client address, and by user and password.
//!
//! An `[[access]]` in the settings file is an [`AccessRule`]. The first one that matches the path
//! of a request counts. Without one, everybody has access. Rules are checked before anything is
//! looked up, so that nobody learns which files exist. They are checked again for the file that was
//! found, which may have another name than the requested one. [`Visitor`] provides the facts about
//! the client.

mod admission;
mod counting;
mod names;
mod private;
mod refusal;
mod rules;
mod visitor;

pub(super) use admission::Admission;
pub use counting::counting_rules;
pub(super) use private::private;
pub use rules::{Access, AccessRule, Shadowed, Users};
pub use visitor::{Anybody, Verdict, Visitor};

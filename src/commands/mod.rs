//! What a running server never executes: commands that look, print and end, and what is said once at
//! the start.

mod banner;
mod check;
mod explain;
mod health;
mod warnings;

pub use banner::Announcement;
pub use check::{check, confinement};
pub use explain::{Explanation, explain};
pub use health::{Unhealthy, check_health};
pub use warnings::{Concern, concerns};

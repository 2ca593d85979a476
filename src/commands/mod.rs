//! Code that a running server never executes: commands that print something and exit, and the
//! output at the start.

mod banner;
mod check;
#[cfg(feature = "share")]
mod discover;
#[cfg(not(feature = "share"))]
#[path = "discover_absent.rs"]
mod discover;
mod explain;
mod hash_password;
mod health;
mod precompress;
#[cfg(feature = "share")]
mod qr_code;
#[cfg(not(feature = "share"))]
#[path = "qr_code_absent.rs"]
mod qr_code;
mod warnings;

pub use banner::Banner;
pub use check::{check, confinement};
pub use discover::{Discovered, discover};
pub use explain::{Explanation, explain};
pub use hash_password::{NoHash, hash_password};
pub use health::{Unhealthy, check_health};
pub use precompress::{NotPrecompressed, Precompressed, check_precompressed, precompress};
pub use warnings::{ConfigWarning, lint};

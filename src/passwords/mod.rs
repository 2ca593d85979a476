//! Password files in the format of `htpasswd`, and the verification of passwords.
//!
//! Everything here is pure: the text of a file goes in, users and their hashes come out. The caller
//! decides when and where to verify a password, since this takes long by design.

mod apr1;
mod crypt64;
mod file;
mod hash;

pub use file::{LineError, PasswordFile, line};
pub use hash::{HashError, PASSWORD_BYTES_MAX, PasswordHash};

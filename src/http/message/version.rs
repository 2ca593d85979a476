//! Versions of HTTP (RFC 9110 §2.5).

/// A version of HTTP (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl Version {
    /// Returns the version HTTP/1 with this minor version. RFC 9110 §2.5: a later one than ours is
    /// read as ours.
    pub(super) const fn of_minor(minor: u8) -> Self {
        if minor == 0 {
            Self::Http10
        } else {
            Self::Http11
        }
    }
}

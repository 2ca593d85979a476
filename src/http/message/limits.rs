//! The size limits of a request.

/// The size limits of a request. A larger one is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes in a request target, or 414. Browsers stay below 8 KiB.
    pub request_target_bytes_max: usize,
    /// The most bytes in a request head (request line, fields and the empty line), or 431.
    pub head_bytes_max: usize,
    /// The most field lines in a head (at most [`FIELDS_CAP`]), or 431.
    pub fields_max: usize,
    /// The most bytes of request content that are read and dropped to keep a connection usable, or
    /// 413.
    pub content_bytes_max: u64,
}

/// The upper bound of [`Limits::fields_max`].
pub const FIELDS_CAP: usize = 256;

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_target_bytes_max: 8 * 1024,
            head_bytes_max: 16 * 1024,
            fields_max: 100,
            content_bytes_max: 1024 * 1024,
        }
    }
}

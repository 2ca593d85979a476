//! One pure decision.

/// What the operator wants of every response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether responses carry a `Server` field (RFC 9110 §10.2.4).
    pub server_field: bool,
    /// The value of `Cache-Control` (RFC 9111 §5.2) on files; none when empty.
    pub cache_control: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            server_field: true,
            cache_control: "no-cache".to_owned(),
        }
    }
}

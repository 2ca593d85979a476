//! The effort of an encoder: little for an immediate result, or much for a smaller one.

/// The effort that an encoder makes for a smaller result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Little effort, because a client is waiting.
    OnRequest,
    /// As much effort as the smallest result in this coding requires.
    Most,
}

/// The bytes that an encoder receives at once. They take 0.1 ms with [`Effort::OnRequest`], or 0.2
/// ms in the worst case.
pub(crate) const STEP_BYTES: usize = 4 * 1024;

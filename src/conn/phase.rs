//! The phases of a connection, as metrics, limits and deadlines see them.

/// What a connection is doing at a moment. Its deadline depends on the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The first request has not begun to arrive.
    New,
    /// The connection is between two requests.
    Idle,
    /// The head of a request is arriving.
    Head,
    /// The content of a request is arriving.
    Content,
    /// A response is being prepared or sent.
    Send,
    /// A response without an end is in progress, and everything so far has been sent.
    Stream,
    /// Everything has been sent, and the peer has yet to close.
    Linger,
}

impl Phase {
    /// All phases, in the order in which a connection passes through them.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Idle,
        Self::Head,
        Self::Content,
        Self::Send,
        Self::Stream,
        Self::Linger,
    ];

    /// Returns the name of the phase: the first word of its timeout. Exceptions are a new
    /// connection, which has the timeout of the head, and a stream, which has none.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Content => "content",
            Self::Send => "send",
            Self::Stream => "stream",
            Self::Linger => "linger",
        }
    }
}

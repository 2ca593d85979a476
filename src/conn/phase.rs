//! What a connection is busy with, as metrics, limits and deadlines see it.

/// What a connection is about at a moment, which is also what its deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its first request has not begun to come.
    New,
    /// It is between two requests.
    Idle,
    /// The head of a request is coming in.
    Head,
    /// The content of a request is coming in.
    Content,
    /// A response is on its way.
    Send,
    /// All has been said, and the peer has yet to close.
    Linger,
}

impl Phase {
    /// All phases, in the order in which a connection goes through them.
    pub const ALL: [Self; 6] = [
        Self::New,
        Self::Idle,
        Self::Head,
        Self::Content,
        Self::Send,
        Self::Linger,
    ];

    /// The first word of the timeout that holds for it; a new connection has the head's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Content => "content",
            Self::Send => "send",
            Self::Linger => "linger",
        }
    }
}

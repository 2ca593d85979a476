//! The reasons why TLS connections fail, as a few kinds that can be counted.

use rustls::Error;

/// The reason why a TLS connection failed, as `/metrics` reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The client used plain HTTP.
    PlainHttp,
    /// Client and server have no common version, cipher suite, group or protocol.
    NothingInCommon,
    /// The client has rejected the handshake, usually because it does not trust the certificate.
    Refused,
    /// The client sent data that is not valid TLS.
    Malformed,
    /// Data of the client could not be decrypted.
    Decryption,
    /// A message is larger than any that a client has a reason to send.
    Oversized,
    /// The client disconnected before the handshake was complete.
    Left,
    /// An error on this side.
    Internal,
}

impl Failure {
    pub(crate) const ALL: [Self; 8] = [
        Self::PlainHttp,
        Self::NothingInCommon,
        Self::Refused,
        Self::Malformed,
        Self::Decryption,
        Self::Oversized,
        Self::Left,
        Self::Internal,
    ];

    /// Returns the value of the label.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PlainHttp => "plain_http",
            Self::NothingInCommon => "nothing_in_common",
            Self::Refused => "refused_by_client",
            Self::Malformed => "malformed",
            Self::Decryption => "decryption",
            Self::Oversized => "oversized",
            Self::Left => "client_left",
            Self::Internal => "internal",
        }
    }

    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Self::NothingInCommon,
            Error::AlertReceived(_) => Self::Refused,
            Error::DecryptError => Self::Decryption,
            Error::PeerSentOversizedRecord => Self::Oversized,
            Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::InvalidMessage(_)
            | Error::PeerMisbehaved(_) => Self::Malformed,
            _ => Self::Internal,
        }
    }
}

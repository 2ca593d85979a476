//! The commands from the first worker to the others, and their replies.

use crate::server::admin::figures::LoopFigures;
use crate::server::connections::eviction::EvictionRank;
use crate::server::ingress::Ingress;
use crate::server::net::stream::Stream;
use crate::server::options::Options;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// A command from the first worker to another. Commands are executed in the order in which they
/// were sent.
#[derive(Debug)]
pub(crate) enum Command {
    /// A connection to serve, and its peer's address.
    Connection(Stream, Option<IpAddr>),
    /// Offer the connection that could best be closed: the reply is an [`Offer`].
    OfferRoom,
    /// Close up to this many connections to make room.
    MakeRoom(usize),
    /// Report the figures.
    Report,
    /// Forget all files.
    ForgetFiles,
    /// Prepare for other settings.
    Prepare(Arc<Change>),
    /// Apply the prepared settings.
    PutInForce,
    /// Drop the prepared settings.
    Discard,
    /// Take the time of day from another clock.
    TimeOfDay(fn() -> SystemTime),
    /// Finish the requests in progress until this time.
    Drain(Instant),
    /// Stop at once.
    Stop,
}

/// Other settings.
#[derive(Debug)]
pub(crate) struct Change {
    /// The options of one of several workers.
    pub(crate) new: Options,
    pub(crate) ingress: Ingress,
}

/// A reply from a worker to the first one.
#[derive(Debug)]
pub(crate) enum Reply {
    Offer(Offer),
    /// Connections were closed, if this was still possible.
    RoomMade,
    Report(Box<LoopFigures>),
    /// The worker is prepared, or cannot be.
    Prepared(Result<(), String>),
    /// The worker drains, with this many requests in progress.
    Draining(usize),
    /// Nothing more will be done, and all log lines were passed on.
    Finished,
}

/// The rank of the connection that can best be closed, or else the time at which the first one can
/// be.
pub(crate) type Offer = Result<EvictionRank, Option<Instant>>;

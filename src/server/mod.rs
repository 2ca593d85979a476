//! The event loop and what it drives: sockets, connections, answers, the log and the metrics.

pub(crate) mod admin;
pub(crate) mod answer;
pub(crate) mod audience;
mod bound;
pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod context;
pub(crate) mod error;
mod event_loop;
pub(crate) mod grants;
mod lifecycle;
pub(crate) mod listen_address;
pub(crate) mod net;
pub(crate) mod observe;
pub(crate) mod options;
mod reload;
mod shutdown;
mod signals;
mod surroundings;
pub(crate) mod turn_budget;

pub use audience::Audience;
pub use bound::Bound;
pub use clock::timestamp;
pub use error::{FreePort, StartError};
pub use event_loop::Server;
pub use grants::sandbox;
pub use listen_address::ListenAddress;
pub use net::bind::addresses;
pub use net::holder::Holder;
pub use observe::access_log::{AccessLogFormat, LogDestination, LogExclusion};
pub use options::{Load, Options};

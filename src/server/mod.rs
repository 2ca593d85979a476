//! The event loop and the parts that it drives: sockets, connections, responses, the log and the
//! metrics.
//!
//! | module | owns |
//! | --- | --- |
//! | `options`, `audience`, `ingress`, `listen_address`, `sites` | the options, and their consequences |
//! | `bound`, `grants`, `surroundings`, `error` | the start: listeners, privileges, sandbox |
//! | `supervisor`, `signals`, `shutdown`, `lifecycle`, `draining` | the first loop, and everything that concerns the process |
//! | `reload`, `prepared` | new settings |
//! | `event_loop`, `context`, `clock`, `turn_budget` | one turn of a loop |
//! | `net` | sockets, plain and with TLS; listeners; the name in the network |
//! | `connections` | the session of each connection, and their number |
//! | `answer` | from a request to a response, through the plan |
//! | `passwords`, `live`, `workers` | what runs beside a loop |
//! | `observe`, `admin` | log lines, metrics, and the port that shows them |
//!
//! A request passes `event_loop`, `connections::session`, [`conn`](crate::conn), `answer::endpoint`,
//! `answer::responder` and [`plan`](crate::plan), and its response goes back the same way.

pub(crate) mod admin;
pub(crate) mod answer;
pub(crate) mod audience;
mod bound;
pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod context;
mod draining;
pub(crate) mod error;
mod event_loop;
pub(crate) mod grants;
pub(crate) mod ingress;
mod lifecycle;
pub(crate) mod listen_address;
pub(crate) mod live;
pub(crate) mod net;
pub(crate) mod observe;
pub(crate) mod options;
pub(crate) mod passwords;
mod prepared;
mod reload;
mod shutdown;
mod signals;
#[cfg(test)]
mod simulation;
pub(crate) mod sites;
mod supervisor;
mod surroundings;
pub(crate) mod turn_budget;
pub(crate) mod workers;

pub use audience::Audience;
pub use bound::Bound;
pub use clock::timestamp;
pub use error::{FreePort, StartError};
pub use grants::sandbox;
pub use listen_address::ListenAddress;
pub use live::hub::MISSING;
pub use net::bind::addresses;
pub use net::holder::Holder;
#[cfg(all(fuzzing, feature = "tls"))]
pub use net::tls::converse;
pub use observe::access_log::{AccessLogFormat, LogDestination, LogExclusion};
pub use options::{CertificateFiles, Load, Options};
pub use sites::site_options::{SiteName, SiteOptions};
pub use supervisor::Server;

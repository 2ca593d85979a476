//! What belongs to the process and knows nothing of HTTP: who it runs as, what the kernel lets it do,
//! where its messages go, and how a service manager sees it.

mod browser;
mod daemon;
pub(crate) mod output;
pub(crate) mod pid_file;
pub(crate) mod privileges;
pub(crate) mod sandbox;
pub(crate) mod service_manager;
pub(crate) mod stats;
pub(crate) mod stderr;
mod terminal;

pub use browser::{NotOpened, Opener};
pub use daemon::{Daemon, Detached};
pub use pid_file::PidFileError;
pub use privileges::{Identity, PrivilegeError, User};
pub use sandbox::{FilterError, Sandbox, SandboxError, SandboxMode, refuse_calls};
pub use stderr::{Diagnostics, journal_priority, print_at_once};
pub use terminal::Ink;

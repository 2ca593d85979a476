//! The process itself, without HTTP: its user, its sandbox, its messages, and its service manager.

mod browser;
mod daemon;
pub(crate) mod diagnostics;
pub(crate) mod file_stamp;
pub(crate) mod line_queue;
pub(crate) mod output;
pub(crate) mod pid_file;
pub(crate) mod privileges;
mod repetition;
pub(crate) mod sandbox;
pub(crate) mod service_manager;
pub(crate) mod stats;
pub(crate) mod stderr;
mod terminal;

pub use browser::{BrowserLauncher, NotOpened};
pub use daemon::{Daemon, Detached};
pub use diagnostics::{finish as finish_diagnostics, start as start_diagnostics};
pub use pid_file::PidFileError;
pub use privileges::{NameOrId, PrivilegeError, User};
pub use sandbox::{
    CallFilter, CallRefusal, FilterError, NetworkDescriptors, Sandbox, SandboxError, SandboxMode,
};
pub use stderr::{Stderr, journal_priority, open_own as open_own_stderr, print_at_once};
pub use terminal::{TermStyle, columns as terminal_columns};

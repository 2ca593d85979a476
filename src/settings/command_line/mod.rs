//! The command line, and the texts about it.
//!
//! | file | owns |
//! | --- | --- |
//! | `command` | the command line, its help and its completions |
//! | `manual`, `guide` | the manual page, and its sections besides the options |
//! | `mistake` | the message for a command line that is not understood |
//! | `habits` | flags and commands of other servers, and their counterparts here |

mod command;
mod guide;
mod habits;
mod manual;
mod mistake;

pub use command::{Action, Arguments, DiscoveryForm, completions};
pub use manual::manual;
pub use mistake::Unparsed;

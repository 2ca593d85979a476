//! The kinds of option values. Each is a type that implements [`Value`], in a file with its syntax
//! and its tests.
//!
//! | file | owns |
//! | --- | --- |
//! | `value` | the trait, and helpers that its implementations share |
//! | `printed` | values written as TOML |
//! | `switch`, `count`, `size`, `duration`, `keyword` | general values |
//! | `header`, `cors`, `host` | response headers, and the hosts that are answered |
//! | `address`, `proxy`, `label` | listen addresses, trusted proxies, a name in the network |
//! | `path`, `log`, `user` | files, logs and users |
//! | `page`, `dotfiles` | the start page of an application, names that begin with a dot |

mod address;
mod cors;
mod count;
mod dotfiles;
mod duration;
mod header;
mod host;
mod keyword;
mod label;
mod log;
mod page;
mod path;
mod printed;
mod proxy;
mod size;
mod switch;
mod user;
mod value;

pub(crate) use address::{Addresses, Port};
pub(crate) use cors::Cors;
pub(crate) use count::{Count, CountOrAuto};
pub(crate) use dotfiles::DotfilePatterns;
pub(crate) use duration::Time;
pub(crate) use header::{HeaderValue, Headers, header_name, header_value, removable_header};
pub(crate) use host::{Hosts, host};
pub(crate) use keyword::{Keyword, LOG_FORMATS, SANDBOX_MODES};
pub(crate) use label::LocalName;
pub(crate) use log::{LogExclusions, LogFile};
pub(crate) use page::SwitchOrPage;
pub(crate) use path::{Directories, Directory, FileNames, OptionalFile};
pub(crate) use printed::{Printed, toml_string};
pub(crate) use proxy::Proxies;
pub(crate) use size::Size;
pub(crate) use switch::{Switch, SwitchOrAuto, switch_word};
pub(crate) use user::UserAndGroup;
pub(crate) use value::{InvalidValue, TomlForm, Value};

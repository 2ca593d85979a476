//! One pure decision: a request, the operator's policy and a site determine the response.
//!
//! [`respond`](respond()) makes that decision in eight steps and accesses the site through
//! [`Resources`]:
//!
//! 1. host, method and path;
//! 2. access of the client;
//! 3. redirects;
//! 4. the file;
//! 5. its best coding;
//! 6. a fallback, if there is no file;
//! 7. preconditions and ranges;
//! 8. the operator's rules for headers.
//!
//! Where a step has to wait, the plan is pending, and the request is planned again from the first
//! step. Fields that do not depend on the request are built once for each file
//! ([`Representation`]). [`error_response`] answers input that is not a request. Nothing here does
//! I/O.
//!
//! | module | owns |
//! | --- | --- |
//! | `respond`, `decision`, `response` | the steps, and their result |
//! | `policy` | the operator's settings |
//! | `resources`, `unavailable` | the site as the plan sees it, and why it has no file |
//! | `precheck`, `method`, `navigation` | facts about the request |
//! | `access`, `redirect`, `headers` | the operator's rules |
//! | `file` | a file as it is sent: coding, preconditions, ranges |
//! | `fallback`, `pages` | responses without a file |
//! | `live` | the script and the stream of live reload |

mod access;
mod decision;
mod dotfiles;
mod fallback;
mod file;
mod headers;
pub mod live;
mod method;
mod navigation;
mod pages;
mod policy;
mod precheck;
mod redirect;
mod resources;
mod respond;
mod response;
mod unavailable;

pub use access::{Access, AccessRule, Anybody, Shadowed, Users, Verdict, Visitor, counting_rules};
pub use decision::Decision;
pub use dotfiles::{Concealed, Dotfile, Dotfiles, PRIVATE_NAMES};
pub use fallback::Fallback;
pub use file::metadata::Metadata;
pub use file::multipart::{Multipart, PartHeads};
pub use file::representation::Representation;
pub use file::selection::select_coding;
pub use headers::general::AllowedOrigin;
pub use headers::rule::{CONTENT_ENCODING, Class, Pattern, Rule, check_name, is_metadata};
pub use headers::rules::Rules;
pub use headers::scope::Scope;
pub use pages::no_site::{NoSite, without_site};
pub use pages::page_response::error_response;
pub use policy::Policy;
pub use precheck::{addressed_path, is_answered, precheck};
pub use redirect::redirects::{BadRedirect, Part, Redirect, Redirects};
pub use redirect::rewrites::{Rewrite, Rewrites};
pub use redirect::scheme::{plain_http_on_https, redirect_to_https};
pub use resources::{Lookup, Resource, Resources};
pub use respond::respond;
pub use response::{Content, Plan};
pub use unavailable::{CanonicalForm, Unavailable};

#[cfg(test)]
mod tests;

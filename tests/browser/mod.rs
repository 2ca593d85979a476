//! A real browser: Debian's Chromium, driven by its own protocol.
//!
//! | file | owns |
//! | --- | --- |
//! | `devtools` | the browser's process, commands, results, events |
//! | `page` | one page: where it goes, what it shows, what it complains of |
//! | `accessibility` | what those are told who do not see the page, or see it badly |
//! | `video` | a video that can be sought in, and takes no room |
#![allow(
    dead_code,
    unused_imports,
    reason = "the tests and the screenshots each use their own part of what stands here"
)]

pub(crate) mod accessibility;
mod devtools;
mod page;
pub(crate) mod video;

pub(crate) use page::{Page, Scheme, text};

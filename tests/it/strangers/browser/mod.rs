//! A real browser: Debian's Chromium, controlled by its own protocol.
//!
//! | file | owns |
//! | --- | --- |
//! | `devtools` | the browser's process, commands, results, events |
//! | `page` | one page: its navigation, its content, its complaints |
//! | `accessibility` | the page as users with a screen reader or low vision perceive it |
//! | `video` | a video that supports seeking and uses no disk space |
//! | `site` | tests of the included site, and of browser features with files |
//! | `listing` | tests of directory listings |
//! | `live` | tests of live reload |
//! | `screenshots` | the pictures in the documentation |

mod accessibility;
mod devtools;
mod listing;
mod live;
mod page;
mod screenshots;
mod site;
mod video;

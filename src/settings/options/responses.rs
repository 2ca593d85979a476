//! What every response says of itself.

use super::{Definition, Group};
use crate::settings::kind::Kind;

pub(super) const GROUP: Group = Group {
    heading: Some("Responses"),
    options: &[
        Definition {
            name: "cache-control",
            kind: Kind::FieldValue(|settings| &mut settings.server.policy.cache_control),
            help: "The Cache-Control of files; empty for none",
            reason: "no-cache lets browsers keep files, but ask each time whether they are \
                     still good, so that nobody sees an old page. Where names of files change \
                     with their content, max-age=31536000, immutable saves the question.",
        },
        Definition {
            name: "header",
            kind: Kind::Headers(|settings| &mut settings.server.policy.headers),
            help: "Add a header to every response, as 'Name: value'; repeat for more",
            reason: "It replaces what millpond sends under that name, and 'Name:' removes \
                     that. Several of one name are joined by commas. What describes a file or \
                     lets caches keep it (Content-Type, Content-Disposition, Content-Language, \
                     Expires, and Cache-Control without no-store and no-cache) is for files \
                     alone, so that no cache keeps an error. Rules by path override it. In \
                     the environment variable, line ends separate headers.",
        },
        Definition {
            name: "cors",
            kind: Kind::Cors(|settings| &mut settings.server.policy.cors),
            help: "Let pages of other origins read responses: of ORIGIN, or of any",
            reason: "For fonts, modules and data that pages elsewhere use, and for development \
                     servers at another port. Every response gets Access-Control-Allow-Origin \
                     and shows scripts what they need for ranges and validators; preflight \
                     requests (OPTIONS) allow GET and HEAD with any header. --cors by itself \
                     is *, any origin.",
        },
        Definition {
            name: "server-field",
            kind: Kind::Switch(|settings| &mut settings.server.policy.server_field),
            help: "Whether responses name the server's software",
            reason: "The field helps whoever looks for the cause of a fault. It never names a \
                     version.",
        },
    ],
};

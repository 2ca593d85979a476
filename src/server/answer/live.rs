//! The responses for live reload: the stream of events, and warnings for the author.

use super::answered::Answer;
use super::response::{Decision, OpenFile, response};
use crate::conn::{Content, Response};
use crate::http::base_path::BasePath;
use crate::http::fields::FieldName;
use crate::http::request::RequestHead;
use crate::plan::addressed_path;
use crate::plan::{self, live};
use crate::server::live::hub::Hub;
use bytes::Bytes;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::Instant;

/// Makes the response that was decided on.
pub(super) fn answer(
    request: &RequestHead<'_>,
    decision: Decision,
    live: &mut Hub,
    now: Instant,
) -> Answer {
    if let plan::Content::Events(since) = decision.plan.content {
        let greeting = Bytes::from(live.greeting(since, now));
        let response = Response {
            status: decision.plan.status,
            fields: decision.plan.fields,
            content: Content::open(greeting),
        };
        return unlogged(request, response);
    }
    let path = addressed_path(request, &BasePath::default());
    if path.is_some_and(|path| path.as_bytes() == live::SCRIPT_PATH.as_bytes()) {
        return unlogged(request, response(decision));
    }
    live.inspect(request, &decision);
    Answer::Ready(response(decision))
}

fn unlogged(request: &RequestHead<'_>, response: Response<OpenFile>) -> Answer {
    let agent = request.fields.single(FieldName::UserAgent);
    // The hash is the same in each call. It is compared only within one run of the server.
    let agent = BuildHasherDefault::<DefaultHasher>::new().hash_one(agent);
    Answer::Live { response, agent }
}

//! One request, one decision: the steps from a request to its response, in order.

use super::access::{Admission, Visitor, private};
use super::decision::Decision;
use super::fallback::{Fallback, error_page, first_directory};
use super::file::partial;
use super::file::precondition;
use super::file::representation::{self, Representation};
use super::file::selection::{accepted_coding, select_coding, select_coding_of_whole};
use super::headers::rule::Class;
use super::live;
use super::navigation::is_for_a_page;
use super::pages::page;
use super::pages::page_response::{self, error_response, not_found, service_unavailable};
use super::policy::Policy;
use super::precheck::{addressed_path, precheck};
use super::redirect::canonical;
use super::resources::{Lookup, Resource, Resources};
use super::response::{Content, Plan};
use super::unavailable::{CanonicalForm, Unavailable};
use crate::http::Status;
use crate::http::base_path::BasePath;
use crate::http::coding::{Coding, Codings};
use crate::http::fields::Fields;
use crate::http::path::{RequestPath, as_if_separated, has_hidden_segment};
use crate::http::request::RequestHead;
use crate::http::response::FieldBlockWriter;
use std::task::{Poll, ready};

/// Decides on the response to a request. `boundary` separates the parts of several ranges. If the
/// site or the `visitor` needs time, the decision is pending. The request is then planned again
/// from the start, with resources and a visitor that have the results.
pub fn respond<R: Resources, V: Visitor>(
    request: &RequestHead<'_>,
    policy: &Policy,
    boundary: &str,
    resources: &mut R,
    visitor: &mut V,
) -> Poll<Decision<R::File>> {
    // 1. The host, the method and the path.
    let path = match precheck(request, &policy.hosts) {
        Ok(path) => path,
        Err(plan) => {
            let path = addressed_path(request, &policy.base);
            return without_file(request, plan, path.as_ref(), policy);
        }
    };
    let path = match path {
        Some(path) if !policy.base.is_top() => match below_base(path, request, policy) {
            Ok(path) => Some(path),
            Err(plan) => {
                // The request is for the start of the site.
                let path = RequestPath::parse(b"/").ok();
                return without_file(request, plan, path.as_ref(), policy);
            }
        },
        path => path,
    };
    let path = path.as_ref();
    // 2. Access of the client, before the response can reveal which files exist.
    let mut admission = Admission::new(request, policy, visitor);
    if let Err(plan) = ready!(admission.check_path(path)) {
        return without_file(request, plan, path, policy);
    }
    // The resources of live reload are served below a reserved path, whatever files exist.
    if policy.live
        && let Some(plan) = path.and_then(|path| live::answer(request, path))
    {
        return Poll::Ready(Decision::without_file(plan));
    }
    // 3. to 6.
    let found = ready!(find(request, path, policy, resources, &mut admission));
    let (mut plan, file) = match found {
        // 7. Preconditions and ranges (RFC 9110 §13.2.2), where the response would be a success.
        Ok(file) => (select(request, file.representation(), boundary), Some(file)),
        Err(NoFile::Decided(plan)) => (plan, None),
        Err(NoFile::Unavailable(why)) => {
            let plan = error(request, why, path, policy, resources);
            let is_live = policy.live;
            (
                if is_live {
                    live::add_to_page(plan)
                } else {
                    plan
                },
                None,
            )
        }
    };
    if admission.has_password() {
        plan = as_private(plan, file.as_ref());
    }
    // 8. The operator's rules for headers.
    Poll::Ready(apply_rules(request, plan, file, path, policy))
}

/// The reason why there is no file to send.
enum NoFile {
    /// The response does not need a file.
    Decided(Plan),
    Unavailable(Unavailable),
}

/// Finds the file to send, unless the response is already decided.
#[inline]
fn find<R: Resources, V: Visitor>(
    request: &RequestHead<'_>,
    path: Option<&RequestPath<'_>>,
    policy: &Policy,
    resources: &mut R,
    admission: &mut Admission<'_, V>,
) -> Poll<Result<R::File, NoFile>> {
    // 3. The operator's redirects, whatever files exist.
    if let Some(plan) = redirect(request, path, policy) {
        return Poll::Ready(Err(NoFile::Decided(plan)));
    }
    // 4. The file at the path. It may have another name, to which this client has no access.
    let found = match path {
        Some(path) => ready!(resources.find(request, path)),
        None => Err(why_unservable(request)),
    };
    let unavailable = match (found, path) {
        (Ok(file), Some(path)) => {
            if let Err(plan) = ready!(admission.check_file(&file)) {
                return Poll::Ready(Err(NoFile::Decided(plan)));
            }
            // 5. The coding that suits the request best.
            match ready!(in_best_coding(
                &request.fields,
                path.as_bytes(),
                file,
                resources
            )) {
                Ok(file) => return Poll::Ready(Ok(file)),
                Err(unavailable) => unavailable,
            }
        }
        (Ok(_), None) => Unavailable::NotFound,
        (Err(unavailable), _) => unavailable,
    };
    // 6. A fallback, if there is no file: the target of a rewrite, the start page of an application,
    //    or an error page. Clean URLs and listings belong to the site, which has covered them in
    //    step 4.
    find_fallback(request, path, unavailable, policy, resources, admission)
}

/// Returns the path relative to the base path of the site, or the redirect to the base path if only
/// its last slash is missing. All other paths belong to other sites.
fn below_base<'b>(
    path: RequestPath<'b>,
    request: &RequestHead<'_>,
    policy: &Policy,
) -> Result<RequestPath<'b>, Plan> {
    let base = &policy.base;
    if base.as_bytes().strip_suffix(b"/") == Some(path.as_bytes()) {
        let (form, top) = (CanonicalForm::AddSlash, BasePath::default());
        return Err(canonical::redirect_to(form, &path, &top, request));
    }
    path.relative_to(base.as_bytes())
        .ok_or_else(|| error_response(Status::NotFound))
}

/// Returns the operator's redirect of a path. Its destination is relative to the base path of the
/// site, too.
fn redirect(
    request: &RequestHead<'_>,
    path: Option<&RequestPath<'_>>,
    policy: &Policy,
) -> Option<Plan> {
    if policy.redirects.is_empty() {
        return None;
    }
    let query = request.target.path_and_query()?.query;
    let reference = path?.to_reference().to_string();
    let (_, status, location) = policy.redirects.find(&reference, query)?;
    let location = match location.strip_prefix('/') {
        Some(path) if !policy.base.is_top() => format!("{}{path}", policy.base),
        _ => location,
    };
    Some(page_response::redirect(status, &location))
}

/// Finds the first existing fallback to which this client has access.
fn find_fallback<R: Resources, V: Visitor>(
    request: &RequestHead<'_>,
    path: Option<&RequestPath<'_>>,
    unavailable: Unavailable,
    policy: &Policy,
    resources: &mut R,
    admission: &mut Admission<'_, V>,
) -> Poll<Result<R::File, NoFile>> {
    let is_missing = unavailable == Unavailable::NotFound;
    let target = path
        .filter(|_| is_missing)
        .and_then(|it| policy.rewrites.find(it));
    let start = policy
        .spa
        .as_ref()
        .filter(|_| is_missing && is_for_a_page(request));
    let fallbacks = [
        target.as_ref().map(|it| (Fallback::Rewrite, it.as_bytes())),
        start.map(|it| (Fallback::Start, it.as_bytes())),
    ];
    for (fallback, path) in fallbacks.into_iter().flatten() {
        let Ok(path) = RequestPath::parse(path) else {
            continue;
        };
        match ready!(open_fallback(
            request, fallback, &path, policy, resources, admission
        )) {
            Ok(Some(file)) => return Poll::Ready(Ok(file)),
            Ok(None) => {}
            Err(plan) => return Poll::Ready(Err(NoFile::Decided(plan))),
        }
    }
    let page = ready!(find_error_page(
        request,
        path,
        unavailable,
        policy,
        resources,
        admission
    ));
    Poll::Ready(page.ok_or(NoFile::Unavailable(unavailable)))
}

/// Finds the site's own page for an error: that of the nearest directory which has one.
#[inline]
fn find_error_page<R: Resources, V: Visitor>(
    request: &RequestHead<'_>,
    path: Option<&RequestPath<'_>>,
    unavailable: Unavailable,
    policy: &Policy,
    resources: &mut R,
    admission: &mut Admission<'_, V>,
) -> Poll<Option<R::File>> {
    let status = unavailable.status().filter(|_| policy.error_pages);
    let Some((status, name)) = status.and_then(|it| Some((it, error_page(it)?))) else {
        return Poll::Ready(None);
    };
    let mut directory = path.map_or(&[][..], |path| first_directory(path, &policy.dotfiles));
    loop {
        directory = resources.nearest_with(name, directory);
        let page = RequestPath::of_file_in(directory, name);
        let fallback = Fallback::Error(status);
        let found = open_fallback(request, fallback, &page, policy, resources, admission);
        // A page of our own says the same as an error page that is not for this client.
        if let Ok(Some(file)) = ready!(found) {
            return Poll::Ready(Some(file));
        }
        let Some(above) = directory.strip_suffix(b"/") else {
            return Poll::Ready(None);
        };
        let end = memchr::memrchr(b'/', above).map_or(0, |slash| slash + 1);
        directory = above.get(..end).unwrap_or_default();
    }
}

/// Finds the file at this path to serve it as a fallback, unless it does not exist or cannot be
/// served. Returns the response if this client has no access to it.
#[inline]
fn open_fallback<R: Resources, V: Visitor>(
    request: &RequestHead<'_>,
    fallback: Fallback,
    path: &RequestPath<'_>,
    policy: &Policy,
    resources: &mut R,
    admission: &mut Admission<'_, V>,
) -> Poll<Result<Option<R::File>, Plan>> {
    // A hidden file stays hidden, whatever the placeholders matched.
    if policy.dotfiles.check(path).is_err() {
        return Poll::Ready(Ok(None));
    }
    if let Err(plan) = ready!(admission.check_target(path)) {
        return Poll::Ready(Err(plan));
    }
    let Ok(file) = ready!(resources.find_fallback(fallback, path)) else {
        return Poll::Ready(Ok(None));
    };
    if let Err(plan) = ready!(admission.check_file(&file)) {
        return Poll::Ready(Err(plan));
    }
    let file = in_best_coding(&request.fields, path.as_bytes(), file, resources);
    Poll::Ready(Ok(ready!(file).ok()))
}

/// Finds a file in the coding that suits the request best, among those available.
#[inline]
fn in_best_coding<R: Resources>(
    fields: &Fields<'_>,
    path: &[u8],
    file: R::File,
    resources: &mut R,
) -> Lookup<R::File> {
    let mut available = file.codings();
    while let Some(coding) = best_coding(fields, &file, available) {
        if let Some(encoded) = resources.encode(path, &file, coding) {
            return encoded;
        }
        // If it turns out to be unavailable, the others are left.
        available = available.passing_over(coding);
    }
    if !file.is_only_precompressed() {
        return Poll::Ready(Ok(file));
    }
    if let Some(decoded) = resources.decode(path, &file) {
        return decoded;
    }
    // Any coding that the client accepts is better than no file.
    let mut available = file.codings();
    while let Some(coding) = accepted_coding(fields, available) {
        if let Some(encoded) = resources.encode(path, &file, coding) {
            return encoded;
        }
        available = available.passing_over(coding);
    }
    Poll::Ready(Err(Unavailable::NotFound))
}

fn best_coding(fields: &Fields<'_>, file: &impl Resource, available: Codings) -> Option<Coding> {
    match file.representation().metadata().fallback {
        // RFC 9110 §14.2: a range applies only if the response would be a success.
        Some(Fallback::Error(_)) => select_coding_of_whole(fields, available),
        None | Some(Fallback::Rewrite | Fallback::Start) => select_coding(fields, available),
    }
}

/// Returns the response with a file: the whole or parts of it, or a response without content that
/// follows from the preconditions.
fn select(request: &RequestHead<'_>, representation: &Representation, boundary: &str) -> Plan {
    if let Some(Fallback::Error(status)) = representation.metadata().fallback {
        // RFC 9110 §13.2.1, §14.2: preconditions and ranges do not apply to an error.
        return Plan {
            status,
            fields: representation.whole().fields,
            content: Content::Whole,
        };
    }
    // §13.2.2, steps 1 to 4.
    match precondition::evaluate(&request.fields, representation) {
        precondition::Outcome::Failed => return error_response(Status::PreconditionFailed),
        precondition::Outcome::NotModified => return representation.not_modified(),
        precondition::Outcome::Proceed => {}
    }
    // §13.2.2, step 5: the range, unless If-Range identifies another representation.
    partial::decide(&request.fields, representation, boundary)
        .unwrap_or_else(|| representation.whole())
}

/// Returns the response if there is neither a file nor a fallback.
fn error<R: Resources>(
    request: &RequestHead<'_>,
    unavailable: Unavailable,
    path: Option<&RequestPath<'_>>,
    policy: &Policy,
    resources: &mut R,
) -> Plan {
    let make = || make_error(request, unavailable, path, policy);
    match (unavailable, path) {
        (Unavailable::NotFound, Some(path)) => resources.not_found(path, make),
        _ => make(),
    }
}

fn make_error(
    request: &RequestHead<'_>,
    unavailable: Unavailable,
    path: Option<&RequestPath<'_>>,
    policy: &Policy,
) -> Plan {
    let plan = match (unavailable, path) {
        (Unavailable::Moved(form), Some(path)) => {
            canonical::redirect_to(form, path, &policy.base, request)
        }
        (Unavailable::NotFound | Unavailable::Hidden, Some(path)) => not_found(path, &policy.base),
        (Unavailable::NotFound | Unavailable::Hidden | Unavailable::Moved(_), None) => {
            error_response(Status::NotFound)
        }
        (Unavailable::Forbidden, _) => error_response(Status::Forbidden),
        (Unavailable::Exhausted, _) => service_unavailable(page::BUSY),
        (Unavailable::RootLost, _) => service_unavailable(page::ROOT_LOST),
        (Unavailable::Failed, _) => error_response(Status::InternalServerError),
    };
    // RFC 9110 §12.5.5: another request may get a page instead.
    match representation::vary_of_error(plan.status, policy) {
        None => plan,
        Some(vary) => {
            let fields = FieldBlockWriter::default().block(&plan.fields);
            Plan {
                fields: fields.field("Vary", vary).finish(),
                ..plan
            }
        }
    }
}

/// Returns the decision on a response for which no file is looked up.
#[cold]
fn without_file<F: Resource>(
    request: &RequestHead<'_>,
    plan: Plan,
    path: Option<&RequestPath<'_>>,
    policy: &Policy,
) -> Poll<Decision<F>> {
    Poll::Ready(apply_rules(request, plan, None, path, policy))
}

/// Returns the same response, for this client alone, unless a rule sets `Cache-Control`.
fn as_private<F: Resource>(plan: Plan, file: Option<&F>) -> Plan {
    let fields = match file {
        Some(file) => file.representation().private_fields(&plan),
        None => private(&plan.fields),
    };
    Plan { fields, ..plan }
}

/// Applies the operator's rules for headers.
#[inline]
fn apply_rules<F: Resource>(
    request: &RequestHead<'_>,
    plan: Plan,
    file: Option<F>,
    path: Option<&RequestPath<'_>>,
    policy: &Policy,
) -> Decision<F> {
    let decision = Decision { plan, file };
    if policy.rules.is_empty() {
        return decision;
    }
    with_rules(request, decision, path, policy)
}

/// Applies the rules, except those already applied to the representation of the file.
fn with_rules<F: Resource>(
    request: &RequestHead<'_>,
    mut decision: Decision<F>,
    path: Option<&RequestPath<'_>>,
    policy: &Policy,
) -> Decision<F> {
    let is_done = decision.file.is_some()
        && decision.fallback().is_none()
        && Class::of(decision.plan.status) == Class::Success;
    if is_done && !policy.rules.are_scoped() {
        return decision;
    }
    let paths = decision.ruled_paths(path);
    let paths = paths.as_ref().map_or(&[][..], |paths| &paths[..]);
    let file = decision.file.as_ref().filter(|_| is_done);
    let applied = file.map_or(&[][..], |file| &file.representation().metadata().edits);
    let plan = decision.plan.clone();
    decision.plan = policy.rules.apply(plan, paths, request, applied);
    decision
}

/// Returns the reason why there is no file for a path with an encoded slash, which no file can
/// have.
fn why_unservable(request: &RequestHead<'_>) -> Unavailable {
    match request.target.path_and_query() {
        // A client must not get a start page by spelling a hidden name differently.
        Some(target) if has_hidden_segment(&as_if_separated(target.path)) => Unavailable::Hidden,
        _ => Unavailable::NotFound,
    }
}

//! The rules that count, for the operator.

use super::admission::Admission;
use super::rules::AccessRule;
use super::visitor::Anybody;
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::policy::Policy;
use crate::plan::resources::Resource;

/// Returns the rules that count for a request and for the file that answers it, each with its
/// number from 1. `path` is relative to the site.
pub fn counting_rules<'p, F: Resource>(
    request: &RequestHead<'_>,
    path: Option<&RequestPath<'_>>,
    policy: &'p Policy,
    file: Option<&F>,
) -> Vec<(usize, &'p AccessRule)> {
    let mut visitor = Anybody;
    let mut admission = Admission::new(request, policy, &mut visitor);
    let _ = admission.check_path(path);
    if let Some(file) = file {
        let _ = admission.check_file(file);
    }
    let counting = |(index, rule)| admission.is_by(index).then_some((index + 1, rule));
    policy
        .access
        .iter()
        .enumerate()
        .filter_map(counting)
        .collect()
}

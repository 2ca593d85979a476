//! The last page that says that nothing is there: many clients ask for the one file that a site
//! lacks, and to make its page costs more than all else that is done for them.

use crate::http::path::RequestPath;
use crate::plan::Plan;

/// What was planned for a path where nothing is. It depends on the path and on the operator's
/// policy alone, and is to be forgotten when that changes.
#[derive(Debug, Default)]
pub(crate) struct LastPage(Option<(Vec<u8>, Plan)>);

impl LastPage {
    /// The plan for a path, made if it is not the last one's.
    pub(crate) fn recall_or(
        &mut self,
        path: &RequestPath<'_>,
        make: impl FnOnce() -> Plan,
    ) -> Plan {
        match &self.0 {
            Some((last, plan)) if last == path.as_bytes() => plan.clone(),
            _ => {
                let plan = make();
                self.0 = Some((path.as_bytes().to_vec(), plan.clone()));
                plan
            }
        }
    }
}

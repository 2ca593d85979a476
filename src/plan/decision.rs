//! A plan with its file.

use super::fallback::Fallback;
use super::resources::Resource;
use super::response::Plan;
use crate::http::path::RequestPath;

/// A response, and the file that its content comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<F> {
    /// The response.
    pub plan: Plan,
    /// The selected file, if there is one. The response may still be an error, such as 412, that
    /// does not send it.
    pub file: Option<F>,
}

impl<F> Decision<F> {
    /// Returns a response that needs no file.
    pub const fn without_file(plan: Plan) -> Self {
        Self { plan, file: None }
    }
}

impl<F: Resource> Decision<F> {
    /// Returns the fallback that the file is served as; `None` if the file was requested itself, or
    /// there is none.
    pub fn fallback(&self) -> Option<Fallback> {
        self.file.as_ref()?.representation().metadata().fallback
    }

    /// Returns the paths that rules are matched with: the requested path, if a file can have it,
    /// and the path of the file on disk. An error page is not the requested file, so its path on
    /// disk does not count. Returns `None` if there is neither path.
    pub fn ruled_paths<'a>(&'a self, path: Option<&'a RequestPath<'_>>) -> Option<[&'a [u8]; 2]> {
        let is_error_page = matches!(self.fallback(), Some(Fallback::Error(_)));
        let file = self.file.as_ref().filter(|_| !is_error_page);
        let on_disk = file.map(Resource::path_on_disk);
        let asked = path.map(RequestPath::as_bytes);
        Some([asked.or(on_disk)?, on_disk.or(asked)?])
    }
}

//! A file in one of its codings: a precompressed file beside it, or the server's own result.

use super::cache::{Content, Form, FormKey, KeyRef, ServedFor};
use super::codings::Variants;
use super::error::LookupError;
use super::file::{File, Source};
use super::find::Resolution;
use super::jobs::{Compression, Expansion, JobKey};
use super::lookup_time::LookupTime;
use super::open::Site;
use crate::http::coding::Coding;
use std::rc::Rc;

impl Site {
    /// Finds a file in one of its codings, as it is on disk in this tick. Returns `None` if the
    /// coding turns out to be unavailable or cannot be made now; the caller then chooses another
    /// one. `path` is that of the request.
    pub fn encode(
        &mut self,
        path: &[u8],
        file: &Rc<File>,
        coding: Coding,
        moment: &LookupTime,
    ) -> Option<Resolution> {
        let Some(variants) = &file.variants else {
            return Some(Resolution::Ready(Ok(Rc::clone(file))));
        };
        if variants.is_precompressed(coding) {
            return self.find_sidecar(path, file, variants, coding, moment);
        }
        if !variants.is_made(coding) {
            return None;
        }
        let form = FormKey {
            path_on_disk: variants.path_on_disk().to_bytes(),
            form: Form::Compressed(coding, content(file, variants)),
        };
        let key = KeyRef {
            served_for: ServedFor::of(file.fallback(), path),
            form: Some(&form),
        };
        if let Some(made) = self.cache.get_made(key) {
            return Some(Resolution::Ready(Ok(made)));
        }
        let job = JobKey::Make(key.into());
        if let Some(pending) = self.jobs.join(&job) {
            return Some(Resolution::Pending(pending));
        }
        let work = Compression::begin(file, coding, key.into(), &self.compression)?;
        Some(Resolution::Pending(self.jobs.begin(job, Box::new(work))))
    }

    /// Expands a file that is stored only in precompressed forms, as they are on disk in this tick.
    pub fn decode(&mut self, path: &[u8], file: &Rc<File>, moment: &LookupTime) -> Resolution {
        let variants = file.variants.as_ref().filter(|it| it.is_expanded());
        let Some(variants) = variants else {
            return Resolution::Ready(Err(LookupError::OnlyPrecompressed));
        };
        let form = FormKey {
            path_on_disk: variants.path_on_disk().to_bytes(),
            form: Form::Expanded(*variants.fingerprint()),
        };
        let key = KeyRef {
            served_for: ServedFor::of(file.fallback(), path),
            form: Some(&form),
        };
        if let Some(made) = self.cache.get_made(key) {
            return Resolution::Ready(Ok(made));
        }
        let job = JobKey::Make(key.into());
        if let Some(pending) = self.jobs.join(&job) {
            return Resolution::Pending(pending);
        }
        let look = self.look(moment);
        let opened = look.and_then(|look| look.open_sidecar(file, variants, Coding::Gzip));
        let Some(coded) = opened else {
            variants.give_up_sidecar(Coding::Gzip);
            return Resolution::Ready(Err(LookupError::OnlyPrecompressed));
        };
        match Expansion::begin(file, coded, key.into(), &self.compression.all) {
            Ok(work) => Resolution::Pending(self.jobs.begin(job, Box::new(work))),
            Err(miss) => {
                if miss == LookupError::OnlyPrecompressed {
                    variants.give_up_expanding();
                }
                Resolution::Ready(Err(miss))
            }
        }
    }

    fn find_sidecar(
        &mut self,
        path: &[u8],
        file: &Rc<File>,
        variants: &Variants,
        coding: Coding,
        moment: &LookupTime,
    ) -> Option<Resolution> {
        let form = FormKey {
            path_on_disk: variants.path_on_disk().to_bytes(),
            form: Form::Precompressed(coding),
        };
        let key = KeyRef {
            served_for: ServedFor::of(file.fallback(), path),
            form: Some(&form),
        };
        if let Some(root) = self.root.root()
            && let Some(found) = self.cache.get(key, moment, root)
        {
            return Some(Resolution::Ready(Ok(found)));
        }
        let look = self.look(moment);
        let opened = look.and_then(|look| look.open_sidecar(file, variants, coding));
        if opened.is_none() {
            variants.give_up_sidecar(coding);
        }
        Some(self.keep(key, opened?, moment))
    }
}

/// Returns the key part that identifies the content of the file.
fn content<'a>(file: &'a File, variants: &Variants) -> Content<&'a [u8]> {
    match (&file.source, &file.representation.metadata().entity_tag) {
        (Source::Memory(_), Some(tag)) => Content::Hashed {
            tag: tag.opaque().as_bytes(),
            modified: variants.fingerprint().modified(),
        },
        _ => Content::Fingerprinted(*variants.fingerprint()),
    }
}

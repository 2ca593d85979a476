//! A file in one of the codings that it is to be had in: found beside it, or made.

use super::compression::Compression;
use super::expansion::Expansion;
use super::variants::Variants;
use super::{File, Miss, Moment, Resolution, Site};
use crate::http::coding::Coding;
use std::rc::Rc;

impl Site {
    /// Finds a file in one of the codings that it is to be had in, as it is on disk in this turn
    /// of the loop. `None` where there turns out to be none to be had, so that another is to be
    /// chosen: what lies beside the file with this coding is not among its codings any more. Where
    /// it can be made but not now, the file itself is what comes of it. `path` is what it was asked
    /// for by.
    pub fn encode(
        &mut self,
        path: &[u8],
        file: &Rc<File>,
        coding: Coding,
        moment: &Moment,
    ) -> Option<Resolution> {
        let Some(variants) = &file.variants else {
            return Some(Resolution::Ready(Ok(Rc::clone(file))));
        };
        variants.key(path, file, coding, &mut self.key);
        if variants.is_beside(coding) {
            return self.find_beside(file, variants, coding, moment);
        }
        if let Some(made) = self.cache.get_made(&self.key) {
            return Some(Resolution::Ready(Ok(made)));
        }
        if let Some(pending) = self.jobs.join(&self.key) {
            return Some(Resolution::Pending(pending));
        }
        let begun = Compression::begin(file, &self.key, &self.workload);
        Some(match begun {
            Some(work) => Resolution::Pending(self.jobs.begin(&self.key, Box::new(work))),
            None => Resolution::Ready(Ok(Rc::clone(file))),
        })
    }

    /// Finds what a file expands to that is there in coded forms alone, as they are on disk in this
    /// turn of the loop.
    pub fn decode(&mut self, path: &[u8], file: &Rc<File>, moment: &Moment) -> Resolution {
        let variants = file.variants.as_ref().filter(|it| it.is_expanded());
        let Some(variants) = variants else {
            return Resolution::Ready(Err(Miss::OnlyCoded));
        };
        variants.key_of_expanded(path, file, &mut self.key);
        if let Some(made) = self.cache.get_made(&self.key) {
            return Resolution::Ready(Ok(made));
        }
        if let Some(pending) = self.jobs.join(&self.key) {
            return Resolution::Pending(pending);
        }
        let look = self.look(moment);
        let opened = look.and_then(|look| self.finder.open(&look, file, variants, Coding::Gzip));
        let Some(coded) = opened else {
            variants.give_up_beside(Coding::Gzip);
            return Resolution::Ready(Err(Miss::OnlyCoded));
        };
        match Expansion::begin(file, coded, &self.key, &self.workload) {
            Ok(work) => Resolution::Pending(self.jobs.begin(&self.key, Box::new(work))),
            Err(miss) => {
                if miss == Miss::OnlyCoded {
                    variants.give_up_expanding();
                }
                Resolution::Ready(Err(miss))
            }
        }
    }

    fn find_beside(
        &mut self,
        file: &Rc<File>,
        variants: &Variants,
        coding: Coding,
        moment: &Moment,
    ) -> Option<Resolution> {
        if let Some(root) = self.root.root()
            && let Some(found) = self.cache.get(&self.key, moment, root)
        {
            return Some(Resolution::Ready(Ok(found)));
        }
        let look = self.look(moment);
        let opened = look.and_then(|look| self.finder.open(&look, file, variants, coding));
        if opened.is_none() {
            variants.give_up_beside(coding);
        }
        let loaded = opened?;
        let key = std::mem::take(&mut self.key);
        let kept = self.keep(&key, loaded, moment);
        self.key = key;
        Some(kept)
    }
}

//! One file: the state of its compressed forms, and making those that are missing.

use super::memory::{Memory, Share};
use super::replace::{replace, set_time};
use super::tree::{Tree, look_at};
use crate::http::coded::{self, HEAD_BYTES, TAIL_BYTES};
use crate::http::coding::Coding;
use crate::site::codings::{Effort, Encoder, STEP_BYTES, is_coding_of};
use crate::site::fingerprint::Fingerprint;
use rustix::fd::AsFd;
use rustix::fs::Statx;
use std::fs::File;
use std::io::{self, Read as _};

/// A file that may be compressed, with its content.
#[derive(Debug)]
pub(super) struct Original<'m> {
    path: Vec<u8>,
    content: Vec<u8>,
    facts: Statx,
    file: File,
    /// The memory for the content, and for one compressed form at a time.
    _share: Share<'m>,
}

/// The state of a compressed form.
#[derive(Debug)]
pub(super) enum Form {
    /// It exists, and the server uses it.
    Current,
    Missing,
    /// It was made of other content, or it is damaged.
    OfOther,
    /// It was made of this content, but its time is older than that of the original, so the server
    /// ignores it.
    Older(File),
}

/// The reason why a file is not compressed.
#[derive(Debug)]
pub(super) enum Problem {
    Read(io::Error),
    /// Its compressed form cannot be read.
    ReadForm(Coding, io::Error),
    /// The file changed while it was read.
    Changed,
    Write(Coding, io::Error),
    /// The written data may not survive a loss of power.
    Sync(io::Error),
}

impl Problem {
    /// Returns `true` if other files will have the same problem: the disk is full or cannot be
    /// written to.
    pub(super) fn concerns_all(&self) -> bool {
        let Self::Write(_, error) = self else {
            return false;
        };
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::ReadOnlyFilesystem
        )
    }
}

impl<'m> Original<'m> {
    /// Reads a file, once there is memory for it. Returns `None` if it is outside of the directory
    /// or too large.
    pub(super) fn read(
        tree: &Tree,
        path: &[u8],
        memory: &'m Memory,
    ) -> Result<Option<Self>, Problem> {
        let Some((file, facts)) = tree.open_file(path).map_err(Problem::Read)? else {
            return Ok(None);
        };
        if facts.stx_size > BYTES_MAX {
            return Ok(None);
        }
        let share = memory.take(facts.stx_size + form_bytes_max(facts.stx_size));
        let mut file = File::from(file);
        let content = read(&mut file, facts.stx_size).map_err(Problem::Read)?;
        let original = Self {
            path: path.to_vec(),
            content,
            facts,
            file,
            _share: share,
        };
        original.require_unchanged()?;
        Ok(Some(original))
    }

    pub(super) fn length(&self) -> usize {
        self.content.len()
    }

    /// Returns `true` if compression is worthwhile. This is decided with fast gzip, so a check
    /// takes little time.
    pub(super) fn gains(&self) -> bool {
        if self.content.len() < BYTES_MIN {
            return false;
        }
        let quick = self.encode(Coding::Gzip, Effort::OnRequest, &|| true);
        quick.is_some_and(|quick| quick.len() <= self.content.len() / 100 * PERCENT_MAX)
    }

    /// Returns the state of the compressed form in this coding.
    pub(super) fn form(&self, tree: &Tree, coding: Coding) -> io::Result<Form> {
        let path = self.path_of(coding);
        let Some((file, facts)) = tree.open_file(&path)? else {
            return Ok(Form::Missing);
        };
        if facts.stx_size > form_bytes_max(self.facts.stx_size) {
            return Ok(Form::OfOther);
        }
        let mut file = File::from(file);
        let coded = read(&mut file, facts.stx_size)?;
        let head = coded.get(..HEAD_BYTES).unwrap_or(&coded);
        let tail = coded.len().saturating_sub(TAIL_BYTES);
        let tail = coded.get(tail..).unwrap_or_default();
        let length = Some(self.content.len() as u64);
        let is_fit = coded::check(coding, head, tail, length).is_ok();
        if !is_fit || !is_coding_of(coding, &coded, &self.content) {
            return Ok(Form::OfOther);
        }
        let [own, original] = [&facts, &self.facts].map(Fingerprint::of);
        Ok(if own.is_older_than(&original) {
            Form::Older(file)
        } else {
            Form::Current
        })
    }

    /// Makes the smallest compressed form. Returns `None` if `should_continue` becomes `false`.
    pub(super) fn compress(
        &self,
        coding: Coding,
        should_continue: &dyn Fn() -> bool,
    ) -> Option<Vec<u8>> {
        self.encode(coding, Effort::Most, should_continue)
    }

    /// Writes a compressed form beside the file.
    pub(super) fn write(&self, tree: &Tree, coding: Coding, coded: &[u8]) -> Result<(), Problem> {
        self.require_unchanged()?;
        let path = self.path_of(coding);
        let written = tree
            .open_parent(&path)
            .and_then(|(directory, name)| replace(&directory, name, coded, &self.facts));
        written.map_err(|error| Problem::Write(coding, error))
    }

    /// Sets the time of a compressed form to that of the file.
    pub(super) fn renew(&self, coding: Coding, form: &File) -> Result<(), Problem> {
        let renewed = set_time(form.as_fd(), &self.facts);
        renewed.map_err(|error| Problem::Write(coding, error))
    }

    fn path_of(&self, coding: Coding) -> Vec<u8> {
        [&self.path, coding.extension().as_bytes()].concat()
    }

    fn encode(
        &self,
        coding: Coding,
        effort: Effort,
        should_continue: &dyn Fn() -> bool,
    ) -> Option<Vec<u8>> {
        let mut encoder = Encoder::new(coding, effort, self.content.len() as u64)?;
        for step in self.content.chunks(STEP_BYTES) {
            if !should_continue() {
                return None;
            }
            if encoder.is_full() {
                encoder.flush().ok()?;
            }
            encoder.write(step).ok()?;
        }
        Some(encoder.finish().ok()?.bytes)
    }

    /// Fails if the file changed since it was opened.
    fn require_unchanged(&self) -> Result<(), Problem> {
        let found = look_at(&self.file).map_err(Problem::Read)?;
        let is_same = Fingerprint::of(&found) == Fingerprint::of(&self.facts)
            && self.content.len() as u64 == found.stx_size;
        if is_same {
            Ok(())
        } else {
            Err(Problem::Changed)
        }
    }
}

/// Reads a file of this size. If it has grown, the content is a byte longer.
fn read(file: &mut File, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(size + 1).unwrap_or_default());
    file.take(size + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Returns the largest size of a compressed form. An encoder adds to content that it cannot compress
/// less than a thousandth, and a head, which may have a name in it.
const fn form_bytes_max(original: u64) -> u64 {
    original + original / 1000 + 64 * 1024
}

/// As for compression on request: below this size, a response is one packet either way.
const BYTES_MIN: usize = 1024;

/// Larger files are skipped: each would be held in memory, and take minutes.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// If fast gzip leaves more than this, the file is not compressed.
const PERCENT_MAX: usize = 95;

//! The keys of cached files.
//!
//! A lookup uses the borrowed form of a key ([`KeyRef`]), so it allocates nothing. The cache owns
//! [`Key`]s.

use crate::http::coding::Coding;
use crate::plan::Fallback;
use crate::site::fingerprint::{Fingerprint, Timestamp};
use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// The requests that a file answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServedFor<B> {
    /// Requests for this path.
    Path(B),
    /// Requests for other paths, as a fallback.
    Fallback(Fallback, B),
}

/// A form of a file that a client has selected.
///
/// The key needs both the requested path and the path on disk: another file may come to answer the
/// requested path, and rules apply to both paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormKey<B> {
    /// The path of the file itself, which may not exist.
    pub(crate) path_on_disk: B,
    pub(crate) form: Form<B>,
}

/// The origin of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form<B> {
    /// The precompressed file with this coding. It is compared with the disk, so its content is not
    /// part of the key.
    Precompressed(Coding),
    /// Compressed by the server, from this content.
    Compressed(Coding, Content<B>),
    /// Expanded by the server, from the precompressed file with this fingerprint.
    Expanded(Fingerprint),
}

/// The content that a form was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content<B> {
    /// The content with this entity tag, which is a hash. The time is included because it appears
    /// in the response, and may change without the content.
    Hashed { tag: B, modified: Timestamp },
    /// The content of the file with this fingerprint. A tag made of size and time is not enough,
    /// since different content may share it.
    Fingerprinted(Fingerprint),
}

/// A key in the form used for lookups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRef<'a> {
    pub(crate) served_for: ServedFor<&'a [u8]>,
    /// `None` for the file as it is stored.
    pub(crate) form: Option<&'a FormKey<&'a [u8]>>,
}

/// A key in the form that the cache owns. Cloning allocates nothing.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    served_for: ServedFor<Rc<[u8]>>,
    form: Option<Rc<FormKey<Box<[u8]>>>>,
}

impl<'a> KeyRef<'a> {
    /// Returns the key of a file as it is stored.
    pub(crate) const fn of_file(served_for: ServedFor<&'a [u8]>) -> Self {
        let form = None;
        Self { served_for, form }
    }

    /// Returns the key of the file for this path.
    pub(crate) const fn of_path(path: &'a [u8]) -> Self {
        Self::of_file(ServedFor::Path(path))
    }

    /// Returns the path if this is the key of a file for a path.
    pub(crate) const fn path(&self) -> Option<&'a [u8]> {
        match (self.served_for, self.form) {
            (ServedFor::Path(path), None) => Some(path),
            _ => None,
        }
    }
}

impl<'a> ServedFor<&'a [u8]> {
    /// Returns the requests that the file at a path answers: as this fallback, or as itself.
    pub(crate) const fn of(fallback: Option<Fallback>, path: &'a [u8]) -> Self {
        match fallback {
            None => Self::Path(path),
            Some(fallback) => Self::Fallback(fallback, path),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Path(path) | Self::Fallback(_, path) => path.len(),
        }
    }

    /// Returns a copy with owned bytes.
    pub(crate) fn to_owned<B: for<'b> From<&'b [u8]>>(self) -> ServedFor<B> {
        self.map(|bytes| B::from(bytes))
    }
}

impl<B: AsRef<[u8]>> ServedFor<B> {
    /// Returns a copy with borrowed bytes.
    pub(crate) fn borrowed(&self) -> ServedFor<&[u8]> {
        self.map(|bytes| bytes)
    }

    fn map<'a, C>(&'a self, convert: impl Fn(&'a [u8]) -> C) -> ServedFor<C> {
        match self {
            Self::Path(path) => ServedFor::Path(convert(path.as_ref())),
            Self::Fallback(fallback, path) => {
                ServedFor::Fallback(*fallback, convert(path.as_ref()))
            }
        }
    }
}

impl FormKey<&[u8]> {
    fn bytes(&self) -> usize {
        let tag = match self.form {
            Form::Compressed(_, Content::Hashed { tag, .. }) => tag.len(),
            _ => 0,
        };
        size_of_val(self) + self.path_on_disk.len() + tag
    }
}

impl<B: AsRef<[u8]>> FormKey<B> {
    fn map<'a, C>(&'a self, convert: impl Fn(&'a [u8]) -> C) -> FormKey<C> {
        let form = match &self.form {
            Form::Precompressed(coding) => Form::Precompressed(*coding),
            Form::Compressed(coding, Content::Fingerprinted(fingerprint)) => {
                Form::Compressed(*coding, Content::Fingerprinted(*fingerprint))
            }
            Form::Compressed(coding, Content::Hashed { tag, modified }) => {
                let (tag, modified) = (convert(tag.as_ref()), *modified);
                Form::Compressed(*coding, Content::Hashed { tag, modified })
            }
            Form::Expanded(fingerprint) => Form::Expanded(*fingerprint),
        };
        FormKey {
            path_on_disk: convert(self.path_on_disk.as_ref()),
            form,
        }
    }
}

impl From<KeyRef<'_>> for Key {
    fn from(key: KeyRef<'_>) -> Self {
        let form = key.form.map(|form| Rc::new(form.map(Box::from)));
        Self {
            served_for: key.served_for.to_owned(),
            form,
        }
    }
}

/// Both forms of a key, so that one finds the other in a map.
pub(crate) trait AsKey {
    /// Returns the path if this is the key of a file for a path. Almost all lookups use such keys,
    /// so this is checked first.
    fn path(&self) -> Option<&[u8]>;

    fn served_for(&self) -> ServedFor<&[u8]>;

    fn form(&self) -> Option<FormKey<&[u8]>>;
}

impl AsKey for KeyRef<'_> {
    #[inline]
    fn path(&self) -> Option<&[u8]> {
        KeyRef::path(self)
    }

    fn served_for(&self) -> ServedFor<&[u8]> {
        self.served_for
    }

    fn form(&self) -> Option<FormKey<&[u8]>> {
        self.form.copied()
    }
}

impl AsKey for Key {
    #[inline]
    fn path(&self) -> Option<&[u8]> {
        match (&self.served_for, &self.form) {
            (ServedFor::Path(path), None) => Some(path),
            _ => None,
        }
    }

    fn served_for(&self) -> ServedFor<&[u8]> {
        self.served_for.borrowed()
    }

    fn form(&self) -> Option<FormKey<&[u8]>> {
        let form = self.form.as_ref()?;
        Some(form.map(|bytes| bytes))
    }
}

impl dyn AsKey + '_ {
    /// Returns the memory that the owned key uses, without its own size.
    pub(crate) fn bytes(&self) -> usize {
        self.served_for().bytes() + self.form().map_or(0, |form| form.bytes())
    }
}

impl<'a> Borrow<dyn AsKey + 'a> for Key {
    fn borrow(&self) -> &(dyn AsKey + 'a) {
        self
    }
}

// Every request waits for these two functions, so their code for paths is small enough to be
// inlined.

impl PartialEq for dyn AsKey + '_ {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self.path(), other.path()) {
            (Some(path), Some(other)) => path == other,
            (None, None) => are_equal(self, other),
            _ => false,
        }
    }
}

impl Eq for dyn AsKey + '_ {}

impl Hash for dyn AsKey + '_ {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.path() {
            Some(path) => state.write(path),
            None => hash(self, state),
        }
    }
}

/// Compares keys other than those of files at a path.
#[inline(never)]
fn are_equal(key: &dyn AsKey, other: &dyn AsKey) -> bool {
    key.served_for() == other.served_for() && key.form() == other.form()
}

/// Hashes such keys by the bytes that differ most.
#[inline(never)]
fn hash(key: &dyn AsKey, state: &mut impl Hasher) {
    match key.served_for() {
        ServedFor::Path(path) | ServedFor::Fallback(_, path) => state.write(path),
    }
    let Some(FormKey { path_on_disk, form }) = key.form() else {
        return;
    };
    state.write(path_on_disk);
    match form {
        Form::Precompressed(coding) => state.write(coding.name().as_bytes()),
        Form::Compressed(_, Content::Hashed { tag, .. }) => state.write(tag),
        Form::Compressed(_, Content::Fingerprinted(fingerprint)) | Form::Expanded(fingerprint) => {
            fingerprint.hash(state);
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let (this, other): (&dyn AsKey, &dyn AsKey) = (self, other);
        this == other
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let this: &dyn AsKey = self;
        this.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Status;
    use std::collections::HashMap;

    #[test]
    fn every_key_is_found_only_by_its_own_borrowed_form() {
        let fingerprint = Fingerprint::default();
        let mut changed = fingerprint;
        changed.size = 1;
        let hashed = |tag: &'static [u8], modified| Content::Hashed { tag, modified };
        let a_html = |form| FormKey {
            path_on_disk: &b"a.html"[..],
            form,
        };
        let forms = [
            a_html(Form::Precompressed(Coding::Gzip)),
            a_html(Form::Precompressed(Coding::Brotli)),
            a_html(Form::Expanded(fingerprint)),
            a_html(Form::Expanded(changed)),
            a_html(Form::Compressed(
                Coding::Gzip,
                Content::Fingerprinted(fingerprint),
            )),
            a_html(Form::Compressed(
                Coding::Gzip,
                Content::Fingerprinted(changed),
            )),
            a_html(Form::Compressed(Coding::Gzip, hashed(b"t", (0, 0)))),
            a_html(Form::Compressed(Coding::Gzip, hashed(b"t", (0, 1)))),
            a_html(Form::Compressed(Coding::Gzip, hashed(b"u", (0, 0)))),
            FormKey {
                path_on_disk: b"b.html",
                form: Form::Precompressed(Coding::Gzip),
            },
        ];
        let uses = [
            ServedFor::Path(&b""[..]),
            ServedFor::Path(b"a"),
            ServedFor::Path(b"a.html"),
            ServedFor::Fallback(Fallback::Start, b""),
            ServedFor::Fallback(Fallback::Start, b"a.html"),
            ServedFor::Fallback(Fallback::Rewrite, b"a.html"),
            ServedFor::Fallback(Fallback::Error(Status::NotFound), b"404.html"),
            ServedFor::Fallback(Fallback::Error(Status::Forbidden), b"403.html"),
        ];
        let forms = || forms.iter().map(Some).chain([None]);
        let keys: Vec<_> = uses
            .iter()
            .flat_map(|served_for| {
                let served_for = *served_for;
                forms().map(move |form| KeyRef { served_for, form })
            })
            .collect();
        let all = (0..).zip(&keys);
        let map: HashMap<Key, usize> = all.map(|(number, key)| ((*key).into(), number)).collect();
        assert_eq!(map.len(), uses.len() * 11);
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(map.get(key as &dyn AsKey), Some(&number), "{key:?}");
        }
        let missing: &dyn AsKey = &KeyRef::of_path(b"b");
        assert_eq!(map.get(missing), None);
    }
}

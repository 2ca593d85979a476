//! The operator's settings for responses.

use super::access::Access;
use super::dotfiles::Dotfiles;
use super::headers::general::{self, AllowedOrigin};
use super::headers::rules::Rules;
use super::redirect::redirects::Redirects;
use super::redirect::rewrites::Rewrites;
use crate::http::base_path::BasePath;
use crate::http::coding::Coding;
use crate::http::host::Host;
use crate::http::media::{self, NameKind};
use crate::http::response::Edit;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The operator's settings for responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The hosts that are answered; empty for any. Requests for others get 421.
    pub hosts: Arc<[Host]>,
    /// The beginning of the paths of all its URLs. All other paths here are relative to it.
    pub base: BasePath,
    /// The names of index files, as in the options of the site.
    pub index: Arc<[String]>,
    /// `true` if responses have a `Server` field (RFC 9110 §10.2.4).
    pub server_field: bool,
    /// The value of `Cache-Control` (RFC 9111 §5.2) on files; no field if empty.
    pub cache_control: String,
    /// The path of the start page of an application, which answers page requests for missing files.
    /// `None` if the site is not an application.
    pub spa: Option<Arc<str>>,
    /// `true` if pages reload when files change.
    pub live: bool,
    /// `true` if errors are answered with the site's own error pages.
    pub error_pages: bool,
    /// Media types by extension, or by a whole name without one, in lower case. The empty text
    /// stands for all other names without an extension. They override the known types.
    pub types: BTreeMap<String, String>,
    /// The changes to the headers of responses, by rules.
    pub rules: Rules,
    /// The changes to the headers of every response. A name may occur several times.
    pub headers: Vec<Edit>,
    /// The other origin whose pages may read responses.
    pub cors: Option<AllowedOrigin>,
    /// The names that are served although they begin with a dot.
    pub dotfiles: Dotfiles,
    /// The operator's redirects.
    pub redirects: Redirects,
    /// The operator's rewrites.
    pub rewrites: Rewrites,
    /// The access rules.
    pub access: Access,
    /// The password file for everything that `access` has no rule for.
    pub auth_file: Option<PathBuf>,
}

impl Policy {
    /// Returns the same policy with the general rules among its rules: those for every response,
    /// and those for access to everything. With live reload, no other setting makes a cache keep an
    /// old state of a file.
    #[must_use]
    pub fn with_general_rules(self) -> Self {
        let general = general::rules(self.cors.as_ref(), &self.headers);
        let rules = self.rules.clone().with_general(general);
        let access = self.access.clone();
        let (cache_control, rules) = if self.live {
            ("no-cache".to_owned(), rules.without_field("Cache-Control"))
        } else {
            (self.cache_control.clone(), rules)
        };
        Self {
            cache_control,
            rules,
            access: match &self.auth_file {
                Some(file) => access.with_users_of_all(file),
                None => access,
            },
            ..self
        }
    }

    /// Returns the media type of the file at `place`, requested by the path `address`, and the
    /// coding that it is stored in.
    pub fn stored_as(&self, address: &[u8], place: &[u8]) -> (Cow<'static, str>, Option<Coding>) {
        let paths = [address, place];
        let coding = self.rules.content_coding(&paths);
        let content_type = match (self.rules.content_type(&paths), coding) {
            (Some(content_type), _) => Cow::Owned(content_type.to_owned()),
            (None, Some(coding)) => self.content_type(media::decoded_name(place, coding)),
            (None, None) => self.content_type(place),
        };
        let coding = coding.or_else(|| media::implied_coding(place, &content_type));
        (content_type, coding)
    }

    /// Returns the value of `Content-Type` for the name of a file.
    pub fn content_type(&self, place: &[u8]) -> Cow<'static, str> {
        let own = if self.types.is_empty() {
            None
        } else {
            self.own_type(place)
        };
        own.map_or_else(
            || media::content_type(place),
            |own| Cow::Owned(own.to_owned()),
        )
    }

    fn own_type(&self, place: &[u8]) -> Option<&str> {
        let own = match media::kind(place)? {
            NameKind::Extension(extension) => self.types.get(&extension),
            NameKind::Bare(name) => self.types.get(&name).or_else(|| self.types.get("")),
        };
        own.map(String::as_str)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            hosts: Arc::default(),
            base: BasePath::default(),
            index: Arc::from(["index.html".to_owned()]),
            server_field: true,
            cache_control: "no-cache".to_owned(),
            spa: None,
            live: false,
            error_pages: true,
            types: BTreeMap::new(),
            rules: Rules::default(),
            headers: Vec::new(),
            cors: None,
            dotfiles: Dotfiles::default(),
            redirects: Redirects::default(),
            rewrites: Rewrites::default(),
            access: Access::default(),
            auth_file: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Class, Pattern, Rule, Scope};

    #[test]
    fn a_type_of_the_operator_counts_before_the_known_one() {
        let types = [("html", "a/html"), ("makefile", "a/make"), ("", "a/bare")];
        let types = types.map(|(name, own)| (name.to_owned(), own.to_owned()));
        let policy = Policy {
            types: types.into(),
            ..Policy::default()
        };
        for (place, expected) in [
            ("d/a.html", "a/html"),
            ("d/a.HTML", "a/html"),
            ("d/Makefile", "a/make"),
            ("d/LICENSE", "a/bare"),
            ("d/a.css", "text/css; charset=utf-8"),
        ] {
            let found = policy.content_type(place.as_bytes());
            assert_eq!(found, expected, "{place}");
        }
        let found = Policy::default().content_type(b"a.html");
        assert_eq!(found, "text/html; charset=utf-8");
    }

    #[test]
    fn a_file_that_is_stored_in_a_coding_has_the_type_of_its_content() {
        let rule = |path: &str, name: &str, value: &str| Rule {
            paths: vec![Pattern::parse(path).unwrap()],
            edits: vec![Edit {
                name: name.into(),
                value: Some(value.into()),
            }],
            on: vec![Class::Success],
            scope: Scope::default(),
        };
        let policy = Policy {
            rules: Rules::new(vec![
                rule("/*.gz", "Content-Encoding", "gzip"),
                rule("/b.css.gz", "Content-Type", "a/b"),
                rule("/address", "Content-Type", "a/address"),
            ]),
            ..Policy::default()
        };
        let gzip = Some(Coding::Gzip);
        for (address, place, content_type, coding) in [
            ("a.css.gz", "a.css.gz", "text/css; charset=utf-8", gzip),
            ("b.css.gz", "b.css.gz", "a/b", gzip),
            ("d/a.css", "d/a.css", "text/css; charset=utf-8", None),
            ("address", "d/a.css", "a/address", None),
            ("d/a.svgz", "d/a.svgz", "image/svg+xml; charset=utf-8", gzip),
        ] {
            let found = policy.stored_as(address.as_bytes(), place.as_bytes());
            assert_eq!(found, (content_type.into(), coding), "{address}");
        }
    }
}

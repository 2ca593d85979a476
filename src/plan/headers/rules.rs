//! The operator's rules: changes to the fields of responses, by path.
//!
//! A rule is matched with the requested path and the path of the file on disk, such as `/` and
//! `/index.html`, and applies if it matches either. If several applicable rules change a field, the
//! last one wins. General rules, which have no path, come before all rules with a path.

use super::rule::{
    CONTENT_ENCODING, Class, Pattern, Rule, RuleName, Setting, belongs_to_page, is_content_type,
    is_metadata, without_content,
};
use super::scope::Scope;
use crate::http::Status;
use crate::http::coding::Coding;
use crate::http::request::RequestHead;
use crate::http::response::Edit;
use crate::plan::file::metadata::Metadata;
use crate::plan::response::{Content, Plan};
use std::sync::Arc;

/// All rules in order. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    general: Arc<[(Setting, Rule)]>,
    by_path: Arc<[Rule]>,
    /// `true` if any rule depends on more than the path and the response.
    are_scoped: bool,
}

impl Rules {
    /// Creates rules with these, which have paths.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self {
            general: Arc::default(),
            are_scoped: rules.iter().any(|rule| !rule.scope.is_all()),
            by_path: rules.into(),
        }
    }

    /// Returns the same rules by path, after these general ones.
    pub(crate) fn with_general(self, general: Vec<(Setting, Rule)>) -> Self {
        Self {
            general: general.into(),
            ..self
        }
    }

    /// Returns the same rules without their changes to a field. They keep their numbers.
    pub(crate) fn without_field(mut self, name: &str) -> Self {
        let is_other = |edit: &Edit| !edit.concerns(name.as_bytes());
        for (_, rule) in Arc::make_mut(&mut self.general) {
            rule.edits.retain(is_other);
        }
        for rule in Arc::make_mut(&mut self.by_path) {
            rule.edits.retain(is_other);
        }
        self
    }

    /// Returns `true` if there are no rules, so that nothing has to be looked up.
    pub fn is_empty(&self) -> bool {
        self.general.is_empty() && self.by_path.is_empty()
    }

    /// Returns the rules by path, as the operator wrote them.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.by_path.iter()
    }

    /// Returns `true` if any rule sets the media type or the coding of files.
    pub fn have_metadata(&self) -> bool {
        let general = self.general.iter().map(|(_, rule)| rule);
        let mut edits = general.chain(self.iter()).flat_map(|rule| &rule.edits);
        edits.any(is_metadata)
    }

    /// Returns `true` if any rule depends on more than the path and the response. Such a rule
    /// changes each response; the others change the metadata of a file once.
    pub(crate) fn are_scoped(&self) -> bool {
        self.are_scoped
    }

    /// Returns the general rules for a class of responses, and the other rules that match one of
    /// the paths, which are relative to the root. Without a request, rules for certain requests are
    /// left out.
    pub fn applying(
        &self,
        paths: &[&[u8]],
        class: Class,
        request: Option<&RequestHead<'_>>,
    ) -> Vec<(RuleName, &Rule)> {
        let absolute = |path: &&[u8]| [b"/", *path].concat();
        let paths: Vec<_> = paths.iter().map(absolute).collect();
        let matches = |pattern: &Pattern| paths.iter().any(|path| pattern.matches(path));
        let holds =
            |scope: &Scope| scope.is_all() || request.is_some_and(|request| scope.holds(request));
        let is_meant =
            |rule: &Rule| rule.on.iter().any(|on| on.covers(class)) && holds(&rule.scope);
        let general = self.general.iter();
        let general = general
            .filter(|(_, rule)| is_meant(rule))
            .map(|(setting, rule)| (RuleName::Setting(*setting), rule));
        let by_path = (1..).zip(self.iter());
        let by_path = by_path
            .filter(|(_, rule)| is_meant(rule) && rule.paths.iter().any(matches))
            .map(|(number, rule)| (RuleName::Number(number), rule));
        general.chain(by_path).collect()
    }

    /// Returns the media type that the rules set for a file with one of these paths.
    pub fn content_type(&self, paths: &[&[u8]]) -> Option<&str> {
        let mut edits = self.edits(paths, Class::File, None).into_iter();
        edits.find(|edit| is_content_type(edit))?.value.as_deref()
    }

    /// Returns the coding that the rules set for a file with one of these paths.
    pub fn content_coding(&self, paths: &[&[u8]]) -> Option<Coding> {
        let mut edits = self.edits(paths, Class::File, None).into_iter();
        let edit = edits.find(|edit| edit.concerns(CONTENT_ENCODING.as_bytes()))?;
        Coding::named(edit.value.as_deref()?)
    }

    /// Adds the changes to a success to the metadata of a file with one of these paths.
    pub fn describe(&self, metadata: &mut Metadata, paths: &[&[u8]]) {
        let is_our_page = metadata.security_policy.is_some();
        let class = if is_our_page {
            Class::Success
        } else {
            Class::File
        };
        let mut edits = self.edits(paths, class, None);
        edits.retain(|edit| !(is_metadata(edit) || is_our_page && belongs_to_page(edit)));
        metadata.edits = edits.into_iter().cloned().collect();
    }

    /// Applies the general rules to a response without a path or a valid request.
    pub fn apply_general(&self, plan: Plan) -> Plan {
        self.edited(plan, |class| self.edits(&[], class, None))
    }

    /// Applies the rules to the response to a request for one of these paths. `applied` are changes
    /// that are already made. A response to a request for another host stays unchanged, because the
    /// rules are those of this host.
    pub(crate) fn apply(
        &self,
        plan: Plan,
        paths: &[&[u8]],
        request: &RequestHead<'_>,
        applied: &[Edit],
    ) -> Plan {
        self.edited(plan, |class| {
            let mut edits = self.edits(paths, class, Some(request));
            edits.retain(|edit| !applied.contains(edit));
            edits
        })
    }

    fn edited<'a>(&self, plan: Plan, edits: impl FnOnce(Class) -> Vec<&'a Edit>) -> Plan {
        if self.is_empty() || plan.status == Status::MisdirectedRequest {
            return plan;
        }
        let mut edits = edits(class_of(&plan));
        let is_our_page = matches!(plan.content, Content::Page(_));
        edits.retain(|edit| !(is_metadata(edit) || is_our_page && belongs_to_page(edit)));
        if plan.content == Content::Empty {
            edits = without_content(&edits);
        }
        let fields = plan.fields.edited(&edits);
        Plan { fields, ..plan }
    }

    /// Returns all changes. If several rules change a field, the last one wins.
    fn edits(
        &self,
        paths: &[&[u8]],
        class: Class,
        request: Option<&RequestHead<'_>>,
    ) -> Vec<&Edit> {
        let mut edits: Vec<&Edit> = Vec::new();
        if self.is_empty() {
            return edits;
        }
        for (_, rule) in self.applying(paths, class, request) {
            for edit in &rule.edits {
                edits.retain(|earlier| !earlier.concerns(edit.name.as_bytes()));
                edits.push(edit);
            }
        }
        edits
    }
}

/// Returns the class of a response, from its status and content.
fn class_of(plan: &Plan) -> Class {
    match (Class::of(plan.status), &plan.content) {
        (Class::Success, content) if !matches!(content, Content::Page(_)) => Class::File,
        (class, _) => class,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::response::FieldBlock;
    use bytes::Bytes;

    fn rule(paths: &[&str], edits: &[(&str, Option<&str>)], on: &[Class]) -> Rule {
        let edit = |(name, value): &(&str, Option<&str>)| Edit {
            name: (*name).into(),
            value: value.map(Arc::from),
        };
        Rule {
            paths: paths
                .iter()
                .map(|path| Pattern::parse(path).unwrap())
                .collect(),
            edits: edits.iter().map(edit).collect(),
            on: on.to_vec(),
            scope: Scope::default(),
        }
    }

    #[test]
    fn stars_stop_at_slashes_and_double_stars_do_not() {
        for (pattern, matching, others) in [
            ("/", &[""][..], &["a", "a/"][..]),
            ("/a", &["a"], &["a/", "b", "A"]),
            ("/*", &["", "a", "a.b"], &["a/", "a/b"]),
            ("/*.js", &["a.js", ".js"], &["a/b.js", "a.jsx"]),
            ("/**", &["", "a", "a/", "a/b/c", "\n"], &[]),
            ("/a/**", &["a/", "a/b", "a/b/"], &["a", "ab", "b/a/c"]),
            ("/**/*.js", &["a.js", "a/b.js", "a/b/c.js"], &["a.jsx"]),
            ("/**/a/*", &["a/b", "b/a/c"], &["a/b/c"]),
            ("/{a,b}/*.{js,css}", &["a/x.js", "b/y.css"], &["c/x.js"]),
            ("/a?c", &["abc"], &["a/c", "ac"]),
            ("/[ab]", &["a", "b"], &["c"]),
            ("/a\\*", &["a*"], &["ab"]),
            ("/gr\u{fc}n", &["gr\u{fc}n"], &["grun"]),
        ] {
            let rules = Rules::new(vec![rule(&[pattern], &[], &[Class::Success])]);
            let applies = |path: &str| {
                !rules
                    .applying(&[path.as_bytes()], Class::Success, None)
                    .is_empty()
            };
            for path in matching {
                assert!(applies(path), "{pattern} {path}");
            }
            for path in others {
                assert!(!applies(path), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn a_path_need_not_be_text() {
        let rules = Rules::new(vec![rule(&["/a/**"], &[], &[Class::Success])]);
        assert_eq!(rules.applying(&[b"a/\xff"], Class::Success, None).len(), 1);
    }

    /// Clients choose the path. It must not multiply the work of a pattern's stars.
    #[test]
    fn a_long_path_that_almost_matches_costs_little() {
        let path = "a/".repeat(4096);
        for pattern in [
            "/**/*a*a*a*a*a*b",
            "/**/a/**/a/**/a/**/a/**/b",
            "/{a,*,**}/**/{*a,a*}/b",
        ] {
            let rules = Rules::new(vec![rule(&[pattern], &[], &[Class::Success])]);
            let begun = std::time::Instant::now();
            assert!(
                rules
                    .applying(&[path.as_bytes()], Class::Success, None)
                    .is_empty()
            );
            let taken = begun.elapsed();
            assert!(
                taken < std::time::Duration::from_millis(500),
                "{pattern}: {taken:?}"
            );
        }
    }

    #[test]
    fn the_last_rule_for_a_field_wins() {
        let (all, success) = ([Class::Success, Class::Error], [Class::Success]);
        let rules = Rules::new(vec![
            rule(
                &["/**"],
                &[("A", Some("1")), ("B", Some("1")), ("C", Some("1"))],
                &all,
            ),
            rule(&["/**/*.html"], &[("a", Some("2")), ("B", None)], &success),
            rule(&["/x", "/y"], &[("A", Some("3"))], &success),
        ]);
        let edits = |paths: &[&str], class| {
            let paths: Vec<_> = paths.iter().map(|path| path.as_bytes()).collect();
            let edits = rules.edits(&paths, class, None);
            let text =
                |edit: &&Edit| format!("{}={}", edit.name, edit.value.as_deref().unwrap_or("-"));
            edits.iter().map(text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(edits(&["a.js"], Class::Success), "A=1 B=1 C=1");
        assert_eq!(edits(&["", "index.html"], Class::Success), "C=1 a=2 B=-");
        assert_eq!(edits(&["x", "x.html"], Class::Success), "C=1 B=- A=3");
        assert_eq!(edits(&["x", "x.html"], Class::Error), "A=1 B=1 C=1");
        assert_eq!(edits(&["x"], Class::Redirect), "");
    }

    #[test]
    fn a_status_has_one_class() {
        for (status, class) in [
            (Status::Ok, Class::Success),
            (Status::NoContent, Class::Preflight),
            (Status::PartialContent, Class::Success),
            (Status::NotModified, Class::Success),
            (Status::MovedPermanently, Class::Redirect),
            (Status::NotFound, Class::Error),
            (Status::ServiceUnavailable, Class::Error),
        ] {
            assert_eq!(Class::of(status), class, "{status:?}");
        }
    }

    #[test]
    fn an_invalid_pattern_is_an_error_with_the_reason() {
        for (text, reason) in [
            ("*.js", "\"/**/*.js\""),
            ("**/*.js", "\"/**/*.js\""),
            ("", "slash"),
            ("/[a", "unclosed"),
            ("/{a", "unclosed"),
            ("/a\\", "backslash"),
            ("/a//b", "never matches"),
            ("/a/./b", "never matches"),
            ("/../b", "never matches"),
            ("/a%20b", "write \"/a b\""),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn rules_set_the_media_type_and_the_coding_of_files() {
        let file = [Class::File];
        let rules = Rules::new(vec![
            rule(&["/a", "/b"], &[("content-type", Some("a/a"))], &file),
            rule(&["/b"], &[("Content-Encoding", Some("GZIP"))], &file),
            rule(&["/c"], &[("Content-Encoding", Some("compress"))], &file),
            rule(&["/d"], &[("Content-Type", None)], &file),
            rule(&["/e"], &[("X-A", Some("1"))], &file),
        ]);
        for (path, content_type, coding) in [
            ("a", Some("a/a"), None),
            ("b", Some("a/a"), Some(Coding::Gzip)),
            ("c", None, None),
            ("d", None, None),
            ("e", None, None),
        ] {
            let paths = [path.as_bytes()];
            assert_eq!(rules.content_type(&paths), content_type, "{path}");
            assert_eq!(rules.content_coding(&paths), coding, "{path}");
        }
        assert!(rules.have_metadata() && !rules.is_empty() && !rules.are_scoped());
        let others = [rule(&["/**"], &[("X-A", Some("1"))], &file)];
        let others = Rules::new(others.into());
        assert!(!others.have_metadata() && !others.is_empty());
        let general = rule(&[], &[("Content-Type", Some("a/a"))], &file);
        let none = Rules::default();
        assert!(!none.have_metadata() && none.is_empty());
        let general = none.with_general(vec![(Setting::Header, general)]);
        assert!(general.have_metadata() && !general.is_empty());
    }

    #[test]
    fn a_policy_of_the_operator_is_for_files_and_not_for_built_in_pages() {
        let rules = Rules::new(vec![rule(
            &["/**"],
            &[
                ("Content-Security-Policy", Some("none")),
                ("Content-Type", Some("a/a")),
                ("X-A", Some("1")),
            ],
            &[Class::Success],
        )]);
        for (security_policy, expected) in [
            (None, &["Content-Security-Policy", "X-A"][..]),
            (Some("own"), &["X-A"]),
        ] {
            let mut metadata = Metadata {
                length: 0,
                content_type: "text/html".into(),
                fallback: None,
                coding: None,
                vary: None,
                security_policy,
                entity_tag: None,
                last_modified: None,
                edits: Vec::new(),
                is_date_strong: false,
            };
            rules.describe(&mut metadata, &[b"a"]);
            let names: Vec<_> = metadata.edits.iter().map(|edit| &*edit.name).collect();
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn a_built_in_page_is_a_success_and_no_file() {
        let general = |on| {
            let rule = rule(&[], &[("X-A", Some("1"))], &[on]);
            Rules::default().with_general(vec![(Setting::Header, rule)])
        };
        let plan = |content| Plan {
            status: Status::Ok,
            fields: FieldBlock::default(),
            content,
        };
        let page = || plan(Content::Page(Bytes::from_static(b"a")));
        for (plan, on, expected) in [
            (page(), Class::Success, true),
            (page(), Class::File, false),
            (page(), Class::Error, false),
            (plan(Content::Whole), Class::Success, true),
            (plan(Content::Whole), Class::File, true),
        ] {
            let fields = general(on).apply_general(plan).fields;
            assert_eq!(fields.as_bytes() == b"X-A: 1\r\n", expected, "{on:?}");
        }
    }

    #[test]
    fn a_media_type_is_set_for_files_and_not_for_responses() {
        let edits = [("Content-Type", Some("a/a")), ("X-A", Some("1"))];
        let rule = rule(&[], &edits, &[Class::Success, Class::Error]);
        let rules = Rules::default().with_general(vec![(Setting::Header, rule)]);
        for content in [Content::Whole, Content::Page(Bytes::from_static(b"a"))] {
            let plan = Plan {
                status: Status::Ok,
                fields: FieldBlock::default(),
                content,
            };
            assert_eq!(rules.apply_general(plan).fields.as_bytes(), b"X-A: 1\r\n");
        }
    }

    #[test]
    fn only_a_response_with_content_gets_a_field_that_describes_it() {
        let rule = rule(
            &[],
            &[("Content-Language", Some("fr")), ("X-A", Some("1"))],
            &[Class::Success],
        );
        let rules = Rules::default().with_general(vec![(Setting::Header, rule)]);
        for (content, expected) in [
            (Content::Empty, &b"X-A: 1\r\n"[..]),
            (Content::Whole, b"Content-Language: fr\r\nX-A: 1\r\n"),
        ] {
            let plan = Plan {
                status: Status::Ok,
                fields: FieldBlock::default(),
                content,
            };
            assert_eq!(rules.apply_general(plan).fields.as_bytes(), expected);
        }
    }
}

//! The operator's rules for access.

use crate::http::address_range::{AddressRange, Client};
use crate::http::request::RequestHead;
use crate::plan::headers::rule::Pattern;
use crate::plan::headers::scope::Scope;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// All access rules, in order. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    rules: Arc<[AccessRule]>,
}

/// The clients that have access to paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// The paths, of which one has to match.
    pub paths: Vec<Pattern>,
    /// The requests that the rule is for.
    pub scope: Scope,
    /// The clients that are allowed. If empty, all are that are not denied.
    pub allow: Vec<AddressRange>,
    /// The clients that are denied.
    pub deny: Vec<AddressRange>,
    /// The users that have access, if a password is required.
    pub users: Option<Users>,
}

/// Users, and the realm for which their password is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    /// The password file.
    pub file: Arc<Path>,
    /// The text that clients show when they ask for a password: visible ASCII.
    pub realm: String,
}

/// A rule that never counts, because an earlier one matches everything that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The index of the rule.
    pub index: usize,
    /// The index of the earlier one.
    pub by: usize,
}

impl Users {
    /// The default realm.
    pub const REALM: &str = "Restricted";
}

impl Access {
    /// Creates access control from rules.
    pub fn new(rules: Vec<AccessRule>) -> Result<Self, Shadowed> {
        for (index, rule) in rules.iter().enumerate() {
            let before = rules.iter().take(index);
            if let Some(by) = before.enumerate().find(|(_, it)| it.covers(rule)) {
                return Err(Shadowed { index, by: by.0 });
            }
        }
        Ok(Self {
            rules: rules.into(),
        })
    }

    /// Returns these rules followed by others.
    #[must_use]
    pub fn followed_by(&self, others: &Self) -> Self {
        let rules = self.iter().chain(others.iter()).cloned();
        Self {
            rules: rules.collect(),
        }
    }

    /// Returns the same rules, with these users for everything that no rule matches.
    #[must_use]
    pub fn with_users_of_all(self, file: &Path) -> Self {
        let rule = AccessRule {
            paths: Pattern::parse("/**").into_iter().collect(),
            scope: Scope::default(),
            allow: Vec::new(),
            deny: Vec::new(),
            users: Some(Users {
                file: file.into(),
                realm: Users::REALM.to_owned(),
            }),
        };
        let rules = self.rules.iter().cloned().chain([rule]);
        Self {
            rules: rules.collect(),
        }
    }

    /// Returns `true` if there are no rules, so that everybody has access to everything.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns the rules in order.
    pub fn iter(&self) -> impl Iterator<Item = &AccessRule> {
        self.rules.iter()
    }

    /// Returns `true` if a rule requires a password.
    pub(crate) fn has_users(&self) -> bool {
        self.files().next().is_some()
    }

    /// Returns the password files, with possible duplicates.
    pub fn files(&self) -> impl Iterator<Item = &Arc<Path>> {
        let users = self.rules.iter().filter_map(|rule| rule.users.as_ref());
        users.map(|users| &users.file)
    }

    pub(super) fn get(&self, index: usize) -> Option<&AccessRule> {
        self.rules.get(index)
    }

    /// Returns the index of the first rule, of so many, that matches a path relative to the root.
    pub(super) fn first(
        &self,
        count: usize,
        request: &RequestHead<'_>,
        path: &[u8],
    ) -> Option<usize> {
        let rules = self.rules.get(..count).unwrap_or(&self.rules);
        rules.iter().position(|rule| {
            rule.paths
                .iter()
                .any(|pattern| pattern.matches_relative(path))
                && rule.scope.holds(request)
        })
    }
}

impl AccessRule {
    /// Returns `true` if the address of a client is admitted. The narrowest range that contains the
    /// client decides. If both lists have it, the client is denied. An unknown client is in none of
    /// the allowed ranges, and may be in any of the denied ones.
    pub fn admits(&self, client: Client) -> bool {
        let narrowest =
            |ranges: &[AddressRange]| ranges.iter().filter_map(|it| it.narrowness(client)).max();
        match (narrowest(&self.allow), narrowest(&self.deny)) {
            (Some(allowed), Some(denied)) => allowed > denied,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => {
                let may_be_denied = client == Client::Unknown && !self.deny.is_empty();
                self.allow.is_empty() && !may_be_denied
            }
        }
    }

    /// Returns `true` if the rule depends on the client's address.
    pub fn asks_for_address(&self) -> bool {
        !(self.allow.is_empty() && self.deny.is_empty())
    }

    /// Returns `true` if it certainly matches everything that another rule matches.
    fn covers(&self, other: &Self) -> bool {
        let covers_path = |path: &Pattern| self.paths.iter().any(|pattern| pattern.covers(path));
        let has_same_scope = self.scope.is_all() || self.scope == other.scope;
        has_same_scope && other.paths.iter().all(covers_path)
    }
}

/// Writes the conditions for the operator.
impl fmt::Display for AccessRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, path) in self.paths.iter().enumerate() {
            write!(out, "{}{path}", if index == 0 { "" } else { " or " })?;
        }
        let mut separator = ": ";
        for (name, ranges) in [("allow", &self.allow), ("deny", &self.deny)] {
            if !ranges.is_empty() {
                let ranges: Vec<_> = ranges.iter().map(AddressRange::to_string).collect();
                write!(out, "{separator}{name} {}", ranges.join(" "))?;
                separator = ", ";
            }
        }
        match &self.users {
            Some(users) => write!(out, "{separator}a password of {}", users.file.display()),
            None => Ok(()),
        }
    }
}

//! The names that are served although they begin with a dot.
//!
//! A name that begins with a dot is hidden, unless a pattern of the operator names it. A part of a
//! pattern names hidden names only if it begins with a dot itself, as in a shell: neither `*` nor
//! `**` does. What is in a directory that a pattern names is served as well, but hidden names in it
//! need patterns of their own.
//!
//! Private names, such as `.git`, are hidden even then. Only a pattern without wildcards names
//! them.

use crate::http::path::RequestPath;
use std::fmt;

/// The patterns of the names that are served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dotfiles {
    patterns: Vec<Dotfile>,
}

/// A pattern of paths with names that begin with a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dotfile {
    text: String,
    parts: Vec<Part>,
    /// `true` if it has no wildcards.
    is_exact: bool,
}

/// A part of a pattern, between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`: any number of names, none of them hidden.
    Directories,
    /// One name, which is hidden if this begins with a dot.
    Name { glob: String, is_hidden: bool },
}

/// The reason why a path is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concealed {
    /// A name in it begins with a dot.
    Hidden,
    /// A name in it is private, and no pattern without wildcards names it.
    Private,
}

impl Dotfiles {
    /// Creates the set of these patterns.
    pub fn new(patterns: Vec<Dotfile>) -> Self {
        Self { patterns }
    }

    /// Returns the patterns in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Dotfile> {
        self.patterns.iter()
    }

    /// Checks that a path may be served, whatever file exists.
    #[inline]
    pub(crate) fn check(&self, path: &RequestPath<'_>) -> Result<(), Concealed> {
        if path.is_hidden() {
            self.check_hidden(path.as_bytes())
        } else {
            Ok(())
        }
    }

    /// Checks that a path with a hidden name, relative to the root, may be served.
    #[cold]
    pub(crate) fn check_hidden(&self, path: &[u8]) -> Result<(), Concealed> {
        self.naming(path).map(drop)
    }

    /// Returns the first pattern that names everything hidden in a path.
    pub fn naming(&self, path: &[u8]) -> Result<&Dotfile, Concealed> {
        let mut why = Concealed::Hidden;
        for pattern in &self.patterns {
            match pattern.check(path) {
                Ok(()) => return Ok(pattern),
                Err(Concealed::Private) => why = Concealed::Private,
                Err(Concealed::Hidden) => {}
            }
        }
        Err(why)
    }
}

impl Dotfile {
    /// Parses a pattern, which begins with a slash like every path. Rejects one that names nothing
    /// hidden.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(relative) = text.strip_prefix('/') else {
            let advice = text.trim_start_matches("**/");
            return Err(format!(
                "{text:?} does not begin with a slash; write \"/{text}\", or \"/**/{advice}\" for \
                 any directory"
            ));
        };
        let relative = relative.strip_suffix('/').unwrap_or(relative);
        let parts = relative.split('/').map(|part| Part::parse(part, text));
        let parts: Vec<_> = parts.collect::<Result<_, _>>()?;
        if parts.len() > PARTS_MAX {
            return Err(format!("{text:?} has more than {PARTS_MAX} parts"));
        }
        let pattern = Self {
            text: text.to_owned(),
            is_exact: !text.contains(WILDCARDS),
            parts,
        };
        pattern.require_use()?;
        Ok(pattern)
    }

    /// Fails if the pattern can match nothing that is not served without it.
    fn require_use(&self) -> Result<(), String> {
        let text = &self.text;
        let is_well_known = matches!(
            self.parts.first(),
            Some(Part::Name { glob, .. }) if glob == ".well-known"
        );
        if is_well_known {
            return Err(format!("{text:?} is served without being named"));
        }
        if !self.parts.iter().any(Part::is_hidden) {
            return Err(format!(
                "{text:?} can match nothing, as no part of it begins with a dot; name what is hidden, \
                 as in /**/.z* or /.config"
            ));
        }
        if let Some(Part::Name { glob, .. }) = self.parts.iter().find(|part| part.is_private())
            && self.path().is_none()
        {
            return Err(format!(
                "{text:?} can match nothing, as {glob} is private; to serve it all the same, write \
                 its path without wildcards"
            ));
        }
        Ok(())
    }

    /// Returns the path that the pattern names, if it has no wildcards.
    pub fn path(&self) -> Option<&str> {
        self.is_exact.then_some(&*self.text)
    }

    /// Checks that the pattern names everything hidden in a path, relative to the root.
    fn check(&self, path: &[u8]) -> Result<(), Concealed> {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let unnamed = if self.is_exact {
            let (_, exact) = self.text.split_at(1);
            let exact = exact.strip_suffix('/').unwrap_or(exact);
            let rest = path.strip_prefix(exact.as_bytes());
            let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
            let rest = rest.ok_or(Concealed::Hidden)?;
            if names(rest).any(is_hidden_name) {
                return Err(Concealed::Hidden);
            }
            rest
        } else if self.reaches(path) {
            path
        } else {
            return Err(Concealed::Hidden);
        };
        if names(unnamed).any(is_private_name) {
            return Err(Concealed::Private);
        }
        Ok(())
    }

    /// Returns `true` if the pattern matches a path or a directory above it, below which nothing is
    /// hidden. Each name is looked at once.
    fn reaches(&self, path: &[u8]) -> bool {
        // One bit for each part that may match the next name, and one for the end of the pattern.
        let end = 1_u64 << self.parts.len();
        let mut reached = self.with_directories(1);
        for name in names(path) {
            let mut next = 0;
            if !is_hidden_name(name) {
                next |= reached & end;
            }
            for (index, part) in self.parts.iter().enumerate() {
                if reached & (1 << index) != 0 && part.matches(name) {
                    next |= match part {
                        Part::Directories => 1 << index,
                        Part::Name { .. } => 1 << (index + 1),
                    };
                }
            }
            reached = self.with_directories(next);
            if reached == 0 {
                return false;
            }
        }
        reached & end != 0
    }

    /// Returns these parts, and those that follow any `**` among them, which may match no name.
    fn with_directories(&self, mut reached: u64) -> u64 {
        for (index, part) in self.parts.iter().enumerate() {
            if *part == Part::Directories && reached & (1 << index) != 0 {
                reached |= 1 << (index + 1);
            }
        }
        reached
    }
}

impl Part {
    fn parse(part: &str, text: &str) -> Result<Self, String> {
        match part {
            "**" => Ok(Self::Directories),
            "" | "." | ".." => Err(format!("{text:?} has a part that no path has: {part:?}")),
            glob => {
                fast_glob::validate(glob)
                    .map_err(|error| format!("{text:?} is no pattern of paths: {error}"))?;
                Ok(Self::Name {
                    glob: glob.to_owned(),
                    is_hidden: is_hidden_name(glob.as_bytes()),
                })
            }
        }
    }

    fn is_hidden(&self) -> bool {
        matches!(self, Self::Name { is_hidden, .. } if *is_hidden)
    }

    /// Returns `true` if all names that it matches are private.
    fn is_private(&self) -> bool {
        match self {
            Self::Directories => false,
            Self::Name { glob, .. } => {
                let literal = glob.split(WILDCARDS).next();
                let literal = literal.unwrap_or_default();
                if literal == glob {
                    is_private_name(glob.as_bytes())
                } else {
                    is_private_start(literal.as_bytes())
                }
            }
        }
    }

    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Directories => !is_hidden_name(name),
            Self::Name { glob, is_hidden } => {
                *is_hidden == is_hidden_name(name) && fast_glob::glob_match(glob, name)
            }
        }
    }
}

impl fmt::Display for Dotfile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

fn is_hidden_name(name: &[u8]) -> bool {
    name.starts_with(b".")
}

/// Returns the names in a path.
fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let names = path.split(|byte| *byte == b'/');
    names.filter(|name| !name.is_empty())
}

/// Returns `true` if a name is that of a repository, which keeps everything that was deleted from
/// it, of a file with passwords, or of a private key. Some file systems ignore the case.
fn is_private_name(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let is_key = KEY_STARTS.iter().any(|start| {
        let name = name.strip_prefix(b".").unwrap_or(&name);
        name.starts_with(start.as_bytes()) && !name.ends_with(b".pub")
    });
    is_key
        || is_private_start(&name)
        || KEY_ENDS.iter().any(|end| name.ends_with(end.as_bytes()))
        || PRIVATE_NAMES.iter().any(|it| it.as_bytes() == name)
}

/// Returns `true` if all names that begin like this are private.
fn is_private_start(name: &[u8]) -> bool {
    name.starts_with(b".ht") || name.starts_with(b".env.")
}

/// Repositories, and files with secrets.
pub const PRIVATE_NAMES: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".env",
    ".aws",
    ".ssh",
    ".htpasswd",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".bzr",
    ".docker",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".my.cnf",
    ".pypirc",
];

/// The beginnings of the names of private keys of SSH. The public ones end in `.pub`.
const KEY_STARTS: [&str; 4] = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];

/// The ends of the names of other private keys.
const KEY_ENDS: [&str; 6] = [".key", ".pem", ".p12", ".pfx", ".jks", ".ppk"];

const WILDCARDS: [char; 5] = ['*', '?', '[', '{', '\\'];

/// The number of parts of a pattern: each takes a bit of a word.
const PARTS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn dotfiles(patterns: &[&str]) -> Dotfiles {
        let patterns = patterns.iter().map(|text| Dotfile::parse(text).unwrap());
        Dotfiles::new(patterns.collect())
    }

    #[test]
    fn only_named_names_are_served() {
        let (hidden, private) = (Err(Concealed::Hidden), Err(Concealed::Private));
        let zarr = &["/**/.z*", "/os/.treeinfo"][..];
        for (patterns, path, expected) in [
            (&[][..], ".zarray", hidden),
            (zarr, ".zarray", Ok(())),
            (zarr, "a/b/.zarray", Ok(())),
            (zarr, "a/.zgroup/b/c", Ok(())),
            (zarr, "a/.zgroup/", Ok(())),
            (zarr, "a/.zgroup/.x", hidden),
            // Every hidden name has to be named by the same pattern.
            (zarr, "a/.zgroup/.z", hidden),
            (zarr, "a/.b/.zarray", hidden),
            (zarr, ".git/.zarray", hidden),
            (zarr, "a/.Zarray", hidden),
            (zarr, "os/.treeinfo", Ok(())),
            (zarr, ".treeinfo", hidden),
            (zarr, "a/os/.treeinfo", hidden),
            (zarr, "os/.treeinfox", hidden),
            (zarr, "os/.treeinfo/.x", hidden),
            (&["/.config/*.json"], ".config/a.json", Ok(())),
            (&["/.config/*.json"], ".config/a.txt", hidden),
            (&["/.config/*.json"], ".config/.a.json", hidden),
            (&["/.config/*.json"], ".config/", hidden),
            (&["/.config/*.json"], ".config/a.json/b", Ok(())),
            (&["/.config/**"], ".config/a/b", Ok(())),
            (&["/.config/**"], ".config/", Ok(())),
            (&["/.config/**"], ".config/.a", hidden),
            (&["/.config/**/.b"], ".config/a/.b", Ok(())),
            (&["/.config/**/.b"], ".config/.a/.b", hidden),
            (&["/**/a/**/.b"], "x/a/a/y/.b", Ok(())),
            (&["/**/a/**/.b"], "x/y/.b", hidden),
            (&["/.config/"], ".config/a", Ok(())),
            (&["/.config"], ".configx", hidden),
            (&["/*/.x"], "a/.x", Ok(())),
            (&["/*/.x"], ".a/.x", hidden),
            (&["/.[xy]"], ".y", Ok(())),
            (&["/.{x,y}"], ".z", hidden),
            (&["/caf\u{e9}/.x"], "caf\u{e9}/.x", Ok(())),
            // Private names.
            (&["/**/.*"], ".a", Ok(())),
            (&["/**/.*"], ".git", private),
            (&["/**/.*"], ".git/config", private),
            (&["/**/.*"], "a/.GIT/config", private),
            (&["/**/.*"], "a/.env", private),
            (&["/**/.*"], ".env.production", private),
            (&["/**/.*"], ".envrc", Ok(())),
            (&["/**/.*"], ".htaccess", private),
            (&["/**/.*"], ".HTpasswd", private),
            (&["/**/.*"], ".ssh/id_rsa", private),
            (&["/**/.*"], ".a/id_ed25519", private),
            (&["/**/.*"], ".a/id_ed25519.pub", Ok(())),
            (&["/**/.*"], ".a/server.key", private),
            (&["/**/.*"], ".server.pem", private),
            (&["/**/.*"], ".gitignore", Ok(())),
            (&["/.git"], ".git/config", Ok(())),
            (&["/.git"], ".git/.env", hidden),
            (&["/.git"], ".git/server.key", private),
            (&["/.git"], "a/.git/config", hidden),
            (&["/.git", "/**/.*"], ".git/.x", hidden),
            (&["/.git/HEAD"], ".git/HEAD", Ok(())),
            (&["/.git/HEAD"], ".git/config", hidden),
            (&["/a/.env"], "a/.env", Ok(())),
            (&["/.ssh/id_rsa"], ".ssh/id_rsa", Ok(())),
        ] {
            let found = dotfiles(patterns).check_hidden(path.as_bytes());
            assert_eq!(found, expected, "{patterns:?} {path}");
        }
    }

    #[test]
    fn a_pattern_that_can_match_nothing_is_rejected() {
        for (text, reason) in [
            ("", "does not begin with a slash"),
            (".z*", "write \"/.z*\", or \"/**/.z*\""),
            ("**/.z*", "write \"/**/.z*\""),
            ("/", "has a part that no path has"),
            ("//.a", "has a part that no path has"),
            ("/../.a", "has a part that no path has"),
            ("/a", "no part of it begins with a dot"),
            ("/**/*", "no part of it begins with a dot"),
            ("/{.a,.b}", "no part of it begins with a dot"),
            ("/.[a", "is no pattern of paths"),
            ("/{.a/b}", "is no pattern of paths"),
            ("/.well-known/x", "is served without being named"),
            ("/**/.git", "as .git is private"),
            ("/*/.env", "as .env is private"),
            ("/.git/*", "as .git is private"),
            ("/**/.ht*", "as .ht* is private"),
            (&"/.a".repeat(33), "has more than 32 parts"),
        ] {
            let error = Dotfile::parse(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_path_of_many_names_is_looked_at_once() {
        let patterns = dotfiles(&["/**/a/**/a/**/a/**/a/**/a/**/a/**/.z"]);
        let path = "a/".repeat(4000);
        let begun = std::time::Instant::now();
        assert!(
            patterns
                .check_hidden(format!("{path}.y").as_bytes())
                .is_err()
        );
        assert!(
            patterns
                .check_hidden(format!("{path}.z").as_bytes())
                .is_ok()
        );
        // Every way of matching it would take years.
        assert!(begun.elapsed().as_secs() < 5);
    }

    #[test]
    fn a_pattern_may_have_as_many_parts_as_a_word_has_bits() {
        let text = "/.a".repeat(32);
        let pattern = Dotfile::parse(&text).unwrap();
        assert_eq!(pattern.to_string(), text);
        assert_eq!(pattern.path(), Some(&*text));
        assert_eq!(Dotfile::parse("/**/.z*").unwrap().path(), None);
    }

    #[test]
    fn a_path_is_checked_if_it_is_hidden() {
        let patterns = dotfiles(&["/.config/*.json", "/**/.z*"]);
        for (path, expected) in [
            ("/", Ok(())),
            ("/a/b", Ok(())),
            ("/.well-known/a", Ok(())),
            ("/.config/a.json", Ok(())),
            ("/.env", Err(Concealed::Hidden)),
            ("/a/%2egit/config", Err(Concealed::Hidden)),
        ] {
            let parsed = RequestPath::parse(path.as_bytes()).unwrap();
            assert_eq!(patterns.check(&parsed), expected, "{path}");
        }
        let written: Vec<_> = patterns.iter().map(ToString::to_string).collect();
        assert_eq!(written, ["/.config/*.json", "/**/.z*"]);
        let naming = patterns.naming(b"a/.zarray").unwrap();
        assert_eq!(naming.to_string(), "/**/.z*");
    }
}

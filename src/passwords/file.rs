//! A password file: users and their hashes.

use super::hash::{HashError, PasswordHash};
use std::collections::HashMap;
use std::fmt;

/// The users and hashes in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasswordFile {
    users: HashMap<Box<[u8]>, usize>,
    hashes: Vec<PasswordHash>,
    /// The lines of weak hashes.
    weak: Vec<usize>,
}

/// An error in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// The number of the line, from 1.
    pub line: usize,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    NoColon,
    NoUser,
    Twice(usize),
    Hash(HashError),
}

impl PasswordFile {
    /// Parses a file with a user, a colon and a hash on each line. Empty lines and those that begin
    /// with a number sign are ignored, and so is everything after a second colon.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<LineError>> {
        let (mut file, mut errors) = (Self::default(), Vec::new());
        let mut lines = HashMap::new();
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let read = split(line).and_then(|(user, hash)| match lines.insert(user, number) {
                Some(before) => Err(Problem::Twice(before)),
                None => Ok((user, PasswordHash::parse(hash).map_err(Problem::Hash)?)),
            });
            match read {
                Ok((user, hash)) => {
                    file.weak.extend(hash.is_weak().then_some(number));
                    file.users.insert(user.into(), file.hashes.len());
                    file.hashes.push(hash);
                }
                Err(problem) => errors.push(LineError {
                    line: number,
                    problem,
                }),
            }
        }
        if errors.is_empty() {
            Ok(file)
        } else {
            Err(errors)
        }
    }

    /// Returns the hash of a user's password.
    pub fn hash_of(&self, user: &[u8]) -> Option<&PasswordHash> {
        self.hashes.get(*self.users.get(user)?)
    }

    /// Returns one of the hashes, selected by a number. Verifying an unknown user with it takes as
    /// long as verifying a known one.
    pub fn any_hash(&self, number: usize) -> Option<&PasswordHash> {
        self.hashes.get(number.checked_rem(self.hashes.len())?)
    }

    /// Returns the number of users.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Returns `true` if there are no users.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Returns the numbers of the lines with weak hashes.
    pub fn weak_lines(&self) -> &[usize] {
        &self.weak
    }
}

fn split(line: &[u8]) -> Result<(&[u8], &[u8]), Problem> {
    let mut parts = line.split(|byte| *byte == b':');
    match (parts.next(), parts.next()) {
        (Some([]), _) => Err(Problem::NoUser),
        (Some(user), Some(hash)) => Ok((user, hash)),
        _ => Err(Problem::NoColon),
    }
}

/// Returns a line for a user, or `None` if no file can contain the user.
pub fn line(user: &str, hash: &PasswordHash) -> Option<String> {
    let is_sound = !user.is_empty()
        && !user.starts_with('#')
        && user.trim_ascii() == user
        && !user.contains(|byte: char| byte == ':' || byte.is_control());
    is_sound.then(|| format!("{user}:{hash}"))
}

/// The message never quotes a line, which may contain a password.
impl fmt::Display for LineError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: ", self.line)?;
        match &self.problem {
            Problem::NoColon => write!(out, "there is no colon between a user and a hash"),
            Problem::NoUser => write!(out, "there is no user before the colon"),
            Problem::Twice(line) => write!(out, "the user is already on line {line}"),
            Problem::Hash(error) => write!(out, "{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$05$D3aG71/4FaO5nWIaNKpG4eCjMILEDAkEtQK0lA3JU73twtT5tre.a";
    const WEAK: &str = "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/";

    #[test]
    fn a_file_has_a_user_and_a_hash_on_each_line() {
        let text = format!(
            "# staff\r\n\r\nalice:{HASH}\r\n  b\u{fc}b:{WEAK}:B\u{fc}b, room 7\n \n#carol:x\nno:{HASH}"
        );
        let file = PasswordFile::parse(text.as_bytes()).unwrap();
        assert_eq!((file.len(), file.weak_lines()), (3, &[4][..]));
        for user in ["alice", "b\u{fc}b", "no"] {
            assert!(file.hash_of(user.as_bytes()).is_some(), "{user}");
        }
        for user in ["", "Alice", "#carol", "carol", "bob"] {
            assert_eq!(file.hash_of(user.as_bytes()), None, "{user}");
        }
        assert_eq!(file.any_hash(7), file.hash_of("b\u{fc}b".as_bytes()));
        let none = PasswordFile::parse(b"").unwrap();
        assert!(none.is_empty() && none.any_hash(7).is_none());
    }

    #[test]
    fn every_wrong_line_is_reported_and_none_is_quoted() {
        let text = format!(
            "alice:secret\nbob\n:{HASH}\nc:{HASH}\n\nc:{HASH}\nd:{{SHA}}x\ne:abcdefghijklm"
        );
        let errors = PasswordFile::parse(text.as_bytes()).unwrap_err();
        let text: Vec<_> = errors.iter().map(LineError::to_string).collect();
        let starts = [
            "line 1: the hash is not bcrypt",
            "line 2: there is no colon",
            "line 3: there is no user",
            "line 6: the user is already on line 4",
            "line 7: {SHA} is a hash without a salt",
            "line 8: the hash is one of crypt(3) with DES",
        ];
        assert_eq!(text.len(), starts.len());
        for (text, start) in text.iter().zip(starts) {
            assert!(
                text.starts_with(start) && !text.contains("secret"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_line_is_made_for_users_that_a_file_can_have() {
        let hash = PasswordHash::parse(HASH.as_bytes()).unwrap();
        let made = line("b\u{fc}b", &hash).unwrap();
        let read = PasswordFile::parse(made.as_bytes()).unwrap();
        assert!(read.hash_of("b\u{fc}b".as_bytes()).is_some());
        for user in ["", "a:b", "#a", " a", "a\n"] {
            assert_eq!(line(user, &hash), None, "{user:?}");
        }
    }
}

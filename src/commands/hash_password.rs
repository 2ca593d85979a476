//! A line for a password file: the output of `--hash-password`.

use crate::passwords::{PasswordHash, line};
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fmt;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// The reason why there is no line.
#[derive(Debug)]
pub enum NoHash {
    /// No file can contain this user.
    User(String),
    /// The password is empty, too long, or has control characters. Contains the problem.
    Password(&'static str),
    /// The two passwords that were typed differ.
    Mistyped,
    /// The password cannot be read.
    Unreadable(io::Error),
    /// The system has no random bytes.
    Random(io::Error),
}

/// Asks for a password at the terminal, twice, or else reads one line of standard input. Returns
/// the line that admits this user.
pub fn hash_password(user: &str) -> Result<String, NoHash> {
    let refused = || NoHash::User(user.to_owned());
    // This check comes before anything is typed.
    line(user, &PasswordHash::bcrypt(b"", [0; 16])).ok_or_else(refused)?;
    let password = read_password()
        .map_err(NoHash::Unreadable)?
        .ok_or(NoHash::Mistyped)?;
    check(&password).map_err(NoHash::Password)?;
    let mut salt = [0; 16];
    let filled = getrandom(&mut salt, GetRandomFlags::empty());
    filled.map_err(|errno| NoHash::Random(errno.into()))?;
    let hash = PasswordHash::bcrypt(password.as_bytes(), salt);
    line(user, &hash)
        .map(|line| line + "\n")
        .ok_or_else(refused)
}

fn check(password: &str) -> Result<(), &'static str> {
    if password.is_empty() {
        Err("it is empty")
    } else if password.len() > BCRYPT_BYTES_MAX {
        Err("it is longer than 72 bytes, and bcrypt ignores the rest")
    } else if password.contains(char::is_control) {
        Err("it has a control character, which no browser sends")
    } else {
        Ok(())
    }
}

/// Reads a password. Returns `None` if it was typed twice, differently.
fn read_password() -> io::Result<Option<String>> {
    if !io::stdin().is_terminal() {
        return read_line().map(Some);
    }
    let _unseen = Unseen::begin()?;
    let ask = |prompt: &str| {
        write!(io::stderr(), "{prompt}")?;
        let typed = read_line();
        writeln!(io::stderr())?;
        typed
    };
    let password = ask("Password: ")?;
    let again = ask("Repeat the password: ")?;
    Ok((password == again).then_some(password))
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// The terminal, while it hides what is typed.
struct Unseen {
    before: Termios,
}

impl Unseen {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &unseen)?;
        Ok(Self { before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

impl fmt::Display for NoHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(
                out,
                "{user:?} cannot be a user name; write one without a colon, spaces at its ends or \
                 a # \
                 at its start"
            ),
            Self::Password(why) => write!(out, "cannot use this password: {why}"),
            Self::Mistyped => out.write_str("the passwords differ; type the same one twice"),
            Self::Unreadable(error) => write!(out, "cannot read the password: {error}"),
            Self::Random(error) => write!(out, "cannot make a salt: {error}"),
        }
    }
}

impl std::error::Error for NoHash {}

/// The number of bytes of a password that bcrypt uses.
const BCRYPT_BYTES_MAX: usize = 72;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_cannot_be_sent_or_verified_are_rejected() {
        for (password, is_taken) in [
            ("secret", true),
            ("a: b", true),
            ("gr\u{fc}n", true),
            ("", false),
            ("a\tb", false),
            ("a\0", false),
        ] {
            assert_eq!(check(password).is_ok(), is_taken, "{password:?}");
        }
        assert!(check(&"a".repeat(72)).is_ok() && check(&"a".repeat(73)).is_err());
    }
}

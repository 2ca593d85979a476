//! Basic authentication (RFC 7617): a user and a password in `Authorization`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::fmt;

/// A user and a password, in UTF-8 (RFC 7617 §2.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The claimed user.
    pub user: Box<[u8]>,
    /// The secret of the user.
    pub password: Box<[u8]>,
}

impl Credentials {
    /// Parses a value of `Authorization`. Returns `None` for another scheme, and for invalid
    /// syntax.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (scheme, token) = value.split_at_checked(SCHEME.len())?;
        let token = token.strip_prefix(b" ")?.trim_ascii();
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let both = BASE64_STANDARD.decode(token).ok()?;
        // RFC 7617 §2: neither contains a control character.
        if both.iter().any(u8::is_ascii_control) {
            return None;
        }
        let both = match std::str::from_utf8(&both) {
            Ok(_) => both,
            // Clients that ignore the charset, such as pip, send Latin-1.
            Err(_) => both
                .iter()
                .copied()
                .map(char::from)
                .collect::<String>()
                .into_bytes(),
        };
        let colon = memchr::memchr(b':', &both)?;
        let (user, password) = both.split_at_checked(colon)?;
        Some(Self {
            user: user.into(),
            password: password.get(1..)?.into(),
        })
    }
}

/// Passwords must not appear in logs.
impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Credentials")
    }
}

/// Returns the value of `WWW-Authenticate` for a realm of visible ASCII.
pub fn challenge(realm: &str) -> String {
    let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
    format!("Basic realm=\"{realm}\", charset=\"UTF-8\"")
}

const SCHEME: &[u8] = b"Basic";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_password_are_parsed_strictly() {
        let read = |value: &str| {
            let read = Credentials::parse(value.as_bytes())?;
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            Some((text(&read.user), text(&read.password)))
        };
        let both = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (value, expected) in [
            // The examples of RFC 7617 §2 and §2.1.
            (
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                both("Aladdin", "open sesame"),
            ),
            ("Basic dGVzdDoxMjPCow==", both("test", "123\u{a3}")),
            ("basic  dGVzdDoxMjPCow==", both("test", "123\u{a3}")),
            ("Basic dGVzdDoxMjOj", both("test", "123\u{a3}")),
            ("Basic YTpiOmM=", both("a", "b:c")),
            ("Basic Og==", both("", "")),
            ("Basic YQ==", None),
            ("Basic dGVzdDoxMjPCow", None),
            ("Basic", None),
            ("Basic ", None),
            ("BasicYTpiOmM=", None),
            ("Bearer YTpiOmM=", None),
            ("Basic YTpiOmM= x", None),
            ("Basic a:b", None),
            // A NUL, and a line end.
            ("Basic YTpiAGM=", None),
            ("Basic YTpiCmM=", None),
            ("", None),
        ] {
            assert_eq!(read(value), expected, "{value}");
        }
    }

    #[test]
    fn credentials_are_written_without_user_and_password() {
        let credentials = Credentials::parse(b"Basic YTpiOmM=");
        assert_eq!(format!("{credentials:?}"), "Some(Credentials)");
    }

    #[test]
    fn a_realm_cannot_leave_its_quotes() {
        assert_eq!(
            challenge("a \"b\\"),
            "Basic realm=\"a \\\"b\\\\\", charset=\"UTF-8\""
        );
    }
}

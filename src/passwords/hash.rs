//! The hashes made by `htpasswd`: bcrypt, SHA-crypt and `$apr1$`.

use super::{apr1, crypt64};
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};
use sha_crypt::{Params, sha256_crypt, sha512_crypt};
use std::fmt;
use subtle::ConstantTimeEq as _;

/// A hash, with all parameters for making it from a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash {
    scheme: Scheme,
    /// The part after the salt.
    hash: Box<[u8]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scheme {
    Bcrypt { cost: u32, salt: [u8; 16] },
    Sha256 { rounds: u32, salt: Box<[u8]> },
    Sha512 { rounds: u32, salt: Box<[u8]> },
    Apr1 { salt: Box<[u8]> },
}

/// The reason why a text is not accepted as a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError {
    /// It is the SHA-1 of a password.
    Sha1,
    /// It was made with DES.
    Des,
    /// It is of an unknown kind, or a plain password.
    Unknown,
    /// It begins like a known kind, but is malformed.
    Broken,
    /// It would occupy a processor for seconds.
    Slow,
}

impl PasswordHash {
    /// Parses a hash.
    pub fn parse(text: &[u8]) -> Result<Self, HashError> {
        let text = std::str::from_utf8(text).map_err(|_| HashError::Unknown)?;
        let scheme = |prefix: &str| text.strip_prefix(prefix);
        if let Some(rest) = ["$2y$", "$2b$", "$2a$"].into_iter().find_map(scheme) {
            parse_bcrypt(rest)
        } else if let Some(rest) = scheme("$5$") {
            parse_sha(rest, 43, |rounds, salt| Scheme::Sha256 { rounds, salt })
        } else if let Some(rest) = scheme("$6$") {
            parse_sha(rest, 86, |rounds, salt| Scheme::Sha512 { rounds, salt })
        } else if let Some(rest) = scheme("$apr1$") {
            let (salt, hash) = salt_and_hash(rest, 8, 22)?;
            let scheme = Scheme::Apr1 { salt };
            Ok(Self { scheme, hash })
        } else if text.starts_with("{SHA}") {
            Err(HashError::Sha1)
        } else if text.len() == 13 && text.bytes().all(crypt64::is_digit) {
            Err(HashError::Des)
        } else {
            Err(HashError::Unknown)
        }
    }

    /// Makes a bcrypt hash of a password, with a random salt.
    pub fn bcrypt(password: &[u8], salt: [u8; 16]) -> Self {
        let scheme = Scheme::Bcrypt { cost: COST, salt };
        let hash = scheme.hash(password);
        Self { scheme, hash }
    }

    /// Returns `true` if this is the hash of this password. This takes as much time as the hash was
    /// designed to take.
    pub fn verify(&self, password: &[u8]) -> bool {
        let is_possible = password.len() <= PASSWORD_BYTES_MAX && !password.contains(&0);
        let is_same: bool = self.scheme.hash(password).ct_eq(&self.hash).into();
        is_possible && is_same
    }

    /// Returns `true` if attackers with the file can try passwords much faster than an ordinary
    /// processor could.
    pub fn is_weak(&self) -> bool {
        matches!(self.scheme, Scheme::Apr1 { .. })
    }
}

impl Scheme {
    fn hash(&self, password: &[u8]) -> Box<[u8]> {
        let password = password.get(..PASSWORD_BYTES_MAX).unwrap_or(password);
        match self {
            Self::Bcrypt { cost, salt } => {
                let password: Vec<_> = password.iter().copied().chain([0]).collect();
                let password = password.get(..BCRYPT_BYTES_MAX).unwrap_or(&password);
                let hash = bcrypt::bcrypt(*cost, *salt, password);
                // The last byte is not part of the written form.
                hash.get(..23).unwrap_or_default().into()
            }
            Self::Sha256 { rounds, salt } => {
                let hash = sha256_crypt(password, salt, params(*rounds));
                let order = crypt64::order(hash.len(), [20, 10, 0], |group| group.rotate_left(1));
                crypt64::encode_in_order(&hash, order)
            }
            Self::Sha512 { rounds, salt } => {
                let hash = sha512_crypt(password, salt, params(*rounds));
                let order = crypt64::order(hash.len(), [42, 21, 0], |group| group.rotate_right(1));
                crypt64::encode_in_order(&hash, order)
            }
            Self::Apr1 { salt } => apr1::hash(password, salt),
        }
    }
}

/// Writes the hash in its usual form.
impl fmt::Display for PasswordHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let salt = |salt: &[u8]| String::from_utf8_lossy(salt).into_owned();
        match &self.scheme {
            Scheme::Bcrypt { cost, salt } => {
                write!(out, "$2y${cost:02}${}", BASE64.encode(salt))?;
                return out.write_str(&BASE64.encode(&self.hash));
            }
            Scheme::Sha256 { rounds, salt: it } => write!(out, "$5$rounds={rounds}${}", salt(it))?,
            Scheme::Sha512 { rounds, salt: it } => write!(out, "$6$rounds={rounds}${}", salt(it))?,
            Scheme::Apr1 { salt: it } => write!(out, "$apr1${}", salt(it))?,
        }
        write!(out, "${}", salt(&self.hash))
    }
}

impl fmt::Display for HashError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Sha1 => "{SHA} is a hash without a salt, which is cracked in no time",
            Self::Des => "the hash is one of crypt(3) with DES, which is cracked in no time",
            Self::Unknown => {
                "the hash is not bcrypt ($2y$), SHA-crypt ($5$, $6$) or $apr1$; passwords in \
                 plain text are refused"
            }
            Self::Broken => "the hash is incomplete or too long",
            Self::Slow => "the hash takes seconds for each login",
        })
    }
}

fn parse_bcrypt(rest: &str) -> Result<PasswordHash, HashError> {
    let (cost, rest) = rest.split_once('$').ok_or(HashError::Broken)?;
    let is_cost = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    let cost: u32 = cost.parse().map_err(|_| HashError::Broken)?;
    let (salt, hash) = rest.split_at_checked(22).ok_or(HashError::Broken)?;
    let decode = |text: &str| BASE64.decode(text).map_err(|_| HashError::Broken);
    let salt: Result<[u8; 16], _> = decode(salt)?.try_into();
    let salt = salt.map_err(|_| HashError::Broken)?;
    let hash = decode(hash)?;
    match cost {
        _ if !is_cost || hash.len() != 23 => Err(HashError::Broken),
        0..=3 | 32.. => Err(HashError::Broken),
        _ if cost > COST_MAX => Err(HashError::Slow),
        _ => Ok(PasswordHash {
            scheme: Scheme::Bcrypt { cost, salt },
            hash: hash.into(),
        }),
    }
}

fn parse_sha(
    rest: &str,
    length: usize,
    scheme: fn(u32, Box<[u8]>) -> Scheme,
) -> Result<PasswordHash, HashError> {
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or(HashError::Broken)?;
            (rounds.parse().map_err(|_| HashError::Broken)?, rest)
        }
        None => (ROUNDS, rest),
    };
    if rounds > ROUNDS_MAX {
        return Err(HashError::Slow);
    }
    if rounds < ROUNDS_MIN {
        return Err(HashError::Broken);
    }
    let (salt, hash) = salt_and_hash(rest, 16, length)?;
    let scheme = scheme(rounds, salt);
    Ok(PasswordHash { scheme, hash })
}

type SaltAndHash = (Box<[u8]>, Box<[u8]>);

/// Splits a text into a salt with at most so many bytes, and a hash with exactly so many.
fn salt_and_hash(text: &str, salt_max: usize, length: usize) -> Result<SaltAndHash, HashError> {
    let (salt, hash) = text.split_once('$').ok_or(HashError::Broken)?;
    let is_sound = salt.len() <= salt_max
        && !salt.contains(|byte: char| byte.is_control())
        && hash.len() == length
        && hash.bytes().all(crypt64::is_digit);
    if is_sound {
        Ok((salt.as_bytes().into(), hash.as_bytes().into()))
    } else {
        Err(HashError::Broken)
    }
}

/// The rounds were checked when they were parsed.
fn params(rounds: u32) -> Params {
    Params::new(rounds).unwrap_or_default()
}

const BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PAD);

/// Longer passwords are always wrong. `htpasswd` accepts none, and SHA-crypt would take more time
/// for them.
pub const PASSWORD_BYTES_MAX: usize = 255;

/// The number of bytes of a password that bcrypt uses, including the NUL at its end.
const BCRYPT_BYTES_MAX: usize = 72;

/// The cost of a new hash: some tens of milliseconds.
const COST: u32 = 10;

/// The maximum takes about two seconds.
const COST_MAX: u32 = 15;

const ROUNDS: u32 = 5000;
const ROUNDS_MIN: u32 = 1000;

/// The maximum takes about two seconds.
const ROUNDS_MAX: u32 = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// The output of Debian's htpasswd and openssl for these passwords.
    const HASHES: &[(&str, &str)] = &[
        (
            "secret",
            "$2y$05$B8P1WdxTdYli5WxD74xb/uXA.qxqtm2LxOsD25J/oOQecsxD3lPvi",
        ),
        (
            "secret",
            "$5$vVnDLvW/A7GbFDZ9$ueseyNpBUAiWfg0jkL.Ep2dCt2vMwi9TsJ5VNxKy7y9",
        ),
        (
            "secret",
            "$6$/j.qt8TT0LSDFSQY$B.F7UWwGpLb.0Ruupz8ip.bqukp97/.hR.ss0LWjzuS6VBiFPl9yvyOEkz3Dc.ZRJ/RNgyhAt5pn8TXYIv1DL/",
        ),
        ("secret", "$apr1$R4qjwz0M$uyv1Z99pGZD6BQnmSoXOn."),
        (
            "Grüße:x",
            "$2y$05$zc3jCM4K6ruYGHvYtqydsexVwK3F9wBOE5s4JRmjc9GQz3TO8BMla",
        ),
        (
            "Grüße:x",
            "$5$ie1mm..Kio.k9nw9$CowTof9GeE87cJhJcljRnorCNspwWiCHKTRQIgzxKE4",
        ),
        (
            "Grüße:x",
            "$6$Kojy7ulJt3F0l0QJ$fA/jbAst2.Ro2a4xmbJb9RwPP96x4yNLrf2afjnjEcjupszfBbQLSQ8QRBPbBh2ZaUy6YKMQ171aML3T0G6Ac0",
        ),
        ("Grüße:x", "$apr1$69KqPWsX$etkIhc9EZJHvur2vxfJHu1"),
        (
            "secret",
            "$5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0",
        ),
        (
            "secret",
            "$6$abcdefghijklmnop$J/AWykHqo2Tx5UtavGnFc3ytI33la50JpzLTarSWVhkIXK6wOjNwwZjsrIw2UgmrER2EKrSHCeQyAINEEXAk1/",
        ),
        (
            "secret",
            "$6$rounds=1234$fvJnRub71JxrYeHY$SDQX1OKBFlnK08m.MHHONmcjT1xAB5KBu947bqs0cXs0OVMFOiXSC9NMwvmmbGYYy8mW..3Fce0tyUnvN1.d5/",
        ),
    ];

    #[test]
    fn a_hash_matches_only_its_password() {
        for (password, text) in HASHES {
            let hash = PasswordHash::parse(text.as_bytes()).expect(text);
            assert!(hash.verify(password.as_bytes()), "{text}");
            for wrong in ["", "secret ", "Secret", "secret\0", "x", "\u{fc}"] {
                assert!(
                    wrong == *password || !hash.verify(wrong.as_bytes()),
                    "{text} {wrong:?}"
                );
            }
        }
    }

    #[test]
    fn a_written_hash_parses_to_the_same_one() {
        for (_, text) in HASHES {
            let hash = PasswordHash::parse(text.as_bytes()).expect(text);
            assert_eq!(
                PasswordHash::parse(hash.to_string().as_bytes()),
                Ok(hash),
                "{text}"
            );
        }
        let made = PasswordHash::bcrypt("Gr\u{fc}\u{df}e".as_bytes(), [7; 16]);
        assert!(made.to_string().starts_with("$2y$10$"), "{made}");
        assert_eq!(made.to_string().len(), 60);
        let read = PasswordHash::parse(made.to_string().as_bytes()).unwrap();
        assert!(read.verify("Gr\u{fc}\u{df}e".as_bytes()) && !read.verify(b"Gr"));
    }

    #[test]
    fn weak_malformed_and_slow_hashes_are_rejected() {
        use HashError::{Broken, Des, Sha1, Slow, Unknown};
        let salt = "abcdefghijklmnopqrstuu";
        let tail = "0123456789abcdefghijABCDEFGHIJK";
        let bcrypt = |cost: &str| format!("$2y${cost}${salt}{tail}");
        let sha = |rounds: &str| format!("$5$rounds={rounds}$abc${}", "a".repeat(43));
        for (text, expected) in [
            ("{SHA}jyxxuDg04bO1WGlqGmZ6idjwRb4=".to_owned(), Sha1),
            ("dfZhCEO0T7LIw".to_owned(), Des),
            ("secret".to_owned(), Unknown),
            (String::new(), Unknown),
            ("$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1".to_owned(), Unknown),
            ("$2x$05$abc".to_owned(), Unknown),
            ("$2y$05$abc".to_owned(), Broken),
            (bcrypt("3"), Broken),
            (bcrypt("03"), Broken),
            (bcrypt("16"), Slow),
            (bcrypt("31"), Slow),
            (bcrypt("32"), Broken),
            (bcrypt("10") + "a", Broken),
            (sha("999"), Broken),
            (sha("x"), Broken),
            (sha("999999999"), Slow),
            (sha("5000") + "a", Broken),
            (format!("$6$seventeen-letters$%{}", "a".repeat(86)), Broken),
            ("$apr1$abcdefghi$h9FWgUz3n9YxylKLlR5SQ/".to_owned(), Broken),
            ("$apr1$abcdefgh".to_owned(), Broken),
        ] {
            assert_eq!(
                PasswordHash::parse(text.as_bytes()),
                Err(expected),
                "{text}"
            );
        }
        assert!(PasswordHash::parse(bcrypt("15").as_bytes()).is_ok());
    }

    #[test]
    fn a_password_that_is_too_long_is_wrong_and_takes_no_longer() {
        let hash = PasswordHash::parse(HASHES[0].1.as_bytes()).unwrap();
        assert!(!hash.verify(&[b'a'; 10_000]));
        let long = [b'a'; PASSWORD_BYTES_MAX + 1];
        let made = PasswordHash::bcrypt(&long, [1; 16]);
        assert!(!made.verify(&long) && made.verify(&long[1..]));
    }
}

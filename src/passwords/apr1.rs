//! `$apr1$`: Apache's variant of the MD5-based crypt(3) of FreeBSD. No maintained crate supports
//! it.

use super::crypt64;
use md5::{Digest as _, Md5};

/// Returns the hash of a password as in the file, without the salt.
pub(super) fn hash(password: &[u8], salt: &[u8]) -> Box<[u8]> {
    let both = digest(&[password, salt, password]);
    let mut first = Md5::new();
    first.update(password);
    first.update(MAGIC);
    first.update(salt);
    for taken in password.chunks(both.len()) {
        first.update(both.get(..taken.len()).unwrap_or_default());
    }
    let mut length = password.len();
    while length > 0 {
        let byte = if length & 1 == 1 {
            Some(&0)
        } else {
            password.first()
        };
        first.update(byte.map_or(&[][..], std::slice::from_ref));
        length >>= 1;
    }
    let mut last: [u8; 16] = first.finalize().into();
    for round in 0..ROUNDS {
        let own = |is_password| if is_password { password } else { &last[..] };
        last = digest(&[
            own(round % 2 == 1),
            if round % 3 == 0 { b"" } else { salt },
            if round % 7 == 0 { b"" } else { password },
            own(round % 2 == 0),
        ]);
    }
    crypt64::encode_in_order(&last, ORDER)
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

const MAGIC: &[u8] = b"$apr1$";

const ROUNDS: u32 = 1000;

/// The order in which the bytes of the digest are written.
const ORDER: [usize; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected hashes are the output of `openssl passwd -apr1 -salt SALT PASSWORD`.
    #[test]
    fn a_hash_is_the_one_that_openssl_makes() {
        for (password, salt, expected) in [
            ("secret", "abcdefgh", "h9FWgUz3n9YxylKLlR5SQ/"),
            ("", "12345678", "sHuPAw7VA9xjRbJz7zKV7/"),
            ("a", "x", "16j9.5e7KiXmuYFAYpPJM/"),
            ("Grüße:x", "./AZaz09", "0pjYvl55rzY95m8pJDWUM/"),
            ("sixteen bytes 16", "abcd", "OFl.p00BvcKzzgNowWaU4/"),
            (
                "a password of more than thirty-two bytes, twice the digest",
                "abcdefgh",
                "k3BQDO.I0GX/AkKBxxxJw0",
            ),
        ] {
            let hash = hash(password.as_bytes(), salt.as_bytes());
            assert_eq!(&*hash, expected.as_bytes(), "{password}");
        }
    }
}

//! Certificates and keys as text (RFC 7468).

/// Encodes DER as PEM.
pub(super) fn encode(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(LINE_BYTES) {
        for group in line.chunks(3) {
            encode_group(group, &mut text);
        }
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// Encodes up to three bytes as four characters (RFC 4648 §4).
fn encode_group(group: &[u8], text: &mut String) {
    let bits = group
        .iter()
        .chain([&0; 2])
        .take(3)
        .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
    for place in 0..4 {
        let symbol = ALPHABET.get(bits >> (18 - 6 * place) & 63);
        let symbol = symbol.filter(|_| place <= group.len());
        text.push(symbol.map_or('=', |symbol| char::from(*symbol)));
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// 64 characters.
const LINE_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_64_characters_and_the_last_group_is_padded() {
        for (der, lines) in [
            (&b""[..], ""),
            (b"f", "Zg==\n"),
            (b"fo", "Zm8=\n"),
            (b"foobar", "Zm9vYmFy\n"),
            (&[0xff; 48], &(["/"; 64].concat() + "\n")),
            (&[0xff; 49], &(["/"; 64].concat() + "\n/w==\n")),
        ] {
            let expected = format!("-----BEGIN A-----\n{lines}-----END A-----\n");
            assert_eq!(encode("A", der), expected);
        }
    }
}

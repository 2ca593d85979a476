//! The alphabet and the order of bits of hashes in crypt(3).

/// Writes the bytes of a hash in this order, in groups of three, starting with the lowest six bits.
pub(super) fn encode_in_order(hash: &[u8], order: impl IntoIterator<Item = usize>) -> Box<[u8]> {
    let bytes = order.into_iter().filter_map(|at| hash.get(at)).copied();
    let bytes: Vec<u8> = bytes.collect();
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .rev()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        let digits = (0..=group.len()).map(|digit| bits >> (6 * digit) & 0x3f);
        text.extend(digits.filter_map(|digit| ALPHABET.get(digit)));
    }
    text.into()
}

/// Returns the order of `length` bytes in SHA-crypt. Each group of three is the previous one,
/// rotated and advanced by one. The bytes after the last whole group keep their order.
pub(super) fn order(
    length: usize,
    first: [usize; 3],
    turn: impl Fn(&mut [usize; 3]),
) -> impl Iterator<Item = usize> {
    let next = move |group: &[usize; 3]| {
        let mut next = *group;
        turn(&mut next);
        Some(next.map(|at| at + 1))
    };
    let whole = length / 3 * 3;
    let groups = std::iter::successors(Some(first), next).flatten();
    groups.take(whole).chain(whole..length)
}

pub(super) fn is_digit(byte: u8) -> bool {
    ALPHABET.contains(&byte)
}

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

//! Suggesting the name that was probably meant.

/// Returns the one of the `known` names that the author of `name` probably meant.
///
/// Only similar names are suggested: the same letters, the plural, the same words in another order,
/// a typing error, or the words of exactly one name. A wrong suggestion costs more time than none.
pub(super) fn nearest<'k>(
    name: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Option<&'k str> {
    let name = name.to_lowercase().replace('_', "-");
    let same_letters = |known: &&str| letters(&name).eq(letters(known));
    let same_words = |known: &&str| words(&name) == words(known);
    let mut all = known.clone();
    let plural = |known: &&str| name.strip_suffix('s') == Some(*known);
    all.clone()
        .find(same_letters)
        .or_else(|| all.clone().find(plural))
        .or_else(|| all.find(same_words))
        .or_else(|| mistyped(&name, known.clone()))
        .or_else(|| only_one(known.filter(|known| shares_words(&name, known))))
}

/// Returns the one of the `known` names from which `name` differs by one or two typing errors.
pub(super) fn mistyped<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let edits = known.map(|known| (strsim::osa_distance(name, known), known));
    let (edits, nearest) = edits.min_by_key(|(edits, _)| *edits)?;
    let edits_max = match nearest.len() {
        ..MIDDLING => 0,
        MIDDLING..LONG => 1,
        _ => 2,
    };
    (edits <= edits_max).then_some(nearest)
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|char| *char != '-')
}

fn words(name: &str) -> Vec<&str> {
    let mut words: Vec<_> = name.split('-').collect();
    words.sort_unstable();
    words
}

/// Returns `true` if one name has all words of the other. A `name` of a single word is not enough,
/// because many names share it.
fn shares_words(name: &str, known: &str) -> bool {
    let (name, known) = (words(name), words(known));
    let has_all = |of: &[&str], these: &[&str]| these.iter().all(|word| of.contains(word));
    has_all(&name, &known) || name.len() > 1 && has_all(&known, &name)
}

fn only_one<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    all.next().filter(|_| all.next().is_none())
}

/// The length from which names may differ by one edit. Below it, `uri` would match `url`.
const MIDDLING: usize = 4;

/// The length from which names may differ by two edits. Below it, `port` would match `root`.
const LONG: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_similar_names_are_suggested() {
        let known = [
            "root",
            "port",
            "listen",
            "listing",
            "open",
            "spa",
            "config",
            "idle-timeout",
            "header-timeout",
            "access-log",
            "access-log-format",
            "cache-control",
            "cache-bytes-max",
            "connections-max",
            "pid-file",
        ];
        for (name, expected) in [
            ("idle_timeout", Some("idle-timeout")),
            ("Idle-Timeout", Some("idle-timeout")),
            ("idle-timeot", Some("idle-timeout")),
            ("lisen", Some("listen")),
            ("Listen", Some("listen")),
            ("acces-log", Some("access-log")),
            ("max-connections", Some("connections-max")),
            ("headertimeout", Some("header-timeout")),
            ("pidfile", Some("pid-file")),
            ("ports", Some("port")),
            ("spas", Some("spa")),
            ("prot", Some("port")),
            ("config-file", Some("config")),
            ("log-format", Some("access-log-format")),
            ("access-log-file", Some("access-log")),
            // Similar to several names, or to none.
            ("timeout", None),
            ("cache", None),
            ("log", None),
            ("file", None),
            ("max", None),
            ("opn", Some("open")),
            ("host", None),
            ("spdy", None),
            ("colour", None),
            ("frobnicate", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
    }
}

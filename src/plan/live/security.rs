//! Content Security Policies: deciding whether one allows the script of live reload to run and to
//! connect.

use std::iter;

/// Returns the directives that a policy, the value of a `Content-Security-Policy`, lacks for pages
/// of this host (CSP Level 3). There are none if the script can work.
pub fn missing_directives(policy: &str, host: &str) -> Vec<&'static str> {
    let mut missing = Vec::new();
    // Several policies in one header apply together.
    for policy in policy.split(',') {
        for (names, directive) in [
            (&SCRIPT[..], "script-src 'self'"),
            (&CONNECT[..], "connect-src 'self'"),
        ] {
            let sources = names.iter().find_map(|name| directive_of(policy, name));
            if sources.is_some_and(|sources| !allows_itself(sources, host)) {
                missing.push(directive);
            }
        }
        let sandbox = directive_of(policy, "sandbox");
        if sandbox.is_some_and(|it| !it.contains("allow-scripts")) {
            missing.push("sandbox allow-scripts allow-same-origin");
        }
    }
    missing.dedup();
    missing
}

/// Returns the policies in the `<meta>` elements at the start of a page.
pub fn in_markup(page: &[u8]) -> impl Iterator<Item = String> {
    let start = page.get(..MARKUP_BYTES_MAX).unwrap_or(page);
    let text = String::from_utf8_lossy(start).into_owned();
    let lower = text.to_ascii_lowercase();
    let mut at = 0;
    iter::from_fn(move || {
        loop {
            let begin = at + lower.get(at..)?.find("<meta")?;
            let end = begin + lower.get(begin..)?.find('>')?;
            at = end;
            let element = lower.get(begin..end)?;
            if element.contains("content-security-policy") && element.contains("http-equiv") {
                let value = attribute(element, " content");
                if let Some((from, to)) = value {
                    return text.get(begin + from..begin + to).map(str::to_owned);
                }
            }
        }
    })
}

/// Returns the range of an attribute's value in an element, with or without quotes.
fn attribute(element: &str, name: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let after = from + element.get(from..)?.find(name)? + name.len();
        let rest = element.get(after..)?.trim_start();
        if let Some(value) = rest.strip_prefix('=') {
            let value = value.trim_start();
            let start = element.len() - value.len();
            let quote = value.chars().next()?;
            if matches!(quote, '"' | '\'') {
                let length = value.get(1..)?.find(quote)?;
                return Some((start + 1, start + 1 + length));
            }
            let length = value.find(char::is_whitespace).unwrap_or(value.len());
            return Some((start, start + length));
        }
        from = after;
    }
}

/// Returns the sources of the first directive with this name. Only this one counts (CSP3 §2.2.1).
fn directive_of<'p>(policy: &'p str, name: &str) -> Option<&'p str> {
    policy.split(';').find_map(|directive| {
        let directive = directive.trim_ascii();
        let end = directive.find(|it: char| it.is_ascii_whitespace());
        let (found, sources) = directive.split_at(end.unwrap_or(directive.len()));
        found.eq_ignore_ascii_case(name).then_some(sources)
    })
}

/// Returns `true` if a list of sources allows resources of the same host.
fn allows_itself(sources: &str, host: &str) -> bool {
    let mut sources = sources.split_ascii_whitespace();
    let is_strict = |source: &str| source.eq_ignore_ascii_case("'strict-dynamic'");
    if sources.clone().any(is_strict) {
        return false;
    }
    sources.any(|source| {
        let source = source.to_ascii_lowercase();
        let without_scheme = source.split_once("://").map_or(&*source, |(_, rest)| rest);
        matches!(&*source, "*" | "'self'" | "http:" | "https:")
            || without_scheme.trim_end_matches('/') == host.to_ascii_lowercase()
    })
}

/// The directives that determine which scripts are loaded. The first one that exists counts.
const SCRIPT: [&str; 3] = ["script-src-elem", "script-src", "default-src"];

/// The directives that determine which streams of events are opened.
const CONNECT: [&str; 2] = ["connect-src", "default-src"];

/// A policy in the markup counts only in the head of a page.
const MARKUP_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_lacks_what_does_not_allow_the_same_host() {
        let (script, connect) = ("script-src 'self'", "connect-src 'self'");
        let sandbox = "sandbox allow-scripts allow-same-origin";
        for (policy, expected) in [
            ("", vec![]),
            ("style-src 'none'", vec![]),
            ("default-src 'self'", vec![]),
            ("default-src *", vec![]),
            ("default-src http://a.test:8080", vec![]),
            ("default-src A.test:8080/", vec![]),
            ("default-src a.test", vec![script, connect]),
            ("default-src 'none'", vec![script, connect]),
            ("default-src", vec![script, connect]),
            ("DEFAULT-SRC 'none'; Script-Src 'SELF'", vec![connect]),
            ("script-src 'nonce-abc'", vec![script]),
            ("script-src 'self' 'strict-dynamic'", vec![script]),
            ("script-src 'none'; script-src-elem 'self'", vec![]),
            ("script-src 'self'; script-src 'none'", vec![]),
            ("connect-src https://api.test", vec![connect]),
            ("default-src 'self', script-src 'none'", vec![script]),
            ("sandbox", vec![sandbox]),
            ("sandbox allow-scripts", vec![]),
            (
                "sandbox allow-forms; connect-src 'none'",
                vec![connect, sandbox],
            ),
        ] {
            assert_eq!(
                missing_directives(policy, "a.test:8080"),
                expected,
                "{policy}"
            );
        }
    }

    #[test]
    fn the_policies_of_a_page_are_found_in_its_markup() {
        for (page, expected) in [
            ("<p>", vec![]),
            (
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'self'\">",
                vec!["default-src 'self'"],
            ),
            (
                "<META content='script-src a' HTTP-EQUIV=content-security-policy/>\n\
                 <meta charset=utf-8><meta http-equiv=content-security-policy content = b >",
                vec!["script-src a", "b"],
            ),
            (
                "<meta name=description content=\"on content-security-policy\">",
                vec![],
            ),
            ("<meta http-equiv=content-security-policy", vec![]),
            (
                "<meta http-equiv=content-security-policy content=\"a>",
                vec![],
            ),
            ("<meta http-equiv=content-security-policy content>", vec![]),
        ] {
            let found: Vec<_> = in_markup(page.as_bytes()).collect();
            assert_eq!(found, expected, "{page}");
        }
        let policy = "<meta http-equiv=content-security-policy content=a>";
        for (before, expected) in [(64_000, 1), (66_000, 0)] {
            let page = " ".repeat(before) + policy;
            assert_eq!(in_markup(page.as_bytes()).count(), expected, "{before}");
        }
    }
}

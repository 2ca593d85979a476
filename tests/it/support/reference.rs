//! Resolving references like a client.

/// Returns the target that a reference leads to from another target on the same host (RFC 3986
/// §5.2). References to other hosts are not supported.
#[track_caller]
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    let first = reference.split(['/', '?']).next().unwrap_or_default();
    assert!(!first.contains(':'), "{reference:?} has a scheme");
    assert!(
        !reference.starts_with("//"),
        "{reference:?} names another host"
    );
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (reference, String::new()),
    };
    let base = base.split('?').next().unwrap_or_default();
    // The absolute form begins with a scheme and a host.
    let base = match base.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => base,
    };
    let directory = base.rsplit_once('/').map_or("", |(directory, _)| directory);
    let joined = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{directory}/{path}")
    };
    format!("{}{query}", without_dots(&joined))
}

/// Removes dot segments (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment == ".." {
            kept.pop();
        }
        let is_dots = matches!(segment, "." | "..");
        if !is_dots {
            kept.push(segment);
        } else if is_last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

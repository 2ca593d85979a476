//! No request target leads out of the root, and no redirect leads to another host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond::http::method::Method;
use millpond::http::path::{RequestPath, name_reference, query_reference};
use millpond::http::target::RequestTarget;

fuzz_target!(|input: &[u8]| {
    check_path(input);
    for method in [Method::Get, Method::Options, Method::Connect] {
        let target = RequestTarget::parse(input, method);
        if let Some(parts) = target.and_then(|target| target.path_and_query()) {
            check_path(parts.path);
            check_query(parts.query.unwrap_or_default());
        }
    }
});

fn check_path(raw: &[u8]) {
    let Ok(path) = RequestPath::parse(raw) else {
        return;
    };
    let bytes = path.as_bytes();
    assert!(!bytes.starts_with(b"/") && !bytes.contains(&0));
    let mut segments: Vec<&[u8]> = bytes.split(|byte| *byte == b'/').collect();
    // The root is one empty segment; a directory ends with one.
    let ends_empty = segments.pop_if(|last| last.is_empty()).is_some();
    assert_eq!(path.is_directory(), ends_empty);
    assert!(
        !segments
            .iter()
            .any(|segment| matches!(*segment, b"" | b"." | b".."))
    );
    let well_known = segments.first() == Some(&&b".well-known"[..]);
    let dotted = segments.iter().any(|segment| segment.starts_with(b"."));
    assert_eq!(path.is_hidden(), dotted && !well_known);

    let reference = path.to_reference().to_string();
    assert!(reference.starts_with('/') && !reference.starts_with("//"));
    assert!(
        reference
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\\?#\"<>".contains(&byte))
    );
    let again = RequestPath::parse(reference.as_bytes());
    assert_eq!(
        again.as_ref(),
        Ok(&path),
        "a redirect leads to the same path"
    );
    check_name(path.name());
}

/// Asserts that a name is never read as a scheme, a host or another directory.
fn check_name(name: &[u8]) {
    let reference = name_reference(name).to_string();
    let first = reference.split('/').next().unwrap_or_default();
    assert!(!first.contains(':') && !reference.starts_with('/'));
    assert!(
        reference
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\\?#\"<>".contains(&byte))
    );
    let beside = format!(
        "/directory/{}",
        reference.strip_prefix("./").unwrap_or(&reference)
    );
    let again = RequestPath::parse(beside.as_bytes()).expect("a path");
    assert!(name.is_empty() || again.name() == name);
}

fn check_query(query: &[u8]) {
    let reference = query_reference(query).to_string();
    assert!(
        reference
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\\#\"<>".contains(&byte))
    );
    assert_eq!(
        query_reference(reference.as_bytes()).to_string(),
        reference,
        "written once"
    );
}

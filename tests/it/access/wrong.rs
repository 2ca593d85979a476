//! Wrong settings and files, and the messages about them.

use super::{launch, site, users};
use std::fs;

/// Returns the messages of a start with these tables and this password file.
fn said(tables: &str, file: &str) -> String {
    let site = site();
    fs::write(users(&site), file).unwrap();
    let mut process = launch(&site, tables).spawn();
    assert!(!process.wait().success());
    let home = site.outside("").display().to_string();
    process.end().replace(&home, "")
}

#[test]
fn a_wrong_table_is_reported_with_its_place() {
    for (table, expected) in [
        ("users = USERS", "millpond.toml:1:1: access: it has no path"),
        (
            "path = '/**'",
            "millpond.toml:1:1: access: it restricts nothing; write users, allow or deny, or allow = \
             \"all\" for a part that is open to all",
        ),
        (
            "path = 'staging'\nusers = USERS",
            "millpond.toml:2:8: access: path: \"staging\" does not begin with a slash; write \
             \"/staging\", or \"/**/staging\" for any directory",
        ),
        (
            "path = '/my%20files/**'\nusers = USERS",
            "millpond.toml:2:8: access: path: \"/my%20files/**\" never matches: paths are compared as they \
             are decoded; write \"/my files/**\"",
        ),
        (
            "path = '/a/../staging/**'\nusers = USERS",
            "millpond.toml:2:8: access: path: \"/a/../staging/**\" never matches: empty segments, \".\" and \"..\" are removed from paths",
        ),
        (
            "path = '/**'\nusres = USERS",
            "millpond.toml:3:1: access: there is no \"usres\"; did you mean users?",
        ),
        (
            "path = '/**'\nallow = ['10.1.2.3/8']",
            "millpond.toml:3:10: access: allow: \"10.1.2.3/8\" is an address within a network; write \
             10.0.0.0/8 for all of it, or 10.1.2.3 for the one",
        ),
        (
            "path = '/**'\nallow = []",
            "millpond.toml:3:9: access: allow: there is none; write some like \"10.0.0.0/8\", or leave \
             it out",
        ),
        (
            "path = '/**'\ndeny = 'example.org'",
            "millpond.toml:3:8: access: deny: \"example.org\" is not a network; write an IP address, a \
             network like 10.0.0.0/8, unix, or all",
        ),
        (
            "path = '/**'\nallow = 'all'\nrealm = 'x'",
            "millpond.toml:1:1: access: realm: it is shown to those who are asked for a password; \
             write users, too",
        ),
        (
            "path = '/**'\nusers = USERS\nrealm = 'a\u{fc}'",
            "millpond.toml:4:9: access: realm: \"a\u{fc}\" is not visible ASCII, which a header can hold",
        ),
        (
            "path = '/**'\nusers = USERS\n[[access]]\npath = '/staging/**'\nusers = USERS",
            "millpond.toml:4:1: access: this one, number 2, would never count, as number 1 matches all \
             of its paths and comes first; move it before that one",
        ),
    ] {
        let said = said(&format!("[[access]]\n{table}\n"), "");
        assert_eq!(said, format!("error: {expected}\n"), "{table}");
    }
}

#[test]
fn a_wrong_file_of_users_is_reported_with_its_lines_and_no_password() {
    let tables = "[[access]]\npath = '/**'\nusers = USERS\n";
    for (file, expected) in [
        (
            "alice:hunter2\n",
            &["etc/users, line 1: the hash is not bcrypt"][..],
        ),
        (
            "# staff\n\nalice:{SHA}jyxxuDg04bO1WGlqGmZ6idjwRb4=\n",
            &["etc/users, line 3: {SHA} is a hash"],
        ),
        (
            "alice:dfZhCEO0T7LIw\n",
            &["etc/users, line 1: the hash is one of crypt(3) with DES"],
        ),
        (
            "hunter2\n:x\n",
            &["line 1: there is no colon", "line 2: there is no user"],
        ),
    ] {
        let said = said(tables, file);
        for expected in expected
            .iter()
            .copied()
            .chain(["htpasswd -B etc/users USER"])
        {
            assert!(said.contains(expected), "{said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
    let missing = tables.replace("USERS", "'/none/users'");
    assert_eq!(
        said(&missing, ""),
        "error: cannot read the users of /none/users: No such file or directory (os error 2)\n\
         error: make the file with `htpasswd -c -B /none/users USER` or `millpond --hash-password \
         USER > /none/users`\n"
    );
}

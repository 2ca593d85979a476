use super::*;

fn redirects(all: &[(&str, &str)]) -> Result<Redirects, BadRedirect> {
    let redirect = |(from, to): &(&str, &str)| Redirect {
        from: (*from).to_owned(),
        to: (*to).to_owned(),
        status: Status::MovedPermanently,
    };
    Redirects::new(all.iter().map(redirect).collect())
}

/// Returns the location of the only redirect for this path and query.
fn leads(from: &str, to: &str, path: &str, query: Option<&str>) -> Option<String> {
    let redirects = redirects(&[(from, to)]).unwrap();
    let found = redirects.find(path, query.map(str::as_bytes));
    found.map(|(_, _, location)| location)
}

#[test]
fn placeholders_carry_over_their_values() {
    for (from, to, path, location) in [
        ("/a", "/b", "/a", Some("/b")),
        ("/a", "/b", "/a/", None),
        ("/a/", "/b", "/a/", Some("/b")),
        ("/", "/start", "/", Some("/start")),
        ("/old/{*rest}", "/new/{rest}", "/old/x", Some("/new/x")),
        (
            "/old/{*rest}",
            "/new/{rest}",
            "/old/x/y/",
            Some("/new/x/y/"),
        ),
        ("/old/{*rest}", "/new/{rest}", "/old/", Some("/new/")),
        ("/old/{*rest}", "/new/{rest}", "/old", None),
        ("/old/{*rest}", "/new", "/old/x", Some("/new")),
        (
            "/{*rest}",
            "https://b.example/{rest}",
            "/x/y",
            Some("https://b.example/x/y"),
        ),
        (
            "/{*rest}",
            "https://b.example:8443/{rest}",
            "/",
            Some("https://b.example:8443/"),
        ),
        (
            "/{y}/{m}/{p}",
            "/{p}/{y}-{m}",
            "/2024/07/x",
            Some("/x/2024-07"),
        ),
        ("/{y}/{m}/{p}", "/{p}/{y}-{m}", "/2024/07", None),
        ("/{user_id}/{nr-2}", "/{nr-2}{user_id}", "/a/b", Some("/ba")),
        ("/{page}.php", "/{page}", "/x.php", Some("/x")),
        ("/{page}.php", "/{page}", "/a/x.php", None),
        (
            "/post-{id}",
            "/posts?id={id}",
            "/post-7",
            Some("/posts?id=7"),
        ),
        (
            "/find/{a}",
            "/f?q={a}#top",
            "/find/x&y=z+%20",
            Some("/f?q=x%26y%3Dz%2B%20#top"),
        ),
        ("/gr\u{fc}n", "/blau", "/gr%C3%BCn", Some("/blau")),
        ("/gr%c3%bcn", "/blau", "/gr%C3%BCn", Some("/blau")),
        ("/a", "/gr\u{fc}n?\u{fc}", "/a", Some("/gr%C3%BCn?%C3%BC")),
        ("/a%20b", "/c%20d", "/a%20b", Some("/c%20d")),
        ("/%7Bx%7D/{y}", "/{y}", "/%7Bx%7D/z", Some("/z")),
    ] {
        let location = location.map(str::to_owned);
        assert_eq!(leads(from, to, path, None), location, "{from} {to} {path}");
    }
}

#[test]
fn the_query_is_kept() {
    for (to, query, location) in [
        ("/b", "c=d&e", "/b?c=d&e"),
        ("/b", "", "/b?"),
        ("/b#f", "c", "/b?c#f"),
        ("/b?x=y", "c", "/b?x=y&c"),
        ("https://b.example", "c", "https://b.example?c"),
        ("/b", "c d\r\n\"", "/b?c%20d%0D%0A%22"),
    ] {
        let expected = Some(location.to_owned());
        assert_eq!(leads("/a", to, "/a", Some(query)), expected, "{to} {query}");
    }
}

#[test]
fn the_most_specific_redirect_wins_in_any_order() {
    let mut all = vec![
        ("/old/{*rest}", "/1"),
        ("/old/{name}", "/2"),
        ("/old/known", "/3"),
        ("/old/", "/4"),
    ];
    // The router supports one kind of placeholder at a position.
    assert!(redirects(&all).is_err());
    all.remove(1);
    for _ in 0..all.len() {
        all.rotate_left(1);
        let redirects = redirects(&all).unwrap();
        let to = |path: &str| redirects.find(path, None).unwrap().2;
        assert_eq!(
            [to("/old/known"), to("/old/"), to("/old/x")],
            ["/3", "/4", "/1"]
        );
    }
}

#[test]
fn a_destination_that_could_lead_to_any_host_is_rejected() {
    for to in [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:/\\evil.example",
        "https://{rest}",
        "https://{rest}.example/",
        "https://a.example{rest}",
        "https://user@a.example/",
        "https://",
        "https:///x",
        "javascript:alert(1)",
        "ftp://a.example/",
        "{rest}",
        "evil.example",
        "",
        "/a b",
        "/a\tb",
        "/a\r\nSet-Cookie: b",
    ] {
        let error = redirects(&[("/old/{*rest}", to)]).unwrap_err();
        assert_eq!(error.part, Part::To, "{to}");
    }
}

#[test]
fn a_request_never_determines_the_host() {
    // Text that looks like another host after a slash cannot come from a path, and a rest that is
    // empty or ends in a slash cannot join two slashes.
    for (from, to, path, location) in [
        (
            "/old/{*rest}",
            "/{rest}",
            "/old/%5Cevil.example",
            "/%5Cevil.example",
        ),
        ("/old/{*rest}", "/{rest}", "/old/", "/"),
        (
            "/old/{name}/{*rest}",
            "/{rest}/{name}",
            "/old/evil.example/",
            "/evil.example",
        ),
        (
            "/old/{name}/{*rest}",
            "/{rest}/{name}",
            "/old/c/a/b/",
            "/a/b/c",
        ),
        (
            "/docs/{*rest}",
            "/{rest}/index.html",
            "/docs/",
            "/index.html",
        ),
        (
            "/old/{*rest}",
            "/{rest}//evil.example",
            "/old/",
            "/evil.example",
        ),
        (
            "/old/{*rest}",
            "/{rest}{rest}/evil.example",
            "/old/",
            "/evil.example",
        ),
        (
            "/old/{*rest}",
            "/{rest}/{rest}/evil.example",
            "/old/",
            "/evil.example",
        ),
        (
            "/old/{*rest}",
            "https://b.example/{rest}/c",
            "/old/",
            "https://b.example/c",
        ),
        // Two slashes that the operator has written stay.
        ("/old/{*rest}", "/a//b/{rest}/c", "/old/", "/a//b/c"),
    ] {
        let to = leads(from, to, path, None);
        assert_eq!(to.as_deref(), Some(location), "{from} {path}");
    }
}

#[test]
fn a_request_never_produces_a_dot_segment() {
    for (from, to, path, location) in [
        ("/u-{id}", "https://b.example/t/{id}/x", "/u-..", None),
        ("/u-{id}", "https://b.example/t/{id}/x", "/u-.", None),
        (
            "/u-{id}",
            "https://b.example/t/{id}/x",
            "/u-...",
            Some("https://b.example/t/.../x"),
        ),
        ("/u-{id}", "https://b.example/t/{id}", "/u-..", None),
        ("/{page}.php", "/{page}", "/...php", None),
        ("/a-{a}/b-{b}", "/{a}{b}", "/a-./b-.", None),
        ("/a-{a}/b-{b}", "/{a}{b}", "/a-./b-b", Some("/.b")),
        ("/a-{a}", "/.{a}", "/a-.", None),
        ("/a-{a}", "/{a}.", "/a-.", None),
        ("/a-{a}", "/%2E{a}", "/a-.", None),
        ("/a-{a}", "/%2{a}", "/a-e", None),
        ("/a-{a}", "/%2{a}", "/a-0", Some("/%20")),
        // A rest has no dot segments, but may become one together with the text next to it.
        ("/a/{*rest}", "/.{rest}", "/a/", None),
        ("/a/{*rest}", "/.{rest}", "/a/.b", Some("/..b")),
        ("/a/{*rest}", "/{rest}..", "/a/b/", None),
        ("/a/{*rest}", "/{rest}..", "/a/b", Some("/b..")),
        // Dots after the path have no special meaning.
        ("/a-{a}", "/b?{a}", "/a-..", Some("/b?..")),
        ("/a-{a}", "/b?/{a}/#/../", "/a-..", Some("/b?/../#/../")),
        ("/a-{a}", "/b", "/a-..", Some("/b")),
        // Dot segments that the operator has written stay, and remove nothing else.
        ("/a-{a}", "/b/../{a}", "/a-c", Some("/b/../c")),
        ("/a-{a}", "/b/../{a}", "/a-..", None),
        ("/a/{*rest}", "/{rest}/%2e%2E/b", "/a/", Some("/%2e%2E/b")),
        ("/a-{a}", "https://../{a}", "/a-b", Some("https://../b")),
    ] {
        let to_path = leads(from, to, path, None);
        assert_eq!(to_path.as_deref(), location, "{from} {to} {path}");
    }
}

#[test]
fn endless_redirects_are_rejected() {
    for (all, index) in [
        (&[("/a", "/a")][..], 0),
        (&[("/a", "/b"), ("/b", "/a")], 0),
        (&[("/a", "/b?c#d"), ("/b", "/c"), ("/c", "/a?x")], 0),
        (&[("/{*rest}", "/new/{rest}")], 0),
        (&[("/x", "/a/b"), ("/a/{*rest}", "/a/{rest}")], 0),
        (
            &[("/a/{name}", "/b/{name}"), ("/b/{*rest}", "/a/{rest}")],
            0,
        ),
        // In any spelling of the path.
        (&[("/a", "/%61")], 0),
        (&[("/a", "/b/.././a?c")], 0),
        (&[("/a b", "/c//d"), ("/c/d", "/a%20b")], 0),
        // These would also undo a redirect of the site, but they are endless even without that.
        (&[("/a/{page}", "/a/{page}.html")], 0),
        (&[("/a/{*page}", "/a/{page}.html")], 0),
        (&[("/a/{*page}", "/a/{page}index.html")], 0),
        // With an empty rest, and without another redirect.
        (&[("/a/{*rest}", "/{rest}/a/")], 0),
        (&[("/a/{*rest}", "/b/{rest}"), ("/a/", "/a/")], 1),
    ] {
        let error = redirects(all).unwrap_err();
        assert_eq!((error.index, error.part), (index, Part::To), "{all:?}");
    }
    for all in [
        &[("/a", "/b"), ("/b", "/c"), ("/c", "/d")][..],
        &[("/old/{*rest}", "/new/{rest}")],
        &[("/a", "https://a.example/a")],
        &[("/{*rest}", "https://a.example/{rest}")],
        &[("/a", "/b/a"), ("/b/{*rest}", "/c")],
    ] {
        assert!(redirects(all).is_ok(), "{all:?}");
    }
}

#[test]
fn redirects_that_undo_those_of_the_site_are_found() {
    for (from, to, plain, clean) in [
        ("/docs/", "/docs", true, true),
        ("/docs/", "/docs?a#b", true, true),
        ("/a/{name}/", "/a/{name}", true, true),
        ("/a/{name}", "/a/{name}/", false, false),
        ("/about", "/about.html", false, true),
        ("/a/{name}/b", "/a/{name}/b.html", false, true),
        ("/docs/", "/docs/index.html", false, true),
        ("/a/{name}/", "/a/{name}/index.html", false, true),
        ("/{a}/{b}/c", "/{b}/{a}/c.html", false, false),
        ("/about.html", "/about", false, false),
        ("/a", "/b.html", false, false),
    ] {
        let redirects = redirects(&[(from, to)]).unwrap();
        let undoes = |clean| redirects.redirect_loops(clean).count() == 1;
        assert_eq!((undoes(false), undoes(true)), (plain, clean), "{from} {to}");
    }
}

#[test]
fn an_invalid_path_is_an_error_with_the_reason() {
    for (from, reason) in [
        ("a", "begin with a slash"),
        ("/a?b", "query"),
        ("/a#b", "fragment"),
        ("/old/**", "write /old/{*rest}"),
        ("/old/*", "{name}"),
        ("/a/{", "without a }"),
        ("/a/}", "without a {"),
        ("/{}", "no placeholder"),
        ("/{a b}", "no placeholder"),
        ("/{**}", "no placeholder"),
        ("/{*rest}/a", "come last"),
        ("/a{*rest}", "come last"),
        ("/{a}/{a}", "twice"),
        ("/a//b", "never matches"),
        ("//", "never matches"),
        ("/a/../b", "never matches"),
        ("/.", "never matches"),
        ("/a%2fb", "encoded slash"),
        ("/a%", "hexadecimal"),
        ("/{a}-{b}", "one parameter"),
    ] {
        let error = redirects(&[(from, "/to")]).unwrap_err();
        assert_eq!(error.part, Part::From, "{from}");
        assert!(error.message.contains(reason), "{from}: {}", error.message);
    }
    let twice = redirects(&[("/a", "/b"), ("/a", "/c")]).unwrap_err();
    assert_eq!((twice.index, &*twice.message), (1, "\"/a\" is given twice"));
    let unknown = redirects(&[("/{a}", "/{b}")]).unwrap_err();
    assert!(unknown.message.contains("has {b}"), "{}", unknown.message);
}

#[test]
fn a_second_redirect_of_the_same_paths_is_rejected() {
    for (first, second, message) in [
        ("/a", "/a", "\"/a\" is given twice"),
        (
            "/{b}",
            "/{c}",
            "\"/{c}\" matches the same paths as \"/{b}\"",
        ),
    ] {
        let error = redirects(&[(first, "/x"), (second, "/y")]).unwrap_err();
        assert_eq!((error.index, error.part), (1, Part::From));
        assert_eq!(error.message, message);
    }
}

#[test]
fn a_redirect_is_found_with_its_number_from_1() {
    let rows = [("/a", "/b"), ("/c", "/d")];
    let all = redirects(&rows).unwrap();
    let found = |path| all.find(path, None).map(|(number, _, to)| (number, to));
    assert_eq!(found("/a"), Some((1, "/b".to_owned())));
    assert_eq!(found("/c"), Some((2, "/d".to_owned())));
    assert_eq!(found("/e"), None);
}

#[test]
fn redirects_are_equal_if_they_are_written_alike() {
    let all = redirects(&[("/a", "/b")]).unwrap();
    assert_eq!(all, redirects(&[("/a", "/b")]).unwrap());
    assert_ne!(all, redirects(&[("/a", "/c")]).unwrap());
    assert_ne!(all, Redirects::default());
    assert!(Redirects::default().is_empty() && !all.is_empty());
    let written: Vec<_> = all.iter().map(|it| (&*it.from, &*it.to)).collect();
    assert_eq!(written, [("/a", "/b")]);
}

//! Command lines in the style of other servers: each does what is meant, or fails with one plain
//! line of advice.

use crate::support::{Launch, Process, Site, assert_all};

/// Runs `millpond` with these words in a directory that contains `dist` and `public`.
fn run(words: &[&str]) -> (Option<i32>, String, String) {
    let site = site();
    let launch = Launch::bare().current_dir(site.root()).args(words);
    outcome(launch.spawn())
}

fn site() -> Site {
    let site = Site::new();
    site.file("dist/index.html", "dist")
        .file("public/index.html", "public")
        .file("index.html", "here");
    site
}

fn outcome(mut process: Process) -> (Option<i32>, String, String) {
    let status = process.wait().code();
    let stderr = process.end();
    (status, process.stdout(), stderr)
}

#[test]
fn each_flag_or_word_of_another_server_gets_one_line_of_advice() {
    let lines: [(&str, &str); 24] = [
        ("--bind 0.0.0.0 --directory dist", "write --listen 0.0.0.0"),
        ("-m http.server 8000", "--port PORT"),
        ("serve dist", "write millpond dist"),
        ("-s dist -l 3000", "write --spa"),
        ("-l tcp://0.0.0.0:5000", "write --listen tcp://0.0.0.0:5000"),
        ("dist -p 3000 -c-1", "--cache-control"),
        ("dist -a 127.0.0.1", "write --listen 127.0.0.1"),
        ("file-server --root dist --browse", "millpond dist"),
        ("--host 0.0.0.0", "write --listen 0.0.0.0"),
        ("-d dist -z", "millpond dist"),
        ("dist --no-listing --maxconn 5", "--listing=false"),
        ("-S localhost:8000 -t dist", "write --listen ADDRESS"),
        ("-f -v -p 8080", "--config FILE"),
        ("-c /etc/nginx.conf -g daemon", "--config FILE"),
        ("-t", "--check"),
        ("-s reload", "kill -HUP"),
        ("--tls-cert a --tls-key b", "--tls-certificate"),
        ("--auth me:secret", "--auth-file FILE"),
        ("-v", "--version"),
        ("-q", "--access-log off"),
        ("3000", "--port 3000"),
        ("help", "--help"),
        ("dist public", "two directories"),
        ("--no-cache", "--cache-control no-store"),
    ];
    for (line, advice) in lines {
        let words: Vec<_> = line.split(' ').collect();
        let (status, stdout, stderr) = run(&words);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{line}: {stderr}");
        assert!(stderr.contains(advice), "{line}: {stderr}");
        let mut each = stderr.lines();
        let is_plain = each.all(|each| each.starts_with("error: ") && each.len() < 200);
        assert!(is_plain, "{line}: {stderr}");
        let flags = words.iter().filter(|word| word.starts_with('-')).count();
        assert!(stderr.lines().count() <= flags.max(1), "{line}: {stderr}");
        for of_clap in ["tip:", "Usage:", "'--", "-- -"] {
            assert!(!stderr.contains(of_clap), "{line}: {stderr}");
        }
    }
}

#[test]
fn every_mistake_is_reported_in_one_line_without_tips_from_clap() {
    for words in [
        &["-p"][..],
        &["-p", "x"],
        &["-p", "70000"],
        &["-pp"],
        &["--"; 3],
        &["---"],
        &["-="],
        &["--="],
        &["--=x"],
        &["--spa=maybe"],
        &["--spa="],
        &["--listen="],
        &["--sandbox", "maybe"],
        &["--check", "--check"],
        &["--check", "--print-config"],
        &["-\u{fc}"],
        &["--\u{fc}=\u{fc}"],
        &[""],
        &["", ""],
        &["a", "b", "c"],
        &["--explain"],
        &["~/site"],
        &["file:///srv/www"],
    ] {
        let (status, stdout, stderr) = run(words);
        // A missing directory is not a mistake in the syntax.
        assert!(matches!(status, Some(1 | 2)), "{words:?}: {stderr}");
        assert_eq!(stdout, "", "{words:?}");
        let is_line = stderr.starts_with("error: ") && stderr.lines().count() == 1;
        assert!(is_line, "{words:?}: {stderr}");
        assert!(
            !stderr.contains("tip:") && !stderr.contains("panicked"),
            "{stderr}"
        );
    }
}

#[test]
fn a_switch_accepts_common_words_for_on_and_off_in_every_source() {
    let spa = |words: &[&str], variable: Option<&str>| {
        let site = site();
        let mut launch = Launch::bare().current_dir(site.root()).args(words);
        if let Some(value) = variable {
            launch = launch.env("MILLPOND_SPA", value);
        }
        let (status, stdout, stderr) = outcome(launch.arg("--print-config").spawn());
        assert_eq!(status, Some(0), "{stderr}");
        let line = |start: &str| stdout.lines().find_map(|line| line.strip_prefix(start));
        let word = |rest: &str| {
            rest.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        (
            word(line("spa = ").expect("a switch")),
            word(line("root = ").expect("a root")),
        )
    };
    let here = "\".\"";
    let dist = "\"dist\"";
    let table: [(&[&str], Option<&str>, &str, &str); 10] = [
        (&["--spa"], None, "true", here),
        (&["--spa", "true"], None, "true", here),
        (&["--spa", "off", "dist"], None, "false", dist),
        (&["--spa=YES", "dist"], None, "true", dist),
        (&["--spa", "dist"], None, "true", dist),
        (&["dist", "--spa"], Some("0"), "true", dist),
        (&[], Some("1"), "true", here),
        (&[], Some("On"), "true", here),
        (&[], Some("no"), "false", here),
        (&[], Some("FALSE"), "false", here),
    ];
    let table = table
        .map(|(words, variable, spa, root)| ((words, variable), (spa.to_owned(), root.to_owned())));
    assert_all(table, |(words, variable)| spa(words, *variable));
}

#[test]
fn help_and_version_go_to_standard_output_with_status_0() {
    for words in [&["-h"][..], &["--help"], &["-V"], &["--version"]] {
        let (status, stdout, stderr) = run(words);
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{words:?}");
        assert!(
            stdout.contains("millpond") || stdout.contains("Serves"),
            "{words:?}"
        );
    }
}

//! `--precompress`: compressing files in advance, and checking that they are compressed.

use crate::support::{Launch, MADE, Server, Site, noise, poll_until, unavailable};
use flate2::read::GzDecoder;
use rustix::fs::FlockOperation;
use rustix::process::Signal;
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

/// Returns this many different lines of text.
fn text(lines: usize) -> String {
    let mut text = String::new();
    for line in 0..lines {
        writeln!(text, "{line}: the pond lies still, {}", line * line % 977).expect("it is memory");
    }
    text
}

/// The result of a run.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run(launch: Launch) -> Run {
    let mut process = launch.spawn();
    let code = process.wait().code();
    let stderr = process.end();
    let stdout = process.stdout();
    Run {
        code,
        stdout,
        stderr,
    }
}

fn precompress(site: &Site) -> Run {
    run(Launch::bare().arg("--precompress").arg(site.root()))
}

fn check(site: &Site) -> Run {
    run(Launch::bare().arg("--precompress=check").arg(site.root()))
}

/// Returns the extensions of the codings in which files are compressed.
fn extensions() -> &'static [&'static str] {
    if MADE == "br" { &["br", "gz"] } else { &["gz"] }
}

/// Returns the names of the compressed forms of these files.
fn coded(names: &[&str]) -> BTreeSet<String> {
    let all = names
        .iter()
        .flat_map(|name| extensions().iter().map(move |it| format!("{name}.{it}")));
    all.collect()
}

/// Returns the paths of all files beneath the root.
fn files(root: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
            } else {
                let path = entry.path();
                let path = path.strip_prefix(root).unwrap();
                files.insert(path.to_str().unwrap().to_owned());
            }
        }
    }
    files
}

fn expanded(path: &Path) -> Vec<u8> {
    let coded = fs::read(path).unwrap();
    let mut content = Vec::new();
    if path.extension().is_some_and(|extension| extension == "br") {
        let mut decoder = brotli::Decompressor::new(&*coded, 4096);
        decoder.read_to_end(&mut content).unwrap();
    } else {
        GzDecoder::new(&*coded).read_to_end(&mut content).unwrap();
    }
    content
}

#[test]
fn only_text_that_gets_smaller_is_precompressed() {
    let site = Site::new();
    site.file("index.html", text(100))
        .file("assets/app.js", text(3000))
        .file(".well-known/a.txt", text(100))
        .file("small.css", "pond {}")
        .file("noise.txt", noise(5000))
        .file("photo.jpg", text(100))
        .file("release.tar.gz", noise(100))
        .file(".hidden.txt", text(100))
        .file(".git/config.txt", text(100))
        .fifo("fifo.txt")
        .symlink("linked.txt", "index.html")
        .symlink("out.txt", site.outside("secret.txt"))
        .symlink("linked", "assets")
        .symlink("loop", ".");
    fs::write(site.outside("secret.txt"), text(100)).unwrap();
    let before = files(&site.root());
    let done = precompress(&site);
    assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{}", done.stdout);
    let names = [
        "index.html",
        "assets/app.js",
        ".well-known/a.txt",
        "linked.txt",
    ];
    let made: BTreeSet<_> = files(&site.root()).difference(&before).cloned().collect();
    assert_eq!(made, coded(&names));
    for name in &made {
        let (original, _) = name.rsplit_once('.').unwrap();
        let content = fs::read(site.path(original)).unwrap();
        assert!(expanded(&site.path(name)) == content, "{name}");
        assert!(fs::read(site.path(name)).unwrap().len() < content.len());
    }
    let last = done.stdout.lines().last().unwrap();
    assert!(last.starts_with("compressed 4 files: "), "{}", done.stdout);
    assert!(
        last.contains("2 files no smaller when compressed; 1 file skipped"),
        "{last}"
    );
    assert_eq!(done.stdout.lines().count(), 5, "{}", done.stdout);
    assert_eq!(fs::read_dir(site.outside(".")).unwrap().count(), 2);
}

#[test]
fn a_server_sends_the_precompressed_files() {
    let site = Site::new();
    site.file("app.js", text(1000));
    assert_eq!(precompress(&site).code, Some(0));
    let server = Server::start(site.root());
    for (accepted, extension) in [("gzip", "gz"), ("gzip, br", extensions()[0])] {
        let response = server.request("GET", "/app.js", &[("Accept-Encoding", accepted)]);
        let stored = fs::read(site.path(format!("app.js.{extension}"))).unwrap();
        assert!(response.content == stored, "{accepted}");
    }
}

#[test]
fn a_precompressed_file_has_the_time_and_the_permissions_of_its_original() {
    let site = Site::new();
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_600_000_000, 123_456_789);
    site.file("a.txt", text(100))
        .modified("a.txt", time)
        .mode("a.txt", 0o640)
        .file("b.txt", text(100))
        .mode("b.txt", 0o4755);
    assert_eq!(precompress(&site).code, Some(0));
    for name in coded(&["a.txt"]) {
        let facts = fs::metadata(site.path(name)).unwrap();
        assert_eq!(facts.modified().unwrap(), time);
        assert_eq!(facts.permissions().mode() & 0o7777, 0o640);
    }
    for name in coded(&["b.txt"]) {
        let facts = fs::metadata(site.path(name)).unwrap();
        assert_eq!(facts.permissions().mode() & 0o7777, 0o755);
    }
}

#[test]
fn a_file_is_compressed_again_only_if_its_content_changed() {
    let site = Site::new();
    site.file("same.txt", text(100))
        .file("changed.txt", text(100))
        .file("touched.txt", text(100));
    assert_eq!(precompress(&site).code, Some(0));
    let inode = |name: &str| fs::metadata(site.path(name)).unwrap().ino();
    let inodes = || coded(&["same.txt", "changed.txt", "touched.txt"]).into_iter();
    let before: Vec<_> = inodes().map(|name| (inode(&name), name)).collect();

    let again = precompress(&site);
    assert_eq!(again.code, Some(0));
    assert_eq!(again.stdout, "nothing to compress; 3 files up to date\n");
    assert!(before.iter().all(|(number, name)| inode(name) == *number));

    // The time of the file stays the same.
    let time = fs::metadata(site.path("changed.txt")).unwrap().modified();
    site.file("changed.txt", text(100).replace("pond", "lake"))
        .modified("changed.txt", time.unwrap());
    let later = SystemTime::now() + Duration::from_secs(10);
    site.modified("touched.txt", later);
    assert_eq!(check(&site).code, Some(1));
    let again = precompress(&site);
    assert_eq!((again.code, &*again.stderr), (Some(0), ""));
    assert!(
        again.stdout.contains("compressed 1 file: "),
        "{}",
        again.stdout
    );
    for (number, name) in &before {
        let original = site.path(name.rsplit_once('.').unwrap().0);
        assert!(expanded(&site.path(name)) == fs::read(&original).unwrap());
        let [own, of_original] =
            [site.path(name), original].map(|it| fs::metadata(it).unwrap().modified().unwrap());
        assert_eq!(own, of_original, "{name}");
        let is_rewritten = inode(name) != *number;
        assert_eq!(is_rewritten, name.starts_with("changed"), "{name}");
    }
    assert_eq!(check(&site).code, Some(0));
}

#[test]
fn a_check_lists_missing_and_stale_files_and_writes_nothing() {
    let site = Site::new();
    site.file("good.txt", text(100))
        .file("stale.txt", text(100))
        .file("older.txt", text(100))
        .file("tiny.txt", "pond");
    assert_eq!(precompress(&site).code, Some(0));
    let good = check(&site);
    assert_eq!((good.code, &*good.stderr), (Some(0), ""));
    assert_eq!(good.stdout, "3 files compressed, none missing\n");

    site.file("missing.txt", text(100))
        .file("stale.txt", text(101))
        .modified("older.txt", SystemTime::now() + Duration::from_secs(10))
        .file("damaged.txt", text(100))
        .file("damaged.txt.gz", "not gzip at all");
    let before = files(&site.root());
    let bad = check(&site);
    assert_eq!(bad.code, Some(1));
    let lines: BTreeSet<_> = bad.stdout.lines().collect();
    for extension in extensions() {
        for (name, why) in [
            ("missing.txt", "missing"),
            ("stale.txt", "stale: it was made from other content"),
            (
                "older.txt",
                "stale: it is older than its original, so it is not served",
            ),
        ] {
            let line = format!("{name}.{extension}: {why}");
            assert!(lines.contains(&*line), "{line} in {}", bad.stdout);
        }
    }
    assert!(lines.contains("damaged.txt.gz: stale: it was made from other content"));
    assert_eq!(lines.len(), 4 * extensions().len(), "{}", bad.stdout);
    let advice = format!("Run millpond --precompress {}.\n", site.root().display());
    assert!(
        bad.stderr.starts_with("error: ") && bad.stderr.ends_with(&advice),
        "{}",
        bad.stderr
    );
    assert_eq!(files(&site.root()), before);

    assert_eq!(precompress(&site).code, Some(0));
    assert_eq!(check(&site).code, Some(0));
}

#[test]
fn compressed_files_without_an_original_are_reported_and_stay() {
    let site = Site::new();
    site.file("gone.css.gz", "anything")
        .file("release.tar.gz", "an archive")
        .file("game.wasm.br", "stored so")
        .file("kept.css", text(100));
    fs::write(
        site.outside("millpond.toml"),
        "[[rule]]\npath = \"/*.wasm.br\"\nset = { Content-Encoding = \"br\" }\n",
    )
    .unwrap();
    for flag in ["--precompress", "--precompress=check"] {
        let launch = Launch::bare().arg(flag).arg(site.root());
        let done = run(launch.arg("--config").arg(site.outside("millpond.toml")));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        assert!(done.stderr.contains("gone.css.gz: its original is gone"));
        assert!(site.path("gone.css.gz").exists());
    }
}

#[test]
fn a_signal_interrupts_the_command_and_leaves_no_half_written_file() {
    let site = Site::new();
    site.file("large.txt", text(300_000));
    for number in 0..20 {
        site.file(format!("{number}.txt"), text(1000 + number));
    }
    let mut process = Launch::bare().arg("--precompress").arg(site.root()).spawn();
    let status = format!("/proc/{}/status", process.id());
    // The process now handles signals.
    poll_until("a handler of signals", || {
        let status = fs::read_to_string(&status).ok()?;
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
        (caught & (1 << (Signal::INT.as_raw() - 1)) != 0).then_some(())
    });
    process.signal(Signal::INT);
    let code = process.wait().code();
    assert_eq!(code, Some(128 + Signal::INT.as_raw()));
    assert!(process.end().starts_with("error: interrupted"));
    for name in files(&site.root()) {
        assert!(!name.starts_with('.'), "{name}");
        if let Some((original, "br" | "gz")) = name.rsplit_once('.') {
            let content = fs::read(site.path(original)).unwrap();
            assert!(expanded(&site.path(&name)) == content, "{name}");
        }
    }
}

#[test]
fn the_remainder_of_a_killed_run_is_replaced() {
    let site = Site::new();
    site.file("a.txt", text(100)).file(".a.txt.gz.new", "half");
    assert_eq!(precompress(&site).code, Some(0));
    assert!(!site.path(".a.txt.gz.new").exists());
    assert!(expanded(&site.path("a.txt.gz")) == text(100).as_bytes());
}

#[test]
fn an_unwritable_directory_is_reported_and_the_others_are_compressed() {
    let site = Site::new();
    site.file("open/a.txt", text(100))
        .file("closed/b.txt", text(100))
        .file("open/unreadable.txt", text(100))
        .mode("open", 0o777)
        .mode("closed", 0o555)
        .mode("open/unreadable.txt", 0);
    let done = run(Launch::unprivileged(&site.root()).arg("--precompress"));
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr
            .contains("error: closed/b.txt: cannot write its "),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr
            .contains("error: open/unreadable.txt: cannot read it: ")
    );
    for name in coded(&["open/a.txt"]) {
        assert!(site.path(name).exists());
    }
    assert!(!site.path("closed/b.txt.gz").exists());
}

#[test]
fn a_full_disk_ends_the_command_without_a_half_written_file() {
    let site = Site::new();
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    let script = "mount -t tmpfs -o size=200k tmpfs \"$1\" && cp a.txt b.txt \"$1\" && \
                  { dd if=/dev/zero of=\"$1/fill\" bs=4k 2>/dev/null; true; } && \
                  { \"$0\" --precompress \"$1\"; echo \"code $?\"; ls -A \"$1\"; }";
    unshare
        .args([script, env!("CARGO_BIN_EXE_millpond")])
        .arg(site.root());
    fs::write(site.outside("a.txt"), text(1500)).unwrap();
    fs::write(site.outside("b.txt"), text(1000)).unwrap();
    let output = unshare.current_dir(site.outside(".")).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        return unavailable("a namespace to mount a small disk in (unshare, mount)");
    };
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("No space left on device"),
        "{stdout} {stderr}"
    );
    let (_, end) = stdout.split_once("code ").expect("it ends");
    assert_eq!(end, "1\na.txt\nb.txt\nfill\n", "{stderr}");
}

#[test]
fn two_commands_do_not_write_to_the_same_directory_at_once() {
    let site = Site::new();
    site.file("a.txt", text(100));
    let directory = fs::File::open(site.root()).unwrap();
    rustix::fs::flock(&directory, FlockOperation::LockExclusive).unwrap();
    let done = precompress(&site);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr.contains("another millpond is doing that"),
        "{}",
        done.stderr
    );
    assert!(!site.path("a.txt.gz").exists());
    // Closing is not enough: the child of another test has the file too, until it is a program.
    rustix::fs::flock(&directory, FlockOperation::Unlock).unwrap();
    assert_eq!(precompress(&site).code, Some(0));
}

#[test]
fn all_sites_of_the_settings_are_precompressed() {
    let site = Site::new();
    site.file("one/a.txt", text(100))
        .file("two/b.txt", text(100));
    let settings = "[[site]]\nhosts = [\"a.example\"]\nroot = \"one\"\n\
                    [[site]]\nhosts = [\"b.example\"]\nroot = \"two\"\n";
    fs::write(site.path("millpond.toml"), settings).unwrap();
    let launch = |flag| {
        let launch = Launch::bare().current_dir(site.root());
        launch.args([flag, "--config", "millpond.toml"])
    };
    let done = run(launch("--precompress"));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    for name in coded(&["one/a.txt", "two/b.txt"]) {
        assert!(site.path(&name).exists(), "{name}");
    }
    fs::remove_file(site.path("two/b.txt.gz")).unwrap();
    let done = run(launch("--precompress=check"));
    assert_eq!(done.code, Some(1), "{}", done.stdout);
    assert!(done.stdout.contains("b.txt.gz: missing"));
}

#[test]
fn a_file_is_compressed_if_any_site_with_its_root_compresses_it() {
    let site = Site::new();
    site.file("www/a.pond", text(100));
    let settings = "[[site]]\nhosts = [\"a.example\"]\nroot = \"www\"\n\
                    [[site]]\nhosts = [\"b.example\"]\nroot = \"www\"\n\
                    [site.types]\npond = \"text/plain\"\n";
    fs::write(site.path("millpond.toml"), settings).unwrap();
    let launch = |flag| {
        let launch = Launch::bare().current_dir(site.root());
        launch.args([flag, "--config", "millpond.toml"])
    };
    assert_eq!(run(launch("--precompress=check")).code, Some(1));
    assert_eq!(run(launch("--precompress")).code, Some(0));
    for name in coded(&["www/a.pond"]) {
        assert!(site.path(&name).exists(), "{name}");
    }
    assert_eq!(run(launch("--precompress=check")).code, Some(0));
}

#[test]
fn a_check_reports_a_compressed_file_that_it_cannot_read() {
    let site = Site::new();
    site.file("a.txt", text(100));
    assert_eq!(precompress(&site).code, Some(0));
    site.mode("a.txt.gz", 0);
    let done = run(Launch::unprivileged(&site.root()).arg("--precompress=check"));
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr
            .starts_with("error: a.txt: cannot read its .gz file: "),
        "{}",
        done.stderr
    );
    assert_eq!(done.stdout, "");
}

#[test]
fn a_compressed_file_that_is_far_too_large_is_replaced_without_reading_it() {
    let site = Site::new();
    site.file("a.txt", text(100));
    let huge = fs::File::create(site.path("a.txt.gz")).unwrap();
    huge.set_len(1 << 40).unwrap();
    assert_eq!(precompress(&site).code, Some(0));
    assert!(expanded(&site.path("a.txt.gz")) == text(100).as_bytes());
}

#[test]
fn contradictory_and_wrong_arguments_are_refused() {
    let site = Site::small();
    for arguments in [
        &["--precompress=sometimes"][..],
        &["--precompress", "--check"],
    ] {
        let done = run(Launch::bare().args(arguments).arg(site.root()));
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.stderr);
    }
    let done = run(Launch::bare().args(["--precompress", "/nowhere/at/all"]));
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("/nowhere/at/all"), "{}", done.stderr);
}

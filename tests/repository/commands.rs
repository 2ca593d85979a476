//! Every command in the README and the guides: either it runs here, or `ELSEWHERE` names the test
//! that runs it or the reason why none does.

use crate::{repository, text};
use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{self, Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

const MILLPOND: &str = env!("CARGO_BIN_EXE_millpond");

/// The beginning of each command that does not run here, and its test or the reason.
const ELSEWHERE: &[(&str, &str)] = &[
    (".ci/run", "it runs all tests, so no test can run it"),
    ("bench/bytes", "needs peers"),
    ("bench/hostile", "takes half an hour; it fails by itself"),
    ("bench/instructions", "`.ci/run` runs it"),
    ("bench/proxies", "needs peers; it fails by itself"),
    ("bench/run --load", "the test of the plot below"),
    ("bench/run --own-network", "takes an hour, root and peers"),
    (
        "bench/syscalls",
        "needs wrk; tests/it/strangers/syscalls.rs",
    ),
    ("bench/slow", "takes minutes; it fails by itself"),
    ("bench/tls", "takes ten minutes, wrk and peers"),
    ("cargo bench", "takes minutes; clippy compiles it"),
    ("cargo build", "every test needs it"),
    ("cargo clippy", "`.ci/run` runs it"),
    ("certbot", "needs a name and the Internet"),
    (
        "cargo install",
        "takes minutes; packaging.rs looks at the crate",
    ),
    ("cargo mutants", "takes hours"),
    ("cargo test", "this is one of them"),
    ("docker", "tests/it/strangers/container.rs"),
    ("export SITE", "tests/it/strangers/container/compose.rs"),
    (
        "htpasswd",
        "asks for a password; tests/it/strangers/passwords.rs",
    ),
    ("for replica", "tests/it/strangers/container/compose.rs"),
    ("fuzz/run", "`.ci/run` runs it"),
    ("haproxy", "tests/it/strangers/replicas.rs"),
    ("lego", "needs a name and the Internet"),
    ("journalctl", "packaging/try-deb, under a booted systemd"),
    (
        "ln -s",
        "tests/it/strangers/container.rs, tests/it/rebuild.rs",
    ),
    ("mkcert", "needs mkcert; tests/it/https/certificates.rs"),
    (
        "millpond DIR --share",
        "would tell the network; tests/it/share.rs, tests/it/announce.rs",
    ),
    (
        "millpond --discover",
        "would ask the network; tests/it/announce.rs",
    ),
    (
        "millpond /srv/www --listen https:",
        "needs a certificate; tests/it/https/connections.rs",
    ),
    (
        "millpond DIR --listen https://localhost",
        "needs a certificate; tests/it/https/connections.rs",
    ),
    (
        "millpond /srv/www/current --user",
        "needs root; tests/it/privileges.rs",
    ),
    (
        "millpond --man | sudo",
        "needs root; packaging/release makes the manual",
    ),
    (
        "millpond --config millpond.toml --reuse-port",
        "tests/it/handover.rs",
    ),
    ("mv dist", "tests/it/rebuild.rs"),
    ("old=", "tests/it/handover.rs"),
    (
        "packaging/release",
        "takes minutes and cargo-deb; packaging.rs reads it",
    ),
    ("rm -rf dist", "tests/it/rebuild.rs"),
    (
        "sha256sum",
        "needs a release; packaging.rs compares its names",
    ),
    ("sudo", "needs root; packaging/try-deb does the same"),
    ("systemctl", "packaging/try-deb, under a booted systemd"),
    ("tar", "needs a release; packaging.rs compares its names"),
];

#[test]
fn every_command_runs_here_or_is_known_to_be_run_elsewhere() {
    let workplace = Workplace::new();
    let mut used = BTreeSet::new();
    let mut failures = Vec::new();
    let mut run = 0;
    for page in pages() {
        for command in commands(&page) {
            let bare = without_variables(&command);
            let reason = ELSEWHERE.iter().find(|(start, _)| bare.starts_with(start));
            if let Some((start, _)) = reason {
                used.insert(*start);
                continue;
            }
            run += 1;
            let output = workplace.run(&command);
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                failures.push(format!("{}: {command}\n{said}", page.display()));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(run > 50, "only {run} commands were run");
    let unused: Vec<_> = ELSEWHERE
        .iter()
        .filter(|(start, _)| !used.contains(start))
        .collect();
    assert!(unused.is_empty(), "no page has these: {unused:?}");
}

#[test]
fn an_example_with_its_output_prints_just_that() {
    let mut examples = 0;
    for page in pages() {
        for block in blocks(&page)
            .iter()
            .filter(|block| block.language.is_empty())
        {
            let mut lines = block.lines.iter().peekable();
            while let Some(line) = lines.next() {
                let Some(command) = line.strip_prefix("$ millpond ") else {
                    continue;
                };
                let mut expected = String::new();
                while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                    expected += line;
                    expected.push('\n');
                }
                examples += 1;
                let output = Command::new(MILLPOND)
                    .args(command.split(' '))
                    .output()
                    .unwrap();
                let said = [output.stdout, output.stderr].concat();
                assert_eq!(String::from_utf8(said).unwrap(), expected, "{command}");
            }
        }
    }
    assert!(examples >= 2, "only {examples} examples have their output");
}

#[test]
fn every_settings_file_in_a_page_is_accepted() {
    let workplace = Workplace::new();
    let mut files = 0;
    for page in pages() {
        for block in blocks(&page)
            .iter()
            .filter(|block| block.language == "toml")
        {
            files += 1;
            let settings = block.lines.join("\n");
            let settings = settings
                .replace("/var/log/millpond/", "")
                .replace("/run/millpond/", "")
                .replace("/etc/millpond/tls/", "")
                .replace("/etc/millpond/", "");
            fs::write(workplace.path.join("example.toml"), &settings).unwrap();
            let output = workplace.run("millpond DIR --config example.toml");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{}: {settings}\n{said}",
                page.display()
            );
        }
    }
    assert!(files > 8, "only {files} files were found");
}

/// A test must not send requests to other servers, so only the form of these links is checked.
#[test]
fn every_link_to_another_host_is_https_or_an_example() {
    let mut links = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for (start, _) in text.match_indices("http://") {
            let host = &text[start + "http://".len()..];
            let is_example = [
                "127.0.0.1",
                "localhost",
                "[::",
                "0.0.0.0",
                "192.0.2.",
                "www.example",
            ]
            .iter()
            .any(|example| host.starts_with(example));
            // The name of an upstream in nginx's settings.
            let is_upstream = host.starts_with("millpond");
            let shown = host.lines().next().unwrap();
            assert!(
                is_example || is_upstream,
                "{}: http://{shown}",
                page.display()
            );
        }
        links += text.matches("](https://").count() + text.matches("]: https://").count();
    }
    assert!(links > 4, "only {links} links were found");
}

#[test]
fn the_plot_and_the_table_of_performance_show_the_committed_results() {
    if Command::new("python3").arg("--version").output().is_err() {
        return unavailable("python3");
    }
    let docs = directory("docs");
    fs::create_dir(docs.join("images")).unwrap();
    let page = text("docs/performance.md");
    fs::write(docs.join("performance.md"), &page).unwrap();
    let results = repository("bench/results.json");
    let output = Command::new(repository("bench/run"))
        .arg("--load")
        .arg(results)
        .arg("--summary")
        .arg(&docs)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let hint = "run bench/run --load bench/results.json --summary docs";
    let made = |name: &str| fs::read_to_string(docs.join(name)).unwrap();
    assert!(
        made("performance.md") == page,
        "docs/performance.md: {hint}"
    );
    let plot = "images/performance.svg";
    assert!(made(plot) == text(format!("docs/{plot}")), "{plot}: {hint}");
    fs::remove_dir_all(docs).unwrap();
}

/// A directory with the files that the commands of the pages use, and a server for commands that
/// send requests.
struct Workplace {
    path: PathBuf,
    server: Child,
    site: String,
    admin: String,
}

impl Workplace {
    fn new() -> Self {
        let path = directory("commands");
        let site = path.join("DIR");
        for directory in ["DIR/photos", "DIR/guide", "dist", "srv/www", "bin"] {
            fs::create_dir_all(path.join(directory)).unwrap();
        }
        for (name, content) in [
            ("DIR/index.html", "start"),
            ("DIR/guide/index.html", "guide"),
            ("DIR/app.js", "script"),
            ("DIR/photos/a.jpg", "photo"),
            ("users", "# of auth-file\n"),
            ("staging.users", "# of [[access]]\n"),
        ] {
            fs::write(path.join(name), content).unwrap();
        }
        for name in ["example.org", "example.net", "."] {
            let names = vec!["example.org".to_owned()];
            let issued = rcgen::generate_simple_self_signed(names).unwrap();
            let directory = path.join(name);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("fullchain.pem"), issued.cert.pem()).unwrap();
            let key = issued.signing_key.serialize_pem();
            fs::write(directory.join("privkey.pem"), key).unwrap();
        }
        let settings = format!("root = \"{}\"\n", site.display());
        fs::write(path.join("settings.toml"), settings).unwrap();
        symlink(repository("static"), path.join("static")).unwrap();
        // A server would not end by itself, so its settings are checked instead.
        program(
            &path.join("bin/millpond"),
            &format!(
                "case \" $* \" in\n\
                 *' --check '*|*' --print-config '*|*' --explain '*|*' --man '*|*' --precompress'*) ;;\n\
                 *' --completions '*|*' --health '*|*' --version '*) ;;\n\
                 *' --hash-password '*) echo secret | {MILLPOND} \"$@\"; exit ;;\n\
                 *) set -- \"$@\" --check ;;\n\
                 esac\n\
                 exec {MILLPOND} \"$@\"\n"
            ),
        );
        // The pager of a manual waits for keys.
        program(
            &path.join("bin/man"),
            "test \"$*\" = '-l -' && grep -q NAME\n",
        );
        let mut server = Command::new(MILLPOND)
            .arg(&site)
            .args([
                "--listen",
                "127.0.0.1:0",
                "--listing",
                "--admin",
                "127.0.0.1:0",
                "--access-log",
                "off",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let mut next = || {
            let line = lines.next().expect("an address").unwrap();
            let (_, address) = line.split_once("http://").expect("an address");
            address.trim_end_matches('/').to_owned()
        };
        let (site, admin) = (next(), next());
        Self {
            path,
            server,
            site,
            admin,
        }
    }

    /// Runs a command of a page, with the paths and servers replaced by those of the test.
    fn run(&self, command: &str) -> Output {
        let mut command = command
            .replace("cargo run --release -- ", "millpond ")
            .replace("127.0.0.1:9090/healthz", &format!("{}/healthz", self.admin))
            .replace("/srv/www", "srv/www")
            .replace("/etc/millpond/", "")
            .replace("/run/millpond.sock", "millpond.sock");
        if command.starts_with("curl ") {
            command = command
                .replace("127.0.0.1:8080", &self.site)
                .replace("localhost/", &format!("{}/", self.site))
                .replace("curl ", "curl --silent --show-error --fail ");
        }
        // Two pages create this file, and the others have one already.
        if !self.path.join("millpond.toml").exists() {
            fs::copy(
                self.path.join("settings.toml"),
                self.path.join("millpond.toml"),
            )
            .unwrap();
        }
        let programs = env::join_paths(
            [self.path.join("bin")]
                .into_iter()
                .chain(env::split_paths(&env::var_os("PATH").unwrap())),
        );
        Command::new("bash")
            .args(["-o", "pipefail", "-c", &command])
            .current_dir(&self.path)
            .env("PATH", programs.unwrap())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A code block in a page: the text between two fences, or lines indented by four spaces.
struct Block {
    language: String,
    lines: Vec<String>,
}

fn blocks(page: &Path) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut indented = Block::new("sh");
    for line in fs::read_to_string(page).unwrap().lines() {
        if let Some(language) = line.strip_prefix("```") {
            match open.take() {
                Some(block) => blocks.push(block),
                None => open = Some(Block::new(language)),
            }
        } else if let Some(block) = &mut open {
            block.lines.push(line.to_owned());
        } else if let Some(line) = line.strip_prefix("    ") {
            indented.lines.push(line.to_owned());
        }
    }
    blocks.push(indented);
    blocks
}

impl Block {
    fn new(language: &str) -> Self {
        Self {
            language: language.to_owned(),
            lines: Vec::new(),
        }
    }
}

/// Returns the commands of a page: lines of shell code, with continued lines joined, and lines
/// after a prompt.
fn commands(page: &Path) -> Vec<String> {
    let mut commands = Vec::new();
    for Block { language, lines } in blocks(page) {
        let mut joined = String::new();
        let mut is_loop = false;
        for line in lines {
            let line = match language.as_str() {
                "sh" => line,
                "console" => match line.strip_prefix("$ ").or(line.strip_prefix("# ")) {
                    Some(line) => line.to_owned(),
                    None => continue,
                },
                _ => continue,
            };
            if let Some(start) = line.strip_suffix('\\') {
                joined += start;
                continue;
            }
            let command = format!("{joined}{line}");
            joined.clear();
            // A loop is one command, identified by its first line.
            let continues = is_loop;
            is_loop = (is_loop || command.starts_with("for ")) && command != "done";
            if !continues && !command.trim().is_empty() {
                commands.push(command);
            }
        }
    }
    commands
}

/// Returns a command without its leading variable assignments.
fn without_variables(command: &str) -> &str {
    let mut rest = command;
    while let Some((word, after)) = rest.split_once(' ')
        && let Some((name, _)) = word.split_once('=')
        && name
            .chars()
            .all(|char| char.is_ascii_uppercase() || "_0123456789".contains(char))
    {
        rest = after;
    }
    rest
}

/// Returns the pages with commands.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![repository("README.md"), repository("CONTRIBUTING.md")];
    for entry in fs::read_dir(repository("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages
}

/// Creates a directory for a test.
fn directory(name: &str) -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("millpond-{name}-{}-{number}", process::id());
    let path = env::temp_dir().join(name);
    fs::create_dir(&path).unwrap();
    path
}

fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Reports that a test was skipped and why. Under `CI=true` this is a failure.
fn unavailable(what: &str) {
    let is_needed = env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!is_needed, "missing: {what}");
    let _ = io::stderr().write_all(format!("SKIPPED: {what} is missing\n").as_bytes());
}

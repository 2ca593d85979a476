//! The parts of a release: metadata, licences, scripts, workflows, and the page about installing
//! it. docs/install.md explains them; packaging/try-deb tests the Debian package itself.

mod workflows;

use crate::{output, repository, text};
use std::{
    collections::BTreeSet, env, fs, os::unix::fs::PermissionsExt, path::Path, process::Command,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const TARGET: &str = "x86_64-unknown-linux-gnu";
const INSTALL: &str = "docs/install.md";
/// The pages and scripts that may name the location of the project.
const NAMING: [&str; 4] = ["README.md", "CHANGELOG.md", INSTALL, "Dockerfile"];

/// Returns the package as Cargo reads it from Cargo.toml.
fn package() -> serde_json::Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--format-version=1", "--offline"]);
    let metadata = output(&mut cargo).stdout;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata).unwrap();
    metadata["packages"][0].clone()
}

fn deb() -> serde_json::Value {
    package()["metadata"]["deb"].clone()
}

/// Returns the account in `repository`, the only place that defines it.
fn owner() -> String {
    let url = env!("CARGO_PKG_REPOSITORY");
    let rest = url.strip_prefix("https://github.com/").unwrap();
    rest.strip_suffix("/millpond").unwrap().to_owned()
}

#[test]
fn the_licence_of_the_manifest_has_its_texts_in_the_repository() {
    assert_eq!(env!("CARGO_PKG_LICENSE"), "MIT OR Apache-2.0");
    let mit = text("LICENSE-MIT");
    assert!(mit.contains("the millpond authors"));
    assert!(
        mit.contains("The above copyright notice and this permission notice shall be included")
    );
    let apache = text("LICENSE-APACHE");
    assert!(apache.contains("Version 2.0, January 2004"));
    assert!(apache.contains("END OF TERMS AND CONDITIONS"));
}

/// `UPDATE=1` copies the owner from Cargo.toml to the pages.
#[test]
fn the_owner_is_the_same_wherever_it_is_named() {
    let owner = owner();
    // References to images are in lower case.
    let places = [
        ("github.com/", owner.clone()),
        ("ghcr.io/", owner.to_lowercase()),
    ];
    let mut named = 0;
    for path in NAMING {
        let mut page = text(path);
        for (host, owner) in &places {
            for found in owners(&page, host) {
                named += 1;
                if env::var_os("UPDATE").is_some() {
                    let right = format!("{host}{owner}/millpond");
                    page = page.replace(&format!("{host}{found}/millpond"), &right);
                    fs::write(repository(path), &page).unwrap();
                } else {
                    assert_eq!(
                        found, *owner,
                        "{path}: Cargo.toml names another owner; run UPDATE=1 cargo test --test repository owner"
                    );
                }
            }
        }
    }
    assert!(named >= 2, "only {named} places name the owner");
    let package = package();
    for key in ["homepage", "documentation"] {
        let url = package[key].as_str().unwrap();
        assert!(url.starts_with(env!("CARGO_PKG_REPOSITORY")), "{url}");
    }
    let maintainer = deb()["maintainer"].as_str().unwrap().to_owned();
    assert!(maintainer.contains(&format!("<{owner}@")), "{maintainer}");
}

/// Returns every name between the host and the name of the project.
fn owners(page: &str, host: &str) -> BTreeSet<String> {
    page.split(host)
        .skip(1)
        .filter_map(|rest| rest.split_once("/millpond"))
        .map(|(owner, _)| owner.to_owned())
        .filter(|owner| {
            owner
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
        .collect()
}

#[test]
fn the_crate_has_every_file_that_its_build_and_its_tests_read() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([
            "package",
            "--list",
            "--allow-dirty",
            "--locked",
            "--offline",
        ])
        .current_dir(repository(""));
    let listed = String::from_utf8(output(&mut cargo).stdout).unwrap();
    let listed: BTreeSet<_> = listed.lines().collect();
    for file in [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "README.md",
        "Cargo.lock",
        "config/millpond.toml",
    ] {
        assert!(listed.contains(file), "{file} is not in the crate");
    }
    // The crate of tests that reads unpublished files is left out. The tests with other programs
    // also need the repository.
    let unpublished = [".ci", ".github", "Dockerfile", "fuzz", "packaging"];
    for directory in ["tests/heap", "tests/it", "tests/repository"] {
        for entry in fs::read_dir(repository(directory)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("{directory}/{name}");
            if Path::new(&name).extension() != Some("rs".as_ref()) {
                continue;
            }
            let is_left_out = !listed.contains(path.as_str());
            assert_eq!(is_left_out, directory == "tests/repository", "{path}");
            let source = text(&path);
            let reads = unpublished.iter().any(|path| {
                let mut ends = ["\"", "/"].iter();
                ends.any(|end| source.contains(&format!("\"{path}{end}")))
            });
            assert!(
                is_left_out || !reads,
                "{path} reads what the crate does not have"
            );
        }
    }
    assert!(!listed.iter().any(|file| file.starts_with("target/")));
}

#[test]
fn every_file_of_the_debian_package_is_there_or_made_by_the_release_script() {
    let deb = deb();
    let release = text("packaging/release");
    let mut destinations = BTreeSet::new();
    for asset in deb["assets"].as_array().unwrap() {
        let [source, destination, mode] = asset.as_array().unwrap().as_slice() else {
            panic!("{asset}");
        };
        let (source, destination) = (source.as_str().unwrap(), destination.as_str().unwrap());
        let name = source.rsplit('/').next().unwrap();
        if source.starts_with("target/packaging/") {
            assert!(
                release.contains(&format!("$stage/{name}")) || name == "logrotate",
                "{source}"
            );
        } else if source != "target/release/millpond" {
            let directory = repository(source.strip_suffix(name).unwrap());
            let pattern = name.trim_start_matches('*');
            let matches = fs::read_dir(directory).unwrap().filter(|entry| {
                let found = entry.as_ref().unwrap().file_name();
                let found = found.to_str().unwrap();
                found == name || name.starts_with('*') && found.ends_with(pattern)
            });
            assert!(matches.count() > 0, "{source} is not there");
        }
        let executable = destination == "usr/bin/";
        assert_eq!(mode.as_str().unwrap() == "755", executable, "{source}");
        let whole = if destination.ends_with('/') {
            format!("/{destination}{name}")
        } else {
            format!("/{destination}")
        };
        assert!(destinations.insert(whole.clone()), "{whole} is there twice");
    }
    for file in deb["conf-files"].as_array().unwrap() {
        assert!(destinations.contains(file.as_str().unwrap()), "{file}");
    }
    // Debian Policy 10.7: configuration files are in /etc, and all of them survive an upgrade.
    let in_etc = destinations.iter().filter(|path| path.starts_with("/etc/"));
    assert_eq!(in_etc.count(), deb["conf-files"].as_array().unwrap().len());
}

/// The release script changes these lines, and fails if it finds none.
#[test]
fn the_lines_that_a_package_changes_are_in_the_files_that_it_starts_from() {
    let settings = text("config/millpond.toml");
    let line = |start: &str| settings.lines().find(|line| line.starts_with(start));
    // The first of these lines: sites have roots, too.
    assert_eq!(line("#root = "), Some("#root = \".\""));
    let logs = settings
        .lines()
        .filter(|line| line.starts_with("#access-log = "));
    assert_eq!(logs.count(), 1);
    let service = text("config/millpond.service");
    assert!(
        service.contains("ExecStart=/usr/local/bin/millpond --config /etc/millpond/millpond.toml")
    );
    assert!(service.contains("LogsDirectory=millpond"));
    let socket = text("config/millpond.socket");
    assert!(socket.contains("\n# docs/systemd.md"));
}

/// dpkg runs each of them again after a failure, and stops at the first command that fails.
#[test]
fn the_maintainer_scripts_stop_at_an_error_and_are_executable() {
    for name in ["postinst", "prerm", "postrm"] {
        let path = format!("packaging/debian/{name}");
        let mode = fs::metadata(repository(&path))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755, "{path}");
        let script = text(&path);
        assert!(script.contains("\nset -e\n"), "{path}");
        // An upgrade must neither stop the server nor close the socket, in whose queue clients
        // wait.
        assert!(!script.contains("restart millpond.socket"), "{path}");
    }
}

#[test]
fn the_example_of_logrotate_is_the_one_that_the_package_installs() {
    let installed = text("packaging/debian/logrotate");
    let page = text("docs/systemd.md");
    assert!(
        page.contains(&format!("```\n{installed}```")),
        "docs/systemd.md has another one"
    );
}

#[test]
fn the_page_on_installing_names_the_files_that_a_release_has() {
    let page = text(INSTALL);
    let release = text("packaging/release");
    for (shown, made) in [
        (
            format!("millpond-{VERSION}-{TARGET}.tar.gz"),
            "$output/$name.tar.gz",
        ),
        (
            format!("millpond-{VERSION}-{TARGET}.cdx.json"),
            "millpond-$version-$target.cdx.json",
        ),
        (
            format!("millpond-{VERSION}-{TARGET}-oci.tar"),
            "millpond-$version-$target-oci.tar",
        ),
        (
            format!("millpond_{VERSION}-1_amd64.deb"),
            "millpond_$version-1_$(architecture \"$target\" debian).deb",
        ),
    ] {
        assert!(page.contains(&shown), "{INSTALL} does not name {shown}");
        assert!(
            release.contains(made),
            "packaging/release does not make {made}"
        );
    }
    let mut versions = page
        .split("millpond-")
        .chain(page.split("millpond_"))
        .chain(page.split("millpond:"));
    let other = versions.find(|rest| {
        rest.starts_with(|first: char| first.is_ascii_digit()) && !rest.starts_with(VERSION)
    });
    assert_eq!(other, None, "another version than {VERSION}");
}

#[test]
fn each_way_to_install_takes_three_lines() {
    let page = text(INSTALL);
    for way in ["Binary", "Debian and Ubuntu", "Cargo", "Container"] {
        let (_, section) = page.split_once(&format!("\n## {way}\n")).expect(way);
        let (_, block) = section.split_once("```sh\n").expect(way);
        let (block, _) = block.split_once("```").expect(way);
        assert_eq!(block.lines().count(), 3, "{way}: {block}");
    }
    for part in ["\n## Upgrade\n", "\n## Uninstall\n"] {
        assert!(page.contains(part), "{part}");
    }
}

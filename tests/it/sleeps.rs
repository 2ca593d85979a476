//! Every sleep in the tests, with its reason. A test that can move a clock, or poll for an outcome,
//! does not sleep.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The number of sleeps in each file, with their reasons.
const SLEEPS: [(&str, usize, &str); 21] = [
    (
        "tests/it/access.rs",
        1,
        "a file of users is looked at once a second where nothing is reported",
    ),
    (
        "tests/it/changes.rs",
        2,
        "nothing is said a second time at the next look at the root, which is twice a second; a \
         directory is looked at from above once a second",
    ),
    (
        "tests/it/compression.rs",
        2,
        "a file changes, and a server stops, in the middle of some milliseconds of compression",
    ),
    (
        "tests/it/json_log.rs",
        1,
        "a request takes a time that is logged",
    ),
    (
        "tests/it/lifecycle.rs",
        2,
        "a client reads nothing until the kernel holds all that it takes, and then for longer than \
         idle connections have",
    ),
    (
        "tests/it/open.rs",
        1,
        "a browser that must not be started has had the time to start",
    ),
    (
        "tests/it/rebuild.rs",
        1,
        "the root is looked at twice a second where nothing is reported",
    ),
    (
        "tests/it/room.rs",
        5,
        "a network has a delay; what the kernel holds for a client has stopped growing; one client \
         reads at a steady pace, and others until the kernel holds all that it takes",
    ),
    (
        "tests/it/strangers/browser/live.rs",
        1,
        "a build takes some time over its files",
    ),
    (
        "tests/it/strangers/browser/page.rs",
        1,
        "a page has come to rest when nothing has happened on it for a while",
    ),
    (
        "tests/it/strangers/passwords.rs",
        1,
        "a file of users is looked at once a second",
    ),
    (
        "tests/it/strangers/programs.rs",
        1,
        "the end of a program is polled for",
    ),
    (
        "tests/it/strangers/repositories.rs",
        1,
        "apt goes by the time of a file that is not new",
    ),
    (
        "tests/it/strangers/syscalls.rs",
        1,
        "a server that strace has paused receives more",
    ),
    (
        "tests/it/support/load.rs",
        2,
        "clients leave the servers some of the machine; one of them reads slowly",
    ),
    ("tests/it/support/process.rs", 1, "an outcome is polled for"),
    (
        "tests/it/deadlines.rs",
        8,
        "what counts as slow is what a real client takes out of the buffers of a real kernel",
    ),
    ("tests/it/https/connections.rs", 1, "a client reads slowly"),
    (
        "tests/it/https/handshakes.rs",
        3,
        "a reload is past; bytes of a handshake trickle in, and do so more slowly than all at once",
    ),
    (
        "tests/it/https/renewal.rs",
        5,
        "a key is replaced a little later than its certificate; a renewal is polled for",
    ),
    (
        "tests/it/log_reader.rs",
        4,
        "what is written is read slowly, while one client asks at a rate and another now and then",
    ),
];

#[test]
fn every_sleep_has_a_reason_in_this_list() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found: BTreeMap<_, _> = ["src", "tests"]
        .iter()
        .flat_map(|directory| rust_files(&repository.join(directory)))
        .map(|path| (sleeps(&fs::read_to_string(&path).unwrap()), path))
        .filter(|(count, _)| *count > 0)
        .map(|(count, path)| {
            let name = path.strip_prefix(repository).unwrap();
            (name.to_str().unwrap().to_owned(), count)
        })
        .collect();
    let given = SLEEPS.map(|(name, count, _)| (name.to_owned(), count));
    assert_eq!(found, given.into());
}

/// Returns the number of calls of a function whose name is, or ends in, `sleep`.
fn sleeps(source: &str) -> usize {
    let code = source.lines().filter(|line| !line.trim().starts_with("//"));
    // Written in two parts, so that this file does not count.
    code.map(|line| line.matches(concat!("sleep", "(")).count())
        .sum()
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    let files = files.into_iter();
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .chain(
            directories
                .iter()
                .flat_map(|directory| rust_files(directory)),
        )
        .collect()
}

//! The program as its operator uses it: flags, variables, files, messages and exit statuses.

use millpond::settings;
use rustix::fs::{Access, access};
use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Command, Output},
};

/// Runs `millpond` with `words`, in an environment without its own settings.
fn millpond(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millpond"));
    for (name, _) in env::vars_os().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
    command
        .env_remove("RUST_LOG")
        .env_remove("PORT")
        .args(words);
    command
}

fn is_ours(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with("MILLPOND_")
}

/// The output of a run, and its exit status.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn outcome(command: &mut Command) -> Outcome {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("millpond runs");
    Outcome {
        status: status.code(),
        stdout: String::from_utf8(stdout).expect("UTF-8"),
        stderr: String::from_utf8(stderr).expect("UTF-8"),
    }
}

/// Creates a directory for this test, with `files` in it.
fn directory(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let beside_the_build = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // If another user has built it, this user cannot write to it.
    let parent = match access(beside_the_build, Access::WRITE_OK) {
        Ok(()) => beside_the_build.join("settings"),
        Err(_) => env::temp_dir().join(format!("millpond-settings-{}", process::id())),
    };
    let directory = parent.join(name);
    // Removes the remains of an earlier run.
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory");
    for (name, text) in files {
        fs::write(directory.join(name), text).expect("a file");
    }
    directory
}

/// Asserts that `--check` rejects the settings with exactly this text on standard error.
fn assert_refused(command: &mut Command, status: i32, stderr: &str) {
    let expected = Outcome {
        status: Some(status),
        stdout: String::new(),
        stderr: stderr.to_owned(),
    };
    assert_eq!(outcome(command.arg("--check")), expected);
}

#[test]
fn a_bad_value_on_the_command_line_names_the_flag_and_exits_with_2() {
    for (words, stderr) in [
        (
            &["--header-timeout", "10"][..],
            "error: --header-timeout: \"10\" has no unit; write it like 10s, 1m30s or 500ms\n",
        ),
        (
            &["--header-bytes-max", "16k"],
            "error: --header-bytes-max: \"16k\" is not a size; write bytes, or KiB, MiB or GiB, like \
             16KiB\n",
        ),
        (
            &["--headers-max=257"],
            "error: --headers-max: 257 is out of range; use 1 to 256\n",
        ),
        (
            &["--listen", "127.0.0.1:80800"],
            "error: --listen: 80800 is too high for a port; the highest is 65535\n",
        ),
        (
            &[""],
            "error: DIR: the name of the directory is empty; write . for the current one\n",
        ),
    ] {
        assert_refused(&mut millpond(words), 2, stderr);
    }
}

#[test]
fn a_bad_value_in_a_variable_names_the_variable_and_exits_with_1() {
    for (variable, value, stderr) in [
        (
            "MILLPOND_CONNECTIONS_MAX",
            "lots",
            "error: MILLPOND_CONNECTIONS_MAX: \"lots\" is not a number\n",
        ),
        (
            "MILLPOND_LISTEN",
            "127.0.0.1:8080,example.org:80",
            "error: MILLPOND_LISTEN: \"example.org:80\" is a name; write an IP address of this \
             machine, like 127.0.0.1, or * for all\n",
        ),
        (
            "MILLPOND_ACCESS_LOG_FORMAT",
            "xml",
            "error: MILLPOND_ACCESS_LOG_FORMAT: \"xml\" is none of auto, common, combined, json, terminal\n",
        ),
        (
            "MILLPOND_CONFIG",
            "",
            "error: MILLPOND_CONFIG: a path cannot be empty\n",
        ),
    ] {
        assert_refused(millpond(&[]).env(variable, value), 1, stderr);
    }
}

#[test]
fn a_bad_file_is_reported_with_line_and_column_and_exits_with_1() {
    for (name, file, stderr) in [
        (
            "key",
            "# Timeouts\n\nidle_timeot = '75s'\n",
            "error: m.toml:3:1: unknown setting \"idle_timeot\"; did you mean idle-timeout?\n",
        ),
        (
            "value",
            "root = '.'\ncache-control = \"no-cache\\r\\nX: y\"\n",
            "error: m.toml:2:17: cache-control: \"no-cache\\r\\nX: y\" is not a header value; use visible ASCII, \
             with spaces only inside\n",
        ),
        (
            "type",
            "shutdown-timeout = 10\n",
            "error: m.toml:1:20: shutdown-timeout: write a duration in quotes, like \"10s\"; this is \
             of type integer\n",
        ),
        (
            "two",
            "headers-max = 0\nserver-header = 1\n",
            "error: m.toml:1:15: headers-max: 0 is out of range; use 1 to 256\n\
             error: m.toml:2:17: server-header: write true or false; this is of type integer\n",
        ),
    ] {
        let directory = directory(name, &[("m.toml", file)]);
        assert_refused(
            millpond(&["--config", "m.toml"]).current_dir(directory),
            1,
            stderr,
        );
    }
}

#[test]
fn a_missing_file_is_reported_and_exits_with_1() {
    let stderr = "error: no.toml: cannot read the file: No such file or directory (os error 2)\n";
    assert_refused(&mut millpond(&["--config", "no.toml"]), 1, stderr);
    assert_refused(millpond(&[]).env("MILLPOND_CONFIG", "no.toml"), 1, stderr);
}

#[test]
fn an_unusable_root_gives_one_sentence_and_exits_with_1() {
    let directory = directory("unfit", &[("file", "")]);
    for (words, stderr) in [
        (
            &["nowhere"][..],
            "error: there is no directory nowhere to serve\n",
        ),
        (
            &["file"],
            "error: file is not a directory; serve ., which it is in\n",
        ),
        (
            &[".", "--access-log", "nowhere/log"],
            "error: cannot open the access log nowhere/log: No such file or directory (os \
             error 2)\n",
        ),
    ] {
        let expected = Outcome {
            status: Some(1),
            stdout: String::new(),
            stderr: stderr.to_owned(),
        };
        let words = [words, &["--listen", "127.0.0.1:0"]].concat();
        assert_eq!(outcome(millpond(&words).current_dir(&directory)), expected);
        assert_eq!(
            outcome(millpond(&words).arg("--check").current_dir(&directory)),
            expected
        );
    }
}

#[test]
fn an_address_in_use_gives_one_sentence_and_exits_with_1_but_passes_the_check() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = other.local_addr().expect("its address").to_string();
    let mut command = millpond(&["static", "--listen", &address]);
    let output = outcome(&mut command);
    assert_eq!((output.status, output.stdout.as_str()), (Some(1), ""));
    // The next free port follows it.
    let sentence = format!("error: http://{address}/ is in use by ");
    assert!(output.stderr.starts_with(&sentence), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert_eq!(outcome(command.arg("--check")).status, Some(0));
}

#[test]
fn a_check_creates_nothing() {
    let directory = directory("untouched", &[]);
    let words = [
        ".",
        "--check",
        "--access-log",
        "log",
        "--listen",
        "unix:socket",
    ];
    assert_eq!(
        outcome(millpond(&words).current_dir(&directory)).status,
        Some(0)
    );
    assert_eq!(fs::read_dir(directory).expect("the directory").count(), 0);
}

#[test]
fn a_check_reports_a_missing_directory_of_a_socket_or_a_pid_file() {
    let directory = directory("socketless", &[]);
    for option in ["--listen", "--admin"] {
        let words = [".", "--check", option, "unix:missing/socket"];
        let outcome = outcome(millpond(&words).current_dir(&directory));
        assert_eq!(outcome.status, Some(1));
        let expected = "error: cannot listen on unix:missing/socket: No such file or directory";
        assert!(outcome.stderr.starts_with(expected), "{}", outcome.stderr);
    }
    for (path, reason) in [
        ("missing/pid", "No such file or directory (os error 2)"),
        (".", "the path is not a regular file"),
    ] {
        let words = [".", "--check", "--pid-file", path];
        let outcome = outcome(millpond(&words).current_dir(&directory));
        assert_eq!(outcome.status, Some(1));
        let expected = format!("error: cannot create the pid file {path}: {reason}\n");
        assert!(outcome.stderr.ends_with(&expected), "{}", outcome.stderr);
    }
}

#[test]
fn check_prints_the_root_and_the_addresses() {
    let root = directory("root", &[]);
    let root = root.to_str().expect("UTF-8");
    let words = [
        "--check",
        root,
        "--listen",
        "127.0.0.1:80",
        "--listen",
        "unix:/run/millpond.sock",
    ];
    let stdout = format!(
        "millpond would serve {root} at http://127.0.0.1:80/\n\
         millpond would serve {root} at unix:/run/millpond.sock\n"
    );
    let output = outcome(&mut millpond(&words));
    assert_eq!((output.status, output.stderr.as_str()), (Some(0), ""));
    assert!(output.stdout.starts_with(&stdout), "{}", output.stdout);

    let stdout = format!(
        "millpond would serve {root} at http://127.0.0.1:8080/\n\
         millpond would serve {root} at http://[::1]:8080/\n"
    );
    let output = outcome(millpond(&["--check"]).env("MILLPOND_ROOT", root));
    assert_eq!((output.status, output.stderr.as_str()), (Some(0), ""));
    // The rest depends on the kernel's support for the sandbox.
    assert!(output.stdout.starts_with(&stdout), "{}", output.stdout);
}

#[test]
fn the_printed_settings_are_a_file_that_sets_them_again() {
    let file = "idle-timeout = '2m'\nheader-timeout = '1s'\n";
    let directory = directory("in-force", &[("m.toml", file)]);
    let words = [
        "--config",
        "m.toml",
        "--print-config",
        "--header-timeout",
        "1500ms",
    ];
    let first = outcome(
        millpond(&words)
            .env("MILLPOND_HEADERS_MAX", "50")
            .current_dir(&directory),
    );
    assert_eq!((first.status, first.stderr.as_str()), (Some(0), ""));
    for line in [
        "header-timeout = \"1s500ms\"  # --header-timeout",
        "headers-max = 50  # MILLPOND_HEADERS_MAX",
        "idle-timeout = \"2m\"  # m.toml:1:16",
        "linger-timeout = \"2s\"  # default",
    ] {
        assert!(
            first.stdout.lines().any(|each| each == line),
            "{line}\n{}",
            first.stdout
        );
    }

    fs::write(directory.join("again.toml"), &first.stdout).expect("a file");
    let words = ["--config", "again.toml", "--print-config"];
    let again = outcome(millpond(&words).current_dir(&directory));
    assert_eq!(values(&again.stdout), values(&first.stdout));
}

#[test]
fn help_begins_with_the_most_used_options() {
    let Outcome {
        status,
        stdout,
        stderr,
    } = outcome(&mut millpond(&["-h"]));
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let order = [
        "[DIR]",
        "--listen",
        "-p, --port",
        "--config",
        "--check",
        "--access-log ",
        "Limits:",
        "Timeouts:",
    ];
    let places = order.map(|text| stdout.find(text).expect(text));
    assert!(places.is_sorted(), "{stdout}");
    let widest = stdout.lines().map(str::len).max();
    assert!(widest <= Some(100), "{widest:?} columns:\n{stdout}");
}

#[test]
fn the_version_is_that_of_the_crate() {
    for flag in ["-V", "--version"] {
        let stdout = format!("millpond {}\n", env!("CARGO_PKG_VERSION"));
        let expected = Outcome {
            status: Some(0),
            stdout,
            stderr: String::new(),
        };
        assert_eq!(outcome(&mut millpond(&[flag])), expected);
    }
}

/// Even a server that is installed wrongly must be able to print its help.
#[test]
fn help_manual_and_completions_work_with_invalid_settings() {
    for words in [
        &["--help"][..],
        &["--man"],
        &["--completions", "bash"],
        &["--version"],
    ] {
        let mut command = millpond(words);
        let outcome = outcome(
            command
                .env("MILLPOND_HEADERS_MAX", "0")
                .env("MILLPOND_CONFIG", "no"),
        );
        assert_eq!(
            (outcome.status, outcome.stderr.as_str()),
            (Some(0), ""),
            "{words:?}"
        );
        assert!(outcome.stdout.contains("millpond"), "{words:?}");
    }
}

#[test]
fn the_sample_file_matches_the_options() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/millpond.toml");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, settings::sample_file()).expect("the sample can be written");
    }
    let sample = fs::read_to_string(&path).expect("the sample can be read");
    assert_eq!(
        sample,
        settings::sample_file(),
        "run UPDATE=1 cargo test --test it settings::"
    );
}

#[test]
fn the_sample_file_sets_the_defaults_with_and_without_its_comment_signs() {
    let sample = settings::sample_file();
    // The sign is followed by a space in an explanation, but not in a setting.
    let bare = sample.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') => setting,
        _ => line,
    });
    let bare = bare.collect::<Vec<_>>().join("\n");
    let directory = directory(
        "sample",
        &[("commented.toml", &sample), ("bare.toml", &bare)],
    );
    let printed = |words: &[&str]| {
        let Outcome {
            status,
            stdout,
            stderr,
        } = outcome(
            millpond(words)
                .arg("--print-config")
                .current_dir(&directory),
        );
        assert_eq!((status, stderr.as_str()), (Some(0), ""));
        stdout
    };
    let defaults = printed(&[]);
    assert_eq!(printed(&["--config", "commented.toml"]), defaults);
    let bare = printed(&["--config", "bare.toml"]);
    assert_eq!(values(&bare), values(&defaults));
    assert!(!bare.contains("  # default"), "{bare}");
}

/// Returns the settings outside of tables in the output of `--print-config`, without their sources.
fn values(printed: &str) -> Vec<&str> {
    let values: Vec<_> = printed
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| Some(line.split_once("  # ")?.0))
        .collect();
    assert!(!values.is_empty(), "{printed}");
    values
}

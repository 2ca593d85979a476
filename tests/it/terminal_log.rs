//! The access log at a terminal: a short line for each request, in colour if the terminal supports
//! it.

use crate::support::{Client, Site, poll_until, quoted};
use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    fs::{self, File},
    io::Read,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

/// A server at a terminal of its own.
struct AtATerminal {
    server: Child,
    address: SocketAddr,
    /// The output on the terminal, in pieces.
    pieces: Receiver<Vec<u8>>,
    shown: String,
    _master: File,
}

impl AtATerminal {
    /// Starts a server of a site at a terminal with this many columns.
    fn start(site: &Site, arguments: &[&str], variables: &[(&str, &str)], columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let window = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, window).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let master = File::from(master);
        let mut command = Command::new(env!("CARGO_BIN_EXE_millpond"));
        command.env_remove("NO_COLOR").env_remove("RUST_LOG");
        let server = command
            .arg(site.root())
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .env("TERM", "xterm")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(terminal)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, pieces) = channel();
        let mut reader = master.try_clone().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error is the end: the server has closed the terminal.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut terminal = Self {
            server,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            pieces,
            shown: String::new(),
            _master: master,
        };
        terminal.await_shown("stops it");
        let shown = &terminal.shown;
        let (_, rest) = shown.split_once("http://127.0.0.1:").expect("an address");
        let (port, _) = rest.split_once('/').expect("a port");
        terminal.address.set_port(port.parse().expect("a port"));
        terminal
    }

    /// Reads the new output.
    fn look(&mut self) {
        for piece in self.pieces.try_iter() {
            let piece = String::from_utf8(piece).expect("the output is UTF-8");
            self.shown.push_str(&piece);
        }
    }

    fn await_shown(&mut self, what: &str) {
        poll_until(what, || {
            self.look();
            self.shown.contains(what).then_some(())
        });
    }

    /// Returns the log line of a request, which ends with the duration.
    fn line_of(&mut self, request: &[u8]) -> String {
        let before = self.shown.len();
        Client::connect(self.address).exchange(std::iter::once(request));
        poll_until("a line", || {
            self.look();
            let line = self.shown[before..].trim_start_matches(['\r', '\n']);
            line.split_once("\r\n").map(|(line, _)| line.to_owned())
        })
    }

    fn get(&mut self, target: &str) -> String {
        self.line_of(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
    }
}

impl Drop for AtATerminal {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Returns the columns of a line except the first, which is the time of day.
#[track_caller]
fn after_the_time(line: &str) -> Vec<&str> {
    let columns: Vec<_> = line
        .split("  ")
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .collect();
    let time = columns[0]
        .trim_start_matches("\x1b[2m")
        .trim_end_matches("\x1b[0m");
    let is_time = time.len() == 9 && time.ends_with('Z') && time.split(':').count() == 3;
    assert!(is_time, "{line:?}");
    let taken = columns.last().expect("a time taken");
    assert!(taken.ends_with(" ms") || taken.ends_with(" s"), "{line:?}");
    columns[1..columns.len() - 1].to_vec()
}

#[test]
fn a_request_is_a_short_line_with_its_status_in_the_colour_of_its_class() {
    let site = Site::small();
    site.directory("sub");
    let mut terminal = AtATerminal::start(&site, &[], &[], 80);
    for (target, status) in [
        ("/a.txt", "\x1b[32m200\x1b[0m"),
        ("/sub", "\x1b[36m301\x1b[0m"),
        ("/missing", "\x1b[33m404\x1b[0m"),
    ] {
        let line = terminal.get(target);
        let columns = after_the_time(&line);
        assert_eq!(columns[..3], ["GET", target, status], "{line:?}");
        assert!(
            columns[3].ends_with(" B") || columns[3].ends_with(" KiB"),
            "{line:?}"
        );
    }
    let line = terminal.line_of(b"nonsense\r\n\r\n");
    assert_eq!(
        after_the_time(&line)[..3],
        ["-", "-", "\x1b[33m400\x1b[0m"],
        "{line:?}"
    );
}

#[test]
fn there_are_no_colours_if_they_are_unwanted_or_unsupported() {
    let site = Site::small();
    for variables in [[("NO_COLOR", "1")], [("TERM", "dumb")]] {
        let mut terminal = AtATerminal::start(&site, &[], &variables, 80);
        let line = terminal.get("/a.txt");
        assert_eq!(
            after_the_time(&line),
            ["GET", "/a.txt", "200", "6 B"],
            "{line:?}"
        );
        assert!(!terminal.shown.contains('\x1b'), "{variables:?}");
    }
}

#[test]
fn a_line_fits_the_width_of_the_terminal() {
    let site = Site::small();
    let mut terminal = AtATerminal::start(&site, &[], &[("NO_COLOR", "1")], 60);
    let line = terminal.get(&format!("/{}.js?end", "x".repeat(500)));
    assert!(line.len() <= 60, "{line:?}");
    let target = after_the_time(&line)[1];
    assert!(target.starts_with("/xx") && target.contains("...") && target.ends_with(".js?end"));
}

#[test]
fn a_client_cannot_send_escape_sequences_to_the_terminal() {
    let site = Site::small();
    let mut terminal = AtATerminal::start(&site, &[], &[("NO_COLOR", "1")], 200);
    for target in [
        &b"/\x9b31m\xe2\x80\xae"[..],
        b"/%1b[2J%0d%0a",
        b"/\"\\",
        b"/\xc2\x9d0;title\x07",
        b"/\x1b[2J",
    ] {
        let request = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let line = terminal.line_of(&request);
        assert!(
            line.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{line:?}"
        );
        assert!(after_the_time(&line).len() >= 3, "{line:?}");
    }
}

#[test]
fn another_format_can_be_set_and_reset_by_a_reload() {
    let site = Site::small();
    let settings = site.outside("etc/millpond.toml");
    fs::create_dir(site.outside("etc")).unwrap();
    let format = |name: &str| {
        fs::write(&settings, format!("access-log-format = '{name}'\n")).unwrap();
    };
    format("common");
    let config = settings.to_str().unwrap();
    let mut terminal = AtATerminal::start(&site, &["--config", config], &[], 80);
    assert!(terminal.get("/a.txt").starts_with("127.0.0.1 - - ["));
    format("auto");
    let id = rustix::process::Pid::from_child(&terminal.server);
    rustix::process::kill_process(id, crate::support::Signal::HUP).unwrap();
    poll_until("the other format", || {
        let line = terminal.get("/a.txt");
        line.contains("\x1b[32m200\x1b[0m").then_some(())
    });
}

#[test]
fn the_format_is_common_without_a_terminal_and_the_terminal_format_has_no_colours_there() {
    let site = Site::small();
    for (format, is_expected) in [
        (
            "auto",
            (|line: &str| line.starts_with("127.0.0.1 - - [")) as fn(&str) -> bool,
        ),
        ("terminal", |line| {
            line.contains("Z  GET   /a.txt  200  6 B  ")
        }),
    ] {
        let server = crate::support::Launch::of(site.root())
            .args(["--access-log-format", format])
            .env("TERM", "xterm")
            .start();
        server.get("/a.txt");
        let line = server.records(1).remove(0);
        assert!(is_expected(&line), "{format}: {line:?}");
        assert!(!line.contains('\x1b'), "{format}: {line:?}");
    }
    // The `/dev/stdout` of a shell at a terminal is a terminal too.
    let mut script = Command::new("script");
    let command = format!(
        "{} {} --listen 127.0.0.1:0 --access-log /dev/tty --sandbox off",
        quoted(env!("CARGO_BIN_EXE_millpond")),
        quoted(site.root()),
    );
    script.args(["--quiet", "--command", &command, "/dev/null"]);
    script.env("TERM", "xterm").env_remove("NO_COLOR");
    let mut process = crate::support::Process::spawn(&mut script);
    let address: SocketAddr = process.await_stdout("an address", |shown| {
        let (_, rest) = shown.split_once("http://127.0.0.1:")?;
        format!("127.0.0.1:{}", rest.split_once('/')?.0)
            .parse()
            .ok()
    });
    Client::connect(address)
        .send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .response_to("GET");
    process.await_stdout("a line in colour", |shown| {
        shown.contains("GET   /a.txt  \x1b[32m200").then_some(())
    });
    process.end();
}

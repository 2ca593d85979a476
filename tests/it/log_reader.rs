//! An access log that nobody reads, or that cannot be written, while the server continues: it loses
//! whole log lines, and reports how many.

use crate::support::{
    Client, Hearing, Launch, Server, Signal, Site, poll_until, quoted, responses, unavailable,
};
use rustix::{
    fs::OFlags,
    process::{Pid, Resource, Rlimit, kill_process, prlimit},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    os::{
        fd::OwnedFd,
        unix::{fs::OpenOptionsExt, net::UnixStream},
    },
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Enough for their log lines to fill a pipe more than twice.
const MANY: usize = 2000;

/// Much shorter than the timeouts of the server.
const SOON: Duration = Duration::from_secs(5);

/// Requests the file once for each number, as its query, with a tail of this many bytes.
#[track_caller]
fn ask(address: SocketAddr, numbers: std::ops::Range<usize>, tail: usize) {
    let count = numbers.len();
    let tail = "x".repeat(tail);
    let head = |n| format!("GET /a.txt?{n}.{tail} HTTP/1.1\r\nHost: a\r\n\r\n");
    let requests: String = numbers.map(head).collect();
    let output = Client::connect(address).exchange(std::iter::once(requests.as_bytes()));
    let answered = responses(&output, vec!["GET"; count]);
    assert!(answered.len() == count && answered.iter().all(|it| it.status == 200));
}

/// Returns the numbers of the requests in these log lines. Each line must be whole, and all other
/// lines must be those at the start.
#[track_caller]
fn numbers(log: &str) -> Vec<usize> {
    let records = log.lines().filter(|line| line.contains("GET"));
    let number = |record: &str| {
        if let Some((_, rest)) = record.split_once("Z  GET   /a.txt?") {
            // In the format for a person at a terminal.
            let (number, rest) = rest.split_once('.')?;
            let is_whole = rest.contains("  200  6 B  ") && rest.ends_with(" ms");
            return is_whole.then_some(number.parse().ok()?);
        }
        let (client, rest) = record.split_once(" - - [")?;
        let (number, rest) = rest.split_once("] \"GET /a.txt?")?.1.split_once('.')?;
        let (_, seconds) = rest.split_once(" HTTP/1.1\" 200 6 ")?;
        let is_whole = client == "127.0.0.1" && seconds.len() == "0.000000".len();
        is_whole.then_some(number.parse().ok()?)
    };
    records
        .map(|record| number(record).unwrap_or_else(|| panic!("{record:?}")))
        .collect()
}

/// Returns how many log lines the server has reported as lost, and how often.
fn lost(said: &str) -> (usize, usize) {
    let counts = said.lines().filter_map(|line| {
        let (_, rest) = line.split_once("access log lines lost (")?;
        rest.split_once(')')?.0.parse::<usize>().ok()
    });
    counts.fold((0, 0), |(sum, times), count| (sum + count, times + 1))
}

/// Opens one end of a FIFO, even if the other end is not open.
fn open_to_read(fifo: &Path) -> File {
    OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(fifo)
        .unwrap()
}

/// Runs the command with a stream redirected to a FIFO, by this operator of the shell.
fn leading(sign: &str, fifo: &Path, command: &mut Command) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("exec \"$0\" \"$@\" {sign}{}", quoted(fifo));
    shell.args(["-c", &script]).arg(command.get_program());
    shell.args(command.get_args());
    shell
}

fn is_counting(numbers: &[usize]) -> bool {
    numbers.iter().copied().eq(0..numbers.len())
}

#[test]
fn a_server_whose_standard_output_is_not_read_answers_and_stops() {
    let site = Site::small();
    // Some processes get a pipe that they can only write to.
    for launch in [
        Launch::of(site.root()),
        Launch::unprivileged(&site.root()),
        Launch::of(site.root()).arg("--sandbox").arg("off"),
    ] {
        let mut server = launch
            .hearing(Hearing::Address)
            .expecting(&["log lines lost"])
            .start();
        ask(server.address, 0..MANY, 0);
        ask(server.address, MANY..MANY + 1, 0);
        let start = Instant::now();
        assert_eq!(server.stop(Signal::TERM).code(), Some(0));
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        let said = server.process.end();
        let log = server.process.stdout();
        let numbers = numbers(&log);
        assert!(is_counting(&numbers), "{} of them", numbers.len());
        assert!(log.ends_with('\n') && numbers.len() > 500);
        assert_eq!(numbers.len() + lost(&said).0, MANY + 1, "{said}");
    }
}

#[test]
fn a_server_whose_standard_output_is_full_from_the_start_answers() {
    let site = Site::small();
    let (fifo, socket) = (site.outside("fifo"), site.outside("socket"));
    make_fifo(&fifo);
    let _reader = open_to_read(&fifo);
    let mut writer = OpenOptions::new();
    writer
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let mut writer = writer.open(&fifo).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    let mut server = Launch::bare()
        .arg(site.root())
        .args(["--listen", &format!("unix:{}", socket.display())])
        .within(|command| leading(">", &fifo, command))
        .spawn();
    let mut stream = poll_until("the socket", || UnixStream::connect(&socket).ok());
    stream.set_read_timeout(Some(SOON)).unwrap();
    let request = b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(server.end().contains("cannot print the URLs: nobody reads"));
}

#[test]
fn a_server_whose_standard_output_is_read_again_has_lost_nothing() {
    let site = Site::small();
    let server = Launch::of(site.root()).hearing(Hearing::Address).start();
    ask(server.address, 0..MANY, 0);
    server.process.hear_the_rest();
    let records = server.records(MANY);
    assert!(is_counting(&numbers(&records.join("\n"))));
}

#[test]
fn the_bytes_kept_for_a_reader_are_limited_and_lost_lines_are_counted() {
    let site = Site::small();
    let mut server = Launch::of(site.root())
        .hearing(Hearing::Address)
        .expecting(&["log lines lost"])
        .start();
    // About 4 MiB of log lines.
    for hundred in 0..40 {
        ask(server.address, hundred * 100..(hundred + 1) * 100, 1000);
    }
    server.process.hear_the_rest();
    server.process.await_stdout("what was kept", |log| {
        (log.lines().count() > 900).then_some(())
    });
    ask(server.address, 4000..4001, 0);
    let log = server.process.await_stdout("the last record", |log| {
        log.contains("?4000.").then(|| log.to_owned())
    });
    let mut numbers = numbers(&log);
    assert_eq!(numbers.pop(), Some(4000));
    // The last line may have been written after reading had resumed.
    assert!(is_counting(&numbers[..900]), "the oldest are kept");
    assert!(numbers.is_sorted() && numbers.len() < 3000);
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    let (lost, times) = lost(&server.process.end());
    assert_eq!(numbers.len() + lost, 4000);
    assert!(times <= 2, "at once, and at the end");
}

#[test]
fn a_server_whose_standard_error_is_not_read_answers_and_reports_what_was_lost() {
    let site = Site::small();
    site.directory("empty");
    let fifo = site.outside("fifo");
    make_fifo(&fifo);
    let mut reader = open_to_read(&fifo);
    // With RUST_LOG, no line is left out.
    let mut server = Launch::of(site.root())
        .within(|command| leading("2>", &fifo, command))
        .env("RUST_LOG", "debug")
        .args(["--admin", "127.0.0.1:0"])
        .start();
    // Each leaves a line about a missing file.
    let missed = |count| {
        let request = "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".repeat(count);
        let output = Client::connect(server.address).exchange(std::iter::once(request.as_bytes()));
        assert_eq!(responses(&output, vec!["GET"; count]).len(), count);
    };
    missed(MANY);
    let whole = read_lines(&mut reader, 100);
    missed(1);
    let mut said = String::new();
    let lost: usize = poll_until("a count", || {
        said += &read_lines(&mut reader, 0);
        let lines = said.lines().rev();
        let count = lines.filter_map(|line| line.split_once(" lines before this one were lost"));
        count.map(|(count, _)| count.parse().unwrap()).next()
    });
    poll_until("the last line", || {
        said += &read_lines(&mut reader, 0);
        let (_, rest) = said.split_once("before this one were lost")?;
        rest.contains("/nothing").then_some(())
    });
    let told = |said: &str| {
        said.lines()
            .filter(|line| line.contains("/nothing"))
            .count()
    };
    assert_eq!(told(&whole) + told(&said) + lost, MANY + 1);
    let metrics = Client::connect(server.admin_address())
        .send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .response_to("GET");
    let counted = format!("\nmillpond_stderr_lines_lost_total {lost}\n");
    assert!(metrics.text().contains(&counted), "{}", metrics.text());
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
}

#[test]
fn messages_caused_by_clients_are_limited_to_one_a_second_for_each_reason() {
    let site = Site::small();
    site.directory("empty");
    site.symlink("out", "/");
    let mut server = Launch::of(site.root())
        .expecting(&["no index file", "leads out of the root"])
        .start();
    let ask = |target: &str, count| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(count);
        let output = Client::connect(server.address).exchange(std::iter::once(request.as_bytes()));
        assert_eq!(responses(&output, vec!["GET"; count]).len(), count);
    };
    let start = Instant::now();
    ask("/empty/", MANY);
    ask("/out", 1);
    server.process.await_stderr("the other reason", |said| {
        said.contains("leads out of the root").then_some(())
    });
    server.process.await_stderr("a count", |said| {
        said.contains(" more like it in the last second")
            .then_some(())
    });
    // Lines of the next second are reported at the latest at the end.
    ask("/empty/", 3);
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
    let said = server.process.end();
    let lines: Vec<_> = said
        .lines()
        .filter(|it| it.contains("no index file"))
        .collect();
    assert!(lines.len() <= seconds + 2, "{said}");
    let more = lines
        .iter()
        .filter_map(|line| line.split_once(" … and ")?.1.split_once(' '));
    let more: usize = more
        .map(|(count, _)| count.replace(',', "").parse::<usize>().unwrap())
        .sum();
    assert_eq!(lines.len() + more, MANY + 3, "{said}");
}

#[test]
fn a_slow_reader_of_standard_error_delays_no_response() {
    let site = Site::small();
    site.directory("empty");
    let (pipe_reader, pipe_writer) = std::io::pipe().unwrap();
    // As with systemd's journal.
    let (socket_reader, socket_writer) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| delays_no_response(&site, pipe_reader, pipe_writer));
        scope.spawn(|| delays_no_response(&site, socket_reader, socket_writer));
    });
}

/// Asserts that responses do not wait for the slow reader of what the server writes: they take about
/// as long as those of another server, whatever else this machine does.
fn delays_no_response(site: &Site, mut reader: impl Read + Send, stream: impl Into<OwnedFd>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millpond"));
    command
        .arg(site.root())
        .args(["--listen", "127.0.0.1:0", "--access-log", "stderr"]);
    command.stdout(Stdio::piped()).stderr(stream.into());
    let mut server = command.spawn().unwrap();
    // Otherwise, our end would keep it open.
    drop(command);
    let mut line = String::new();
    let mut stdout = BufReader::new(server.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let (_, rest) = line.split_once(" at http://").unwrap();
    let address: SocketAddr = rest.trim_end().trim_end_matches('/').parse().unwrap();
    let other = Server::start(site.root());
    let is_over = AtomicBool::new(false);
    let waited = thread::scope(|scope| {
        scope.spawn(|| {
            // 42 KiB a second, until the end.
            let mut bytes = [0; 4300];
            while reader.read(&mut bytes).is_ok_and(|count| count > 0) {
                if !is_over.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(100));
                }
            }
        });
        scope.spawn(|| {
            let request = "GET /empty/ HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20);
            let mut client = TcpStream::connect(address).unwrap();
            client.set_nonblocking(true).unwrap();
            while !is_over.load(Ordering::Relaxed) {
                // 2,000 requests a second; it does not matter how many succeed.
                let _ = client.write(request.as_bytes());
                while client.read(&mut [0; 8192]).is_ok_and(|count| count > 0) {}
                thread::sleep(Duration::from_millis(10));
            }
        });
        let _over = Over(&is_over);
        // Until the stream is full.
        thread::sleep(Duration::from_millis(1500));
        let wait = |address| {
            let asked = Instant::now();
            let answer = Client::connect(address)
                .send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
                .response_to("GET");
            assert_eq!(answer.status, 200);
            thread::sleep(Duration::from_millis(5));
            asked.elapsed()
        };
        let waited: Vec<_> = (0..30)
            .map(|_| [address, other.address].map(wait))
            .collect();
        kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
        assert_eq!(server.wait().unwrap().code(), Some(0));
        waited
    });
    let [here, there] = [0, 1].map(|server| {
        let mut waited: Vec<_> = waited.iter().map(|both| both[server]).collect();
        waited.sort();
        waited[waited.len() / 2]
    });
    assert!(
        here < 3 * there + Duration::from_millis(60),
        "{here:?}, and {there:?} elsewhere"
    );
}

/// A guard that ends the threads of a test, even if it panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_unread_fifo_delays_no_response() {
    let site = Site::small();
    let fifo = site.outside("fifo");
    make_fifo(&fifo);
    let mut reader = open_to_read(&fifo);
    let mut server = Launch::of(site.root())
        .arg("--access-log")
        .arg(&fifo)
        .expecting(&["log lines lost"])
        .start();
    ask(server.address, 0..MANY, 0);
    let log = read_lines(&mut reader, MANY);
    assert!(is_counting(&numbers(&log)));
    ask(server.address, 0..MANY, 0);
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    let log = read_lines(&mut reader, 500);
    let numbers = numbers(&log);
    assert!(is_counting(&numbers) && log.ends_with('\n'));
    assert_eq!(numbers.len() + lost(&server.process.end()).0, MANY);
}

#[test]
fn the_start_waits_for_a_fifo_reader_and_logs_that_but_a_check_does_not_wait() {
    let site = Site::small();
    let fifo = site.outside("fifo");
    make_fifo(&fifo);
    let launch = || Launch::of(site.root()).arg("--access-log").arg(&fifo);
    let word = "waits until a program reads";
    let mut check = launch().arg("--check").spawn();
    assert_eq!(check.wait().code(), Some(0));
    assert!(check.end().contains(word));
    let server = launch().spawn();
    server.await_stderr("a word", |said| said.contains(word).then_some(()));
    let mut reader = open_to_read(&fifo);
    let address = server.await_stdout("an address", |stdout| {
        let (_, rest) = stdout.split_once(" at http://")?;
        rest.split_once("/\n")?.0.parse().ok()
    });
    ask(address, 0..1, 0);
    assert!(is_counting(&numbers(&read_lines(&mut reader, 1))));
}

#[test]
fn a_reload_rejects_a_fifo_without_a_reader_as_the_log() {
    let site = Site::small();
    let (fifo, settings) = (site.outside("fifo"), site.outside("millpond.toml"));
    make_fifo(&fifo);
    let log_to = |path: &Path| {
        fs::write(&settings, format!("access-log = {path:?}\n")).unwrap();
    };
    log_to(&site.outside("access.log"));
    let server = Launch::of(site.root())
        .args(["--sandbox", "off", "--config"])
        .arg(&settings)
        .expecting(&[
            "cannot open the access log",
            "keeping the previous settings",
            "reopen",
        ])
        .start();
    log_to(&fifo);
    server.process.signal(Signal::HUP);
    server.process.await_stderr("the refusal", |said| {
        said.contains("keeping the previous settings").then_some(())
    });
    ask(server.address, 0..1, 0);
}

#[test]
fn a_stopped_terminal_delays_no_response() {
    if Command::new("script").arg("--version").output().is_err() {
        return unavailable("script (bsdutils)");
    }
    for format in ["common", "terminal"] {
        assert_not_delayed_by_terminal(format);
    }
}

fn assert_not_delayed_by_terminal(format: &str) {
    let site = Site::small();
    let pid_file = site.outside("pid/millpond.pid");
    fs::create_dir(site.outside("pid")).unwrap();
    let command = format!(
        "{} {} --listen 127.0.0.1:0 --access-log-format {format} --pid-file {}",
        quoted(env!("CARGO_BIN_EXE_millpond")),
        quoted(site.root()),
        quoted(&pid_file),
    );
    // It stops reading from the terminal once its own output is full.
    let mut terminal = Launch::bare()
        .within(|_| {
            let mut script = Command::new("script");
            script.env("NO_COLOR", "1");
            script.args(["--quiet", "--command", &command, "/dev/null"]);
            script
        })
        .hearing(Hearing::Address)
        .spawn();
    let port = terminal.await_stdout("an address", |shown| {
        let (_, rest) = shown.split_once("http://127.0.0.1:")?;
        rest.split_once('/')?.0.parse().ok()
    });
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    ask(address, 0..MANY, 0);
    ask(address, MANY..MANY + 1, 0);
    let id = fs::read_to_string(&pid_file).unwrap();
    let id = Pid::from_raw(id.trim().parse().unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    poll_until("the end", || (!pid_file.exists()).then_some(()));
    terminal.end();
    let shown = terminal.stdout();
    // The end of the output was lost.
    let (whole, _) = shown.rsplit_once("\r\n").unwrap();
    let numbers = numbers(whole);
    assert!(is_counting(&numbers) && numbers.len() > 100);
}

#[test]
fn a_truncated_log_line_is_not_joined_to_the_next() {
    let site = Site::small();
    let log = site.outside("access.log");
    let server = Launch::of(site.root())
        .arg("--access-log")
        .arg(&log)
        .expecting(&["log lines lost"])
        .start();
    ask(server.address, 0..1, 0);
    poll_until("a record", || (!read(&log).is_empty()).then_some(()));
    let record_bytes = read(&log).len() as u64;
    // As on a disk that is full for a while.
    let limit = |bytes| {
        let (current, maximum) = (Some(bytes), None);
        let limit = Rlimit { current, maximum };
        prlimit(Some(server.process.pid()), Resource::Fsize, limit).unwrap();
    };
    limit(record_bytes * 5 / 2);
    for number in 1..10 {
        ask(server.address, number..number + 1, 0);
    }
    limit(1_000_000);
    ask(server.address, 10..11, 0);
    let log = poll_until("the last record", || {
        Some(read(&log)).filter(|log| log.contains("?10."))
    });
    let mut lines: Vec<_> = log.lines().collect();
    let torn = lines.remove(2);
    assert!(torn.len() < lines[0].len() && lines[0].starts_with(&torn[..10]));
    let mut numbers = numbers(&lines.join("\n"));
    // A response is sent before its log line is written, so the last line may have been written
    // after all.
    numbers.retain(|number| *number != 9);
    assert_eq!(numbers, [0, 1, 10], "{log}");
    let said = server.process.await_stderr("a warning", |said| {
        said.contains("log lines lost").then(|| said.to_owned())
    });
    assert_eq!(lost(&said).1, 1, "once a minute: {said}");
}

fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// Reads from a non-blocking file until it has this many lines, and returns all that is available
/// then.
#[track_caller]
fn read_lines(reader: &mut File, count: usize) -> String {
    let mut bytes = Vec::new();
    poll_until("the records", || {
        let is_empty = reader
            .read_to_end(&mut bytes)
            .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        let lines = memchr::memchr_iter(b'\n', &bytes).count();
        assert!(is_empty || lines >= count, "{lines} lines are all");
        (lines >= count).then_some(())
    });
    String::from_utf8(bytes).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

//! An access log that nobody reads, or that cannot be written, while the server goes on: it loses
//! whole records, and says how many.

mod support;

use rustix::{
    fs::OFlags,
    process::{Pid, Resource, Rlimit, kill_process, prlimit},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    os::unix::{fs::OpenOptionsExt, net::UnixStream},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use support::{Client, Hearing, Launch, Signal, Site, poll_until, quoted, responses, unavailable};

/// Enough for their records to fill a pipe more than twice.
const MANY: usize = 2000;

/// Long before patience ends.
const SOON: Duration = Duration::from_secs(5);

/// Asks for the file with numbers as queries, each with a tail of so many bytes.
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

/// The numbers of the requests whose records these are. Each must be whole, and all else one of the
/// lines that tell of the start.
#[track_caller]
fn numbers(log: &str) -> Vec<usize> {
    let records = log.lines().filter(|line| line.contains("GET"));
    let number = |record: &str| {
        if let Some((_, rest)) = record.split_once("Z  GET   /a.txt?") {
            // As a person at a terminal gets it.
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

/// How many records the server has said to be lost, and how often it has said so.
fn lost(said: &str) -> (usize, usize) {
    let counts = said.lines().filter_map(|line| {
        let (_, rest) = line.split_once("access records were lost (")?;
        rest.split_once(')')?.0.parse::<usize>().ok()
    });
    counts.fold((0, 0), |(sum, times), count| (sum + count, times + 1))
}

/// One end of a FIFO, whether or not anybody has the other.
fn open_to_read(fifo: &Path) -> File {
    OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(fifo)
        .unwrap()
}

/// What starts the same with a stream that leads to a FIFO, by a shell's sign for that.
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
    // To some, a pipe is only theirs to write to as they were given it.
    for launch in [
        Launch::of(site.root()),
        Launch::unprivileged(&site.root()),
        Launch::of(site.root()).arg("--sandbox").arg("off"),
    ] {
        let mut server = launch
            .hearing(Hearing::Address)
            .expecting(&["records were lost"])
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
    assert!(server.end().contains("could not be printed: nobody reads"));
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
fn what_is_kept_for_a_reader_is_bounded_and_all_else_is_counted() {
    let site = Site::small();
    let mut server = Launch::of(site.root())
        .hearing(Hearing::Address)
        .expecting(&["records were lost"])
        .start();
    // About 4 MiB of records.
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
    // The last may have come when it was read again already.
    assert!(is_counting(&numbers[..900]), "the oldest are kept");
    assert!(numbers.is_sorted() && numbers.len() < 3000);
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    let (lost, times) = lost(&server.process.end());
    assert_eq!(numbers.len() + lost, 4000);
    assert!(times <= 2, "at once, and at the end");
}

#[test]
fn a_server_whose_standard_error_is_not_read_answers_and_tells_what_was_lost() {
    let site = Site::small();
    site.directory("empty");
    let fifo = site.outside("fifo");
    make_fifo(&fifo);
    let mut reader = open_to_read(&fifo);
    let mut server = Launch::of(site.root())
        .within(|command| leading("2>", &fifo, command))
        .args(["--admin", "127.0.0.1:0"])
        .start();
    // Each leaves a line: that there is no index file.
    let missed = |count| {
        let request = "GET /empty/ HTTP/1.1\r\nHost: a\r\n\r\n".repeat(count);
        let output = Client::connect(server.address).exchange(std::iter::once(request.as_bytes()));
        assert_eq!(responses(&output, vec!["GET"; count]).len(), count);
    };
    missed(MANY);
    let whole = read_lines(&mut reader, 100);
    missed(1);
    let said = read_lines(&mut reader, 2);
    let lost = said
        .lines()
        .find_map(|line| line.split_once(" lines before this one were lost"));
    let lost: usize = lost.expect("a count").0.parse().unwrap();
    let told = |said: &str| said.lines().filter(|line| line.contains("index")).count();
    assert_eq!(told(&whole) + told(&said) + lost, MANY + 1);
    let metrics = Client::connect(server.admin_address())
        .send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .response_to("GET");
    let counted = format!("\nmillpond_diagnostics_lost_total {lost}\n");
    assert!(metrics.text().contains(&counted), "{}", metrics.text());
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
}

#[test]
fn a_fifo_that_is_not_read_holds_nobody_up() {
    let site = Site::small();
    let fifo = site.outside("fifo");
    make_fifo(&fifo);
    let mut reader = open_to_read(&fifo);
    let mut server = Launch::of(site.root())
        .arg("--access-log")
        .arg(&fifo)
        .expecting(&["records were lost"])
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
fn a_fifo_is_waited_for_with_a_word_at_the_start_and_not_by_a_check() {
    let site = Site::small();
    let fifo = site.outside("fifo");
    make_fifo(&fifo);
    let launch = || Launch::of(site.root()).arg("--access-log").arg(&fifo);
    let word = "waits until somebody reads";
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
fn a_fifo_that_has_no_reader_is_refused_as_another_log_of_a_running_server() {
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
        .expecting(&["cannot be opened: No such device", "stay in force", "anew"])
        .start();
    log_to(&fifo);
    server.process.signal(Signal::HUP);
    server.process.await_stderr("the refusal", |said| {
        said.contains("stay in force").then_some(())
    });
    ask(server.address, 0..1, 0);
}

#[test]
fn a_terminal_that_takes_nothing_holds_nobody_up() {
    if Command::new("script").arg("--version").output().is_err() {
        return unavailable("script (bsdutils)");
    }
    for format in ["common", "terminal"] {
        is_held_up_by_no_terminal(format);
    }
}

fn is_held_up_by_no_terminal(format: &str) {
    let site = Site::small();
    let pid_file = site.outside("pid/millpond.pid");
    fs::create_dir(site.outside("pid")).unwrap();
    let command = format!(
        "{} {} --listen 127.0.0.1:0 --access-log-format {format} --pid-file {}",
        quoted(env!("CARGO_BIN_EXE_millpond")),
        quoted(site.root()),
        quoted(&pid_file),
    );
    // It stops reading what is shown at the terminal once its own output is full.
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
    // The end of it went to nobody.
    let (whole, _) = shown.rsplit_once("\r\n").unwrap();
    let numbers = numbers(whole);
    assert!(is_counting(&numbers) && numbers.len() > 100);
}

#[test]
fn a_record_that_was_cut_short_is_not_glued_to_the_next() {
    let site = Site::small();
    let log = site.outside("access.log");
    let server = Launch::of(site.root())
        .arg("--access-log")
        .arg(&log)
        .expecting(&["records were lost"])
        .start();
    ask(server.address, 0..1, 0);
    poll_until("a record", || (!read(&log).is_empty()).then_some(()));
    let record_bytes = read(&log).len() as u64;
    // As on a disk that is full, for a while.
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
    // An answer is sent before its record is written, so that the last may have been spared.
    numbers.retain(|number| *number != 9);
    assert_eq!(numbers, [0, 1, 10], "{log}");
    let said = server
        .process
        .await_stderr("a warning", |said| Some(said.to_owned()));
    assert_eq!(lost(&said).1, 1, "once a minute: {said}");
}

fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// Reads from what does not block until there are so many lines, and as much as there is then.
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

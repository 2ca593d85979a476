//! A server whose clock is an hour ahead of the clock of file times: for it, new files are old, so
//! no test has to wait until they settle.
//!
//! The server is this program, started a second time. It differs from the real one only in its
//! clock, and in its lack of a sandbox, which a process with several threads cannot enter.

use millpond::{
    commands::Banner,
    process::{SandboxMode, print_at_once},
    server::Bound,
    settings::{Arguments, Settings},
};
use std::{
    env,
    ffi::OsString,
    fs,
    path::Path,
    process::{self, Command},
    time::{Duration, SystemTime},
};

const AHEAD: Duration = Duration::from_hours(1);

/// Returns the command to which the arguments of a server are added.
pub(super) fn command() -> Command {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args(["--exact", "support::ahead::serve", "--ignored"]);
    command.args(["--quiet", "--nocapture", "--"]);
    command
}

/// Returns `true` for output of the test harness before that of the server.
pub(super) fn is_of_the_harness(line: &str) -> bool {
    matches!(line, "" | "running 1 test")
}

#[test]
#[ignore = "other tests start it in a process of its own"]
fn serve() {
    let mut arguments = env::args_os().skip_while(|argument| argument != "--");
    if arguments.next().is_none() {
        return println!("nothing by itself");
    }
    let name = OsString::from("millpond");
    let arguments = Arguments::parse([name].into_iter().chain(arguments), &Path::is_dir)
        .unwrap_or_else(|_| panic!("the arguments are wrong"));
    let load = || {
        let settings = Settings::load(&arguments, |_| None, |path| fs::read_to_string(path));
        let mut options = settings.map_err(|refusal| refusal.to_string())?.server;
        options.sandbox = SandboxMode::Off;
        Ok(options)
    };
    env_logger::Builder::new().parse_filters("info").init();
    let bound = Bound::listen(load().unwrap()).unwrap();
    let banner = Banner::of(
        bound.options(),
        bound.audience(),
        bound.addresses(),
        bound.admin_addresses(),
    );
    let mut server = bound.confine().unwrap();
    server.set_time_of_day(|| SystemTime::now() + AHEAD);
    print_at_once(&banner.lines("serves")).unwrap();
    server.run(&load).unwrap();
    process::exit(0);
}

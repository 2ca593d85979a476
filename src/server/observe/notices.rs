//! Log lines that clients cause and operators want to see: said seldom, however many clients there
//! are, so that nobody can flood the log.

use crate::http::host::Host;
use crate::server::audience::host_list;
use std::time::{Duration, Instant};

/// What has been said so far.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    misdirected: Throttle,
    is_tls_said: bool,
}

impl Notices {
    /// A request for a host that is not answered. Where hosts are listed by name alone, strangers'
    /// names are what the list is for, and no news. With `local` among them, it may well be the
    /// operator who has come by a name that is missing.
    pub(crate) fn misdirected(&mut self, authority: &[u8], hosts: &[Host], now: Instant) {
        if !hosts.contains(&Host::Local) {
            return;
        }
        if let Some(left_out) = self.misdirected.admit(now) {
            log::warn!("{}", misdirection(authority, hosts, left_out));
        }
    }

    /// A client that speaks TLS to a port without.
    pub(crate) fn tls_hello(&mut self) {
        if !self.is_tls_said {
            self.is_tls_said = true;
            log::warn!(
                "a client speaks TLS (https://) to this port, which speaks plain HTTP: open it as \
                 http://, or put a proxy that speaks TLS in front. This is said once"
            );
        }
    }
}

/// Says no more than one thing a minute.
#[derive(Debug, Default)]
struct Throttle {
    last: Option<Instant>,
    left_out: u64,
}

impl Throttle {
    /// Whether something may be said now: if so, how often it was left out since the last time.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let is_early = |last: Instant| now.saturating_duration_since(last) < INTERVAL;
        if self.last.is_some_and(is_early) {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

fn misdirection(authority: &[u8], hosts: &[Host], left_out: u64) -> String {
    let authority = String::from_utf8_lossy(authority);
    let shown: String = authority.chars().take(HOST_CHARACTERS_MAX).collect();
    let host = authority
        .rsplit_once(':')
        .map_or(&*authority, |(host, _)| host);
    let remedy = match Host::parse(host) {
        Ok(host) if authority.len() <= HOST_CHARACTERS_MAX => {
            let all: Vec<_> = hosts
                .iter()
                .chain([&host])
                .map(ToString::to_string)
                .collect();
            let (flags, list) = (all.join(" --hosts "), all.join("\", \""));
            format!(". If that host is yours, allow it: --hosts {flags}, or hosts = [\"{list}\"]")
        }
        _ => String::new(),
    };
    let left_out = match left_out {
        0 => String::new(),
        count => format!(" ({count} more such requests since the last such line)"),
    };
    format!(
        "a request for the host {shown:?} got 421: the setting hosts allows only {}, against DNS \
         rebinding{remedy}{left_out}",
        host_list(hosts)
    )
}

/// Between two lines of one kind.
const INTERVAL: Duration = Duration::from_mins(1);

/// The longest name that DNS has, with a port.
const HOST_CHARACTERS_MAX: usize = 260;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_is_said_and_the_others_are_counted() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut throttle = Throttle::default();
        for (seconds, admitted) in [
            (0, Some(0)),
            (1, None),
            (59, None),
            (60, Some(2)),
            (61, None),
            (500, Some(1)),
            (560, Some(0)),
        ] {
            assert_eq!(throttle.admit(at(seconds)), admitted, "after {seconds} s");
        }
    }

    #[test]
    fn a_refused_host_comes_with_the_settings_that_allow_it() {
        let line = misdirection(b"my.test:8080", &[Host::Local], 0);
        let remedy = "If that host is yours, allow it: --hosts local --hosts my.test, or \
                      hosts = [\"local\", \"my.test\"]";
        assert!(line.ends_with(remedy), "{line}");
        assert!(line.starts_with("a request for the host \"my.test:8080\" got 421: "));
        let line = misdirection(b"a%00b", &[Host::Local], 7);
        assert!(!line.contains("--hosts"), "{line}");
        assert!(line.ends_with(" (7 more such requests since the last such line)"));
        let line = misdirection(&[b'a'; 9000], &[Host::Local], 0);
        assert!(line.len() < 600 && !line.contains("--hosts"), "{line}");
    }
}

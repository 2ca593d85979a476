//! Log messages that clients cause and operators need: limited in number, so that no client can
//! flood the log.

use crate::http::host::Host;
use crate::server::audience::host_list;
use std::time::{Duration, Instant};

/// The messages so far.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    misdirected: Throttle,
    is_tls_said: bool,
}

impl Notices {
    /// Reports a request for a host that is not answered. If all hosts are listed by name, other
    /// names are expected and not worth a message. If `local` is among them, the operator may have
    /// used a name that is missing.
    pub(crate) fn misdirected(&mut self, authority: &[u8], hosts: &[Host], now: Instant) {
        if !hosts.contains(&Host::Local) {
            return;
        }
        if let Some(left_out) = self.misdirected.admit(now) {
            log::warn!("{}", misdirection(authority, hosts, left_out));
        }
    }

    /// Reports a client that uses TLS on a port without it.
    pub(crate) fn tls_hello(&mut self) {
        if !self.is_tls_said {
            self.is_tls_said = true;
            log::warn!(
                "a client uses HTTPS on this port, which serves plain HTTP: open http://, or \
                 enable HTTPS with --listen https://. This is logged once"
            );
        }
    }
}

/// A limit of one message a minute.
#[derive(Debug, Default)]
struct Throttle {
    last: Option<Instant>,
    left_out: u64,
}

impl Throttle {
    /// Checks whether a message may be written now. If so, returns how many were left out since the
    /// last one.
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
            let (flags, list) = (all.join(" --allowed-hosts "), all.join("\", \""));
            format!(
                ". If that host is yours, allow it: --allowed-hosts {flags}, or allowed-hosts = [\"{list}\"]"
            )
        }
        _ => String::new(),
    };
    let left_out = match left_out {
        0 => String::new(),
        count => format!(" ({count} more such requests since the last such line)"),
    };
    format!(
        "a request for the host {shown:?} got 421: allowed-hosts allows only {}, which stops DNS \
         rebinding{remedy}{left_out}",
        host_list(hosts)
    )
}

/// The interval between two messages of one kind.
const INTERVAL: Duration = Duration::from_mins(1);

/// The longest DNS name, with a port.
const HOST_CHARACTERS_MAX: usize = 260;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_is_written_and_the_others_are_counted() {
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
    fn the_message_about_a_rejected_host_names_the_settings_that_allow_it() {
        let line = misdirection(b"my.test:8080", &[Host::Local], 0);
        let remedy = "If that host is yours, allow it: --allowed-hosts local --allowed-hosts my.test, or \
                      allowed-hosts = [\"local\", \"my.test\"]";
        assert!(line.ends_with(remedy), "{line}");
        assert!(line.starts_with("a request for the host \"my.test:8080\" got 421: "));
        let line = misdirection(b"a%00b", &[Host::Local], 7);
        assert!(!line.contains("--allowed-hosts"), "{line}");
        assert!(line.ends_with(" (7 more such requests since the last such line)"));
        let line = misdirection(&[b'a'; 9000], &[Host::Local], 0);
        assert!(
            line.len() < 600 && !line.contains("--allowed-hosts"),
            "{line}"
        );
    }
}

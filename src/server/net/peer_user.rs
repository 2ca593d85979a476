//! The user at the other end of a Unix-domain socket.
//!
//! A process in a user namespace sees all users without a mapping as the same user: the overflow
//! uid, 65534 unless the system sets another one (`user_namespaces(7)`). A real user may have that
//! number too. So if there are unmapped users, this number identifies nobody.

use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::process::Uid;
use std::fs;

/// The knowledge of this process about users.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerUsers {
    /// The number that stands for many users; `None` if every user has a number.
    overflow: Option<u32>,
}

impl PeerUsers {
    /// Reads the mapping of this process's namespace from the kernel. If it is unavailable, some
    /// users may be unmapped.
    pub(super) fn read() -> Self {
        let is_complete = fs::read_to_string("/proc/self/uid_map").is_ok_and(|it| has_all(&it));
        let overflow = || {
            let text = fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?;
            text.trim().parse().ok()
        };
        Self {
            overflow: (!is_complete).then(|| overflow().unwrap_or(OVERFLOW_UID)),
        }
    }

    /// Returns the user at the other end, or the one that created a listening socket. Returns
    /// `EPERM` if the number may stand for others.
    pub(super) fn of(self, socket: impl AsFd) -> Result<Uid, Errno> {
        self.known(socket_peercred(socket)?.uid)
    }

    /// Returns the user, unless the number may stand for others.
    pub(super) fn known(self, uid: Uid) -> Result<Uid, Errno> {
        if self.overflow == Some(uid.as_raw()) {
            Err(Errno::PERM)
        } else {
            Ok(uid)
        }
    }
}

/// Returns `true` if a map of user ids includes every id. Each line has the first id inside, the
/// first id outside, and the length of the range.
fn has_all(map: &str) -> bool {
    let lengths = map.lines().filter_map(|line| {
        let length = line.split_ascii_whitespace().nth(2)?;
        length.parse::<u64>().ok()
    });
    // The highest number stands for no user.
    lengths.sum::<u64>() >= u64::from(u32::MAX)
}

/// The kernel's default.
const OVERFLOW_UID: u32 = 65534;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_map_of_all_users_identifies_each_of_them() {
        for (map, expected) in [
            ("         0          0 4294967295\n", true),
            ("0 0 65534\n65534 65534 1\n65535 65535 4294901760\n", true),
            ("0 1000 1\n", false),
            ("0 100000 65536\n", false),
            ("", false),
        ] {
            assert_eq!(has_all(map), expected, "{map:?}");
        }
    }

    #[test]
    fn the_overflow_number_identifies_nobody() {
        let uid = Uid::from_raw(65534);
        let overflow = Some(65534);
        assert_eq!(PeerUsers { overflow }.known(uid), Err(Errno::PERM));
        assert_eq!(PeerUsers { overflow }.known(Uid::ROOT), Ok(Uid::ROOT));
        assert_eq!(PeerUsers { overflow: None }.known(uid), Ok(uid));
    }
}

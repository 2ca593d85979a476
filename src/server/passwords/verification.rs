//! A password that is being verified.

use super::remembered::Known;
use crate::passwords::PasswordFile;
use blake3::Hash;
use mio::Waker;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The verification that requests with the same password wait for.
#[derive(Debug)]
pub(super) struct Verification {
    /// The hash of the client's bytes, keyed with the key of the file.
    pub(super) hash: Hash,
    outcome: OnceLock<Known>,
    /// The wakers of the loops whose requests wait.
    wakers: Mutex<Vec<Arc<Waker>>>,
}

/// The input of a verification.
pub(super) struct Job {
    pub(super) verification: Arc<Verification>,
    pub(super) users: Arc<PasswordFile>,
    /// The key, by which its file is found again if that has not changed.
    pub(super) key: [u8; 32],
    pub(super) user: Box<[u8]>,
    pub(super) password: Box<[u8]>,
}

/// The client whose turn it is in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Turn {
    V4([u8; 4]),
    /// A network: one client has all of its addresses.
    V6([u8; 8]),
    /// All clients without an address.
    Other,
}

impl Verification {
    pub(super) fn new(hash: Hash) -> Arc<Self> {
        Arc::new(Self {
            hash,
            outcome: OnceLock::new(),
            wakers: Mutex::default(),
        })
    }

    pub(super) fn outcome(&self) -> Option<&Known> {
        self.outcome.get()
    }

    /// Wakes a loop when the verification is done.
    pub(super) fn wake_later(&self, waker: &Arc<Waker>) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|it| Arc::ptr_eq(it, waker)) {
            wakers.push(Arc::clone(waker));
        }
    }

    pub(super) fn finish(&self, outcome: Known) {
        let _ = self.outcome.set(outcome);
        let wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        for waker in &*wakers {
            if let Err(error) = waker.wake() {
                log::error!("cannot wake the event loop for a verified password: {error}");
            }
        }
    }
}

/// Passwords must not appear in logs.
impl fmt::Debug for Job {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Job")
    }
}

impl Job {
    /// Returns `true` if a request waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.verification) > 1
    }

    /// Verifies the password. This takes as long for an unknown user as for a known one.
    pub(super) fn run(&self) -> Known {
        let hash = self.users.hash_of(&self.user);
        let decoy = || {
            let number = blake3::keyed_hash(&self.key, &self.user);
            let number = number
                .as_bytes()
                .first_chunk()
                .copied()
                .map_or(0, u32::from_le_bytes);
            self.users
                .any_hash(usize::try_from(number).unwrap_or_default())
        };
        let is_right = hash
            .or_else(decoy)
            .is_some_and(|it| it.verify(&self.password));
        if is_right && hash.is_some() {
            Known::Right(String::from_utf8_lossy(&self.user).into())
        } else {
            Known::Wrong
        }
    }
}

impl Turn {
    pub(super) fn of(client: Option<IpAddr>) -> Self {
        match client {
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let prefix = address.octets().first_chunk().copied();
                Self::V6(prefix.unwrap_or_default())
            }
            None => Self::Other,
        }
    }

    /// Returns `true` if one party may well have the addresses of both: providers hand out IPv6
    /// networks of up to /48, and IPv4 networks of /24.
    pub(super) fn is_near(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::V4(one), Self::V4(other)) => one.first_chunk::<3>() == other.first_chunk::<3>(),
            (Self::V6(one), Self::V6(other)) => one.first_chunk::<6>() == other.first_chunk::<6>(),
            _ => self == other,
        }
    }
}

//! File systems for which the kernel does not report all changes.

use rustix::fd::AsFd;
use rustix::fs::fstatfs;

/// The changes that the kernel reports for a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reports {
    /// All changes.
    Everything,
    /// Only changes through this mount. Others may change the layers below it.
    OwnMount,
    /// Only changes by this machine. Others may change the same files.
    OwnMachine,
}

impl Reports {
    /// Returns the reports for an open directory.
    pub(super) fn of(directory: impl AsFd) -> Self {
        // The width and sign of the type differ between C libraries. The numbers have 32 bits.
        let Ok(kind) = fstatfs(directory).map(|facts| i128::from(facts.f_type) & 0xffff_ffff)
        else {
            return Self::Everything;
        };
        match kind {
            OVERLAY => Self::OwnMount,
            kind if NETWORK.contains(&kind) => Self::OwnMachine,
            _ => Self::Everything,
        }
    }
}

// From linux/magic.h, and the headers of the file systems themselves.
const OVERLAY: i128 = 0x794c_7630;
const NFS: i128 = 0x6969;
const SMB: i128 = 0x517b;
const SMB2: i128 = 0xfe53_4d42;
const CIFS: i128 = 0xff53_4d42;
const FUSE: i128 = 0x6573_5546;
const NINE_P: i128 = 0x0102_1997;
const CEPH: i128 = 0x00c3_6400;
const AFS: i128 = 0x5346_414f;
const CODA: i128 = 0x7375_7245;
const VBOX: i128 = 0x786f_4256;
const PRL: i128 = 0x7c7c_6673;
const NETWORK: [i128; 11] = [
    NFS, SMB, SMB2, CIFS, FUSE, NINE_P, CEPH, AFS, CODA, VBOX, PRL,
];

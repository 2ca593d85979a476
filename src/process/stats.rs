//! The system's figures for this process. `/proc` is closed in the sandbox, so its files are opened
//! before.

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Dir, Mode, OFlags};
use rustix::process::{Resource, getrlimit};
use rustix::time::ClockId;
use std::time::{Duration, SystemTime};

/// The open files that the figures are read from.
#[derive(Debug)]
pub(crate) struct Process {
    started: SystemTime,
    status: Option<OwnedFd>,
    descriptors: Option<Dir>,
}

/// The figures at one moment; `None` where the system does not provide one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessFigures {
    pub(crate) started: SystemTime,
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) virtual_bytes: Option<u64>,
    pub(crate) descriptors: Option<u64>,
    pub(crate) descriptors_max: Option<u64>,
}

impl Process {
    pub(crate) fn open(started: SystemTime) -> Self {
        let open = |path, flags| {
            rustix::fs::openat(
                CWD,
                path,
                flags | OFlags::RDONLY | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        let descriptors = open("/proc/self/fd", OFlags::DIRECTORY).and_then(Dir::new);
        Self {
            started,
            status: open("/proc/self/status", OFlags::empty()).ok(),
            descriptors: descriptors.ok(),
        }
    }

    pub(crate) fn look(&mut self) -> ProcessFigures {
        let status = self.status.as_ref().and_then(read).unwrap_or_default();
        let cpu = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
        ProcessFigures {
            started: self.started,
            cpu: cpu.try_into().unwrap_or_default(),
            resident_bytes: bytes(&status, "VmRSS:"),
            virtual_bytes: bytes(&status, "VmSize:"),
            descriptors: self.descriptors.as_mut().and_then(count),
            descriptors_max: getrlimit(Resource::Nofile).current,
        }
    }
}

fn read(file: &OwnedFd) -> Option<String> {
    let mut text = vec![0; STATUS_BYTES_MAX];
    let length = rustix::io::pread(file, &mut text, 0).ok()?;
    text.truncate(length);
    String::from_utf8(text).ok()
}

/// Returns the number in a line like `VmRSS:   1234 kB`, in bytes.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Returns the number of open descriptors.
fn count(directory: &mut Dir) -> Option<u64> {
    // Linux 6.2 reports the number directly; older kernels make us count.
    match directory.stat() {
        Ok(stat) if stat.st_size > 0 => return u64::try_from(stat.st_size).ok(),
        _ => directory.rewind(),
    }
    let mut count = 0;
    for entry in directory.by_ref() {
        count += u64::from(!entry.ok()?.file_name().to_bytes().starts_with(b"."));
    }
    Some(count)
}

/// The size of the buffer. The file has about 60 lines, of which one lists the processors.
const STATUS_BYTES_MAX: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_this_process() {
        let mut process = Process::open(SystemTime::now());
        let before = process.look();
        // More files than the other tests of this process are likely to close in the meantime.
        let files = [(); 100].map(|()| std::fs::File::open("/").unwrap());
        let after = process.look();
        assert!(before.resident_bytes > Some(100_000), "{before:?}");
        assert!(before.virtual_bytes > before.resident_bytes, "{before:?}");
        assert!(after.cpu >= before.cpu && after.cpu < Duration::from_hours(1));
        assert!(after.descriptors >= Some(3) && after.descriptors < after.descriptors_max);
        assert!(
            after.descriptors >= before.descriptors.map(|count| count + 50),
            "{before:?} {after:?}"
        );
        drop(files);
    }

    #[test]
    fn a_missing_line_has_no_number() {
        let status = "Name:\tmillpond\nVmSize:\t    2048 kB\nVmRSS:\tmany kB\n";
        assert_eq!(bytes(status, "VmSize:"), Some(2 * 1024 * 1024));
        assert_eq!(bytes(status, "VmRSS:"), None);
        assert_eq!(bytes(status, "VmPeak:"), None);
    }
}

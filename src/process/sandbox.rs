//! What the kernel keeps this process from, whatever its own code is brought to try: by Landlock,
//! and by the filter of system calls in `filter`.
//!
//! [`Sandbox::new`] is handed what stays allowed, [`Sandbox::enter`] closes everything else for the
//! rest of the process's life. docs/sandbox.md tells an operator what comes of it.

mod filter;
mod grant;

use super::privileges::{Dropped, PrivilegeError, require_one_thread};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use log::Level;
use rustix::fs::{CWD, Mode, OFlags};
use std::path::PathBuf;
use std::{fmt, io};

pub(crate) use filter::can_refuse_calls;
pub use filter::{FilterError, refuse_calls};
pub(crate) use grant::{Grant, LimitNote, Right};

/// Whether there is a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxMode {
    /// None.
    Off,
    /// As much of one as the kernel has.
    Auto,
    /// One that closes files and TCP, or no start.
    Require,
    /// One that closes all files but the root, and nothing around it is open, or no start.
    Strict,
}

/// What a process may go on doing to the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    mode: SandboxMode,
    grants: Vec<Grant>,
    limits: Vec<LimitNote>,
}

/// Why there is no sandbox where there has to be one.
#[derive(Debug)]
#[non_exhaustive]
pub enum SandboxError {
    /// The kernel has less than is required.
    Lacking,
    /// The kernel has none.
    Missing,
    /// What is to be allowed cannot be found.
    NotFound(PathBuf, io::Error),
    /// Other threads would stay outside.
    Threads(PrivilegeError),
    /// The kernel refuses what it says it has.
    Refused(RulesetError),
    /// System calls cannot be filtered.
    Filter(FilterError),
}

/// A kind of deed that a version of Landlock can refuse.
struct Step {
    since: ABI,
    handle: fn(Ruleset) -> Result<Ruleset, RulesetError>,
    deeds: &'static str,
}

impl Sandbox {
    /// A sandbox that allows nothing but what is granted, and keeps a server from following some
    /// changes.
    pub(crate) fn new(mode: SandboxMode, grants: Vec<Grant>, limits: Vec<LimitNote>) -> Self {
        Self {
            mode,
            grants,
            limits,
        }
    }

    /// What it allows.
    pub(crate) fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Fails where the mode requires what this kernel does not have.
    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        decide(self.mode, supported()).map(drop)
    }

    /// Logs what a running server will not be able to follow.
    pub(crate) fn report_limits(&self) {
        if !self.is_enforced() {
            return;
        }
        for limit in &self.limits {
            let level = if limit.is_intended {
                Level::Info
            } else {
                Level::Warn
            };
            log::log!(level, "{}", limit.text);
        }
    }

    /// Refuses all that is not allowed, permanently. The process must have one thread, and must have
    /// dropped its privileges: the filter refuses to change users.
    pub(crate) fn enter(&self, _: &Dropped) -> Result<(), SandboxError> {
        let has_landlock = decide(self.mode, supported())?;
        if self.mode == SandboxMode::Off {
            return Ok(());
        }
        require_one_thread().map_err(SandboxError::Threads)?;
        if has_landlock {
            self.restrict_thread()?;
        }
        match refuse_calls() {
            Err(error) if self.mode.is_required() => Err(SandboxError::Filter(error)),
            Err(error) => {
                log::debug!("system calls are not filtered: {error}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Landlock's part of the sandbox, for the calling thread and those that it starts.
    pub fn restrict_thread(&self) -> Result<(), SandboxError> {
        let mut ruleset = Ruleset::default();
        for step in &STEPS {
            ruleset = (step.handle)(ruleset)?;
        }
        let mut ruleset = ruleset.create()?;
        for Grant { path, right } in &self.grants {
            let missing = |errno| SandboxError::NotFound(path.clone(), io::Error::from(errno));
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let place = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(missing)?;
            let access = if path.is_dir() {
                right.beneath()
            } else {
                right.beneath() & AccessFs::from_file(ABI::V1)
            };
            ruleset = ruleset.add_rule(PathBeneath::new(place, access))?;
        }
        match ruleset.restrict_self()?.ruleset {
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
            RulesetStatus::NotEnforced => Err(SandboxError::Lacking),
        }
    }

    /// Whether the kernel enforces any of it.
    pub(crate) fn is_enforced(&self) -> bool {
        matches!(decide(self.mode, supported()), Ok(true))
    }
}

impl SandboxMode {
    /// Whether there is to be no server without.
    fn is_required(self) -> bool {
        matches!(self, Self::Require | Self::Strict)
    }

    /// Whether this kernel makes a sandbox of it.
    pub(crate) fn is_effective(self) -> bool {
        matches!(decide(self, supported()), Ok(true))
    }
}

/// Whether there is to be a sandbox, on a kernel that can take the steps up to one.
fn decide(mode: SandboxMode, supported: ABI) -> Result<bool, SandboxError> {
    match mode {
        SandboxMode::Off => Ok(false),
        SandboxMode::Require if supported < REQUIRED => Err(SandboxError::Lacking),
        // What it promises is about files.
        SandboxMode::Strict if supported == ABI::Unsupported => Err(SandboxError::Missing),
        SandboxMode::Auto | SandboxMode::Require | SandboxMode::Strict => {
            Ok(supported > ABI::Unsupported)
        }
    }
}

/// The last step that this kernel takes.
fn supported() -> ABI {
    let is_taken = |step: &&Step| {
        let strict = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        (step.handle)(strict).is_ok()
    };
    let last = STEPS.iter().take_while(is_taken).last();
    last.map_or(ABI::Unsupported, |step| step.since)
}

/// What is allowed, and what the kernel refuses beyond it, in lines.
impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let supported = supported();
        match decide(self.mode, supported) {
            Err(error) => return error.fmt(f),
            Ok(true) => {}
            Ok(false) if self.mode == SandboxMode::Off => {
                return f.write_str("no sandbox: it is off");
            }
            Ok(false) => {
                return f
                    .write_str("no sandbox: this kernel has no Landlock, or a container hides it");
            }
        }
        for Grant { path, right } in &self.grants {
            let (deeds, place) = match (right, path.is_dir()) {
                (Right::Serve, _) => ("read and list", "beneath "),
                (Right::Read, true) => ("read", "beneath "),
                (Right::Read, false) => ("read", ""),
                (Right::Append, true) => ("create and write", "beneath "),
                (Right::Append, false) => ("write", ""),
                (Right::Remove, _) => ("remove", "beneath "),
            };
            let path = path.display();
            writeln!(f, "the sandbox allows to {deeds} {place}{path}")?;
        }
        for limit in &self.limits {
            writeln!(f, "{}", limit.text)?;
        }
        let (refused, open): (Vec<_>, Vec<_>) =
            STEPS.iter().partition(|step| step.since <= supported);
        let deeds = |steps: Vec<&Step>| steps.iter().map(|step| step.deeds).collect::<Vec<_>>();
        write!(f, "the sandbox refuses {}", deeds(refused).join(", "))?;
        if open.is_empty() {
            return Ok(());
        }
        write!(f, "\nthis kernel cannot refuse {}", deeds(open).join(", "))
    }
}

impl From<RulesetError> for SandboxError {
    fn from(error: RulesetError) -> Self {
        Self::Refused(error)
    }
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lacking => f.write_str(
                "a sandbox is required, but this kernel's Landlock is missing or cannot refuse \
                 TCP, as those from 6.7 on can",
            ),
            Self::Missing => f.write_str(
                "sandbox = \"strict\" needs Landlock, which this kernel lacks or a container hides; \
                 \"auto\" does without",
            ),
            Self::NotFound(path, error) => {
                write!(f, "the sandbox cannot allow {}: {error}", path.display())
            }
            Self::Threads(error) => write!(f, "the sandbox would have a hole: {error}"),
            Self::Refused(error) => write!(f, "the kernel refuses the sandbox: {error}"),
            Self::Filter(error) => write!(
                f,
                "a sandbox is required, but system calls cannot be filtered: {error}"
            ),
        }
    }
}

impl std::error::Error for SandboxError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Lacking | Self::Missing => None,
            Self::NotFound(_, error) => Some(error),
            Self::Threads(error) => Some(error),
            Self::Refused(error) => Some(error),
            Self::Filter(error) => Some(error),
        }
    }
}

/// What a sandbox that is required must be able to refuse: files, and connections over TCP.
const REQUIRED: ABI = ABI::V4;

/// All that is refused, in the order in which kernels learnt to. Renaming and linking from one
/// directory to another is refused from the first on, unless it is allowed.
const STEPS: [Step; 7] = [
    Step {
        since: ABI::V1,
        handle: |ruleset| ruleset.handle_access(AccessFs::from_all(ABI::V1)),
        deeds: "all other files",
    },
    Step {
        since: ABI::V3,
        handle: |ruleset| ruleset.handle_access(AccessFs::Truncate),
        deeds: "truncation",
    },
    Step {
        since: ABI::V4,
        handle: |ruleset| ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp),
        deeds: "new TCP listeners and connections",
    },
    Step {
        since: ABI::V5,
        handle: |ruleset| ruleset.handle_access(AccessFs::IoctlDev),
        deeds: "control of devices",
    },
    Step {
        since: ABI::V6,
        handle: |ruleset| ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal),
        deeds: "abstract sockets and signals to others",
    },
    Step {
        since: ABI::V9,
        handle: |ruleset| ruleset.handle_access(AccessFs::ResolveUnix),
        deeds: "sockets in the file system",
    },
    Step {
        since: ABI::V10,
        handle: |ruleset| ruleset.handle_access(AccessNet::BindUdp | AccessNet::ConnectSendUdp),
        deeds: "UDP",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_lacks_matters_where_a_sandbox_is_required() {
        use SandboxMode::{Auto, Off, Require, Strict};
        for (mode, supported, outcome) in [
            (Off, ABI::Unsupported, Some(false)),
            (Off, ABI::V10, Some(false)),
            (Auto, ABI::Unsupported, Some(false)),
            (Auto, ABI::V1, Some(true)),
            (Auto, ABI::V10, Some(true)),
            (Require, ABI::Unsupported, None),
            (Require, ABI::V1, None),
            (Require, ABI::V3, None),
            (Require, ABI::V4, Some(true)),
            (Require, ABI::V10, Some(true)),
            (Strict, ABI::Unsupported, None),
            (Strict, ABI::V1, Some(true)),
            (Strict, ABI::V10, Some(true)),
        ] {
            let decided = decide(mode, supported);
            if let Err(error) = &decided {
                let is_named = ["required", "\"strict\""];
                let text = error.to_string();
                assert!(is_named.iter().any(|it| text.contains(it)), "{text}");
            }
            assert_eq!(decided.ok(), outcome, "{mode:?} with {supported:?}");
        }
    }

    #[test]
    fn steps_stand_in_the_order_of_their_versions() {
        assert!(STEPS.is_sorted_by_key(|step| step.since));
        assert!(STEPS.iter().any(|step| step.since == REQUIRED));
    }
}

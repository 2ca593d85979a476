//! The sandbox: it limits what this process can do even if an attacker controls its code. Landlock
//! confines files and TCP, and the filter in `filter` confines system calls.
//!
//! [`Sandbox::new`] receives what stays allowed. [`Sandbox::close_files`] and then
//! [`Sandbox::filter_calls`] refuse everything else for the rest of the process's life.
//! docs/sandbox.md explains the consequences for an operator.

mod calls;
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

pub(crate) use filter::can_filter_calls;
pub use filter::{CallFilter, CallRefusal, FilterError, NetworkDescriptors};
pub(crate) use grant::{Grant, LimitNote, Right};

/// The strictness of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxMode {
    /// No sandbox.
    Off,
    /// As much confinement as the kernel supports.
    Auto,
    /// Confinement of files and TCP, or the server does not start.
    Require,
    /// Access to the served files only, not to the directories around them, or the server does not
    /// start.
    Strict,
}

/// The sandbox of a process: what it may still do, and how strictly the rest is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    mode: SandboxMode,
    /// The Landlock version of this kernel. A running server is no longer allowed to ask for it.
    supported: ABI,
    grants: Vec<Grant>,
    limits: Vec<LimitNote>,
}

/// The reason why a required sandbox is not possible.
#[derive(Debug)]
#[non_exhaustive]
pub enum SandboxError {
    /// The kernel supports less than is required.
    Lacking,
    /// The kernel has no Landlock.
    Missing,
    /// A path that should stay accessible cannot be found.
    NotFound(PathBuf, io::Error),
    /// Other threads would stay outside the sandbox.
    Threads(PrivilegeError),
    /// The kernel refuses a restriction that it claims to support.
    Refused(RulesetError),
    /// System calls cannot be filtered.
    Filter(FilterError),
}

/// Proof that files are closed. This comes before filtering system calls, because the filter
/// refuses to close more files.
#[derive(Debug)]
pub(crate) struct FilesClosed(());

/// A kind of action that Landlock can refuse since a certain version.
struct Step {
    since: ABI,
    handle: fn(Ruleset) -> Result<Ruleset, RulesetError>,
    actions: &'static str,
}

impl Sandbox {
    /// Creates a sandbox that allows only what is granted. `limits` describes the changes that a
    /// server in it cannot follow.
    pub(crate) fn new(mode: SandboxMode, grants: Vec<Grant>, limits: Vec<LimitNote>) -> Self {
        Self {
            mode,
            supported: supported(),
            grants,
            limits,
        }
    }

    /// Returns the access that stays allowed.
    pub(crate) fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Fails if the mode requires more than this kernel supports.
    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        decide(self.mode, self.supported).map(drop)
    }

    /// Logs the changes that a running server cannot follow.
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

    /// Permanently closes all files that are not granted. The process must have one thread, must
    /// have dropped its privileges, and must have opened everything else that it needs. Threads
    /// started afterwards are confined too. Start them before [`filter_calls`](Self::filter_calls),
    /// because a running server must not start any.
    pub(crate) fn close_files(&self, _: &Dropped) -> Result<FilesClosed, SandboxError> {
        let has_landlock = decide(self.mode, self.supported)?;
        if self.mode == SandboxMode::Off {
            return Ok(FilesClosed(()));
        }
        require_one_thread().map_err(SandboxError::Threads)?;
        if has_landlock {
            self.restrict_thread()?;
        }
        Ok(FilesClosed(()))
    }

    /// Permanently refuses all system calls that a running server does not make, for all existing
    /// threads. `datagrams` is the descriptor of the socket to the service manager. `network`
    /// contains the descriptors for the local network. `is_daemon` states that the process still
    /// has to leave its terminal.
    pub(crate) fn filter_calls(
        &self,
        _: FilesClosed,
        datagrams: Option<i32>,
        network: Option<NetworkDescriptors>,
        is_daemon: bool,
    ) -> Result<(), SandboxError> {
        if self.mode == SandboxMode::Off {
            return Ok(());
        }
        let filter = CallFilter::new(self.mode.call_refusal())
            .without_addresses_for(datagrams)
            .with_network(network.unwrap_or_default())
            .for_a_daemon(is_daemon);
        match filter.install_for_all_threads() {
            Err(error) if self.mode.is_required() => Err(SandboxError::Filter(error)),
            Err(error) => {
                log::debug!("system calls are not filtered: {error}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Applies Landlock's part of the sandbox to the calling thread and the threads that it starts.
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

    /// Returns `true` if the kernel enforces any part of it.
    pub(crate) fn is_enforced(&self) -> bool {
        matches!(decide(self.mode, self.supported), Ok(true))
    }
}

impl SandboxMode {
    /// Returns `true` if the server must not start without a sandbox.
    fn is_required(self) -> bool {
        matches!(self, Self::Require | Self::Strict)
    }

    /// Returns the reaction to a system call that no server makes.
    pub(crate) fn call_refusal(self) -> CallRefusal {
        if self.is_required() {
            CallRefusal::Kills
        } else {
            CallRefusal::Fails
        }
    }

    /// Returns `true` if this kernel can enforce a sandbox of this mode.
    pub(crate) fn is_effective(self) -> bool {
        matches!(decide(self, supported()), Ok(true))
    }
}

/// Decides whether to enter a sandbox, on a kernel that supports Landlock up to this version.
fn decide(mode: SandboxMode, supported: ABI) -> Result<bool, SandboxError> {
    match mode {
        SandboxMode::Off => Ok(false),
        SandboxMode::Require if supported < REQUIRED => Err(SandboxError::Lacking),
        // `strict` promises something about files, so any version is enough.
        SandboxMode::Strict if supported == ABI::Unsupported => Err(SandboxError::Missing),
        SandboxMode::Auto | SandboxMode::Require | SandboxMode::Strict => {
            Ok(supported > ABI::Unsupported)
        }
    }
}

/// Returns the last step that this kernel supports.
fn supported() -> ABI {
    let is_taken = |step: &&Step| {
        let strict = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        (step.handle)(strict).is_ok()
    };
    let last = STEPS.iter().take_while(is_taken).last();
    last.map_or(ABI::Unsupported, |step| step.since)
}

/// Writes what is allowed, and what the kernel refuses beyond it, as lines.
impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match decide(self.mode, self.supported) {
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
            let (actions, place) = match (right, path.is_dir()) {
                (Right::Serve, _) => ("reading and listing", "below "),
                (Right::Read, true) => ("reading", "below "),
                (Right::Read, false) => ("reading", ""),
                (Right::Append, true) => ("creating and writing", "below "),
                (Right::Append, false) => ("writing", ""),
                (Right::Remove, _) => ("removing", "below "),
            };
            let path = path.display();
            writeln!(f, "the sandbox allows {actions} {place}{path}")?;
        }
        for limit in &self.limits {
            writeln!(f, "{}", limit.text)?;
        }
        let (refused, open): (Vec<_>, Vec<_>) =
            STEPS.iter().partition(|step| step.since <= self.supported);
        let actions = |steps: Vec<&Step>| steps.iter().map(|step| step.actions).collect::<Vec<_>>();
        write!(f, "the sandbox refuses {}", actions(refused).join(", "))?;
        if open.is_empty() {
            return Ok(());
        }
        write!(
            f,
            "\nthis kernel cannot refuse {}",
            actions(open).join(", ")
        )
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

/// The version that a required sandbox needs: it can refuse access to files and TCP connections.
const REQUIRED: ABI = ABI::V4;

/// All refusable actions, in the order in which kernels learned to refuse them. Renaming and
/// linking between directories is refused from the first version on, unless it is allowed.
const STEPS: [Step; 7] = [
    Step {
        since: ABI::V1,
        handle: |ruleset| ruleset.handle_access(AccessFs::from_all(ABI::V1)),
        actions: "all other files",
    },
    Step {
        since: ABI::V3,
        handle: |ruleset| ruleset.handle_access(AccessFs::Truncate),
        actions: "truncation",
    },
    Step {
        since: ABI::V4,
        handle: |ruleset| ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp),
        actions: "new TCP listeners and connections",
    },
    Step {
        since: ABI::V5,
        handle: |ruleset| ruleset.handle_access(AccessFs::IoctlDev),
        actions: "control of devices",
    },
    Step {
        since: ABI::V6,
        handle: |ruleset| ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal),
        actions: "abstract sockets and signals to others",
    },
    Step {
        since: ABI::V9,
        handle: |ruleset| ruleset.handle_access(AccessFs::ResolveUnix),
        actions: "sockets in the file system",
    },
    Step {
        since: ABI::V10,
        handle: |ruleset| ruleset.handle_access(AccessNet::BindUdp | AccessNet::ConnectSendUdp),
        actions: "UDP",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_kernel_support_is_an_error_only_if_a_sandbox_is_required() {
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
    fn steps_are_ordered_by_version() {
        assert!(STEPS.is_sorted_by_key(|step| step.since));
        assert!(STEPS.iter().any(|step| step.since == REQUIRED));
    }
}

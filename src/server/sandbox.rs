//! What the kernel keeps this process from, whatever its own code is brought to try: by Landlock,
//! and by the filter of system calls in `filter`.
//!
//! [`Sandbox::of`] says what goes on being allowed, [`Sandbox::enter`] closes everything else for
//! the rest of the process's life. docs/sandbox.md tells an operator what comes of it.

use super::filter::{self, FilterError};
use super::privileges::{Account, PrivilegeError, require_one_thread};
use super::{ListenAddress, LogDestination, Options, StartError};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{CWD, Mode, OFlags};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// Whether there is a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxMode {
    /// None.
    Off,
    /// As much of one as the kernel has.
    Auto,
    /// One that closes files and TCP, or no start.
    Require,
}

/// What a process may go on doing to the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    mode: SandboxMode,
    grants: Vec<Grant>,
}

/// A right to a file, or to all that lies beneath a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    /// Without symbolic links.
    path: PathBuf,
    right: Right,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    /// To read files and list directories.
    Serve,
    /// To read files.
    Read,
    /// To write to files and to create them, but not to read, cut or remove any.
    Append,
    /// To remove files.
    Remove,
}

/// Why there is no sandbox where there has to be one.
#[derive(Debug)]
#[non_exhaustive]
pub enum SandboxError {
    /// The kernel has less than is required.
    Lacking,
    /// What is to be allowed cannot be found.
    Missing(PathBuf, io::Error),
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
    /// The narrowest sandbox that a server with these options can work in.
    pub fn of(options: &Options) -> io::Result<Self> {
        let mut grants = needs(options)?;
        // What a swap of the root's link may lead to; the root itself is beneath it.
        let releases = releases_around(&options.site.root);
        grants.extend(releases.map(|path| Grant::new(path, Right::Serve)));
        // Every change by rename makes another file of it, which only its directory leads to.
        if let Some(directory) = options.settings_file.as_deref().and_then(own_directory) {
            grants.push(Grant::new(directory, Right::Read));
        }
        let listeners = options.listen.iter().chain(&options.admin);
        let sockets = listeners.filter_map(|address| match address {
            ListenAddress::Unix(path) => own_directory(path),
            ListenAddress::Tcp(_) => None,
        });
        let pid_file = options.pid_file.as_deref().and_then(own_directory);
        let sockets = sockets.chain(pid_file);
        grants.extend(sockets.map(|path| Grant::new(path, Right::Remove)));
        let all = grants.clone();
        grants.retain(|grant| {
            !all.iter()
                .any(|other| other != grant && other.covers(grant))
        });
        grants.dedup();
        Ok(Self {
            mode: options.sandbox,
            grants,
        })
    }

    /// Closes all that is not allowed, for good. The process must have one thread.
    pub fn enter(&self) -> Result<(), SandboxError> {
        let has_landlock = decide(self.mode, supported())?;
        if self.mode == SandboxMode::Off {
            return Ok(());
        }
        require_one_thread().map_err(SandboxError::Threads)?;
        if has_landlock {
            self.restrict_thread()?;
        }
        match filter::refuse_calls() {
            Err(error) if self.mode == SandboxMode::Require => Err(SandboxError::Filter(error)),
            Err(error) => {
                log::debug!("system calls are not filtered: {error}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Landlock's part of [`Sandbox::enter`], for the calling thread and those that it starts.
    pub fn restrict_thread(&self) -> Result<(), SandboxError> {
        let mut ruleset = Ruleset::default();
        for step in &STEPS {
            ruleset = (step.handle)(ruleset)?;
        }
        let mut ruleset = ruleset.create()?;
        for Grant { path, right } in &self.grants {
            let missing = |errno| SandboxError::Missing(path.clone(), io::Error::from(errno));
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
    pub(super) fn is_enforced(&self) -> bool {
        matches!(decide(self.mode, supported()), Ok(true))
    }

    /// What other options need that cannot be had from within; `None` if they can be served.
    pub fn obstacle(&self, options: &Options) -> io::Result<Option<PathBuf>> {
        if !self.is_enforced() {
            return Ok(None);
        }
        let uncovered = |need: &Grant| !self.grants.iter().any(|grant| grant.covers(need));
        Ok(needs(options)?
            .into_iter()
            .find(uncovered)
            .map(|need| need.path))
    }
}

impl SandboxMode {
    /// Whether this kernel makes a sandbox of it.
    pub(super) fn is_effective(self) -> bool {
        matches!(decide(self, supported()), Ok(true))
    }
}

impl Options {
    /// Whom a server with these options becomes, and what it can do then, a line each.
    pub fn confinement(&self) -> Result<String, StartError> {
        let mut lines = String::new();
        if let Some(user) = &self.user {
            let account = Account::of(user)
                .map_err(|error| StartError::Privileges(self.user.clone(), error))?;
            lines = format!("as {account}, without capabilities\n");
        }
        let sandbox = Sandbox::of(self).map_err(StartError::System)?;
        decide(sandbox.mode, supported()).map_err(StartError::Sandbox)?;
        let filter = if sandbox.mode == SandboxMode::Off {
            ""
        } else if filter::can_refuse_calls() {
            "a filter of system calls refuses new sockets and programs\n"
        } else {
            "no filter of system calls: this kernel has none\n"
        };
        Ok(format!("{lines}{sandbox}\n{filter}"))
    }
}

impl Grant {
    fn new(path: PathBuf, right: Right) -> Self {
        Self { path, right }
    }

    fn covers(&self, other: &Self) -> bool {
        let is_enough =
            self.right == other.right || (self.right, other.right) == (Right::Serve, Right::Read);
        is_enough && other.path.starts_with(&self.path)
    }
}

impl Right {
    fn beneath(self) -> BitFlags<AccessFs> {
        match self {
            Self::Serve => AccessFs::ReadFile | AccessFs::ReadDir,
            Self::Read => AccessFs::ReadFile.into(),
            Self::Append => AccessFs::WriteFile | AccessFs::MakeReg,
            Self::Remove => AccessFs::RemoveFile.into(),
        }
    }
}

/// Whether there is to be a sandbox, on a kernel that can take the steps up to one.
fn decide(mode: SandboxMode, supported: ABI) -> Result<bool, SandboxError> {
    match mode {
        SandboxMode::Off => Ok(false),
        SandboxMode::Require if supported < REQUIRED => Err(SandboxError::Lacking),
        SandboxMode::Auto | SandboxMode::Require => Ok(supported > ABI::Unsupported),
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

/// What a server with these options cannot do without.
fn needs(options: &Options) -> io::Result<Vec<Grant>> {
    let root = options.site.root.canonicalize()?;
    let mut needs = vec![Grant::new(root, Right::Serve)];
    // What is no file, a pipe for one, has been read for the only time.
    let settings = options.settings_file.as_deref().and_then(regular_file);
    needs.extend(settings.map(|path| Grant::new(path, Right::Read)));
    if let LogDestination::File(path) = &options.access_log {
        let releases = releases_around(&options.site.root);
        let read = needs.iter().map(|grant| &grant.path).chain(&releases);
        let place = log_place(path, &read.collect::<Vec<_>>())?;
        needs.extend(place.map(|place| Grant::new(place, Right::Append)));
    }
    Ok(needs)
}

/// What has to be written to so that a log can be opened anew after it was renamed: its directory.
/// But if that holds one of the `others`, which are read, or lies in it, the file alone: nobody who
/// takes this process over is to change what it serves.
fn log_place(path: &Path, others: &[&PathBuf]) -> io::Result<Option<PathBuf>> {
    let file = match path.canonicalize() {
        // A device or a FIFO, which is not renamed.
        Ok(real) if !real.is_file() => return Ok(Some(real)),
        Ok(real) => real,
        // A descriptor by name, such as /dev/stdout: it is open and stays so.
        Err(_) if path.exists() => return Ok(None),
        Err(_) => {
            let path = std::path::absolute(path)?;
            let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
                return Ok(None);
            };
            directory.canonicalize()?.join(name)
        }
    };
    let directory = file.parent().unwrap_or(&file);
    let is_apart =
        |other: &&PathBuf| !other.starts_with(directory) && !directory.starts_with(other);
    let place = if others.iter().all(is_apart) {
        directory
    } else {
        &file
    };
    Ok(Some(place.to_owned()))
}

fn regular_file(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().filter(|real| real.is_file())
}

/// The directory in which the root's link finds one release after the other: the parent of where
/// it leads. `None` where nothing of that kind is to be seen.
///
/// A link further up the path, as in `current/public`, counts if it leads to a place beside or
/// below itself. Others, such as /home or /var/run, lead across the system and are not swapped.
fn releases_around(root: &Path) -> Option<PathBuf> {
    // Without a slash at its end, behind which no link would be seen.
    let root: PathBuf = std::path::absolute(root).ok()?.components().collect();
    let link = root.ancestors().find(|path| path.is_symlink())?;
    let releases = link.canonicalize().ok()?.parent()?.to_owned();
    let home = link.parent()?.canonicalize().ok()?;
    let is_near = home != Path::new("/") && releases.starts_with(home);
    let is_told = releases != Path::new("/") && (link == root || is_near);
    is_told.then_some(releases)
}

/// The directory of a file, if it is there for that file alone: a right to the directory then is
/// no right to anything else.
fn own_directory(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    let directory = std::path::absolute(path)
        .ok()?
        .parent()?
        .canonicalize()
        .ok()?;
    // Copies that editors make; and, as the kubelet lays out a ConfigMap, `..data`.
    let belongs = |entry: &OsStr| {
        let entry = entry.as_bytes();
        let visible = entry.strip_prefix(b".").unwrap_or(entry);
        visible.starts_with(name.as_bytes()) || entry.starts_with(b"..")
    };
    let mut entries = fs::read_dir(&directory).ok()?;
    let is_own = entries.all(|entry| entry.is_ok_and(|entry| belongs(&entry.file_name())));
    is_own.then_some(directory)
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
            Self::Missing(path, error) => {
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
            Self::Lacking => None,
            Self::Missing(_, error) => Some(error),
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
    use std::os::unix::fs::symlink;

    /// A directory of its own for each test, by its real path, removed after it.
    struct Home(PathBuf);

    impl Home {
        fn join(&self, path: &str) -> PathBuf {
            self.0.join(path)
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn directory(name: &str) -> Home {
        let temporary = std::env::temp_dir().canonicalize().unwrap();
        let home = temporary.join(format!("millpond-{name}-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        Home(home)
    }

    fn file(path: impl AsRef<Path>) {
        fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn what_the_kernel_lacks_matters_where_a_sandbox_is_required() {
        use SandboxMode::{Auto, Off, Require};
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
        ] {
            let decided = decide(mode, supported);
            if let Err(error) = &decided {
                assert!(error.to_string().contains("required"), "{error}");
            }
            assert_eq!(decided.ok(), outcome, "{mode:?} with {supported:?}");
        }
    }

    #[test]
    fn steps_stand_in_the_order_of_their_versions() {
        assert!(STEPS.is_sorted_by_key(|step| step.since));
        assert!(STEPS.iter().any(|step| step.since == REQUIRED));
    }

    #[test]
    fn a_root_by_its_own_name_opens_nothing_around_it() {
        let home = directory("plain");
        fs::create_dir(home.join("site")).unwrap();
        assert_eq!(releases_around(&home.join("site")), None);
        assert_eq!(releases_around(&home.join("site/")), None);
    }

    #[test]
    fn a_root_that_is_a_link_opens_the_parent_of_where_it_leads() {
        let home = directory("releases");
        fs::create_dir_all(home.join("releases/1/public")).unwrap();
        fs::create_dir_all(home.join("app/current")).unwrap();
        symlink("../releases/1", home.join("app/away")).unwrap();
        symlink("releases/1", home.join("current")).unwrap();
        symlink("current", home.join("stable")).unwrap();
        symlink("/usr", home.join("system")).unwrap();
        let releases = Some(home.join("releases"));
        for (root, expected) in [
            ("current", &releases),
            ("current/", &releases),
            ("./current", &releases),
            ("stable", &releases),
            // The link is in the middle, and what it leads to beside it.
            ("current/public", &releases),
            // There, it leads elsewhere: more would be opened than the one who swaps it owns.
            ("app/away/public", &None),
            ("app/away", &releases),
            // Everything would be.
            ("system", &None),
        ] {
            assert_eq!(&releases_around(&home.join(root)), expected, "{root}");
        }
    }

    #[test]
    fn a_directory_is_a_files_own_if_nothing_else_is_in_it() {
        let home = directory("own");
        let settings = home.join("millpond/millpond.toml");
        file(&settings);
        let own = Some(home.join("millpond"));
        for copy in ["millpond.toml~", ".millpond.toml.swp", "..data"] {
            file(home.join("millpond").join(copy));
            assert_eq!(own_directory(&settings), own, "{copy}");
        }
        file(home.join("millpond/id_rsa"));
        assert_eq!(own_directory(&settings), None);
    }

    #[test]
    fn a_log_needs_its_directory_and_a_device_itself_alone() {
        let home = directory("log");
        let place = |path: &Path| log_place(path, &[]);
        assert_eq!(place(&home.join("new")).unwrap(), Some(home.0.clone()));
        file(home.join("real/log"));
        symlink("real/log", home.join("link")).unwrap();
        let real = Some(home.join("real"));
        assert_eq!(place(&home.join("link")).unwrap(), real);
        let null = Path::new("/dev/null");
        assert_eq!(place(null).unwrap().as_deref(), Some(null));
        assert!(place(&home.join("missing/log")).is_err());
    }

    #[test]
    fn a_log_beside_above_or_in_what_is_read_opens_no_directory() {
        let home = directory("near");
        file(home.join("log/log"));
        file(home.join("site/log"));
        for (read, log, expected) in [
            ("site", "log/log", "log"),
            ("site", "log/new", "log"),
            // Above it, in it, and the same.
            ("site/public", "site/log", "site/log"),
            ("site", "new", "new"),
            ("log", "log/log", "log/log"),
            // The settings are a file.
            ("log/millpond.toml", "log/log", "log/log"),
        ] {
            let place = log_place(&home.join(log), &[&home.join(read)]).unwrap();
            assert_eq!(place, Some(home.join(expected)), "{log} near {read}");
        }
    }

    #[test]
    fn a_reload_may_ask_for_what_is_open_already() {
        let home = directory("reload");
        fs::create_dir_all(home.join("releases/1")).unwrap();
        fs::create_dir_all(home.join("releases/2")).unwrap();
        symlink("releases/1", home.join("current")).unwrap();
        for path in ["log/access", "etc/millpond.toml"] {
            file(home.join(path));
        }
        let mut options = Options {
            settings_file: Some(home.join("etc/millpond.toml")),
            access_log: LogDestination::File(home.join("log/access")),
            ..Options::default()
        };
        options.site.root = home.join("current");
        let sandbox = Sandbox::of(&options).unwrap();
        if supported() == ABI::Unsupported {
            // Then there is no obstacle at all, whatever is asked for.
            return;
        }
        let obstacle = |root: &str, log: &str| {
            let mut options = options.clone();
            options.site.root = home.join(root);
            options.access_log = LogDestination::File(home.join(log));
            sandbox.obstacle(&options).unwrap()
        };
        assert_eq!(obstacle("current", "log/access"), None);
        assert_eq!(obstacle("releases/2", "log/other"), None);
        assert_eq!(obstacle("etc", "log/access"), Some(home.join("etc")));
        assert_eq!(obstacle(".", "log/access"), Some(home.0.clone()));
        assert_eq!(obstacle("current", "access"), Some(home.join("access")));
    }
}

//! The access that a server needs: paths, as narrow as possible, and the right to each.

use super::listen_address::ListenAddress;
use super::net::bind::addresses;
use super::observe::access_log::LogDestination;
use super::options::Options;
use super::surroundings::{Limit, Reach};
use crate::process::sandbox::{Grant, LimitNote, Right, Sandbox};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Returns the sandbox of a server with these options.
pub fn sandbox(options: &Options) -> io::Result<Sandbox> {
    sandbox_at(options, &addresses(options))
}

/// Returns the sandbox of a server with these options and listen addresses. Inherited sockets may
/// have other addresses than the options.
pub(crate) fn sandbox_at(options: &Options, at: &[ListenAddress]) -> io::Result<Sandbox> {
    let reach = Reach::of(options, at.iter().chain(&options.admin));
    let grants = all(options, &reach)?;
    let limits = limits(options, &reach, &grants);
    let notes: Vec<LimitNote> = limits.iter().map(Limit::note).collect();
    Ok(Sandbox::new(options.sandbox, grants, notes))
}

/// Returns a path that other options need and the sandbox does not grant; `None` if a server can
/// use these options.
pub(crate) fn obstacle(sandbox: &Sandbox, options: &Options) -> io::Result<Option<PathBuf>> {
    if !sandbox.is_enforced() {
        return Ok(None);
    }
    uncovered(sandbox.grants(), options)
}

/// Returns everything that a server with these options can use, now and after a reload.
fn all(options: &Options, reach: &Reach) -> io::Result<Vec<Grant>> {
    let mut grants = needs(options)?;
    for root in options.roots() {
        // The directory that a rebuild or a swap of the root's link may lead to.
        let releases = releases_around(root).filter(|_| *reach != Reach::Strict);
        let around = reach.around_root(root).into_iter().chain(releases);
        grants.extend(around.map(|path| Grant::new(path, Right::Serve)));
    }
    // A change by rename creates another file, which is reachable only through its directory.
    let settings = options.settings_file.as_deref();
    let settings = settings.filter(|path| regular_file(path).is_some());
    let around = settings.and_then(|path| reach.around_settings(path).or(own_directory(path)));
    grants.extend(around.map(|path| Grant::new(path, Right::Read)));
    let listeners = options.listen.iter().chain(&options.admin);
    let sockets = listeners.filter_map(|address| match address {
        ListenAddress::Unix(path) => own_directory(path),
        ListenAddress::Tcp(_) | ListenAddress::Tls(_) => None,
    });
    let files = options.certificates.iter();
    let files = files.flat_map(|it| [it.certificate.clone(), it.key.clone()]);
    let users = options.user_files().map(|path| path.to_path_buf());
    let renewed = files.chain(users).flat_map(|path| directories_of(&path));
    grants.extend(renewed.map(|path| Grant::new(path, Right::Read)));
    let pid_file = options.pid_file.as_deref().and_then(own_directory);
    let sockets = sockets.chain(pid_file);
    grants.extend(sockets.map(|path| Grant::new(path, Right::Remove)));
    let all = grants.clone();
    grants.retain(|grant| {
        !all.iter()
            .any(|other| other != grant && other.covers(grant))
    });
    let mut kept: Vec<Grant> = Vec::new();
    for grant in grants {
        if !kept.contains(&grant) {
            kept.push(grant);
        }
    }
    Ok(kept)
}

/// Returns the changes that a server with these grants cannot follow.
fn limits(options: &Options, reach: &Reach, grants: &[Grant]) -> Vec<Limit> {
    let covers = |path: &Path, right| {
        let wanted = Grant::new(path.to_owned(), right);
        grants.iter().any(|grant| grant.covers(&wanted))
    };
    let is_served = |path: &Path| covers(path, Right::Serve);
    let roots = options.roots();
    let roots = roots.filter_map(|root| Limit::of_root(root, reach, is_served));
    let settings = options.settings_file.as_deref();
    let settings = settings.filter(|path| regular_file(path).is_some());
    let settings =
        settings.and_then(|path| Limit::of_settings(path, reach, |path| covers(path, Right::Read)));
    roots.chain(settings).collect()
}

/// Returns a path that other options need and that is not granted; `None` if a server can use them.
fn uncovered(grants: &[Grant], options: &Options) -> io::Result<Option<PathBuf>> {
    let is_uncovered = |need: &Grant| !grants.iter().any(|grant| grant.covers(need));
    Ok(needs(options)?
        .into_iter()
        .find(is_uncovered)
        .map(|need| need.path))
}

/// Returns everything that a server with these options requires.
fn needs(options: &Options) -> io::Result<Vec<Grant>> {
    let mut needs = Vec::new();
    for root in options.roots() {
        match root.canonicalize() {
            Ok(root) => needs.push(Grant::new(root, Right::Serve)),
            // The root may appear later, and the other sites are served without it.
            Err(_) if !options.sites.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    // One that is missing is reported by the warnings.
    let links = options.links().filter_map(|it| it.canonicalize().ok());
    needs.extend(links.map(|path| Grant::new(path, Right::Serve)));
    // Anything that is not a file, such as a pipe, can be read only once.
    let settings = options.settings_file.as_deref().and_then(regular_file);
    needs.extend(settings.map(|path| Grant::new(path, Right::Read)));
    // A reload may name others in the same directories.
    let users = options.user_files().filter_map(|path| regular_file(&path));
    needs.extend(users.map(|path| Grant::new(path, Right::Read)));
    if let LogDestination::File(path) = &options.access_log {
        let releases: Vec<_> = options
            .roots()
            .filter_map(|it| releases_around(it))
            .collect();
        let read = needs.iter().map(|grant| &grant.path).chain(&releases);
        let place = log_place(path, &read.collect::<Vec<_>>())?;
        needs.extend(place.map(|place| Grant::new(place, Right::Append)));
    }
    Ok(needs)
}

/// Returns the path that must be writable so that a renamed log can be opened again: its directory.
/// If that directory contains one of the `others`, which are read, or is inside one, returns only
/// the file: an attacker who controls this process must not be able to change the files that it
/// serves.
fn log_place(path: &Path, others: &[&PathBuf]) -> io::Result<Option<PathBuf>> {
    let file = match path.canonicalize() {
        // A device or a FIFO, which is not renamed.
        Ok(real) if !real.is_file() => return Ok(Some(real)),
        Ok(real) => real,
        // A descriptor by name, such as /dev/stdout, which is already open and stays so.
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

/// Returns the directories in which a renewed file will be: that of the given path and, if links
/// are swapped, that of its target.
fn directories_of(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let named = path.parent().map(|it| {
        let is_here = it.as_os_str().is_empty();
        if is_here { Path::new(".") } else { it }
    });
    let named = named.and_then(|it| it.canonicalize().ok());
    let real = path.canonicalize().ok();
    let real = real.and_then(|it| it.parent().map(Path::to_owned));
    named.into_iter().chain(real)
}

fn regular_file(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().filter(|real| real.is_file())
}

/// Returns the directory in which the root's link finds one release after another: the parent of
/// its target. Returns `None` if the root has no such link.
///
/// A link further up the path, as in `current/public`, counts if it leads to a directory beside or
/// below itself. Others, such as /home or /var/run, lead across the system and are not swapped.
fn releases_around(root: &Path) -> Option<PathBuf> {
    // Without a trailing slash, which would hide a link.
    let root: PathBuf = std::path::absolute(root).ok()?.components().collect();
    let link = root.ancestors().find(|path| path.is_symlink())?;
    let releases = link.canonicalize().ok()?.parent()?.to_owned();
    let home = link.parent()?.canonicalize().ok()?;
    let is_near = home != Path::new("/") && releases.starts_with(home);
    let is_told = releases != Path::new("/") && (link == root || is_near);
    is_told.then_some(releases)
}

/// Returns the directory of a file, if it exists only for that file: a right to that directory
/// gives access to nothing else.
fn own_directory(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    let directory = std::path::absolute(path)
        .ok()?
        .parent()?
        .canonicalize()
        .ok()?;
    // Copies made by editors, and `..data` in the kubelet's layout of a ConfigMap.
    let belongs = |entry: &OsStr| {
        let entry = entry.as_bytes();
        let visible = entry.strip_prefix(b".").unwrap_or(entry);
        visible.starts_with(name.as_bytes()) || entry.starts_with(b"..")
    };
    let mut entries = fs::read_dir(&directory).ok()?;
    let is_own = entries.all(|entry| entry.is_ok_and(|entry| belongs(&entry.file_name())));
    is_own.then_some(directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A directory for one test, by its real path, which is removed after the test.
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
    fn a_root_without_links_grants_nothing_around_it() {
        let home = directory("plain");
        fs::create_dir(home.join("site")).unwrap();
        assert_eq!(releases_around(&home.join("site")), None);
        assert_eq!(releases_around(&home.join("site/")), None);
    }

    #[test]
    fn a_root_that_is_a_link_grants_the_parent_of_its_target() {
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
            // The link is in the middle of the path, and its target is beside it.
            ("current/public", &releases),
            // This link leads elsewhere: opening that would give access to more than the owner of
            // the link has.
            ("app/away/public", &None),
            ("app/away", &releases),
            // This would open everything.
            ("system", &None),
        ] {
            assert_eq!(&releases_around(&home.join(root)), expected, "{root}");
        }
    }

    #[test]
    fn a_directory_belongs_to_a_file_if_it_contains_nothing_else() {
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
    fn a_log_needs_its_directory_and_a_device_only_itself() {
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
    fn a_log_in_a_directory_with_other_files_that_are_read_grants_no_directory() {
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
    fn a_reload_may_need_paths_that_are_already_granted() {
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
        let grants = all(&options, &Reach::Others { homes: Vec::new() }).unwrap();
        let obstacle = |root: &str, log: &str| {
            let mut options = options.clone();
            options.site.root = home.join(root);
            options.access_log = LogDestination::File(home.join(log));
            uncovered(&grants, &options).unwrap()
        };
        assert_eq!(obstacle("current", "log/access"), None);
        assert_eq!(obstacle("releases/2", "log/other"), None);
        assert_eq!(obstacle("etc", "log/access"), Some(home.join("etc")));
        assert_eq!(obstacle(".", "log/access"), Some(home.0.clone()));
        assert_eq!(obstacle("current", "access"), Some(home.join("access")));
    }
}

//! What a server has to be allowed: places, as narrow as they can be, and what may be done there.

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

/// The sandbox of a server with these options.
pub fn sandbox(options: &Options) -> io::Result<Sandbox> {
    sandbox_at(options, &addresses(options))
}

/// The sandbox of a server with these options that listens at these addresses: sockets that were
/// handed over are where others decided.
pub(crate) fn sandbox_at(options: &Options, at: &[ListenAddress]) -> io::Result<Sandbox> {
    let reach = Reach::of(options, at.iter().chain(&options.admin));
    let grants = all(options, &reach)?;
    let limits = limits(options, &reach, &grants);
    let notes: Vec<LimitNote> = limits.iter().map(Limit::note).collect();
    Ok(Sandbox::new(options.sandbox, grants, notes))
}

/// What other options need that a sandbox does not grant; `None` if a server can have them.
pub(crate) fn obstacle(sandbox: &Sandbox, options: &Options) -> io::Result<Option<PathBuf>> {
    if !sandbox.is_enforced() {
        return Ok(None);
    }
    uncovered(sandbox.grants(), options)
}

/// What a server with these options can make use of, now and after a reload.
fn all(options: &Options, reach: &Reach) -> io::Result<Vec<Grant>> {
    let mut grants = needs(options)?;
    let root = &options.site.root;
    // What a rebuild or a swap of the root's link may lead to.
    let releases = releases_around(root).filter(|_| *reach != Reach::Strict);
    let around = reach.around_root(root).into_iter().chain(releases);
    grants.extend(around.map(|path| Grant::new(path, Right::Serve)));
    // Every change by rename makes another file of it, which only its directory leads to.
    let settings = options.settings_file.as_deref();
    let settings = settings.filter(|path| regular_file(path).is_some());
    let around = settings.and_then(|path| reach.around_settings(path).or(own_directory(path)));
    grants.extend(around.map(|path| Grant::new(path, Right::Read)));
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
    let mut kept: Vec<Grant> = Vec::new();
    for grant in grants {
        if !kept.contains(&grant) {
            kept.push(grant);
        }
    }
    Ok(kept)
}

/// What a server with these grants cannot follow.
fn limits(options: &Options, reach: &Reach, grants: &[Grant]) -> Vec<Limit> {
    let covers = |path: &Path, right| {
        let wanted = Grant::new(path.to_owned(), right);
        grants.iter().any(|grant| grant.covers(&wanted))
    };
    let root = Limit::of_root(&options.site.root, reach, |path| covers(path, Right::Serve));
    let settings = options.settings_file.as_deref();
    let settings = settings.filter(|path| regular_file(path).is_some());
    let settings =
        settings.and_then(|path| Limit::of_settings(path, reach, |path| covers(path, Right::Read)));
    root.into_iter().chain(settings).collect()
}

/// What other options need that is not granted; `None` if a server can have them.
fn uncovered(grants: &[Grant], options: &Options) -> io::Result<Option<PathBuf>> {
    let is_uncovered = |need: &Grant| !grants.iter().any(|grant| grant.covers(need));
    Ok(needs(options)?
        .into_iter()
        .find(is_uncovered)
        .map(|need| need.path))
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

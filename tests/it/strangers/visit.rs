//! A client's visit to a server.

use super::programs::program;
use crate::support::{Launch, Server, Site};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A site, its server, and a working directory for a client.
pub(crate) struct Visit {
    pub(crate) site: Site,
    pub(crate) server: Server,
    pub(crate) home: PathBuf,
}

impl Visit {
    pub(crate) fn to(site: Site) -> Self {
        let launch = Launch::of(site.root());
        Self::by(site, launch)
    }

    /// Returns a visit to a server with this launch.
    pub(crate) fn by(site: Site, launch: Launch) -> Self {
        let server = launch.start();
        let home = site.outside("client");
        fs::create_dir_all(&home).expect("a directory can be made");
        Self { site, server, home }
    }

    /// Returns a client in its own directory, without settings of its user.
    pub(crate) fn client(&self, name: &str) -> Command {
        program(name, &self.home)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.server.address)
    }

    /// Requires that a file fetched by a client equals the one that is served.
    #[track_caller]
    pub(crate) fn assert_fetched(&self, fetched: &str, served: &str) {
        assert_same(&self.home.join(fetched), &self.site.path(served));
    }

    /// Requires at least this many access records with this status, for any target.
    #[track_caller]
    pub(crate) fn assert_answered_with(&self, status: u16, count: usize) {
        self.assert_target_answered_with("", status, count);
    }

    /// Requires at least this many access records with this status, for targets that contain
    /// `target`.
    #[track_caller]
    pub(crate) fn assert_target_answered_with(&self, target: &str, status: u16, count: usize) {
        let status = format!(" {status} ");
        let what = format!("{count} records with{status}of {target:?}");
        self.server.process.await_stdout(&what, |log| {
            let of_target = log.lines().filter(|record| record.contains(target));
            let answered = of_target.filter(|record| record.contains(&status));
            (answered.count() >= count).then_some(())
        });
    }
}

/// Requires two files to have the same content.
#[track_caller]
pub(crate) fn assert_same(fetched: &Path, served: &Path) {
    let read =
        |path: &Path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let same = read(fetched) == read(served);
    assert!(same, "{} is not {}", fetched.display(), served.display());
}

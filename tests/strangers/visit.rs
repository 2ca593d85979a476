//! A client's visit to a server.

use super::program;
use crate::support::{Server, Site};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A site, its server, and a directory for a client to work in.
pub(crate) struct Visit {
    pub(crate) site: Site,
    pub(crate) server: Server,
    pub(crate) home: PathBuf,
}

impl Visit {
    pub(crate) fn to(site: Site) -> Self {
        let server = Server::start(site.root());
        let home = site.outside("client");
        fs::create_dir_all(&home).expect("a directory can be made");
        Self { site, server, home }
    }

    /// A client in its own directory, without settings of its user.
    pub(crate) fn client(&self, name: &str) -> Command {
        program(name, &self.home)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.server.address)
    }

    /// Requires a file that a client has fetched to be the one that is served.
    #[track_caller]
    pub(crate) fn assert_fetched(&self, fetched: &str, served: &str) {
        assert_same(&self.home.join(fetched), &self.site.path(served));
    }

    /// Requires so many access records with this status.
    #[track_caller]
    pub(crate) fn assert_answered_with(&self, status: u16, count: usize) {
        let status = format!(" {status} ");
        let process = &self.server.process;
        process.await_stdout(&format!("{count} records with{status}"), |log| {
            (log.matches(&status).count() >= count).then_some(())
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

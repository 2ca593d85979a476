//! Warnings about settings that an operator would regret. None of them prevents a start.

use crate::plan::{Policy, Redirects};
use crate::server::net::bind::{addresses, are_sockets_handed_over};
use crate::server::{ListenAddress, LogDestination, Options, SiteOptions};
use crate::site;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Something that the operator probably does not intend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigWarning {
    /// The root contains private files.
    PrivateFiles(PathBuf, Vec<&'static str>),
    /// The root contains private files, and patterns of `dotfiles` name them.
    ServedPrivateFiles(PathBuf, Vec<&'static str>),
    /// Symbolic links may lead to a directory that cannot be opened, for this reason.
    MissingLinkTarget(PathBuf, String),
    /// A pattern of `dotfiles` names a file that does not exist.
    MissingDotfile(PathBuf, String),
    /// A setting, named first, sends a file that does not exist in this root.
    MissingPage(String, PathBuf, String),
    /// A file for the operator is served like any other file.
    Published(&'static str, PathBuf),
    /// The root is empty, in a container.
    EmptyRoot(PathBuf),
    /// Every user of the machine can put files into the root.
    WritableRoot(PathBuf),
    /// The network can reach a process that runs with all privileges.
    Privileged,
    /// Other machines can reach the admin port.
    ExposedAdmin(ListenAddress),
    /// The root of a site contains the root of another one, and so serves its files as well.
    NestedRoots {
        /// The outer site, with its root.
        outer: (String, PathBuf),
        /// The inner site, with its root.
        inner: (String, PathBuf),
    },
    /// Passwords arrive over plain HTTP at this address.
    PlainPasswords(ListenAddress),
    /// The access rule with this number is for some hosts only, and clients can name another host.
    AnyHost(usize),
    /// A redirect, given by its number, leads to a path that the site redirects back.
    Circle(usize, String),
}

/// Returns warnings about a server with these options.
///
/// If only this machine can connect, private files in the root are normal: it is somebody's working
/// directory, including `.git`, and hidden files are not served there either. Running as root is a
/// concern only if other machines can reach the server. The loopback is reachable only for users of
/// this machine, and it is where people try things out.
pub fn lint(options: &Options) -> Vec<ConfigWarning> {
    let mut found = Vec::new();
    for root in options.roots().collect::<BTreeSet<_>>() {
        lint_root(root, options, &mut found);
    }
    for path in options.links().collect::<BTreeSet<_>>() {
        if let Err(error) = site::check(path) {
            found.push(ConfigWarning::MissingLinkTarget(
                path.clone(),
                error.to_string(),
            ));
        }
    }
    found.extend(nested_roots(&options.sites));
    let is_for_good = rustix::process::geteuid().is_root() && options.user.is_none();
    if is_for_good && addresses(options).iter().any(ListenAddress::is_for_others) {
        found.push(ConfigWarning::Privileged);
    }
    let exposed = options.admin.iter().filter(|at| at.is_for_others());
    found.extend(exposed.cloned().map(ConfigWarning::ExposedAdmin));
    lint_access(options, &mut found);
    if options.sites.is_empty() {
        found.extend(redirect_loops(&options.policy.redirects, &options.site));
    }
    let of_sites = options.sites.iter();
    found.extend(of_sites.flat_map(|it| redirect_loops(&it.policy.redirects, &it.site)));
    found
}

/// Warns about passwords and access.
fn lint_access(options: &Options, found: &mut Vec<ConfigWarning>) {
    let asks_for_passwords = options.user_files().next().is_some();
    if asks_for_passwords && options.trusted_proxies.is_empty() && !options.redirect_https {
        let is_open =
            |at: &&ListenAddress| at.is_for_others() && !matches!(at, ListenAddress::Tls(_));
        let addresses = addresses(options);
        let open = addresses.iter().find(is_open);
        found.extend(open.cloned().map(ConfigWarning::PlainPasswords));
    }
    if options.sites.is_empty() && options.answered_hosts(options.audience()).is_empty() {
        let rules = (1..).zip(options.policy.access.iter());
        let of_hosts = rules.filter(|(_, rule)| !rule.scope.hosts.is_empty());
        found.extend(of_hosts.map(|(number, _)| ConfigWarning::AnyHost(number)));
    }
}

/// Warns about a directory that is served. If it cannot be inspected, that is an error and is
/// reported elsewhere.
fn lint_root(root: &Path, options: &Options, found: &mut Vec<ConfigWarning>) {
    if let Ok(inspection) = site::inspect(root) {
        let is_named = |name: &&str| {
            let mut policies = options.policies_of(root);
            policies.any(|it| it.dotfiles.check_hidden(name.as_bytes()).is_ok())
        };
        let (served, private): (Vec<_>, Vec<_>) =
            inspection.private.into_iter().partition(is_named);
        if !private.is_empty() && !is_on_loopback_alone(options) {
            found.push(ConfigWarning::PrivateFiles(root.to_owned(), private));
        }
        if !served.is_empty() {
            found.push(ConfigWarning::ServedPrivateFiles(root.to_owned(), served));
        }
        let dotfiles = options.policies_of(root).flat_map(|it| it.dotfiles.iter());
        let missing = dotfiles.filter(|it| it.path().is_some_and(|at| !site::exists(root, at)));
        let missing = missing.map(ToString::to_string).collect::<BTreeSet<_>>();
        let missing = missing.into_iter();
        found.extend(missing.map(|it| ConfigWarning::MissingDotfile(root.to_owned(), it)));
        let pages = options.policies_of(root).flat_map(missing_pages(root));
        let pages = pages.collect::<BTreeSet<_>>().into_iter();
        found.extend(pages.map(|(by, page)| ConfigWarning::MissingPage(by, root.to_owned(), page)));
        // Elsewhere files may come later. In a container a mount or a COPY is missing. Process id 1
        // shows that this is a container, since nothing else runs in it.
        if inspection.is_empty && std::process::id() == 1 {
            found.push(ConfigWarning::EmptyRoot(root.to_owned()));
        }
        if inspection.is_writable_by_all {
            found.push(ConfigWarning::WritableRoot(root.to_owned()));
        }
    }
    let users = options.user_files().map(|path| path.to_path_buf());
    let users = users.collect::<BTreeSet<_>>();
    let users = users.iter().map(|path| ("password file", path));
    let own = own_files(options).chain(users);
    let published = own.filter(|(_, path)| {
        let mut policies = options.policies_of(root);
        policies.any(|it| site::is_served(root, &it.dotfiles, path))
    });
    found.extend(published.map(|(what, path)| ConfigWarning::Published(what, path.clone())));
}

/// Returns a function for the files that rewrites and an application send but that do not exist in
/// this root, each with the setting that names it. Index files and escaped names do not count.
fn missing_pages(root: &Path) -> impl Fn(&Policy) -> Vec<(String, String)> {
    let is_missing = |page: &str| {
        let mut names = ["", ".html", ".br", ".zst", ".gz"].iter();
        !page.contains(['{', '%'])
            && !page.ends_with('/')
            && !names.any(|it| site::exists(root, &format!("{page}{it}")))
    };
    move |policy| {
        let start = policy.spa.iter().map(|it| ("spa".to_owned(), &**it));
        let targets = (1..).zip(policy.rewrites.iter());
        let targets = targets.map(|(number, (_, to))| (format!("rewrite {number}"), to));
        let missing = start.chain(targets).filter(|(_, page)| is_missing(page));
        missing.map(|(by, page)| (by, page.to_owned())).collect()
    }
}

/// Returns sites whose roots are inside those of others, except those that are also served at the
/// same URL.
fn nested_roots(sites: &[SiteOptions]) -> Vec<ConfigWarning> {
    let real = |site: &SiteOptions| site.site.root.canonicalize().ok();
    let mut by_root: HashMap<PathBuf, Vec<&SiteOptions>> = HashMap::new();
    for site in sites {
        if let Some(root) = real(site) {
            by_root.entry(root).or_default().push(site);
        }
    }
    let mut found = Vec::new();
    for inner in sites {
        let Some(root) = real(inner) else { continue };
        let around = root.ancestors().skip(1);
        let outer = around.filter_map(|root| Some((root, by_root.get(root)?)));
        for (outer_root, outer) in
            outer.flat_map(|(root, all)| all.iter().map(move |it| (root, it)))
        {
            let below = root.strip_prefix(outer_root).unwrap_or(&root);
            let base = [
                outer.policy.base.as_bytes(),
                below.as_os_str().as_bytes(),
                b"/",
            ]
            .concat();
            let is_same_url = base == inner.policy.base.as_bytes() && outer.hosts == inner.hosts;
            if !is_same_url {
                let named = |site: &SiteOptions| (site.name().to_string(), site.site.root.clone());
                found.push(ConfigWarning::NestedRoots {
                    outer: named(outer),
                    inner: named(inner),
                });
            }
        }
    }
    found
}

/// Returns the redirects of a site that reverse its automatic redirects.
fn redirect_loops(
    redirects: &Redirects,
    site: &site::Options,
) -> impl Iterator<Item = ConfigWarning> {
    redirects
        .redirect_loops(site.addressing.clean)
        // The target of a path with placeholders is unknown, and a file is not redirected.
        .filter(|(_, to)| to.contains(['{', '.']) || site::has_directory(&site.root, to))
        .map(|(number, to)| ConfigWarning::Circle(number, to))
}

/// Returns the server's own files with content that not everybody may see.
fn own_files(options: &Options) -> impl Iterator<Item = (&'static str, &PathBuf)> {
    let log = match &options.access_log {
        LogDestination::File(path) => Some(("access log", path)),
        LogDestination::Off | LogDestination::Stdout | LogDestination::Stderr => None,
    };
    let settings = options.settings_file.iter();
    let pid_file = options.pid_file.iter();
    log.into_iter()
        .chain(settings.map(|path| ("settings file", path)))
        .chain(pid_file.map(|path| ("pid file", path)))
}

/// Returns `true` if only this machine can connect, and not through the socket of a proxy.
fn is_on_loopback_alone(options: &Options) -> bool {
    let is_loopback = |address: &ListenAddress| {
        let at = address.socket_address();
        at.is_some_and(|at| at.ip().is_loopback())
    };
    !are_sockets_handed_over() && options.listen.iter().all(is_loopback)
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrivateFiles(root, names) => write!(
                out,
                "{} contains private files, which are not served; move them elsewhere: {}",
                root.display(),
                names.join(", ")
            ),
            Self::ServedPrivateFiles(root, names) => write!(
                out,
                "{} contains private files, which are served, as dotfiles names them: {}",
                root.display(),
                names.join(", ")
            ),
            Self::MissingLinkTarget(path, error) => write!(
                out,
                "links: {} cannot be opened ({error}), so links that lead to it are not served; \
                 restart once it exists",
                path.display()
            ),
            Self::MissingDotfile(root, pattern) => write!(
                out,
                "dotfiles: {pattern:?} matches nothing now, as {} has no such file",
                root.display()
            ),
            Self::MissingPage(by, root, page) => write!(
                out,
                "{by}: {} has no file {page} now, so this has no effect; add the file, or change \
                 the path",
                root.display()
            ),
            Self::EmptyRoot(root) => {
                let root = root.display();
                write!(
                    out,
                    "{root} is empty, so there is nothing to serve; mount your site there (docker run \
                     --volume \"$PWD/site:{root}:ro\") or copy it into an image of your own (FROM \
                     millpond, COPY site {root})"
                )
            }
            Self::Published(what, path) => write!(
                out,
                "the {what} is inside the root, so it is served; move it elsewhere: {}",
                path.display()
            ),
            Self::WritableRoot(root) => write!(
                out,
                "every user of this machine can write to {}, and so can change what is served",
                root.display()
            ),
            Self::PlainPasswords(address) => write!(
                out,
                "passwords are sent over plain HTTP to {address}, where anybody on the way can \
                 read them; listen at https:// addresses, or name the proxy in trusted-proxies"
            ),
            Self::AnyHost(number) => write!(
                out,
                "[[access]] number {number} is for some hosts, but any client can send another \
                 host name; set allowed-hosts, or leave out its hosts"
            ),
            Self::Privileged => out.write_str(
                "running as root while other machines can connect; drop privileges with --user NAME",
            ),
            Self::NestedRoots { outer, inner } => write!(
                out,
                "the root of the site {}, {}, is inside {}, so the site {} serves it as well; move \
                 one of them",
                inner.0,
                inner.1.display(),
                outer.1.display(),
                outer.0
            ),
            Self::Circle(number, to) => write!(
                out,
                "redirect {number} leads to {to}, which may redirect back to where it came from, \
                 for the slash of a directory or a clean URL"
            ),
            Self::ExposedAdmin(address) => write!(
                out,
                "other machines can connect to the admin port {address}; use \
                 a loopback address or a firewall"
            ),
        }
    }
}

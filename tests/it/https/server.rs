//! A server with HTTPS, and plain HTTP on another port.

use super::{
    authority::{Authority, Issued},
    client::{Browser, TlsClient},
};
use crate::support::{Launch, Server, Site};
use std::net::SocketAddr;

pub(crate) struct Https {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) browser: Browser,
    pub(crate) authority: Authority,
}

impl Https {
    /// Starts a server of a site with a certificate for `a.test`, which is beside the site.
    #[track_caller]
    pub(crate) fn start(site: &Site) -> Self {
        Self::launch(site, |launch| launch)
    }

    /// Starts a server like [`start`](Self::start) with other options.
    #[track_caller]
    pub(crate) fn launch(site: &Site, change: impl FnOnce(Launch) -> Launch) -> Self {
        let authority = Authority::new();
        let issued = authority.issue(&["a.test"]);
        Self::launch_with(site, authority, &issued, change)
    }

    #[track_caller]
    pub(crate) fn launch_with(
        site: &Site,
        authority: Authority,
        issued: &Issued,
        change: impl FnOnce(Launch) -> Launch,
    ) -> Self {
        issued.write(site.outside("tls"));
        Self::launch_with_files(site, authority, change)
    }

    /// Starts a server with existing certificate files.
    #[track_caller]
    pub(crate) fn launch_with_files(
        site: &Site,
        authority: Authority,
        change: impl FnOnce(Launch) -> Launch,
    ) -> Self {
        let [certificate, key] = ["tls/cert.pem", "tls/key.pem"].map(|name| site.outside(name));
        let launch = Launch::of(site.root())
            .args(["--listen", "https://127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .arg("--tls-certificate")
            .arg(certificate)
            .arg("--tls-key")
            .arg(key);
        let server = change(launch).start();
        let address = address_of(&server);
        Self {
            server,
            address,
            browser: Browser::new(&authority),
            authority,
        }
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> TlsClient {
        self.browser.connect(self.address, "a.test")
    }

    /// Returns the value of a metric.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let mut admin = crate::support::Client::connect(self.server.admin_address());
        admin.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let metrics = String::from_utf8(admin.response_to("GET").content).unwrap();
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.expect(name).parse().unwrap()
    }
}

/// Returns the HTTPS address of a server.
#[track_caller]
pub(crate) fn address_of(server: &Server) -> SocketAddr {
    server
        .process
        .await_stdout("the address for HTTPS", |stdout| {
            let (_, rest) = stdout.split_once(" at https://")?;
            let (address, _) = rest.split_once("/\n")?;
            address.parse().ok()
        })
}

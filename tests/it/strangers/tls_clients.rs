//! Clients over HTTPS that trust an authority of the test's own.

use super::programs::{assert_same, beside, program, python, run, tools, words};
use super::repositories::lay_out_machine;
use crate::https::{authority::Authority, server::Https};
use crate::support::{Site, noise};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A server over HTTPS, the file with the authority that clients trust, and a directory for them.
struct SecureVisit {
    site: Site,
    https: Https,
    authority: PathBuf,
    home: PathBuf,
}

impl SecureVisit {
    fn to(site: Site) -> Self {
        let authority = Authority::new();
        let issued = authority.issue(&["127.0.0.1", "localhost"]);
        let home = site.outside("client");
        fs::create_dir_all(&home).expect("a directory can be made");
        let path = home.join("authority.pem");
        fs::write(&path, pem(&authority)).expect("a file can be written");
        let https = Https::launch_with(&site, authority, &issued, |launch| launch);
        Self {
            site,
            https,
            authority: path,
            home,
        }
    }

    fn client(&self, name: impl AsRef<Path>) -> Command {
        program(name, &self.home)
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}/{path}", self.https.address)
    }

    fn option(&self, name: &str) -> String {
        format!("{name}={}", self.authority.display())
    }
}

/// Returns the certificate of an authority in PEM (RFC 7468 §5).
fn pem(authority: &Authority) -> String {
    let text = STANDARD.encode(&authority.certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[test]
fn openssl_verifies_the_certificate_agrees_on_http_1_1_and_resumes_its_session() {
    if !tools(&["openssl"]) {
        return;
    }
    let visit = SecureVisit::to(Site::small());
    let address = visit.https.address.to_string();
    let client = |arguments: &str| {
        let mut openssl = visit.client("openssl");
        openssl.args(["s_client", "-connect", &address, "-CAfile"]);
        openssl.arg(&visit.authority);
        openssl.args(words("-verify_return_error -alpn http/1.1 -ign_eof"));
        openssl.args(words(arguments));
        let request = visit.home.join("request");
        fs::write(
            &request,
            "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .expect("a file can be written");
        openssl.stdin(fs::File::open(request).expect("a file can be opened"));
        let output = openssl.stderr(Stdio::piped()).output();
        let output = output.expect("openssl runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        assert!(text.contains("ALPN protocol: http/1.1"), "{text}");
        assert!(text.contains("alpha"), "{text}");
        text
    };
    for version in ["tls1_2", "tls1_3"] {
        let text = client(&format!("-{version} -sess_out {version}"));
        assert!(text.contains("New, TLSv1."), "{text}");
        let text = client(&format!("-{version} -sess_in {version}"));
        assert!(text.contains("Reused, TLSv1."), "{text}");
    }
}

#[test]
fn curl_wget_and_wget2_fetch_over_https() {
    if !tools(&["curl", "wget", "wget2"]) {
        return;
    }
    let site = Site::new();
    site.file("large.bin", noise(3_000_000));
    let visit = SecureVisit::to(site);
    let url = visit.url("large.bin");
    let fetched = |name: &str| {
        assert_same(&visit.home.join(name), &visit.site.path("large.bin"));
    };
    for version in ["--tls-max 1.2", "--tlsv1.3"] {
        let mut curl = visit.client("curl");
        curl.args(words("--silent --show-error --fail --output curl --cacert"));
        run(curl.arg(&visit.authority).args(words(version)).arg(&url));
        fetched("curl");
    }
    for name in ["wget", "wget2"] {
        let mut client = visit.client(name);
        client
            .arg("--quiet")
            .arg(format!("--output-document={name}"));
        run(client.arg(visit.option("--ca-certificate")).arg(&url));
        fetched(name);
    }
    // A client that does not know the authority refuses.
    let mut curl = visit.client("curl");
    let status = curl.args(["--silent", &url]).status();
    assert_eq!(status.expect("curl runs").code(), Some(60));
}

#[test]
fn git_clones_over_https() {
    if !tools(&["git"]) {
        return;
    }
    let visit = SecureVisit::to(Site::new());
    let git = |arguments: &str| {
        let mut git = visit.client("git");
        git.env("GIT_CONFIG_NOSYSTEM", "1");
        git.env("GIT_SSL_CAINFO", &visit.authority);
        git.args(words("-c user.name=A -c user.email=a@example.org"));
        run(git.args(words(arguments)))
    };
    git("init --quiet --initial-branch=main work");
    fs::write(visit.home.join("work/file"), noise(100_000)).expect("a file can be written");
    git("-C work add file");
    git("-C work commit --quiet --message first");
    let served = visit.site.path("work.git").display().to_string();
    git(&format!("clone --quiet --bare work {served}"));
    git(&format!("-C {served} update-server-info"));
    git(&format!("clone --quiet {} cloned", visit.url("work.git")));
    assert_same(
        &visit.home.join("cloned/file"),
        &visit.home.join("work/file"),
    );
}

#[test]
fn apt_installs_over_https() {
    if !tools(&["apt-get", "dpkg", "dpkg-deb", "dpkg-scanpackages"]) {
        return;
    }
    let visit = SecureVisit::to(Site::new());
    run(program(beside("apt_repository"), &visit.home).arg(visit.site.root()));
    let machine = visit.home.join("machine");
    lay_out_machine(&machine, &visit.url(""));
    let apt_get = |arguments: &str| {
        let mut apt_get = visit.client("apt-get");
        apt_get.env("APT_CONFIG", machine.join("apt.conf"));
        apt_get.args(["--assume-yes", "-o"]);
        apt_get.arg(visit.option("Acquire::https::CAInfo"));
        run(apt_get.args(words(arguments)))
    };
    assert!(apt_get("update").contains("Get:"));
    apt_get("install strangers-all");
    let installed = fs::read_to_string(machine.join("usr/share/strangers/strangers-01"));
    assert_eq!(
        installed.expect("the package is installed"),
        "strangers-01\n"
    );
}

#[test]
fn pip_installs_over_https() {
    if !tools(&["python3"]) {
        return;
    }
    let Some(python) = python() else {
        return;
    };
    let visit = SecureVisit::to(Site::new());
    run(program(beside("python_index"), &visit.home).arg(visit.site.root()));
    let mut pip = visit.client(&python);
    pip.args(words(
        "-m pip --disable-pip-version-check install --quiet --target lib --cert",
    ));
    pip.arg(&visit.authority);
    run(pip.args(["--index-url", &visit.url("simple/"), "stranger"]));
    assert!(visit.home.join("lib/stranger.py").exists());
}

#[test]
fn python_reads_a_response_over_each_version_to_its_announced_end() {
    if !tools(&["python3"]) {
        return;
    }
    let site = Site::new();
    site.file("large.bin", noise(1_000_000));
    let visit = SecureVisit::to(site);
    let port = visit.https.address.port();
    let script = format!(
        r#"
import socket, ssl
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context(cafile="authority.pem")
    context.minimum_version = context.maximum_version = version
    # Without close_notify, recv raises SSLEOFError.
    plain = socket.create_connection(("127.0.0.1", {port}))
    with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as s:
        s.sendall(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while part := s.recv(65536):
            received += part
        print(s.version(), len(received.partition(b"\r\n\r\n")[2]))
"#
    );
    let mut python = visit.client("python3");
    assert_eq!(
        run(python.args(["-c", &script])),
        "TLSv1.2 1000000\nTLSv1.3 1000000\n"
    );
}

//! The examples in `docs/proxy.md`, each run by its proxy, with a client outside.

use crate::strangers::programs::{program, run, tools, try_run_for};
use crate::support::{Launch, PATIENCE, Process, Server, Site, noise, poll_until};
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU16, Ordering},
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/proxy.md");
const NAME: &str = "www.example.com";

/// The client's own address, as the log should show it; it differs from the proxy's.
const CLIENT: &str = "127.0.0.9";

#[test]
fn the_example_for_nginx_works() {
    work_through("nginx", "nginx", |config, conf, _| {
        // The surrounding part from the distribution's file. A single worker ends with its test.
        let directory = conf.parent().unwrap().display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {directory}/{name};"))
            .concat();
        let around = format!(
            "daemon off; master_process off; pid {directory}/pid; error_log stderr;\n\
             events {{}}\nhttp {{ access_log off; {temporary}\n{config}\n}}\n"
        );
        fs::write(conf, around).unwrap();
        let arguments = ["-e", "stderr", "-c"].map(str::to_owned);
        [&arguments[..], &[conf.display().to_string()]].concat()
    });
}

#[test]
fn the_example_for_haproxy_works() {
    work_through("haproxy", "haproxy", |config, conf, _| {
        fs::write(conf, config).unwrap();
        ["-db", "-f", &conf.display().to_string()]
            .map(str::to_owned)
            .to_vec()
    });
}

#[test]
fn the_example_for_caddy_works() {
    work_through("caddy", "caddy", |config, conf, port| {
        // Certificates are not available for names that are not ours.
        let config = config.replace(NAME, &format!("https://{NAME}:{port}"));
        let global = "{\n\tadmin off\n\tauto_https disable_redirects\n\tlocal_certs\n\tskip_install_trust\n}\n";
        fs::write(conf, format!("{global}{config}")).unwrap();
        [
            "run",
            "--adapter",
            "caddyfile",
            "--config",
            &conf.display().to_string(),
        ]
        .map(str::to_owned)
        .to_vec()
    });
}

#[test]
fn redirects_and_listings_hold_below_a_path_that_nginx_takes_off() {
    ask_below_a_path("nginx", |server, port, conf| {
        let directory = conf.parent().unwrap().display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {directory}/{name};"))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid {directory}/pid; error_log stderr;\n\
             events {{}}\nhttp {{ access_log off; {temporary}\n\
             server {{ listen 127.0.0.1:{port};\n\
             location /files/ {{ proxy_pass http://{server}/; }} }} }}\n"
        );
        fs::write(conf, config).unwrap();
        let conf = conf.display().to_string();
        ["-e", "stderr", "-c", &conf].map(str::to_owned).to_vec()
    });
}

#[test]
fn redirects_and_listings_hold_below_a_path_that_caddy_takes_off() {
    ask_below_a_path("caddy", |server, port, conf| {
        let config = format!(
            "{{\n\tadmin off\n}}\nhttp://127.0.0.1:{port} {{\n\
             \thandle_path /files/* {{\n\t\treverse_proxy {server}\n\t}}\n}}\n"
        );
        fs::write(conf, config).unwrap();
        let conf = conf.display().to_string();
        ["run", "--adapter", "caddyfile", "--config", &conf]
            .map(str::to_owned)
            .to_vec()
    });
}

/// Runs a proxy that serves a site below `/files/` and strips that prefix.
fn ask_below_a_path(name: &str, arguments: impl Fn(&str, u16, &Path) -> Vec<String>) {
    if !tools(&[name, "curl"]) {
        return;
    }
    let site = Site::small();
    site.file("live/index.html", "live")
        .file("live/about.html", "about")
        .file("a:b/index.html", "colon")
        .file("list/in/a.txt", "alpha");
    let server = Launch::of(site.root())
        .args(["--clean-urls", "--listing"])
        .start();
    let (port, conf) = (free_port(), site.outside("conf"));
    let arguments = arguments(&server.address.to_string(), port, &conf);
    let mut proxy = Process::spawn(program(name, &site.outside(".")).args(arguments));
    let curl = |path: &str| {
        let mut command = program("curl", &site.outside("."));
        command.args(["--silent", "--location", "--write-out", " %{url_effective}"]);
        command.arg(format!("http://127.0.0.1:{port}/files{path}"));
        try_run_for(PATIENCE, &mut command).1.stdout()
    };
    poll_until("the proxy to answer", || {
        assert!(proxy.is_running(), "the proxy said: {}", proxy.stderr());
        curl("/a.txt").starts_with("alpha").then_some(())
    });
    for (path, content, end) in [
        ("/live?a=b", "live", "/live/?a=b"),
        ("/live/about.html", "about", "/live/about"),
        ("/live/about/", "about", "/live/about"),
        ("/live/index.html", "live", "/live/"),
        ("/a:b", "colon", "/a:b/"),
        ("/live//about/", "about", "/live//about"),
    ] {
        let expected = format!("{content} http://127.0.0.1:{port}/files{end}");
        assert_eq!(curl(path), expected, "{path}");
    }
    let listing = curl("/list");
    assert!(listing.contains("<a href=\"in/\">in</a>"), "{listing}");
    assert!(listing.contains("<a href=\"../\">"), "{listing}");
}

/// Runs an example with a port and with a socket, and sends requests through it. `arguments`
/// returns those of the proxy, after it has written the example for a port to the file.
fn work_through(language: &str, name: &str, arguments: impl Fn(&str, &Path, u16) -> Vec<String>) {
    if !tools(&[name, "curl", "openssl"]) {
        return;
    }
    let page = fs::read_to_string(PAGE).unwrap();
    let example = block(&page, language);
    for is_socket in [false, true] {
        let setup = Setup::new(is_socket);
        let port = free_port();
        let line = is_socket.then(|| row(&page, name));
        let conf = setup.site.outside("conf");
        let arguments = arguments(&setup.fit(&example, line, port), &conf, port);
        let mut command = program(name, &setup.site.outside("."));
        let mut proxy = Process::spawn(command.args(arguments));
        setup.ask_through(port, &mut proxy);
    }
}

/// A server as the page describes it, and its site.
struct Setup {
    site: Site,
    server: Server,
    socket: Option<PathBuf>,
    admin: String,
    large: Vec<u8>,
}

impl Setup {
    fn new(is_socket: bool) -> Self {
        let site = Site::small();
        let large = noise(3_000_000);
        site.file("large.bin", &large)
            .file("guide/index.html", "x")
            .file("page.txt", "water under the mill\n".repeat(200));
        fs::create_dir(site.outside("run")).unwrap();
        let socket = is_socket.then(|| site.outside("run/http.sock"));
        let launch = Launch::of(site.root()).args(["--admin", "127.0.0.1:0"]);
        let launch = match &socket {
            None => launch.args(["--trusted-proxies", "127.0.0.1"]),
            Some(path) => launch
                .args(["--listen", &format!("unix:{}", path.display())])
                .args(["--trusted-proxies", "unix"]),
        };
        let server = launch.start();
        let admin = server.admin_address().to_string();
        if let Some(path) = &socket {
            // Has the effect of the group and the umask on the page.
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        Self {
            site,
            server,
            socket,
            admin,
            large,
        }
    }

    /// Returns the example with the addresses and files of this machine.
    fn fit(&self, example: &str, socket_line: Option<String>, port: u16) -> String {
        let certificate = self.certificate();
        let mut fitted = example.to_owned();
        if let (Some(path), Some(line)) = (&self.socket, socket_line) {
            let (of_port, _) = line.split_once("unix").expect("a socket");
            let from = format!("{of_port}127.0.0.1:8080");
            let to = line.replace("/run/millpond/http.sock", &path.display().to_string());
            let to = to.trim_end_matches(';');
            assert!(fitted.contains(&from), "{from} is not in\n{fitted}");
            fitted = fitted.replace(&from, to);
        }
        let (_, admin_port) = self.admin.rsplit_once(':').expect("a port");
        for (from, to) in [
            ("127.0.0.1:8080", self.server.address.to_string()),
            ("listen 443", format!("listen 127.0.0.1:{port}")),
            ("bind :443", format!("bind 127.0.0.1:{port}")),
            ("port 9090", format!("port {admin_port}")),
            ("/etc/ssl/www.example.com.both.pem", certificate.clone()),
            ("/etc/ssl/www.example.com.pem", certificate.clone()),
            ("/etc/ssl/www.example.com.key", certificate),
        ] {
            fitted = fitted.replace(from, &to);
        }
        fitted
    }

    /// Returns the path of a file with a key and its certificate.
    fn certificate(&self) -> String {
        let path = |name: &str| self.site.outside(name).display().to_string();
        let (key, certificate, both) = (path("key"), path("certificate"), path("both"));
        let subject = format!("/CN={NAME}");
        run(program("openssl", &self.site.outside(".")).args([
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "rsa:2048",
            "-days",
            "1",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &certificate,
        ]));
        let content = [fs::read(certificate).unwrap(), fs::read(key).unwrap()].concat();
        fs::write(&both, content).unwrap();
        both
    }

    fn ask_through(&self, port: u16, proxy: &mut Process) {
        let curl = |arguments: &[&str]| {
            let mut command = program("curl", &self.site.outside("."));
            command
                .args([
                    "--silent",
                    "--show-error",
                    "--insecure",
                    "--interface",
                    CLIENT,
                ])
                .args(["--resolve", &format!("{NAME}:{port}:127.0.0.1")])
                .args(arguments);
            command
        };
        let url = |path: &str| format!("https://{NAME}:{port}{path}");
        let status = |arguments: &[&str]| {
            let wanted = [
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_code} %{redirect_url}",
            ];
            run(&mut curl(&[&wanted[..], arguments].concat()))
        };
        poll_until("the proxy to answer", || {
            let (ended, process) = try_run_for(PATIENCE, &mut curl(&["--fail", &url("/a.txt")]));
            assert!(proxy.is_running(), "the proxy said: {}", proxy.stderr());
            (ended.success() && process.stdout() == "alpha\n").then_some(())
        });
        assert_eq!(status(&[&url("/missing")]), "404 ");
        assert_eq!(status(&["--head", &url("/a.txt")]), "200 ");
        assert_eq!(status(&["--range", "0-1", &url("/large.bin")]), "206 ");
        assert_eq!(status(&[&url("/guide")]), format!("301 {}", url("/guide/")));
        // The same representation for both, although it could be compressed: the client accepts no
        // coding.
        let tag = [
            "--head",
            "--output",
            "/dev/null",
            "--write-out",
            "%header{etag}",
        ];
        let tag = run(&mut curl(&[&tag[..], &[&url("/page.txt")]].concat()));
        let condition = format!("If-None-Match: {tag}");
        assert_eq!(status(&["--header", &condition, &url("/page.txt")]), "304 ");
        let copy = self.site.outside("copy");
        run(&mut curl(&[
            "--output",
            &copy.display().to_string(),
            &url("/large.bin"),
        ]));
        assert!(fs::read(copy).unwrap() == self.large);

        let before = self.accepted();
        (0..10).for_each(|_| assert_eq!(status(&[&url("/a.txt")]), "200 "));
        let opened = self.accepted() - before;
        assert!(
            opened <= 1,
            "the proxy opened {opened} connections for 10 requests"
        );
        let records = self.server.records(17);
        let of_others = records
            .iter()
            .find(|it| !it.starts_with(&format!("{CLIENT} ")));
        assert_eq!(of_others, None, "every record names the client");
    }

    /// Returns the number of connections that the server has accepted.
    fn accepted(&self) -> u64 {
        let url = format!("http://{}/metrics", self.admin);
        let metrics = run(Command::new("curl").args(["--silent", &url]));
        let name = "\nmillpond_connections_accepted_total ";
        let (_, rest) = metrics.split_once(name).expect("a count");
        rest.lines().next().unwrap().parse().expect("a number")
    }
}

/// Returns the only code block in this language.
fn block(page: &str, language: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("\n```{language}\n"))
        .expect("an example");
    let (block, _) = rest.split_once("\n```\n").expect("its end");
    format!("{block}\n")
}

/// Returns the line for a proxy in the table of sockets.
fn row(page: &str, name: &str) -> String {
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | `"));
    let mut own = rows.filter(|(proxy, _)| proxy.eq_ignore_ascii_case(name));
    let (_, line) = own.next().expect("a row");
    line.trim_end_matches("` |").to_owned()
}

/// Returns a port that is free, and below those that the kernel gives to clients: one of them could
/// get it before the proxy listens.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(18_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

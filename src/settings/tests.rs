//! Settings from the command line, the environment and the file.

use super::error::SettingsError;
use super::option_spec::{CONFIG_VARIABLE, OptionSpec};
use super::*;
use super::{listen, options};
use crate::http::address_range::AddressRange;
use crate::http::host::Host;
use crate::http::response::Edit;
use crate::plan::{AllowedOrigin, Dotfile, Dotfiles};
use crate::process::{NameOrId, SandboxMode, User};
use crate::server::{self, AccessLogFormat, ListenAddress, LogDestination, LogExclusion};
use std::{
    collections::HashSet,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Loads the settings of `millpond` with these words, these variables and this file.
fn load(
    words: &[&str],
    variables: &[(&str, &str)],
    file: Option<&str>,
) -> Result<Settings, SettingsError> {
    let named = file.map(|_| ["--config", "m.toml"]);
    let words = ["millpond"].into_iter().chain(words.iter().copied());
    let arguments =
        Arguments::parse(words.chain(named.into_iter().flatten()), &|_| true).expect("words");
    let variable = |name: &str| {
        let found = variables.iter().find(|(each, _)| *each == name);
        found.map(|(_, value)| OsString::from(value))
    };
    Settings::load(&arguments, variable, |path| {
        assert_eq!(path, Path::new("m.toml"));
        file.map(ToOwned::to_owned)
            .ok_or(io::ErrorKind::NotFound.into())
    })
}

fn problems(file: &str) -> String {
    load(&[], &[], Some(file)).expect_err(file).to_string()
}

#[test]
fn settings_have_their_defaults_if_nothing_is_set() {
    assert_eq!(load(&[], &[], None), Ok(Settings::default()));
    let mut settings = load(&[], &[], Some("")).expect("an empty file");
    assert_eq!(settings.server.settings_file.take(), Some("m.toml".into()));
    assert_eq!(settings, Settings::default());
}

#[test]
fn an_argument_overrides_a_variable_overrides_the_file_overrides_the_default() {
    let words = ["--header-timeout", "1s"];
    let variables = [("MILLPOND_HEADER_TIMEOUT", "2s")];
    let file = "header-timeout = '3s'";
    for (words, variables, file, seconds, origin) in [
        (
            &words[..],
            &variables[..],
            Some(file),
            1,
            "--header-timeout",
        ),
        (&words[..], &[], Some(file), 1, "--header-timeout"),
        (
            &[],
            &variables[..],
            Some(file),
            2,
            "MILLPOND_HEADER_TIMEOUT",
        ),
        (&[], &[], Some(file), 3, "m.toml:1:18"),
        (&[], &[], None, 10, "default"),
    ] {
        let settings = load(words, variables, file).expect("good settings");
        assert_eq!(
            settings.server.connection.timeouts.head,
            Duration::from_secs(seconds)
        );
        let line = format!("\nheader-timeout = \"{seconds}s\"  # {origin}\n");
        assert!(settings.to_file().contains(&line), "{line}");
    }
}

#[test]
fn a_list_is_replaced_rather_than_extended() {
    let words = ["--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2"];
    let variables = [("MILLPOND_LISTEN", "127.0.0.1:3, unix:/run/a,[::1]:4")];
    let ports = |settings: Result<Settings, SettingsError>| {
        let listen = settings.expect("good settings").server.listen;
        listen
            .iter()
            .map(listen::text)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let file = "listen = ['127.0.0.1:5', '127.0.0.1:6']";
    assert_eq!(
        ports(load(&words, &variables, Some(file))),
        "127.0.0.1:1 127.0.0.1:2"
    );
    assert_eq!(
        ports(load(&[], &variables, Some(file))),
        "127.0.0.1:3 unix:/run/a [::1]:4"
    );
    assert_eq!(ports(load(&[], &[], Some(file))), "127.0.0.1:5 127.0.0.1:6");
    assert_eq!(ports(load(&[], &[("MILLPOND_LISTEN", "")], Some(file))), "");
    assert_eq!(
        ports(load(&[], &[], Some("listen = 'unix:/a,b'"))),
        "unix:/a,b"
    );
}

#[test]
fn a_port_comes_from_the_flag_the_variable_the_file_the_platform_or_is_8080() {
    let flag = &["--port", "1"][..];
    let ours = ("MILLPOND_PORT", "2");
    let platform = ("PORT", "4");
    let file = Some("port = 3");
    for (words, variables, file, expected) in [
        (flag, &[ours, platform][..], file, "1  # --port"),
        (&["-p", "1"], &[ours, platform], file, "1  # --port"),
        (&["-p1"], &[platform], file, "1  # --port"),
        (&[], &[ours, platform], file, "2  # MILLPOND_PORT"),
        (&[], &[platform], file, "3  # m.toml:1:8"),
        (&[], &[platform], None, "4  # PORT"),
        (&[], &[("PORT", "")], None, "8080  # default"),
        (&[], &[], None, "8080  # default"),
        // Variables of orchestrators, for a service called millpond.
        (
            &[],
            &[("MILLPOND_PORT", "tcp://10.0.0.1:80"), platform],
            None,
            "4  # PORT",
        ),
        // An invalid `PORT` that is not needed belongs to another program.
        (&["-p", "1"], &[("PORT", "com1")], None, "1  # --port"),
        (
            &["--listen", "[::1]:9"],
            &[("PORT", "com1")],
            None,
            "8080  # default",
        ),
    ] {
        let settings = load(words, variables, file).expect("good settings");
        let line = format!("\nport = {expected}\n");
        assert!(settings.to_file().contains(&line), "{line} {words:?}");
    }
}

#[test]
fn an_address_without_a_port_uses_the_option_port_and_a_port_alone_sets_no_address() {
    let listen = |words: &[&str], variables: &[(&str, &str)]| {
        let settings = load(words, variables, None).expect("good settings");
        let addresses = settings.server.listen.iter().map(listen::text);
        let named = addresses.collect::<Vec<_>>().join(" ");
        let all = server::addresses(&settings.server);
        (
            named,
            all.iter().map(listen::text).collect::<Vec<_>>().join(" "),
        )
    };
    let loopback = "127.0.0.1:3000 [::1]:3000".to_owned();
    for (words, variables) in [
        (&["--port", "3000"][..], &[][..]),
        (&[], &[("PORT", "3000")]),
        (&[], &[("MILLPOND_PORT", "3000"), ("PORT", "1")]),
    ] {
        assert_eq!(listen(words, variables), (String::new(), loopback.clone()));
    }
    let image = ("MILLPOND_LISTEN", "0.0.0.0,[::]");
    for (words, variables, expected) in [
        (&[][..], &[image][..], "0.0.0.0:8080 [::]:8080"),
        (&[], &[image, ("PORT", "80")], "0.0.0.0:80 [::]:80"),
        (&["-p", "80"], &[image, ("PORT", "1")], "0.0.0.0:80 [::]:80"),
        (&["--listen", "localhost", "-p", "3000"], &[], &loopback),
        (&["--listen", "[::]:9"], &[("PORT", "80")], "[::]:9"),
        (
            &["--listen", "[::]:9"],
            &[("MILLPOND_PORT", "80")],
            "[::]:9",
        ),
    ] {
        assert_eq!(
            listen(words, variables).0,
            expected,
            "{words:?} {variables:?}"
        );
    }
}

#[test]
fn an_unused_port_on_the_command_line_is_an_error() {
    let refused = |words: &[&str], variables: &[(&str, &str)]| {
        let loaded = load(words, variables, None);
        loaded.map_err(|refusal| (refusal.exit_status(), refusal.to_string()))
    };
    let listen = ("MILLPOND_LISTEN", "127.0.0.1:80,unix:/a");
    let message = "--port: 3000 would not be used, because every listen address has its own port, like \
                   http://127.0.0.1:80/; remove one";
    let expected = Err((2, message.to_owned()));
    assert_eq!(refused(&["-p", "3000"], &[listen]), expected);
    assert_eq!(
        refused(&["-p", "3000", "--listen", ":80"], &[]).map_err(|it| it.0),
        Err(2)
    );
    for words in [
        &["-p", "3000"][..],
        &["-p", "3000", "--listen", "*"],
        &["-p", "3000", "--listen", ":80", "--listen", "::1"],
    ] {
        assert!(refused(words, &[]).is_ok(), "{words:?}");
    }
}

#[test]
fn an_invalid_port_of_the_platform_is_an_error_only_if_it_is_used() {
    for (words, value) in [
        (&[][..], "com1"),
        (&["--listen", "*"], "com1"),
        (&["--listen", "*", "--listen", "[::1]:1"], "65536"),
    ] {
        let refusal = load(words, &[("PORT", value)], None).expect_err(value);
        let message = refusal.to_string();
        assert!(
            message.starts_with("PORT: ") && message.ends_with("; or unset PORT"),
            "{message}"
        );
        assert_eq!(refusal.exit_status(), 1);
    }
}

#[test]
fn every_kind_of_setting_can_be_set_in_every_source() {
    let values = ONE_OF_EACH_KIND;
    let kind = |option: &OptionSpec| (option.value.placeholder(), option.value.toml().wanted);
    let all: HashSet<_> = options::all().map(kind).collect();
    let given = values.iter().filter_map(|(name, ..)| options::find(name));
    assert_eq!(given.map(kind).collect::<HashSet<_>>(), all);

    let mut expected = Settings::default().server;
    expected.site.root = PathBuf::from("/srv/www");
    expected.listen = vec![ListenAddress::Tcp(([127, 0, 0, 1], 3000).into())];
    expected.admin = vec![ListenAddress::Unix("/run/admin".into())];
    expected.port = 3000;
    expected.name = "pond".to_owned();
    expected.access_log = LogDestination::File(PathBuf::from("/var/log/a"));
    expected.access_log_format = AccessLogFormat::Json;
    expected.access_log_exclude = vec![LogExclusion::parse("/healthz").expect("a path")];
    expected.policy.cache_control = String::new();
    expected.policy.server_field = false;
    expected.policy.spa = Some("/_shell.html".into());
    expected.user = Some(User {
        user: NameOrId::Name("www".to_owned()),
        group: Some(NameOrId::Number(7)),
    });
    expected.sandbox = SandboxMode::Require;
    expected.site.cache_bytes_max = 1000;
    expected.connection.limits.fields_max = 16;
    expected.connections_max = Some(5);
    expected.connection.limits.content_bytes_max = 3 << 30;
    expected.drain_timeout = Duration::from_secs(90);
    expected.site.addressing.index = vec!["home.html".to_owned()];
    expected.hosts = Some(vec![Host::parse("a.example").expect("a host")]);
    expected.listing = Some(false);
    expected.policy.headers = vec![Edit {
        name: "Link".into(),
        value: Some("</a>, </b>".into()),
    }];
    expected.site.links = vec!["/mnt/a".into()];
    let dotfile = Dotfile::parse("/**/.{a,b}").expect("a pattern");
    expected.policy.dotfiles = Dotfiles::new(vec![dotfile]);
    expected.policy.cors = AllowedOrigin::parse("https://a.example").ok();
    expected.trusted_proxies = vec![AddressRange::Unix];
    expected.pid_file = Some(PathBuf::from("/run/a.pid"));

    let words = values.map(|(name, value, _)| match name {
        "root" => value.to_owned(),
        _ => format!("--{name}={value}"),
    });
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    assert_eq!(load(&words, &[], None).expect("words").server, expected);

    let variables = values.map(|(name, value, _)| {
        (
            format!("MILLPOND_{}", name.replace('-', "_").to_uppercase()),
            value,
        )
    });
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    assert_eq!(
        load(&[], &variables, None).expect("variables").server,
        expected
    );

    let file: String = values
        .map(|(name, _, value)| format!("{name} = {value}\n"))
        .concat();
    let settings = load(&[], &[], Some(&file)).expect("a file");
    expected.settings_file = Some("m.toml".into());
    assert_eq!(settings.server, expected);

    let again = load(&[], &[], Some(&settings.to_file())).expect("a file of ours");
    assert_eq!(again.server, expected);
}

#[test]
fn a_switch_without_a_value_is_on() {
    let variables = [("MILLPOND_SERVER_HEADER", "false")];
    let switched = |words: &[&str]| {
        load(words, &variables, None)
            .expect("good settings")
            .server
            .policy
            .server_field
    };
    assert!(!switched(&[]));
    assert!(switched(&["--server-header"]));
    assert!(switched(&["--server-header", "a-root"]));
    assert!(!switched(&["--server-header=false"]));
}

#[test]
fn auto_resets_the_value_of_a_lower_source() {
    let settings = load(
        &["--connections-max", "auto"],
        &[],
        Some("connections-max = 7"),
    );
    assert_eq!(
        settings.expect("good settings").server.connections_max,
        None
    );
}

#[test]
fn a_variable_can_name_the_file() {
    let arguments = Arguments::parse(["millpond"], &|_| true).expect("words");
    let variable = |name: &str| (name == CONFIG_VARIABLE).then(|| "m.toml".into());
    let settings = Settings::load(&arguments, variable, |_| Ok("headers-max = 9".to_owned()));
    assert_eq!(
        settings
            .expect("good settings")
            .server
            .connection
            .limits
            .fields_max,
        9
    );
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_file() {
    let refusal = load(
        &["--shutdown-timeout", "0s"],
        &[("MILLPOND_HEADERS_MAX", "many")],
        Some("idle_timeout = '1s'\n\nroot = ''\nheaders-max = 0\n"),
    )
    .expect_err("four problems");
    let message = "\
m.toml:1:1: unknown setting \"idle_timeout\"; did you mean idle-timeout?
m.toml:3:8: root: the name of the directory is empty; write . for the current one
m.toml:4:15: headers-max: 0 is out of range; use 1 to 256
MILLPOND_HEADERS_MAX: \"many\" is not a number
--shutdown-timeout: 0s is out of range; use 1ms to 1d";
    assert_eq!(refusal.to_string(), message);
}

#[test]
fn errors_of_the_command_line_have_status_2_and_all_others_1() {
    let words = ["--headers-max", "0"];
    let variables = [("MILLPOND_HEADERS_MAX", "0")];
    let status = |words: &[&str], variables: &[(&str, &str)], file| {
        load(words, variables, file)
            .expect_err("a problem")
            .exit_status()
    };
    assert_eq!(status(&words, &variables, Some("headers-max = 0")), 2);
    assert_eq!(status(&words, &[], None), 2);
    assert_eq!(status(&[], &variables, None), 1);
    assert_eq!(status(&[], &[], Some("headers-max = 0")), 1);
}

#[test]
fn a_problem_is_reported_with_its_line_and_column() {
    for (file, message) in [
        (
            "headers-max = 300",
            "m.toml:1:15: headers-max: 300 is out of range; use 1 to 256",
        ),
        (
            "# ü\r\n  headers-max=0",
            "m.toml:2:15: headers-max: 0 is out of range; use 1 to 256",
        ),
        ("\"ü\" = 1", "m.toml:1:1: unknown setting \"ü\""),
        (
            "root = 'ü' # ü\nlisten = ['ü']",
            "m.toml:2:11: listen: \"ü\" is a name; write an IP address of this machine, like 127.0.0.1, or * for all",
        ),
        (
            "listen = [\n  '[::1]:1',\n  '[::1]:1',\n]",
            "m.toml:3:3: listen: \"[::1]:1\" is given twice",
        ),
        (
            "admin = '127.0.0.1:8080'",
            "m.toml:1:9: admin: http://127.0.0.1:8080/ already serves the site; use another address",
        ),
        (
            "listen = ['0.0.0.0:80', 'unix:/a']\nadmin = ['unix:/b', '127.0.0.1:80']",
            "m.toml:2:9: admin: http://127.0.0.1:80/ already serves the site; use another address",
        ),
        (
            "listen = ['[::1]:1', 80.80]",
            "m.toml:1:22: listen: write addresses in quotes, like [\"127.0.0.1:8080\"]; this is of type float",
        ),
        (
            "header-timeout = 10",
            "m.toml:1:18: header-timeout: write a duration in quotes, like \"10s\"; this is of type integer",
        ),
        (
            "headers-max = -1",
            "m.toml:1:15: headers-max: \"-1\" is not a number",
        ),
        (
            "headers-max = 1.5",
            "m.toml:1:15: headers-max: write a number; this is of type float",
        ),
        (
            "server-header = 'no'",
            "m.toml:1:17: server-header: write true or false; this is of type string",
        ),
        (
            "[limits]\nheaders-max = 1",
            "m.toml:1:2: unknown table \"limits\"; write settings outside of tables",
        ),
    ] {
        assert_eq!(problems(file), message);
    }
}

#[test]
fn a_problem_of_an_address_a_port_or_a_path_has_a_position_too() {
    for (file, message) in [
        (
            "listen = ['[::1]:1', 80800]",
            "m.toml:1:22: listen: 80800 is too high for a port; the highest is 65535",
        ),
        (
            "port = 3000\nlisten = ['[::1]:1', '*']\nadmin = 'localhost'",
            "m.toml:3:9: admin: \"localhost\" lacks a port; write one, like 127.0.0.1:9090",
        ),
        (
            "listen = ['127.0.0.1', 'localhost']",
            "m.toml:1:10: listen: http://127.0.0.1:8080/ is given twice",
        ),
        (
            "port = 65536",
            "m.toml:1:8: port: 65536 is too high for a port; the highest is 65535",
        ),
        (
            "root = '~/site'",
            "m.toml:1:8: root: \"~/site\" begins with ~, which only a shell expands; write the path in full, like /home/me",
        ),
    ] {
        assert_eq!(problems(file), message);
    }
}

#[test]
fn invalid_toml_is_reported_with_its_position() {
    for (file, place) in [
        ("headers-max = 1\nheaders-max = 2", "m.toml:2:1: "),
        ("headers-max 1", "m.toml:1:"),
        ("root = 'a", "m.toml:1:"),
        ("root = ", "m.toml:1:"),
    ] {
        let message = problems(file);
        assert!(
            message.starts_with(place) && !message.contains('\n'),
            "{message}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_reported() {
    let arguments = Arguments::parse(["millpond", "--config", "m.toml"], &|_| true).expect("words");
    let refusal = Settings::load(
        &arguments,
        |_| None,
        |_| Err(io::ErrorKind::NotFound.into()),
    );
    let refusal = refusal.expect_err("no file");
    assert_eq!(
        refusal.to_string(),
        "m.toml: cannot read the file: entity not found"
    );
    assert_eq!(refusal.exit_status(), 1);
}

#[test]
fn the_settings_in_force_are_printed_as_a_file_that_sets_them_again() {
    let words = [
        "--access-log",
        "a\"b\\c\nd\u{1}",
        "--listen",
        "unix:/a b",
        "--header",
        "X-A:",
        "--header",
        "Link: <\"a\">",
        "--cors",
        "--allowed-hosts",
        "local",
        "--allowed-hosts",
        "auto.",
        "ü",
    ];
    let settings = load(&words, &[], None).expect("good settings");
    let mut again = load(&[], &[], Some(&settings.to_file())).expect("a file of ours");
    again.server.settings_file = None;
    assert_eq!(again.server, settings.server);
}

/// A setting of each kind, with its value for the command line and variables, and for the file.
const ONE_OF_EACH_KIND: [(&str, &str, &str); 27] = [
    ("root", "/srv/www", "'/srv/www'"),
    ("listen", "127.0.0.1", "['127.0.0.1']"),
    ("port", "3000", "3000"),
    ("name", "pond.local", "'pond.local'"),
    ("admin", "unix:/run/admin", "['unix:/run/admin']"),
    ("access-log", "/var/log/a", "'/var/log/a'"),
    ("access-log-format", "json", "'json'"),
    ("access-log-exclude", "/healthz", "['/healthz']"),
    ("cache-control", "", "''"),
    ("server-header", "false", "false"),
    ("spa", "/_shell.html", "'/_shell.html'"),
    ("user", "www:7", "'www:7'"),
    ("sandbox", "require", "'require'"),
    ("cache-bytes-max", "1000", "1_000"),
    ("headers-max", "16", "0x10"),
    ("connections-max", "5", "5"),
    ("body-bytes-max", "3GiB", "'3GiB'"),
    ("shutdown-timeout", "1m30s", "'1m30s'"),
    ("index", "home.html", "['home.html']"),
    ("allowed-hosts", "a.example", "['a.example']"),
    ("listing", "false", "false"),
    ("links", "/mnt/a", "['/mnt/a']"),
    ("dotfiles", "/**/.{a,b}", "['/**/.{a,b}']"),
    ("header", "Link: </a>, </b>", "['Link: </a>, </b>']"),
    ("cors", "https://a.example", "'https://a.example'"),
    ("trusted-proxies", "unix", "['unix']"),
    ("pid-file", "/run/a.pid", "'/run/a.pid'"),
];

#[test]
fn a_site_inherits_what_it_does_not_set() {
    let file = "
listing = true
cache-control = 'max-age=1'
types = { a = 'text/a', b = 'text/b' }

[[rule]]
path = '/**'
set = { X-Top = '1' }

[[redirect]]
from = '/a'
to = '/b'

[[site]]
hosts = ['a.test', 'b.test']
root = '/a'

[[site]]
path = '/docs'
root = '/d'
listing = false
index = ['start.html']
cache-control = 'no-store'
[site.types]
b = 'text/x'
[[site.rule]]
path = '/x'
set = { X-Site = '1' }
[[site.redirect]]
from = '/c'
to = '/d'
";
    let settings = load(&["--compression=false"], &[], Some(file)).expect("good settings");
    let [first, second] = settings.server.sites.as_slice() else {
        panic!("two sites")
    };
    assert_eq!(first.name().to_string(), "a.test/");
    assert_eq!((first.listing, second.listing), (Some(true), Some(false)));
    assert_eq!(first.site.addressing.index, ["index.html"]);
    assert_eq!(second.site.addressing.index, ["start.html"]);
    assert!(!first.site.compression && !second.site.compression);
    assert_eq!(first.policy.cache_control, "max-age=1");
    assert_eq!(first.policy.rules.iter().count(), 1);
    assert_eq!(second.name().to_string(), "/docs/");
    assert_eq!(second.policy.cache_control, "no-store");
    assert_eq!(second.policy.types["a"], "text/a; charset=utf-8");
    assert_eq!(second.policy.types["b"], "text/x; charset=utf-8");
    assert_eq!(second.policy.rules.iter().count(), 2);
    let from: Vec<_> = second.policy.redirects.iter().map(|it| &it.from).collect();
    assert_eq!(from, ["/c"]);

    // Printing the settings and loading them again gives the same sites.
    let printed = settings.to_file();
    let again = load(&[], &[], Some(&printed)).expect("its own file");
    assert_eq!(again.server.sites, settings.server.sites, "{printed}");
    // A root outside of the tables is another site, whatever its source.
    for (words, file) in [
        (&["/top"][..], file.to_owned()),
        (&[], format!("root = '/top'\n{file}")),
    ] {
        let settings = load(words, &[], Some(&file)).expect("good settings");
        let last = settings.server.sites.last().expect("three sites");
        assert_eq!(
            (settings.server.sites.len(), last.name().to_string()),
            (3, "/".to_owned())
        );
        let again = load(&[], &[], Some(&settings.to_file())).expect("its own file");
        assert_eq!(again.server.sites, settings.server.sites);
    }
}

//! Flags and commands of other servers, and their counterparts here.
//!
//! The words come from the manuals of nginx, Caddy, lighttpd, darkhttpd, busybox httpd, thttpd,
//! webfs, static-web-server, miniserve, `python -m http.server`, `php -S`, `npx serve`,
//! `http-server`, `live-server` and Vite. If they use one word with different meanings, the advice
//! covers both.

use crate::settings::listen;

/// Words, and the advice for them.
///
/// A word like `-s=reload` is a flag with this value, and one like `--tls*` matches all words with
/// this beginning. In the advice, `{NAME}` is replaced by the given value, if that is suitable.
type Habit = (&'static str, &'static str);

/// Flags, with the advice that follows "unknown option …;".
const FLAGS: &[Habit] = &[
    // Where to listen.
    (
        "--bind -b -a -l -i --interfaces --interface --address --addr --ip --listen-address \
         --bind-address --bind-interface --binding --dev-addr --http --http-socket",
        "write --listen {ADDRESS}",
    ),
    (
        "--host --hostname",
        "write --listen {ADDRESS} (--allowed-hosts is for the names that visitors may use)",
    ),
    (
        "--hosts --domain --server-name --virtual-host --vhost --allowedHosts",
        "write --allowed-hosts {HOST}, or [[site]] tables in the --config file for several sites",
    ),
    (
        "-4 -6 --ipv4 --ipv6",
        "write an address of that kind, like --listen 0.0.0.0 or --listen ::",
    ),
    ("--socket --unix* --uds", "write --listen unix:{PATH}"),
    ("--fd --listen-fd", "sockets come from systemd (LISTEN_FDS)"),
    (
        "--strictPort --strict-port --no-port-switching --strict",
        "a port that is taken is an error in any case, so leave it out",
    ),
    (
        "--public --expose --lan",
        "write --share to show the site to your network",
    ),
    // What to serve.
    (
        "-d --dir --directory --root -r --webroot --web-root --docroot --document-root \
         --doc-root --folder --path --base-dir --static-dir --outDir --server-root --chdir \
         --source --destination --server",
        "write the directory by itself: millpond {DIR}",
    ),
    (
        "--file --single-file",
        "name the directory that the file is in: millpond DIR",
    ),
    (
        "-s=reload -s=stop -s=quit -s=reopen",
        "send a signal to its process: kill -HUP reloads, kill -TERM stops",
    ),
    (
        "-s --single --fallback --page-fallback --history-fallback --history-api-fallback \
         --historyApiFallback --entry-file --try-files --push-state --single-page*",
        "write --spa, which serves the start page for missing pages",
    ),
    (
        "--browse -z --directory-listing --dir-listing --dirlist --list --autoindex \
         --auto-index --autoIndex --showDir --show-dir --indexing",
        "write --listing, or --listing=false for none",
    ),
    (
        "--disable-indexing -I --no-dir-listing --no-dirlist --no-autoindex --no-index*",
        "write --listing=false",
    ),
    (
        "--index-file --index-files --index-page --indexes --default-file --default-page",
        "write --index {NAME}",
    ),
    (
        "--cleanUrls --clean-url --pretty-urls --pretty-url -e --ext \
         --extension* --html-extension* --no-extension*",
        "write --clean-urls, which serves about.html at /about",
    ),
    (
        "--page404 --page50x --404 --not-found* --error-page --error-document --custom-404",
        "write --error-pages, which serves the site's own 404.html for errors",
    ),
    (
        "--hidden --show-hidden --no-dotfiles --hide-dotfiles --allow-dotfiles --serve-hidden \
         --ignore-hidden-files",
        "hidden files are not served, unless --dotfiles names them: --dotfiles '/**/.z*'",
    ),
    (
        "--symlinks --no-symlinks --follow-symlinks --disable-symlinks --reveal-symlinks \
         --symlink*",
        "links are followed in the directory, and out of it only to --links DIRECTORY",
    ),
    (
        "--mime* --media-type* --default-mimetype --charset --text-charset --content-type",
        "set content types in the --config file, under [types]",
    ),
    (
        "--route-prefix --base --base-path --base-url --prefix --path-prefix --url-prefix \
         --mount --baseURL",
        "write a [[site]] with that path in the --config file, or have a proxy remove the prefix",
    ),
    (
        "--redirect* --rewrite*",
        "set redirects in the --config file, under [[redirect]]",
    ),
    ("--robots", "put a robots.txt into the directory"),
    // How to send it.
    (
        "--no-cache --nocache --disable-cache --no-caching --no-store",
        "browsers check for changes each time; to store nothing, write --cache-control no-store",
    ),
    (
        "--cache --max-age --cache-age --cache-time --cache-max-age --expires",
        "write --cache-control max-age={SECONDS}",
    ),
    ("--cache-control-headers", "write --cache-control VALUE"),
    (
        "-H --headers --add-header --response-header --security-headers --coop",
        "write --header 'Name: value'",
    ),
    (
        "-c",
        "write --config FILE for settings, or --cache-control max-age=SECONDS for caching",
    ),
    (
        "--gzip -g --gz --brotli --br --zstd --deflate -x --compress --compress-response \
         --compression-level --gzip-static --compression-static",
        "compression is on, and app.js.br, .zst or .gz is served for app.js",
    ),
    (
        "--no-compress --no-gzip --no-brotli --disable-compression",
        "write --compression=false",
    ),
    (
        "--etag* --no-etag*",
        "every file has an ETag, so leave it out",
    ),
    (
        "--no-server-id --server-tokens --hide-version* --no-server",
        "write --server-header=false",
    ),
    (
        "--timeout --keep-alive* --keepalive* --no-keepalive",
        "write --idle-timeout DURATION, like 75s",
    ),
    (
        "--grace-period --graceful* --shutdown-grace-period --drain-timeout",
        "write --shutdown-timeout DURATION, like 30s",
    ),
    (
        "--maxconn --max-conn --max-clients --max-requests",
        "write --connections-max NUMBER",
    ),
    (
        "--client-max-body-size --max-body-size --max-body --body-limit --limit-request-body",
        "write --body-bytes-max SIZE, like 1MiB",
    ),
    (
        "--max-header-size --max-http-header-size --header-limit --max-header-bytes",
        "write --header-bytes-max SIZE, like 16KiB",
    ),
    // Features that do not exist.
    (
        "--tls* --ssl* --https* --http2* --http3 --h2 --quic -C -K --cert* --key --key-file \
         --private-key --pem --acme* --letsencrypt",
        "for HTTPS, write --listen https://ADDRESS, --tls-certificate and --tls-key; no HTTP/2",
    ),
    (
        "-S",
        "write --listen ADDRESS, or --listen https://ADDRESS for HTTPS",
    ),
    (
        "--auth* -A --basic-auth* --basicauth --username --password --htpasswd --realm",
        "write --auth-file FILE, with users and hashes as htpasswd makes them",
    ),
    (
        "-u",
        "millpond takes no uploads; to run as another user, write --user NAME",
    ),
    (
        "--upload* --allow-upload* --enable-upload* --put --webdav --enable-webdav --mkdir -U \
         --rm-files --delete --overwrite-files --writable --allow-all --on-duplicate-files \
         --temp-directory --raw-media-type",
        "millpond only reads: it takes no uploads and changes no files",
    ),
    (
        "--enable-tar* --enable-zip --archive* --zip --tar --directory-listing-download",
        "millpond makes no archives",
    ),
    (
        "--watch* -W --live* --hot --hmr --dev --files --auto-reload --reload*",
        "write --live to reload pages when files change",
    ),
    (
        "--no-watch --no-reload --no-livereload",
        "pages reload only with --live",
    ),
    (
        "-P --proxy* --forward* --reverse-proxy* --upstream* --backend*",
        "millpond is not a proxy; it runs behind one",
    ),
    (
        "--cgi* --php* --fastcgi* --router --script* --ssi --template* --middleware \
         --websocket*",
        "millpond runs no programs",
    ),
    (
        "--worker* --threads* -n --processes -j --max-blocking-threads --cluster",
        "write --workers auto, which uses all cores",
    ),
    (
        "--qrcode --qr",
        "write --share, which shows the site to your network with a QR code",
    ),
    (
        "--title --theme* --color-scheme* --readme --dirs-first --show-* \
         --hide-* --default-sorting* --directory-listing-* --sort* --no-clipboard --clipboard",
        "listings have one look, so leave it out",
    ),
    // The browser and the terminal.
    (
        "-o --browser --launch* --open-browser --open-url --startPath",
        "write --open, which opens the site in your browser",
    ),
    (
        "--no-browser",
        "the browser opens with --open alone, so leave it out",
    ),
    (
        "--no-color --no-colors --no-colour --color*",
        "set the variable NO_COLOR=1 for no colours",
    ),
    (
        "--print-completion* --completion --generate-completion*",
        "write --completions SHELL",
    ),
    (
        "--print-manpage --manual --manpage --man-page",
        "write --man",
    ),
    ("-? --usage --h", "write --help"),
    // Logs.
    (
        "-q --quiet --silent -L --no-request-logging --no-log* --nolog --disable-log*",
        "write --access-log off; RUST_LOG=error leaves only errors",
    ),
    ("-v", "write --version, or set RUST_LOG=debug to log more"),
    (
        "--verbose* -vv --debug --trace",
        "set the variable RUST_LOG=debug to log more",
    ),
    (
        "--log-level --loglevel --logLevel --verbosity",
        "set the variable RUST_LOG={LEVEL}",
    ),
    (
        "--log --log-file --logfile --accesslog --access-logfile",
        "write --access-log {FILE}",
    ),
    (
        "--error-log --errorlog --syslog",
        "all messages except the access log go to standard error",
    ),
    (
        "--log-ip --log-remote-address",
        "the access log has the client's address, so leave it out",
    ),
    (
        "--log-forwarded-for --log-x-real-ip --trusted-ip --trust-proxy --real-ip* \
         --proxy-headers",
        "write --trusted-proxies ADDRESS for the client's address behind a proxy",
    ),
    (
        "--metrics* --prometheus* --experimental-metrics --status --stats --health-check* \
         --healthcheck*",
        "write --admin 127.0.0.1:9090, which has /healthz and /metrics",
    ),
    // The process.
    ("--background --detach --fork -B", "write --daemon"),
    (
        "--foreground -F -D --no-fork --no-detach",
        "it runs in the foreground unless --daemon is given",
    ),
    (
        "-f -w",
        "write --config FILE for settings; it runs in the foreground unless --daemon is given",
    ),
    ("--conf --cfg --settings --ini", "write --config {FILE}"),
    (
        "-t",
        "write --check to test the settings, or the directory by itself: millpond DIR",
    ),
    ("--test --configtest --validate --dry-run", "write --check"),
    (
        "-T --dump-config --show-config --default-config",
        "write --print-config",
    ),
    ("--pid", "write --pid-file {FILE}"),
    (
        "--uid --run-as --setuid --chuid --runas",
        "write --user {NAME}",
    ),
    ("--gid --group --setgid", "write --user NAME:{GROUP}"),
    (
        "--chroot --jail",
        "nothing outside of the directory is served, and the sandbox is on",
    ),
    (
        "-m=http.server -m",
        "write millpond DIR, with --port PORT for another port",
    ),
];

/// Commands of other programs, with the advice that follows "unknown command …;".
const COMMANDS: &[Habit] = &[
    ("help usage", "write millpond --help"),
    ("version", "write millpond --version"),
    (
        "serve server start run up file-server fileserver http-server http.server \
         static-server dev preview host serve-dir",
        "write millpond {DIR}",
    ),
    (
        "stop quit kill shutdown",
        "stop it with Ctrl-C, or with kill -TERM and its process id",
    ),
    (
        "reload restart reopen",
        "reload the settings with kill -HUP and its process id",
    ),
    ("status ping", "write millpond --health"),
    ("test validate configtest", "write millpond --check"),
    (
        "completion manual generate",
        "write millpond --completions SHELL or millpond --man",
    ),
    (
        "proxy reverse-proxy",
        "millpond is not a proxy; it runs behind one",
    ),
];

/// Returns the advice for another server's flag, if it is known.
pub(super) fn of_flag(flag: &str, value: Option<&str>) -> Option<String> {
    let with_value = value.map(|value| format!("{flag}={value}"));
    let advice = with_value
        .and_then(|both| find(FLAGS, &both))
        .or_else(|| find(FLAGS, flag))?;
    Some(fill(advice, value))
}

/// Returns the advice for another program's command, if it is known; `next` is the following word.
pub(super) fn of_command(command: &str, next: Option<&str>) -> Option<String> {
    find(COMMANDS, command).map(|advice| fill(advice, next))
}

/// Returns the advice for a word: from a row with the whole word, or else from one with its
/// beginning.
fn find(habits: &'static [Habit], word: &str) -> Option<&'static str> {
    let row = |matches: &dyn Fn(&str) -> bool| {
        let mut rows = habits.iter();
        rows.find(|(words, _)| words.split_whitespace().any(matches))
    };
    let is_start = |known: &str| {
        let start = known.strip_suffix('*');
        start.is_some_and(|start| word.starts_with(start))
    };
    let found = row(&|known| known == word).or_else(|| row(&is_start));
    found.map(|(_, advice)| *advice)
}

/// Returns the advice with the value inserted.
fn fill(advice: &str, value: Option<&str>) -> String {
    let Some((before, rest)) = advice.split_once('{') else {
        return advice.to_owned();
    };
    let (name, after) = rest.split_once('}').unwrap_or((rest, ""));
    let value = value.filter(|value| suits(name, value));
    let value = value.map_or_else(|| name.to_owned(), quote);
    format!("{before}{value}{after}")
}

/// Returns `true` if the value is suitable for this placeholder of the advice.
fn suits(name: &str, value: &str) -> bool {
    match name {
        "ADDRESS" => listen::parse(value.as_ref()).is_ok(),
        "SECONDS" => value.bytes().all(|byte| byte.is_ascii_digit()),
        _ => true,
    }
}

/// Returns a word, quoted for a shell if needed.
fn quote(word: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "-_./:@%+=,".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::command_line::command::command;
    use std::collections::HashSet;

    /// Returns all words of a table, with their advice.
    fn words(habits: &'static [Habit]) -> impl Iterator<Item = Habit> {
        let rows = habits.iter();
        rows.flat_map(|(words, advice)| words.split_whitespace().map(move |word| (word, *advice)))
    }

    /// Returns the flags of millpond.
    fn flags() -> HashSet<String> {
        let command = command();
        let arguments = command.get_arguments();
        let long = arguments.filter_map(|it| Some(format!("--{}", it.get_long()?)));
        long.chain(["--help", "--version", "-h", "-V", "-p"].map(str::to_owned))
            .collect()
    }

    #[test]
    fn no_word_occurs_twice_or_is_an_own_flag() {
        let ours = flags();
        let mut seen = HashSet::new();
        for (word, _) in words(FLAGS).chain(words(COMMANDS)) {
            assert!(seen.insert(word), "{word} is there twice");
            assert!(!ours.contains(word), "{word} is an option");
        }
        for (word, _) in words(FLAGS) {
            assert!(word.starts_with('-') && word.len() > 1, "{word}");
        }
    }

    #[test]
    fn every_flag_in_the_advice_exists() {
        let ours = flags();
        let mut named = 0;
        for (word, advice) in words(FLAGS).chain(words(COMMANDS)) {
            let flags = advice.split([' ', '=', ',', ';']);
            for flag in flags.filter(|flag| flag.starts_with("--")) {
                named += 1;
                assert!(ours.contains(flag), "{word}: {advice}");
            }
        }
        assert!(named > 100, "{named}");
    }

    #[test]
    fn advice_is_a_short_line() {
        for (word, advice) in words(FLAGS).chain(words(COMMANDS)) {
            let is_line = !advice.ends_with('.') && !advice.contains('\n');
            assert!(is_line && advice.len() <= 90, "{word}: {advice}");
        }
    }

    #[test]
    fn the_value_of_a_flag_is_inserted_into_the_advice_if_it_is_suitable() {
        for (flag, value, expected) in [
            ("--bind", Some("0.0.0.0"), "write --listen 0.0.0.0"),
            ("--bind", Some("[::1]:80"), "write --listen '[::1]:80'"),
            ("--bind", Some("site"), "write --listen ADDRESS"),
            ("-b", None, "write --listen ADDRESS"),
            (
                "-l",
                Some("tcp://0.0.0.0:5000"),
                "write --listen tcp://0.0.0.0:5000",
            ),
            (
                "-d",
                Some("my site"),
                "write the directory by itself: millpond 'my site'",
            ),
            (
                "--root",
                None,
                "write the directory by itself: millpond DIR",
            ),
            ("--max-age", Some("60"), "write --cache-control max-age=60"),
            (
                "--log-level",
                Some("warn"),
                "set the variable RUST_LOG=warn",
            ),
        ] {
            assert_eq!(of_flag(flag, value).as_deref(), Some(expected), "{flag}");
        }
    }

    #[test]
    fn a_flag_with_its_value_is_preferred_to_the_whole_flag_and_that_to_its_beginning() {
        let advice = |flag, value| of_flag(flag, value).unwrap_or_default();
        assert!(advice("-s", Some("reload")).contains("kill -HUP"));
        assert!(advice("-s", Some("dist")).contains("--spa"));
        assert!(advice("-s", None).contains("--spa"));
        assert!(advice("--tls-cert", Some("a.pem")).contains("--tls-certificate"));
        assert!(advice("--directory-listing-order", None).contains("one look"));
        assert!(advice("--directory-listing", None).contains("--listing"));
        assert_eq!(of_flag("--frobnicate", None), None);
        assert_eq!(of_flag("--header", None), None);
        assert_eq!(of_flag("--cors", None), None);
    }

    #[test]
    fn a_command_of_another_program_has_its_counterpart() {
        let advice = |command, next| of_command(command, next);
        assert_eq!(
            advice("serve", Some("dist")).as_deref(),
            Some("write millpond dist")
        );
        assert_eq!(advice("serve", None).as_deref(), Some("write millpond DIR"));
        assert_eq!(
            advice("help", None).as_deref(),
            Some("write millpond --help")
        );
        assert_eq!(advice("dist", None), None);
    }
}

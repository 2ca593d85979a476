//! Clients that download parts of files, each in its typical use, with every byte compared.

use crate::strangers::programs::{Visit, assert_same, program, python, run, tools, words};
use crate::support::{Process, Site, noise, poll_until};
use std::{fmt::Write as _, fs, net::TcpListener, path::Path};

/// The field of clients that accept codings.
const ACCEPT_ENCODING: &str = "Accept-Encoding: gzip, deflate, br, zstd";

/// Creates a site with a text that is compressed on request, and one with a precompressed file.
fn site_of_texts() -> Site {
    let site = Site::new();
    site.file("made.txt", text())
        .file("beside.txt", text())
        .file("beside.txt.gz", "shorter than the text");
    site
}

fn text() -> String {
    let mut text = String::new();
    for line in 1..=400 {
        writeln!(text, "{line}").expect("it is memory");
    }
    text
}

#[test]
fn clients_that_accept_codings_get_the_part_of_a_text_that_they_ask_for() {
    if !tools(&["curl"]) {
        return;
    }
    let visit = Visit::to(site_of_texts());
    for name in ["made.txt", "beside.txt"] {
        for (range, expected) in [
            ("100-199", &text()[100..200]),
            ("-200", &text()[1292..]),
            ("1000-", &text()[1000..]),
        ] {
            let mut curl = visit.client("curl");
            curl.args(words("--silent --show-error --fail --compressed --range"));
            curl.args([range, &visit.url(name)]);
            assert_eq!(run(&mut curl), expected, "{name} {range}");
        }
    }
    let Some(python) = python() else {
        return;
    };
    let script = "import requests, sys\n\
        response = requests.get(sys.argv[1], headers={'Range': 'bytes=100-199'})\n\
        print(response.status_code, response.content.decode(), end='')";
    for name in ["made.txt", "beside.txt"] {
        let mut requests = program(&python, &visit.home);
        let part = run(requests.args(["-c", script, &visit.url(name)]));
        assert_eq!(part, format!("206 {}", &text()[100..200]), "{name}");
    }
}

#[test]
fn clients_that_accept_codings_resume_the_download_of_a_text() {
    let visit = Visit::to(site_of_texts());
    for (name, arguments) in [
        (
            "curl",
            "--silent --show-error --fail --compressed --continue-at - -O",
        ),
        ("wget", "--no-verbose --continue"),
        ("wget2", "--quiet --continue"),
        ("aria2c", "--quiet --continue"),
    ] {
        if !tools(&[name]) {
            continue;
        }
        for file in ["made.txt", "beside.txt"] {
            fs::write(visit.home.join(file), &text()[..900]).expect("a file can be written");
            let mut client = visit.client(name);
            client.args(words(arguments));
            if name == "wget" {
                client.args(["--header", ACCEPT_ENCODING]);
            }
            run(client.arg(visit.url(file)));
            visit.assert_fetched(file, file);
        }
    }
}

#[test]
fn zsync_fetches_the_sixty_blocks_that_have_changed_and_no_more() {
    if !tools(&["zsync", "zsyncmake"]) {
        return;
    }
    let visit = Visit::to(Site::new());
    let fresh = noise(4_000_000);
    visit.site.file("file.bin", &fresh);
    let mut old = fresh;
    for number in 0..60 {
        let block = (number * 32 + 5) * 2048..(number * 32 + 6) * 2048;
        old[block].fill(b'x');
    }
    fs::write(visit.home.join("old.bin"), &old).expect("a file can be written");
    let mut zsyncmake = visit.client("zsyncmake");
    zsyncmake.args(words("-b 2048 -u file.bin -o"));
    zsyncmake.arg(visit.site.path("file.bin.zsync"));
    run(zsyncmake.arg(visit.site.path("file.bin")));
    let mut zsync = visit.client("zsync");
    zsync.args(words("-i old.bin -o fetched.bin"));
    run(zsync.arg(visit.url("file.bin.zsync")));
    visit.assert_fetched("fetched.bin", "file.bin");
    let fetched = bytes_of_parts(&visit, "file.bin");
    assert!(fetched < 60 * 2048 + 20_000, "{fetched} bytes");
}

#[test]
fn zckdl_fetches_the_chunks_that_it_lacks_and_no_more() {
    if !tools(&["zck", "zckdl"]) {
        return;
    }
    // It requests up to 255 chunks at a time.
    for missing in [120, 300] {
        let visit = Visit::to(Site::new());
        let old = visit.home.join("old");
        fs::write(&old, chunks(missing, "left alone")).expect("a file can be written");
        visit.site.file("new", chunks(missing, "changed"));
        let chunk = |from: &Path, to: &Path| {
            let mut zck = visit.client("zck");
            zck.args(["--manual-chunk", "--split", CHUNK_START, "--output"]);
            run(zck.arg(to).arg(from));
        };
        chunk(&old, &visit.home.join("old.zck"));
        chunk(&visit.site.path("new"), &visit.site.path("new.zck"));
        let mut zckdl = visit.client("zckdl");
        zckdl.args(words("--fail-no-ranges --source old.zck"));
        let said = run(zckdl.arg(visit.url("new.zck")));
        visit.assert_fetched("new.zck", "new.zck");
        let missing_chunks = format!("Missing chunks: {missing}\n");
        assert!(said.contains(&missing_chunks), "{said}");
        let fetched = bytes_of_parts(&visit, "new.zck");
        let needed = missing * (CHUNK_BYTES + 200);
        // Besides the chunks, it downloads the index.
        assert!(fetched < needed + 60_000, "{fetched} bytes");
    }
}

/// The start of each chunk.
const CHUNK_START: &str = "<package";

/// The length of a chunk, which is not compressible.
const CHUNK_BYTES: usize = 2000;

/// Returns chunks, of which every second one contains `state`.
fn chunks(changing: usize, state: &str) -> Vec<u8> {
    let noise = noise(changing * 2 * CHUNK_BYTES);
    let mut content = Vec::new();
    for (number, bytes) in noise.chunks(CHUNK_BYTES).enumerate() {
        content.extend_from_slice(CHUNK_START.as_bytes());
        if number % 2 == 1 {
            content.extend_from_slice(state.as_bytes());
        }
        content.extend_from_slice(bytes);
    }
    content
}

/// Returns the number of bytes sent of a file. No request may have received the whole file.
#[track_caller]
fn bytes_of_parts(visit: &Visit, name: &str) -> usize {
    let of_file = format!("\"GET /{name} HTTP/1.1\" ");
    let records = visit.server.records(2);
    let answers = records
        .iter()
        .filter_map(|record| record.split_once(&of_file))
        .map(|(_, answer)| answer);
    let bytes = answers.map(|answer| {
        let mut words = answer.split(' ');
        assert_eq!(words.next(), Some("206"), "{answer}");
        let bytes = words.next().and_then(|bytes| bytes.parse::<usize>().ok());
        bytes.expect("a number of bytes")
    });
    bytes.sum()
}

#[test]
fn ffmpeg_finds_a_picture_in_the_middle_of_a_film() {
    if !tools(&["ffmpeg"]) {
        return;
    }
    let visit = Visit::to(Site::new());
    let film = visit.site.path("film.mp4");
    let mut ffmpeg = visit.client("ffmpeg");
    // Each picture differs and is complete, which makes the file large.
    ffmpeg.args(words(
        "-v error -f lavfi -i testsrc=size=320x240:rate=10:duration=60 -c:v mjpeg -q:v 2",
    ));
    run(ffmpeg.arg(&film));
    let length = fs::metadata(&film).expect("there is a film").len();
    let picture = |film: &str, name: &str| {
        let mut ffmpeg = visit.client("ffmpeg");
        ffmpeg.args(["-v", "error", "-ss", "50", "-i", film, "-frames:v", "1"]);
        run(ffmpeg.arg(name));
    };
    picture(&visit.url("film.mp4"), "fetched.png");
    picture(&film.display().to_string(), "expected.png");
    let path = |name| visit.home.join(name);
    assert_same(&path("fetched.png"), &path("expected.png"));
    let fetched = bytes_of_parts(&visit, "film.mp4") as u64;
    assert!(fetched < length / 2, "{fetched} bytes of {length}");
}

#[test]
fn nginx_caches_files_slice_by_slice() {
    if !tools(&["nginx", "curl"]) {
        return;
    }
    let site = site_of_texts();
    site.file("empty.bin", "")
        .file("large.bin", noise(3_500_000));
    let visit = Visit::to(site);
    let (mut nginx, port) = nginx_with_slices(&visit);
    let url = |name: &str| format!("http://127.0.0.1:{port}/{name}");
    let curl = |arguments: &str, name: &str| {
        let mut curl = visit.client("curl");
        curl.args(words("--silent --show-error --compressed --output fetched"));
        curl.args(["--write-out", "%{http_code}"])
            .args(words(arguments));
        curl.arg(url(name));
        curl
    };
    poll_until("nginx to answer", || {
        assert!(nginx.is_running(), "nginx said: {}", nginx.stderr());
        let mut connected = curl("--retry 0", "made.txt");
        connected.output().unwrap().status.success().then_some(())
    });
    // The second time from its cache.
    for _ in 0..2 {
        for name in ["empty.bin", "made.txt", "beside.txt", "large.bin"] {
            let content = fs::read(visit.site.path(name)).expect("it is served");
            let fetched = || fs::read(visit.home.join("fetched")).unwrap_or_default();
            fs::write(visit.home.join("fetched"), "").expect("a file can be written");
            assert_eq!(run(&mut curl("", name)), "200", "{name}");
            assert!(fetched() == content, "{name}");
            if content.is_empty() {
                continue;
            }
            for (range, expected) in [
                ("100-199", 100..200),
                ("-300", content.len() - 300..content.len()),
            ] {
                let status = run(&mut curl(&format!("--range {range}"), name));
                assert_eq!(status, "206", "{name} {range}");
                assert!(fetched() == content[expected], "{name} {range}");
            }
        }
    }
}

/// Starts an nginx that fetches files from the server in slices of 1 MiB and caches them, and
/// returns its port.
fn nginx_with_slices(visit: &Visit) -> (Process, u16) {
    let port = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there are ports");
        listener.local_addr().expect("it has an address").port()
    };
    let home = visit.home.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {home}/{name};"))
        .concat();
    let upstream = visit.server.address;
    let settings = format!(
        "daemon off; master_process off; pid {home}/pid; error_log stderr;
         events {{}}
         http {{
             access_log off;
             {temporary}
             proxy_cache_path {home}/cache keys_zone=slices:1m;
             server {{
                 listen 127.0.0.1:{port};
                 location / {{
                     slice 1m;
                     proxy_cache slices;
                     proxy_cache_key $uri$slice_range;
                     proxy_cache_valid 200 206 1h;
                     proxy_ignore_headers Cache-Control;
                     proxy_set_header Range $slice_range;
                     proxy_http_version 1.1;
                     proxy_pass http://{upstream};
                 }}
             }}
         }}"
    );
    fs::write(visit.home.join("conf"), settings).expect("a file can be written");
    let mut nginx = visit.client("nginx");
    nginx.args(["-e", "stderr", "-c", &format!("{home}/conf")]);
    (Process::spawn(&mut nginx), port)
}

//! The local network: Avahi, python-zeroconf and tshark check the packets of `--share`, and a
//! barcode reader checks the QR code.

use super::programs::{beside, present, python};
use crate::support::{Site, in_a_network, unavailable};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Returns `true` if all of these programs exist.
fn are_there(names: &[&str]) -> bool {
    names.iter().all(|name| {
        let places = ["/usr/bin", "/usr/sbin"].map(|place| Path::new(place).join(name));
        let place = places.iter().find(|place| place.exists());
        let place = place.unwrap_or(&places[0]).clone();
        present(place, "install it").is_some()
    })
}

/// Returns the text under a heading.
fn part<'a>(said: &'a str, heading: &str) -> &'a str {
    let (_, rest) = said
        .split_once(&format!("== {heading}\n"))
        .unwrap_or_else(|| panic!("{heading} in {said}"));
    rest.split_once("\n== ").map_or(rest, |(part, _)| part)
}

/// The expected output of each program.
const EXPECTED: [(&str, &[&str]); 9] = [
    (
        "avahi-browse",
        &[
            "=;desk;IPv4;millpond;Web Site;local;millpond.local;192.0.2.1;80;\"path=/\"",
            "=;desk;IPv6;millpond;Web Site;local;millpond.local;",
        ],
    ),
    (
        "avahi-resolve",
        &["millpond.local\t192.0.2.1", "millpond.local\tfe80::"],
    ),
    (
        "zeroconf",
        &["added millpond._http._tcp.local. millpond.local. 80 / 192.0.2.1 2001:db8::1 fe80:"],
    ),
    (
        "millpond --discover",
        &[
            "Desk, its site  http://desk.local:8088/desk  192.0.2.2, 2001:db8::2",
            "millpond        http://millpond.local/       192.0.2.1, 2001:db8::1, fe80::",
        ],
    ),
    (
        "second",
        &["millpond.local is taken; this server is found at http://millpond-2.local:81/ instead"],
    ),
    (
        "both",
        &[
            "millpond.local;192.0.2.1;80",
            "millpond-2.local;192.0.2.2;81",
        ],
    ),
    ("after the flood", &["millpond.local\t192.0.2.1"]),
    ("goodbye", &["removed millpond._http._tcp.local."]),
    ("after the goodbye", &["Desk"]),
];

/// Runs the script with the two machines. Returns `None` if it cannot run.
fn two_machines() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        unavailable("root, for namespaces with a daemon of another user");
        return None;
    }
    let programs = [
        "avahi-daemon",
        "avahi-browse",
        "dbus-daemon",
        "dumpcap",
        "tshark",
    ];
    if !are_there(&programs) {
        return None;
    }
    let python = python()?;
    let site = Site::small();
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]);
    unshare
        .arg(beside("local_names"))
        .arg(env!("CARGO_BIN_EXE_millpond"));
    unshare.arg(python).arg(site.outside("."));
    let output = unshare.stdin(Stdio::null()).output().expect("unshare runs");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn avahi_and_zeroconf_find_resolve_and_lose_a_shared_site_and_its_packets_are_well_formed() {
    let Some(said) = two_machines() else {
        return;
    };
    for (heading, expected) in EXPECTED {
        let found = part(&said, heading);
        for expected in expected {
            assert!(found.contains(expected), "{heading}: {expected} in {said}");
        }
    }
    assert!(
        !part(&said, "after the goodbye").contains("millpond"),
        "{said}"
    );
    // A line for each malformed packet comes before the count.
    let packets = part(&said, "packets").trim();
    let count = packets
        .strip_suffix(" packets")
        .and_then(|it| it.parse().ok());
    assert!(count.is_some_and(|count: u32| count > 20), "{said}");
}

/// Returns the picture of a terminal with these colours, with eight by sixteen points for each
/// character. As in many fonts, no character reaches the top of its place.
fn picture(lines: &[&str], foreground: u8, background: u8) -> Vec<u8> {
    let mut rows: Vec<_> = lines
        .iter()
        .map(|line| cells(line, foreground, background))
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut points = Vec::new();
    for row in &mut rows {
        row.resize(columns, (' ', foreground, background));
        for y in 0..16 {
            for (character, ink, paper) in &*row {
                let is_ink = match character {
                    '\u{2588}' => y > 0,
                    '\u{2580}' => y > 0 && y < 8,
                    '\u{2584}' => y >= 8,
                    _ => false,
                };
                points.extend([if is_ink { *ink } else { *paper }; 8]);
            }
        }
    }
    let head = format!("P5\n{} {}\n255\n", columns * 8, lines.len() * 16);
    [head.into_bytes(), points].concat()
}

/// Returns the characters of a line, each with the colour of its ink and of its paper.
fn cells(line: &str, foreground: u8, background: u8) -> Vec<(char, u8, u8)> {
    let (mut ink, mut paper) = (foreground, background);
    let mut cells = Vec::new();
    for part in format!("[0m{line}").split('\x1b') {
        let (style, text) = part.split_once('m').expect("a style");
        match style {
            "[38;5;16" => ink = 0,
            "[38;5;231" => ink = 255,
            "[48;5;16" => paper = 0,
            "[48;5;231" => paper = 255,
            _ => (ink, paper) = (foreground, background),
        }
        cells.extend(text.chars().map(|it| (it, ink, paper)));
    }
    cells
}

/// Returns the text that a barcode reader finds. Like phones, it tries inverted codes as well.
fn read_code(picture: &Path) -> String {
    let output = Command::new("zbarimg")
        .args(["--quiet", "--raw", "-Stest-inverted"])
        .arg(picture)
        .output();
    String::from_utf8(output.expect("zbarimg runs").stdout).unwrap()
}

#[test]
fn the_qr_code_is_read_from_terminals_whose_characters_leave_gaps_dark_and_light_with_and_without_colour()
 {
    if !are_there(&["zbarimg", "script"]) {
        return;
    }
    let site = Site::small();
    for variables in ["TERM=xterm", "TERM=xterm NO_COLOR=1"] {
        let in_terminal = format!(
            "export {variables} MILLPOND=\"$0\"; exec script --quiet --return --command \
             'stty cols 80; exec \"$MILLPOND\" root --share --announce=false' /dev/null"
        );
        let Some(process) = in_a_network(&site, &in_terminal) else {
            return;
        };
        let shown = process.await_stdout("the banner", |shown| {
            shown.contains("stops it").then(|| shown.replace('\r', ""))
        });
        let lines: Vec<_> = shown
            .lines()
            .filter(|line| {
                line.contains('\u{2580}')
                    || line.contains("\x1b[48;5;231m")
                    || line.contains("\u{2588}\u{2588}")
            })
            .collect();
        assert!(lines.len() > 12, "{shown}");
        for (theme, foreground, background) in [("dark", 229, 30), ("light", 30, 250)] {
            let path: PathBuf = site.outside(format!("{theme}.pgm"));
            fs::write(&path, picture(&lines, foreground, background)).unwrap();
            assert_eq!(
                read_code(&path),
                "http://192.0.2.2:8080/\n",
                "{theme}, {variables}"
            );
        }
    }
}

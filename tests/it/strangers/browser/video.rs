//! A one-minute video, red in its first half and blue in its second. The halves are far apart in a
//! file of 48 MiB, so a player that shows the end without reading everything must request a range.
//!
//! It is a `WebM` file (<https://www.matroska.org/technical/elements.html>) with two pictures, each
//! 16 pixels square, and holes between its clusters.

use std::{fs::File, os::unix::fs::FileExt, path::Path};

pub(crate) const SECONDS: u32 = 60;

/// The earliest offset of the second half in the file.
pub(crate) const SECOND_HALF: u64 = CLUSTERS / 2 * VOID;

pub(crate) fn write(path: &Path) {
    let info = [
        unsigned(&[0x2A, 0xD7, 0xB1], NANOSECONDS_A_TICK),
        element(&[0x44, 0x89], &(f64::from(SECONDS) * 1000.0).to_be_bytes()),
        element(&[0x4D, 0x80], b"millpond"),
        element(&[0x57, 0x41], b"millpond"),
    ];
    let size = [unsigned(&[0xB0], 16), unsigned(&[0xBA], 16)];
    let track = [
        unsigned(&[0xD7], 1),
        unsigned(&[0x73, 0xC5], 1),
        // The type: video.
        unsigned(&[0x83], 1),
        element(&[0x86], b"V_VP8"),
        element(&[0xE0], &size.concat()),
    ];
    let track = element(&[0xAE], &track.concat());
    let mut start = element(&[0x15, 0x49, 0xA9, 0x66], &info.concat());
    start.extend(element(&[0x16, 0x54, 0xAE, 0x6B], &track));
    // Every number has the same length, so the length of the cues is known in advance.
    let first = start.len() as u64 + cues(0).len() as u64;
    start.extend(cues(first));

    let file = File::create(path).expect("a file can be made");
    let clusters: Vec<_> = (0..CLUSTERS).map(cluster).collect();
    let length = first + CLUSTERS * VOID;
    let mut head = ebml();
    head.extend([0x18, 0x53, 0x80, 0x67]);
    head.extend(sized(length));
    let segment = head.len() as u64;
    head.extend(start);
    let write = |bytes: &[u8], at| file.write_all_at(bytes, at).expect("it can be written");
    write(&head, 0);
    for (number, cluster) in (0..).zip(&clusters) {
        let at = segment + first + number * VOID;
        let length = cluster.len() as u64;
        write(cluster, at);
        // A void element, of which only the length is written.
        let mut void = vec![0xEC];
        void.extend(sized(VOID - length - 9));
        write(&void, at + length);
    }
    file.set_len(segment + length).expect("a length can be set");
}

fn ebml() -> Vec<u8> {
    let fields = [
        unsigned(&[0x42, 0x86], 1),
        unsigned(&[0x42, 0xF7], 1),
        unsigned(&[0x42, 0xF2], 4),
        unsigned(&[0x42, 0xF3], 8),
        element(&[0x42, 0x82], b"webm"),
        unsigned(&[0x42, 0x87], 2),
        unsigned(&[0x42, 0x85], 2),
    ];
    element(&[0x1A, 0x45, 0xDF, 0xA3], &fields.concat())
}

/// Returns the cues with the offset of each cluster, starting at `first`.
fn cues(first: u64) -> Vec<u8> {
    let point = |number: u64| {
        let track = unsigned(&[0xF7], 1);
        let place = unsigned(&[0xF1], first + number * VOID);
        let positions = element(&[0xB7], &[track, place].concat());
        let time = unsigned(&[0xB3], number * CLUSTER_SECONDS * 1000);
        element(&[0xBB], &[time, positions].concat())
    };
    let points: Vec<_> = (0..CLUSTERS).map(point).collect();
    element(&[0x1C, 0x53, 0xBB, 0x6B], &points.concat())
}

/// Returns a cluster with a picture for each second.
fn cluster(number: u64) -> Vec<u8> {
    let picture: &[u8] = if number < CLUSTERS / 2 { &RED } else { &BLUE };
    let mut content = unsigned(&[0xE7], number * CLUSTER_SECONDS * 1000);
    for second in 0..u16::try_from(CLUSTER_SECONDS).expect("it is small") {
        let [high, low] = (second * 1000).to_be_bytes();
        // In the first track, as a key frame.
        let block = [&[0x81, high, low, 0x80], picture].concat();
        content.extend(element(&[0xA3], &block));
    }
    element(&[0x1F, 0x43, 0xB6, 0x75], &content)
}

fn unsigned(id: &[u8], number: u64) -> Vec<u8> {
    element(id, &number.to_be_bytes())
}

fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    [id, &sized(content.len() as u64), content].concat()
}

/// Returns a size in its longest form.
fn sized(length: u64) -> [u8; 8] {
    (length | 1 << 56).to_be_bytes()
}

const CLUSTERS: u64 = 6;
const CLUSTER_SECONDS: u64 = SECONDS as u64 / CLUSTERS;
const NANOSECONDS_A_TICK: u64 = 1_000_000;

/// The distance between the starts of two clusters.
const VOID: u64 = 8 << 20;

/// Key frames of VP8, made by a browser.
const RED: [u8; 42] = [
    0x90, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x02, 0xc0, 0x4c, 0x25, 0xa0, 0x02,
    0x74, 0xba, 0x00, 0x03, 0x98, 0x00, 0xfe, 0xeb, 0x8e, 0x5f, 0xa1, 0x46, 0xca, 0x26, 0x29, 0xff,
    0xf2, 0xcf, 0xfd, 0xf2, 0x7b, 0xe4, 0xe1, 0x00, 0x00, 0x00,
];
const BLUE: [u8; 40] = [
    0x90, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x02, 0xc0, 0x4c, 0x25, 0xa0, 0x02,
    0x74, 0xba, 0x00, 0x03, 0x98, 0x00, 0xfe, 0xef, 0x51, 0x2f, 0xfe, 0x59, 0xff, 0x9f, 0xdf, 0x17,
    0x78, 0xf7, 0xf5, 0xe7, 0xa9, 0x8b, 0x70, 0x00,
];

//! Requests for several ranges, and the parts in the responses (RFC 9110 §14.6, §15.3.7.2).

use crate::ranged::{LENGTH, Outcome, Subject, assert_outcomes};
use crate::support::{Server, Site};
use std::fs::File;

#[test]
fn several_ranges_are_sent_in_the_requested_order() {
    assert_outcomes(&[
        ("bytes=0-9,20-29", Ok(&[(0, 9), (20, 29)])),
        ("bytes=20-29,0-9", Ok(&[(20, 29), (0, 9)])),
        ("bytes=-10,0-9", Ok(&[(-10, -1), (0, 9)])),
        (
            "bytes=300-309, 0-9 ,\t100-109",
            Ok(&[(300, 309), (0, 9), (100, 109)]),
        ),
        ("bytes=0-9,,20-29", Ok(&[(0, 9), (20, 29)])),
        ("bytes=0-9,99999999-,20-29", Ok(&[(0, 9), (20, 29)])),
    ]);
}

#[test]
fn overlapping_and_touching_ranges_are_merged() {
    assert_outcomes(&[
        ("bytes=0-9,10-19", Ok(&[(0, 19)])),
        ("bytes=10-19,0-9", Ok(&[(0, 19)])),
        ("bytes=0-9,11-19", Ok(&[(0, 9), (11, 19)])),
        ("bytes=50-59,0-9,60-69,10-19", Ok(&[(50, 69), (0, 19)])),
        ("bytes=0-9,20-29,10-19", Ok(&[(0, 29)])),
        ("bytes=-100,100-109,110-", Ok(&[(100, -1)])),
        ("bytes=0-9,5-14", Ok(&[(0, 14)])),
        ("bytes=5-14,0-9", Ok(&[(0, 14)])),
        ("bytes=0-9,0-9", Ok(&[(0, 9)])),
        ("bytes=0-99,10-19", Ok(&[(0, 99)])),
        ("bytes=100-109,0-9,105-114", Ok(&[(100, 114), (0, 9)])),
        ("bytes=0-,0-,0-,0-", Ok(&[(0, -1)])),
        ("bytes=0-9,20-29,5-24", Ok(&[(0, 29)])),
    ]);
}

#[test]
fn one_satisfiable_range_among_several_is_sent_alone() {
    // RFC 9110 §15.3.7.2: a multipart message of one part has no benefit.
    let subject = Subject::of_length(LENGTH);
    let response = subject.get("bytes=99999-,0-9");
    assert_eq!(
        (response.status, response.field("content-range")),
        (206, Some("bytes 0-9/1000"))
    );
}

#[test]
fn up_to_256_ranges_are_served_and_more_give_the_whole() {
    // One file that is held in memory, and one that is not, whose parts are read as they are sent.
    for length in [50_000, 1_000_000] {
        let subject = Subject::of_length(length);
        let step = length / 600;
        let set = |count: usize| {
            let ranges: Vec<_> = (0..count)
                .map(|n| format!("{}-{}", n * step, n * step + 9))
                .collect();
            format!("bytes={}", ranges.join(","))
        };
        for count in [16, 17, 60, 120, 256] {
            let parts = (0..count).map(|n| (n * step, n * step + 9)).collect();
            assert_eq!(subject.outcome(&set(count)), Outcome::Parts(parts));
        }
        for count in [257, 600] {
            assert_eq!(subject.outcome(&set(count)), Outcome::Status(200));
        }
    }
}

#[test]
fn parts_from_memory_and_parts_from_the_file_are_sent_in_order() {
    // Parts above 8 KiB are sent from the file, and smaller ones are read first.
    let subject = Subject::of_length(3_000_000);
    let lengths = [1, 8192, 8193, 100_000, 2, 40_000, 8191];
    let (mut ranges, mut parts) = (Vec::new(), Vec::new());
    for n in 0..140 {
        let first = n * 21_000;
        let last = first + lengths[n % lengths.len()].min(20_000) - 1;
        ranges.push(format!("{first}-{last}"));
        parts.push((first, last));
    }
    let set = format!("bytes={}", ranges.join(","));
    assert_eq!(subject.outcome(&set), Outcome::Parts(parts));
    let mut backwards = ranges.clone();
    backwards.reverse();
    let Outcome::Parts(found) = subject.outcome(&format!("bytes={}", backwards.join(","))) else {
        panic!("no parts");
    };
    assert!(found.is_sorted_by(|before, after| before > after));
}

#[test]
fn responses_to_ranges_are_never_much_larger_than_the_file() {
    for length in [1000_usize, 10_000, 200_000, 3_000_000] {
        let subject = Subject::of_length(length);
        let set = |range: &dyn Fn(usize) -> String| {
            let ranges: Vec<_> = (0..256).map(range).collect();
            format!("bytes={}", ranges.join(","))
        };
        let gap = (length / 256).max(2);
        for set in [
            // The same range many times, the whole file and almost the whole file in turn, and
            // small ranges with gaps.
            set(&|_| "0-".to_owned()),
            set(&|_| format!("-{length}")),
            set(&|n| format!("{n}-")),
            set(&|n| format!("0-{}", length - n - 1)),
            set(&|n| format!("{}-{}", n * gap, n * gap)),
            set(&|n| format!("{}-{}", n * gap, n * gap + gap - 2)),
            set(&|n| format!("{}-{}", n * gap, n * gap + gap - 1)),
        ] {
            let response = subject.get(&set);
            let bytes = response.content.len();
            assert!(
                bytes <= length * 4 + 8 * 1024,
                "{bytes} bytes of {length}: {set}"
            );
            if response.status == 200 {
                assert!(response.content == subject.content);
            } else {
                subject.outcome(&set);
            }
        }
    }
}

#[test]
fn memory_stays_flat_for_any_combination_of_ranges() {
    let site = Site::new();
    File::create(site.path("huge.bin"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let server = Server::start(site.root());
    let wide = (0..256).map(|n| format!("{}-{}", n << 22, ((n + 1) << 22) - 2));
    // Each is short enough to be read, and together they have 2 MiB.
    let short = (0..256).map(|n| format!("{}-{}", n << 22, (n << 22) + 8191));
    let join = |ranges: &mut dyn Iterator<Item = String>| ranges.collect::<Vec<_>>().join(",");
    let sets = [
        join(&mut wide.into_iter()),
        join(&mut short.into_iter()),
        ["0-"; 256].join(","),
    ];
    let mut clients = Vec::new();
    for set in sets {
        for _ in 0..30 {
            let mut client = server.connect();
            let head = "GET /huge.bin HTTP/1.1\r\nHost: a\r\n";
            client
                .send(format!("{head}Range: bytes={set}\r\n\r\n"))
                .await_bytes(100_000);
            clients.push(client);
        }
    }
    let kibibytes = server.peak_memory_kib();
    println!("{kibibytes} KiB at the peak");
    assert!(kibibytes < 24 * 1024, "{kibibytes} KiB at the peak");
}

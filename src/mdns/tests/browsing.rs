//! Finding the services of other machines.

use super::*;
use crate::mdns::Browser;
use simple_dns::rdata::{PTR, SRV, TXT};

/// Lets a browser and the machines of a network exchange packets for this many milliseconds.
fn browse(lan: &mut Lan, millis: u64) -> Browser {
    let mut browser = Browser::new(lan.now, 5);
    browser.set_link(LINK, network(99));
    let end = lan.now + Duration::from_millis(millis);
    while lan.now < end {
        browser.advance(lan.now);
        for Transmit { packet, .. } in browser.take_transmits() {
            let packet = Packet::parse(&packet).unwrap();
            lan.say(&packet, "192.0.2.99:5353");
        }
        lan.pass(10);
        for heard in lan.take_heard() {
            let from = lan.machines[heard.from].address;
            browser.receive(&heard.packet, &arrival(from, true));
        }
    }
    browser
}

#[test]
fn all_servers_are_found_with_their_addresses() {
    let mut lan = Lan::new();
    lan.join("millpond", 1);
    lan.join("lake", 2);
    lan.pass(60_000);
    lan.take_heard();
    let found = browse(&mut lan, 1_000).found();
    let names: Vec<_> = found
        .iter()
        .map(|it| (it.name.as_str(), it.host.as_str()))
        .collect();
    assert_eq!(
        names,
        [("lake", "lake.local"), ("millpond", "millpond.local")]
    );
    for (found, number) in found.iter().zip([2, 1]) {
        assert_eq!(found.port, 8080);
        assert_eq!(found.addresses, [ip(number)]);
        assert_eq!(
            (found.path.as_str(), found.text.as_slice()),
            ("/", &["path=/".to_owned()][..])
        );
    }
}

#[test]
fn a_server_that_says_goodbye_is_removed() {
    let mut lan = Lan::new();
    let machine = lan.join("millpond", 1);
    lan.pass(3_000);
    lan.take_heard();
    let mut browser = browse(&mut lan, 1_000);
    assert_eq!(browser.found().len(), 1);
    lan.goodbye(machine);
    let heard = lan.take_heard();
    browser.receive(
        &heard[0].packet,
        &arrival("192.0.2.1:5353".parse().unwrap(), true),
    );
    assert_eq!(browser.found(), []);
}

#[test]
fn records_that_a_pointer_lacks_are_requested() {
    let mut browser = Browser::new(Lan::new().now, 5);
    browser.set_link(LINK, network(99));
    let from = arrival("192.0.2.7:5353".parse().unwrap(), true);
    let hear = |browser: &mut Browser, record| {
        let packet = response(vec![record]).build_bytes_vec().unwrap();
        browser.receive(&packet, &from);
    };
    let pointer = RData::PTR(PTR(name("a._http._tcp.local")));
    hear(&mut browser, record("_http._tcp.local", 4500, pointer));
    assert_eq!(browser.found(), [], "nobody knows where it is");
    let asked = |browser: &mut Browser| {
        browser.advance(browser.deadline().unwrap());
        let packets = browser.take_transmits();
        let mut asked: Vec<_> = packets
            .iter()
            .flat_map(|it| Packet::parse(&it.packet).unwrap().into_reply().questions)
            .map(|it| format!("{} {:?}", it.qname, it.qtype))
            .collect();
        asked.sort();
        asked
    };
    let kinds = ["_http._tcp.local TYPE(PTR)", "_https._tcp.local TYPE(PTR)"];
    let expected = [
        "a._http._tcp.local TYPE(SRV)",
        "a._http._tcp.local TYPE(TXT)",
    ];
    assert_eq!(asked(&mut browser), [&kinds[..], &expected[..]].concat());
    let location = RData::SRV(SRV {
        priority: 0,
        weight: 0,
        port: 80,
        target: name("h.local"),
    });
    hear(&mut browser, record("a._http._tcp.local", 120, location));
    let mut text = TXT::new();
    text.add_string("PATH=app/").unwrap();
    text.add_string("word").unwrap();
    hear(
        &mut browser,
        record("a._http._tcp.local", 4500, RData::TXT(text)),
    );
    let expected = ["h.local TYPE(A)", "h.local TYPE(AAAA)"];
    assert_eq!(asked(&mut browser), [&kinds[..], &expected[..]].concat());
    let found = browser.found();
    assert_eq!(found[0].path, "/app/");
    assert_eq!(found[0].text, ["PATH=app/", "word"]);
}

#[test]
fn a_flood_of_names_is_limited_and_packets_from_elsewhere_are_ignored() {
    let mut browser = Browser::new(Lan::new().now, 5);
    browser.set_link(LINK, network(99));
    for number in 0..2000 {
        let instance = format!("{number}._http._tcp.local");
        let pointer = RData::PTR(PTR(name(&instance)));
        let location = RData::SRV(SRV {
            priority: 0,
            weight: 0,
            port: 80,
            target: name("h.local"),
        });
        let records = vec![
            record("_http._tcp.local", 4500, pointer),
            record(&instance, 120, location),
        ];
        let packet = response(records).build_bytes_vec().unwrap();
        let from = if number == 0 {
            "198.51.100.1:5353"
        } else {
            "192.0.2.7:5353"
        };
        browser.receive(&packet, &arrival(from.parse().unwrap(), true));
    }
    let found = browser.found();
    assert_eq!(found.len(), 256);
    assert!(!found.iter().any(|it| it.name == "0"));
}

//! Packets from a stranger on the link, valid or not, at any time. The packets sent in return are
//! few, valid, and stay on the link. The name is lost only to a machine that claims it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond::mdns::{Arrival, Browser, LinkId, Network, Responder, Service, ServiceKind};
use std::time::{Duration, Instant};

const LINK: LinkId = LinkId(2);

fuzz_target!(|input: &[u8]| {
    let begin = Instant::now();
    let mut now = begin;
    let services = ServiceKind::ALL.map(|kind| Service { kind, port: 8080 });
    let mut responder = Responder::new("millpond", services.into(), 1);
    let network = Network {
        networks: vec![
            "192.0.2.1/24".parse().unwrap(),
            "2001:db8::1/64".parse().unwrap(),
        ],
        announced: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
    };
    responder.set_link(LINK, network.clone(), now);
    let mut browser = Browser::new(now, 1);
    browser.set_link(LINK, network);
    let mut rest = input;
    let mut sent = 0;
    // Each packet follows one byte for the time that passes, one for its sender, and two for its
    // length.
    while let Some(([time, sender, length @ ..], after)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]) % 2048);
        let (packet, after) = after.split_at(length.min(after.len()));
        rest = after;
        now += Duration::from_millis(u64::from(*time) * 16);
        let from = match sender % 4 {
            0 => "192.0.2.9:5353",
            1 => "192.0.2.9:40000",
            2 => "[2001:db8::9]:5353",
            _ => "198.51.100.9:5353",
        };
        let arrival = Arrival {
            link: LINK,
            from: from.parse().unwrap(),
            is_multicast: sender & 4 == 0,
        };
        let label = responder.label().to_owned();
        responder.advance(now);
        responder.receive(packet, &arrival, now);
        browser.advance(now);
        browser.receive(packet, &arrival);
        if sender % 4 == 3 || sender % 4 == 1 {
            assert_eq!(
                label,
                responder.label(),
                "a name is lost to responses of the link alone"
            );
        }
        for transmit in responder
            .take_transmits()
            .into_iter()
            .chain(browser.take_transmits())
        {
            sent += 1;
            assert!(
                !transmit.packet.is_empty() && transmit.packet.len() <= 1472,
                "it fits"
            );
            assert!(
                transmit
                    .to
                    .is_none_or(|to| to == arrival.from && sender % 4 != 3)
            );
            // A packet that one machine sends can be parsed by another.
            let own = Arrival {
                link: LINK,
                from: "192.0.2.1:5353".parse().unwrap(),
                is_multicast: true,
            };
            responder.receive(&transmit.packet, &own, now);
        }
        responder.take_transmits();
    }
    // Three probes, two announcements and a goodbye, and for each packet one to the group and one
    // to its sender.
    let packets = input.len() / 4 + 1;
    assert!(sent <= 8 + 16 * packets, "{sent} for {packets}");
    assert!(browser.found().len() <= 256);
    responder.say_goodbye();
    assert!(responder.take_transmits().len() <= 1);
});

//! Claiming a name, losing it, and giving it back.

use super::*;
use simple_dns::rdata::{A, PTR, SRV};
use std::net::Ipv4Addr;

fn address(number: u8) -> RData<'static> {
    RData::A(A::from(Ipv4Addr::new(192, 0, 2, number)))
}

#[test]
fn a_name_is_probed_three_times_and_then_announced_twice() {
    let mut lan = Lan::new();
    lan.join("millpond", 1);
    lan.pass(10_000);
    let heard = lan.take_heard();
    let times: Vec<_> = heard.iter().map(|it| it.at).collect();
    let [first, ..] = times[..] else {
        panic!("nothing was sent")
    };
    assert!(first < 250, "{times:?}");
    let after = |millis: u64| first + millis;
    assert_eq!(
        times,
        [first, after(250), after(500), after(750), after(1750)]
    );
    for probe in &heard[..3] {
        let packet = probe.read();
        assert!(!probe.is_response());
        let asked: Vec<_> = packet
            .questions
            .iter()
            .map(|it| it.qname.to_string())
            .collect();
        assert_eq!(asked, ["millpond._http._tcp.local", "millpond.local"]);
        assert!(packet.questions.iter().all(|it| it.qtype == QTYPE::ANY));
        let mut proposed: Vec<_> = packet.name_servers.iter().map(describe).collect();
        proposed.sort();
        assert_eq!(
            proposed,
            [
                "millpond._http._tcp.local SRV 120",
                "millpond._http._tcp.local TXT 4500",
                "millpond.local A 120"
            ]
        );
    }
    for announcement in &heard[3..] {
        assert!(announcement.is_response());
        assert_eq!(
            announcement.answers(),
            [
                "_http._tcp.local PTR 4500",
                "_services._dns-sd._udp.local PTR 4500",
                "millpond._http._tcp.local NSEC 4500 flush",
                "millpond._http._tcp.local SRV 120 flush",
                "millpond._http._tcp.local TXT 4500 flush",
                "millpond.local A 120 flush",
                "millpond.local NSEC 120 flush",
            ]
        );
    }
}

#[test]
fn the_second_machine_takes_the_next_name_and_the_first_keeps_its_own() {
    let mut lan = Lan::new();
    let first = lan.join("millpond", 1);
    lan.pass(3_000);
    let second = lan.join("Millpond", 2);
    let third = lan.join("millpond", 3);
    lan.pass(10_000);
    assert_eq!(lan.label(first), "millpond");
    let mut others = [
        lan.label(second).to_lowercase(),
        lan.label(third).to_owned(),
    ];
    others.sort();
    assert_eq!(others, ["millpond-2", "millpond-3"]);
}

#[test]
fn of_two_simultaneous_probes_the_one_with_the_later_records_wins() {
    for (one, other) in [(1, 2), (2, 1)] {
        let mut lan = Lan::new();
        let one = lan.join("millpond", one);
        let other = lan.join("millpond", other);
        lan.pass(10_000);
        let winner = if lan.machines[one].address.ip() == ip(2) {
            [lan.label(one), lan.label(other)]
        } else {
            [lan.label(other), lan.label(one)]
        };
        assert_eq!(winner, ["millpond", "millpond-2"]);
    }
}

#[test]
fn a_contradiction_causes_another_probe_and_its_answer_a_new_name() {
    let mut lan = Lan::new();
    let machine = lan.join("millpond", 1);
    lan.pass(5_000);
    lan.take_heard();
    lan.say(
        &response(vec![record("millpond.local", 120, address(9))]),
        "192.0.2.9:5353",
    );
    lan.pass(100);
    let heard = lan.take_heard();
    assert!(
        heard.len() == 1 && !heard[0].is_response(),
        "a probe: {heard:?}"
    );
    assert_eq!(lan.label(machine), "millpond");
    lan.say(
        &response(vec![record("millpond.local", 120, address(9))]),
        "192.0.2.9:5353",
    );
    assert_eq!(lan.label(machine), "millpond-2");
    // It does not answer for its former name, which another machine has by now.
    lan.pass(5_000);
    let answers: Vec<_> = lan
        .take_heard()
        .iter()
        .filter(|it| it.is_response())
        .flat_map(Heard::answers)
        .collect();
    assert!(
        answers
            .iter()
            .any(|it| it.starts_with("millpond-2.local A"))
    );
    assert!(!answers.iter().any(|it| it.starts_with("millpond.local")));
}

#[test]
fn goodbyes_copies_and_other_types_of_records_are_no_conflicts() {
    let mut lan = Lan::new();
    let machine = lan.join("millpond", 1);
    lan.pass(5_000);
    for data in [(0, address(9)), (120, address(1))] {
        lan.say(
            &response(vec![record("millpond.local", data.0, data.1)]),
            "192.0.2.9:5353",
        );
    }
    let pointer = RData::PTR(PTR(name("another._http._tcp.local")));
    lan.say(
        &response(vec![record("_http._tcp.local", 4500, pointer)]),
        "192.0.2.9:5353",
    );
    lan.pass(5_000);
    assert_eq!(lan.label(machine), "millpond");
    assert!(lan.machines[machine].responder.is_settled());
}

#[test]
fn responses_from_elsewhere_or_from_another_port_change_nothing() {
    let mut lan = Lan::new();
    let machine = lan.join("millpond", 1);
    lan.pass(300);
    let taken = || response(vec![record("millpond.local", 120, address(9))]);
    for from in ["198.51.100.1:5353", "192.0.2.9:5354", "[fe80::1]:5353"] {
        lan.say(&taken(), from);
        assert_eq!(lan.label(machine), "millpond", "{from}");
    }
    lan.say(&taken(), "192.0.2.9:5353");
    assert_eq!(lan.label(machine), "millpond-2");
}

#[test]
fn two_servers_of_one_machine_share_its_addresses_and_not_the_instance() {
    let mut lan = Lan::new();
    let first = lan.join("millpond", 1);
    lan.pass(3_000);
    let services = vec![Service {
        kind: ServiceKind::Http,
        port: 8081,
    }];
    let mut responder = Responder::new("millpond", services, 77);
    responder.set_link(LINK, network(1), lan.now);
    let address = lan.machines[first].address;
    lan.machines.push(Machine { responder, address });
    lan.pass(5_000);
    assert_eq!([lan.label(0), lan.label(1)], ["millpond", "millpond-2"]);
}

#[test]
fn after_a_restart_the_new_server_keeps_the_name_despite_the_goodbye() {
    let mut lan = Lan::new();
    let old = lan.join("millpond", 1);
    lan.pass(3_000);
    let new = lan.join("millpond", 1);
    lan.pass(3_000);
    assert_eq!([lan.label(old), lan.label(new)], ["millpond", "millpond"]);
    lan.take_heard();
    lan.goodbye(old);
    lan.pass(3_000);
    let heard = lan.take_heard();
    let [goodbye, saved] = &heard[..] else {
        panic!("a goodbye and what is kept: {heard:?}")
    };
    assert!(goodbye.answers().iter().all(|it| it.contains(" 0")));
    assert_eq!(saved.from, new);
    assert!(saved.at - goodbye.at < 1000, "before others forget it");
    assert!(
        saved
            .answers()
            .iter()
            .any(|it| it.starts_with("millpond.local A 120"))
    );
}

#[test]
fn at_the_end_everything_is_withdrawn_and_nothing_else_is_sent() {
    let mut lan = Lan::new();
    let machine = lan.join("millpond", 1);
    lan.goodbye(machine);
    assert_eq!(lan.take_heard().len(), 0, "nothing was ever said");
    let machine = lan.join("millpond", 2);
    lan.pass(5_000);
    lan.take_heard();
    lan.goodbye(machine);
    lan.say(
        &query(vec![question("millpond.local", TYPE::A)]),
        "192.0.2.9:5353",
    );
    lan.pass(5_000);
    let heard = lan.take_heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].answers().len(), 7);
    assert!(heard[0].read().answers.iter().all(|it| it.ttl == 0));
}

#[test]
fn a_changed_network_is_announced_and_a_new_one_is_probed_first() {
    let mut lan = Lan::new();
    let machine = lan.join("millpond", 1);
    lan.pass(5_000);
    lan.take_heard();
    let now = lan.now;
    lan.machines[machine]
        .responder
        .set_link(LINK, network(7), now);
    lan.pass(3_000);
    let heard = lan.take_heard();
    assert_eq!(heard[0].answers(), ["millpond.local A 0 flush"]);
    assert!(heard[0].read().answers[0].rdata == address(1));
    let announced = |it: &Heard| it.read().answers.iter().any(|it| it.rdata == address(7));
    assert_eq!(heard[1..].iter().filter(|it| announced(it)).count(), 2);
    let now = lan.now;
    let responder = &mut lan.machines[machine].responder;
    responder.remove_link(LINK);
    assert_eq!(responder.deadline(), None);
    responder.set_link(LINK, network(1), now);
    assert!(!responder.is_settled());
}

#[test]
fn fifteen_conflicts_cause_a_pause_of_five_seconds() {
    let mut lan = Lan::new();
    let machine = lan.join("millpond", 1);
    for _ in 0..15 {
        let host = format!("{}.local", lan.label(machine));
        lan.say(
            &response(vec![record(&host, 120, address(9))]),
            "192.0.2.9:5353",
        );
    }
    assert_eq!(lan.label(machine), "millpond-16");
    lan.take_heard();
    lan.pass(4_900);
    assert_eq!(lan.take_heard().len(), 0);
    lan.pass(5_000);
    assert!(lan.machines[machine].responder.is_settled());
}

#[test]
fn another_host_of_the_same_instance_is_a_conflict() {
    let mut lan = Lan::new();
    let machine = lan.join("millpond", 1);
    lan.pass(300);
    let location = RData::SRV(SRV {
        priority: 0,
        weight: 0,
        port: 8080,
        target: name("other.local"),
    });
    let taken = response(vec![record("MILLPOND._http._tcp.local", 120, location)]);
    lan.say(&taken, "192.0.2.9:5353");
    assert_eq!(lan.label(machine), "millpond-2");
}

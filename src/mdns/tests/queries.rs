//! Queries, and their answers.

use super::*;
use simple_dns::rdata::{A, PTR};
use std::net::Ipv4Addr;

const ASKER: &str = "192.0.2.9:5353";

/// Creates a network with a machine that has had its name for a minute.
fn settled() -> Lan {
    let mut lan = Lan::new();
    lan.join("millpond", 1);
    lan.pass(60_000);
    lan.take_heard();
    lan
}

fn pointer(target: &str) -> RData<'_> {
    RData::PTR(PTR(name(target)))
}

#[test]
fn answers_go_to_the_group_with_the_records_needed_next() {
    let mut lan = settled();
    lan.say(&query(vec![question("_http._tcp.local", TYPE::PTR)]), ASKER);
    assert!(lan.take_heard().is_empty(), "others may answer, too");
    lan.pass(120);
    let heard = lan.take_heard();
    assert_eq!((heard.len(), heard[0].to), (1, None));
    assert_eq!(heard[0].answers(), ["_http._tcp.local PTR 4500"]);
    let packet = heard[0].read();
    let mut additional: Vec<_> = packet.additional_records.iter().map(describe).collect();
    additional.sort();
    assert_eq!(
        additional,
        [
            "millpond._http._tcp.local NSEC 4500 flush",
            "millpond._http._tcp.local SRV 120 flush",
            "millpond._http._tcp.local TXT 4500 flush",
            "millpond.local A 120 flush",
            "millpond.local NSEC 120 flush"
        ]
    );
    assert_eq!(packet.id(), 0);
    assert!(packet.questions.is_empty());
}

#[test]
fn unique_records_are_answered_at_once_in_any_case() {
    let mut lan = settled();
    lan.say(&query(vec![question("MillPond.LOCAL", TYPE::A)]), ASKER);
    let heard = lan.take_heard();
    assert_eq!(heard[0].answers(), ["millpond.local A 120 flush"]);
}

#[test]
fn missing_records_of_ours_are_denied_and_other_names_are_ignored() {
    let mut lan = settled();
    lan.say(&query(vec![question("millpond.local", TYPE::AAAA)]), ASKER);
    assert_eq!(
        lan.take_heard()[0].answers(),
        ["millpond.local NSEC 120 flush"]
    );
    for name in [
        "other.local",
        "_ipp._tcp.local",
        "local",
        "a.millpond.local",
        ".",
    ] {
        lan.say(&query(vec![question(name, TYPE::A)]), ASKER);
    }
    let chaos = Question::new(
        name("millpond.local"),
        QTYPE::ANY,
        QCLASS::CLASS(CLASS::CH),
        false,
    );
    lan.say(&query(vec![chaos]), ASKER);
    lan.pass(1_000);
    assert!(lan.take_heard().is_empty());
}

#[test]
fn known_answers_are_not_sent_unless_they_expire_soon() {
    for (ttl, is_said) in [(4500, false), (2250, false), (2249, true), (0, true)] {
        let mut lan = settled();
        let mut packet = query(vec![question("_http._tcp.local", TYPE::PTR)]);
        let known = pointer("millpond._http._tcp.local");
        packet.answers = vec![record("_http._tcp.local", ttl, known)];
        lan.say(&packet, ASKER);
        lan.pass(200);
        assert_eq!(!lan.take_heard().is_empty(), is_said, "{ttl}");
    }
}

#[test]
fn further_packets_of_a_query_are_waited_for() {
    let question = || question("_http._tcp.local", TYPE::PTR);
    let mut first = query(vec![question()]);
    first.set_flags(PacketFlag::TRUNCATION);
    let mut second = query(Vec::new());
    let known = pointer("millpond._http._tcp.local");
    second.answers = vec![record("_http._tcp.local", 4500, known)];
    for (from, is_said) in [(ASKER, false), ("192.0.2.8:5353", true)] {
        let mut lan = settled();
        lan.say(&first, ASKER);
        lan.pass(399);
        assert!(lan.take_heard().is_empty());
        lan.say(&second, from);
        lan.pass(200);
        assert_eq!(!lan.take_heard().is_empty(), is_said, "{from}");
    }
}

#[test]
fn answers_just_sent_by_others_are_not_repeated() {
    let mut lan = settled();
    lan.say(
        &query(vec![question("_services._dns-sd._udp.local", TYPE::PTR)]),
        ASKER,
    );
    let kind = pointer("_http._tcp.local");
    let answer = response(vec![record("_services._dns-sd._udp.local", 4500, kind)]);
    lan.say(&answer, "192.0.2.8:5353");
    lan.pass(1_000);
    assert!(lan.take_heard().is_empty());
}

#[test]
fn a_record_is_sent_to_the_group_at_most_once_a_second() {
    let mut lan = settled();
    for _ in 0..300 {
        lan.say(&query(vec![question("millpond.local", TYPE::A)]), ASKER);
        lan.pass(10);
    }
    let times: Vec<_> = lan.take_heard().iter().map(|it| it.at - 60_000).collect();
    assert_eq!(times, [0, 1000, 2000, 3000]);
}

#[test]
fn unicast_answers_are_sent_if_all_others_know_the_record() {
    let mut lan = settled();
    let alone = || {
        let mut question = question("millpond.local", TYPE::A);
        question.unicast_response = true;
        let mut packet = query(vec![question]);
        packet.set_id(77);
        packet
    };
    // The lifetime of an address is two minutes, and it was sent a minute ago.
    lan.say(&alone(), ASKER);
    assert_eq!(lan.take_heard()[0].to, None);
    lan.pass(2_000);
    lan.say(&alone(), ASKER);
    let heard = lan.take_heard();
    assert_eq!(heard[0].to, Some(ASKER.parse().unwrap()));
    assert_eq!(heard[0].read().id(), 77);
    // A query to this machine alone asks for a direct answer, too.
    lan.send_packet(
        &query(vec![question("millpond.local", TYPE::A)]),
        ASKER,
        false,
    );
    assert_eq!(lan.take_heard()[0].to, Some(ASKER.parse().unwrap()));
}

#[test]
fn a_conventional_resolver_gets_a_conventional_answer() {
    let mut lan = settled();
    let mut packet = query(vec![question("millpond.local", TYPE::A)]);
    packet.set_id(4711);
    packet.questions[0].unicast_response = true;
    lan.say(&packet, "192.0.2.9:40000");
    let heard = lan.take_heard();
    assert_eq!(heard[0].to, Some("192.0.2.9:40000".parse().unwrap()));
    assert_eq!(heard[0].answers(), ["millpond.local A 10"]);
    let answer = heard[0].read();
    assert_eq!(answer.id(), 4711);
    assert_eq!(answer.questions.len(), 1);
    assert!(!answer.questions[0].unicast_response);
    let all = answer.answers.iter().chain(&answer.additional_records);
    assert!(all.into_iter().all(|it| it.ttl <= 10 && !it.cache_flush));
    lan.say(
        &query(vec![question("millpond.local", TYPE::AAAA)]),
        "192.0.2.9:40000",
    );
    assert!(lan.take_heard().is_empty(), "there is nothing to say");
}

#[test]
fn unicast_answers_are_few_and_none_leaves_the_link() {
    let mut lan = settled();
    for _ in 0..1000 {
        lan.say(
            &query(vec![question("millpond.local", TYPE::A)]),
            "192.0.2.9:40000",
        );
    }
    assert_eq!(lan.take_heard().len(), 20);
    lan.pass(1_000);
    for from in ["198.51.100.1:40000", "203.0.113.5:5353"] {
        lan.say(&query(vec![question("millpond.local", TYPE::A)]), from);
        lan.pass(1_000);
        assert!(lan.take_heard().is_empty(), "{from}");
    }
}

#[test]
fn a_probe_for_a_name_of_ours_is_answered_in_time() {
    let mut lan = settled();
    let ask = || {
        let any = Question::new(
            name("millpond.local"),
            QTYPE::ANY,
            QCLASS::CLASS(CLASS::IN),
            true,
        );
        let mut packet = query(vec![any]);
        let theirs = RData::A(A::from(Ipv4Addr::new(192, 0, 2, 200)));
        packet.name_servers = vec![record("millpond.local", 120, theirs)];
        packet
    };
    lan.say(&ask(), ASKER);
    assert_eq!(
        lan.take_heard()[0].answers(),
        ["millpond.local A 120 flush"]
    );
    lan.pass(250);
    let mut again = ask();
    again.questions[0].unicast_response = false;
    lan.say(&again, ASKER);
    assert_eq!(
        lan.take_heard().len(),
        1,
        "a quarter of a second later again"
    );
    assert_eq!(lan.label(0), "millpond");
}

#[test]
fn nothing_is_answered_before_the_name_is_ours() {
    let mut lan = Lan::new();
    lan.join("millpond", 1);
    lan.say(&query(vec![question("millpond.local", TYPE::A)]), ASKER);
    lan.pass(400);
    assert!(!lan.take_heard().iter().any(Heard::is_response));
}

#[test]
fn invalid_packets_are_dropped() {
    let mut lan = settled();
    let packet = query(vec![question("millpond.local", TYPE::A)]);
    let whole = packet.build_bytes_vec().unwrap();
    let from = arrival(ASKER.parse().unwrap(), true);
    let responder = &mut lan.machines[0].responder;
    for end in 0..whole.len() {
        responder.receive(&whole[..end], &from, lan.now);
    }
    for code in [0x08, 0x78] {
        let mut other = whole.clone();
        other[2] |= code;
        responder.receive(&other, &from, lan.now);
    }
    let mut failed = whole.clone();
    failed[3] |= 3;
    responder.receive(&failed, &from, lan.now);
    assert!(responder.take_transmits().is_empty());
    responder.receive(&whole, &from, lan.now);
    assert_eq!(responder.take_transmits().len(), 1);
}

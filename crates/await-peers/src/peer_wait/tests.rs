//! A member against a real authority, with and without losses.

use proptest::prelude::*;
use quorate_core::laws::{Input, WALL_EPOCH, obey};
use quorate_core::{Channel, Destination, Output, Transmit};
use quorate_dns::{Authority, Name, RawConfig, RawZone, text};

use super::*;
use crate::turn::Probe;

const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 53);

fn config(host: &str) -> Config {
    Config {
        own: format!("http://{host}.lab:2380").parse().unwrap(),
        domain: "lab".into(),
        srv_name: None,
        servers: vec![SocketAddr::from(SERVER)],
    }
}

fn authority(records: &[String]) -> Authority {
    let zone = RawZone {
        name: "lab".into(),
        bootstrap: true,
        default_ttl_secs: None,
        primary_ns: "ns".into(),
        records: records.to_vec(),
    };
    let raw = RawConfig {
        zones: vec![zone],
        ..RawConfig::default()
    };
    Authority::new(quorate_dns::Config::new(&raw, Vec::new()).unwrap())
}

fn a(number: u8) -> String {
    format!("n{number} 60 IN A 10.0.0.1{number}")
}

fn srv(number: u8) -> String {
    format!("_etcd-server._tcp 60 IN SRV 0 0 2380 n{number}.lab.")
}

fn peer(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 10 + number], 2380))
}

/// A zone in which so many members are complete.
fn whole(members: u8) -> Vec<String> {
    (1..=members).flat_map(|n| [a(n), srv(n)]).collect()
}

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 11], 4_000);

fn from_server(channel: Channel, payload: &[u8]) -> Datagram<'_> {
    Datagram {
        source: SERVER.into(),
        destination: CLIENT.into(),
        channel,
        payload,
    }
}

fn answers(authority: &mut Authority, channel: Channel, query: &[u8], now: Now) -> Vec<Vec<u8>> {
    let query = Datagram {
        source: CLIENT.into(),
        destination: SERVER.into(),
        channel,
        payload: query,
    };
    authority.handle_datagram(query, now);
    std::iter::from_fn(|| authority.poll())
        .filter_map(|output| match output {
            Output::Transmit(transmit) => Some(transmit.payload),
            Output::Effect(_) | Output::Event(_) | Output::Write { .. } => None,
        })
        .collect()
}

type Fate = Box<dyn FnMut() -> bool>;

struct Bench {
    engine: PeerWait,
    authority: Authority,
    now: Instant,
    /// Decides about each question whether it is lost.
    lost: Fate,
    /// The server adds no addresses to its answers.
    terse: bool,
    questions: usize,
    looks: Vec<SocketAddr>,
    reasons: Vec<String>,
    verdict: Option<Verdict>,
}

impl Bench {
    fn new(host: &str, records: &[String]) -> Self {
        Self::beside(host, records, false)
    }

    fn beside(host: &str, records: &[String], terse: bool) -> Self {
        let mut bench = Self {
            engine: PeerWait::new(config(host), Seed::new(1)),
            authority: authority(records),
            now: Instant::ZERO,
            lost: Box::new(|| false),
            terse,
            questions: 0,
            looks: Vec::new(),
            reasons: Vec::new(),
            verdict: None,
        };
        bench.command(Command::Begin);
        bench
    }

    fn clocks(&self) -> Now {
        Now::new(self.now, WALL_EPOCH)
    }

    fn command(&mut self, command: Command) {
        self.engine.command(command, self.clocks());
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Transmit(Transmit {
                    destination,
                    payload,
                    ..
                }) => {
                    assert_eq!(destination, Destination::Udp(SocketAddr::from(SERVER)));
                    self.questions += 1;
                    if !(self.lost)() {
                        self.answer(Channel::Udp, &payload);
                    }
                }
                Output::Effect(Effect::AskByStream { id, payload, .. }) => {
                    self.answer(Channel::Stream(id), &payload);
                }
                Output::Effect(Effect::Probe { peer }) => self.looks.push(peer),
                Output::Event(Event::Waiting(reason)) => self.reasons.push(reason.to_string()),
                Output::Event(Event::Ended(verdict)) => {
                    assert_eq!(self.verdict, None, "it ends once");
                    self.verdict = Some(verdict);
                }
                Output::Write { write, .. } => match write {},
            }
        }
    }

    fn answer(&mut self, channel: Channel, payload: &[u8]) {
        let now = self.clocks();
        for mut answer in answers(&mut self.authority, channel, payload, now) {
            if self.terse {
                // RFC 1035 §4.1.1: ARCOUNT. What follows is not read.
                answer[10..12].fill(0);
            }
            self.engine
                .handle_datagram(from_server(channel, &answer), now);
        }
    }

    /// Lets deadlines come until something ends, or `until`.
    fn pass(&mut self, until: Duration) {
        while self.verdict.is_none()
            && let Some(deadline) = self.engine.poll_timeout()
            && deadline.at <= Instant::ZERO + until
        {
            self.now = deadline.at;
            self.engine.handle_timeout(self.clocks());
            self.drain();
        }
    }

    fn ready(&self) -> &Ready {
        match &self.verdict {
            Some(Verdict::Ready(ready)) => ready,
            other => panic!("{other:?} {:?}", self.reasons),
        }
    }
}

const LONG: Duration = Duration::from_secs(600);

#[test]
fn the_first_member_of_a_whole_set_begins_at_once_with_every_address() {
    let bench = Bench::new("n1", &whole(3));
    let ready = bench.ready();
    assert_eq!((ready.place, ready.members), (0, 3));
    let expected = (1..=3).map(|n| (format!("n{n}.lab"), Ipv4Addr::new(10, 0, 0, 10 + n)));
    assert_eq!(ready.addresses, expected.collect());
}

/// RFC 2782: a server should add the targets' addresses, and a client may use them.
#[test]
fn it_asks_only_for_addresses_that_did_not_come_with_the_set() {
    assert_eq!(Bench::new("n1", &whole(3)).questions, 1);
    let bench = Bench::beside("n1", &whole(3), true);
    assert_eq!(bench.questions, 4);
    assert_eq!(bench.verdict, Bench::new("n1", &whole(3)).verdict);
    let mut records = whole(3);
    records.retain(|record| *record != a(3));
    assert_eq!(Bench::new("n1", &records).questions, 2);
}

#[test]
fn of_several_addresses_the_first_counts_however_it_came() {
    let mut records = whole(2);
    records.push("n2 60 IN A 10.0.0.99".to_owned());
    let [added, asked] = [false, true].map(|terse| Bench::beside("n1", &records, terse));
    assert_eq!(added.ready(), asked.ready());
    assert_eq!(
        added.ready().addresses["n2.lab"],
        Ipv4Addr::new(10, 0, 0, 12)
    );
}

#[test]
fn it_waits_as_long_as_there_is_no_set() {
    let mut bench = Bench::new("n1", &[a(1)]);
    bench.pass(Duration::from_secs(100));
    assert_eq!(bench.verdict, None);
    assert!(
        bench.reasons[0].starts_with("for the SRV records of _etcd-server._tcp.lab:"),
        "{:?}",
        bench.reasons
    );
    bench.authority = authority(&whole(3));
    let began = bench.now;
    bench.pass(LONG);
    assert_eq!(bench.ready().place, 0);
    assert!(bench.now.since(began) < Duration::from_secs(2));
}

/// What etcd would leave out without a word.
#[test]
fn a_target_without_an_address_holds_everybody_up() {
    let mut records = whole(3);
    records.retain(|record| *record != a(3));
    let mut bench = Bench::new("n1", &records);
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.verdict, None);
    assert!(bench.reasons[0].starts_with("for the address of n3.lab:"));
    bench.authority = authority(&whole(3));
    bench.pass(LONG);
    assert_eq!(bench.ready().addresses.len(), 3);
}

#[test]
fn no_loss_makes_a_set_smaller() {
    for seed in 0..50 {
        let mut bench = Bench::beside("n1", &[], seed % 2 == 0);
        let mut random = Seed::new(seed).random();
        bench.lost = Box::new(move || random.below(10) < 8);
        bench.authority = authority(&whole(5));
        bench.pass(LONG);
        assert_eq!(bench.ready().addresses.len(), 5, "seed {seed}");
    }
}

#[test]
fn a_set_that_no_datagram_holds_comes_by_stream() {
    let records: Vec<String> = (10..99)
        .flat_map(|n| {
            let host = format!("member-with-a-long-name-{n}");
            [
                format!("{host} 60 IN A 10.0.1.{n}"),
                format!("_etcd-server._tcp 60 IN SRV 0 0 2380 {host}.lab."),
            ]
        })
        .collect();
    let bench = Bench::new("member-with-a-long-name-10", &records);
    assert_eq!(bench.ready().members, 89);
}

#[test]
fn a_later_member_begins_when_one_before_it_serves() {
    let mut bench = Bench::new("n3", &whole(5));
    assert_eq!(bench.looks, [peer(1), peer(2)]);
    let found = |peer, found| Command::Probed { peer, found };
    bench.command(found(peer(1), Probe::Closed));
    bench.pass(Duration::from_millis(30));
    assert_eq!(bench.looks[2..], [peer(1)], "looked at again");
    assert_eq!(bench.verdict, None);
    bench.command(found(peer(2), Probe::Serves));
    assert_eq!(bench.ready().place, 2);
}

#[test]
fn an_open_port_that_tells_no_more_is_given_a_moment() {
    let mut bench = Bench::new("n2", &whole(3));
    bench.command(Command::Probed {
        peer: peer(1),
        found: Probe::Open,
    });
    assert_eq!(bench.verdict, None);
    bench.pass(LONG);
    assert_eq!(bench.now.since(Instant::ZERO), Duration::from_millis(250));
    assert_eq!(bench.ready().place, 1);
}

#[test]
fn dead_members_hold_no_other_up_for_long() {
    for (host, most_ms) in [("n2", 600), ("n3", 1_200), ("n4", 1_800), ("n7", 1_800)] {
        let mut bench = Bench::new(host, &whole(7));
        bench.pass(LONG);
        assert_eq!(
            bench.now.since(Instant::ZERO),
            Duration::from_millis(most_ms),
            "{host}"
        );
        bench.ready();
    }
}

#[test]
fn the_order_is_that_of_the_urls() {
    let records = ["n1", "n10", "n2"].map(|host| {
        [
            format!("{host} 60 IN A 10.0.3.{}", &host[1..]),
            format!("_etcd-server._tcp 60 IN SRV 0 0 2380 {host}.lab."),
        ]
    });
    let bench = Bench::new("n2", &records.concat());
    let looks: Vec<String> = bench.looks.iter().map(ToString::to_string).collect();
    assert_eq!(looks, ["10.0.3.1:2380", "10.0.3.10:2380"]);
}

/// Under whatever name: etcd compares addresses.
#[test]
fn a_record_by_another_name_lists_it_too() {
    let mut records = whole(3);
    records.retain(|record| *record != srv(1));
    records.push("alias 60 IN CNAME n1".into());
    records.push("_etcd-server._tcp 60 IN SRV 0 0 2380 alias.lab.".into());
    let bench = Bench::new("n1", &records);
    assert_eq!(bench.ready().addresses.len(), 4);
}

#[test]
fn a_set_without_it_is_left_to_etcd_to_complain_about() {
    let mut records = whole(3);
    records.push(a(4));
    let mut bench = Bench::new("n4", &records);
    bench.pass(Duration::from_secs(4));
    assert_eq!(bench.verdict, None);
    bench.pass(LONG);
    assert!(matches!(bench.verdict, Some(Verdict::NotListed { .. })));
    assert!(bench.now.since(Instant::ZERO) < Duration::from_secs(7));
}

#[test]
fn a_stranger_is_not_believed() {
    let mut bench = Bench::new("n1", &[]);
    bench.lost = Box::new(|| true);
    bench.pass(Duration::from_secs(1));
    let payload = quorate_dns::client::encode_query(
        &text::parse_name("_etcd-server._tcp.lab", &Name::root()).unwrap(),
        RecordType::SRV,
        7,
    );
    bench.authority = authority(&whole(3));
    bench.answer(Channel::Udp, &payload);
    bench.pass(Duration::from_secs(2));
    let addresses = |reason: &String| reason.starts_with("for the address");
    assert!(!bench.reasons.iter().any(addresses), "{:?}", bench.reasons);
}

fn input() -> impl Strategy<Value = Input<Command>> {
    let probed = (1u8..5, 0usize..3).prop_map(|(number, found)| Command::Probed {
        peer: peer(number),
        found: [Probe::Serves, Probe::Open, Probe::Closed][found],
    });
    let payload =
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(|payload| Input::Datagram {
            source: SERVER.into(),
            destination: peer(1),
            channel: Channel::Udp,
            payload,
        });
    prop_oneof![
        2 => Just(Input::Command(Command::Begin)),
        3 => probed.prop_map(Input::Command),
        2 => payload,
        5 => (0u64..3_000).prop_map(|millis| Input::Pass(Duration::from_millis(millis))),
        2 => (0u64..50).prop_map(|secs| Input::Sleep(Duration::from_secs(secs))),
    ]
}

/// A member whose questions are answered now and then, so that random inputs reach every state.
#[derive(Debug)]
struct Answered {
    engine: PeerWait,
    asked: Vec<Vec<u8>>,
    authorities: [Authority; 3],
    turn: usize,
}

impl Engine for Answered {
    type Command = Command;
    type Effect = Effect;
    type Event = Event;
    type Write = Infallible;

    fn command(&mut self, command: Command, now: Now) {
        self.engine.command(command, now);
    }

    /// Beside the noise, each authority in turn, and then none, answers what was asked.
    fn handle_datagram(&mut self, noise: Datagram<'_>, now: Now) {
        self.engine.handle_datagram(noise, now);
        for query in std::mem::take(&mut self.asked) {
            self.turn += 1;
            if let Some(authority) = self.authorities.get_mut(self.turn / 8 % 4) {
                for answer in answers(authority, Channel::Udp, &query, now) {
                    let answer = from_server(Channel::Udp, &answer);
                    self.engine.handle_datagram(answer, now);
                }
            }
        }
    }

    fn handle_written(&mut self, ticket: Ticket, now: Now) {
        self.engine.handle_written(ticket, now);
    }

    fn handle_write_failed(&mut self, failed: Ticket, now: Now) {
        self.engine.handle_write_failed(failed, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.engine.handle_timeout(now);
    }

    fn poll(&mut self) -> Option<OutputOf<Self>> {
        let output = self.engine.poll();
        if let Some(Output::Transmit(transmit)) = &output {
            self.asked.push(transmit.payload.clone());
        }
        output
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.engine.poll_timeout()
    }
}

proptest! {
    #[test]
    fn the_laws_hold(inputs in proptest::collection::vec(input(), 0..60)) {
        obey(
            || Answered {
                engine: PeerWait::new(config("n4"), Seed::new(3)),
                asked: Vec::new(),
                authorities: [authority(&[]), authority(&whole(4)), authority(&whole(3))],
                turn: 0,
            },
            &inputs,
        );
    }
}

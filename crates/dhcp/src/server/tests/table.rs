//! Every (state, message) pair of the server.

use super::*;

type Prepare = fn(&mut Bench);
type Send = fn(&mut Bench) -> Outputs;
type Change = fn(&mut Message<'_>);

/// How things stand for client 1 and the address 10.77.0.10.
const STATES: [(&str, Prepare); 8] = [
    ("unknown", |_| {}),
    ("offered", |bench| {
        bench.send(&discover(1));
    }),
    ("bound", |bench| {
        bench.lease(&discover(1));
    }),
    ("released", |bench| {
        bench.lease(&discover(1));
        bench.send(&release(1, addr(10)));
    }),
    ("expired", |bench| {
        bench.lease(&discover(1));
        bench.pass(100);
    }),
    ("revoked", |bench| {
        bench.lease(&discover(1));
        let addr = addr(10);
        bench.server.command(Command::Revoke { addr }, bench.now);
        bench.drain();
        bench.sync();
    }),
    ("declined", |bench| {
        bench.lease(&discover(1));
        bench.send(&decline(1, addr(10)));
    }),
    ("other's", |bench| {
        bench.lease(&discover(2));
    }),
];

const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// What client 1 may send.
const MESSAGES: [(&str, Send); 14] = [
    ("DISCOVER", |b| b.send(&discover(1))),
    ("SELECTING", |b| b.send(&selecting(&discover(1), addr(10)))),
    ("SELECTING .12", |b| {
        b.send(&selecting(&discover(1), addr(12)))
    }),
    ("SELECTING .99", |b| {
        b.send(&selecting(&discover(1), addr(99)))
    }),
    ("SELECTING else", |b| {
        let mut message = selecting(&discover(1), addr(10));
        message.options.set_addrs(code::SERVER_ID, &[OTHER_SERVER]);
        b.send(&message)
    }),
    ("REBOOTING", |b| b.send(&reboot(1, addr(10)))),
    ("REBOOTING .12", |b| b.send(&reboot(1, addr(12)))),
    ("REBOOTING alien", |b| {
        b.send(&reboot(1, [192, 0, 2, 7].into()))
    }),
    ("RENEWING", |b| b.send(&extending(1, addr(10)))),
    ("REBINDING", |b| {
        b.send_to(BROADCAST, &extending(1, addr(10)))
    }),
    ("DECLINE", |b| b.send(&decline(1, addr(10)))),
    ("RELEASE", |b| b.send(&release(1, addr(10)))),
    ("INFORM", |b| {
        let mut message = extending(1, addr(10));
        message.kind = MessageType::Inform;
        b.send(&message)
    }),
    ("stateless", |b| {
        // Both the fields of RENEWING and of INIT-REBOOT.
        let mut message = extending(1, addr(10));
        message.options.set_addrs(code::REQUESTED_ADDR, &[addr(10)]);
        b.send(&message)
    }),
];

fn short(outputs: &Outputs) -> String {
    let events: Vec<String> = outputs
        .events
        .iter()
        .map(|event| match event {
            Event::Offered { addr, .. } => format!("offer .{}", addr.octets()[3]),
            Event::Leased { lease, kind } => format!("{kind:?} .{}", lease.addr.octets()[3]),
            Event::Released { .. } => "released".to_owned(),
            Event::Expired { .. } => "expired".to_owned(),
            Event::Declined { .. } => "declined".to_owned(),
            Event::Revoked { .. } => "revoked".to_owned(),
            Event::Informed { .. } => "informed".to_owned(),
            Event::Nak { reason, .. } => format!("nak {reason:?}"),
            Event::ClockSet { .. } => "ClockSet".to_owned(),
            Event::ClockDoubted { .. } => "ClockDoubted".to_owned(),
            Event::OptionsOmitted { .. } => "omitted".to_owned(),
            Event::NameRefused { refusal, .. } => format!("{refusal:?}"),
            Event::Dropped { reason, .. } => format!("- {reason:?}"),
        })
        .collect();
    events.join("+")
}

#[test]
fn each_message_in_each_state() {
    let mut table = format!("{:15}", "");
    for (state, _) in STATES {
        table += &format!(" {state:17}");
    }
    for (name, send) in MESSAGES {
        table += &format!("\n{name:15}");
        for (_, prepare) in STATES {
            let mut bench = Bench::new(raw());
            prepare(&mut bench);
            let outputs = send(&mut bench);
            assert_consistent(&outputs);
            table += &format!(" {:17}", short(&outputs));
        }
    }
    let table: Vec<&str> = table.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(table.join("\n"), @r"
                unknown           offered           bound             released          expired           revoked           declined          other's
DISCOVER        offer .10         offer .10         offer .10         offer .10         offer .10         offer .11         offer .11         offer .11
SELECTING       New .10           New .10           New .10           New .10           New .10           New .10           nak NotAvailable  nak NotAvailable
SELECTING .12   New .12           nak OtherAddress  nak OtherAddress  New .12           New .12           New .12           New .12           New .12
SELECTING .99   nak NotAvailable  nak OtherAddress  nak OtherAddress  nak NotAvailable  nak NotAvailable  nak NotAvailable  nak NotAvailable  nak NotAvailable
SELECTING else  - OtherServer     - OtherServer     - OtherServer     - OtherServer     - OtherServer     - OtherServer     - OtherServer     - OtherServer
REBOOTING       - UnknownClient   Rebooted .10      Rebooted .10      Rebooted .10      Rebooted .10      - UnknownClient   - UnknownClient   - UnknownClient
REBOOTING .12   - UnknownClient   nak OtherAddress  nak OtherAddress  nak OtherAddress  nak OtherAddress  - UnknownClient   - UnknownClient   - UnknownClient
REBOOTING alien nak WrongNetwork  nak WrongNetwork  nak WrongNetwork  nak WrongNetwork  nak WrongNetwork  nak WrongNetwork  nak WrongNetwork  nak WrongNetwork
RENEWING        nak NoLease       Renewed .10       Renewed .10       Renewed .10       Renewed .10       nak NoLease       nak NoLease       nak NoLease
REBINDING       - UnknownClient   Rebound .10       Rebound .10       Rebound .10       Rebound .10       - UnknownClient   - UnknownClient   nak NotAvailable
DECLINE         - NotHeld         - NotHeld         declined          - NotHeld         - NotHeld         - NotHeld         - NotHeld         - NotHeld
RELEASE         - NotHeld         - NotHeld         released          - NotHeld         - NotHeld         - NotHeld         - NotHeld         - NotHeld
INFORM          informed          informed          informed          informed          informed          informed          informed          informed
stateless       - NoSuchState     - NoSuchState     - NoSuchState     - NoSuchState     - NoSuchState     - NoSuchState     - NoSuchState     - NoSuchState
");
}

/// The event and the message on the wire agree.
fn assert_consistent(outputs: &Outputs) {
    let kinds: Vec<MessageType> = outputs
        .transmits
        .iter()
        .map(|transmit| Message::decode(&transmit.payload).unwrap().kind)
        .collect();
    let expected: Vec<MessageType> = outputs
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Offered { .. } => Some(MessageType::Offer),
            Event::Leased { .. } | Event::Informed { .. } => Some(MessageType::Ack),
            Event::Nak { .. } => Some(MessageType::Nak),
            Event::Released { .. }
            | Event::Expired { .. }
            | Event::Declined { .. }
            | Event::Revoked { .. }
            | Event::ClockSet { .. }
            | Event::ClockDoubted { .. }
            | Event::OptionsOmitted { .. }
            | Event::NameRefused { .. }
            | Event::Dropped { .. } => None,
        })
        .collect();
    assert_eq!(kinds, expected, "{outputs:?}");
}

#[test]
fn what_no_client_may_say_is_dropped_with_its_reason() {
    let cases: [(Change, DropReason); 7] = [
        (|m| m.op = Op::Reply, DropReason::NotARequest),
        (|m| m.kind = MessageType::Ack, DropReason::NotARequest),
        (|m| m.chaddr = MacAddr::BROADCAST, DropReason::GroupAddress),
        (|m| m.hops = 17, DropReason::TooManyHops),
        (|m| m.giaddr = SERVER, DropReason::RelayIsSelf),
        (|m| m.giaddr = [192, 0, 2, 1].into(), DropReason::NoSubnet),
        (|m| m.ciaddr = [192, 0, 2, 1].into(), DropReason::NoSubnet),
    ];
    for (change, reason) in cases {
        let mut message = discover(1);
        change(&mut message);
        let outputs = Bench::new(raw()).send(&message);
        assert!(outputs.transmits.is_empty());
        let dropped =
            matches!(&outputs.events[..], [Event::Dropped { reason: r, .. }] if *r == reason);
        assert!(dropped, "{reason:?}: {outputs:?}");
    }
}

#[test]
fn a_port_changes_nothing() {
    let payload = discover(1).encode();
    let mut replies = Vec::new();
    for (from, to) in [(68, 67), (40_000, 1), (0, 65_535)] {
        let mut bench = Bench::new(raw());
        bench.server.handle_datagram(
            Datagram {
                source: SocketAddr::from((Ipv4Addr::UNSPECIFIED, from)),
                destination: SocketAddr::from((BROADCAST, to)),
                channel: Channel::Udp,
                payload: &payload,
            },
            bench.now,
        );
        replies.push(bench.drain().transmits);
    }
    assert!(
        replies
            .iter()
            .all(|reply| *reply == replies[0] && reply.len() == 1)
    );
}

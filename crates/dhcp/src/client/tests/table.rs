//! Every (state, input) pair.

use std::fmt::Write as _;

use super::*;

type Make = fn() -> Bench;
type Feed = fn(&mut Bench) -> Vec<Said>;

const WITHOUT_ADDRESS: [(&str, Make); 5] = [
    ("STOPPED", || Bench::new(config())),
    ("INIT", || {
        let mut bench = Bench::bound(probing());
        bench.command(Command::Conflict);
        bench
    }),
    ("SELECTING", || Bench::started(config())),
    ("REQUESTING", || {
        let mut bench = Bench::started(config());
        bench.answer(MessageType::Offer);
        bench
    }),
    ("REBOOTING", || {
        let mut bench = Bench::new(config());
        let previous = Some(ADDR);
        bench.command(Command::Start { previous });
        bench
    }),
];

const WITH_ADDRESS: [(&str, Make); 4] = [
    ("PROBING", || Bench::bound(probing())),
    ("BOUND", || Bench::bound(config())),
    ("RENEWING", || {
        let mut bench = Bench::bound(config());
        bench.wait();
        bench
    }),
    ("REBINDING", || {
        let mut bench = Bench::bound(config());
        bench.wait();
        bench.wait();
        bench
    }),
];

const INPUTS: [(&str, Feed); 11] = [
    ("OFFER", |b| b.answer(MessageType::Offer)),
    ("ACK", |b| b.answer(MessageType::Ack)),
    ("ACK .99", |b| {
        let mut ack = b.reply(MessageType::Ack);
        ack.yiaddr = Ipv4Addr::new(10, 77, 0, 99);
        b.hear(&ack)
    }),
    ("ACK bare", |b| {
        let mut ack = b.reply(MessageType::Ack);
        ack.options.remove(code::LEASE_SECS);
        b.hear(&ack)
    }),
    ("NAK", |b| b.answer(MessageType::Nak)),
    ("other xid", |b| {
        let mut ack = b.reply(MessageType::Ack);
        ack.xid ^= 1;
        b.hear(&ack)
    }),
    ("timeout", |b| match b.client.poll_timeout() {
        Some(_) => b.wait(),
        None => Vec::new(),
    }),
    ("Start", |b| b.command(Command::Start { previous: None })),
    ("Conflict", |b| b.command(Command::Conflict)),
    ("Release", |b| b.command(Command::Release)),
    ("Stop", |b| b.command(Command::Stop)),
];

/// What each input does in each of these states.
fn table(states: &[(&str, Make)]) -> String {
    let mut table = String::new();
    for (state, make) in states {
        for (name, feed) in INPUTS {
            let mut bench = make();
            assert_eq!(bench.client.state_name(), *state);
            let events: Vec<String> = feed(&mut bench).iter().map(short).collect();
            let after = bench.client.state_name();
            let after = if after == *state { "" } else { after };
            let line = format!("{state:10} {name:9} → {after:10} {}", events.join(", "));
            writeln!(table, "{}", line.trim_end()).unwrap();
        }
    }
    table
}

#[test]
fn each_input_in_each_state_without_an_address() {
    insta::assert_snapshot!(table(&WITHOUT_ADDRESS), @r"
STOPPED    OFFER     →
STOPPED    ACK       →
STOPPED    ACK .99   →
STOPPED    ACK bare  →
STOPPED    NAK       →
STOPPED    other xid →
STOPPED    timeout   →
STOPPED    Start     → SELECTING  DISCOVER#1
STOPPED    Conflict  →
STOPPED    Release   →
STOPPED    Stop      →
INIT       OFFER     →            - OtherTransaction
INIT       ACK       →            - OtherTransaction
INIT       ACK .99   →            - OtherTransaction
INIT       ACK bare  →            - OtherTransaction
INIT       NAK       →            - OtherTransaction
INIT       other xid →            - OtherTransaction
INIT       timeout   → SELECTING  DISCOVER#1
INIT       Start     → SELECTING  DISCOVER#1
INIT       Conflict  →
INIT       Release   → STOPPED
INIT       Stop      → STOPPED
SELECTING  OFFER     → REQUESTING REQUEST#1
SELECTING  ACK       →            - Unexpected
SELECTING  ACK .99   →            - Unexpected
SELECTING  ACK bare  →            - Incomplete
SELECTING  NAK       →            - Unexpected
SELECTING  other xid →            - OtherTransaction
SELECTING  timeout   →            DISCOVER#2
SELECTING  Start     →            DISCOVER#1
SELECTING  Conflict  →
SELECTING  Release   → STOPPED
SELECTING  Stop      → STOPPED
REQUESTING OFFER     →            - Unexpected
REQUESTING ACK       → BOUND      configured
REQUESTING ACK .99   →            - OtherAddress
REQUESTING ACK bare  →            - Incomplete
REQUESTING NAK       → INIT
REQUESTING other xid →            - OtherTransaction
REQUESTING timeout   →            REQUEST#2
REQUESTING Start     → SELECTING  DISCOVER#1
REQUESTING Conflict  →
REQUESTING Release   → STOPPED
REQUESTING Stop      → STOPPED
REBOOTING  OFFER     →            - Unexpected
REBOOTING  ACK       → BOUND      configured
REBOOTING  ACK .99   →            - OtherAddress
REBOOTING  ACK bare  →            - Incomplete
REBOOTING  NAK       → INIT
REBOOTING  other xid →            - OtherTransaction
REBOOTING  timeout   →            REQUEST#2
REBOOTING  Start     → SELECTING  DISCOVER#1
REBOOTING  Conflict  →
REBOOTING  Release   → STOPPED
REBOOTING  Stop      → STOPPED
");
}

#[test]
fn each_input_in_each_state_with_an_address() {
    insta::assert_snapshot!(table(&WITH_ADDRESS), @r"
PROBING    OFFER     →            - OtherTransaction
PROBING    ACK       →            - OtherTransaction
PROBING    ACK .99   →            - OtherTransaction
PROBING    ACK bare  →            - OtherTransaction
PROBING    NAK       →            - OtherTransaction
PROBING    other xid →            - OtherTransaction
PROBING    timeout   → BOUND      configured
PROBING    Start     → SELECTING  DISCOVER#1
PROBING    Conflict  → INIT       DECLINE#1, declined
PROBING    Release   → STOPPED    RELEASE#1
PROBING    Stop      → STOPPED
BOUND      OFFER     →            - OtherTransaction
BOUND      ACK       →            - OtherTransaction
BOUND      ACK .99   →            - OtherTransaction
BOUND      ACK bare  →            - OtherTransaction
BOUND      NAK       →            - OtherTransaction
BOUND      other xid →            - OtherTransaction
BOUND      timeout   → RENEWING   REQUEST#1
BOUND      Start     → SELECTING  lost Stopped, DISCOVER#1
BOUND      Conflict  → INIT       DECLINE#1, lost Conflict, declined
BOUND      Release   → STOPPED    RELEASE#1, lost Released
BOUND      Stop      → STOPPED    lost Stopped
RENEWING   OFFER     →            - Unexpected
RENEWING   ACK       → BOUND      renewed
RENEWING   ACK .99   →            - OtherAddress
RENEWING   ACK bare  →            - Incomplete
RENEWING   NAK       → INIT       lost Nak
RENEWING   other xid →            - OtherTransaction
RENEWING   timeout   → REBINDING  REQUEST#1
RENEWING   Start     → SELECTING  lost Stopped, DISCOVER#1
RENEWING   Conflict  → INIT       DECLINE#1, lost Conflict, declined
RENEWING   Release   → STOPPED    RELEASE#1, lost Released
RENEWING   Stop      → STOPPED    lost Stopped
REBINDING  OFFER     →            - Unexpected
REBINDING  ACK       → BOUND      renewed
REBINDING  ACK .99   →            - OtherAddress
REBINDING  ACK bare  →            - Incomplete
REBINDING  NAK       → INIT       lost Nak
REBINDING  other xid →            - OtherTransaction
REBINDING  timeout   → SELECTING  lost Expired, DISCOVER#1
REBINDING  Start     → SELECTING  lost Stopped, DISCOVER#1
REBINDING  Conflict  → INIT       DECLINE#1, lost Conflict, declined
REBINDING  Release   → STOPPED    RELEASE#1, lost Released
REBINDING  Stop      → STOPPED    lost Stopped
");
}

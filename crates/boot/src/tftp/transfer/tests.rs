//! Transfers to a client as RFC 1350 and 7440 describe it, over a wire that loses things.

use proptest::prelude::*;
use quorate_core::Output;
use quorate_core::laws::{Input, WALL_EPOCH, obey};
use quorate_core::{Channel, Seed};

use super::*;

const CLIENT: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(
    std::net::Ipv4Addr::new(10, 0, 0, 9),
    2070,
));

fn at(millis: u64) -> Now {
    Now::new(Instant::ZERO + Duration::from_millis(millis), WALL_EPOCH)
}

fn content(octets: usize) -> Arc<Vec<u8>> {
    Arc::new((0..octets).map(|index| (index % 251) as u8).collect())
}

fn request(options: &str) -> Request {
    let packet = format!("\0\x01boot/ipxe.efi\0octet\0{}", options.replace(' ', "\0"));
    let packet = if options.is_empty() {
        packet
    } else {
        packet + "\0"
    };
    Request::parse(packet.as_bytes()).unwrap()
}

fn start(options: &str, octets: usize) -> Transfer {
    Transfer::new(CLIENT, &request(options), content(octets), at(0))
}

fn say(transfer: &mut Transfer, packet: &[u8], now: Now) {
    let datagram = Datagram {
        source: CLIENT,
        destination: CLIENT,
        channel: Channel::Udp,
        payload: packet,
    };
    transfer.handle_datagram(datagram, now);
}

fn ack(transfer: &mut Transfer, number: u16, now: Now) {
    let [a, b] = number.to_be_bytes();
    say(transfer, &[0, 4, a, b], now);
}

/// One line an output.
fn outputs(transfer: &mut Transfer) -> Vec<String> {
    std::iter::from_fn(|| transfer.poll())
        .map(|output| match output {
            Output::Transmit(transmit) => packet(&transmit.payload),
            Output::Event(event) => format!("{event:?}"),
            Output::Write { write, .. } => match write {},
            Output::Effect(effect) => match effect {},
        })
        .collect()
}

fn packet(payload: &[u8]) -> String {
    let number = u16::from_be_bytes([payload[2], payload[3]]);
    match payload[1] {
        3 => format!("DATA {number}, {} octets", payload.len() - 4),
        5 => format!("ERROR {number}"),
        6 => format!(
            "OACK {}",
            String::from_utf8_lossy(&payload[2..]).replace('\0', " ")
        ),
        other => format!("opcode {other}"),
    }
}

#[test]
fn without_options_each_block_waits_for_its_acknowledgement() {
    let mut transfer = start("", 1024);
    assert_eq!(outputs(&mut transfer), ["DATA 1, 512 octets"]);
    ack(&mut transfer, 1, at(1));
    assert_eq!(outputs(&mut transfer), ["DATA 2, 512 octets"]);
    ack(&mut transfer, 2, at(2));
    // The file fills its blocks, so an empty one says that it ends.
    assert_eq!(outputs(&mut transfer), ["DATA 3, 0 octets"]);
    ack(&mut transfer, 3, at(3));
    assert_eq!(outputs(&mut transfer), ["Sent { octets: 1024 }"]);
    assert!(transfer.has_ended());
}

#[test]
fn what_is_agreed_is_offered_first() {
    let mut transfer = start(
        "blksize 65464 tsize 0 timeout 3 windowsize 4 color blue",
        5000,
    );
    let oack = ["OACK blksize 1468 timeout 3 tsize 5000 windowsize 4 "];
    assert_eq!(outputs(&mut transfer), oack);
    assert_eq!(transfer.poll_timeout().unwrap().at, at(3000).instant);
    ack(&mut transfer, 0, at(1));
    let window = [
        "DATA 1, 1468 octets",
        "DATA 2, 1468 octets",
        "DATA 3, 1468 octets",
        "DATA 4, 596 octets",
    ];
    assert_eq!(outputs(&mut transfer), window);
    ack(&mut transfer, 4, at(2));
    assert_eq!(outputs(&mut transfer), ["Sent { octets: 5000 }"]);
}

#[test]
fn a_gap_in_the_window_is_sent_again_from_there() {
    let mut transfer = start("windowsize 3", 10_000);
    outputs(&mut transfer);
    ack(&mut transfer, 0, at(1));
    outputs(&mut transfer);
    ack(&mut transfer, 1, at(2));
    assert_eq!(
        outputs(&mut transfer),
        [
            "DATA 2, 512 octets",
            "DATA 3, 512 octets",
            "DATA 4, 512 octets"
        ]
    );
}

#[test]
fn a_repeated_acknowledgement_repeats_nothing() {
    let mut transfer = start("", 2000);
    ack(&mut transfer, 1, at(1));
    outputs(&mut transfer);
    for number in [1, 0, 5, 65_535] {
        ack(&mut transfer, number, at(2));
        assert_eq!(outputs(&mut transfer), ["Dropped"], "ACK {number}");
    }
}

#[test]
fn silence_is_answered_by_the_same_again_and_then_by_giving_up() {
    let mut transfer = start("", 100);
    outputs(&mut transfer);
    for second in 1..6 {
        transfer.handle_timeout(at(second * 1000));
        assert_eq!(outputs(&mut transfer), ["DATA 1, 100 octets"]);
    }
    transfer.handle_timeout(at(6000));
    assert_eq!(outputs(&mut transfer), ["Unanswered { tries: 6 }"]);
    assert_eq!(transfer.poll_timeout(), None);
}

#[test]
fn a_client_that_asks_only_for_the_size_may_abort() {
    let mut transfer = start("tsize 0", 100);
    outputs(&mut transfer);
    say(
        &mut transfer,
        b"\0\x05\0\x08User aborted the transfer\0",
        at(1),
    );
    let message = "User aborted the transfer".to_owned();
    let refused = format!("{:?}", Event::Refused { code: 8, message });
    assert_eq!(outputs(&mut transfer), [refused]);
}

#[test]
fn a_stranger_gets_an_error_and_the_transfer_goes_on() {
    let mut transfer = start("", 100);
    outputs(&mut transfer);
    let source = SocketAddr::from(([10, 0, 0, 66], 1));
    transfer.handle_datagram(
        Datagram {
            source,
            destination: CLIENT,
            channel: Channel::Udp,
            payload: &[0, 4, 0, 1],
        },
        at(1),
    );
    assert_eq!(outputs(&mut transfer), ["ERROR 5", "Stranger(10.0.0.66:1)"]);
    ack(&mut transfer, 1, at(2));
    assert_eq!(outputs(&mut transfer), ["Sent { octets: 100 }"]);
}

#[test]
fn block_numbers_begin_again_where_sixteen_bits_end() {
    let mut transfer = start("blksize 8 windowsize 64", 70_000 * 8);
    outputs(&mut transfer);
    let mut acked = 0u64;
    while acked < 70_000 {
        ack(&mut transfer, acked as u16, at(1));
        let sent = outputs(&mut transfer).len() as u64;
        assert!(sent > 0, "after block {acked}");
        acked += sent;
    }
    ack(&mut transfer, acked as u16, at(2));
    assert_eq!(outputs(&mut transfer), ["Sent { octets: 560000 }"]);
}

#[test]
fn text_ends_its_lines_as_netascii_does() {
    let packet = b"\0\x01motd\0NetASCII\0";
    let request = Request::parse(packet).unwrap();
    let text = Arc::new(b"a\nb\rc".to_vec());
    let mut transfer = Transfer::new(CLIENT, &request, text, at(0));
    let Some(Output::Transmit(sent)) = transfer.poll() else {
        panic!("a block is sent")
    };
    assert_eq!(&sent.payload[4..], b"a\r\nb\r\0c");
}

#[test]
fn a_client_that_never_acknowledges_is_given_up_after_ten_seconds() {
    for (options, sent_max) in [
        ("", 6),
        ("timeout 4", 3),
        ("timeout 10", 1),
        ("timeout 255 tsize 0", 6),
    ] {
        let mut transfer = start(options, 5_000);
        let mut now = at(0);
        let mut sent = 0;
        while let Some(deadline) = transfer.poll_timeout() {
            now = Now::new(deadline.at, WALL_EPOCH);
            sent += outputs(&mut transfer).len();
            transfer.handle_timeout(now);
        }
        assert!(now.instant <= at(10_000).instant, "{options}: {now:?}");
        assert!(!transfer.is_answered());
        assert!(sent <= sent_max, "{options}: {sent}");
    }
}

#[test]
fn each_acknowledgement_gives_ten_seconds_more() {
    let mut transfer = start("timeout 10", 5_000);
    ack(&mut transfer, 0, at(9_000));
    assert!(transfer.is_answered());
    transfer.handle_timeout(at(18_000));
    assert!(!transfer.has_ended());
    transfer.handle_timeout(at(19_000));
    assert!(transfer.has_ended());
}

/// A file that somebody shortens.
#[derive(Debug)]
struct Shortened;

impl Content for Shortened {
    fn octets(&self) -> u64 {
        1_000
    }

    fn read(&self, offset: u64, block: &mut [u8]) -> bool {
        offset + block.len() as u64 <= 512
    }
}

#[test]
fn a_file_that_is_cut_ends_the_transfer_with_an_error() {
    let mut transfer = Transfer::new(CLIENT, &request(""), Arc::new(Shortened), at(0));
    outputs(&mut transfer);
    ack(&mut transfer, 1, at(1));
    assert_eq!(outputs(&mut transfer), ["ERROR 0", "Unreadable"]);
}

/// A reader that acknowledges the last block in order when a window is full, when the file ends,
/// and when there is a gap (RFC 7440 §4).
struct Reader {
    got: Vec<u8>,
    next: u64,
    in_window: u64,
    window: u64,
    block: usize,
    done: bool,
}

impl Reader {
    fn receive(&mut self, payload: &[u8]) -> Option<u16> {
        if payload[1] == 6 {
            return Some(0);
        }
        let number = u16::from_be_bytes([payload[2], payload[3]]);
        if number != self.next as u16 {
            self.in_window = 0;
            return Some((self.next - 1) as u16);
        }
        self.got.extend(&payload[4..]);
        self.next += 1;
        self.in_window += 1;
        self.done |= payload.len() - 4 < self.block;
        let full = self.in_window == self.window;
        if full {
            self.in_window = 0;
        }
        (full || self.done).then_some(number)
    }
}

proptest! {
    #[test]
    fn whatever_is_lost_the_file_arrives_whole(
        octets in 0usize..200_000,
        block in 8usize..1500,
        window in 1u64..80,
        seed: u64,
    ) {
        // Block numbers wrap at 65,536: small blocks of large files do.
        let mut transfer = start(&format!("blksize {block} windowsize {window}"), octets);
        let mut reader = Reader {
            got: Vec::new(),
            next: 1,
            in_window: 0,
            window: window.min(64),
            block: block.min(1468),
            done: false,
        };
        let mut random = Seed::new(seed).child("wire").random();
        let mut now = at(0);
        let mut sent = 0u64;
        while !transfer.has_ended() {
            let mut acks = Vec::new();
            while let Some(output) = transfer.poll() {
                if let Output::Transmit(transmit) = output {
                    sent += 1;
                    if random.below(200) != 0 {
                        acks.extend(reader.receive(&transmit.payload));
                    }
                }
            }
            acks.retain(|_| random.below(200) != 0);
            if acks.is_empty() && !transfer.has_ended() {
                let deadline = transfer.poll_timeout().expect("it waits");
                now = Now::new(deadline.at, WALL_EPOCH);
                transfer.handle_timeout(now);
            }
            for number in acks {
                ack(&mut transfer, number, now);
            }
        }
        // The last acknowledgement may be the one that was lost.
        prop_assert!(reader.done);
        prop_assert_eq!(&reader.got[..], &content(octets)[..]);
        let blocks = octets as u64 / block.min(1468) as u64 + 1;
        prop_assert!(sent <= 20 + blocks * 3, "{sent} packets for {blocks} blocks");
    }

    #[test]
    fn the_laws_hold(
        options in prop_oneof![Just(""), Just("windowsize 9 tsize 0 timeout 2")],
        inputs in proptest::collection::vec(input(), 0..80),
    ) {
        obey(|| start(options, 9_000), &inputs);
    }

    #[test]
    fn no_octets_make_it_fail(packet in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Request::parse(&packet).map_err(|error| error.answer());
    }
}

fn input() -> impl Strategy<Value = Input<Infallible>> {
    let packet = prop_oneof![
        6 => (0u16..20).prop_map(|number| [[0, 4], number.to_be_bytes()].concat()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ];
    let source = prop_oneof![9 => Just(CLIENT), 1 => Just(SocketAddr::from(([10, 0, 0, 66], 1)))];
    prop_oneof![
        5 => (packet, source).prop_map(|(payload, source)| Input::Datagram {
            source,
            destination: CLIENT,
            channel: Channel::Udp,
            payload,
        }),
        2 => (0u64..3000).prop_map(|millis| Input::Pass(Duration::from_millis(millis))),
        1 => (0u64..9).prop_map(|secs| Input::Sleep(Duration::from_secs(secs))),
    ]
}

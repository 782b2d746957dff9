//! The engine laws, under random input and a server that answers at random.

use proptest::prelude::*;
use quorate_core::laws::{Input, obey};

use super::*;

fn input() -> impl Strategy<Value = Input<Command>> {
    let command = prop_oneof![
        4 => Just(Command::Start { previous: None }),
        2 => Just(Command::Start { previous: Some(ADDR) }),
        1 => Just(Command::Release),
        1 => Just(Command::Conflict),
        1 => Just(Command::Stop),
    ];
    let payload =
        proptest::collection::vec(any::<u8>(), 0..400).prop_map(|payload| Input::Datagram {
            source: SocketAddr::from((SERVER, 67)),
            destination: SocketAddr::from((ADDR, 68)),
            channel: Channel::Udp,
            payload,
        });
    prop_oneof![
        3 => command.prop_map(Input::Command),
        2 => payload,
        5 => (0u64..100_000).prop_map(|millis| Input::Pass(Duration::from_millis(millis))),
        3 => (0u64..500).prop_map(|secs| Input::Sleep(Duration::from_secs(secs))),
    ]
}

/// A client whose server answers everything, so that random inputs reach every state: each
/// datagram is followed by an answer to the open exchange, of a random kind, with random times.
#[derive(Debug)]
struct Answered {
    client: Client,
    random: Random,
}

impl Engine for Answered {
    type Command = Command;
    type Effect = Effect;
    type Event = Event;
    type Write = Infallible;

    fn command(&mut self, command: Command, now: Now) {
        self.client.command(command, now);
    }

    fn handle_datagram(&mut self, received: Datagram<'_>, now: Now) {
        self.client.handle_datagram(received, now);
        let Some(exchange) = self.client.state.exchange() else {
            return;
        };
        let kinds = [
            MessageType::Offer,
            MessageType::Ack,
            MessageType::Ack,
            MessageType::Nak,
        ];
        let kind = kinds[self.random.below(4) as usize];
        let mut message = Message::request(kind, exchange.xid, MAC);
        message.op = Op::Reply;
        message.yiaddr = ADDR;
        message.options.set_addrs(code::SERVER_ID, &[SERVER]);
        let secs = [0, 1, 2, 7, 100, u32::MAX][self.random.below(6) as usize];
        message.options.set_u32(code::LEASE_SECS, secs);
        message
            .options
            .set_u32(code::T1_SECS, self.random.below(8) as u32);
        message
            .options
            .set_u32(code::T2_SECS, self.random.below(8) as u32);
        self.client
            .handle_datagram(datagram(&message.encode()), now);
    }

    fn handle_written(&mut self, _ticket: Ticket, _now: Now) {}

    fn handle_write_failed(&mut self, _ticket: Ticket, _now: Now) {}

    fn handle_timeout(&mut self, now: Now) {
        self.client.handle_timeout(now);
    }

    fn poll(&mut self) -> Option<OutputOf<Self>> {
        self.client.poll()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.client.poll_timeout()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_client_obeys(
        inputs in proptest::collection::vec(input(), 0..80),
        probe in 0u64..3,
        delay in 0u64..3,
    ) {
        let make = || {
            let mut config = config();
            config.probe = Duration::from_secs(probe);
            config.initial_delay_max = Duration::from_secs(delay);
            Answered {
                client: Client::new(config, Seed::new(1)),
                random: Seed::new(2).random(),
            }
        };
        obey(make, &inputs);
    }
}

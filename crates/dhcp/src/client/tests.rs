//! The client's tests: pairs of state and input in `table`, times and messages here.

mod laws;
mod table;

use quorate_core::laws::WALL_EPOCH;
use quorate_core::{Channel, MacAddr};

use super::*;

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const ADDR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 10);

fn config() -> ClientConfig {
    ClientConfig::new(MAC)
}

fn probing() -> ClientConfig {
    ClientConfig {
        probe: Duration::from_secs(1),
        ..config()
    }
}

/// A client, its clock, and a server that sends what a test wants.
struct Bench {
    client: Client,
    now: Now,
    sent: Vec<Transmit>,
}

impl Bench {
    fn new(config: ClientConfig) -> Self {
        Self {
            client: Client::new(config, Seed::new(1)),
            now: Now::new(Instant::ZERO, WALL_EPOCH),
            sent: Vec::new(),
        }
    }

    fn started(config: ClientConfig) -> Self {
        let mut bench = Self::new(config);
        bench.command(Command::Start { previous: None });
        bench
    }

    fn bound(config: ClientConfig) -> Self {
        let mut bench = Self::started(config);
        bench.answer(MessageType::Offer);
        bench.answer(MessageType::Ack);
        bench
    }

    fn command(&mut self, command: Command) -> Vec<Said> {
        self.client.command(command, self.now);
        self.drain()
    }

    /// An answer of the server to the last message, for a lease of 100 s.
    fn reply(&self, kind: MessageType) -> Message<'static> {
        let xid = self
            .sent
            .last()
            .map_or(0, |sent| Message::decode(&sent.payload).unwrap().xid);
        let mut message = Message::request(kind, xid, MAC);
        message.op = Op::Reply;
        message.options.set_addrs(code::SERVER_ID, &[SERVER]);
        if kind != MessageType::Nak {
            message.yiaddr = ADDR;
            message.options.set_u32(code::LEASE_SECS, 100);
        }
        message
    }

    fn answer(&mut self, kind: MessageType) -> Vec<Said> {
        self.hear(&self.reply(kind))
    }

    fn hear(&mut self, message: &Message<'_>) -> Vec<Said> {
        let payload = message.encode();
        self.client.handle_datagram(datagram(&payload), self.now);
        self.drain()
    }

    /// Goes to the next deadline and meets it.
    fn wait(&mut self) -> Vec<Said> {
        let at = self.client.poll_timeout().unwrap().at;
        self.now = Now::new(at, WALL_EPOCH);
        self.client.handle_timeout(self.now);
        self.drain()
    }

    fn secs(&self) -> f64 {
        self.now.instant.as_nanos() as f64 / 1e9
    }

    fn last(&self) -> Message<'_> {
        Message::decode(&self.sent.last().unwrap().payload).unwrap()
    }

    fn drain(&mut self) -> Vec<Said> {
        let mut all = Vec::new();
        while let Some(output) = self.client.poll() {
            match output {
                Said::Transmit(transmit) => self.sent.push(transmit),
                Said::Write { write, .. } => match write {},
                said @ (Said::Effect(_) | Said::Event(_)) => all.push(said),
            }
        }
        all
    }
}

fn datagram(payload: &[u8]) -> Datagram<'_> {
    Datagram {
        source: SocketAddr::from((SERVER, 67)),
        destination: SocketAddr::from((ADDR, 68)),
        channel: Channel::Udp,
        payload,
    }
}

/// Effects and events.
type Said = OutputOf<Client>;

fn short(said: &Said) -> String {
    let event = match said {
        Said::Effect(Effect::Probe { .. }) => return "probe".to_owned(),
        Said::Event(event) => event,
        Said::Transmit(_) | Said::Write { .. } => unreachable!("drained apart"),
    };
    match event {
        Event::Sent { kind, attempt } => format!("{kind}#{attempt}"),
        Event::Configured(_) => "configured".to_owned(),
        Event::Renewed(_) => "renewed".to_owned(),
        Event::Lost { reason } => format!("lost {reason:?}"),
        Event::Declined { .. } => "declined".to_owned(),
        Event::Dropped { reason, .. } => format!("- {reason:?}"),
    }
}

#[test]
fn silence_is_met_with_exponential_back_off_and_jitter() {
    let mut bench = Bench::started(config());
    let mut before = 0.0;
    for expected in [4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0] {
        bench.wait();
        let delay = bench.secs() - before;
        assert!((delay - expected).abs() <= 1.0, "{delay} for {expected}");
        assert!((delay - expected).abs() > 1e-6, "no jitter in {delay}");
        before = bench.secs();
    }
    assert_eq!(bench.last().secs, before as u16);
    let xids: Vec<u32> = bench
        .sent
        .iter()
        .map(|t| Message::decode(&t.payload).unwrap().xid)
        .collect();
    assert!(xids.iter().all(|xid| *xid == xids[0]));
}

#[test]
fn an_unanswered_request_starts_over() {
    let mut bench = Bench::started(config());
    bench.answer(MessageType::Offer);
    let attempts: Vec<Said> = (0..4).flat_map(|_| bench.wait()).collect();
    let kinds: Vec<String> = attempts.iter().map(short).collect();
    assert_eq!(kinds, ["REQUEST#2", "REQUEST#3", "REQUEST#4", "DISCOVER#1"]);
}

#[test]
fn a_lost_offer_of_another_server_does_not_disturb() {
    let mut bench = Bench::started(config());
    bench.answer(MessageType::Offer);
    for kind in [MessageType::Ack, MessageType::Nak] {
        let mut other = bench.reply(kind);
        other
            .options
            .set_addrs(code::SERVER_ID, &[Ipv4Addr::new(10, 77, 0, 2)]);
        let events = bench.hear(&other);
        let reason = DropReason::OtherServer;
        assert!(
            matches!(&events[..], [Said::Event(Event::Dropped { reason: r, .. })] if *r == reason)
        );
    }
    assert_eq!(short(&bench.answer(MessageType::Ack)[0]), "configured");
}

#[test]
fn messages_go_where_and_say_what_rfc_2131_table_5_wants() {
    let everyone = Destination::Broadcast { port: 67 };
    let mut bench = Bench::started(config());
    assert_eq!(bench.sent[0].destination, everyone);
    assert_eq!(bench.last().options.addr(code::SERVER_ID), None);

    let discover = bench.last().xid;
    bench.answer(MessageType::Offer);
    let request = bench.last();
    assert_eq!(request.xid, discover);
    assert_eq!(request.ciaddr, Ipv4Addr::UNSPECIFIED);
    assert_eq!(request.options.addr(code::SERVER_ID), Some(SERVER));
    assert_eq!(request.options.addr(code::REQUESTED_ADDR), Some(ADDR));
    assert_eq!(bench.sent[1].destination, everyone);

    bench.answer(MessageType::Ack);
    for destination in [Destination::Udp(SocketAddr::from((SERVER, 67))), everyone] {
        bench.wait();
        assert_eq!(bench.sent.last().unwrap().destination, destination);
        assert_eq!(
            bench.sent.last().unwrap().source,
            SocketAddr::from((ADDR, 68))
        );
        assert_eq!(bench.last().ciaddr, ADDR);
        assert_eq!(bench.last().options.addr(code::SERVER_ID), None);
        assert_eq!(bench.last().options.addr(code::REQUESTED_ADDR), None);
    }
    bench.answer(MessageType::Ack);
    bench.command(Command::Release);
    let server = Destination::Udp(SocketAddr::from((SERVER, 67)));
    assert_eq!(bench.sent.last().unwrap().destination, server);
    assert_eq!(bench.last().kind, MessageType::Release);
    assert_eq!(bench.last().ciaddr, ADDR);
}

#[test]
fn a_lease_counts_from_its_request() {
    let mut bench = Bench::started(config());
    bench.answer(MessageType::Offer);
    let late = Instant::from_nanos(3_000_000_000);
    bench.now = Now::new(late, WALL_EPOCH);
    bench.answer(MessageType::Ack);
    // T1 = 50 s after the REQUEST at 0 s, not after the ACK at 3 s.
    assert_eq!(
        bench.client.poll_timeout().unwrap().at,
        Instant::from_nanos(50_000_000_000)
    );
}

#[test]
fn an_ack_configures_what_it_carries() {
    let mut bench = Bench::started(config());
    bench.answer(MessageType::Offer);
    let mut ack = bench.reply(MessageType::Ack);
    ack.siaddr = SERVER;
    ack.file = b"from-the-field".to_vec().into();
    ack.options
        .set_addrs(code::SUBNET_MASK, &[Ipv4Addr::new(255, 255, 252, 0)]);
    ack.options.set_addrs(code::ROUTERS, &[SERVER]);
    ack.options.set_addrs(code::DNS_SERVERS, &[SERVER, ADDR]);
    ack.options.set(code::DOMAIN, b"lab.example\0".to_vec());
    ack.options.set(code::HOSTNAME, b"n1".to_vec());
    // Out of order: not believed.
    ack.options.set_u32(code::T1_SECS, 90);
    ack.options.set_u32(code::T2_SECS, 80);
    let expected = Configuration {
        addr: ADDR,
        prefix_len: 22,
        routers: vec![SERVER],
        dns: vec![SERVER, ADDR],
        domain: Some("lab.example".to_owned()),
        hostname: Some("n1".to_owned()),
        server: SERVER,
        boot_file: Some("from-the-field".to_owned()),
        next_server: Some(SERVER),
        lease_secs: 100,
        t1: 50,
        t2: 87,
    };
    assert_eq!(
        bench.hear(&ack),
        [Said::Event(Event::Configured(expected.clone()))]
    );
    assert_eq!(bench.client.configuration(), Some(&expected));
}

#[test]
fn a_renewal_that_changes_something_configures_again() {
    let mut bench = Bench::bound(config());
    bench.wait();
    let mut ack = bench.reply(MessageType::Ack);
    ack.options.set(code::HOSTNAME, b"n2".to_vec());
    assert_eq!(short(&bench.hear(&ack)[0]), "configured");
}

#[test]
fn the_first_message_waits_at_most_the_configured_delay() {
    let mut config = config();
    config.initial_delay_max = Duration::from_secs(10);
    let mut bench = Bench::started(config);
    assert!(bench.sent.is_empty());
    bench.wait();
    assert!(bench.secs() <= 10.0 && bench.sent.len() == 1);
}

#[test]
fn wishes_are_sent_as_options() {
    let mut config = config();
    config.hostname = Some("web".to_owned());
    config.vendor_class = Some("quorate".to_owned());
    config.user_class = Some("lab".to_owned());
    config.client_id = Some(vec![0xff, 1]);
    config.broadcast_flag = true;
    let bench = Bench::started(config.clone());
    let discover = bench.last();
    assert!(discover.broadcast);
    assert_eq!(discover.options.text(code::HOSTNAME), Some("web"));
    assert_eq!(discover.options.text(code::VENDOR_CLASS), Some("quorate"));
    assert_eq!(
        discover.options.bytes(code::USER_CLASS),
        Some(&b"\x03lab"[..])
    );
    assert_eq!(
        discover.options.bytes(code::CLIENT_ID),
        Some(&[0xff, 1][..])
    );
    config.fqdn = Some(crate::FqdnFlags::default());
    let bench = Bench::started(config);
    let options = bench.last().options.clone();
    assert!(options.contains(code::FQDN) && !options.contains(code::HOSTNAME));
}

#[test]
fn what_is_for_another_machine_is_passed_over_in_silence() {
    let mut bench = Bench::started(config());
    let mut offer = bench.reply(MessageType::Offer);
    offer.chaddr = MacAddr([2, 0, 0, 0, 0, 9]);
    assert_eq!(bench.hear(&offer), []);
}

/// Says how long each pause is, in seconds.
#[derive(Debug)]
struct Secs(u64);

impl DelayHook for Secs {
    fn delay(&self, what: std::fmt::Arguments<'_>, _: Duration) -> Duration {
        assert_eq!(what.to_string(), "DHCP patience while SELECTING");
        Duration::from_secs(self.0)
    }
}

#[test]
fn a_delay_hook_decides_how_long_a_client_waits() {
    let mut bench = Bench::new(config());
    bench.client.set_delay_hook(Arc::new(Secs(9)));
    bench.command(Command::Start { previous: None });
    bench.wait();
    assert!((bench.secs() - 9.0).abs() < 1e-9, "{}", bench.secs());
}

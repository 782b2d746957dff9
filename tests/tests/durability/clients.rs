//! Clients over plain sockets: a relay agent that speaks for any number of machines, and
//! somebody who sends UPDATEs.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quorate_core::MacAddr;
use quorate_dhcp::wire::code;
use quorate_dhcp::{Message, MessageType, SERVER_PORT};
use quorate_dns::client::{Answer, UpdateRequest, encode_query, read_reply};
use quorate_dns::rdata::TXT;
use quorate_dns::text::parse_name;
use quorate_dns::{Name, RData, Record, RecordType, ResponseCode};
use quorate_tests::network::{Endpoint, PATIENCE, SERVER, addr};

/// A relay agent (RFC 1542): replies come to its own socket, so no raw one is needed.
pub(crate) struct Relay {
    socket: UdpSocket,
    xid: u32,
}

impl Relay {
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        let bind = || UdpSocket::bind((GIADDR, SERVER_PORT));
        let socket = endpoint.ns.run(bind).expect("the namespace is there");
        Self {
            socket: socket.expect("the port is free"),
            xid: 0,
        }
    }

    /// DISCOVER to ACK.
    pub(crate) fn lease(&mut self, mac: MacAddr) -> Ipv4Addr {
        let offer = self.offer(mac, None);
        let xid = self.request(offer, mac);
        let (kind, addr) = self.receive(xid);
        assert_eq!((kind, addr), (MessageType::Ack, offer));
        addr
    }

    /// The same, if the server answers in time: one that cannot write does not.
    pub(crate) fn try_lease(&mut self, mac: MacAddr, patience: Duration) -> Option<Ipv4Addr> {
        let xid = self.discover(mac, None);
        let (_, offer) = self.try_receive(xid, patience)?;
        let xid = self.request(offer, mac);
        let (kind, addr) = self.try_receive(xid, patience)?;
        assert_eq!((kind, addr), (MessageType::Ack, offer));
        Some(addr)
    }

    fn try_receive(&mut self, xid: u32, patience: Duration) -> Option<(MessageType, Ipv4Addr)> {
        loop {
            let bytes = receive(&self.socket, patience)?;
            let message = Message::decode(&bytes).expect("our server writes DHCP");
            if message.xid == xid {
                return Some((message.kind, message.yiaddr));
            }
        }
    }

    /// What a DISCOVER is offered; the client may wish for an address.
    pub(crate) fn offer(&mut self, mac: MacAddr, wish: Option<Ipv4Addr>) -> Ipv4Addr {
        let xid = self.discover(mac, wish);
        let (kind, addr) = self.receive(xid);
        assert_eq!(kind, MessageType::Offer);
        addr
    }

    /// The same for many, all asked before the first answer is read. Answers may overtake each
    /// other while the kernels resolve addresses.
    pub(crate) fn offers(&mut self, clients: &[MacAddr]) -> Vec<(Ipv4Addr, MacAddr)> {
        for mac in clients {
            self.discover(*mac, None);
        }
        let offers = clients.iter().map(|_| {
            let bytes = receive(&self.socket, PATIENCE).expect("an offer for each");
            let message = Message::decode(&bytes).expect("our server writes DHCP");
            assert_eq!(message.kind, MessageType::Offer);
            (message.yiaddr, message.chaddr)
        });
        offers.collect()
    }

    /// Requests all these, does `enough` when so many are acknowledged, and then takes only
    /// what was sent already. Answers what was acknowledged.
    pub(crate) fn request_until(
        &mut self,
        offers: &[(Ipv4Addr, MacAddr)],
        count: usize,
        enough: impl FnOnce(),
    ) -> Vec<(Ipv4Addr, MacAddr)> {
        for (addr, mac) in offers {
            self.request(*addr, *mac);
        }
        let mut enough = Some(enough);
        let mut acks = Vec::new();
        while acks.len() < offers.len() {
            if acks.len() >= count
                && let Some(enough) = enough.take()
            {
                enough();
            }
            let is_over = enough.is_none();
            let patience = if is_over { LAST_ANSWER } else { PATIENCE };
            let Some(bytes) = receive(&self.socket, patience) else {
                assert!(is_over, "no answer to a REQUEST");
                break;
            };
            let message = Message::decode(&bytes).expect("our server writes DHCP");
            assert_eq!(message.kind, MessageType::Ack);
            acks.push((message.yiaddr, message.chaddr));
        }
        acks
    }

    fn discover(&mut self, mac: MacAddr, wish: Option<Ipv4Addr>) -> u32 {
        let mut message = self.message(MessageType::Discover, mac);
        if let Some(wish) = wish {
            message.options.set_addrs(code::REQUESTED_ADDR, &[wish]);
        }
        self.send(&message)
    }

    fn request(&mut self, addr: Ipv4Addr, mac: MacAddr) -> u32 {
        let mut message = self.message(MessageType::Request, mac);
        message.options.set_addrs(code::REQUESTED_ADDR, &[addr]);
        message.options.set_addrs(code::SERVER_ID, &[SERVER]);
        self.send(&message)
    }

    fn message(&mut self, kind: MessageType, mac: MacAddr) -> Message<'static> {
        self.xid += 1;
        Message {
            giaddr: GIADDR,
            hops: 1,
            ..Message::request(kind, self.xid, mac)
        }
    }

    fn send(&self, message: &Message<'_>) -> u32 {
        let server = SocketAddrV4::new(SERVER, SERVER_PORT);
        let sent = self.socket.send_to(&message.encode(), server);
        sent.expect("the server has its port open");
        message.xid
    }

    /// The reply to this message; those to others are late.
    fn receive(&self, xid: u32) -> (MessageType, Ipv4Addr) {
        loop {
            let bytes = receive(&self.socket, PATIENCE).expect("a reply");
            let message = Message::decode(&bytes).expect("our server writes DHCP");
            if message.xid == xid {
                return (message.kind, message.yiaddr);
            }
        }
    }
}

/// A client of the DNS server, trusted by its address.
pub(crate) struct Updater {
    socket: UdpSocket,
    id: u16,
}

impl Updater {
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        let open = || UdpSocket::bind((GIADDR, 0));
        let socket = endpoint.ns.run(open).expect("the namespace is there");
        Self {
            socket: socket.expect("some port is free"),
            id: 0,
        }
    }

    /// Adds a TXT record; false when nobody acknowledges it in time.
    pub(crate) fn add(&mut self, owner: &str, patience: Duration) -> bool {
        self.add_while(owner, patience, &AtomicBool::new(false))
    }

    /// The same, and gives up early when the server is gone and what it had sent has come.
    pub(crate) fn add_while(
        &mut self,
        owner: &str,
        patience: Duration,
        is_gone: &AtomicBool,
    ) -> bool {
        self.id += 1;
        let text = RData::TXT(TXT::new(vec![owner.to_owned()]));
        let record = Record::from_rdata(name(owner), 60, text);
        let request = UpdateRequest::new(name("lab.test"), self.id)
            .add(record)
            .encode(None);
        self.send(&request.bytes);
        let end = Instant::now() + patience;
        while Instant::now() < end {
            let was_gone = is_gone.load(Ordering::Relaxed);
            match receive(&self.socket, LAST_ANSWER) {
                Some(bytes) => {
                    // What is not the reply to this request is late.
                    if let Ok(rcode) = read_reply(&bytes, &request, None) {
                        assert_eq!(rcode, ResponseCode::NoError, "{owner}");
                        return true;
                    }
                }
                None if was_gone => return false,
                None => {}
            }
        }
        false
    }

    /// Adds a TXT record if the server can write it; SERVFAIL says that it cannot.
    pub(crate) fn try_add(&mut self, owner: &str, patience: Duration) -> bool {
        self.id += 1;
        let text = RData::TXT(TXT::new(vec![owner.to_owned()]));
        let record = Record::from_rdata(name(owner), 60, text);
        let request = UpdateRequest::new(name("lab.test"), self.id)
            .add(record)
            .encode(None);
        self.send(&request.bytes);
        while let Some(bytes) = receive(&self.socket, patience) {
            // What is not the reply to this request is late.
            if let Ok(rcode) = read_reply(&bytes, &request, None) {
                assert!(
                    [ResponseCode::NoError, ResponseCode::ServFail].contains(&rcode),
                    "{rcode}"
                );
                return rcode == ResponseCode::NoError;
            }
        }
        false
    }

    /// The serial of the zone.
    pub(crate) fn serial(&mut self) -> u32 {
        let zone = name("lab.test");
        let answer = self.ask(&zone, RecordType::SOA);
        let data = answer.data(&zone, RecordType::SOA).next();
        let Some(RData::SOA(soa)) = data else {
            panic!("the zone has a SOA");
        };
        soa.serial
    }

    /// True when the record of [`add`](Self::add) is there.
    pub(crate) fn has_text(&mut self, owner: &str) -> bool {
        let answer = self.ask(&name(owner), RecordType::TXT);
        answer.answers.len() == 1
    }

    pub(crate) fn address(&mut self, owner: &str) -> Option<Ipv4Addr> {
        let owner = name(owner);
        let answer = self.ask(&owner, RecordType::A);
        let data = answer.data(&owner, RecordType::A).next()?;
        data.ip_addr().and_then(|addr| match addr {
            IpAddr::V4(addr) => Some(addr),
            IpAddr::V6(_) => None,
        })
    }

    fn ask(&mut self, owner: &Name, kind: RecordType) -> Answer {
        self.id += 1;
        self.send(&encode_query(owner, kind, self.id));
        loop {
            let bytes = receive(&self.socket, PATIENCE).expect("an answer");
            if let Ok(answer) = Answer::read(&bytes, owner, kind, self.id) {
                return answer;
            }
        }
    }

    fn send(&self, bytes: &[u8]) {
        // Refused when the server is gone; then no answer comes either.
        let _ = self.socket.send_to(bytes, (SERVER, DNS_PORT));
    }
}

/// The next datagram, if one comes in time.
fn receive(socket: &UdpSocket, patience: Duration) -> Option<Vec<u8>> {
    socket
        .set_read_timeout(Some(patience))
        .expect("it is not zero");
    let mut buffer = [0; 4096];
    match socket.recv_from(&mut buffer) {
        Ok((length, _)) => Some(buffer[..length].to_vec()),
        Err(error) => {
            let is_late = [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind());
            assert!(is_late, "{error}");
            None
        }
    }
}

fn name(text: &str) -> Name {
    parse_name(text, &Name::root()).expect("the test writes names")
}

const GIADDR: Ipv4Addr = addr(2);
const DNS_PORT: u16 = 53;
/// For what a killed server had sent already.
const LAST_ANSWER: Duration = Duration::from_millis(50);

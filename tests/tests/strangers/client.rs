//! A relay agent that speaks for any number of machines, and what their leases took.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use quorate_core::MacAddr;
use quorate_dhcp::wire::code;
use quorate_dhcp::{Message, MessageType, SERVER_PORT};
use quorate_tests::network::{Endpoint, SERVER};

/// A machine behind a relay agent: replies come to the agent's own socket.
pub(crate) struct Client {
    socket: UdpSocket,
    giaddr: Ipv4Addr,
    xid: u32,
}

impl Client {
    /// The relay agent is at the address of `endpoint`.
    pub(crate) fn new(endpoint: &Endpoint, giaddr: Ipv4Addr) -> Self {
        let bind = || UdpSocket::bind((giaddr, SERVER_PORT));
        let socket = endpoint.ns.run(bind).expect("the namespace is there");
        let socket = socket.expect("the port is free");
        socket
            .set_read_timeout(Some(ANSWER_MAX))
            .expect("it is not zero");
        Self {
            socket,
            giaddr,
            xid: 0,
        }
    }

    /// DISCOVER to ACK, and how long that took; `None` when a reply did not come within
    /// [`ANSWER_MAX`]. There is no second try.
    pub(crate) fn lease(&mut self, mac: MacAddr) -> Option<(Ipv4Addr, Duration)> {
        self.lease_as(mac, |_| ())
    }

    /// The same with more in its messages.
    pub(crate) fn lease_as(
        &mut self,
        mac: MacAddr,
        add: impl Fn(&mut Message<'_>),
    ) -> Option<(Ipv4Addr, Duration)> {
        let begun = Instant::now();
        let mut discover = self.message(MessageType::Discover, mac);
        add(&mut discover);
        let (kind, offered) = self.exchange(&discover)?;
        assert_eq!(kind, MessageType::Offer);
        let mut request = self.message(MessageType::Request, mac);
        add(&mut request);
        request.options.set_addrs(code::REQUESTED_ADDR, &[offered]);
        request.options.set_addrs(code::SERVER_ID, &[SERVER]);
        let (kind, addr) = self.exchange(&request)?;
        assert_eq!((kind, addr), (MessageType::Ack, offered));
        Some((addr, begun.elapsed()))
    }

    /// A message of the machine, as its relay agent passes it on.
    pub(crate) fn message(&self, kind: MessageType, mac: MacAddr) -> Message<'static> {
        Message {
            giaddr: self.giaddr,
            hops: 1,
            ..Message::request(kind, self.xid + 1, mac)
        }
    }

    /// Sends it, and waits for nothing.
    pub(crate) fn send(&mut self, message: &Message<'_>) {
        self.xid += 1;
        let server = SocketAddrV4::new(SERVER, SERVER_PORT);
        let sent = self.socket.send_to(&message.encode(), server);
        sent.expect("the server has its port open");
    }

    fn exchange(&mut self, message: &Message<'_>) -> Option<(MessageType, Ipv4Addr)> {
        self.send(message);
        let mut buffer = [0; 2_048];
        loop {
            let len = self.socket.recv(&mut buffer).ok()?;
            let reply = Message::decode(&buffer[..len]).expect("our server writes DHCP");
            if reply.xid == message.xid {
                return Some((reply.kind, reply.yiaddr));
            }
        }
    }
}

/// The machine with this number.
pub(crate) const fn machine(n: u16) -> MacAddr {
    let [high, low] = n.to_be_bytes();
    MacAddr([2, 0xdd, 0, 1, high, low])
}

/// No reply takes as long.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(2);

//! The DNS server's UDP sockets: hickory's `Server` carries the messages, our engine answers them.
//!
//! hickory-server accepts no encoded answer, only sections; so the engine's bytes are decoded
//! here and encoded again by the same encoder. What it cannot parse it answers itself (FORMERR),
//! before our engine sees it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use hickory_server::Server;
use hickory_server::net::NetError;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Header, HeaderCounts, Message, MessageType, Metadata};
use hickory_server::proto::serialize::binary::{BinDecodable as _, BinDecoder, DecodeError};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{MessageResponseBuilder, Queries};
use quorate_core::Channel;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};

use crate::dns_request::DnsRequest;
use crate::dns_tcp::DnsStreams;
use crate::limits::ConnectionLimits;
use crate::reporter::Reporter;
use crate::shares::Shares;

/// Binds UDP and TCP on every address and starts serving; requests come out of the channel.
pub(crate) async fn listen(
    addresses: &[SocketAddr],
    reporter: Reporter,
    limits: ConnectionLimits,
) -> io::Result<(Server<DnsListener>, mpsc::Receiver<DnsRequest>)> {
    let (requests, receiver) = mpsc::channel(REQUESTS_WAITING_MAX);
    let streams = DnsStreams {
        requests: requests.clone(),
        next: Arc::new(AtomicU64::new(1)),
        connections: Shares::new(limits),
        reporter,
    };
    let mut server = Server::new(DnsListener { requests });
    for address in addresses {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
        server.register_socket(bind(*address).map_err(named)?);
        let listener = TcpListener::bind(address).await.map_err(named)?;
        tokio::spawn(streams.clone().serve(listener));
    }
    Ok((server, receiver))
}

/// A socket with room for the questions and UPDATEs of a rack that comes back from a power cut;
/// the kernel grants what its rmem_max allows.
fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECV_BUFFER_OCTETS)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Hands requests to the main loop and its answers back.
#[derive(Debug)]
pub(crate) struct DnsListener {
    requests: mpsc::Sender<DnsRequest>,
}

#[async_trait::async_trait]
impl RequestHandler for DnsListener {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        response: R,
    ) -> ResponseInfo {
        let nothing = ResponseInfo::from(Header {
            metadata: Metadata::new(
                request.metadata.id,
                MessageType::Response,
                request.metadata.op_code,
            ),
            counts: HeaderCounts::default(),
        });
        let (reply, answer) = oneshot::channel();
        let asked = DnsRequest {
            source: request.src(),
            channel: Channel::Udp,
            payload: request.as_slice().to_vec(),
            reply,
        };
        if self.requests.send(asked).await.is_err() {
            return nothing;
        }
        let Ok(bytes) = answer.await else {
            return nothing;
        };
        match send(response, &bytes).await {
            Ok(info) => info,
            Err(error) => {
                tracing::warn!(%error, to = %request.src(), "DNS answer not sent");
                nothing
            }
        }
    }
}

/// Why an answer did not leave.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("our own answer cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Response(#[from] NetError),
}

/// Decodes `bytes` and sends its sections.
async fn send<R: ResponseHandler>(
    mut response: R,
    bytes: &[u8],
) -> Result<ResponseInfo, SendError> {
    let message = Message::from_vec(bytes)?;
    let mut decoder = BinDecoder::new(bytes);
    Header::read(&mut decoder)?;
    let queries = Queries::read(&mut decoder, message.queries.len())?;
    let mut sections = MessageResponseBuilder::new(&queries, message.edns.as_ref()).build(
        message.metadata,
        &message.answers,
        &message.authorities,
        [],
        &message.additionals,
    );
    if let Some(signature) = message.signature.clone() {
        sections.set_signature(signature);
    }
    Ok(response.send_response(sections).await?)
}

/// Requests that wait for the main loop; beyond it hickory's tasks wait, and sockets fill.
const REQUESTS_WAITING_MAX: usize = 4_096;
const RECV_BUFFER_OCTETS: usize = 4 << 20;

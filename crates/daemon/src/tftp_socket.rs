//! Boot loaders over TFTP: one task and one port for each transfer.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_boot::ipxe::is_file;
use quorate_boot::tftp::wire::error;
use quorate_boot::tftp::{ErrorCode, Request, Transfer};
use quorate_core::{Channel, Datagram, Destination, Engine, Output};
use quorate_server::{Event, Seeds};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::clock;

/// Sends files out of some directories.
#[derive(Debug)]
pub(crate) struct TftpServer {
    dirs: Vec<PathBuf>,
    seeds: Seeds,
    events: UnboundedSender<Event>,
    transfers: Arc<Semaphore>,
}

impl TftpServer {
    pub(crate) fn new(dirs: Vec<PathBuf>, seeds: Seeds, events: UnboundedSender<Event>) -> Self {
        Self {
            dirs,
            seeds,
            events,
            transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)),
        }
    }

    /// Serves requests to `socket` until the task is dropped.
    pub(crate) async fn serve(self, socket: UdpSocket) {
        let server = Arc::new(self);
        let mut buffer = vec![0; PACKET_OCTETS_MAX];
        loop {
            let (len, client) = match socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                // An ICMP error about an earlier answer, for example.
                Err(error) => {
                    tracing::warn!(%error, "TFTP");
                    continue;
                }
            };
            let answer = match Request::parse(&buffer[..len]) {
                Err(malformed) => malformed.answer(),
                Ok(request) => match Arc::clone(&server.transfers).try_acquire_owned() {
                    Ok(permit) => {
                        let server = Arc::clone(&server);
                        let local = socket.local_addr();
                        tokio::spawn(async move {
                            if let Err(error) = server.send(local, client, request, permit).await {
                                tracing::warn!(%error, %client, "TFTP transfer");
                            }
                        });
                        None
                    }
                    // Firmware asks again.
                    Err(_) => None,
                },
            };
            if let Some(answer) = answer {
                let _ = socket.send_to(&answer, client).await;
            }
        }
    }

    /// One transfer, from a port of its own (RFC 1350 §4).
    async fn send(
        &self,
        local: io::Result<SocketAddr>,
        client: SocketAddr,
        request: Request,
        _permit: OwnedSemaphorePermit,
    ) -> io::Result<()> {
        let socket = UdpSocket::bind(SocketAddr::new(local?.ip(), 0)).await?;
        // Some firmware writes an absolute path, or one as Windows has it.
        let file = request.file.replace('\\', "/");
        let file = file.trim_start_matches('/');
        let content = if is_file(file) {
            find(&self.dirs, file).await
        } else {
            None
        };
        let Some(content) = content else {
            let words = format!("there is no boot file {file:?}");
            socket
                .send_to(&error(ErrorCode::FileNotFound, &words), client)
                .await?;
            tracing::warn!(%client, "{words}");
            return Ok(());
        };
        let mut transfer = Transfer::new(client, &request, content.into(), clock::now());
        let mut buffer = [0; PACKET_OCTETS_MAX];
        loop {
            while let Some(output) = transfer.poll() {
                match output {
                    Output::Transmit(transmit) => {
                        if let Destination::Udp(to) = transmit.destination {
                            socket.send_to(&transmit.payload, to).await?;
                        }
                    }
                    Output::Event(event) => self.report(client, file, &event),
                    Output::Write { write, .. } => match write {},
                    Output::Effect(effect) => match effect {},
                }
            }
            let Some(deadline) = transfer.poll_timeout() else {
                return Ok(());
            };
            let left = deadline.at.since(clock::now().instant);
            match timeout(left, socket.recv_from(&mut buffer)).await {
                Ok(Ok((len, source))) => {
                    let datagram = Datagram {
                        source,
                        destination: source,
                        channel: Channel::Udp,
                        payload: &buffer[..len],
                    };
                    transfer.handle_datagram(datagram, clock::now());
                }
                // The client's port is closed: it will not answer, and the transfer times out.
                Ok(Err(_)) => sleep(left).await,
                Err(_) => transfer.handle_timeout(clock::now()),
            }
        }
    }

    fn report(&self, client: SocketAddr, file: &str, event: &quorate_boot::tftp::Event) {
        use quorate_boot::tftp::Event as Transfer;
        match event {
            Transfer::Sent { .. } => {
                // The receiver is gone only when the daemon is stopping.
                let _ = self.events.send(self.seeds.boot_served(client.ip(), file));
            }
            Transfer::Refused { .. } | Transfer::Unanswered { .. } => {
                tracing::info!(%client, file, ?event, "TFTP transfer ended");
            }
            Transfer::Stranger(_) | Transfer::Dropped => {}
        }
    }
}

/// The content of the first file of that name.
async fn find(dirs: &[PathBuf], file: &str) -> Option<Vec<u8>> {
    for dir in dirs {
        if let Some(content) = read(&dir.join(file)).await {
            return Some(content);
        }
    }
    None
}

async fn read(path: &Path) -> Option<Vec<u8>> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    if !metadata.is_file() || metadata.len() > FILE_OCTETS_MAX {
        return None;
    }
    tokio::fs::read(path).await.ok()
}

/// At once; each holds its file in memory.
const TRANSFERS_MAX: usize = 128;
/// Boot loaders are small; what is not goes over HTTP.
const FILE_OCTETS_MAX: u64 = 64 << 20;
/// Requests and acknowledgements are shorter; what is longer is refused for that.
const PACKET_OCTETS_MAX: usize = 1_024;

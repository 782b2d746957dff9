//! Boot loaders over TFTP: one task and one port for each transfer.
//!
//! A request is a datagram whose source anybody can forge, so a transfer takes little until its
//! client has acknowledged something: a port, an open file, one window. See [`crate::shares`].

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use quorate_boot::ipxe::is_file;
use quorate_boot::tftp::wire::error;
use quorate_boot::tftp::{Content, ErrorCode, Mode, Request, Transfer};
use quorate_core::{Channel, Datagram, Destination, Engine, Output};
use quorate_server::Seeds;
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use crate::boot_files::BootFiles;
use crate::clock;
use crate::limits::ConnectionLimits;
use crate::reporter::Reporter;
use crate::shares::{Revocation, Share, Shares};

/// Sends files out of some directories.
#[derive(Debug)]
pub(crate) struct TftpServer {
    files: BootFiles,
    seeds: Seeds,
    reporter: Reporter,
    transfers: Shares,
}

/// A file that is read while it is sent.
#[derive(Debug)]
struct Disk {
    file: File,
    octets: u64,
}

impl Content for Disk {
    fn octets(&self) -> u64 {
        self.octets
    }

    fn read(&self, offset: u64, block: &mut [u8]) -> bool {
        self.file.read_exact_at(block, offset).is_ok()
    }
}

/// Why no transfer begins.
#[derive(Debug, thiserror::Error)]
enum NoFile {
    #[error("there is no boot file {0:?}")]
    Absent(String),
    #[error("{0:?} is larger than TFTP is for: HTTP serves it")]
    TooLarge(String),
}

impl TftpServer {
    pub(crate) fn new(
        files: BootFiles,
        seeds: Seeds,
        reporter: Reporter,
        limits: ConnectionLimits,
    ) -> Self {
        let limits = ConnectionLimits {
            all: limits.all.min(TRANSFERS_MAX),
            per_source: limits.per_source.min(TRANSFERS_PER_SOURCE_MAX),
        };
        Self {
            files,
            seeds,
            reporter,
            transfers: Shares::new(limits),
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
                    sleep(RETRY_AFTER).await;
                    continue;
                }
            };
            match Request::parse(&buffer[..len]) {
                Err(malformed) => {
                    server.refused(client, malformed.to_string());
                    if let Some(answer) = malformed.answer() {
                        let _ = socket.try_send_to(&answer, client);
                    }
                }
                Ok(request) => match server.transfers.admit(client.ip()) {
                    Ok(place) => {
                        Arc::clone(&server).start(socket.local_addr(), client, request, place);
                    }
                    // Firmware asks again.
                    Err(full) => server.refused(client, full.to_string()),
                },
            }
        }
    }

    fn start(
        self: Arc<Self>,
        local: io::Result<SocketAddr>,
        client: SocketAddr,
        request: Request,
        (share, revocation): (Share, Revocation),
    ) {
        tokio::spawn(async move {
            let failed = tokio::select! {
                ended = self.send(local, client, &request, &share) => {
                    ended.err().map(|error| error.to_string())
                }
                () = revocation.wait() => {
                    Some("it acknowledged nothing, and others wait".to_owned())
                }
            };
            if let Some(why) = failed {
                self.refused(client, why);
            }
        });
    }

    /// One transfer, from a port of its own (RFC 1350 §4).
    async fn send(
        &self,
        local: io::Result<SocketAddr>,
        client: SocketAddr,
        request: &Request,
        share: &Share,
    ) -> io::Result<()> {
        let socket = UdpSocket::bind(SocketAddr::new(local?.ip(), 0)).await?;
        // Some firmware writes an absolute path, or one as Windows has it.
        let file = request.file.replace('\\', "/");
        let file = file.trim_start_matches('/');
        let content = match self.content(file, request.mode) {
            Ok(content) => content,
            Err(absent) => {
                let words = absent.to_string();
                let answer = error(ErrorCode::FileNotFound, &words);
                socket.send_to(&answer, client).await?;
                self.refused(client, words);
                return Ok(());
            }
        };
        let mut transfer = Transfer::new(client, request, content, clock::now());
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
            if transfer.is_answered() {
                share.prove();
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

    fn content(&self, file: &str, mode: Mode) -> Result<Arc<dyn Content>, NoFile> {
        let absent = || NoFile::Absent(file.chars().take(NAME_CHARS_MAX).collect());
        if !is_file(file) {
            return Err(absent());
        }
        let found = self.files.open(file).map_err(|_| absent())?;
        let octets = found.metadata.len();
        let octets_max = match mode {
            Mode::Octet => FILE_OCTETS_MAX,
            Mode::Netascii => TEXT_OCTETS_MAX,
        };
        if octets > octets_max {
            return Err(NoFile::TooLarge(file.to_owned()));
        }
        Ok(Arc::new(Disk {
            file: found.file,
            octets,
        }))
    }

    fn report(&self, client: SocketAddr, file: &str, event: &quorate_boot::tftp::Event) {
        use quorate_boot::tftp::Event as Transfer;
        match event {
            Transfer::Sent { .. } => self
                .reporter
                .report(self.seeds.boot_served(client.ip(), file)),
            // A client that only asked for the size (RFC 2349).
            Transfer::Refused { code: 8, .. } => {}
            Transfer::Refused { code, message } => self.refused(
                client,
                format!("the client ended the transfer of {file:?} with error {code}: {message:?}"),
            ),
            Transfer::Unanswered { tries } => self.refused(
                client,
                format!("no acknowledgement of {file:?} after {tries} tries"),
            ),
            Transfer::Unreadable => {
                self.refused(client, format!("{file:?} cannot be read any more"));
            }
            Transfer::Stranger(_) | Transfer::Dropped => {}
        }
    }

    fn refused(&self, client: SocketAddr, why: String) {
        self.reporter.refused("tftp", client.ip(), why);
    }
}

/// At once, of all clients and of one.
const TRANSFERS_MAX: usize = 128;
/// Boot loaders that read further files keep some of them open.
const TRANSFERS_PER_SOURCE_MAX: usize = 4;
/// Boot loaders are small; what is not goes over HTTP.
const FILE_OCTETS_MAX: u64 = 64 << 20;
/// What is sent as text is in memory meanwhile.
const TEXT_OCTETS_MAX: u64 = 64 << 10;
/// Requests and acknowledgements are shorter; what is longer is refused for that.
const PACKET_OCTETS_MAX: usize = 1_024;
const NAME_CHARS_MAX: usize = 80;
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_millis(10);

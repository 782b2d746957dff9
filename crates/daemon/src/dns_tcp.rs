//! DNS over TCP (RFC 7766): messages behind their lengths, several at once on a connection.
//!
//! A connection has ten seconds for each message, also for the first one, and each source has only
//! its share of connections: see [`crate::shares`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_core::{Channel, StreamId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::accept::accept;
use crate::dns_request::DnsRequest;
use crate::reporter::Reporter;
use crate::shares::{Revocation, Share, Shares};

/// What connections share.
#[derive(Clone, Debug)]
pub(crate) struct DnsStreams {
    pub(crate) requests: mpsc::Sender<DnsRequest>,
    pub(crate) next: Arc<AtomicU64>,
    pub(crate) connections: Shares,
    pub(crate) reporter: Reporter,
}

impl DnsStreams {
    /// Serves connections to `listener` until the task is dropped.
    pub(crate) async fn serve(self, listener: TcpListener) {
        loop {
            let (stream, from) = accept(&listener, SERVICE, &self.reporter).await;
            match self.connections.admit(from.ip()) {
                Ok(place) => {
                    let server = self.clone();
                    tokio::spawn(async move { server.connection(stream, from, place).await });
                }
                Err(full) => self.refused(from, full.to_string()),
            }
        }
    }

    /// One connection, until it ends or somebody else needs its place.
    async fn connection(
        self,
        stream: TcpStream,
        from: SocketAddr,
        (share, revocation): (Share, Revocation),
    ) {
        let (reader, writer) = stream.into_split();
        let (answers, queue) = mpsc::channel(ANSWERS_MAX);
        // What was asked is answered, also when nothing more is asked.
        let both = async {
            tokio::join!(
                self.read(reader, from, &share, answers),
                write(writer, queue)
            )
        };
        tokio::select! {
            _ = both => {}
            () = revocation.wait() => {
                self.refused(from, "it asked for nothing, and others wait".to_owned());
            }
        }
    }

    /// Hands over messages until there are no more, or none for too long.
    async fn read(
        &self,
        mut reader: OwnedReadHalf,
        from: SocketAddr,
        share: &Share,
        answers: mpsc::Sender<Vec<u8>>,
    ) {
        let in_flight = Arc::new(Semaphore::new(ANSWERS_MAX));
        while let Ok(Ok(payload)) = timeout(MESSAGE_MAX, message(&mut reader)).await {
            share.prove();
            let Ok(permit) = Arc::clone(&in_flight).acquire_owned().await else {
                return;
            };
            let (reply, answer) = oneshot::channel();
            let request = DnsRequest {
                source: from,
                channel: Channel::Stream(StreamId(self.next.fetch_add(1, Ordering::Relaxed))),
                payload,
                reply,
            };
            if self.requests.send(request).await.is_err() {
                return;
            }
            let answers = answers.clone();
            tokio::spawn(async move {
                // What the engine drops has no answer.
                if let Ok(Ok(answer)) = timeout(ANSWER_MAX, answer).await {
                    let _ = answers.send(answer).await;
                }
                drop(permit);
            });
        }
    }

    fn refused(&self, from: SocketAddr, why: String) {
        self.reporter.refused(SERVICE, from.ip(), why);
    }
}

async fn message(reader: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let octets = reader.read_u16().await?;
    // Not before it is there: who announces 65,535 octets has not sent them.
    let mut payload = Vec::new();
    reader.take(octets.into()).read_to_end(&mut payload).await?;
    if payload.len() < usize::from(octets) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(payload)
}

/// Writes answers until there are no more, or the client takes none for too long.
async fn write(mut writer: OwnedWriteHalf, mut answers: mpsc::Receiver<Vec<u8>>) {
    while let Some(answer) = answers.recv().await {
        let Ok(octets) = u16::try_from(answer.len()) else {
            continue;
        };
        // One segment: some clients want the length and the message at once (RFC 7766 §8).
        let framed = [&octets.to_be_bytes(), answer.as_slice()].concat();
        match timeout(MESSAGE_MAX, writer.write_all(&framed)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

const SERVICE: &str = "dns";
/// For a message to arrive, or to leave.
const MESSAGE_MAX: Duration = Duration::from_secs(10);
/// Longer than an answer may wait for the disk.
const ANSWER_MAX: Duration = Duration::from_secs(6);
/// Of one connection, at once.
const ANSWERS_MAX: usize = 32;

//! One DNS message and its answer over TCP (RFC 7766), for UPDATEs too large for UDP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Connects, sends `message`, and answers what comes back within [`EXCHANGE_MAX`].
pub(crate) async fn exchange(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let talk = async {
        let mut stream = TcpStream::connect(server).await?;
        // One segment: some servers answer only what comes with its length.
        stream
            .write_all(&[&length.to_be_bytes(), message].concat())
            .await?;
        let length = stream.read_u16().await?;
        let mut reply = vec![0; usize::from(length)];
        stream.read_exact(&mut reply).await?;
        Ok(reply)
    };
    tokio::time::timeout(EXCHANGE_MAX, talk)
        .await
        .map_err(|_| io::ErrorKind::TimedOut)?
}

/// Longer than any sync, shorter than a person's patience.
const EXCHANGE_MAX: Duration = Duration::from_secs(10);

//! Connections, accepted one after the other, also when there is no descriptor for the next.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::reporter::Reporter;

/// The next connection. While the kernel gives none, for want of descriptors or memory, it asks
/// again every [`RETRY_AFTER`]: the listener stays readable, and would take a whole core.
pub(crate) async fn accept(
    listener: &TcpListener,
    service: &str,
    reporter: &Reporter,
) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // It was there, and has gone.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                let why = format!("no connection is accepted: {error}");
                reporter.report(quorate_server::Event::Refused {
                    service: service.to_owned(),
                    source: None,
                    why,
                });
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

const RETRY_AFTER: Duration = Duration::from_millis(100);

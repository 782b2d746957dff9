//! The main loop: sockets in, engines, one sync, sockets out.

use quorate_server::{Event, Line};

use crate::config::Config;
use crate::control;
use crate::daemon::{Daemon, Wake};
use crate::error::ServeError;

/// Serves until `stop` completes. Every event goes to `emit`, the first being
/// [`Event::Ready`] when all services answer.
///
/// Must run on a multi-threaded tokio runtime: the disk is waited for in place.
///
/// # Errors
/// When a service cannot start. Nothing ends it later but `stop`: when the disk fails, it goes on
/// without promises.
pub async fn run(
    config: Config,
    stop: impl Future<Output = ()>,
    mut emit: impl FnMut(&Line),
) -> Result<(), ServeError> {
    let mut daemon = Daemon::start(config).await?;
    daemon.emit_all(
        &mut emit,
        vec![Event::Ready {
            leases: daemon.engines.leases_len(),
        }],
    );
    tokio::pin!(stop);
    loop {
        daemon.commit();
        daemon.send();
        let events = std::mem::take(&mut daemon.engines.events);
        daemon.emit_all(&mut emit, events);
        let wake = daemon.wait(&mut stop).await;
        match wake {
            Wake::Stop => return Ok(()),
            Wake::Event(event) => {
                let mut events = vec![event];
                events.extend(daemon.reports.drain());
                daemon.emit_all(&mut emit, events);
            }
            Wake::Ask(ask) => control::answer(ask, &daemon.engines),
            Wake::Dns(request) => daemon.dns(request),
            Wake::Stream(id, payload) => daemon.ddns_stream(id, &payload),
            Wake::Work => {}
        }
        daemon.read_sockets();
    }
}

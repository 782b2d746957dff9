//! Leases and zones for those who may enter the directory: HTTP on a Unix socket.
//!
//! `GET /leases` and `GET /zones` answer JSON. The directory is the log's and 0700, which is
//! the access control.
//!
//! The main loop is asked for one page after the other, so that a million leases keep nobody
//! waiting. A large answer is therefore not of one moment: what changes while it is read may be in
//! it or not.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use http_body::Frame;
use quorate_dhcp::Lease;
use quorate_dns::{Name, Record, text};
use serde_json::json;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

use quorate_server::Engines;

use crate::disk::Disk;

/// One question to the main loop.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Leases from this address on.
    Leases(Ipv4Addr, oneshot::Sender<Vec<Lease>>),
    /// Every zone's name and serial.
    Zones(oneshot::Sender<Vec<(Name, u32)>>),
    /// Records of this zone, of names behind that one.
    Records(Name, Option<Name>, oneshot::Sender<Vec<Record>>),
}

type Asks = mpsc::Sender<Ask>;

/// Starts listening at `path`; questions come out of the channel.
pub(crate) fn listen(path: &Path) -> io::Result<mpsc::Receiver<Ask>> {
    // Left by a daemon that was killed. The log's lock says that none runs now.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let (asks, receiver) = mpsc::channel(ASKS_WAITING_MAX);
    let router = Router::new().fallback(ask).with_state(Arc::new(asks));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(receiver)
}

async fn ask(State(asks): State<Arc<Asks>>, uri: Uri) -> Response {
    let (text, body) = mpsc::channel(PAGES_WAITING_MAX);
    match uri.path() {
        "/leases" => tokio::spawn(async move { drop(write_leases(&asks, &text).await) }),
        "/zones" => tokio::spawn(async move { drop(write_zones(&asks, &text).await) }),
        _ => {
            let paths = "the paths are /leases and /zones\n";
            return (StatusCode::NOT_FOUND, paths).into_response();
        }
    };
    Body::new(Pages(body)).into_response()
}

/// The asker is gone, or the daemon stops.
struct Over;

/// Writes all leases as one array.
async fn write_leases(asks: &Asks, to: &mpsc::Sender<String>) -> Result<(), Over> {
    let mut array = Array::default();
    let mut first = Ipv4Addr::UNSPECIFIED;
    loop {
        let leases = page(asks, |answer| Ask::Leases(first, answer)).await?;
        let Some(last) = leases.last() else { break };
        let next = last.addr.to_bits().checked_add(1);
        write(
            to,
            array.items(leases.iter().map(|lease| json!(lease).to_string())),
        )
        .await?;
        let Some(next) = next else { break };
        first = Ipv4Addr::from_bits(next);
    }
    write(to, format!("{}\n", array.end())).await
}

/// Writes all zones as one array.
async fn write_zones(asks: &Asks, to: &mpsc::Sender<String>) -> Result<(), Over> {
    let mut zones = Array::default();
    for (zone, serial) in page(asks, Ask::Zones).await? {
        let name = json!(text::name(&zone));
        let head = format!("{{\"name\":{name},\"serial\":{serial},\"records\":");
        write(to, zones.items([head])).await?;
        let mut records = Array::default();
        let mut after = None;
        loop {
            let ask = |answer| Ask::Records(zone.clone(), after.clone(), answer);
            let some = page(asks, ask).await?;
            let Some(last) = some.last() else { break };
            after = Some(last.name.clone());
            let texts = some
                .iter()
                .map(|record| json!(text::record(record)).to_string());
            write(to, records.items(texts)).await?;
        }
        write(to, format!("{}}}", records.end())).await?;
    }
    write(to, format!("{}\n", zones.end())).await
}

async fn page<T>(asks: &Asks, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Over> {
    let (answer, answered) = oneshot::channel();
    asks.send(ask(answer)).await.map_err(|_| Over)?;
    answered.await.map_err(|_| Over)
}

async fn write(to: &mpsc::Sender<String>, text: String) -> Result<(), Over> {
    to.send(text).await.map_err(|_| Over)
}

/// A JSON array in the making.
#[derive(Default)]
struct Array {
    has_items: bool,
}

impl Array {
    fn items(&mut self, items: impl IntoIterator<Item = String>) -> String {
        let mut text = String::new();
        for item in items {
            text.push(if self.has_items { ',' } else { '[' });
            self.has_items = true;
            text.push_str(&item);
        }
        text
    }

    const fn end(self) -> &'static str {
        if self.has_items { "]" } else { "[]" }
    }
}

/// The body of an answer, as it is written.
struct Pages(mpsc::Receiver<String>);

impl HttpBody for Pages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let text = self.0.poll_recv(context);
        text.map(|text| text.map(|text| Ok(Frame::data(text.into()))))
    }
}

/// Answers from what is there now. A page costs the same however much there is.
pub(crate) fn answer(ask: Ask, engines: &Engines<Disk>) {
    // The asker may have gone.
    match ask {
        Ask::Leases(first, answer) => {
            let leases = engines.leases_from(first).take(PAGE_ITEMS);
            let _ = answer.send(leases.collect());
        }
        Ask::Zones(answer) => {
            let zones = engines.published();
            let zones = zones.map(|zone| (zone.origin().clone(), zone.serial().0));
            let _ = answer.send(zones.collect());
        }
        Ask::Records(origin, after, answer) => {
            let zone = engines.published().find(|zone| *zone.origin() == origin);
            let records = zone.map(|zone| zone.records_page(after.as_ref(), PAGE_ITEMS));
            let _ = answer.send(records.unwrap_or_default());
        }
    }
}

/// Where the daemons listen, within the state directory.
pub fn control_path(state_dir: &Path) -> PathBuf {
    log_dir(state_dir).join("control.sock")
}

/// The log's own directory.
pub(crate) fn log_dir(state_dir: &Path) -> PathBuf {
    state_dir.join(STATE)
}

/// The log, its lock and the control socket; 0700.
const STATE: &str = "state";
const ASKS_WAITING_MAX: usize = 16;
/// Pages that wait for whoever reads them.
const PAGES_WAITING_MAX: usize = 4;
/// Leases or records of one page.
const PAGE_ITEMS: usize = 256;

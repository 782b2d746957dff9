//! Leases and zones for those who may enter the directory: HTTP on a Unix socket.
//!
//! `GET /leases` and `GET /zones` answer JSON. The directory is the log's and 0700, which is
//! the access control.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

use quorate_server::Engines;

use crate::disk::Disk;

/// One question to the main loop.
#[derive(Debug)]
pub(crate) struct Ask {
    what: What,
    answer: oneshot::Sender<Value>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Leases,
    Zones,
}

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

async fn ask(State(asks): State<Arc<mpsc::Sender<Ask>>>, uri: Uri) -> (StatusCode, String) {
    let what = match uri.path() {
        "/leases" => What::Leases,
        "/zones" => What::Zones,
        _ => {
            return (
                StatusCode::NOT_FOUND,
                "the paths are /leases and /zones\n".to_owned(),
            );
        }
    };
    let (answer, answered) = oneshot::channel();
    if asks.send(Ask { what, answer }).await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    match answered.await {
        Ok(value) => (StatusCode::OK, format!("{value}\n")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()),
    }
}

/// Answers from what is durable now.
pub(crate) fn answer(ask: Ask, engines: &Engines<Disk>) {
    let value = match ask.what {
        What::Leases => json!(engines.leases().collect::<Vec<_>>()),
        What::Zones => engines
            .zones()
            .into_iter()
            .map(|(name, (serial, records))| json!({ "name": name, "serial": serial, "records": records }))
            .collect(),
    };
    // The asker may have gone.
    let _ = ask.answer.send(value);
}

/// Where the daemons listen, within the state directory.
pub fn control_path(state_dir: &Path) -> PathBuf {
    state_dir.join(STATE).join("control.sock")
}

/// The log, its lock and the control socket; 0700.
const STATE: &str = "state";
const ASKS_WAITING_MAX: usize = 16;

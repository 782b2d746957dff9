//! Seeds over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, Uri};
use quorate_services::{Event, SeedBook};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;

/// What requests are answered from, and who hears of it.
#[derive(Clone, Debug)]
pub(crate) struct SeedServer {
    pub(crate) seeds: SeedBook,
    pub(crate) events: UnboundedSender<Event>,
}

/// Serves seeds on `listener` until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, server: SeedServer) -> std::io::Result<()> {
    let router = Router::new().fallback(answer).with_state(Arc::new(server));
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await
}

async fn answer(
    State(server): State<Arc<SeedServer>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    uri: Uri,
) -> (StatusCode, String) {
    let answer = server.seeds.answer(uri.path(), from.ip());
    if let Some(event) = answer.event {
        // The receiver is gone only when the daemon is stopping.
        let _ = server.events.send(event);
    }
    let status = StatusCode::from_u16(answer.status).expect("answers have statuses of HTTP");
    (status, answer.body)
}

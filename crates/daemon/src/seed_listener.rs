//! Seeds, scripts and boot files over HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use quorate_server::{Event, Seeds};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tower_http::services::ServeDir;

/// What requests are answered from, and where events go.
#[derive(Clone, Debug)]
pub(crate) struct SeedServer {
    pub(crate) seeds: Seeds,
    pub(crate) events: UnboundedSender<Event>,
    /// Directories of boot files, the first one first; none: nothing is booted from here.
    pub(crate) files: Vec<PathBuf>,
}

/// Serves seeds on `listener` until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, server: SeedServer) -> std::io::Result<()> {
    let server = Arc::new(server);
    let mut router = Router::new().fallback(answer);
    if let Some(files) = files(&server.files) {
        let reporting = from_fn_with_state(Arc::clone(&server), report_file);
        router = router.nest_service("/boot", files.layer(reporting));
    }
    let router = router.with_state(server);
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await
}

/// The directories, each asked for what the ones before it do not have.
fn files(dirs: &[PathBuf]) -> Option<MethodRouter> {
    let (last, others) = dirs.split_last()?;
    let mut files = MethodRouter::new().fallback_service(ServeDir::new(last));
    for dir in others.iter().rev() {
        files = MethodRouter::new().fallback_service(ServeDir::new(dir).fallback(files));
    }
    Some(files)
}

/// Reports each file that was found. Within `/boot`, the path is relative to it.
async fn report_file(
    State(server): State<Arc<SeedServer>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let file = request.uri().path().trim_start_matches('/').to_owned();
    let fetches = *request.method() == Method::GET;
    let response = next.run(request).await;
    if fetches && response.status().is_success() {
        // The receiver is gone only when the daemon is stopping.
        let _ = server
            .events
            .send(server.seeds.boot_served(from.ip(), &file));
    }
    response
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

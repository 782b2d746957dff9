//! Seeds, scripts and boot files over HTTP.
//!
//! A connection has ten seconds for each of its requests, also for the first one, and each source
//! has only its share of connections: see [`crate::shares`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use percent_encoding::percent_decode_str;
use quorate_boot::route::FILES_PATH;
use quorate_server::Seeds;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tower_http::services::ServeFile;

use crate::accept::accept;
use crate::boot_files::BootFiles;
use crate::reporter::Reporter;
use crate::shares::{Revocation, Share, Shares};

/// What requests are answered from, and where events go.
#[derive(Clone, Debug)]
pub(crate) struct SeedServer {
    pub(crate) seeds: Seeds,
    pub(crate) reporter: Reporter,
    /// Of boot files; empty when nothing is booted from here.
    pub(crate) files: BootFiles,
    pub(crate) connections: Shares,
}

/// Serves seeds on `listener` until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, server: SeedServer) {
    let server = Arc::new(server);
    let router = router(&server);
    loop {
        let (stream, from) = accept(&listener, SERVICE, &server.reporter).await;
        match server.connections.admit(from.ip()) {
            Ok(place) => {
                let router = router.clone();
                let server = Arc::clone(&server);
                tokio::spawn(async move { connection(stream, from, &server, router, place).await });
            }
            Err(full) => server
                .reporter
                .refused(SERVICE, from.ip(), full.to_string()),
        }
    }
}

fn router(server: &Arc<SeedServer>) -> Router {
    Router::new()
        .fallback(answer)
        .layer(from_fn_with_state(Arc::clone(server), report))
        .with_state(Arc::clone(server))
}

/// One connection, until it ends or somebody else needs its place.
async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    server: &SeedServer,
    router: Router,
    (share, revocation): (Share, Revocation),
) {
    if let Err(error) = bound(&stream) {
        tracing::debug!(%error, "a connection with the kernel's own limits");
    }
    let share = Arc::new(share);
    let service = router
        .layer(Extension(Arc::clone(&share)))
        .layer(Extension(ConnectInfo(from)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_MAX)
        .max_buf_size(HEAD_OCTETS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let why = tokio::select! {
        ended = served => match ended {
            Err(error) if error.is_timeout() || error.is_parse() => error.to_string(),
            // It has gone, which is its right.
            Ok(()) | Err(_) => return,
        },
        () = revocation.wait() => "it asked for nothing, and others wait".to_owned(),
    };
    server.reporter.refused(SERVICE, from.ip(), why);
}

/// What one connection may take of the kernel's memory, and how long it may stand still.
fn bound(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER_OCTETS)?;
    socket.set_tcp_user_timeout(Some(STANDSTILL_MAX))
}

/// Reports each boot file that was found, and each request that was refused.
async fn report(
    State(server): State<Arc<SeedServer>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Extension(share): Extension<Arc<Share>>,
    request: Request,
    next: Next,
) -> Response {
    share.prove();
    let path = request.uri().path().to_owned();
    let fetches = *request.method() == Method::GET;
    let response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        // Who asks for what is not there shows no need of a place.
        share.rest();
        let path: String = path.chars().take(PATH_CHARS_MAX).collect();
        let why = format!("{status}: {path:?}");
        server.reporter.refused(SERVICE, from.ip(), why);
    } else if let Some(file) = path.strip_prefix(FILES_PATH)
        && fetches
        && status.is_success()
    {
        let event = server.seeds.boot_served(from.ip(), file);
        server.reporter.report(event);
    }
    response
}

async fn answer(
    State(server): State<Arc<SeedServer>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    uri: Uri,
    request: Request,
) -> Response {
    if !server.files.is_empty()
        && let Some(file) = uri.path().strip_prefix(FILES_PATH)
    {
        return boot_file(&server.files, file, request).await;
    }
    let answer = server.seeds.answer(uri.path(), from.ip());
    if let Some(event) = answer.event {
        server.reporter.report(event);
    }
    let status = StatusCode::from_u16(answer.status).expect("answers have statuses of HTTP");
    (status, answer.body).into_response()
}

/// The file, or the part of it that is asked for.
async fn boot_file(files: &BootFiles, path: &str, request: Request) -> Response {
    use std::os::fd::AsRawFd as _;
    let decoded = percent_decode_str(path).decode_utf8();
    let Some(found) = decoded.ok().and_then(|path| files.open(&path).ok()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // Ranges and dates are the service's to understand; it wants a path, and this is the one of the
    // file that is open. Its name may lead elsewhere by now.
    let open = format!("/proc/self/fd/{}", found.file.as_raw_fd());
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    match ServeFile::new_with_mime(open, &mime)
        .try_call(request)
        .await
    {
        Ok(response) => response.map(Body::new).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

const SERVICE: &str = "http";
/// For the head of a request, counted from the end of the one before.
const REQUEST_MAX: Duration = Duration::from_secs(10);
const HEAD_OCTETS_MAX: usize = 32 << 10;
/// Enough for a LAN; the kernel keeps it for each connection that does not read.
const SEND_BUFFER_OCTETS: usize = 256 << 10;
/// A connection whose client takes nothing for so long is over.
const STANDSTILL_MAX: Duration = Duration::from_secs(30);
const PATH_CHARS_MAX: usize = 80;

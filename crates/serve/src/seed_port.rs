//! Seeds over HTTP: each machine gets its own, rendered from its lease.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, RwLock};

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, Uri};
use quorate_boot::{EtcdUnit, Facts};
use quorate_core::MacAddr;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;

use crate::event::Event;

/// What is known of every machine that holds a lease, kept by the main loop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory(Arc<RwLock<BTreeMap<MacAddr, Facts>>>);

impl Directory {
    /// The machine holds a lease.
    pub(crate) fn insert(&self, facts: Facts) {
        self.0
            .write()
            .expect("no holder of this lock panics")
            .insert(facts.mac, facts);
    }

    /// The machine holds no lease any more.
    pub(crate) fn remove(&self, mac: MacAddr) {
        self.0
            .write()
            .expect("no holder of this lock panics")
            .remove(&mac);
    }

    fn facts(&self, mac: MacAddr) -> Option<Facts> {
        self.0
            .read()
            .expect("no holder of this lock panics")
            .get(&mac)
            .cloned()
    }
}

/// What machines of one class run.
#[derive(Clone, Debug)]
pub(crate) struct SeedServer {
    pub(crate) directory: Directory,
    pub(crate) etcd: Option<(String, EtcdUnit)>,
    pub(crate) events: UnboundedSender<Event>,
}

/// Serves seeds on `listener` until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, seeds: SeedServer) -> std::io::Result<()> {
    let router = Router::new().fallback(answer).with_state(Arc::new(seeds));
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await
}

async fn answer(
    State(seeds): State<Arc<SeedServer>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    uri: Uri,
) -> (StatusCode, String) {
    let Some((mac, file)) = quorate_boot::route(uri.path()) else {
        return (
            StatusCode::NOT_FOUND,
            "the paths are /seed/<mac>/<file>\n".to_owned(),
        );
    };
    let Some(facts) = seeds.directory.facts(mac) else {
        return (StatusCode::NOT_FOUND, format!("{mac} holds no lease\n"));
    };
    // A seed may carry what only its machine should know.
    if from.ip() != IpAddr::V4(facts.addr) {
        return (
            StatusCode::FORBIDDEN,
            format!("this is the seed of {}\n", facts.addr),
        );
    }
    let etcd = seeds
        .etcd
        .as_ref()
        .filter(|(class, _)| facts.class.as_ref() == Some(class))
        .map(|(_, unit)| unit);
    match quorate_boot::seed(&facts, etcd) {
        Ok(seed) => {
            let event = Event::SeedServed {
                mac,
                file: file.name().to_owned(),
            };
            // The receiver is gone only when the daemon is stopping.
            let _ = seeds.events.send(event);
            (StatusCode::OK, seed.file(file).to_owned())
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

//! Opens the log, restores the engines and opens every socket.

use std::io;

use hickory_server::Server;
use quorate_core::Seed;
use quorate_server::{Config as Services, Directory, Engines, Seeds, Setup};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;

use crate::advert_socket::AdvertSocket;
use crate::answers::Answers;
use crate::boot_files::BootFiles;
use crate::check;
use crate::clock;
use crate::config::Config;
use crate::control::{self, control_path};
use crate::daemon::{Daemon, MESSAGE_OCTETS_MAX, Registrar, Replies};
use crate::dhcp_socket::DhcpSocket;
use crate::disk::Disk;
use crate::dns_listener::{self, DnsListener};
use crate::dns_request::DnsRequest;
use crate::error::ServeError;
use crate::exclusive::Exclusive;
use crate::keys;
use crate::limits::{self, ConnectionLimits};
use crate::privileges;
use crate::reporter::{self, Reporter};
use crate::seed_listener::{self, SeedServer};
use crate::shares::Shares;
use crate::state_dir;
use crate::tftp_socket::TftpServer;
use crate::throttle::Throttle;

impl Daemon {
    pub(crate) async fn start(config: Config) -> Result<Self, ServeError> {
        // Before anything is made or written.
        for warning in check::startable(&config)? {
            tracing::warn!("{}", warning.line());
        }
        let config = config.services;
        let directory = Directory::default();
        state_dir::close(&config.state_dir);
        let (disk, records) = Disk::open(&control::log_dir(&config.state_dir))?;
        let setup = Setup::new(&config, keys::load(&config)?)?;
        let now = clock::now();
        let draw = Seed::new(now.instant.as_nanos() ^ now.wall.as_unix_secs().rotate_left(32));
        let log = (disk, records.iter().collect());
        let engines = Engines::restore(setup, log, draw, directory.clone(), now)?;
        drop(records);

        let (reporter, reports) = reporter::channel();
        let limits = ConnectionLimits::new(limits::raise_descriptors());
        let exclusive = claim(&config)?;
        let dns = open_dns(&config, reporter.clone(), limits).await?;
        let ddns = open_ddns(&config).await?;
        serve_seeds(&config, directory, reporter, limits).await?;
        serve_adverts(&config)?;
        // DHCP last: its clients go on to the others.
        let dhcp = open_dhcp(&config)?;
        let asks = control::listen(&control_path(&config.state_dir))
            .map_err(socket("the control socket"))?;
        privileges::give_up(&config);
        Ok(Self {
            engines,
            dhcp,
            dns,
            ddns,
            answers: Answers::new(now.instant),
            reports,
            _exclusive: exclusive,
            asks,
            streams: Replies::new(),
            throttle: Throttle::default(),
            clock_set: clock::ChangeNotifier::new().ok(),
            buffer: vec![0; MESSAGE_OCTETS_MAX],
        })
    }
}

/// Every place that is served is served by this process only.
fn claim(config: &Services) -> Result<Exclusive, ServeError> {
    let mut exclusive = Exclusive::default();
    let mut claim = |service: &str, place: &str| {
        let claimed = exclusive.claim(service, place);
        claimed.map_err(socket(format!("[{service}] {place}")))
    };
    if let Some(dhcp) = config.dhcp() {
        claim("dhcp", &dhcp.interface)?;
    }
    for listen in config.dns().iter().flat_map(|dns| &dns.listen) {
        claim("dns", &listen.to_string())?;
    }
    if let Some(seed) = config.seed() {
        claim("seed", &seed.listen.to_string())?;
    }
    if let Some(tftp) = config.boot().and_then(|boot| boot.tftp) {
        claim("boot", &tftp.to_string())?;
    }
    Ok(exclusive)
}

type Dns = (Server<DnsListener>, mpsc::Receiver<DnsRequest>);

async fn open_dns(
    config: &Services,
    reporter: Reporter,
    limits: ConnectionLimits,
) -> Result<Option<Dns>, ServeError> {
    let Some(dns) = config.dns() else {
        return Ok(None);
    };
    let opened = dns_listener::listen(&dns.listen, reporter, limits).await;
    Ok(Some(opened.map_err(socket("[dns]"))?))
}

/// The socket that UPDATEs leave by, and the server that they go to.
async fn open_ddns(config: &Services) -> Result<Option<Registrar>, ServeError> {
    let Some(ddns) = config.ddns() else {
        return Ok(None);
    };
    let any = if ddns.server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let bound = UdpSocket::bind(any).await.map_err(socket("[ddns]"))?;
    Ok(Some((bound, ddns.server)))
}

/// Serves seeds over HTTP, and boot files over HTTP and TFTP, as tasks of their own.
async fn serve_seeds(
    config: &Services,
    directory: Directory,
    reporter: Reporter,
    limits: ConnectionLimits,
) -> Result<(), ServeError> {
    let Some(seed) = config.seed() else {
        return Ok(());
    };
    let what = format!("[seed] {}", seed.listen);
    let listener = TcpListener::bind(seed.listen).await.map_err(socket(what))?;
    let boot = config.boot();
    let files = BootFiles::new(boot.map_or_else(Vec::new, |boot| boot.files.clone()));
    let seeds = Seeds::new(config, directory);
    if let Some(listen) = boot.and_then(|boot| boot.tftp) {
        let what = format!("[boot] tftp {listen}");
        let bound = UdpSocket::bind(listen).await.map_err(socket(what))?;
        let server = TftpServer::new(files.clone(), seeds.clone(), reporter.clone(), limits);
        tokio::spawn(server.serve(bound));
    }
    let server = SeedServer {
        seeds,
        reporter,
        files,
        connections: Shares::new(limits),
    };
    tokio::spawn(seed_listener::serve(listener, server));
    Ok(())
}

/// Answers router solicitations, if machines that boot ask for it.
fn serve_adverts(config: &Services) -> Result<(), ServeError> {
    if let (Some(boot), Some(dhcp)) = (config.boot(), config.dhcp())
        && boot.no_ipv6_router
    {
        let what = format!("[boot] no_ipv6_router on {}", dhcp.interface);
        let adverts = AdvertSocket::open(&dhcp.interface).map_err(socket(what))?;
        tokio::spawn(adverts.serve());
    }
    Ok(())
}

fn open_dhcp(config: &Services) -> Result<Option<DhcpSocket>, ServeError> {
    let Some(dhcp) = config.dhcp() else {
        return Ok(None);
    };
    let what = format!("[dhcp] {}", dhcp.interface);
    let opened = DhcpSocket::open(&dhcp.interface, dhcp.server_id);
    Ok(Some(opened.map_err(socket(what))?))
}

/// The error of a socket that `what` needs.
fn socket(what: impl Into<String>) -> impl FnOnce(io::Error) -> ServeError {
    let what = what.into();
    move |source| ServeError::Socket { what, source }
}

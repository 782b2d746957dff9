//! The hollow machines of a story: a [`Row`] behind one port of the switch, in its thread.
//!
//! As soon as one of them has an address, the servers' kernel gets a permanent neighbour entry for
//! it: the neighbour table holds 1,024 others, counted over all namespaces of the host.

use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quorate_core::{Instant, Now, Seed, Wall};
use quorate_hollow::{Event, Row, Services};
use quorate_netlink::Netlink;
use quorate_scenario::What;
use quorate_scenario::story::Story;
use quorate_world::observe::MachineObserver;

use super::{FIRST_RETRY_MS, RawObservation, monotonic_ns};
use crate::lan::{Guests, Lan, MACHINE_INTERFACE};
use crate::netns::NetNs;

/// A handle on the row, which the switch thread shares.
#[derive(Debug)]
pub(super) struct Hollow {
    row: Arc<Mutex<Row>>,
}

impl Hollow {
    /// Puts every hollow machine of `story` on `lan`, off. `servers` is where the servers are.
    pub(super) fn start(
        story: &Story,
        seed: Seed,
        servers: &NetNs,
        lan: &Lan,
        observations: Sender<RawObservation>,
    ) -> io::Result<Self> {
        let mut row = Row::new(seed, Duration::from_millis(FIRST_RETRY_MS));
        let mut names = Vec::new();
        for role in story.machines.iter().filter(|role| role.hollow) {
            let cluster = names.len().checked_rem(story.clusters.len());
            let services = cluster.map(|cluster| services(story, cluster));
            row.add(role.mac, services);
            names.push((role.name.clone(), MachineObserver::default()));
        }
        let row = Arc::new(Mutex::new(row));
        let (netlink, interface) = servers.run(|| {
            let mut netlink = Netlink::open()?;
            let interface = netlink.link_index(MACHINE_INTERFACE)?;
            Ok::<_, io::Error>((netlink, interface))
        })??;
        let guests = Behind {
            row: Arc::clone(&row),
            netlink,
            interface,
            names,
            observations,
        };
        lan.invite("hollow", Box::new(guests))?;
        Ok(Self { row })
    }

    pub(super) fn power_on(&self, number: usize) {
        self.row().power_on(number, now());
    }

    pub(super) fn power_off(&self, number: usize) {
        self.row().power_off(number);
    }

    pub(super) fn set_link(&self, number: usize, up: bool) {
        self.row().set_link(number, up);
    }

    pub(super) fn set_frozen(&self, number: usize, frozen: bool) {
        let mut row = self.row();
        if frozen {
            row.freeze(number);
        } else {
            row.thaw(number, now());
        }
    }

    fn row(&self) -> MutexGuard<'_, Row> {
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The row as the switch sees it.
#[derive(Debug)]
struct Behind {
    row: Arc<Mutex<Row>>,
    /// Speaks to the kernel of the servers.
    netlink: Netlink,
    interface: u32,
    /// The name of each machine, and what it has reported.
    names: Vec<(String, MachineObserver)>,
    observations: Sender<RawObservation>,
}

impl Behind {
    fn handle_event(&mut self, event: Event) {
        let (machine, what) = match event {
            Event::Addressed { addr, mac } => {
                let entered = self
                    .netlink
                    .add_neighbour_permanent(self.interface, addr, mac);
                let text = match entered {
                    Ok(()) => return,
                    Err(error) => {
                        format!("the servers' kernel has no neighbour entry for {addr}: {error}")
                    }
                };
                let _ = self
                    .observations
                    .send((monotonic_ns(), None, What::Note { text }));
                return;
            }
            Event::Node { machine, event } => {
                let (_, observer) = &mut self.names[machine];
                (machine, observer.observe(event, || None))
            }
            Event::Reached {
                machine,
                host,
                peer,
            } => {
                let text = format!("{host} answers at {peer}");
                (machine, Some(What::Note { text }))
            }
        };
        if let Some(what) = what {
            let name = self.names[machine].0.clone();
            // The receiver is gone only when the world is.
            let _ = self.observations.send((monotonic_ns(), Some(name), what));
        }
    }
}

impl Guests for Behind {
    fn handle_frame(&mut self, frame: &[u8]) {
        let row = Arc::clone(&self.row);
        let mut row = row.lock().unwrap_or_else(PoisonError::into_inner);
        row.handle_frame(frame, now());
    }

    fn poll(&mut self) -> Option<Vec<u8>> {
        let row = Arc::clone(&self.row);
        let mut row = row.lock().unwrap_or_else(PoisonError::into_inner);
        row.handle_timeout(now());
        while let Some(event) = row.poll_event() {
            self.handle_event(event);
        }
        row.poll_frame()
    }

    fn wait_max(&self) -> Option<Duration> {
        let row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = row.poll_timeout()?;
        Some(deadline.at.since(now().instant))
    }
}

/// Each cluster of the story has as many users as any other.
fn services(story: &Story, cluster: usize) -> Services {
    let name = story.clusters[cluster].srv_name.as_ref();
    let name = name.map_or_else(String::new, |name| format!("-{name}"));
    let domain = &story.network.domain;
    Services {
        owner: format!("_etcd-client{name}._tcp.{domain}"),
    }
}

/// The kernel's own clock, on which all observations are.
fn now() -> Now {
    let wall = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let secs = u64::try_from(wall.tv_sec).unwrap_or(0);
    Now::new(
        Instant::from_nanos(monotonic_ns()),
        Wall::from_unix_secs(secs),
    )
}

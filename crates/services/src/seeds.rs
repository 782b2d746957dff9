//! Seeds: each machine gets its own, rendered from its lease.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use quorate_boot::{EtcdUnit, Facts};
use quorate_core::MacAddr;

use crate::config;
use crate::event::Event;

/// What is known of every machine that holds a lease. The engines keep it; whoever answers
/// requests reads it.
#[derive(Clone, Debug, Default)]
pub struct Directory(Arc<RwLock<BTreeMap<MacAddr, Facts>>>);

impl Directory {
    /// The machine holds a lease.
    pub(crate) fn insert(&self, facts: Facts) {
        let mut machines = self.0.write().unwrap_or_else(PoisonError::into_inner);
        machines.insert(facts.mac, facts);
    }

    /// The machine holds no lease any more.
    pub(crate) fn remove(&self, mac: MacAddr) {
        let mut machines = self.0.write().unwrap_or_else(PoisonError::into_inner);
        machines.remove(&mac);
    }

    fn facts(&self, mac: MacAddr) -> Option<Facts> {
        let machines = self.0.read().unwrap_or_else(PoisonError::into_inner);
        machines.get(&mac).cloned()
    }
}

/// Every machine's seed, ready to be asked for.
#[derive(Clone, Debug)]
pub struct SeedBook {
    directory: Directory,
    /// What machines of one class run.
    etcd: Option<(String, EtcdUnit)>,
}

/// What a GET is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedAnswer {
    /// The HTTP status code.
    pub status: u16,
    pub body: String,
    /// To be told, when something was served.
    pub event: Option<Event>,
}

impl SeedBook {
    /// The seeds of the machines in `directory`, as the section describes them.
    pub fn new(section: &config::Seed, directory: Directory) -> Self {
        let etcd = section
            .etcd
            .as_ref()
            .map(|etcd| (etcd.class.clone(), etcd.unit.clone()));
        Self { directory, etcd }
    }

    /// Answers a GET of `path` that came from `source`.
    pub fn answer(&self, path: &str, source: IpAddr) -> SeedAnswer {
        let Some((mac, file)) = quorate_boot::route(path) else {
            return refuse(404, "the paths are /seed/<mac>/<file>\n".to_owned());
        };
        let Some(facts) = self.directory.facts(mac) else {
            return refuse(404, format!("{mac} holds no lease\n"));
        };
        // A seed may carry what only its machine should know.
        if source != IpAddr::V4(facts.addr) {
            return refuse(403, format!("this is the seed of {}\n", facts.addr));
        }
        let etcd = self
            .etcd
            .as_ref()
            .filter(|(class, _)| facts.class.as_ref() == Some(class))
            .map(|(_, unit)| unit);
        match quorate_boot::seed(&facts, etcd) {
            Ok(seed) => SeedAnswer {
                status: 200,
                body: seed.file(file).to_owned(),
                event: Some(Event::SeedServed {
                    mac,
                    file: file.name().to_owned(),
                }),
            },
            Err(error) => refuse(500, format!("{error}\n")),
        }
    }
}

const fn refuse(status: u16, body: String) -> SeedAnswer {
    SeedAnswer {
        status,
        body,
        event: None,
    }
}

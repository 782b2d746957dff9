//! Seeds: each machine gets its own, rendered from its lease.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use quorate_boot::{EtcdUnit, Facts};
use quorate_core::MacAddr;

use crate::boot::Scripts;
use crate::config::Config;
use crate::event::Event;

/// What is known of every machine that holds a lease. The engines update it; the servers of
/// seeds and boot files read it.
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

    /// The machine that holds the address.
    fn mac(&self, addr: IpAddr) -> Option<MacAddr> {
        let machines = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut machines = machines.values();
        let holder = machines.find(|facts| IpAddr::V4(facts.addr) == addr)?;
        Some(holder.mac)
    }

    fn facts(&self, mac: MacAddr) -> Option<Facts> {
        let machines = self.0.read().unwrap_or_else(PoisonError::into_inner);
        machines.get(&mac).cloned()
    }
}

/// Answers requests for seeds and scripts, each rendered from its machine's lease.
#[derive(Clone, Debug)]
pub struct Seeds {
    directory: Directory,
    /// What the machines of each class run.
    etcd: BTreeMap<String, EtcdUnit>,
    scripts: Option<Scripts>,
}

/// The answer to a GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedAnswer {
    /// The HTTP status code.
    pub status: u16,
    pub body: String,
    /// The event to report, when something was served.
    pub event: Option<Event>,
}

impl Seeds {
    /// The seeds and scripts of the machines in `directory`, as the configuration describes them.
    pub fn new(config: &Config, directory: Directory) -> Self {
        let etcd = config
            .seed()
            .into_iter()
            .flat_map(|seed| &seed.etcd)
            .map(|etcd| (etcd.class.clone(), etcd.unit.clone()))
            .collect();
        Self {
            directory,
            etcd,
            scripts: Scripts::new(config),
        }
    }

    /// The event that the machine at `addr` fetched the boot file.
    pub fn boot_served(&self, addr: IpAddr, file: &str) -> Event {
        Event::BootServed {
            addr,
            mac: self.directory.mac(addr),
            file: file.to_owned(),
        }
    }

    /// Answers a GET of `path` that came from `source`.
    pub fn answer(&self, path: &str, source: IpAddr) -> SeedAnswer {
        if let Some(mac) = quorate_boot::script_route(path) {
            return self.script(mac, source).unwrap_or_else(|refusal| refusal);
        }
        let Some((mac, file)) = quorate_boot::route(path) else {
            return refuse(404, "the paths are /seed/<mac>/<file>\n".to_owned());
        };
        let facts = match self.facts(mac, source) {
            Ok(facts) => facts,
            Err(refusal) => return refusal,
        };
        let etcd = facts.class.as_ref().and_then(|class| self.etcd.get(class));
        match quorate_boot::seed_file(&facts, etcd, file) {
            Ok(body) => SeedAnswer {
                status: 200,
                body,
                event: Some(Event::SeedServed {
                    mac,
                    file: file.name().to_owned(),
                }),
            },
            Err(error) => refuse(500, format!("{error}\n")),
        }
    }

    fn script(&self, mac: MacAddr, source: IpAddr) -> Result<SeedAnswer, SeedAnswer> {
        let Some(scripts) = &self.scripts else {
            return Err(refuse(404, "nothing is booted from here\n".to_owned()));
        };
        let facts = self.facts(mac, source)?;
        let body = scripts
            .render(&facts)
            .map_err(|error| refuse(500, format!("{error}\n")))?;
        Ok(SeedAnswer {
            status: 200,
            body,
            event: Some(Event::BootServed {
                addr: source,
                mac: Some(mac),
                file: "script".to_owned(),
            }),
        })
    }

    fn facts(&self, mac: MacAddr, source: IpAddr) -> Result<Facts, SeedAnswer> {
        let facts = self.directory.facts(mac);
        let facts = facts.ok_or_else(|| refuse(404, format!("{mac} holds no lease\n")))?;
        // A seed may carry what only its machine should know.
        if source != IpAddr::V4(facts.addr) {
            return Err(refuse(403, format!("this is for {}\n", facts.addr)));
        }
        Ok(facts)
    }
}

const fn refuse(status: u16, body: String) -> SeedAnswer {
    SeedAnswer {
        status,
        body,
        event: None,
    }
}

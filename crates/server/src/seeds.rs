//! Seeds: each machine gets its own, rendered from its lease.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use quorate_boot::{EtcdUnit, Facts};
use quorate_core::MacAddr;

use crate::boot::Scripts;
use crate::config::Config;
use crate::directory::Directory;
use crate::event::Event;

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
            mac: self.directory.holder(addr).map(|facts| facts.mac),
            file: file.to_owned(),
        }
    }

    /// Answers a GET of `path` that came from `source`.
    pub fn answer(&self, path: &str, source: IpAddr) -> SeedAnswer {
        if let Some(mac) = quorate_boot::script_route(path) {
            return self.script(mac, source).unwrap_or_else(|refusal| *refusal);
        }
        let Some((mac, file)) = quorate_boot::route(path) else {
            return refuse(404, "the paths are /seed/<mac>/<file>\n".to_owned());
        };
        let facts = match self.facts(mac, source) {
            Ok(facts) => facts,
            Err(refusal) => return *refusal,
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

    fn script(&self, mac: MacAddr, source: IpAddr) -> Result<SeedAnswer, Box<SeedAnswer>> {
        let Some(scripts) = &self.scripts else {
            return Err(Box::new(refuse(
                404,
                "nothing is booted from here\n".to_owned(),
            )));
        };
        let facts = self.facts(mac, source)?;
        let body = scripts
            .render(&facts)
            .map_err(|error| Box::new(refuse(500, format!("{error}\n"))))?;
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

    /// Of the lease of `source`, which must be one of `mac`: a seed may carry what only its machine
    /// should know, and the address is what it has to show.
    fn facts(&self, mac: MacAddr, source: IpAddr) -> Result<Arc<Facts>, Box<SeedAnswer>> {
        let holder = self.directory.holder(source);
        if let Some(facts) = holder.filter(|facts| facts.mac == mac) {
            return Ok(facts);
        }
        Err(Box::new(match self.directory.addr(mac) {
            Some(addr) => refuse(403, format!("this is for {addr}\n")),
            None => refuse(404, format!("{mac} holds no lease\n")),
        }))
    }
}

const fn refuse(status: u16, body: String) -> SeedAnswer {
    SeedAnswer {
        status,
        body,
        event: None,
    }
}

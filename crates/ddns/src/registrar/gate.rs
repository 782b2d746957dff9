//! What the registrar does when the members of a service change.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::{Held, Registrar, Registration};
use crate::cohort::{Announcement, Decision, Standing};
use crate::step::Aim;
use crate::{Binding, Event};

impl Registrar {
    /// Looks at every gate.
    pub(super) fn decide_all(&mut self) {
        for place in 0..self.cohorts.len() {
            let service = &self.config.services[place];
            if self.cohorts[place].is_closed(service) {
                continue;
            }
            let ready = ready_members(&self.held, &service.class);
            let label = service.label.clone();
            let (want, is_gated) = (service.members, service.gate);
            match self.cohorts[place].decide(service, &ready) {
                Decision::Nothing => {}
                Decision::Wait(have) => self.queue.event(Event::GateWaiting {
                    service: label,
                    have,
                    want,
                }),
                Decision::Announce(members) if is_gated => {
                    self.queue.event(Event::GateOpened {
                        service: label,
                        members: members.clone(),
                    });
                    self.announce(place, members);
                }
                Decision::Announce(members) => {
                    for member in members {
                        self.announce(place, vec![member]);
                    }
                }
            }
        }
    }

    pub(super) fn announce(&mut self, service: usize, members: Vec<String>) {
        let change = self.admit(Aim::Announce {
            service,
            members: members.clone(),
        });
        let announcement = Announcement {
            members,
            standing: Standing::Underway,
        };
        self.cohorts[service]
            .announcements
            .insert(change, announcement);
    }

    pub(super) fn tell_late(&mut self, binding: &Binding) {
        for (service, cohort) in self.config.services.iter().zip(&self.cohorts) {
            let is_member = binding.class.as_ref() == Some(&service.class) && binding.forward;
            if is_member && cohort.is_closed(service) && !cohort.has_announced(&binding.hostname) {
                self.queue.event(Event::Late {
                    service: service.label.clone(),
                    hostname: binding.hostname.clone(),
                });
            }
        }
    }
}

/// Hostnames of the class whose names are acknowledged, in the order they were asked for.
fn ready_members(held: &BTreeMap<Ipv4Addr, Held>, class: &str) -> Vec<String> {
    let is_ready = |held: &&Held| {
        held.standing == Registration::Registered
            && held.binding.forward
            && held.binding.class.as_deref() == Some(class)
    };
    let mut ready: Vec<&Held> = held.values().filter(is_ready).collect();
    ready.sort_unstable_by_key(|held| held.change);
    ready.iter().map(|h| h.binding.hostname.clone()).collect()
}

//! What the registrar does when the members of a service change.

use super::{Held, Registrar, Registration};
use crate::cohort::{Announcement, Decision, Standing};
use crate::lanes::Key;
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
            let ready = self.ready_members(&service.class);
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

    /// Hostnames of the class whose names are acknowledged and about to stay, each once, in the
    /// order they were asked for.
    fn ready_members(&self, class: &str) -> Vec<String> {
        let is_ready = |held: &&Held| {
            held.standing == Registration::Registered
                && held.binding.forward
                && held.binding.class.as_deref() == Some(class)
                && self.is_at_rest(&held.binding.hostname)
        };
        let mut ready: Vec<&Held> = self.held.values().filter(is_ready).collect();
        ready.sort_unstable_by_key(|held| held.change);
        let mut hostnames: Vec<String> = Vec::with_capacity(ready.len());
        for held in ready {
            if !hostnames.contains(&held.binding.hostname) {
                hostnames.push(held.binding.hostname.clone());
            }
        }
        hostnames
    }

    /// True when no change of the name is under way. (Another lease of the same client may
    /// have taken it over, and be about to give it back.)
    fn is_at_rest(&self, hostname: &str) -> bool {
        let mut changes = self.lanes.waiting(&Key::Host(hostname.to_owned()));
        changes.all(|number| {
            let change = self.changes.get(&number);
            change.is_none_or(|change| matches!(change.aim, Aim::Announce { .. }))
        })
    }
}

//! What the registrar does when the members of a service change.

use quorate_core::Bug;

use std::collections::BTreeSet;

use super::Registrar;
use crate::cohort::{Announcement, Decision, SetStatus};
use crate::key_queues::Key;
use crate::registrations::{Registration, RegistrationStatus};
use crate::step::Aim;
use crate::{Binding, Event};

impl Registrar {
    /// The members of services may have changed by what happens to this binding, or to others of
    /// its name.
    pub(super) fn touch(&mut self, binding: &Binding) {
        let others = self.registrations.named(&binding.hostname);
        let classes = others.map(|registration| &registration.binding.class);
        for class in classes.chain([&binding.class]).flatten() {
            let services = self.config.services_of(class);
            self.undecided.extend(services.map(|(place, _)| place));
        }
    }

    /// Looks at every gate whose members may have changed.
    pub(super) fn decide_all(&mut self) {
        for place in std::mem::take(&mut self.undecided) {
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
            status: SetStatus::Underway,
        };
        self.cohorts[service]
            .announcements
            .insert(change, announcement);
    }

    pub(super) fn report_late(&mut self, binding: &Binding) {
        let class = binding.class.as_ref().filter(|_| binding.forward);
        let services = class.into_iter();
        for (place, service) in services.flat_map(|class| self.config.services_of(class)) {
            let cohort = &self.cohorts[place];
            if cohort.is_closed(service) && !cohort.has_announced(&binding.hostname) {
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
        let too_soon = self.config.mutant.is(Bug::SrvBeforeA);
        let is_ready = |registration: &&Registration| {
            (registration.status == RegistrationStatus::Registered || too_soon)
                && registration.binding.forward
                && (self.is_at_rest(&registration.binding.hostname) || too_soon)
        };
        let mut ready: Vec<&Registration> = self
            .registrations
            .of_class(class)
            .filter(is_ready)
            .collect();
        ready.sort_unstable_by_key(|registration| registration.change);
        let mut seen = BTreeSet::new();
        ready.retain(|registration| seen.insert(registration.binding.hostname.as_str()));
        let hostnames = ready
            .into_iter()
            .map(|registration| registration.binding.hostname.clone());
        hostnames.collect()
    }

    /// True when no change of the name is under way. (Another lease of the same client may
    /// have taken it over, and be about to give it back.)
    fn is_at_rest(&self, hostname: &str) -> bool {
        let mut changes = self.key_queues.pending(&Key::Host(hostname.to_owned()));
        changes.all(|number| {
            let change = self.changes.get(&number);
            change.is_none_or(|change| matches!(change.aim, Aim::Announce { .. }))
        })
    }
}

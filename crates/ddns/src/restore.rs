//! From records to a registrar that goes on where the last one stopped, and back.

use std::collections::{BTreeMap, BTreeSet};

use quorate_core::Seed;

use crate::change::Change;
use crate::cohort::{Announcement, SetStatus};
use crate::registrar::{Registrar, Start};
use crate::registrations::{Registration, RegistrationStatus};
use crate::step::Aim;
use crate::{Config, OutboxRecord, Outcome};

impl Registrar {
    /// Continues every change that the records introduce and do not end.
    ///
    /// A crash may have swallowed commands whose records were not on disk yet: the owner says
    /// [`Bound`](crate::Command::Bound) again for all that it leases, and
    /// [`Ended`](crate::Command::Ended) for those of [`bindings`](Self::bindings) that it does
    /// not. What is known already costs nothing.
    ///
    /// Records of services that are no longer configured are skipped. A record that is there
    /// twice, because it was written both by [`checkpoint`](Self::checkpoint) and after it,
    /// counts once.
    pub fn restore(
        config: Config,
        seed: Seed,
        records: impl IntoIterator<Item = OutboxRecord>,
    ) -> Self {
        let mut registrar = Self::new(config, seed);
        let mut aims: BTreeMap<u64, Aim> = BTreeMap::new();
        let mut seen: BTreeSet<u64> = BTreeSet::new();
        for record in records {
            let change = record.change();
            registrar.start = Start::Resuming;
            registrar.next_change = registrar.next_change.max(change + 1);
            if let OutboxRecord::Done { outcome, .. } = record {
                if let Some(aim) = aims.remove(&change) {
                    registrar.restore_outcome(change, &aim, outcome);
                }
            } else if seen.insert(change)
                && let Some(aim) = registrar.restore_aim(record)
            {
                aims.insert(change, aim);
            }
        }
        for (number, aim) in aims {
            registrar.key_queues.push(number, &aim);
            let change = Change::restored(aim);
            registrar.changes.insert(number, change);
        }
        registrar
    }

    /// Records that replace all that were written so far.
    pub fn checkpoint(&self) -> Vec<OutboxRecord> {
        let mut records: BTreeMap<u64, Vec<OutboxRecord>> = BTreeMap::new();
        for (number, change) in &self.changes {
            records.insert(*number, vec![self.record(*number, &change.aim)]);
        }
        for registration in self.registrations.iter() {
            let outcome = match registration.status {
                RegistrationStatus::Underway => continue,
                RegistrationStatus::Registered => Outcome::Applied,
                RegistrationStatus::Conflict => Outcome::Conflict,
            };
            let aim = Aim::Publish(registration.binding.clone());
            records.insert(
                registration.change,
                self.done(registration.change, &aim, outcome),
            );
        }
        for (service, cohort) in self.cohorts.iter().enumerate() {
            for (change, announcement) in &cohort.announcements {
                let outcome = match announcement.status {
                    SetStatus::Underway => continue,
                    SetStatus::Frozen => Outcome::Applied,
                    SetStatus::Conflict => Outcome::Conflict,
                };
                let members = announcement.members.clone();
                let aim = Aim::Announce { service, members };
                records.insert(*change, self.done(*change, &aim, outcome));
            }
        }
        records.into_values().flatten().collect()
    }

    fn done(&self, change: u64, aim: &Aim, outcome: Outcome) -> Vec<OutboxRecord> {
        let done = OutboxRecord::Done { change, outcome };
        vec![self.record(change, aim), done]
    }

    fn restore_aim(&mut self, record: OutboxRecord) -> Option<Aim> {
        match record {
            OutboxRecord::Wanted { change, binding } => {
                let registration = Registration {
                    binding: binding.clone(),
                    change,
                    status: RegistrationStatus::Underway,
                    may_be_published: true,
                };
                self.registrations.insert(registration);
                Some(Aim::Publish(binding))
            }
            OutboxRecord::Unwanted { binding, .. } => {
                self.registrations.remove(binding.addr);
                Some(Aim::Withdraw(binding))
            }
            OutboxRecord::Announced {
                change,
                service,
                members,
            } => {
                let service = self.config.service(&service)?;
                let announcement = Announcement {
                    members: members.clone(),
                    status: SetStatus::Underway,
                };
                self.cohorts[service]
                    .announcements
                    .insert(change, announcement);
                Some(Aim::Announce { service, members })
            }
            OutboxRecord::Done { .. } => None,
        }
    }

    fn restore_outcome(&mut self, change: u64, aim: &Aim, outcome: Outcome) {
        match aim {
            Aim::Publish(binding) => {
                let registration = self.registrations.get(binding.addr);
                if registration.is_none_or(|registration| registration.change != change) {
                    return;
                }
                if outcome == Outcome::Cancelled {
                    self.registrations.remove(binding.addr);
                } else {
                    let status = RegistrationStatus::of(outcome);
                    self.registrations.set_status(binding.addr, change, status);
                }
            }
            Aim::Withdraw(_) => {}
            Aim::Announce { service, .. } => {
                let announcement = self.cohorts[*service].announcements.get_mut(&change);
                if let Some(announcement) = announcement {
                    announcement.status = SetStatus::of(outcome);
                }
            }
        }
    }
}

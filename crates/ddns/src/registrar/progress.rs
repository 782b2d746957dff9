//! One change from the head of its queues to its end.

use quorate_core::{Bug, Instant, Now};
use quorate_dns::ResponseCode;

use super::{Pending, Registrar, Start};
use crate::change::State;
use crate::cohort::SetStatus;
use crate::key_queues::QUIET_TIME;
use crate::registrations::RegistrationStatus;
use crate::step::{Aim, Step, Verdict};
use crate::{Binding, Event, Outcome};

impl Registrar {
    /// Starts the change if its record is on disk and no older change shares a key with it.
    pub(super) fn start(&mut self, number: u64, now: Now) {
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        let too_soon =
            self.config.mutant.is(Bug::SrvBeforeA) && matches!(change.aim, Aim::Announce { .. });
        let is_first = self.key_queues.is_first(number, &change.aim) || too_soon;
        if !matches!(change.state, State::Queued) || !is_first {
            return;
        }
        let Some(step) = change.aim.first_step(&self.config) else {
            return self.finish(number, Outcome::Applied, now);
        };
        let until = match change.aim {
            Aim::Publish(_) | Aim::Withdraw(_) => match self.start {
                Start::Fresh | Start::Resuming => self.key_queues.rested_at(&change.aim),
                Start::Resumed(at) => self.key_queues.rested_at(&change.aim).max(at + QUIET_TIME),
            },
            // Sets are never changed, so no late copy can change them back.
            Aim::Announce { .. } => now.instant,
        };
        if until > now.instant {
            self.pause(number, step, until);
        } else {
            change.state = State::Ready { step };
            self.ready.insert(number);
        }
    }

    pub(super) fn pause(&mut self, number: u64, step: Step, until: Instant) {
        if let Some(change) = self.changes.get_mut(&number) {
            change.state = State::Pausing { step, until };
            self.timers.insert((until, number));
        }
    }

    pub(super) fn on_reply(&mut self, number: u64, step: Step, rcode: ResponseCode, now: Now) {
        let verdict = step.verdict(rcode);
        if let State::AwaitingReply { sent, .. } = &self.changes[&number].state {
            self.timers.remove(&(sent.deadline, number));
            self.in_flight.release(sent.encoded.id, now.instant);
        }
        match verdict {
            Verdict::Then(next) => {
                self.acknowledged(number, step);
                self.advance(number, next, now);
            }
            Verdict::Instead(next) => self.advance(number, next, now),
            Verdict::Applied => {
                self.acknowledged(number, step);
                self.finish(number, Outcome::Applied, now);
            }
            Verdict::Conflict => self.finish(number, Outcome::Conflict, now),
            Verdict::Over(next) => self.retry_later(number, step, next, rcode, now),
            Verdict::Again => self.retry_later(number, step, step, rcode, now),
        }
    }

    pub(super) fn retry_later(
        &mut self,
        number: u64,
        step: Step,
        next: Step,
        rcode: ResponseCode,
        now: Now,
    ) {
        self.retrying(number, step, format!("{rcode:?}"));
        if let Some(change) = self.changes.get_mut(&number) {
            let until = now.instant + change.next_wait(&mut self.random, &self.delays);
            self.pause(number, next, until);
        }
    }

    pub(super) fn advance(&mut self, number: u64, next: Step, now: Now) {
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        match change.aim.applicable_step(next, &self.config) {
            Some(step) => {
                change.progress();
                change.state = State::Ready { step };
                self.ready.insert(number);
            }
            None => self.finish(number, Outcome::Applied, now),
        }
    }

    pub(super) fn acknowledged(&mut self, number: u64, step: Step) {
        let Aim::Publish(Binding { hostname, addr, .. }) = &self.changes[&number].aim else {
            return;
        };
        let (hostname, addr) = (hostname.clone(), *addr);
        match step {
            Step::Claim | Step::Reclaim => {
                self.queue.event(Event::NamePublished { hostname, addr });
            }
            Step::Point => self.queue.event(Event::ReversePublished { hostname, addr }),
            Step::Release
            | Step::Forget
            | Step::Unpoint
            | Step::Open
            | Step::Compare
            | Step::Join => {}
        }
    }

    /// Ends the change: writes it down, reports it and starts the changes behind it.
    pub(super) fn finish(&mut self, number: u64, outcome: Outcome, now: Now) {
        let Some(change) = self.changes.remove(&number) else {
            return;
        };
        // Not waited for: when a crash loses it, the change runs again and ends the same way.
        self.write(Pending::Done(number, outcome));
        if let Some(sent_last) = change.sent_last
            && !matches!(change.aim, Aim::Announce { .. })
        {
            // Before the next change starts, which reads how long its keys rest.
            self.key_queues.rest(&change.aim, sent_last, now.instant);
        }
        self.record_outcome(number, &change.aim, outcome);
        for next in self.key_queues.remove(number, &change.aim) {
            self.start(next, now);
        }
        if let Aim::Publish(binding) | Aim::Withdraw(binding) = &change.aim {
            self.touch(binding);
        }
        if let Aim::Publish(binding) = &change.aim
            && outcome == Outcome::Applied
        {
            self.report_late(binding);
        }
        self.decide_all();
    }

    pub(super) fn record_outcome(&mut self, number: u64, aim: &Aim, outcome: Outcome) {
        match aim {
            Aim::Publish(binding) => {
                let (hostname, addr) = (binding.hostname.clone(), binding.addr);
                self.registrations
                    .set_status(addr, number, RegistrationStatus::of(outcome));
                if outcome == Outcome::Conflict {
                    self.queue.event(Event::Conflict { hostname, addr });
                }
            }
            Aim::Withdraw(binding) => self.queue.event(Event::Withdrawn {
                hostname: binding.hostname.clone(),
                addr: binding.addr,
            }),
            Aim::Announce { service, members } => {
                let announcement = self.cohorts[*service].announcements.get_mut(&number);
                if let Some(announcement) = announcement {
                    announcement.status = SetStatus::of(outcome);
                }
                let service = self.config.services[*service].label.clone();
                self.queue.event(match outcome {
                    Outcome::Applied | Outcome::Cancelled => Event::ServicePublished {
                        service,
                        members: members.clone(),
                    },
                    Outcome::Conflict => Event::ServiceConflict { service },
                });
            }
        }
    }
}

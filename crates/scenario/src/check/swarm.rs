//! The section `[swarm]`: a story of which every seed draws the sizes.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;

use super::{Check, LEASE_SECS_MIN, MACHINES_MAX};
use crate::raw;
use crate::sizes::Ranges;
use crate::story::Story;

impl Check {
    /// What the section says; `lease_secs` is what is not drawn.
    pub(super) fn ranges(
        &mut self,
        raw: &raw::Story,
        swarm: &Spanned<raw::swarm::Swarm>,
    ) -> Option<Ranges> {
        let problems = self.problems.len();
        self.not_beside(raw);
        let (span, swarm) = (swarm.span(), swarm.get_ref());
        let machines = self.range(&swarm.machines, 1, MACHINES_MAX);
        let none = Spanned::new(0..0, raw::swarm::Range { min: 0, max: 0 });
        let plain = self.range(swarm.plain.as_ref().unwrap_or(&none), 0, MACHINES_MAX);
        let racks = self.range(swarm.racks.as_ref().unwrap_or(&none), 0, MACHINES_MAX);
        let members = match &swarm.members {
            Some(members) => members.get_ref().clone(),
            None => MEMBERS.to_vec(),
        };
        let smallest = members.iter().copied().min().unwrap_or(0);
        if smallest == 0 || smallest > *machines.start() {
            let span = swarm.members.as_ref().map_or(span, Spanned::span);
            let help = "write sizes from 1 up, the least of which fits into the fewest machines";
            self.problem(span, "no cluster may come of this".to_owned(), help);
        }
        let power_on = self.optional_duration(swarm.power_on.as_ref());
        let lease_secs = self.lease_secs(raw, swarm);
        (self.problems.len() == problems).then(|| Ranges {
            machines,
            members,
            plain,
            hollow: swarm.hollow,
            racks,
            power_on: power_on.unwrap_or(POWER_ON),
            lease_secs,
            stem: raw
                .etcd
                .srv_name
                .as_ref()
                .map(|name| name.get_ref().clone()),
        })
    }

    /// What is drawn is not written.
    fn not_beside(&mut self, raw: &raw::Story) {
        let clusters = raw.etcd.clusters.span();
        let written: [Option<(Range<usize>, &str)>; 4] = [
            raw.machines
                .first()
                .map(|group| (group.span(), "[[machines]]")),
            raw.racks.as_ref().map(|racks| (racks.span(), "[racks]")),
            raw.etcd
                .members
                .as_ref()
                .map(|members| (members.span(), "`members`")),
            (!clusters.is_empty()).then_some((clusters, "`clusters`")),
        ];
        for (span, what) in written.into_iter().flatten() {
            let message = format!("{what} and [swarm] exclude each other");
            self.problem(span, message, "leave out one of them: [swarm] draws this");
        }
    }

    /// Both ends, which are not below `least` nor above `most`.
    fn range(
        &mut self,
        written: &Spanned<raw::swarm::Range>,
        least: usize,
        most: usize,
    ) -> RangeInclusive<usize> {
        let raw::swarm::Range { min, max } = *written.get_ref();
        if min > max || min < least || max > most {
            let message = format!("nothing lies between {min} and {max}, or too much");
            let help = format!("write {least} <= min <= max <= {most}");
            self.problem(written.span(), message, &help);
            return least..=least;
        }
        min..=max
    }

    fn lease_secs(&mut self, raw: &raw::Story, swarm: &raw::swarm::Swarm) -> Vec<u32> {
        let leases = match swarm.leases.as_slice() {
            [] => std::slice::from_ref(&raw.dhcp.lease),
            leases => leases,
        };
        let mut lease_secs = Vec::new();
        for lease in leases {
            let secs = self.duration(lease).as_secs();
            if secs < LEASE_SECS_MIN && !swarm.leases.is_empty() {
                let help = format!("write at least \"{LEASE_SECS_MIN}s\"");
                self.problem(lease.span(), "the lease is too short".to_owned(), &help);
            }
            lease_secs.push(u32::try_from(secs).unwrap_or(u32::MAX));
        }
        lease_secs
    }

    /// Gives the story the fullest sizes, and the ranges to draw others.
    pub(super) fn swarm(&mut self, story: &mut Story, span: Range<usize>, ranges: Ranges) {
        let stem = ranges.stem.clone();
        for racks in [*ranges.racks.end(), *ranges.racks.start()] {
            if story
                .resize(&ranges.fullest(racks), stem.as_deref())
                .is_none()
            {
                let message = format!(
                    "{} machines in {racks} racks do not find an address in the subnet",
                    ranges.machines.end()
                );
                let help = "give [network] a shorter prefix, as in \"10.77.0.0/16\"";
                return self.problem(span, message, help);
            }
        }
        story.ranges = Some(ranges);
    }
}

/// What clusters have when nothing is said.
const MEMBERS: [usize; 3] = [1, 3, 5];
const POWER_ON: Duration = Duration::from_secs(2);

//! One machine's way along the boot chain, as its observations tell it.

use std::collections::BTreeMap;

use quorate_core::Instant;
use quorate_etcd::{ClusterId, MemberId};
use serde::Serialize;

use crate::link::Link;
use crate::observation::{Observation, What};
use crate::story::{Class, Story};

/// Where one machine stands, and when it reached each link the first time.
#[derive(Clone, Debug, Serialize)]
pub struct Lane {
    pub machine: String,
    #[serde(skip)]
    pub class: Class,
    /// When each link was first reached.
    pub reached: BTreeMap<Link, Instant>,
    pub powered: bool,
    pub linked: bool,
    /// How often the service's process was started.
    pub starts: u32,
    /// What etcd made of the SRV records it saw; survives power cycles, as its disk does.
    pub identity: Option<(ClusterId, MemberId)>,
    /// The number of voters it counts, while it is healthy.
    pub voters: Option<usize>,
    /// How the service last ended.
    pub last_words: Option<String>,
}

impl Lane {
    /// True while the machine can be expected to work.
    pub const fn expected(&self) -> bool {
        self.powered && self.linked
    }

    /// The last link that holds now: a machine that was switched off is back at the start.
    pub fn link(&self) -> Option<Link> {
        if !self.powered {
            return None;
        }
        self.reached.keys().next_back().copied()
    }

    fn reach(&mut self, link: Link, at: Instant) {
        self.reached.entry(link).or_insert(at);
    }

    fn take(&mut self, at: Instant, what: &What) {
        match what {
            What::PoweredOn => {
                self.powered = true;
                self.reach(Link::Power, at);
            }
            What::PoweredOff => {
                self.powered = false;
                self.voters = None;
            }
            What::LinkDown => {
                self.linked = false;
                self.voters = None;
            }
            What::LinkUp => self.linked = true,
            What::DhcpSent { .. } => self.reach(Link::Discover, at),
            What::Leased { .. } => self.reach(Link::Ack, at),
            What::ReversePublished { .. } => self.reach(Link::Name, at),
            What::Seeded => self.reach(Link::Seed, at),
            What::ServiceStarted { attempt } => {
                self.starts = self.starts.max(*attempt);
                self.reach(Link::Etcd, at);
            }
            What::ServiceExited { status, last_words } => {
                self.voters = None;
                self.last_words = Some(last_words.as_ref().unwrap_or(status).clone());
            }
            What::Identified {
                cluster_id,
                member_id,
            } => {
                self.identity = Some((*cluster_id, *member_id));
                self.reach(Link::ClusterId, at);
            }
            What::Healthy {
                cluster_id,
                member_id,
                voters,
            } => {
                self.identity = Some((*cluster_id, *member_id));
                self.voters = Some(*voters);
                self.reach(Link::Voter, at);
                self.reach(Link::Quorum, at);
            }
            What::Unhealthy { .. } => self.voters = None,
            What::LeaseLost { .. }
            | What::NamePublished { .. }
            | What::ServersReady
            | What::ZoneChanged { .. }
            | What::GateWaiting { .. }
            | What::GateOpened { .. }
            | What::SrvPublished { .. }
            | What::Refused { .. }
            | What::Note { .. } => {}
        }
    }
}

/// All lanes of a story, kept up to date from its observations.
#[derive(Clone, Debug)]
pub struct Lanes {
    lanes: Vec<Lane>,
    by_name: BTreeMap<String, usize>,
}

impl Lanes {
    /// Every machine of `story`, switched off.
    pub fn new(story: &Story) -> Self {
        let lanes: Vec<Lane> = story
            .machines
            .iter()
            .map(|machine| Lane {
                machine: machine.name.clone(),
                class: machine.class,
                reached: BTreeMap::new(),
                powered: false,
                linked: true,
                starts: 0,
                identity: None,
                voters: None,
                last_words: None,
            })
            .collect();
        let by_name = lanes
            .iter()
            .enumerate()
            .map(|(index, lane)| (lane.machine.clone(), index))
            .collect();
        Self { lanes, by_name }
    }

    /// Moves the lanes that `observation` concerns.
    pub fn take(&mut self, observation: &Observation) {
        if let What::SrvPublished { members } = &observation.what {
            for member in members {
                if let Some(lane) = self.lane_mut(member) {
                    lane.reach(Link::Srv, observation.at);
                }
            }
        }
        if let Some(lane) = observation
            .machine
            .as_deref()
            .and_then(|name| self.lane_mut(name))
        {
            lane.take(observation.at, &observation.what);
        }
    }

    /// In the order of the story.
    pub fn iter(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter()
    }

    /// The lanes of cluster members, in the order of the story.
    pub fn members(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().filter(|lane| lane.class == Class::Etcd)
    }

    fn lane_mut(&mut self, name: &str) -> Option<&mut Lane> {
        self.by_name.get(name).map(|&index| &mut self.lanes[index])
    }
}

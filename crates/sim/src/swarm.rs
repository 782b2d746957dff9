//! Faults drawn from one seed: first trouble, then a healed world that must converge.

use std::time::Duration;

use quorate_core::{Instant, Random, Seed};
use quorate_fabric::{Chance, Faults};

use crate::agenda::Who;
use crate::world::{SimWorld, Wake};

/// Everything that goes wrong in one run. `Debug` shows the whole draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// On each cable, in each direction.
    pub cables: Faults,
    /// An UPDATE or its reply is lost between registrar and DNS server.
    pub update_loss: Chance,
    /// The servers' disk says that it has written and has not. Never drawn: no server keeps its
    /// promises on such a disk. For those who want to see that this is found.
    pub disk_lies: Chance,
    /// When the servers crash, and how long they are away.
    pub crashes: Vec<(Instant, Duration)>,
    /// Whose power is cut, when, and for how long.
    pub power_cuts: Vec<(usize, Instant, Duration)>,
    /// From here on nothing goes wrong any more.
    pub healed_at: Instant,
}

/// One thing that goes wrong, or ends to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    ServersCrash,
    ServersStart,
    PowerCut { index: usize, lasts: Duration },
    PowerBack { index: usize },
    Heal,
}

impl Swarm {
    /// The faults of this seed for a world of so many machines.
    pub fn draw(seed: u64, machines: usize) -> Self {
        let mut random = Seed::new(seed).child("swarm").random();
        // Half of the worlds lose nothing: what only goes wrong on a clean wire shows there.
        let lossy = random.below(2) == 1;
        let ppm = |random: &mut Random, most: u64| {
            let drawn = if lossy { random.below(most) } else { 0 };
            Chance::from_ppm(u32::try_from(drawn).unwrap_or(u32::MAX))
        };
        let cables = Faults {
            delay: Duration::from_micros(random.below(2_000)),
            jitter: Duration::from_micros(random.below(5_000)),
            loss: ppm(&mut random, 300_000),
            duplicate: ppm(&mut random, 200_000),
            reorder: ppm(&mut random, 200_000),
            ..Faults::default()
        };
        let update_loss = ppm(&mut random, 300_000);
        let crashes = (0..random.below(CRASHES_MAX + 1))
            .map(|_| (moment(&mut random), time(&mut random, AWAY_MAX)))
            .collect();
        let power_cuts = (0..random.below(POWER_CUTS_MAX + 1))
            .map(|_| {
                let index = usize::try_from(random.below(machines as u64)).unwrap_or(0);
                (index, moment(&mut random), time(&mut random, AWAY_MAX))
            })
            .collect();
        Self {
            cables,
            update_loss,
            disk_lies: Chance::NEVER,
            crashes,
            power_cuts,
            healed_at: Instant::ZERO + TROUBLE + AWAY_MAX,
        }
    }
}

impl SimWorld {
    /// Puts all of the trouble in.
    pub(crate) fn begin_trouble(&mut self, swarm: &Swarm) {
        for machine in &self.machines {
            self.lan.set_faults(machine.port, swarm.cables);
        }
        self.update_loss = swarm.update_loss;
        let mut troubles = Vec::new();
        for (at, lasts) in &swarm.crashes {
            troubles.push((*at, Trouble::ServersCrash));
            troubles.push((*at + *lasts, Trouble::ServersStart));
        }
        for (index, at, lasts) in &swarm.power_cuts {
            let (index, lasts) = (*index, *lasts);
            troubles.push((*at, Trouble::PowerCut { index, lasts }));
        }
        troubles.push((swarm.healed_at, Trouble::Heal));
        for (at, trouble) in troubles {
            self.agenda
                .put(at, Who::World, "trouble", Wake::Trouble(trouble));
        }
    }

    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::ServersCrash => {
                self.servers.crash();
                self.settle_servers();
            }
            Trouble::ServersStart => {
                self.servers
                    .start(self.clocks())
                    .expect("the configuration and the log were good before");
                self.settle_servers();
            }
            // A machine that is off yet is switched on by its story.
            Trouble::PowerCut { index, lasts } if self.machines[index].on.is_some() => {
                self.power_off(index);
                let back = Wake::Trouble(Trouble::PowerBack { index });
                self.agenda
                    .put(self.now + lasts, Who::World, "power is back", back);
            }
            Trouble::PowerCut { .. } => {}
            Trouble::PowerBack { index } => self.power_on(index),
            Trouble::Heal => {
                for machine in &self.machines {
                    self.lan.set_faults(machine.port, Faults::default());
                }
                self.update_loss = Chance::NEVER;
            }
        }
    }
}

fn moment(random: &mut Random) -> Instant {
    Instant::ZERO + time(random, TROUBLE)
}

fn time(random: &mut Random, most: Duration) -> Duration {
    Duration::from_nanos(random.below(u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)))
}

/// Things begin to go wrong within this time.
const TROUBLE: Duration = Duration::from_secs(8);
/// The longest that servers or a machine are away.
const AWAY_MAX: Duration = Duration::from_secs(2);
const CRASHES_MAX: u64 = 3;
const POWER_CUTS_MAX: u64 = 4;

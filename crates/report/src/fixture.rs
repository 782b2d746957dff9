//! Runs that never happened, for tests.

use quorate_core::Instant;
use quorate_scenario::drive::Expected;
use quorate_scenario::evidence::{Evidence, Lease, Member, Name, Srv, Write};
use quorate_scenario::progress::StoryProgress;
use quorate_scenario::{Action, Observation, Outcome, Story, Verdict, What, oracle};

use crate::human::Artifacts;

/// A story of `count` members.
pub(crate) fn story(count: usize) -> Story {
    Story::parse("story.toml", &story_text(count)).unwrap()
}

pub(crate) fn story_text(count: usize) -> String {
    format!(
        "title = \"machines form a cluster\"\n[etcd]\n[[machines]]\nname = \"n\"\ncount = {count}\nclass = \"etcd\"\n"
    )
}

/// What is to be observed of one story, and then judged by the true oracles.
pub(crate) struct Run {
    pub(crate) story: Story,
    pub(crate) expected: Expected,
    pub(crate) observations: Vec<Observation>,
    pub(crate) evidence: Evidence,
    pub(crate) formed_at: Option<Instant>,
    pub(crate) ended_at: Instant,
}

/// Milliseconds after power-on, and what happens then.
pub(crate) type Step = (u64, What);

impl Run {
    pub(crate) fn new(count: usize) -> Self {
        let story = story(count);
        Self {
            expected: Expected::new(&story, 3, 5),
            story,
            observations: Vec::new(),
            evidence: Evidence::default(),
            formed_at: None,
            ended_at: at(2_500),
        }
    }

    /// What a machine that boots well goes through.
    pub(crate) fn boot(&self, index: usize) -> Vec<Step> {
        let addr = [10, 77, 0, 10 + (index % 240) as u8].into();
        let name = self.story.machines[index].name.clone();
        let (cluster_id, member_id) = (self.expected.clusters[0].cluster_id, self.member_id(index));
        let voters = self.story.clusters[0].size();
        let message = "DISCOVER".to_owned();
        let leased = What::Leased {
            addr,
            hostname: Some(name.clone()),
            lease_secs: 60,
            renewed: false,
        };
        let healthy = What::Healthy {
            cluster_id,
            member_id,
            voters,
        };
        let identified = What::Identified {
            cluster_id,
            member_id,
        };
        vec![
            (0, What::Did(Action::PowerOn)),
            (
                4,
                What::DhcpSent {
                    message,
                    attempt: 1,
                },
            ),
            (60, leased),
            (120, What::ReversePublished { addr }),
            (180, What::Seeded),
            (240, What::ServiceStarted { attempt: 1 }),
            (
                300,
                What::SrvPublished {
                    members: vec![name],
                },
            ),
            (1_000, identified),
            (2_000, healthy),
        ]
    }

    fn member_id(&self, index: usize) -> quorate_etcd::MemberId {
        let url = self.expected.clusters[0].peers[index].1.as_str();
        quorate_etcd::member_id(&[url], &self.expected.clusters[0].token)
    }

    /// The machine was switched on at `on_ms`, and this is what it did.
    pub(crate) fn saw(&mut self, index: usize, on_ms: u64, steps: Vec<Step>) {
        let machine = Some(self.story.machines[index].name.clone());
        let observed = steps.into_iter().map(|(ms, what)| Observation {
            at: at(on_ms + ms),
            machine: machine.clone(),
            what,
        });
        self.observations.extend(observed);
        self.observations.sort_by_key(|observation| observation.at);
    }

    /// Adds the lease, the records and the answers of a machine that is well.
    pub(crate) fn is_well(&mut self, index: usize) {
        let machine = &self.story.machines[index];
        let addr = [10, 77, 0, 10 + (index % 240) as u8].into();
        self.evidence.leases.push(Lease {
            addr,
            mac: machine.mac,
            hostname: Some(machine.name.clone()),
        });
        self.evidence.names.push(Name {
            hostname: machine.name.clone(),
            forward: vec![addr],
            reverse: vec![format!("{}.lab.test", machine.name)],
        });
        self.evidence.srv.push(Srv {
            owner: self.expected.clusters[0].srv_owner.clone(),
            target: format!("{}.lab.test", machine.name),
            port: quorate_scenario::story::PEER_PORT,
        });
        let name = &self.story.machines[index].name;
        let alone = self.story.machines.len() == 1;
        let others = self.story.machines.iter().map(|other| &other.name);
        for read in others.filter(|other| alone || *other != name) {
            self.evidence.writes.push(Write {
                through: name.clone(),
                read: read.clone(),
                failed: None,
                is_lost: false,
            });
        }
        self.evidence.members.push(Member {
            machine: machine.name.clone(),
            cluster_id: self.expected.clusters[0].cluster_id,
            member_id: self.member_id(index),
            voters: self.story.machines.iter().map(|m| m.name.clone()).collect(),
        });
    }

    /// Every machine boots well, each `apart_ms` after the one before.
    pub(crate) fn well(count: usize, apart_ms: u64) -> Self {
        let mut run = Self::new(count);
        for index in 0..count {
            run.saw(index, 300 + apart_ms * index as u64, run.boot(index));
            run.is_well(index);
        }
        run.formed_at = run.observations.last().map(|observation| observation.at);
        run
    }

    fn progress(&self) -> StoryProgress {
        let mut progress = StoryProgress::new(&self.story);
        for observation in &self.observations {
            progress.observe(observation);
        }
        progress
    }

    /// With this verdict.
    pub(crate) fn outcome(&self, verdict: Verdict) -> Outcome {
        Outcome {
            verdict,
            observations: self.observations.clone(),
            evidence: self.evidence.clone(),
            progress: self.progress(),
            predicted: self.expected.cluster_ids().collect(),
            formed_at: self.formed_at,
            ended_at: self.ended_at,
        }
    }

    /// With the verdict of the oracles.
    pub(crate) fn judged(&self) -> Outcome {
        let findings = oracle::judge(
            &self.story,
            &self.expected,
            &self.progress(),
            &self.observations,
            &self.evidence,
        );
        self.outcome(Verdict::new(findings, self.evidence.starved.clone()))
    }
}

pub(crate) fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

pub(crate) fn used() -> Artifacts {
    Artifacts {
        dir: Some("/out/run 1".into()),
        world: "host".to_owned(),
        seed: 7,
        etcd: "3.5.16 (cache, from debian)".to_owned(),
        torn_down: Some(std::time::Duration::from_millis(123)),
    }
}

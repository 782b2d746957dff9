//! Each oracle, shown a world in which the thing it names is broken.

mod clocks;
mod diagnosis;
mod installs;
mod split;

use std::net::Ipv4Addr;

use quorate_core::Instant;
use quorate_etcd::{ClusterId, member_id};

use super::*;
use crate::action::Action;
use crate::evidence::{Lease, Member, Name, Srv, Write};
use crate::link::Link;
use crate::observation::What;
use crate::verdict::{FindingId, Verdict};
use split::identify;

const STORY: &str = r#"
title = "Three"
[etcd]
[[machines]]
name = "n"
count = 3
class = "etcd"
"#;

/// A world in which everything went well; tests break one thing each.
struct Whole {
    story: Story,
    expected: Expected,
    observations: Vec<Observation>,
    evidence: Evidence,
}

fn addr(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 9 + number as u8)
}

impl Whole {
    fn new() -> Self {
        let story = Story::parse("story.toml", STORY).unwrap();
        let expected = Expected::new(&story, 3, 5);
        let mut whole = Self {
            story,
            expected,
            observations: Vec::new(),
            evidence: Evidence::default(),
        };
        let names = ["n1", "n2", "n3"];
        for (index, name) in names.iter().enumerate() {
            let number = index + 1;
            whole.boot(name, number);
            whole.evidence.leases.push(Lease {
                addr: addr(number),
                mac: whole.story.machines[index].mac,
                hostname: Some((*name).to_owned()),
            });
            whole.evidence.names.push(Name {
                hostname: (*name).to_owned(),
                forward: vec![addr(number)],
                reverse: vec![format!("{name}.lab.test")],
            });
            whole.evidence.srv.push(Srv {
                owner: whole.expected.clusters[0].srv_owner.clone(),
                target: format!("{name}.lab.test"),
                port: 2380,
            });
            whole.evidence.members.push(Member {
                machine: (*name).to_owned(),
                cluster_id: whole.expected.clusters[0].cluster_id,
                member_id: whole.member(index),
                voters: names.map(str::to_owned).to_vec(),
            });
            for read in names.iter().filter(|read| *read != name) {
                whole.evidence.writes.push(Write {
                    through: (*name).to_owned(),
                    read: (*read).to_owned(),
                    failed: None,
                    is_lost: false,
                });
            }
        }
        whole
    }

    fn member(&self, index: usize) -> quorate_etcd::MemberId {
        member_id(
            &[&self.expected.clusters[0].peers[index].1],
            &self.expected.clusters[0].token,
        )
    }

    fn boot(&mut self, name: &str, number: usize) {
        let cluster_id = self.expected.clusters[0].cluster_id;
        let member_id = self.member(number - 1);
        let fqdn = format!("{name}.lab.test.");
        let zone = |serial, record: String| What::ZoneChanged {
            zone: "lab.test.".to_owned(),
            serial,
            added: vec![record],
            removed: Vec::new(),
        };
        let serial = 10 * number as u32;
        for what in [
            What::Did(Action::PowerOn),
            What::DhcpSent {
                message: "DISCOVER".to_owned(),
                attempt: 1,
            },
            What::Leased {
                addr: addr(number),
                hostname: Some(name.to_owned()),
                lease_secs: 60,
                renewed: false,
            },
            zone(serial, format!("{fqdn} 60 IN A {}", addr(number))),
            What::ReversePublished { addr: addr(number) },
            zone(
                serial + 1,
                format!("_etcd-server._tcp.lab.test. 60 IN SRV 0 0 2380 {fqdn}"),
            ),
            What::SrvPublished {
                members: vec![name.to_owned()],
            },
            What::Seeded,
            What::ServiceStarted { attempt: 1 },
            What::Identified {
                cluster_id,
                member_id,
            },
            What::Healthy {
                cluster_id,
                member_id,
                voters: 3,
            },
        ] {
            let at = Instant::from_nanos(self.observations.len() as u64);
            self.observations.push(Observation {
                at,
                machine: Some(name.to_owned()),
                what,
            });
        }
    }

    fn judge(&self) -> Vec<Finding> {
        let mut progress = StoryProgress::new(&self.story);
        for observation in &self.observations {
            progress.observe(observation);
        }
        judge(
            &self.story,
            &self.expected,
            &progress,
            &self.observations,
            &self.evidence,
        )
    }

    /// Says of `name` what `change` makes of each thing that was observed; `None` forgets it.
    fn rewrite(&mut self, name: &str, mut change: impl FnMut(&What) -> Option<What>) {
        self.observations.retain_mut(|observation| {
            if observation.machine.as_deref() != Some(name) {
                return true;
            }
            match change(&observation.what) {
                Some(what) => {
                    observation.what = what;
                    true
                }
                None => false,
            }
        });
    }

    /// The first finding is this one, and a host that is too slow explains it.
    #[track_caller]
    fn finds(&self, link: Link, machine: Option<&str>, words: &str) {
        self.judged(4, (link, machine, words));
    }

    /// The first finding is this one, on any host.
    #[track_caller]
    fn proves(&self, link: Link, machine: Option<&str>, words: &str) {
        self.judged(1, (link, machine, words));
    }

    #[track_caller]
    fn judged(&self, code: u8, (link, machine, words): (Link, Option<&str>, &str)) {
        let starved = Verdict::new(self.judge(), Some("too slow".to_owned()));
        assert_eq!(starved.exit_code(), code, "{starved:#?}");
        let fair = Verdict::new(self.judge(), None);
        assert_eq!(fair.exit_code(), 1);
        let findings = match code {
            1 => starved.findings(),
            _ => fair.findings(),
        };
        let first = findings.first().expect("something is found");
        assert_eq!(
            (first.link, first.machine.as_deref()),
            (link, machine),
            "{findings:#?}"
        );
        assert!(
            first.what.contains(words),
            "{:?} does not say {words:?}",
            first.what
        );
    }
}

#[test]
fn a_whole_world_has_no_findings() {
    assert_eq!(Whole::new().judge(), []);
}

#[test]
fn an_address_in_the_database_twice() {
    let mut whole = Whole::new();
    whole.evidence.leases[1].addr = addr(1);
    whole.evidence.names[1].forward = vec![addr(1)];
    whole.proves(Link::Ack, Some("02:71:00:00:00:02"), "leased twice");
}

#[test]
fn an_address_seen_by_two_machines() {
    let mut whole = Whole::new();
    whole.rewrite("n2", |what| {
        Some(match what {
            What::Leased { hostname, .. } => What::Leased {
                addr: addr(1),
                hostname: hostname.clone(),
                lease_secs: 60,
                renewed: false,
            },
            other => other.clone(),
        })
    });
    whole.proves(Link::Ack, Some("n2"), "leased twice, to n1 and to n2");
}

#[test]
fn a_machine_without_a_lease() {
    let mut whole = Whole::new();
    whole.evidence.leases.remove(2);
    whole.finds(Link::Ack, Some("n3"), "has no lease");
    whole.rewrite("n3", |what| {
        (*what == What::Did(Action::PowerOn)).then(|| what.clone())
    });
    whole.finds(Link::Discover, Some("n3"), "never asked");
}

#[test]
fn servers_that_do_not_answer_are_one_finding() {
    let mut whole = Whole::new();
    whole.evidence.leases.clear();
    whole.evidence.names.clear();
    whole.evidence.srv.clear();
    whole.evidence.servers_silent = Some("no process listens".to_owned());
    whole.finds(Link::Ack, None, "the servers do not answer");
    let findings = whole.judge();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].id, FindingId::ServersSilent);
    assert!(findings[0].cause.contains("no process listens"));
    let at = whole.observations.last().expect("it began").at;
    whole.observations.push(Observation {
        at,
        machine: None,
        what: What::Did(Action::ServersStop),
    });
    whole.proves(Link::Ack, None, "the servers do not answer");
    assert!(whole.judge()[0].cause.starts_with("a step stopped them"));
}

#[test]
fn a_name_that_leads_elsewhere() {
    let mut whole = Whole::new();
    whole.evidence.names[0].forward = vec![addr(7)];
    whole.finds(Link::Name, Some("n1"), "resolves to");
    let mut whole = Whole::new();
    whole.evidence.names[0].reverse.clear();
    whole.finds(Link::Name, Some("n1"), "leads back to []");
}

#[test]
fn an_srv_record_ahead_of_its_address() {
    let mut whole = Whole::new();
    whole.rewrite("n2", |what| match what {
        What::ZoneChanged { added, .. } if added[0].contains(" A ") => None,
        other => Some(other.clone()),
    });
    whole.proves(
        Link::Srv,
        Some("n2"),
        "leads to n2.lab.test., which has no address",
    );
}

#[test]
fn an_srv_set_that_is_not_the_cohort() {
    let mut whole = Whole::new();
    let stranger = Srv {
        target: "x.lab.test".to_owned(),
        ..whole.evidence.srv[2].clone()
    };
    whole.evidence.srv[2] = stranger;
    whole.proves(
        Link::Srv,
        None,
        "missing n3.lab.test:2380 foreign x.lab.test:2380",
    );
}

#[test]
fn a_member_that_never_bootstrapped_says_why() {
    let mut whole = Whole::new();
    whole.rewrite("n3", |what| match what {
        What::Identified { .. } => Some(What::ServiceExited {
            status: "exit status: 1".to_owned(),
            last_words: Some("no such host".to_owned()),
        }),
        What::Healthy { .. } => None,
        other => Some(other.clone()),
    });
    whole.finds(Link::Etcd, Some("n3"), "has not bootstrapped in 1 starts");
    assert!(
        whole
            .judge()
            .iter()
            .any(|finding| finding.cause.ends_with("no such host"))
    );
}

#[test]
fn a_member_without_a_leader() {
    let mut whole = Whole::new();
    whole.rewrite("n3", |what| match what {
        What::Healthy { .. } => None,
        other => Some(other.clone()),
    });
    whole.finds(Link::Quorum, Some("n3"), "does not answer as a member");
}

#[test]
fn member_lists_that_differ() {
    let mut whole = Whole::new();
    whole.evidence.members[1].voters.pop();
    whole.finds(Link::Voter, Some("n2"), "lists the voters [\"n1\", \"n2\"]");
    whole.evidence.members[1].voters.push("x".to_owned());
    whole.proves(Link::Voter, Some("n2"), "\"x\"]");
}

#[test]
fn a_value_is_lost_only_when_it_was_taken_and_something_else_is_read() {
    type Read = Result<Option<String>, String>;
    let look = |taken: Result<(), String>, read: Read| {
        let write = Write::looked_for(("n1", "n2"), ("key", "value"), taken, || read);
        (write.failed, write.is_lost)
    };
    let some = |value: &str| Ok(Some(value.to_owned()));
    let failed = |why: &str, is_lost| (Some(why.to_owned()), is_lost);
    let silent = || "timeout".to_owned();
    assert_eq!(look(Ok(()), some("value")), (None, false));
    assert_eq!(look(Err(silent()), Ok(None)), failed("timeout", false));
    assert_eq!(look(Ok(()), Err(silent())), failed("timeout", false));
    assert_eq!(look(Ok(()), Ok(None)), failed("n2 has no key key", true));
    assert_eq!(look(Ok(()), some("x")), failed("n2 answers \"x\"", true));
}

#[test]
fn a_write_that_does_not_arrive_or_was_not_tried() {
    let mut whole = Whole::new();
    whole.evidence.writes[3].failed = Some("timeout".to_owned());
    whole.finds(
        Link::Writes,
        Some("n2"),
        "written through n2 was not read through n3",
    );
    whole.evidence.writes[4] =
        Write::looked_for(("n3", "n1"), ("key", "value"), Ok(()), || Ok(None));
    whole.proves(Link::Writes, Some("n3"), "was not read through n1");
    let mut whole = Whole::new();
    whole.evidence.writes.pop();
    whole.finds(Link::Writes, None, "5 of 6 writes were tried");
}

#[test]
fn a_machine_that_is_off_is_not_missed() {
    let mut whole = Whole::new();
    whole.observations.push(Observation {
        at: Instant::from_nanos(1_000),
        machine: Some("n3".to_owned()),
        what: What::Did(Action::PowerOff),
    });
    assert_eq!(whole.judge(), []);
}

/// The same world, seen as three clusters of one.
fn apart() -> Whole {
    let mut whole = Whole::new();
    let text = STORY.replace("[etcd]", "[etcd]\nclusters = 3");
    whole.story = Story::parse("story.toml", &text).unwrap();
    whole.expected = Expected::new(&whole.story, 3, 5);
    let clusters = whole.expected.clusters.clone();
    whole.evidence.writes.clear();
    for (index, cluster) in clusters.iter().enumerate() {
        let name = cluster.peers[0].0.clone();
        whole.evidence.srv[index].owner = cluster.srv_owner.clone();
        let member = &mut whole.evidence.members[index];
        member.cluster_id = cluster.cluster_id;
        member.voters = vec![name.clone()];
        whole.evidence.writes.push(Write {
            through: name.clone(),
            read: name.clone(),
            failed: None,
            is_lost: false,
        });
        whole.rewrite(&name, |what| match what {
            What::Identified { member_id, .. } => Some(What::Identified {
                cluster_id: cluster.cluster_id,
                member_id: *member_id,
            }),
            What::Healthy { member_id, .. } => Some(What::Healthy {
                cluster_id: cluster.cluster_id,
                member_id: *member_id,
                voters: 1,
            }),
            other => Some(other.clone()),
        });
    }
    whole
}

#[test]
fn each_cluster_has_its_own_verdict() {
    assert_eq!(apart().judge(), []);

    let mut whole = apart();
    let other = whole.expected.clusters[0].cluster_id;
    identify(&mut whole, "n2", other);
    whole.proves(Link::ClusterId, Some("n2"), "cluster c2 has a wrong ID: ");

    let mut whole = apart();
    whole.evidence.srv[2].owner = whole.expected.clusters[1].srv_owner.clone();
    let findings = whole.judge();
    let found: Vec<_> = findings.iter().map(|f| f.what.as_str()).collect();
    assert_eq!(
        found,
        [
            "_etcd-server-c2._tcp.lab.test is not the cohort: foreign n3.lab.test:2380",
            "_etcd-server-c3._tcp.lab.test is not the cohort: missing n3.lab.test:2380",
        ]
    );

    let mut whole = apart();
    whole.evidence.writes.remove(1);
    whole.finds(Link::Writes, Some("n2"), "0 of 1 writes were tried");
}

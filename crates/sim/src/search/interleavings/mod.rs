//! Every order in which records can be published and members can start, for small clusters.
//!
//! The publications are those that the real registrar and the real DNS server make of leases that
//! all exist: wherever several UPDATEs are under way, each may arrive next. Members start anywhere
//! between them, read the zone in bytes, decide with etcd's own rules, and start again after each
//! publication until they find a cluster. Orders that differ only in the members' names are one.

mod bench;

use std::collections::{BTreeMap, BTreeSet};

use quorate_etcd::{ClusterId, Discovery, PeerUrl, Release, View};

use bench::Bench;

/// What can become of so many members.
#[derive(Clone, Debug)]
pub struct Interleavings {
    pub members: usize,
    pub gate: bool,
    pub publications: Vec<Publication>,
}

/// One order in which records appear.
#[derive(Clone, Debug)]
pub struct Publication {
    /// What each UPDATE added: `A n1`, `SRV n1`, `SRV n1 n2 n3`.
    pub records: Vec<String>,
    /// By member, by the number of UPDATEs before its first start: what it decides at last, and
    /// after how many UPDATEs. `None`: nothing, ever.
    decisions: Vec<Vec<Option<Decision>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Decision {
    cluster: ClusterId,
    after: usize,
    /// The members that it saw, by number.
    saw: BTreeSet<usize>,
}

/// One way to start the members: by member, after how many UPDATEs.
pub type Starts = Vec<usize>;

impl Interleavings {
    /// Counts what one cluster can do; the work grows faster than exponentially with its members.
    pub fn new(members: usize, gate: bool) -> Self {
        let mut publications = Vec::new();
        let mut open = vec![Vec::new()];
        while let Some(path) = open.pop() {
            let mut bench = Bench::new(members, gate);
            if !path.iter().all(|choice| bench.deliver(*choice)) {
                continue;
            }
            match bench.under_way() {
                0 => publications.push(Publication::new(members, bench)),
                branches => open.extend((0..branches).rev().map(|next| {
                    let mut path = path.clone();
                    path.push(next);
                    path
                })),
            }
        }
        Self {
            members,
            gate,
            publications,
        }
    }

    /// How many orders there are.
    pub fn count(&self) -> u64 {
        let each = self.publications.iter();
        each.map(|publication| publication.count()).sum()
    }

    /// In how many of them the members do not end in one cluster.
    pub fn splits(&self) -> u64 {
        let each = self.publications.iter();
        each.map(|publication| publication.count() - publication.whole())
            .sum()
    }
}

impl Publication {
    fn new(members: usize, bench: Bench) -> Self {
        let decisions = (1..=members)
            .map(|member| {
                let seen: Vec<_> = bench
                    .views
                    .iter()
                    .enumerate()
                    .map(|(after, view)| decide(member, after, view))
                    .collect();
                // A start that fails is repeated after the next publication.
                let first_from = |start| seen[start..].iter().flatten().next().cloned();
                (0..seen.len()).map(first_from).collect()
            })
            .collect();
        Self {
            records: bench.records,
            decisions,
        }
    }

    fn count(&self) -> u64 {
        self.decisions
            .iter()
            .map(|slots| slots.len() as u64)
            .product()
    }

    /// Orders that end in one cluster: all decide on one ID.
    fn whole(&self) -> u64 {
        let mut ids = BTreeSet::new();
        for decision in self.decisions.iter().flatten().flatten() {
            ids.insert(decision.cluster);
        }
        let starts = |member: &Vec<Option<Decision>>, id: ClusterId| {
            let same = member.iter().flatten().filter(|one| one.cluster == id);
            same.count() as u64
        };
        ids.into_iter()
            .map(|id| {
                let each = self.decisions.iter().map(|member| starts(member, id));
                each.product::<u64>()
            })
            .sum()
    }

    /// Every way to start the members.
    pub fn starts(&self) -> impl Iterator<Item = Starts> + '_ {
        let slots = self.records.len() + 1;
        (0..self.count()).map(move |number| {
            let mut rest = usize::try_from(number).unwrap_or(usize::MAX);
            self.decisions
                .iter()
                .map(|_| {
                    let slot = rest % slots;
                    rest /= slots;
                    slot
                })
                .collect()
        })
    }

    /// True when the members do not end in one cluster.
    pub fn is_split(&self, starts: &Starts) -> bool {
        let mut ids = BTreeSet::new();
        for (member, slot) in self.decisions.iter().zip(starts) {
            ids.insert(member[*slot].as_ref().map(|decision| decision.cluster));
        }
        ids.len() != 1 || ids.contains(&None)
    }

    /// True when some member decides before the last SRV record is there.
    pub fn a_member_is_early(&self, starts: &Starts) -> bool {
        let is_srv = |record: &String| record.starts_with("SRV");
        let whole_after = self.records.iter().rposition(is_srv).map_or(0, |at| at + 1);
        let mut decided = self.decisions.iter().zip(starts);
        decided.any(|(member, slot)| {
            let decision = member[*slot].as_ref();
            decision.is_some_and(|decision| decision.after < whole_after)
        })
    }

    /// `A n1, SRV n1, [n1 saw n1], A n2, SRV n2, [n2 saw n1 n2]`
    pub fn describe(&self, starts: &Starts) -> String {
        let mut decided: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (number, (member, slot)) in self.decisions.iter().zip(starts).enumerate() {
            let (after, what) = match &member[*slot] {
                None => (self.records.len(), "found nothing".to_owned()),
                Some(decision) => {
                    let saw: Vec<String> = decision.saw.iter().map(|n| format!("n{n}")).collect();
                    (decision.after, format!("saw {}", saw.join(" ")))
                }
            };
            let decision = format!("[n{} {what}]", number + 1);
            decided.entry(after).or_default().push(decision);
        }
        let mut words = Vec::new();
        for after in 0..=self.records.len() {
            if let Some(before) = after.checked_sub(1) {
                words.push(self.records[before].clone());
            }
            words.extend(decided.remove(&after).into_iter().flatten());
        }
        words.join(", ")
    }
}

/// What a start with this view comes to.
fn decide(member: usize, after: usize, view: &View) -> Option<Decision> {
    let url: PeerUrl = format!("http://n{member}.{}:2380", bench::DOMAIN)
        .parse()
        .expect("it is a peer URL");
    let discovery = Discovery {
        release: Release::V3_5,
        name: format!("n{member}"),
        advertised: vec![url],
        srv_name: None,
        token: "quorate".to_owned(),
    };
    let found = discovery.run(view).ok()?;
    let hosts = found.members.values().flatten();
    let number = |url: &PeerUrl| url.host.split('.').next()?.strip_prefix('n')?.parse().ok();
    Some(Decision {
        cluster: found.cluster_id,
        after,
        saw: hosts.filter_map(number).collect(),
    })
}

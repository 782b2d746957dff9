//! The list `[[steps]]`: what happens, to one machine, to a group of them, or to the servers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::{Check, there_are};
use crate::raw;
use crate::story::{Action, Cluster, Deed, Machine, Moment, Step};

impl Check {
    /// Every step, each as what happens to one machine or to the servers.
    pub(super) fn steps(
        &mut self,
        raw: &[Spanned<raw::Step>],
        groups: &[Spanned<raw::Machines>],
        machines: &[Machine],
        clusters: &[Cluster],
    ) -> Vec<Step> {
        let names = Names::new(groups, machines, clusters);
        let mut steps = Vec::new();
        self.formations(raw);
        for step in raw {
            let (span, step) = (step.span(), step.get_ref());
            let Some(moment) = self.moment(step, span.clone()) else {
                continue;
            };
            let up = match step.action {
                raw::Deed::ServersStop => Some(false),
                raw::Deed::ServersStart => Some(true),
                raw::Deed::PowerOff
                | raw::Deed::PowerOn
                | raw::Deed::LinkDown
                | raw::Deed::LinkUp
                | raw::Deed::Freeze
                | raw::Deed::Thaw
                | raw::Deed::Reset
                | raw::Deed::DiskSlow
                | raw::Deed::DiskFast
                | raw::Deed::RollingRestart => None,
            };
            if let Some(up) = up {
                let deed = Deed::Servers { up };
                steps.push(Step { moment, deed });
                continue;
            }
            match self.whom(step, &names, span) {
                Some(Whom::Machines(indices)) => {
                    self.steps_of_machines(step, moment, &indices, &mut steps);
                }
                Some(Whom::LeaderOf(cluster)) => {
                    let action = self.action(step);
                    let deed = action.map(|action| Deed::Leader { action, cluster });
                    steps.extend(deed.map(|deed| Step { moment, deed }));
                }
                None => {}
            }
        }
        steps.sort_by_key(|step| step.moment);
        steps
    }

    fn moment(&mut self, step: &raw::Step, span: Range<usize>) -> Option<Moment> {
        match (&step.at, &step.after_formed) {
            (Some(at), None) => Some(Moment::Start(self.duration(at))),
            (None, Some(after)) => Some(Moment::Formed {
                nth: formation(step),
                after: self.duration(after),
            }),
            (Some(_), Some(_)) | (None, None) => {
                self.problem(
                    span,
                    "when does this step happen?".to_owned(),
                    "give either `at` or `after_formed`",
                );
                None
            }
        }
    }

    /// A formation that steps count from comes only after steps that count from the one before.
    fn formations(&mut self, raw: &[Spanned<raw::Step>]) {
        let later = raw.iter().map(Spanned::get_ref);
        let later: BTreeSet<usize> = later
            .filter(|step| step.after_formed.is_some())
            .map(formation)
            .collect();
        for step in raw {
            let step = step.get_ref();
            let Some(written) = &step.formation else {
                continue;
            };
            let nth = *written.get_ref();
            if step.after_formed.is_none() {
                let message = "this step does not wait for a formation".to_owned();
                self.problem(written.span(), message, "write `after_formed` beside it");
            } else if nth == 0 || (nth > 1 && !later.contains(&(nth - 1))) {
                let message = format!("there is no formation {nth}");
                let help = "number them from 1; each but the first comes after steps";
                self.problem(written.span(), message, help);
            }
        }
    }

    /// Whom a step concerns.
    fn whom(&mut self, step: &raw::Step, names: &Names<'_>, span: Range<usize>) -> Option<Whom> {
        let (written, found, there) = match (&step.machine, &step.machines, &step.leader_of) {
            (Some(name), None, None) => {
                let found = names.machines.get(name.get_ref().as_str());
                let found = found.map(|index| Whom::Machines(vec![*index]));
                (name, found, names.machines.keys().copied().collect())
            }
            (None, Some(stem), None) => {
                let found = names.groups.get(stem.get_ref().as_str()).cloned();
                let there: Vec<&str> = names.groups.keys().copied().collect();
                (stem, found.map(Whom::Machines), there)
            }
            (None, None, Some(cluster)) => {
                let of = |name: &&str| *name == cluster.get_ref().as_str();
                let found = names.clusters.iter().position(of);
                (cluster, found.map(Whom::LeaderOf), names.clusters.clone())
            }
            _ => {
                self.problem(
                    span,
                    "whom does this step concern?".to_owned(),
                    "give one of `machine`, `machines`, the name of a group, and `leader_of`",
                );
                return None;
            }
        };
        if found.is_none() {
            let what = if step.leader_of.is_some() {
                "cluster"
            } else {
                "machine"
            };
            let message = format!("no {what} is called {:?}", written.get_ref());
            self.problem(written.span(), message, &there_are(there.into_iter()));
        }
        found
    }

    /// What is done to the one machine that a step concerns; `None` is a problem.
    fn action(&mut self, step: &raw::Step) -> Option<Action> {
        Some(match step.action {
            raw::Deed::PowerOff => Action::PowerOff,
            raw::Deed::PowerOn => Action::PowerOn,
            raw::Deed::LinkDown => Action::LinkDown,
            raw::Deed::LinkUp => Action::LinkUp,
            raw::Deed::Freeze => Action::Freeze,
            raw::Deed::Thaw => Action::Thaw,
            raw::Deed::Reset => Action::Reset,
            raw::Deed::DiskSlow => Action::DiskSlow {
                iops: self.iops(step.iops.as_ref()),
            },
            raw::Deed::DiskFast => Action::DiskFast,
            raw::Deed::RollingRestart | raw::Deed::ServersStop | raw::Deed::ServersStart => {
                let at = step.leader_of.as_ref().map_or(0..0, Spanned::span);
                let message = "when it is back, another machine may lead".to_owned();
                self.problem(at, message, "write do = \"reset\"");
                return None;
            }
        })
    }

    fn iops(&mut self, written: Option<&Spanned<u32>>) -> u32 {
        let Some(written) = written else {
            return IOPS_DEFAULT;
        };
        if *written.get_ref() == 0 {
            let message = "a disk that does nothing is not slow, but gone".to_owned();
            self.problem(written.span(), message, "write at least 1");
        }
        *written.get_ref()
    }

    fn steps_of_machines(
        &mut self,
        step: &raw::Step,
        moment: Moment,
        indices: &[usize],
        steps: &mut Vec<Step>,
    ) {
        let every = self
            .optional_duration(step.every.as_ref())
            .unwrap_or_default();
        let down = self.optional_duration(step.down.as_ref());
        let down = down.unwrap_or(DOWN_DEFAULT);
        for (&machine, number) in indices.iter().zip(0..) {
            let moment = moment.plus(every * number);
            let mut push = |moment, action| {
                let deed = Deed::Machine { action, machine };
                steps.push(Step { moment, deed });
            };
            if step.action == raw::Deed::RollingRestart {
                push(moment, Action::PowerOff);
                push(moment.plus(down), Action::PowerOn);
            } else if let Some(action) = self.action(step) {
                push(moment, action);
            }
        }
    }
}

/// Which formation a step counts from.
fn formation(step: &raw::Step) -> usize {
    step.formation.as_ref().map_or(1, |nth| *nth.get_ref())
}

/// Whom a step concerns, by index.
enum Whom {
    Machines(Vec<usize>),
    LeaderOf(usize),
}

/// Whom steps can name.
struct Names<'a> {
    machines: BTreeMap<&'a str, usize>,
    groups: BTreeMap<&'a str, Vec<usize>>,
    clusters: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn new(
        groups: &'a [Spanned<raw::Machines>],
        machines: &'a [Machine],
        clusters: &'a [Cluster],
    ) -> Self {
        let mut by_group = BTreeMap::new();
        let mut next = 0;
        for group in groups {
            let (stem, count) = (
                group.get_ref().name.get_ref(),
                *group.get_ref().count.get_ref(),
            );
            let end = (next + count).min(machines.len());
            by_group.insert(stem.as_str(), (next.min(end)..end).collect());
            next = end;
        }
        let names = machines.iter().map(|machine| machine.name.as_str());
        Self {
            machines: names.zip(0..).collect(),
            groups: by_group,
            clusters: clusters
                .iter()
                .map(|cluster| cluster.name.as_str())
                .collect(),
        }
    }
}

/// How long a machine is off in a rolling restart.
const DOWN_DEFAULT: Duration = Duration::from_secs(1);
/// etcd's manual wants 50 at least.
const IOPS_DEFAULT: u32 = 4;

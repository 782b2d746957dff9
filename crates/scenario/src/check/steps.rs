//! The list `[[steps]]`: what happens, to one machine, to a group of them, or to the servers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::{Check, there_are};
use crate::action::{Action, ROLLING_RESTART};
use crate::raw;
use crate::story::{Cluster, Machine, Moment, Step, Target};

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
            let moment = self.moment(step, span.clone());
            let (Some(what), Some(moment)) = (self.what(step), moment) else {
                continue;
            };
            if let Do::Once(action) = what
                && action.is_of_servers()
            {
                let target = Target::Servers;
                steps.push(Step {
                    moment,
                    action,
                    target,
                });
                continue;
            }
            match (self.whom(step, &names, span), what) {
                (Some(Whom::Machines(indices)), what) => {
                    self.steps_of_machines((step, what), moment, &indices, &mut steps);
                }
                (Some(Whom::LeaderOf(cluster)), Do::Once(action)) => steps.push(Step {
                    moment,
                    action,
                    target: Target::LeaderOf(cluster),
                }),
                (Some(Whom::LeaderOf(_)), Do::RollingRestart) => {
                    let at = step.leader_of.as_ref().map_or(0..0, Spanned::span);
                    let message = "when it is back, another machine may lead".to_owned();
                    self.problem(at, message, "write do = \"reset\"");
                }
                (None, _) => {}
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
                self.missing(
                    &["at", "after_formed"],
                    span,
                    "when does this step happen?",
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
                self.mismatch(written.span(), message, help);
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
                self.missing(
                    &["machine", "machines", "leader_of"],
                    span,
                    "whom does this step concern?",
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
            self.mismatch(written.span(), message, &there_are(there.into_iter()));
        }
        found
    }

    /// What the step does, with its parameters.
    fn what(&mut self, step: &raw::Step) -> Option<Do> {
        let word = step.action.get_ref().as_str();
        if word == ROLLING_RESTART {
            return Some(Do::RollingRestart);
        }
        let Some(mut action) = Action::of_word(word) else {
            let words: Vec<&str> = Action::ALL.into_iter().map(Action::word).collect();
            let help = format!("write one of {}, {ROLLING_RESTART}", words.join(", "));
            self.problem(step.action.span(), format!("{word:?} is no action"), &help);
            return None;
        };
        if let Action::DiskSlow { iops } = &mut action {
            *iops = self.iops(step.iops.as_ref()).unwrap_or(*iops);
        }
        Some(Do::Once(action))
    }

    fn iops(&mut self, written: Option<&Spanned<u32>>) -> Option<u32> {
        let written = written?;
        if *written.get_ref() == 0 {
            let message = "a disk that does nothing is not slow, but gone".to_owned();
            self.problem(written.span(), message, "write at least 1");
        }
        Some(*written.get_ref())
    }

    fn steps_of_machines(
        &mut self,
        (step, what): (&raw::Step, Do),
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
                steps.push(Step {
                    moment,
                    action,
                    target: Target::Machine(machine),
                });
            };
            match what {
                Do::Once(action) => push(moment, action),
                Do::RollingRestart => {
                    push(moment, Action::PowerOff);
                    push(moment.plus(down), Action::PowerOn);
                }
            }
        }
    }
}

/// What a step does.
#[derive(Clone, Copy)]
enum Do {
    Once(Action),
    RollingRestart,
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

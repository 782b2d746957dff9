//! The list `[[steps]]`: what happens, to one machine, to a group of them, or to the servers.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;

use super::{Check, there_are};
use crate::raw;
use crate::story::{Action, Deed, Machine, Moment, Step};

impl Check {
    /// Every step, each as what happens to one machine or to the servers.
    pub(super) fn steps(
        &mut self,
        raw: &[Spanned<raw::Step>],
        groups: &[Spanned<raw::Machines>],
        machines: &[Machine],
    ) -> Vec<Step> {
        let names = Names::new(groups, machines);
        let mut steps = Vec::new();
        for step in raw {
            let (span, step) = (step.span(), step.get_ref());
            let moment = match (&step.at, &step.after_formed) {
                (Some(at), None) => Moment::Start(self.duration(at)),
                (None, Some(after)) => Moment::Formed(self.duration(after)),
                (Some(_), Some(_)) | (None, None) => {
                    self.problem(
                        span,
                        "when does this step happen?".to_owned(),
                        "give either `at` or `after_formed`",
                    );
                    continue;
                }
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
                | raw::Deed::RollingRestart => None,
            };
            if let Some(up) = up {
                let deed = Deed::Servers { up };
                steps.push(Step { moment, deed });
                continue;
            }
            let Some(indices) = self.whom(step, &names, span) else {
                continue;
            };
            self.steps_of_machines(step, moment, &indices, &mut steps);
        }
        steps.sort_by_key(|step| step.moment);
        steps
    }

    /// The machines that a step concerns.
    fn whom(
        &mut self,
        step: &raw::Step,
        names: &Names<'_>,
        span: std::ops::Range<usize>,
    ) -> Option<Vec<usize>> {
        let (written, found) = match (&step.machine, &step.machines) {
            (Some(name), None) => {
                let found = names.machines.get(name.get_ref().as_str());
                (name, found.map(|index| vec![*index]))
            }
            (None, Some(stem)) => (stem, names.groups.get(stem.get_ref().as_str()).cloned()),
            (Some(_), Some(_)) | (None, None) => {
                self.problem(
                    span,
                    "whom does this step concern?".to_owned(),
                    "give either `machine` or `machines`, the name of a group",
                );
                return None;
            }
        };
        if found.is_none() {
            let message = format!("no machine is called {:?}", written.get_ref());
            let help = if step.machine.is_some() {
                there_are(names.machines.keys().copied())
            } else {
                there_are(names.groups.keys().copied())
            };
            self.problem(written.span(), message, &help);
        }
        found
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
            match step.action {
                raw::Deed::PowerOff => push(moment, Action::PowerOff),
                raw::Deed::PowerOn => push(moment, Action::PowerOn),
                raw::Deed::LinkDown => push(moment, Action::LinkDown),
                raw::Deed::LinkUp => push(moment, Action::LinkUp),
                raw::Deed::Freeze => push(moment, Action::Freeze),
                raw::Deed::Thaw => push(moment, Action::Thaw),
                raw::Deed::RollingRestart => {
                    push(moment, Action::PowerOff);
                    push(moment.plus(down), Action::PowerOn);
                }
                raw::Deed::ServersStop | raw::Deed::ServersStart => {}
            }
        }
    }
}

/// Whom steps can name.
struct Names<'a> {
    machines: BTreeMap<&'a str, usize>,
    groups: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Names<'a> {
    fn new(groups: &'a [Spanned<raw::Machines>], machines: &'a [Machine]) -> Self {
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
        }
    }
}

/// How long a machine is off in a rolling restart.
const DOWN_DEFAULT: Duration = Duration::from_secs(1);

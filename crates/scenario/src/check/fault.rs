//! What goes wrong beside the story: `[[faults]]`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::{Check, there_are};
use crate::amount;
use crate::decision::{Arrival, CLUSTERS, Decision, Fate, Occasion, SERVERS};
use crate::fault::{Fault, FaultKind, Group, Unit, Whom};
use crate::raw;
use crate::story::Machine;

impl Check {
    /// The faults that last for a while, and the single ones.
    pub(super) fn faults(
        &mut self,
        raw: &[Spanned<raw::fault::Fault>],
        machines: &[Machine],
    ) -> (Vec<Fault>, Vec<Decision>) {
        let names: BTreeSet<&str> = machines.iter().map(|m| m.name.as_str()).collect();
        let (mut faults, mut decisions) = (Vec::new(), Vec::new());
        for written in raw {
            let (span, raw) = (written.span(), written.get_ref());
            match (raw.what, single(raw).as_slice()) {
                (Some(what), []) => {
                    self.strays("what", &LASTING, raw, &span);
                    faults.extend(self.lasting(what, raw, span, &names));
                }
                (None, [single]) => {
                    let (key, its) = single.0.keys();
                    self.strays(key, its, raw, &span);
                    decisions.extend(self.single(*single, raw, span, &names));
                }
                (Some(_) | None, _) => self.missing(
                    &["what", "lose", "delay", "time", "choose", "lie"],
                    span,
                    "what goes wrong here?",
                    "give one of `what`, `lose`, `delay`, `time`, `choose` and `lie`",
                ),
            }
        }
        (faults, decisions)
    }

    /// Keys that say nothing about this kind of fault: the author meant another one.
    fn strays(&mut self, key: &str, its: &[&str], raw: &raw::fault::Fault, span: &Range<usize>) {
        for stray in written(raw) {
            if !its.contains(&stray) {
                let message = format!("`{stray}` says nothing about `{key}`");
                let help = format!("beside `{key}` there can be {}", its.join(", "));
                self.problem(span.clone(), message, &help);
            }
        }
    }

    fn lasting(
        &mut self,
        what: FaultKind,
        raw: &raw::fault::Fault,
        span: Range<usize>,
        names: &BTreeSet<&str>,
    ) -> Option<Fault> {
        let Some(written) = &raw.whom else {
            let help = "give `whom`: \"servers\", \"all-machines\", or a list of machines";
            self.missing(&["whom"], span, "whom does this befall?", help);
            return None;
        };
        let whom = written.get_ref().clone();
        self.befallen(what, &whom, written.span(), names);
        let from = raw.from.as_ref().map(|from| self.duration(from));
        let from = from.unwrap_or_default();
        let lasts = match (&raw.lasts, &raw.until) {
            (Some(lasts), None) => self.duration(lasts),
            (None, Some(until)) => match self.duration(until).checked_sub(from) {
                Some(lasts) => lasts,
                None => {
                    let message = "this ends before it begins".to_owned();
                    self.problem(until.span(), message, "`until` is after `from`");
                    Duration::ZERO
                }
            },
            (Some(_), Some(_)) | (None, None) => {
                let keys = ["lasts", "until"];
                self.missing(
                    &keys,
                    span,
                    "for how long?",
                    "give either `lasts` or `until`",
                );
                return None;
            }
        };
        let amount = self.amount(what, raw.amount.as_ref(), span);
        Some(Fault {
            what,
            whom,
            from,
            lasts,
            amount,
        })
    }

    fn befallen(
        &mut self,
        what: FaultKind,
        whom: &Whom,
        span: Range<usize>,
        names: &BTreeSet<&str>,
    ) {
        let servers = *whom == Whom::Group(Group::Servers);
        let name = what.name();
        if what.is_of_servers() && !servers {
            let message = format!("{name} befalls the servers only");
            return self.problem(span, message, "write whom = \"servers\"");
        }
        if what.is_of_machines() && servers {
            let message = format!("{name} befalls machines only");
            return self.problem(
                span,
                message,
                "write \"all-machines\", or a list of machines",
            );
        }
        if let Whom::Machines(listed) = whom {
            for name in listed {
                if !names.contains(name.as_str()) {
                    self.unknown(name, span.clone(), names);
                }
            }
        }
    }

    fn unknown(&mut self, name: &str, span: Range<usize>, names: &BTreeSet<&str>) {
        let message = format!("no machine is called {name:?}");
        self.mismatch(span, message, &there_are(names.iter().copied()));
    }

    fn amount(
        &mut self,
        what: FaultKind,
        amount: Option<&Spanned<String>>,
        span: Range<usize>,
    ) -> i64 {
        let (name, unit) = (what.name(), what.unit());
        let Some(written) = amount else {
            if unit != Unit::None {
                let help = format!("give `amount`, as in {}", amount::example(unit));
                self.missing(&["amount"], span, &format!("how much {name}?"), &help);
            }
            return 0;
        };
        if unit == Unit::None {
            let message = format!("{name} has no degrees");
            self.problem(written.span(), message, "leave `amount` out");
            return 0;
        }
        let text = written.get_ref();
        let Some(amount) = amount::parse(unit, text) else {
            let message = format!("{text:?} is no amount of {name}");
            let help = format!("write a number and a unit, as in {}", amount::example(unit));
            self.problem(written.span(), message, &help);
            return 0;
        };
        let signed = matches!(what, FaultKind::ClockSkew | FaultKind::ClockDrift);
        let chance = unit == Unit::PartsPerMillion && !signed;
        if (amount < 0 && !signed) || (amount > MILLION && chance) {
            let most = if chance {
                " and nothing above 100%"
            } else {
                ""
            };
            let help = format!("write nothing below 0{most}");
            self.problem(written.span(), format!("{text} cannot be"), &help);
        }
        amount
    }

    fn single(
        &mut self,
        (verb, what): (Verb, &str),
        raw: &raw::fault::Fault,
        span: Range<usize>,
        names: &BTreeSet<&str>,
    ) -> Option<Decision> {
        let Some(machine) = &raw.machine else {
            let help = "give `machine`: a name, or \"servers\"";
            self.missing(&["machine"], span, "whose is it?", help);
            return None;
        };
        let of = machine.get_ref().clone();
        if !names.contains(of.as_str()) && of != SERVERS && of != CLUSTERS {
            self.unknown(&of, machine.span(), names);
        }
        let need = |check: &mut Self, key: &str, value: Option<&Spanned<String>>| match value {
            Some(value) => Some(check.duration(value)),
            None => {
                let help = format!("give `{key}`, as in \"2s\"");
                check.missing(&[key], span.clone(), "how long?", &help);
                None
            }
        };
        let is = match verb {
            Verb::Lose => Fate::Lost,
            Verb::Lie => Fate::Lie,
            Verb::Delay => Fate::Arrives(Arrival {
                after: need(self, "by", raw.by.as_ref())?,
                twice: raw.twice.unwrap_or_default(),
                flipped_bit: raw.bit,
            }),
            Verb::Time => Fate::Takes(need(self, "takes", raw.takes.as_ref())?),
            Verb::Choose => match &raw.chosen {
                Some(machine) => Fate::Chosen(machine.clone()),
                None => {
                    self.missing(&["chosen"], span, "who is it?", "give `chosen`, a machine");
                    return None;
                }
            },
        };
        let (what, nth) = (what.to_owned(), raw.nth.unwrap_or(1));
        let occasion = Occasion { of, what, nth };
        Some(Decision { occasion, is })
    }
}

/// What goes wrong one single time.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Lose,
    Delay,
    Time,
    Choose,
    Lie,
}

impl Verb {
    /// The key that it is written with, and those that can stand beside it.
    const fn keys(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Lose => ("lose", &["machine", "nth"]),
            Self::Delay => ("delay", &["by", "twice", "bit", "machine", "nth"]),
            Self::Time => ("time", &["takes", "machine", "nth"]),
            Self::Choose => ("choose", &["chosen", "machine", "nth"]),
            Self::Lie => ("lie", &["machine", "nth"]),
        }
    }
}

/// Every key that is there, but for those that say what kind of fault it is.
fn written(raw: &raw::fault::Fault) -> impl Iterator<Item = &'static str> {
    let keys = [
        ("whom", raw.whom.is_some()),
        ("from", raw.from.is_some()),
        ("lasts", raw.lasts.is_some()),
        ("until", raw.until.is_some()),
        ("amount", raw.amount.is_some()),
        ("by", raw.by.is_some()),
        ("twice", raw.twice.is_some()),
        ("bit", raw.bit.is_some()),
        ("takes", raw.takes.is_some()),
        ("chosen", raw.chosen.is_some()),
        ("machine", raw.machine.is_some()),
        ("nth", raw.nth.is_some()),
    ];
    keys.into_iter()
        .filter_map(|(key, is_there)| is_there.then_some(key))
}

fn single(raw: &raw::fault::Fault) -> Vec<(Verb, &str)> {
    let verbs = [
        (Verb::Lose, &raw.lose),
        (Verb::Delay, &raw.delay),
        (Verb::Time, &raw.time),
        (Verb::Choose, &raw.choose),
        (Verb::Lie, &raw.lie),
    ];
    verbs
        .into_iter()
        .filter_map(|(verb, what)| Some((verb, what.as_deref()?)))
        .collect()
}

/// What can stand beside `what`.
const LASTING: [&str; 5] = ["whom", "from", "lasts", "until", "amount"];
const MILLION: i64 = 1_000_000;

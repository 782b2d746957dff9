//! `quorate bench --find-knee`: how many machines it takes, or how many of them a second, until
//! the chain breaks its target.

use std::time::Duration;

use quorate::RunError;
use quorate::runner::{RunRequest, StopHandle, run as run_scenario};
use quorate_scenario::{Link, Outcome, Verdict};
use serde::Serialize;
use serde_json::json;

use crate::args::{BenchArgs, Format, Over};
use crate::edit::Edit;
use crate::error::CliError;
use crate::notes::note;
use crate::output::{print, print_json};
use crate::scenario_file::load;
use crate::signals::stop_on_signals;

/// What came of one load.
#[derive(Clone, Debug, Serialize)]
struct Probe {
    machines: i64,
    /// How many of them got power in a second; `None` when that was up to the scenario.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_sec: Option<i64>,
    holds: bool,
    /// The measured time; `None` when it was not reached.
    secs: Option<f64>,
    /// What was found first, for a run that did not pass.
    finding: Option<String>,
    #[serde(skip)]
    broken: Option<Link>,
    /// How long the slowest machine takes from one link to the next.
    #[serde(skip)]
    steps: Vec<(Link, f64)>,
}

impl Probe {
    /// What is searched.
    fn load(&self) -> i64 {
        self.per_sec.unwrap_or(self.machines)
    }

    /// The measured time.
    fn shown(&self) -> String {
        self.secs
            .map_or_else(|| "never".to_owned(), |secs| format!("{secs:.2} s"))
    }
}

impl Over {
    /// `12 machines`, `12 machines a second`
    fn shown(self, load: i64) -> String {
        let rate = match self {
            Self::Machines => "",
            Self::Rate => " a second",
        };
        let plural = if load == 1 { "" } else { "s" };
        format!("{load} machine{plural}{rate}")
    }

    /// The scenario with so much of it, and how many machines that are.
    fn apply(self, edit: &mut Edit, group: &str, load: i64, ramp: Duration) -> i64 {
        match self {
            Self::Machines => {
                edit.set_count(group, load);
                load
            }
            Self::Rate => {
                let machines = (load as f64 * ramp.as_secs_f64()).round().max(1.0) as i64;
                edit.set_count(group, machines);
                edit.set_every(
                    group,
                    Duration::from_secs(1) / u32::try_from(load).unwrap_or(1),
                );
                machines
            }
        }
    }
}

pub(crate) fn run(args: &BenchArgs) -> Result<u8, CliError> {
    let (story, text) = load(&args.scenario)?;
    let stop = stop_on_signals()?;
    let (mut edit, group, first) = start(args, &text).ok_or(CliError::NoGroup)?;
    if !text.contains("subnet") {
        edit.widen_subnet();
    }
    let mut probes = Vec::new();
    let searched = search(first, args.max, |load| {
        let mut edit = edit.clone();
        let machines = args.over.apply(&mut edit, &group, load, args.ramp);
        let per_sec = (args.over == Over::Rate).then_some(load);
        let probe = probe(args, &edit, (machines, per_sec), &stop)?;
        let holds = if probe.holds { "holds" } else { "BREAKS" };
        let (over, target, secs) = (args.over.shown(load), &args.target.0, probe.shown());
        note(format_args!("{group}: {over}: {target} {secs}, {holds}"));
        let holds = probe.holds;
        probes.push(probe);
        Ok::<bool, RunError>(holds)
    });
    probes.sort_by_key(Probe::load);
    match args.format {
        Format::Human => print(report(&story.title, &group, args, &probes))?,
        Format::Json => print_json(&json!({
            "title": story.title,
            "group": group,
            "over": args.over,
            "target": args.target.0,
            "holds_at": last_good(&probes).map(Probe::load),
            "breaks_at": first_bad(&probes).map(Probe::load),
            "link": weakest(&probes, args).map(|(link, _)| link),
            "why": weakest(&probes, args).map(|(_, why)| why),
            "probes": probes,
        }))?,
    }
    searched?;
    Ok(0)
}

/// The scenario, the group that grows, and the load that it has.
fn start(args: &BenchArgs, text: &str) -> Option<(Edit, String, i64)> {
    let mut edit = Edit::new(text);
    let group = args.group.clone().or_else(|| edit.plain_group())?;
    let first = match args.over {
        Over::Machines => edit.group_count(&group)?,
        Over::Rate => edit.group_rate(&group)?,
    };
    Some((edit, group, first))
}

/// Doubles until it breaks, then halves the interval until it is a twentieth.
fn search<E>(
    first: i64,
    most: i64,
    mut holds: impl FnMut(i64) -> Result<bool, E>,
) -> Result<(), E> {
    let (mut good, mut bad) = (0, first.max(1));
    while holds(bad)? {
        if bad >= most {
            return Ok(());
        }
        (good, bad) = (bad, (bad * 2).min(most));
    }
    while bad - good > (good / 20).max(1) {
        let middle = good + (bad - good) / 2;
        if holds(middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(())
}

fn probe(
    args: &BenchArgs,
    edit: &Edit,
    (machines, per_sec): (i64, Option<i64>),
    stop: &StopHandle,
) -> Result<Probe, RunError> {
    let request = RunRequest {
        name: args.scenario.display().to_string(),
        text: edit.text(),
        world: args.world.into(),
        etcd: args.etcd.clone(),
        seed: args.seed,
        report: None,
    };
    let outcome = run_scenario(&request, stop)?;
    let took = args.target.1.measure(&outcome);
    let first = outcome.verdict.findings().first();
    Ok(Probe {
        machines,
        per_sec,
        holds: outcome.verdict == Verdict::Pass
            && took.is_some_and(|took| took <= args.target.1.within),
        secs: took.map(|took| took.as_secs_f64()),
        finding: first.map(|finding| finding.what.clone()),
        broken: first.map(|finding| finding.link),
        steps: steps(&outcome),
    })
}

/// For each link the time that the slowest machine spends on it.
fn steps(outcome: &Outcome) -> Vec<(Link, f64)> {
    let mut steps: Vec<(Link, f64)> = Vec::new();
    for machine in outcome.progress.iter() {
        let mut before = machine.reached.get(&Link::Power).copied();
        for link in machine.class.chain() {
            let (Some(&at), Some(from)) = (machine.reached.get(link), before) else {
                continue;
            };
            // Name and seed race with each other.
            let took = if at > from {
                at.since(from).as_secs_f64()
            } else {
                0.0
            };
            before = Some(at.max(from));
            match steps.iter_mut().find(|(known, _)| known == link) {
                Some((_, most)) => *most = most.max(took),
                None => steps.push((*link, took)),
            }
        }
    }
    steps
}

fn first_bad(probes: &[Probe]) -> Option<&Probe> {
    probes.iter().find(|probe| !probe.holds)
}

fn last_good(probes: &[Probe]) -> Option<&Probe> {
    let bad = first_bad(probes).map_or(i64::MAX, Probe::load);
    probes
        .iter()
        .rfind(|probe| probe.holds && probe.load() < bad)
}

/// The link that broke, or that took most of the time that was added.
fn weakest(probes: &[Probe], args: &BenchArgs) -> Option<(Link, String)> {
    let (bad, least) = (first_bad(probes)?, probes.first()?);
    if let (Some(link), Some(what)) = (bad.broken, &bad.finding) {
        return Some((link, format!("broke: {what}")));
    }
    // What comes after the link that the target is about has no part in it.
    let part = bad
        .steps
        .iter()
        .filter(|(link, _)| args.target.1.counts(*link));
    let grown = part.map(|(link, secs)| {
        let before = least.steps.iter().find(|(known, _)| known == link);
        let before = before.map_or(0.0, |(_, secs)| *secs);
        (*link, before, *secs)
    });
    let (link, before, secs) = grown.max_by(|a, b| (a.2 - a.1).total_cmp(&(b.2 - b.1)))?;
    let (few, many) = (args.over.shown(least.load()), bad.load());
    let (before, secs) = (shown(before), shown(secs));
    let why = format!("slowed: {before} with {few}, {secs} with {many}");
    Some((link, why))
}

fn report(title: &str, group: &str, args: &BenchArgs, probes: &[Probe]) -> String {
    let (over, target) = (args.over, &args.target.0);
    let unit = match over {
        Over::Machines => group.to_owned(),
        Over::Rate => format!("{group}/s"),
    };
    let mut out = format!("{title}\n\n{unit:>8}  {target}\n");
    for probe in probes {
        let secs = probe.shown();
        let holds = if probe.holds { "holds" } else { "breaks" };
        out.push_str(&format!("{:8}  {secs:>8}  {holds}\n", probe.load()));
    }
    let end = match (last_good(probes), first_bad(probes)) {
        (_, None) => "the target held as far as it was searched".to_owned(),
        (None, Some(bad)) => {
            format!("the target breaks with {} already", over.shown(bad.load()))
        }
        (Some(good), Some(bad)) => {
            let (good, bad) = (over.shown(good.load()), bad.load());
            format!("the knee: it holds with {good}, and breaks with {bad}")
        }
    };
    out.push_str(&format!("\n{end}\n"));
    if let Some((link, why)) = weakest(probes, args) {
        out.push_str(&format!("first link: {link} {why}\n"));
    }
    out
}

fn shown(secs: f64) -> String {
    if secs < 1.0 {
        format!("{:.1} ms", secs * 1e3)
    } else {
        format!("{secs:.2} s")
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn knee(first: i64, most: i64, at: i64) -> Vec<i64> {
        let mut asked = Vec::new();
        let Ok(()) = search(first, most, |machines| {
            asked.push(machines);
            Ok::<bool, Infallible>(machines <= at)
        });
        asked
    }

    #[test]
    fn the_knee_is_found_by_doubling_and_halving() {
        let asked = knee(10, 10_000, 137);
        assert!(asked.starts_with(&[10, 20, 40, 80, 160]), "{asked:?}");
        let good = asked.iter().filter(|n| **n <= 137).max().unwrap();
        let bad = asked.iter().filter(|n| **n > 137).min().unwrap();
        assert!(bad - good <= good / 20, "{good} to {bad}");
        assert_eq!(
            knee(10, 40, 1_000),
            [10, 20, 40],
            "never further than it may"
        );
        assert_eq!(knee(1, 40, 0), [1]);
    }

    #[test]
    fn a_rate_is_a_ramp_of_some_length() {
        let text = "title = \"t\"\n[etcd]\n[[machines]]\nname = \"n\"\nclass = \"etcd\"\n\
            [[machines]]\nname = \"w\"\ncount = 4\nclass = \"plain\"\nevery = \"100ms\"\n";
        let mut edit = Edit::new(text);
        assert_eq!(edit.group_rate("w"), Some(10));
        let machines = Over::Rate.apply(&mut edit, "w", 300, Duration::from_secs(2));
        assert_eq!(machines, 600);
        edit.widen_subnet();
        let story = quorate_scenario::Story::parse("ramp", &edit.text()).unwrap();
        let on = |index: usize| story.machines[index].power_on(quorate_core::Seed::new(1));
        assert_eq!(story.machines.len(), 601);
        let last = on(600) - on(1);
        assert!(last > Duration::from_millis(1_990) && last < Duration::from_secs(2));
        // All at once is no rate; a ramp begins somewhere.
        assert_eq!(Edit::new(text).group_rate("n"), Some(1));
        assert_eq!(Over::Rate.shown(1), "1 machine a second");
    }
}

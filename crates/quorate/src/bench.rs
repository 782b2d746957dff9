//! `quorate bench --find-knee`: how many machines it takes until the chain breaks its target.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use quorate_scenario::{Lane, Link, Outcome, Verdict};
use serde::Serialize;
use serde_json::json;

use crate::cli::{BenchArgs, Format};
use crate::edit::Edit;
use crate::stop::on_signals;
use crate::tell::{Order, RunError, Stop, tell};
use crate::{exit, simulate};

/// What must be reached how soon, as in `formed<=5s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    what: Measure,
    within: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    /// From the last power-on until everything has formed.
    Formed,
    /// The slowest machine, from its power-on to this link.
    Link(Link),
}

/// What came of one number of machines.
#[derive(Clone, Debug, Serialize)]
struct Probe {
    machines: i64,
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

pub(crate) fn run(args: &BenchArgs) -> ExitCode {
    let (story, text) = match simulate::load(&args.scenario) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let stop = Stop::default();
    if let Err(error) = on_signals(&stop) {
        eprintln!("no signals: {error}");
        return exit::cannot_run();
    }
    let found = Edit::new(&text).and_then(|mut edit| {
        let group = args.group.clone().or_else(|| edit.plain_group())?;
        let count = edit.group_count(&group)?;
        Some((edit, group, count))
    });
    let Some((mut edit, group, count)) = found else {
        eprintln!(
            "no group of machines can grow: name one that the scenario has (--group NAME), or add a group of class = \"plain\""
        );
        return exit::bad_input();
    };
    if !text.contains("subnet") {
        edit.widen_subnet();
    }
    let mut probes = Vec::new();
    let searched = search(count, args.max, |machines| {
        let mut edit = edit.clone();
        edit.set_count(&group, machines);
        let probe = probe(args, &edit, machines, &stop)?;
        let shown = probe
            .secs
            .map_or_else(|| "never".to_owned(), |secs| format!("{secs:.2} s"));
        let holds = if probe.holds { "holds" } else { "BREAKS" };
        eprintln!("{machines:6} {group}: {} {shown}, {holds}", args.target.0);
        let holds = probe.holds;
        probes.push(probe);
        Ok(holds)
    });
    probes.sort_by_key(|probe| probe.machines);
    match args.format {
        Format::Human => print!("{}", report(&story.title, &group, &args.target.0, &probes)),
        Format::Json => {
            let knee = json!({
                "title": story.title,
                "group": group,
                "target": args.target.0,
                "holds_at": last_good(&probes).map(|probe| probe.machines),
                "breaks_at": first_bad(&probes).map(|probe| probe.machines),
                "link": weakest(&probes).map(|(link, _)| link),
                "why": weakest(&probes).map(|(_, why)| why),
                "probes": probes,
            });
            println!("{knee:#}");
        }
    }
    match searched {
        Ok(()) => ExitCode::SUCCESS,
        Err(RunError::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            eprintln!("{error}");
            exit::cannot_run()
        }
    }
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

fn probe(args: &BenchArgs, edit: &Edit, machines: i64, stop: &Stop) -> Result<Probe, RunError> {
    let order = Order {
        name: args.scenario.display().to_string(),
        text: edit.text(),
        world: args.world,
        etcd: args.etcd.clone(),
        seed: args.seed,
        report: None,
    };
    let outcome = tell(&order, stop)?;
    let took = args.target.1.measure(&outcome);
    let first = outcome.verdict.findings().first();
    Ok(Probe {
        machines,
        holds: outcome.verdict == Verdict::Pass
            && took.is_some_and(|took| took <= args.target.1.within),
        secs: took.map(|took| took.as_secs_f64()),
        finding: first.map(|finding| finding.what.clone()),
        broken: first.map(|finding| finding.link),
        steps: steps(&outcome),
    })
}

impl Target {
    fn measure(&self, outcome: &Outcome) -> Option<Duration> {
        let on = |lane: &Lane| lane.reached.get(&Link::Power).copied();
        match self.what {
            Measure::Formed => {
                let last = outcome.lanes.iter().filter_map(on).max()?;
                Some(outcome.formed_at?.since(last))
            }
            Measure::Link(link) => {
                let took = |lane: &Lane| Some(lane.reached.get(&link)?.since(on(lane)?));
                let chain = |lane: &&Lane| lane.class.chain().contains(&link);
                let all: Option<Vec<Duration>> =
                    outcome.lanes.iter().filter(chain).map(took).collect();
                all?.into_iter().max()
            }
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = || {
            format!(
                "{text:?} is no target: write formed, leased, named or srv, then <= and a time, as in \"formed<=5s\""
            )
        };
        let (what, within) = text.split_once("<=").ok_or_else(help)?;
        let what = match what.trim() {
            "formed" => Measure::Formed,
            "leased" => Measure::Link(Link::Ack),
            "named" => Measure::Link(Link::Name),
            "srv" => Measure::Link(Link::Srv),
            _ => return Err(help()),
        };
        let within = humantime::parse_duration(within.trim()).map_err(|_| help())?;
        Ok(Self { what, within })
    }
}

/// For each link the time that the slowest machine spends on it.
fn steps(outcome: &Outcome) -> Vec<(Link, f64)> {
    let mut steps: Vec<(Link, f64)> = Vec::new();
    for lane in outcome.lanes.iter() {
        let mut before = lane.reached.get(&Link::Power).copied();
        for link in lane.class.chain() {
            let (Some(&at), Some(from)) = (lane.reached.get(link), before) else {
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
    let bad = first_bad(probes).map_or(i64::MAX, |probe| probe.machines);
    probes
        .iter()
        .rfind(|probe| probe.holds && probe.machines < bad)
}

/// The link that broke, or that took most of the time that was added.
fn weakest(probes: &[Probe]) -> Option<(Link, String)> {
    let (bad, least) = (first_bad(probes)?, probes.first()?);
    if let (Some(link), Some(what)) = (bad.broken, &bad.finding) {
        return Some((link, format!("broke: {what}")));
    }
    let grown = bad.steps.iter().map(|(link, secs)| {
        let before = least.steps.iter().find(|(known, _)| known == link);
        let before = before.map_or(0.0, |(_, secs)| *secs);
        (*link, before, *secs)
    });
    let (link, before, secs) = grown.max_by(|a, b| (a.2 - a.1).total_cmp(&(b.2 - b.1)))?;
    let (few, many) = (least.machines, bad.machines);
    Some((
        link,
        format!(
            "slowed: {} with {few} machines, {} with {many}",
            shown(Some(before)),
            shown(Some(secs))
        ),
    ))
}

fn report(title: &str, group: &str, target: &str, probes: &[Probe]) -> String {
    let mut out = format!("{title}\n\n{group:>8}  {target}\n");
    for probe in probes {
        let secs = probe
            .secs
            .map_or_else(|| "never".to_owned(), |secs| format!("{secs:.2} s"));
        let holds = if probe.holds { "holds" } else { "breaks" };
        out.push_str(&format!("{:8}  {secs:>8}  {holds}\n", probe.machines));
    }
    let end = match (last_good(probes), first_bad(probes)) {
        (_, None) => "the target held as far as it was searched".to_owned(),
        (None, Some(bad)) => format!("the target breaks with {} already", bad.machines),
        (Some(good), Some(bad)) => {
            format!(
                "the knee: it holds with {}, and breaks with {}",
                good.machines, bad.machines
            )
        }
    };
    out.push_str(&format!("\n{end}\n"));
    if let Some((link, why)) = weakest(probes) {
        out.push_str(&format!("first link: {link} {why}\n"));
    }
    out
}

fn shown(secs: Option<f64>) -> String {
    match secs {
        None => "never".to_owned(),
        Some(secs) if secs < 1.0 => format!("{:.1} ms", secs * 1e3),
        Some(secs) => format!("{secs:.2} s"),
    }
}

/// What shells answer for a process that SIGINT ended.
const INTERRUPTED: u8 = 130;

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
    fn a_target_has_a_measure_and_a_time() {
        let target: Target = "formed<=5s".parse().unwrap();
        assert_eq!(
            (target.what, target.within),
            (Measure::Formed, Duration::from_secs(5))
        );
        assert_eq!(
            "leased <= 200ms".parse::<Target>().unwrap().what,
            Measure::Link(Link::Ack)
        );
        assert!("fast".parse::<Target>().unwrap_err().contains("formed<=5s"));
    }
}

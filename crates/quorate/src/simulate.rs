//! `quorate run --world sim`: virtual time, in this process.

use std::path::Path;
use std::process::ExitCode;

use quorate_obtain::VersionReq;
use quorate_scenario::draft::Draft;
use quorate_scenario::{Story, WorldError};
use quorate_sim::{Log, Options, Recording, Swarm};

use crate::cli::RunArgs;
use crate::conclude::{Asked, conclude};
use crate::draw::Draw;
use crate::{exit, run};

/// Tells the scenario on virtual time.
pub(crate) fn run(args: &RunArgs) -> ExitCode {
    let (mut story, text) = match load(&args.scenario) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    run::note_machines(args.world, &story);
    story.etcd.gate &= !args.no_gate;
    let (story, text) = drawn(&story, text, args.seed);
    let (mut options, version) = match options(args.etcd.as_deref(), &story, args.seed) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return exit::bad_input();
        }
    };
    options.swarm = args.faults.then(|| Swarm::draw(args.seed, &story));
    let draw = Draw::of(&story, &options);
    eprint!("{draw}");
    let outcome = match &args.record {
        None => quorate_sim::run(&story, options),
        Some(file) => {
            let scenario = (args.scenario.as_path(), text.as_str());
            match record(scenario, &story, options, file) {
                Ok(told) => told.map(|told| told.outcome),
                Err(code) => return code,
            }
        }
    };
    let mut outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return broken(&error),
    };
    draw.note(&mut outcome);
    let asked = Asked {
        scenario: &args.scenario,
        report: args.report.as_deref(),
        world: "sim",
        said: args.format.into(),
        seed: args.seed,
        etcd: &format!("{version} (model)"),
        torn_down: None,
    };
    match conclude(asked, (&story, &text), &outcome, |_| Ok(())) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("the artifacts cannot be written: {error}");
            exit::cannot_run()
        }
    }
}

/// Runs the story and writes what was decided into `file`.
pub(crate) fn record(
    (scenario, text): (&Path, &str),
    story: &Story,
    options: Options,
    file: &Path,
) -> Result<Result<Recording, WorldError>, ExitCode> {
    let told = match quorate_sim::record(story, options.clone()) {
        Ok(told) => told,
        Err(error) => return Ok(Err(error)),
    };
    let name = scenario.display().to_string();
    let log = Log::new((&name, text), story, &options, &told);
    std::fs::write(file, log.to_string()).map_err(|error| {
        eprintln!("{}: {error}", file.display());
        exit::cannot_run()
    })?;
    Ok(Ok(told))
}

/// The world, not the story, failed.
pub(crate) fn broken(error: &WorldError) -> ExitCode {
    eprintln!("the world `sim` broke: {error}");
    exit::cannot_run()
}

/// The story in a file, and its text.
pub(crate) fn load(path: &Path) -> Result<(Story, String), ExitCode> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        eprintln!("{shown}: {error}");
        exit::bad_input()
    })?;
    let story = Story::parse(&shown, &text).map_err(|error| {
        exit::show(error);
        exit::bad_input()
    })?;
    exit::warn(&story);
    Ok((story, text))
}

/// The story of this seed, and a text that tells it under every seed: its own when nothing of it
/// is drawn.
pub(crate) fn drawn(story: &Story, text: String, seed: u64) -> (Story, String) {
    let story = story.drawn(seed).into_owned();
    let text = match &story.sizes {
        Some(sizes) => format!("# Seed {seed}: {sizes}\n{}", Draft::of(&story, seed)),
        None => text,
    };
    (story, text)
}

/// A calm world with the etcd that `--etcd` names, else the story.
pub(crate) fn options(
    etcd: Option<&str>,
    story: &Story,
    seed: u64,
) -> Result<(Options, VersionReq), String> {
    let wanted = etcd.or(story.etcd.version.as_deref());
    let version = wanted.map(str::parse::<VersionReq>).transpose();
    let version = version
        .map_err(|error| format!("{error}\nthe world `sim` has a model of etcd: name a version"))?;
    let version = version.unwrap_or(VersionReq::DEFAULT);
    let options = Options {
        etcd_version: (version.major, version.minor),
        seed,
        steps_max: None,
        swarm: None,
    };
    Ok((options, version))
}

//! `quorate run --world sim`: virtual time, in this process.

use std::path::Path;
use std::process::ExitCode;

use quorate_obtain::VersionReq;
use quorate_scenario::{Story, WorldError};
use quorate_sim::{Options, Swarm};

use crate::cli::{Format, RunArgs};
use crate::conclude::{Asked, conclude};
use crate::exit;

/// Tells the scenario on virtual time.
pub(crate) fn run(args: &RunArgs) -> ExitCode {
    let (story, text) = match load(&args.scenario) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let (mut options, version) = match options(args.etcd.as_deref(), &story, args.seed) {
        Ok(options) => options,
        Err(code) => return code,
    };
    if args.faults {
        let swarm = Swarm::draw(args.seed, story.machines.len());
        eprintln!("seed {}: {swarm:#?}", args.seed);
        options.swarm = Some(swarm);
    }
    let outcome = match quorate_sim::run(&story, options) {
        Ok(outcome) => outcome,
        Err(error @ (WorldError::Unsupported { .. } | WorldError::Broken(_))) => {
            eprintln!("the world `sim` broke: {error}");
            return exit::cannot_run();
        }
    };
    let asked = Asked {
        scenario: &args.scenario,
        report: args.report.as_deref(),
        json: args.format == Format::Json,
        seed: args.seed,
        etcd: &format!("{version} (model)"),
    };
    match conclude(asked, (&story, &text), &outcome, |_| Ok(())) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("the artifacts cannot be written: {error}");
            exit::cannot_run()
        }
    }
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
    Ok((story, text))
}

/// A calm world with the etcd that `--etcd` names, else the story.
pub(crate) fn options(
    etcd: Option<&str>,
    story: &Story,
    seed: u64,
) -> Result<(Options, VersionReq), ExitCode> {
    let wanted = etcd.or(story.etcd.version.as_deref());
    let version = wanted.map(str::parse::<VersionReq>).transpose();
    let version = version.map_err(|error| {
        eprintln!("{error}\nthe world `sim` has a model of etcd: name a version");
        exit::bad_input()
    })?;
    let version = version.unwrap_or(VersionReq::DEFAULT);
    let options = Options {
        etcd_version: (version.major, version.minor),
        seed,
        steps_max: None,
        swarm: None,
    };
    Ok((options, version))
}

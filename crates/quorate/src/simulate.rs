//! `quorate run --world sim`: virtual time, in this process.

use std::process::ExitCode;

use quorate_obtain::VersionReq;
use quorate_scenario::{Story, WorldError};
use quorate_sim::Options;

use crate::cli::{Format, RunArgs};
use crate::conclude::{Asked, conclude};
use crate::exit;

/// Tells the scenario on virtual time.
pub(crate) fn run(args: &RunArgs) -> ExitCode {
    let text = match std::fs::read_to_string(&args.scenario) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{}: {error}", args.scenario.display());
            return exit::bad_input();
        }
    };
    let story = match Story::parse(&args.scenario.display().to_string(), &text) {
        Ok(story) => story,
        Err(error) => {
            exit::show(error);
            return exit::bad_input();
        }
    };
    let wanted = args.etcd.as_deref().or(story.etcd.version.as_deref());
    let version = match wanted.map(str::parse::<VersionReq>).transpose() {
        Ok(version) => version.unwrap_or(VersionReq::DEFAULT),
        Err(error) => {
            eprintln!("{error}\nthe world `sim` has a model of etcd: name a version");
            return exit::bad_input();
        }
    };
    let options = Options {
        etcd_version: (version.major, version.minor),
        seed: args.seed,
        steps_max: None,
        swarm: None,
    };
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

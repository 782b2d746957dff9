//! One story, run to its end.

use quorate_core::{Mutant, Seed};
use quorate_scenario::drive::{Expected, drive};
use quorate_scenario::{Decision, Observation, Occasion, Outcome, Story, What, WorldError};

use crate::chance::choice_log::ChoiceLog;
use crate::options::Options;
use crate::world::SimWorld;

/// Runs `story` in a world of its own, with the sizes of the seed if it draws any.
///
/// # Errors
/// When the world, not the story, fails.
pub fn run(story: &Story, options: Options) -> Result<Outcome, WorldError> {
    run_world(story, options, None, Mutant::default())
}

/// The same with a bug in the engines of the servers.
///
/// # Errors
/// As [`run`](fn@run).
#[doc(hidden)]
pub fn run_mutant(story: &Story, options: Options, mutant: Mutant) -> Result<Outcome, WorldError> {
    run_world(story, options, None, mutant)
}

/// A run, and what was decided in it.
#[derive(Debug)]
pub struct Recording {
    pub outcome: Outcome,
    /// Everything that was decided, in order.
    pub decisions: Vec<Decision>,
    /// What was given and never had its occasion: the program has changed since, or the story.
    pub unmet: Vec<Occasion>,
}

/// As [`run`](fn@run), and writes down what chance decides.
///
/// # Errors
/// As `run`.
pub fn record(story: &Story, options: Options) -> Result<Recording, WorldError> {
    run_with_choices(story, options, &ChoiceLog::beside_chance(&story.decisions))
}

/// Runs `story` once more with these decisions. What they do not name is ordinary: messages
/// arrive at once, and the disk does not lie. Times that they do not name are drawn.
///
/// # Errors
/// As [`run`](fn@run).
pub fn replay(
    story: &Story,
    options: Options,
    decisions: &[Decision],
) -> Result<Recording, WorldError> {
    run_with_choices(story, options, &ChoiceLog::of(decisions))
}

fn run_with_choices(
    story: &Story,
    options: Options,
    choices: &ChoiceLog,
) -> Result<Recording, WorldError> {
    let mut story = story.drawn(options.seed).into_owned();
    let seed = Seed::new(options.seed);
    for machine in &mut story.machines {
        let drawn = machine.power_on(seed);
        machine.switch_on_at(choices.time(&machine.name, "power-on", drawn));
    }
    let outcome = run_world(&story, options, Some(choices), Mutant::default())?;
    let (decisions, unmet) = choices.finish();
    Ok(Recording {
        outcome,
        decisions,
        unmet,
    })
}

fn run_world(
    story: &Story,
    options: Options,
    choices: Option<&ChoiceLog>,
    mutant: Mutant,
) -> Result<Outcome, WorldError> {
    let story = &*story.drawn(options.seed);
    let (major, minor) = options.etcd_version;
    let expected = Expected::new(story, major, minor);
    let seed = Seed::new(options.seed);
    let mut world = SimWorld::new(story, &expected, options);
    world.set_mutant(mutant);
    let own = ChoiceLog::beside_chance(&story.decisions);
    match choices {
        Some(choices) => world.set_choices(choices),
        None if story.decisions.is_empty() => {}
        None => world.set_choices(&own),
    }
    let mut outcome = drive(&mut world, story, &expected, seed, |_, _| {})?;
    if choices.is_none() {
        let (_, unmet) = own.finish();
        outcome.observations.extend(unmet.iter().map(|occasion| {
            let text = format!("there was no occasion for a fault: {occasion}");
            Observation {
                at: outcome.ended_at,
                machine: None,
                what: What::Note { text },
            }
        }));
    }
    Ok(outcome)
}

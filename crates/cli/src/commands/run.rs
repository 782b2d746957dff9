//! `quorate run`
//!
//! | file | what |
//! | --- | --- |
//! | `sim` | virtual time, in this process |
//! | `sandbox` | reads the scenario, gets etcd, and starts this program again in a sandbox, where [`RunView`](crate::run_view::RunView) shows the run |
//! | `interrupt` | stays behind to end it |

mod interrupt;
mod sandbox;
mod sim;

use quorate::World;

use crate::args::RunArgs;
use crate::error::CliError;

pub(crate) fn run(args: &RunArgs, verbose: bool) -> Result<u8, CliError> {
    let world = World::from(args.world);
    if world != World::Sim {
        only_in_sim(args)?;
    }
    if world != World::Container && args.image.is_some() {
        return Err(CliError::Option {
            option: "--image",
            why: "only the world `container` runs images: --world container".to_owned(),
        });
    }
    match world {
        World::Sim => sim::run(args),
        World::Host | World::Container | World::Vm => sandbox::run(args, world, verbose),
    }
}

/// Refuses what the world `sim` alone can do.
fn only_in_sim(args: &RunArgs) -> Result<(), CliError> {
    let options = [
        ("--faults", args.faults),
        ("--no-gate", args.no_gate),
        ("--record", args.record.is_some()),
    ];
    match options.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(CliError::Option {
            option,
            why: "unsupported here: only the world `sim` has it; use --world sim".to_owned(),
        }),
        None => Ok(()),
    }
}

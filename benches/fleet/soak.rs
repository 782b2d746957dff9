//! Three members, many times in a row, in each world.

use std::collections::BTreeMap;

use crate::runs::{self, root};
use crate::{BenchError, Paper, load};

/// True when no run of any world failed. Those that were inconclusive are counted and reported.
pub(crate) fn measure(rounds: usize, paper: &mut Paper) -> Result<bool, BenchError> {
    let file = root().join("scenarios/three-members.toml");
    let mut is_met = true;
    for world in ["sim", "host", "container"] {
        paper.line(&format!(
            "\nthree-members {rounds} times in a row, world {world}; load {}",
            load()
        ))?;
        let (mut passed, mut inconclusive, mut failed) = (0, 0, 0);
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        let mut formed = Vec::new();
        for round in 1..=rounds {
            let run = runs::run(&file, world, round)?;
            match run.code {
                Some(0) => {
                    passed += 1;
                    let at = run.report["formed_at"].as_u64();
                    formed.extend(at.map(|nanos| nanos as f64 / 1e9));
                }
                _ if run.is_not_here() && round == 1 => {
                    paper.line(&format!("  not run: {}", run.why()))?;
                    break;
                }
                Some(INCONCLUSIVE) => inconclusive += 1,
                Some(_) | None => {
                    failed += 1;
                    paper.line(&format!("  seed {round}: {}", run.why()))?;
                }
            }
            if run.code == Some(INCONCLUSIVE) {
                *reasons.entry(run.why()).or_default() += 1;
            }
            if round % 10 == 0 {
                eprintln!("{world}: {round} of {rounds}");
            }
        }
        paper.line(&format!(
            "  {passed} passed, {inconclusive} inconclusive, {failed} failed"
        ))?;
        for (reason, count) in reasons {
            paper.line(&format!("  {count} × {reason}"))?;
        }
        if let Some((line, _)) = runs::row("power-on to formed", formed, None) {
            paper.line(&line)?;
        }
        is_met &= failed == 0;
    }
    Ok(is_met)
}

/// What the command line exits with when the host was too slow for a fair run.
const INCONCLUSIVE: i32 = 4;

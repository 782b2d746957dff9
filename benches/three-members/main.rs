//! How long three machines take from power-on to one healthy cluster, beside the same three
//! etcd members started by hand.
//!
//! A, the harness: `quorate run scenarios/three-members.toml`, which is this program itself
//! under another verb. B, the peer: `peer.rs`. They take turns, so that whatever else the host
//! does meets both.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command line"
)]

mod harness;
mod peer;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const ROUNDS_DEFAULT: usize = 10;
/// What issue 1 asks for, as medians.
const WALL_MAX: Duration = Duration::from_secs(4);
const BEFORE_ETCD_MAX: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    if quorate_cli::is_part_of_run() || harness::is_cli() {
        return quorate_cli::main();
    }
    // `cargo bench` adds `--bench`; a number is the number of rounds.
    let rounds = std::env::args().find_map(|argument| argument.parse().ok());
    match measure(rounds.unwrap_or(ROUNDS_DEFAULT)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("not measured: {error}");
            ExitCode::from(3)
        }
    }
}

/// Why there is nothing to measure.
type BenchError = Box<dyn std::error::Error>;

fn measure(rounds: usize) -> Result<(), BenchError> {
    let etcd: PathBuf = harness::etcd()?;
    let (mut harnessed, mut by_hand) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let a = harness::run(&etcd)?;
        let b = peer::run(&etcd)?;
        eprintln!("round {round} of {rounds}: {a:?}; by hand {b:?}");
        harnessed.push(a);
        by_hand.push(b);
    }
    println!("{:36} {:>8} {:>8} {:>8}", "", "median", "min", "max");
    let of = |time: fn(&harness::Times) -> Duration| harnessed.iter().map(time).collect();
    let wall = row("A: start → verdict", of(|times| times.wall));
    let before_etcd = row("A: start → first etcd exec", of(|times| times.before_etcd));
    let formed = row("A: power-on → formed", of(|times| times.formed));
    let etcd_alone = row("A: first etcd exec → formed", of(|times| times.etcd_alone));
    let peer = row("B: static members, start → formed", by_hand);
    println!();
    println!("A formed / B formed    {:.2}", ratio(formed, peer));
    println!("A etcd alone / B       {:.2}", ratio(etcd_alone, peer));
    for (what, is, at_most) in [
        ("start → verdict", wall, WALL_MAX),
        ("start → first etcd exec", before_etcd, BEFORE_ETCD_MAX),
    ] {
        let met = if is <= at_most { "met" } else { "missed" };
        println!(
            "target {met}: {what} {} ms, at most {at_most:?}",
            is.as_millis()
        );
    }
    Ok(())
}

/// Prints one line of the table and gives its median.
fn row(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort();
    let (Some(least), Some(most)) = (times.first(), times.last()) else {
        return Duration::ZERO;
    };
    let middle = times.len() / 2;
    let median = if times.len().is_multiple_of(2) {
        (times[middle - 1] + times[middle]) / 2
    } else {
        times[middle]
    };
    let [median_ms, least, most] = [median, *least, *most].map(|time| time.as_millis());
    println!("{what:36} {median_ms:5} ms {least:5} ms {most:5} ms");
    median
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

//! Hundreds of machines: every number that is promised of racks, stampedes, containers, and of the
//! discovery methods, measured in one go.
//!
//! Each run is a process of this program itself under another verb, as a user would start it. The
//! results are printed, and written to a file line by line, so that a measurement that is cut short
//! is not lost.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command line"
)]

mod compared;
mod parts;
mod request;
mod runs;
mod soak;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use request::Request;

/// Why there is nothing to measure.
type BenchError = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    if quorate_cli::is_part_of_run() || runs::is_cli() {
        return quorate_cli::main();
    }
    let request = match Request::read(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("{error}\n\n{}", request::usage());
            return ExitCode::from(2);
        }
    };
    match measure(&request) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("not measured: {error}");
            ExitCode::from(3)
        }
    }
}

/// True when every part that could run met what is asked of it.
fn measure(request: &Request) -> Result<bool, BenchError> {
    let mut paper = Paper::new(request.out.clone())?;
    let build = if cfg!(debug_assertions) {
        "debug build: the targets are meant for release builds"
    } else {
        "release build"
    };
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    paper.line(&format!("{now}, {processors} processors, {build}"))?;
    let mut is_met = true;
    for (part, rounds) in &request.parts {
        is_met &= match part {
            parts::What::Runs(series) => runs::measure(series, *rounds, &mut paper)?,
            parts::What::Compare => compared::three_members(*rounds, &mut paper)?,
            parts::What::CompareClusters => compared::twenty_clusters(*rounds, &mut paper)?,
        };
    }
    if let Some(rounds) = request.soak {
        is_met &= soak::measure(rounds, &mut paper)?;
    }
    paper.line(if is_met {
        "\nall targets met"
    } else {
        "\nnot all targets met"
    })?;
    println!("written to {}", paper.path.display());
    Ok(is_met)
}

/// Where everything is said: on standard output, and in a file.
struct Paper {
    path: PathBuf,
    file: File,
}

impl Paper {
    fn new(path: PathBuf) -> Result<Self, BenchError> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let file = File::options().create(true).append(true).open(&path)?;
        Ok(Self { path, file })
    }

    fn line(&mut self, line: &str) -> Result<(), BenchError> {
        println!("{line}");
        writeln!(self.file, "{line}")?;
        Ok(())
    }
}

/// How busy this host is: one minute, five, fifteen.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

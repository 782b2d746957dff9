//! `quorate node`

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use quorate_agent::{Config, Datasource};
use rustix::process::{Pid, getpid};
use rustix::system::{RebootCommand, reboot};
use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};

use crate::cli::NodeArgs;
use crate::exit;

pub(crate) fn run(args: &NodeArgs) -> ExitCode {
    let code = node(args);
    if getpid() == Pid::INIT {
        end_of_machine(code);
    }
    code
}

fn node(args: &NodeArgs) -> ExitCode {
    let mut config = Config::new(&args.interface);
    config.log_file.clone_from(&args.unit_log);
    config.seed = args.random.unwrap_or_else(drawn);
    if let Some(url) = &args.seed {
        config.datasource = Datasource::Url(url.clone());
    }
    if let Some(millis) = args.first_retry_ms {
        config.first_retry_ms = millis;
    }
    let events: Box<dyn Write + Send> = match &args.tell {
        Some(path) => match open(path) {
            Ok(file) => Box::new(file),
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                return exit::bad_input();
            }
        },
        None => Box::new(io::stdout()),
    };
    match quorate_agent::run(config, events) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            exit::cannot_run()
        }
    }
}

/// A file, or a device that takes every byte as it is: a serial port would otherwise make of
/// each line break two bytes.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    if isatty(&file) {
        let mut modes = tcgetattr(&file)?;
        modes.make_raw();
        tcsetattr(&file, OptionalActions::Now, &modes)?;
    }
    Ok(file)
}

/// Machines of one image must not all draw the same.
fn drawn() -> u64 {
    let mut bytes = [0; 8];
    // Only a kernel without the call refuses it; MAC addresses still tell machines apart then.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u64::from_ne_bytes(bytes)
}

/// As the first process: what the machine does when there is nothing left to run.
fn end_of_machine(code: ExitCode) {
    if code != ExitCode::SUCCESS {
        quorate_init::restart(RESTART_PAUSE);
    }
    rustix::fs::sync();
    // The kernel panics when the first process ends, which says enough.
    let _ = reboot(RebootCommand::PowerOff);
}

const RESTART_PAUSE: Duration = Duration::from_secs(10);

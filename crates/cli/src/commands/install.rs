//! `quorate install`

use std::time::Duration;

use quorate_init::install::{first_disk, install};
use quorate_init::stage;

use crate::args::InstallArgs;
use crate::error::CliError;
use crate::notes::note;

pub(crate) fn run(args: &InstallArgs) -> Result<u8, CliError> {
    let written = write(args);
    if let Err(error) = &written
        && args.restart
    {
        stage::say(&error.to_string());
    }
    let bytes = written?;
    say(args, &format!("{bytes} bytes are on the disk"));
    if args.restart {
        stage::mark("installed");
        quorate_init::restart(Duration::ZERO);
    }
    Ok(0)
}

/// Writes the image onto the disk; answers how many bytes that were.
fn write(args: &InstallArgs) -> Result<u64, CliError> {
    let disk = match args.disk.as_os_str() == "first" {
        true => first_disk()?,
        false => args.disk.clone(),
    };
    let shown = disk.display();
    say(args, &format!("installing {} on {shown}", args.url));
    if args.restart {
        stage::mark("install");
    }
    let bytes = install(&args.url, &disk, |percent| {
        if percent % PERCENT_STEP == 0 {
            say(args, &format!("{percent}% on {shown}"));
        }
    })?;
    Ok(bytes)
}

fn say(args: &InstallArgs, text: &str) {
    if args.restart {
        stage::say(text);
    } else {
        note(text);
    }
}

/// The kernel's log accepts ten lines in five seconds.
const PERCENT_STEP: u64 = 25;

//! `quorate install`

use std::process::ExitCode;
use std::time::Duration;

use quorate_init::install::{first_disk, install};
use quorate_init::stage;

use crate::cli::InstallArgs;
use crate::exit;

pub(crate) fn run(args: &InstallArgs) -> ExitCode {
    let disk = match args.disk.as_os_str() == "first" {
        true => first_disk(),
        false => Ok(args.disk.clone()),
    };
    let installed = disk.and_then(|disk| {
        let shown = disk.display();
        tell(args, &format!("installing {} on {shown}", args.url));
        if args.restart {
            stage::mark("install");
        }
        install(&args.url, &disk, |percent| {
            if percent % PERCENT_STEP == 0 {
                tell(args, &format!("{percent}% on {shown}"));
            }
        })
    });
    match installed {
        Ok(bytes) => {
            tell(args, &format!("{bytes} bytes are on the disk"));
            if args.restart {
                stage::mark("installed");
                quorate_init::restart(Duration::ZERO);
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            tell(args, &error.to_string());
            exit::cannot_run()
        }
    }
}

fn tell(args: &InstallArgs, text: &str) {
    if args.restart {
        stage::say(text);
    } else {
        eprintln!("{text}");
    }
}

/// The kernel's log takes ten lines in five seconds.
const PERCENT_STEP: u64 = 25;

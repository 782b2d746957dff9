//! `quorate node`

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use quorate_agent::{Config, Datasource};
use quorate_boot::{QuoteError, quote};
use quorate_world::servers::QUORATE_INSIDE;
use rustix::process::{Pid, getpid};
use rustix::system::{RebootCommand, reboot};
use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};
use serde_json::json;

use crate::args::NodeArgs;
use crate::error::CliError;

pub(crate) fn run(args: &NodeArgs) -> Result<u8, CliError> {
    if getpid() != Pid::INIT {
        return node(args);
    }
    let code = node(args).unwrap_or_else(CliError::report);
    end_of_machine(code);
    Ok(code)
}

fn node(args: &NodeArgs) -> Result<u8, CliError> {
    let mut config = Config::new(&args.interface);
    config.log_file.clone_from(&args.unit_log);
    config.seed = args.random.unwrap_or_else(drawn);
    if let Some(url) = &args.seed {
        config.datasource = Datasource::Url(url.clone());
    }
    if let Some(url) = &args.install {
        config.datasource = installer(url).map_err(|error| CliError::Option {
            option: "--install",
            why: error.to_string(),
        })?;
    }
    if let Some(millis) = args.first_retry_ms {
        config.first_retry_ms = millis;
    }
    let events: Box<dyn Write + Send> = match &args.events {
        Some(path) => Box::new(open(path).map_err(|source| CliError::Read {
            path: path.clone(),
            source,
        })?),
        None => Box::new(io::stdout()),
    };
    quorate_agent::run(config, events)?;
    Ok(0)
}

/// The seed of a machine that does one thing: it installs what lies at `url`, again and again
/// until that has worked, and starts anew.
fn installer(url: &str) -> Result<Datasource, QuoteError> {
    let unit = format!(
        "[Unit]\n\
         StartLimitIntervalSec=0\n\
         [Service]\n\
         ExecStart={QUORATE_INSIDE} install {} --disk first --restart\n\
         Restart=on-failure\n\
         RestartSec=1s\n",
        quote(url)?
    );
    let user_data = json!({
        "write_files": [{
            "path": "/etc/systemd/system/install.service",
            "permissions": "0644",
            "content": unit,
        }],
        "runcmd": [["systemctl", "start", "install.service"]],
    });
    Ok(Datasource::Given {
        meta_data: json!({ "instance-id": "installer" }).to_string(),
        user_data: format!("#cloud-config\n{user_data}"),
    })
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
    // Only a kernel without the call refuses it; MAC addresses still distinguish machines then.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u64::from_ne_bytes(bytes)
}

/// As the first process: what the machine does when there is nothing left to run.
fn end_of_machine(code: u8) {
    if code != 0 {
        quorate_init::restart(RESTART_PAUSE);
    }
    rustix::fs::sync();
    // The kernel panics when the first process ends, which says enough.
    let _ = reboot(RebootCommand::PowerOff);
}

const RESTART_PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installers_seed_says_one_thing_whatever_the_address() {
        let url = "http://10.0.0.2/disk img.zst?a=$b%c\"";
        let Datasource::Given {
            meta_data,
            user_data,
        } = installer(url).unwrap()
        else {
            unreachable!("the seed is given");
        };
        let plan = quorate_node::cloud_config::read(meta_data.as_bytes(), user_data.as_bytes());
        let plan = plan.unwrap();
        assert_eq!(plan.left_out, Vec::<String>::new());
        assert_eq!(plan.actions.len(), 1);
        let unit = &plan.files[0].content;
        let (unit, left_out) = quorate_node::unit::parse("install.service", unit, "host").unwrap();
        assert_eq!(left_out, Vec::<String>::new());
        let argv = [
            QUORATE_INSIDE,
            "install",
            url,
            "--disk",
            "first",
            "--restart",
        ];
        assert_eq!(unit.exec_start.argv, argv);
        assert!(installer("http://x/\nExecStart=/bin/sh").is_err());
    }
}

//! What a machine of metal does before its agent: PID 1 of the initial RAM file system.
//!
//! ```text
//!   kernel ─► /init ─► mounts ─► drivers ─► disk ─► command line ─► exec quorate node
//! ```
//!
//! Nothing in the image is particular to one machine. Its settings stand on the kernel's
//! command line ([`CommandLine`]), written by the boot loader; all else comes by the wire.
//!
//! - [`cmdline`](CommandLine): the words
//! - `mounts`: the kernel's file systems
//! - [`drivers`]: the modules that the image brings
//! - `firmware`: words in the firmware's tables
//! - `disk`: where etcd's data stays; [`install`]: what writes a disk image
//! - `interface`: the network card to boot from
//! - [`stage`]: marks on the serial console
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod cmdline;
pub mod disk;
pub mod drivers;
mod firmware;
pub mod install;
mod interface;
mod mounts;
pub mod stage;

use std::convert::Infallible;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub use cmdline::{CommandLine, Data};
use drivers::Drivers;

/// What the kernel starts.
pub const INIT: &str = "/init";

/// The kernel modules of the image, a [`drivers::Module`] a line.
pub const MODULES: &str = "/etc/quorate/modules";

/// The label of the ext4 file system that a machine keeps its data on.
pub const DATA_LABEL: &str = "quorate-data";

/// A machine cannot boot.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("{what}: {source}")]
    Failed {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("no network card appeared within {0:?}")]
    NoInterface(Duration),
    #[error("no disk appeared within {0:?}")]
    NoBlank(Duration),
    #[error("no file system of the label {DATA_LABEL} appeared within {0:?}")]
    NoDisk(Duration),
}

impl InitError {
    fn at(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Failed { what, source }
    }
}

/// True when the kernel started this program as the first of the machine.
pub fn is_init() -> bool {
    let first = std::env::args_os().next().unwrap_or_default();
    rustix::process::getpid() == rustix::process::Pid::INIT && first == INIT
}

/// Brings the machine up and becomes `quorate node`. When that fails, the machine says why and
/// starts again: whatever was missing may be there then.
pub fn run() -> ! {
    let Err(error) = boot();
    stage::say(&format!("quorate cannot boot: {error}"));
    restart(RESTART_PAUSE)
}

/// Writes what is buffered to the disks, and starts the machine again after a pause, so that
/// a person can read why.
pub fn restart(pause: Duration) -> ! {
    rustix::fs::sync();
    std::thread::sleep(pause);
    // Only without the right to, which the first process of a machine has.
    let _ = rustix::system::reboot(rustix::system::RebootCommand::Restart);
    std::process::exit(1);
}

fn boot() -> Result<Infallible, InitError> {
    mounts::mount_all()?;
    let text = std::fs::read_to_string("/proc/cmdline").map_err(InitError::at("/proc/cmdline"))?;
    stage::mark(match CommandLine::parse(&text).install {
        Some(_) => "installer",
        None => "userspace",
    });
    let mut drivers = Drivers::read(Path::new(MODULES));
    drivers.load_matching();
    stage::mark("drivers");
    // The command line goes before what the firmware says: the last word of a kind counts.
    let text = firmware::oem_words() + &text;
    let line = CommandLine::parse(&text).or_serial(&firmware::serial());
    for word in &line.unknown {
        stage::say(&format!("not understood on the command line: {word}"));
    }
    match line.install {
        Some(_) => disk::await_blank(&mut drivers)?,
        None => disk::mount(line.data, &mut drivers)?,
    }
    stage::mark("disk");
    let interface = interface::choose(&line, &mut drivers)?;
    let program = std::fs::read_link("/proc/self/exe").map_err(InitError::at("/proc/self/exe"))?;
    stage::mark("node");
    let error = Command::new(&program)
        .arg("node")
        .args(line.node_arguments(&interface))
        .exec();
    Err(InitError::at(program.display().to_string())(error))
}

const RESTART_PAUSE: Duration = Duration::from_secs(10);

//! Finds out whether KVM runs machines here.
//!
//! `/dev/kvm` may open and make a machine that hangs at its boot, or that QEMU gives up on, where
//! the host is itself virtual. So a machine is booted before it is used: kernel and initrd as all
//! have them, up to their first process. The answer holds until the host boots again, or has
//! another QEMU.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quorate_core::MacAddr;
use quorate_init::stage;
use quorate_scenario::story::{Boot, Hardware};
use serde::{Deserialize, Serialize};

use crate::accel::Accelerator;
use crate::disk;
use crate::files::Files;
use crate::qemu::{Qemu, Spec};

/// Finds out by a machine that boots `files` and writes in `dir`, unless it is known already.
/// Before that takes its time, it calls `announce`. Call it where nothing outlives its caller.
pub fn find_accelerator(files: &Files, dir: &Path, announce: impl FnOnce(&str)) -> Accelerator {
    let host = Host {
        device: Path::new("/dev/kvm"),
        boot_id: fs::read_to_string(BOOT_ID)
            .ok()
            .map(|id| id.trim().to_owned()),
        qemu: &files.firmware.qemu,
        cache: &files.cache,
    };
    host.decide(|| {
        announce("booting a machine under KVM, to see whether that works");
        boot(files, dir, LIMIT)
    })
}

/// What the answer depends on.
struct Host<'a> {
    device: &'a Path,
    /// `None` when it does not say: then nothing is kept.
    boot_id: Option<String>,
    qemu: &'a Path,
    cache: &'a Path,
}

/// What was found out, and where it holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    boot_id: String,
    /// Path, length and time of change.
    qemu: String,
    answer: Answer,
}

/// Whether a machine boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Boots,
    /// Why not.
    Fails(String),
}

impl Host<'_> {
    fn decide(&self, boot: impl FnOnce() -> io::Result<Answer>) -> Accelerator {
        let tcg = |why: String| Accelerator::Tcg { why };
        let opened = OpenOptions::new().read(true).write(true).open(self.device);
        if let Err(error) = opened {
            let device = self.device.display();
            let is_absent = error.kind() == ErrorKind::NotFound;
            return tcg(if is_absent {
                format!("there is no {device}")
            } else {
                format!("{device}: {error}")
            });
        }
        let place = self.place();
        let known = place.as_ref().and_then(|here| self.known(here));
        let answer = known.map_or_else(boot, Ok);
        if let (Some(here), Ok(answer)) = (place, &answer) {
            // Where it cannot be kept it is found out again.
            let _ = self.keep(&Known {
                answer: answer.clone(),
                ..here
            });
        }
        match answer {
            Ok(Answer::Boots) => Accelerator::Kvm,
            Ok(Answer::Fails(why)) => tcg(format!("KVM is there, but {why}")),
            Err(error) => tcg(format!("KVM is there, but cannot be tried: {error}")),
        }
    }

    /// Where an answer holds; it has none yet.
    fn place(&self) -> Option<Known> {
        let file = fs::metadata(self.qemu).ok()?;
        let (path, len) = (self.qemu.display(), file.len());
        Some(Known {
            boot_id: self.boot_id.clone()?,
            qemu: format!("{path} {len} {}.{}", file.mtime(), file.mtime_nsec()),
            answer: Answer::Boots,
        })
    }

    fn known(&self, here: &Known) -> Option<Answer> {
        let text = fs::read(self.file()).ok()?;
        let known: Known = serde_json::from_slice(&text).ok()?;
        let holds = (&known.boot_id, &known.qemu) == (&here.boot_id, &here.qemu);
        holds.then_some(known.answer)
    }

    fn keep(&self, known: &Known) -> io::Result<()> {
        // A reader never finds half a file.
        let part = self.file().with_extension(std::process::id().to_string());
        fs::write(&part, serde_json::to_vec(known)?)?;
        fs::rename(part, self.file())
    }

    fn file(&self) -> PathBuf {
        self.cache.join(KNOWN)
    }
}

/// Boots a machine under KVM, up to its first process; nothing of it is left when this returns.
fn boot(files: &Files, dir: &Path, limit: Duration) -> io::Result<Answer> {
    fs::create_dir_all(dir)?;
    let disk = dir.join("disk.img");
    disk::blank(&disk, 0)?;
    let hardware = Hardware {
        boot: Boot::Direct,
        ..Hardware::default()
    };
    let deadline = Instant::now() + limit;
    let (mut qemu, mut sockets) = Qemu::start(&Spec {
        name: "probe",
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        hardware: &hardware,
        accelerator: &Accelerator::Kvm,
        firmware: &files.firmware,
        kernel: &files.kernel,
        initrd: &files.initrd,
        memory_mib: files.memory_mib,
        cmdline: quorate_image::COMMAND_LINE,
        oem: &[],
        disk: &disk,
        vars: Path::new(""),
        log: &dir.join("qemu.log"),
    })?;
    let seen = await_userspace(&mut sockets.console, deadline)?;
    let answer = match seen {
        Seen::Userspace => Answer::Boots,
        Seen::Nothing => {
            let secs = limit.as_secs_f32();
            Answer::Fails(format!("a machine did not boot within {secs} s"))
        }
        Seen::End => {
            let words = qemu.end()?.to_string();
            let lines: Vec<_> = words.lines().map(str::trim).take(WORDS_LINES).collect();
            Answer::Fails(lines.join(": "))
        }
    };
    qemu.cut_power()?;
    Ok(answer)
}

/// What a console has shown until a deadline.
enum Seen {
    Userspace,
    Nothing,
    /// QEMU has closed it.
    End,
}

fn await_userspace(console: &mut UnixStream, deadline: Instant) -> io::Result<Seen> {
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Seen::Nothing);
        }
        console.set_read_timeout(Some(left))?;
        match console.read(&mut buffer) {
            Ok(0) => return Ok(Seen::End),
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            // The deadline has come, or a signal.
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            // It has ended with input unread.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(Seen::End),
            Err(error) => return Err(error),
        }
        let said = String::from_utf8_lossy(&said);
        let mut stages = said.lines().filter_map(stage::read);
        if stages.any(|(stage, _)| stage == "userspace") {
            return Ok(Seen::Userspace);
        }
    }
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// In the cache.
const KNOWN: &str = "kvm.json";
/// How it ended, and the first thing that it said about it.
const WORDS_LINES: usize = 2;
/// Several times what it takes where it works, and less than an emulated machine's boot.
const LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;

//! One emulated machine, and what it says on its serial ports.

use std::fs::{self, File};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use quorate_core::MacAddr;
use rustix::io::{FdFlags, fcntl_setfd};

const QEMU: &str = "qemu-system-x86_64";

/// For one thing to happen, on a host that others keep busy.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How a machine is put together.
#[derive(Clone, Debug)]
pub struct Boot<'a> {
    /// Kernel, initial RAM file system, command line; firmware that boots nothing itself.
    pub direct: Option<(&'a Path, &'a Path, &'a str)>,
    pub disk: Option<&'a Path>,
    /// Another one behind it.
    pub second_disk: Option<&'a Path>,
    pub firmware: Option<&'a Firmware>,
    pub hardware: Hardware,
    pub network: Network<'a>,
    /// The serial number of the machine.
    pub serial: Option<&'a str>,
    /// OEM strings.
    pub words: &'a [&'a str],
    pub memory_mib: u64,
    /// How long any one thing may take that this machine is to do.
    pub patience: Duration,
}

impl Boot<'_> {
    /// A machine with this much memory, and nothing to boot.
    pub fn new(memory_mib: u64) -> Self {
        Self {
            direct: None,
            disk: None,
            second_disk: None,
            firmware: None,
            hardware: Hardware::Virtual,
            network: Network::User,
            serial: None,
            words: &[],
            memory_mib,
            patience: PATIENCE,
        }
    }
}

/// What the network card is plugged into.
#[derive(Clone, Copy, Debug)]
pub enum Network<'a> {
    /// QEMU's own router, behind which this host is 10.0.2.2.
    User,
    /// The same, and firmware without a system on its disk is directed to boot this file.
    Boots(&'a str),
    /// A [switch](crate::network::Lab::wire), under this address.
    Wire(BorrowedFd<'a>, MacAddr),
}

/// What the network card and the disk are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hardware {
    /// Virtio.
    Virtual,
    /// As in a server: Intel's card, a SATA disk.
    Server,
}

impl Hardware {
    const fn board(self) -> &'static str {
        match self {
            Self::Virtual => "pc",
            Self::Server => "q35",
        }
    }

    const fn card(self) -> &'static str {
        match self {
            Self::Virtual => "virtio-net-pci",
            Self::Server => "e1000e",
        }
    }

    const fn drive(self) -> &'static str {
        match self {
            Self::Virtual => "virtio-blk-pci",
            Self::Server => "ide-hd",
        }
    }
}

/// UEFI.
#[derive(Debug)]
pub struct Firmware {
    code: PathBuf,
    variables: PathBuf,
}

impl Firmware {
    /// OVMF. The test needs both files.
    pub fn uefi() -> Self {
        Self {
            code: UEFI_CODE.into(),
            variables: UEFI_VARIABLES.into(),
        }
    }
}

pub const UEFI_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
pub const UEFI_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// A machine that has power. Loses it when dropped.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    dir: tempfile::TempDir,
    patience: Duration,
}

/// The serial ports, in order.
const CONSOLE: &str = "console";
const EVENTS: &str = "events";
const UNITS: &str = "units";

impl Machine {
    /// Switches it on.
    ///
    /// # Errors
    /// Here and below: what went wrong, and all that the machine has said.
    pub fn boot(boot: &Boot<'_>) -> Result<Self, Failed> {
        let dir = tempfile::tempdir()?;
        let mut qemu = Command::new(QEMU);
        let hardware = boot.hardware;
        qemu.args("-nodefaults -no-reboot -display none -cpu qemu64".split(' '))
            .args("-accel tcg,tb-size=32 -device virtio-rng-pci".split(' '))
            .args(["-M", hardware.board()])
            .args(["-m", &boot.memory_mib.to_string()]);
        let card = format!("{},netdev=n0,bootindex=2", hardware.card());
        match boot.network {
            Network::User => qemu.args(["-netdev", "user,id=n0", "-device", &card]),
            Network::Boots(file) => {
                let user = format!("user,id=n0,bootfile={file}");
                qemu.args(["-netdev", &user, "-device", &card])
            }
            Network::Wire(wire, mac) => {
                // The program that is started next inherits it, under its number.
                fcntl_setfd(wire, FdFlags::empty())?;
                let to = format!("addr.type=fd,addr.str={}", wire.as_raw_fd());
                qemu.arg("-netdev")
                    .arg(format!("stream,id=n0,server=off,{to}"))
                    .arg("-device")
                    .arg(format!("{card},mac={mac}"))
            }
        };
        for port in [CONSOLE, EVENTS, UNITS] {
            let file = dir.path().join(port);
            qemu.arg("-serial").arg(format!("file:{}", file.display()));
        }
        if let Some((kernel, initrd, line)) = boot.direct {
            qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
            qemu.args(["-append", line]);
        }
        for (number, disk) in [boot.disk, boot.second_disk].into_iter().enumerate() {
            let Some(disk) = disk else { continue };
            let drive = format!("if=none,id=d{number},format=raw,cache=unsafe,discard=unmap");
            let device = format!("{},drive=d{number}", hardware.drive());
            let order = if number == 0 { ",bootindex=1" } else { "" };
            qemu.arg("-drive")
                .arg(format!("{drive},file={}", disk.display()))
                .arg("-device")
                .arg(format!("{device}{order}"));
        }
        if let Some(firmware) = boot.firmware {
            let variables = dir.path().join("variables");
            fs::copy(&firmware.variables, &variables)?;
            let flash = "if=pflash,format=raw";
            let code = firmware.code.display();
            qemu.arg("-drive")
                .arg(format!("{flash},unit=0,readonly=on,file={code}"))
                .arg("-drive")
                .arg(format!("{flash},unit=1,file={}", variables.display()));
        }
        if let Some(serial) = boot.serial {
            qemu.arg("-smbios").arg(format!("type=1,serial={serial}"));
        }
        for word in boot.words {
            qemu.arg("-smbios").arg(format!("type=11,value={word}"));
        }
        let errors = File::create(dir.path().join("errors"))?;
        let qemu = qemu.stdin(Stdio::null()).stderr(errors).spawn();
        if let Network::Wire(wire, _) = boot.network {
            fcntl_setfd(wire, FdFlags::CLOEXEC)?;
        }
        Ok(Self {
            qemu: qemu?,
            dir,
            patience: boot.patience,
        })
    }

    /// Waits until its console shows this.
    pub fn await_console(&mut self, text: &str) -> Result<(), Failed> {
        self.wait(text, |machine| machine.said(CONSOLE).contains(text))
    }

    /// Waits until the agent reports an event with this in it.
    pub fn await_event(&mut self, text: &str) -> Result<(), Failed> {
        self.wait(text, |machine| machine.said(EVENTS).contains(text))
    }

    /// Waits until a unit has written this.
    pub fn await_units(&mut self, text: &str) -> Result<(), Failed> {
        self.wait(text, |machine| machine.said(UNITS).contains(text))
    }

    /// Whether a unit has written this by now.
    pub fn check_units(&self, text: &str, expected: bool) -> Result<(), Failed> {
        if self.said(UNITS).contains(text) == expected {
            return Ok(());
        }
        let not = if expected { "not " } else { "" };
        Err(format!("{text:?} was {not}said\n{}", self.story()).into())
    }

    /// Waits until the machine has switched itself off.
    pub fn await_end(&mut self) -> Result<(), Failed> {
        let since = Instant::now();
        while since.elapsed() < self.patience {
            if let Some(status) = self.qemu.try_wait()? {
                return if status.success() {
                    Ok(())
                } else {
                    Err(format!("{status}\n{}", self.story()).into())
                };
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Err(format!("it never ended\n{}", self.story()).into())
    }

    /// As when a cable is pulled; the disk is free afterwards.
    pub fn cut_power(mut self) -> Result<(), Failed> {
        self.qemu.kill()?;
        self.qemu.wait()?;
        Ok(())
    }

    fn wait(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Result<(), Failed> {
        let since = Instant::now();
        while since.elapsed() < self.patience {
            // In this order: what is said last is there when the emulator has ended.
            let ended = self.qemu.try_wait()?;
            if done(self) {
                return Ok(());
            }
            if let Some(status) = ended {
                return Err(format!("{status} before {what:?}\n{}", self.story()).into());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        let patience = self.patience;
        Err(format!("no {what:?} within {patience:?}\n{}", self.story()).into())
    }

    /// All that the agent has reported by now.
    pub fn events(&self) -> String {
        self.said(EVENTS)
    }

    /// The number of bytes that `df -k` on the machine says the file system with its data has.
    pub fn data_bytes(&self) -> Result<u64, Failed> {
        let said = self.said(UNITS);
        let columns = said.lines().find(|line| line.ends_with(" /disk"));
        let kib = columns.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        let missing = || format!("no size of the data's file system\n{}", self.story());
        Ok(kib.ok_or_else(missing)? * 1024)
    }

    /// All that has come out of a serial port.
    fn said(&self, port: &str) -> String {
        let bytes = fs::read(self.dir.path().join(port)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// For people who read why a test failed.
    pub fn story(&self) -> String {
        let ports = ["errors", CONSOLE, EVENTS, UNITS];
        let part = |port: &str| format!("--- {port}\n{}", self.said(port));
        ports.map(part).join("\n")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Nothing to do about a machine that is off already.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

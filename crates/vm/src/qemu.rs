//! One machine that is on: a QEMU, its sockets to the runner, and nothing in the file system.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use command_fds::{CommandFdExt as _, FdMapping};
use quorate_core::MacAddr;
use quorate_scenario::story::{Boot, Hardware};
use serde_json::{Value, json};

use crate::accel::Accelerator;
use crate::firmware::Firmware;
use crate::qmp::Qmp;

/// What a machine is powered on with.
#[derive(Debug)]
pub(crate) struct Spec<'a> {
    pub(crate) name: &'a str,
    pub(crate) mac: MacAddr,
    pub(crate) hardware: &'a Hardware,
    pub(crate) accelerator: &'a Accelerator,
    pub(crate) firmware: &'a Firmware,
    /// What the hypervisor puts into memory, for a direct boot.
    pub(crate) kernel: &'a Path,
    pub(crate) initrd: &'a Path,
    /// Of a machine whose story does not say.
    pub(crate) memory_mib: u32,
    pub(crate) cmdline: &'a str,
    /// Words in the firmware's tables, for a machine that boots from its disk.
    pub(crate) oem: &'a [String],
    pub(crate) disk: &'a Path,
    /// UEFI's variables.
    pub(crate) vars: &'a Path,
    /// What QEMU itself has to say.
    pub(crate) log: &'a Path,
}

/// A running QEMU. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Qemu {
    child: Child,
    qmp: Qmp,
    log: PathBuf,
}

/// The runner's ends of a machine's sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// The network card.
    pub(crate) wire: UnixStream,
    pub(crate) console: UnixStream,
    /// The agent's events.
    pub(crate) events: UnixStream,
    /// What units write.
    pub(crate) unit_log: UnixStream,
}

impl Qemu {
    /// Powers the machine on.
    pub(crate) fn start(spec: &Spec<'_>) -> io::Result<(Self, Sockets)> {
        let (wire, wire_fd) = socket(WIRE_FD)?;
        let (qmp, qmp_fd) = socket(QMP_FD)?;
        let (console, console_fd) = socket(CONSOLE_FD)?;
        let (events, events_fd) = socket(EVENTS_FD)?;
        let (unit_log, unit_log_fd) = socket(UNIT_LOG_FD)?;
        let log = append(spec.log)?;
        let mut command = Command::new(&spec.firmware.qemu);
        command
            .args(arguments(spec))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .fd_mappings(vec![wire_fd, qmp_fd, console_fd, events_fd, unit_log_fd])
            .map_err(io::Error::other)?;
        let child = command.spawn()?;
        let sockets = Sockets {
            wire,
            console,
            events,
            unit_log,
        };
        let qemu = Self {
            child,
            qmp: Qmp::new(qmp)?,
            log: spec.log.to_owned(),
        };
        Ok((qemu, sockets))
    }

    /// Pulls the network cable, or plugs it in: the guest sees its carrier.
    pub(crate) fn set_link(&mut self, up: bool) -> io::Result<()> {
        let arguments = json!({ "name": NIC, "up": up });
        self.execute("set_link", arguments)
    }

    /// Stops the processor, or lets it go on.
    pub(crate) fn set_frozen(&mut self, frozen: bool) -> io::Result<()> {
        let command = if frozen { "stop" } else { "cont" };
        self.execute(command, json!({}))
    }

    /// Presses the reset button. One that was stopped goes on, as a machine's BMC has it.
    pub(crate) fn reset(&mut self) -> io::Result<()> {
        self.execute("system_reset", json!({}))?;
        self.set_frozen(false)
    }

    /// Lets the disk do so many operations in a second; `None`: as many as it can.
    pub(crate) fn set_disk(&mut self, iops: Option<u32>) -> io::Result<()> {
        // 0 is no limit. All six must be there.
        let mut limits = json!({ "device": DISK, "iops": iops.unwrap_or(0) });
        for other in ["bps", "bps_rd", "bps_wr", "iops_rd", "iops_wr"] {
            limits[other] = json!(0);
        }
        self.execute("block_set_io_throttle", limits)
    }

    fn execute(&mut self, command: &str, arguments: Value) -> io::Result<()> {
        let done = self.qmp.execute(command, arguments).map(drop);
        done.map_err(|error| io::Error::new(error.kind(), format!("{error}{}", self.last_words())))
    }

    /// An error with QEMU's last words when it has ended.
    pub(crate) fn still_runs(&mut self) -> io::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// Waits until it ends by itself, and answers how.
    pub(crate) fn end(&mut self) -> io::Result<io::Error> {
        let status = self.child.wait()?;
        Ok(self.ended(status))
    }

    fn ended(&self, status: ExitStatus) -> io::Error {
        io::Error::other(format!("QEMU ended with {status}{}", self.last_words()))
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let words: Vec<&str> = log.lines().rev().take(LAST_WORDS_LINES).collect();
        let lines = words.into_iter().rev().map(|line| format!("\n  {line}"));
        lines.collect()
    }

    /// Cuts the power, and returns when nothing of the machine runs any more: a process that holds its
    /// disk locked would keep it from being switched on again.
    pub(crate) fn cut_power(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Callers who need the error use `cut_power`.
        let _ = self.cut_power();
    }
}

/// A socket to QEMU, which finds its end under this number.
fn socket(child_fd: i32) -> io::Result<(UnixStream, FdMapping)> {
    let (ours, theirs) = UnixStream::pair()?;
    let parent_fd = OwnedFd::from(theirs);
    Ok((
        ours,
        FdMapping {
            parent_fd,
            child_fd,
        },
    ))
}

/// QEMU's command line.
fn arguments(spec: &Spec<'_>) -> Vec<String> {
    let mut line = Line(Vec::new());
    line.flags(&["-nodefaults", "-no-user-config"]);
    line.option("-name", format!("guest={}", escaped(spec.name)));
    line.option("-M", "pc");
    line.processor(spec);
    line.option("-display", "none");
    line.option("-boot", "strict=on");
    let clock = spec.hardware.clock.as_deref().unwrap_or("utc");
    line.option("-rtc", format!("base={clock}"));
    line.monitor_and_serial_ports();
    if let Some(dir) = &spec.firmware.roms {
        line.option("-L", dir.display().to_string());
    }
    line.option("-device", "virtio-rng-pci");
    line.network_and_disk(spec);
    if spec.hardware.install {
        for word in spec.oem {
            line.option("-smbios", format!("type=11,value={}", escaped(word)));
        }
    }
    line.boot(spec);
    line.0
}

struct Line(Vec<String>);

impl Line {
    fn flags(&mut self, flags: &[&str]) {
        self.0.extend(flags.iter().map(|&flag| flag.to_owned()));
    }

    fn option(&mut self, name: &str, value: impl Into<String>) {
        self.0.extend([name.to_owned(), value.into()]);
    }

    /// What executes the instructions, and the memory.
    fn processor(&mut self, spec: &Spec<'_>) {
        match spec.accelerator {
            Accelerator::Kvm => {
                self.option("-accel", "kvm");
                self.option("-cpu", "host");
            }
            Accelerator::Tcg { .. } => {
                // The default for translated code is as large as several of these machines.
                self.option("-accel", "tcg,tb-size=32");
                self.option("-cpu", "qemu64");
            }
        }
        let hardware = spec.hardware;
        let memory_mib = hardware.memory_mib.unwrap_or(spec.memory_mib);
        let memory_mib = if hardware.boot.is_uefi() {
            // With less, UEFI does not get to the boot loader.
            memory_mib.max(UEFI_MEMORY_MIB)
        } else {
            memory_mib
        };
        self.option("-m", memory_mib.to_string());
    }

    fn monitor_and_serial_ports(&mut self) {
        self.option("-chardev", format!("socket,id=qmp,fd={QMP_FD}"));
        self.option("-mon", "chardev=qmp,mode=control");
        // An interrupt each: they are not shared on this bus.
        for (index, (fd, irq)) in [(CONSOLE_FD, 4), (EVENTS_FD, 3), (UNIT_LOG_FD, 5)]
            .into_iter()
            .enumerate()
        {
            self.option("-chardev", format!("socket,id=serial{index},fd={fd}"));
            let device = format!("isa-serial,chardev=serial{index},index={index},irq={irq}");
            self.option("-device", device);
        }
    }

    fn network_and_disk(&mut self, spec: &Spec<'_>) {
        let hardware = spec.hardware;
        self.option(
            "-netdev",
            format!("stream,id=net0,server=off,addr.type=fd,addr.str={WIRE_FD}"),
        );
        let rom = match hardware.boot {
            // QEMU writes the card's number into its own ROM file, and into no other: without it
            // the BIOS would not run it.
            Boot::Pxe => "",
            Boot::Uefi | Boot::UefiHttp | Boot::Direct => ",romfile=",
        };
        // The firmware passes over a disk on which there is nothing to start.
        let (network, on_disk) = if hardware.install { (2, 1) } else { (1, 2) };
        let mac = spec.mac;
        self.option(
            "-device",
            format!("virtio-net-pci,netdev=net0,id={NIC},mac={mac},bootindex={network}{rom}"),
        );
        let disk = escaped(&spec.disk.display().to_string());
        self.option(
            "-drive",
            format!("file={disk},if=none,id={DISK},format=raw,cache=unsafe,discard=unmap"),
        );
        self.option(
            "-device",
            format!("virtio-blk-pci,drive={DISK},bootindex={on_disk}"),
        );
    }

    /// What the machine begins with.
    fn boot(&mut self, spec: &Spec<'_>) {
        match (spec.hardware.boot, &spec.firmware.ovmf) {
            (Boot::Pxe, _) | (Boot::Uefi | Boot::UefiHttp, None) => {}
            (Boot::Direct, _) => {
                self.option("-kernel", spec.kernel.display().to_string());
                self.option("-initrd", spec.initrd.display().to_string());
                self.option("-append", spec.cmdline);
            }
            (boot @ (Boot::Uefi | Boot::UefiHttp), Some((code, _))) => {
                let code = escaped(&code.display().to_string());
                let vars = escaped(&spec.vars.display().to_string());
                self.option(
                    "-drive",
                    format!("if=pflash,unit=0,format=raw,readonly=on,file={code}"),
                );
                self.option("-drive", format!("if=pflash,unit=1,format=raw,file={vars}"));
                // It tries IPv6 first otherwise, for half a minute.
                self.option("-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n");
                if boot == Boot::UefiHttp {
                    // PXE before HTTP.
                    self.option("-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n");
                }
            }
        }
    }
}

/// A value within an option of QEMU's, where a comma ends it.
fn escaped(value: &str) -> String {
    value.replace(',', ",,")
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// The names of the network card and the disk in QEMU.
const NIC: &str = "nic0";
const DISK: &str = "disk0";
const WIRE_FD: i32 = 3;
const QMP_FD: i32 = 4;
const CONSOLE_FD: i32 = 5;
const EVENTS_FD: i32 = 6;
const UNIT_LOG_FD: i32 = 7;
const UEFI_MEMORY_MIB: u32 = 256;
const LAST_WORDS_LINES: usize = 5;

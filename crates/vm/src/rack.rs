//! The rack: a story's machines, those that are virtual under QEMU, the others as in `host`.

use std::fs;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use quorate_core::MacAddr;
use quorate_fabric::PortId;
use quorate_host::lan::Lan;
use quorate_host::world::monotonic_ns;
use quorate_host::world::rack::{Install, Namespaces, NetBoot, PoweredOn, Rack};
use quorate_image::{Disk, Image};
use quorate_scenario::story::{Hardware, Machine as Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::accel::Accelerator;
use crate::firmware::Firmware;
use crate::qemu::{Qemu, Spec};
use crate::{console, disk};

/// What every virtual machine boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    pub firmware: Firmware,
    /// An image of [`quorate_image`].
    pub kernel: PathBuf,
    pub initrd: PathBuf,
    /// How much memory a machine wants that boots them.
    pub memory_mib: u32,
    /// What is installed on machines whose disks are empty.
    pub disk: Option<Installed>,
    /// Where it is kept what this host can do.
    pub cache: PathBuf,
}

/// The system that a machine has on its disk once it is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// The compressed disk.
    pub image: PathBuf,
    /// How long it is.
    pub bytes: u64,
}

impl Files {
    /// What machines boot: an image, with the firmware of this host and what it keeps in `cache`.
    pub fn new(firmware: Firmware, image: &Image, cache: &Path) -> Self {
        Self {
            firmware,
            kernel: image.kernel.clone(),
            initrd: image.initrd.clone(),
            memory_mib: u32::try_from(image.memory_mib()).unwrap_or(u32::MAX),
            disk: None,
            cache: cache.to_owned(),
        }
    }

    /// For machines whose disks are empty, too.
    #[must_use]
    pub fn with_disk(mut self, disk: &Disk) -> Self {
        self.disk = Some(Installed {
            image: disk.compressed.clone(),
            bytes: disk.bytes,
        });
        self
    }
}

/// Machines of both kinds.
#[derive(Debug)]
pub struct Metal {
    files: Files,
    accelerator: Accelerator,
    others: Namespaces,
    slots: Vec<Slot>,
}

/// Where a machine is.
#[derive(Debug)]
enum Slot {
    /// Among the others, by its index there.
    Namespace(usize),
    Vm(Box<Bay>),
}

/// A virtual machine's place, and the machine while it is on.
#[derive(Debug)]
struct Bay {
    name: String,
    mac: MacAddr,
    hardware: Hardware,
    dir: PathBuf,
    port: PortId,
    linked: bool,
    /// How much its disk does in a second; `None` for as much as it can.
    iops: Option<u32>,
    qemu: Option<Qemu>,
}

impl Metal {
    /// An empty rack. Machines that are not virtual find the program `etcd` on their disk.
    pub const fn new(files: Files, accelerator: Accelerator, etcd: PathBuf) -> Self {
        Self {
            files,
            accelerator,
            others: Namespaces::new(etcd),
            slots: Vec::new(),
        }
    }

    /// Makes the disk of a machine, and what else it keeps.
    fn bay(&self, role: &Role, dir: &Path, lan: &Lan) -> io::Result<Bay> {
        fs::create_dir_all(dir.join("log"))?;
        let bay = Bay {
            name: role.name.clone(),
            mac: role.mac,
            hardware: role.hardware.clone(),
            dir: dir.to_owned(),
            port: lan.lay(&role.name)?.port,
            linked: true,
            iops: None,
            qemu: None,
        };
        match (&self.files.disk, bay.hardware.install) {
            (Some(installed), true) => disk::blank(&bay.disk(), installed.bytes)?,
            (None, true) => return Err(io::Error::other("there is no image to install")),
            (_, false) => disk::make(&self.files.firmware.mke2fs, &bay.disk())?,
        }
        if let (true, Some((_, vars))) = (bay.hardware.boot.is_uefi(), &self.files.firmware.ovmf) {
            fs::copy(vars, bay.vars())?;
        }
        Ok(bay)
    }
}

impl Bay {
    fn disk(&self) -> PathBuf {
        self.dir.join("disk.img")
    }

    fn vars(&self) -> PathBuf {
        self.dir.join("uefi-vars.fd")
    }

    fn power_on(
        &mut self,
        (files, accelerator): (&Files, &Accelerator),
        agent: &Value,
        lan: &Lan,
    ) -> io::Result<PoweredOn> {
        let at_ns = monotonic_ns();
        let log = self.dir.join("log");
        let (mut qemu, lines) = Qemu::start(&Spec {
            name: &self.name,
            mac: self.mac,
            hardware: &self.hardware,
            accelerator,
            firmware: &files.firmware,
            kernel: &files.kernel,
            initrd: &files.initrd,
            memory_mib: files.memory_mib,
            cmdline: &netboot_line(agent),
            oem: &oem_words(agent),
            disk: &self.disk(),
            vars: &self.vars(),
            log: &log.join("qemu.log"),
        })?;
        lan.wire(self.port, lines.wire)?;
        if !self.linked {
            lan.set_link(self.port, false)?;
            qemu.set_link(false)?;
        }
        if self.iops.is_some() {
            qemu.set_disk(self.iops)?;
        }
        let marks = console::follow(lines.console, &self.name, &log.join("console.log"))?;
        console::keep(lines.unit_log, &self.name, &log.join("etcd.service.log"))?;
        self.qemu = Some(qemu);
        Ok(PoweredOn {
            at_ns,
            told: Box::new(BufReader::new(lines.told)),
            shares_clock: false,
            marks: Some(marks),
        })
    }
}

impl Rack for Metal {
    fn install(&mut self, role: &Role, dir: &Path, lan: &Lan) -> io::Result<()> {
        if role.hardware.is_vm {
            let bay = self.bay(role, dir, lan)?;
            self.slots.push(Slot::Vm(Box::new(bay)));
        } else {
            let others = self.slots.iter();
            let others = others.filter(|slot| matches!(slot, Slot::Namespace(_)));
            self.slots.push(Slot::Namespace(others.count()));
            self.others.install(role, dir, lan)?;
        }
        Ok(())
    }

    fn netboot(&self, agent: &Value) -> Option<NetBoot> {
        let name = |path: &Path| path.file_name()?.to_str().map(str::to_owned);
        let firmware = &self.files.firmware;
        let disk = self.files.disk.as_ref().map(|disk| &disk.image);
        let mut dirs: Vec<PathBuf> = [&self.files.kernel, &self.files.initrd]
            .into_iter()
            .chain(disk)
            .filter_map(|file| file.parent().map(Path::to_owned))
            .collect();
        dirs.extend(firmware.loaders.clone());
        dirs.extend(firmware.http_loader.clone());
        dirs.dedup();
        Some(NetBoot {
            dirs,
            kernel: name(&self.files.kernel)?,
            initrd: name(&self.files.initrd)?,
            cmdline: netboot_line(agent),
            install: disk.and_then(|image| {
                Some(Install {
                    image: name(image)?,
                    cmdline: install_line(agent),
                })
            }),
        })
    }

    fn notes(&self) -> Vec<String> {
        vec![self.accelerator.to_string()]
    }

    fn settle(&mut self) -> io::Result<()> {
        self.others.settle()
    }

    fn power_on(&mut self, index: usize, agent: Value, lan: &Lan) -> io::Result<PoweredOn> {
        match &mut self.slots[index] {
            Slot::Namespace(index) => self.others.power_on(*index, agent, lan),
            Slot::Vm(bay) => bay.power_on((&self.files, &self.accelerator), &agent, lan),
        }
    }

    fn check(&mut self) -> io::Result<()> {
        for slot in &mut self.slots {
            if let Slot::Vm(bay) = slot
                && let Some(qemu) = &mut bay.qemu
            {
                qemu.still_runs()
                    .map_err(|error| io::Error::other(format!("{}: {error}", bay.name)))?;
            }
        }
        self.others.check()
    }

    fn power_off(&mut self, index: usize) -> io::Result<()> {
        match &mut self.slots[index] {
            Slot::Namespace(index) => self.others.power_off(*index),
            Slot::Vm(bay) => match bay.qemu.take() {
                Some(mut qemu) => qemu.cut_power(),
                None => Ok(()),
            },
        }
    }

    fn reset(&mut self, index: usize) -> io::Result<bool> {
        let Slot::Vm(bay) = &mut self.slots[index] else {
            return Ok(false);
        };
        bay.qemu.as_mut().map_or(Ok(()), Qemu::reset)?;
        Ok(true)
    }

    fn set_disk(&mut self, index: usize, iops: Option<u32>) -> io::Result<bool> {
        let Slot::Vm(bay) = &mut self.slots[index] else {
            return Ok(false);
        };
        bay.iops = iops;
        bay.qemu
            .as_mut()
            .map_or(Ok(()), |qemu| qemu.set_disk(iops))?;
        Ok(true)
    }

    fn is_slow(&self, index: usize) -> bool {
        match &self.slots[index] {
            Slot::Namespace(_) => false,
            Slot::Vm(bay) => bay.iops.is_some(),
        }
    }

    fn set_link(&mut self, index: usize, up: bool, lan: &Lan) -> io::Result<()> {
        match &mut self.slots[index] {
            Slot::Namespace(index) => self.others.set_link(*index, up, lan),
            Slot::Vm(bay) => {
                bay.linked = up;
                let Some(qemu) = &mut bay.qemu else {
                    return Ok(());
                };
                qemu.set_link(up)?;
                lan.set_link(bay.port, up)
            }
        }
    }

    fn set_frozen(&mut self, index: usize, frozen: bool) -> io::Result<()> {
        match &mut self.slots[index] {
            Slot::Namespace(index) => self.others.set_frozen(*index, frozen),
            Slot::Vm(bay) => match &mut bay.qemu {
                Some(qemu) => qemu.set_frozen(frozen),
                None => Ok(()),
            },
        }
    }
}

/// What stands on the kernel's command line of a machine that boots over the network.
fn netboot_line(agent: &Value) -> String {
    let image = quorate_image::COMMAND_LINE;
    let words = [ports(), told(agent)].concat().join(" ");
    format!("{image} quorate.data=required {words}")
}

/// What stands there when it boots the installer.
fn install_line(agent: &Value) -> String {
    format!("{} {}", quorate_image::COMMAND_LINE, told(agent).join(" "))
}

/// What the firmware tells a machine whose command line lies on its disk, as everybody's.
fn oem_words(agent: &Value) -> Vec<String> {
    [ports(), told(agent)].concat()
}

/// Where this runner listens.
fn ports() -> Vec<String> {
    ["quorate.tell=/dev/ttyS1", "quorate.unit-log=/dev/ttyS2"]
        .map(str::to_owned)
        .to_vec()
}

/// What the agent is told.
fn told(agent: &Value) -> Vec<String> {
    vec![
        format!("quorate.random={}", agent["seed"]),
        format!("quorate.first-retry-ms={}", agent["first_retry_ms"]),
    ]
}

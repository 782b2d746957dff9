//! A story's machines: the virtual ones under QEMU, the others as in `host`.

use std::fs;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use quorate_core::MacAddr;
use quorate_fabric::PortId;
use quorate_host::lan::Lan;
use quorate_host::machine::AgentConfig;
use quorate_host::world::backend::{Install, MachineBackend, Namespaces, NetBoot, PoweredOn};
use quorate_host::world::monotonic_ns;
use quorate_scenario::story::{Hardware, Machine as Role};

use crate::accel::Accelerator;
use crate::files::Files;
use crate::qemu::{Qemu, Spec};
use crate::{console, disk};

/// Machines of both kinds.
#[derive(Debug)]
pub struct VirtualMachines {
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
    Vm(Box<VmSlot>),
}

/// What belongs to a virtual machine, and the machine while it is on.
#[derive(Debug)]
struct VmSlot {
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

impl VirtualMachines {
    /// No machine yet. Those that are not virtual find the program `etcd` on their disk.
    pub const fn new(files: Files, accelerator: Accelerator, etcd: PathBuf) -> Self {
        Self {
            files,
            accelerator,
            others: Namespaces::new(etcd),
            slots: Vec::new(),
        }
    }

    /// Makes the disk of a machine, and what else it keeps.
    fn vm_slot(&self, role: &Role, dir: &Path, lan: &Lan) -> io::Result<VmSlot> {
        fs::create_dir_all(dir.join("log"))?;
        let vm = VmSlot {
            name: role.name.clone(),
            mac: role.mac,
            hardware: role.hardware.clone(),
            dir: dir.to_owned(),
            port: lan.lay(&role.name)?.port,
            linked: true,
            iops: None,
            qemu: None,
        };
        match (&self.files.disk, vm.hardware.install) {
            (Some(installed), true) => disk::blank(&vm.disk(), installed.bytes)?,
            (None, true) => return Err(io::Error::other("there is no image to install")),
            (_, false) => disk::make(&self.files.firmware.mke2fs, &vm.disk())?,
        }
        if let (true, Some((_, vars))) = (vm.hardware.boot.is_uefi(), &self.files.firmware.ovmf) {
            fs::copy(vars, vm.vars())?;
        }
        Ok(vm)
    }
}

impl VmSlot {
    fn disk(&self) -> PathBuf {
        self.dir.join("disk.img")
    }

    fn vars(&self) -> PathBuf {
        self.dir.join("uefi-vars.fd")
    }

    fn power_on(
        &mut self,
        (files, accelerator): (&Files, &Accelerator),
        agent: &AgentConfig,
        lan: &Lan,
    ) -> io::Result<PoweredOn> {
        let at_ns = monotonic_ns();
        let log = self.dir.join("log");
        let (mut qemu, sockets) = Qemu::start(&Spec {
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
        lan.wire(self.port, sockets.wire)?;
        if !self.linked {
            lan.set_link(self.port, false)?;
            qemu.set_link(false)?;
        }
        if self.iops.is_some() {
            qemu.set_disk(self.iops)?;
        }
        let marks = console::follow(sockets.console, &self.name, &log.join("console.log"))?;
        console::keep(sockets.unit_log, &self.name, &log.join("etcd.service.log"))?;
        self.qemu = Some(qemu);
        Ok(PoweredOn {
            at_ns,
            events: Box::new(BufReader::new(sockets.events)),
            shares_clock: false,
            marks: Some(marks),
        })
    }
}

impl MachineBackend for VirtualMachines {
    fn install(&mut self, role: &Role, dir: &Path, lan: &Lan) -> io::Result<()> {
        if role.hardware.is_vm {
            let vm = self.vm_slot(role, dir, lan)?;
            self.slots.push(Slot::Vm(Box::new(vm)));
        } else {
            let others = self.slots.iter();
            let others = others.filter(|slot| matches!(slot, Slot::Namespace(_)));
            self.slots.push(Slot::Namespace(others.count()));
            self.others.install(role, dir, lan)?;
        }
        Ok(())
    }

    fn netboot(&self, agent: &AgentConfig) -> Option<NetBoot> {
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

    fn wait_ready(&mut self) -> io::Result<()> {
        self.others.wait_ready()
    }

    fn power_on(&mut self, index: usize, agent: AgentConfig, lan: &Lan) -> io::Result<PoweredOn> {
        match &mut self.slots[index] {
            Slot::Namespace(index) => self.others.power_on(*index, agent, lan),
            Slot::Vm(vm) => vm.power_on((&self.files, &self.accelerator), &agent, lan),
        }
    }

    fn check(&mut self) -> io::Result<()> {
        for slot in &mut self.slots {
            if let Slot::Vm(vm) = slot
                && let Some(qemu) = &mut vm.qemu
            {
                qemu.still_runs()
                    .map_err(|error| io::Error::other(format!("{}: {error}", vm.name)))?;
            }
        }
        self.others.check()
    }

    fn power_off(&mut self, index: usize) -> io::Result<()> {
        match &mut self.slots[index] {
            Slot::Namespace(index) => self.others.power_off(*index),
            Slot::Vm(vm) => match vm.qemu.take() {
                Some(mut qemu) => qemu.cut_power(),
                None => Ok(()),
            },
        }
    }

    fn reset(&mut self, index: usize) -> io::Result<bool> {
        let Slot::Vm(vm) = &mut self.slots[index] else {
            return Ok(false);
        };
        vm.qemu.as_mut().map_or(Ok(()), Qemu::reset)?;
        Ok(true)
    }

    fn set_disk(&mut self, index: usize, iops: Option<u32>) -> io::Result<bool> {
        let Slot::Vm(vm) = &mut self.slots[index] else {
            return Ok(false);
        };
        vm.iops = iops;
        vm.qemu
            .as_mut()
            .map_or(Ok(()), |qemu| qemu.set_disk(iops))?;
        Ok(true)
    }

    fn is_slow(&self, index: usize) -> bool {
        match &self.slots[index] {
            Slot::Namespace(_) => false,
            Slot::Vm(vm) => vm.iops.is_some(),
        }
    }

    fn set_link(&mut self, index: usize, up: bool, lan: &Lan) -> io::Result<()> {
        match &mut self.slots[index] {
            Slot::Namespace(index) => self.others.set_link(*index, up, lan),
            Slot::Vm(vm) => {
                vm.linked = up;
                let Some(qemu) = &mut vm.qemu else {
                    return Ok(());
                };
                qemu.set_link(up)?;
                lan.set_link(vm.port, up)
            }
        }
    }

    fn set_frozen(&mut self, index: usize, frozen: bool) -> io::Result<()> {
        match &mut self.slots[index] {
            Slot::Namespace(index) => self.others.set_frozen(*index, frozen),
            Slot::Vm(vm) => match &mut vm.qemu {
                Some(qemu) => qemu.set_frozen(frozen),
                None => Ok(()),
            },
        }
    }
}

/// What stands on the kernel's command line of a machine that boots over the network.
fn netboot_line(agent: &AgentConfig) -> String {
    let image = quorate_image::COMMAND_LINE;
    let words = [ports(), agent_words(agent)].concat().join(" ");
    format!("{image} quorate.data=required {words}")
}

/// What stands there when it boots the installer.
fn install_line(agent: &AgentConfig) -> String {
    format!(
        "{} {}",
        quorate_image::COMMAND_LINE,
        agent_words(agent).join(" ")
    )
}

/// The words that the firmware has for a machine whose command line lies on its disk, the same for
/// all machines.
fn oem_words(agent: &AgentConfig) -> Vec<String> {
    [ports(), agent_words(agent)].concat()
}

/// The serial ports at which this runner listens.
fn ports() -> Vec<String> {
    ["quorate.events=/dev/ttyS1", "quorate.unit-log=/dev/ttyS2"]
        .map(str::to_owned)
        .to_vec()
}

/// The agent's settings.
fn agent_words(agent: &AgentConfig) -> Vec<String> {
    vec![
        format!("quorate.random={}", agent.seed),
        format!("quorate.first-retry-ms={}", agent.first_retry_ms),
    ]
}

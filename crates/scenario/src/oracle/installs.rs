//! Machines whose disks were empty: installed when they are switched on first, and never again.

use super::Case;
use crate::link::Link;
use crate::progress::MachineProgress;
use crate::verdict::{Finding, FindingId};

/// Every machine that is to be installed is, and boots from its disk ever after.
pub(super) fn once(case: &Case<'_>) -> Vec<Finding> {
    let machines = case.story.machines.iter().zip(case.progress.iter());
    let installed = machines.filter(|(machine, progress)| {
        machine.hardware.is_vm && machine.hardware.install && progress.expected()
    });
    installed
        .filter_map(|(_, progress)| missing(progress).or_else(|| again(progress)))
        .collect()
}

/// A machine that did not come to the system on its disk.
fn missing(machine: &MachineProgress) -> Option<Finding> {
    let is_missing = |step: &&Step| !machine.reached.contains_key(&step.link);
    let step = BOOT.iter().find(is_missing)?;
    Some(Finding {
        id: FindingId::NotInstalled,
        link: step.link,
        machine: Some(machine.name.clone()),
        what: step.what.to_owned(),
        cause: step.cause.to_owned(),
        fix: "read its console.log".to_owned(),
        may_be_late: true,
        unsure: false,
        consequences: Vec::new(),
    })
}

/// A machine that booted from the network although it had been installed.
fn again(machine: &MachineProgress) -> Option<Finding> {
    let mut boots = machine.boots.iter();
    boots.find(|boot| boot.reached.contains_key(&Link::Installed))?;
    let again = boots.find_map(|boot| {
        let mut links = BOOT.iter().map(|step| step.link);
        links.find(|link| *link != Link::Userspace && boot.reached.contains_key(link))
    });
    Some(Finding {
        id: FindingId::InstalledAgain,
        link: again?,
        machine: Some(machine.name.clone()),
        what: "was installed, and booted from the network again".to_owned(),
        cause: "its firmware tried the network before the disk, or found nothing to start there"
            .to_owned(),
        fix: "let the firmware try the disk first; its console.log has what it said of the disk"
            .to_owned(),
        may_be_late: false,
        unsure: false,
        consequences: Vec::new(),
    })
}

/// A link on the way from firmware to the system on the disk, and how it breaks.
struct Step {
    link: Link,
    what: &'static str,
    cause: &'static str,
}

const BOOT: [Step; 6] = [
    Step {
        link: Link::Script,
        what: "did not boot from the network, and is not installed",
        cause: "its firmware found something to start on the disk, or no boot server",
    },
    Step {
        link: Link::Kernel,
        what: "learned what to boot, and did not load the kernel",
        cause: "the boot server has no such file, or its link is down",
    },
    Step {
        link: Link::Initrd,
        what: "did not load the initial RAM file system",
        cause: "the boot server has no such file, or the machine has too little memory",
    },
    Step {
        link: Link::Installer,
        what: "has loaded the installer, which does not run",
        cause: "its kernel does not start, or has too little memory to unpack what was loaded",
    },
    Step {
        link: Link::Installed,
        what: "runs the installer, which does not come to its end",
        cause: "the installer has no disk or no lease, or does not get the image",
    },
    Step {
        link: Link::Userspace,
        what: "is installed, and does not boot from its disk",
        cause: "its firmware does not start what is on the disk",
    },
];

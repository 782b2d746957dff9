//! What `quorate image build` makes, booted by emulated machines: from the network's kernel, from
//! a disk by BIOS and by UEFI, through the installer; with real etcd on it.
//!
//! This program is the `quorate` of those machines too: their first process, their agent, their
//! installer.

mod kvm;
mod seeds;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use libtest_mimic::{Arguments, Failed};
use quorate_image::{Disk, Kernel, Request, build_disk};
use quorate_needs::{Need, Test};
use quorate_obtain::{Silent, obtain};
use quorate_tests::emulator::{self, Boot, Firmware, Hardware, Machine, Network};

use crate::seeds::Seeds;

struct Case {
    name: &'static str,
    kernel: Kernel,
    /// What it needs beside what all need.
    needs: &'static [Need],
    run: fn(&Disk) -> Result<(), Failed>,
}

const CASES: [Case; 6] = [
    Case {
        name: "kernel_and_initrd_boot_and_run_etcd",
        kernel: Kernel::Cloud,
        needs: &[],
        run: kernel_and_initrd,
    },
    Case {
        name: "an_installed_disk_boots_and_keeps_its_data",
        kernel: Kernel::Cloud,
        needs: &[],
        run: an_installed_disk,
    },
    Case {
        name: "an_installation_that_loses_power_begins_anew",
        kernel: Kernel::Cloud,
        needs: &[],
        run: a_cut_installation,
    },
    Case {
        name: "the_disk_boots_by_uefi",
        kernel: Kernel::Cloud,
        needs: &[
            Need::Firmware(emulator::UEFI_CODE),
            Need::Firmware(emulator::UEFI_VARIABLES),
        ],
        run: by_uefi,
    },
    Case {
        name: "a_generic_kernel_finds_other_hardware",
        kernel: Kernel::Generic,
        needs: &[],
        run: other_hardware,
    },
    Case {
        name: "kvm_is_used_where_a_machine_boots_under_it",
        kernel: Kernel::Cloud,
        needs: &[Need::Switch("/dev/kvm")],
        run: kvm::is_tried_first,
    },
];

fn main() -> ExitCode {
    if quorate_cli::is_part_of_run() {
        return quorate_cli::main();
    }
    let mut arguments = Arguments::from_args();
    // An emulated machine keeps a processor busy.
    arguments.test_threads.get_or_insert(2);
    quorate_needs::run(&arguments, CASES.into_iter().map(test))
}

fn test(case: Case) -> Test {
    let package = match case.kernel {
        Kernel::Cloud => "linux-image-cloud-amd64",
        Kernel::Generic => "linux-image-amd64",
    };
    let needs = [Need::Qemu, Need::Etcd("3.5"), Need::Package(package)];
    let needs = [&needs, case.needs].concat();
    Test::fallible(case.name, &needs, move || (case.run)(disk(case.kernel)?))
}

/// The disk with this kernel, made once.
fn disk(kernel: Kernel) -> Result<&'static Disk, Failed> {
    static CLOUD: OnceLock<Result<Disk, String>> = OnceLock::new();
    static GENERIC: OnceLock<Result<Disk, String>> = OnceLock::new();
    let disk = match kernel {
        Kernel::Cloud => &CLOUD,
        Kernel::Generic => &GENERIC,
    };
    let disk = disk.get_or_init(|| make_disk(kernel));
    disk.as_ref().map_err(|error| error.as_str().into())
}

fn make_disk(kernel: Kernel) -> Result<Disk, String> {
    let request = quorate_obtain::Request::new(None, None).map_err(|error| error.to_string())?;
    let etcd = obtain(&request, &Silent).map_err(|error| error.to_string())?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let request = Request {
        cache: &request.cache,
        kernel,
        etcd: &etcd.etcd,
        program: &program,
        progress: &Silent,
    };
    build_disk(&request, DATA_MIB).map_err(|error| error.to_string())
}

/// The machine knows the address of its seed from the command line; everything else it takes
/// from the wire, and ends in a real etcd that serves.
fn kernel_and_initrd(disk: &Disk) -> Result<(), Failed> {
    let seeds = Seeds::serve(disk)?;
    let image = &disk.image;
    let line = format!(
        "{} ds=nocloud-net;s={} quorate.events=/dev/ttyS1 quorate.unit-log=/dev/ttyS2",
        quorate_image::COMMAND_LINE,
        seeds.url("seed/")
    );
    let mut machine = Machine::boot(&Boot {
        direct: Some((&image.kernel, &image.initrd, &line)),
        ..Boot::new(image.memory_mib())
    })?;
    for stage in ["userspace", "drivers", "disk", "node"] {
        machine.await_console(&format!("quorate-stage {stage} "))?;
    }
    machine.await_event(r#""message":"DISCOVER""#)?;
    machine.await_event(r#""type":"leased""#)?;
    machine.await_event(r#""type":"unit_up","unit":"etcd.service""#)?;
    machine.await_units(ETCD_SERVES)
}

/// Nothing, then the installer, then the disk: and after the power was cut, the disk again.
fn an_installed_disk(disk: &Disk) -> Result<(), Failed> {
    let seeds = Seeds::serve(disk)?;
    let dir = tempfile::tempdir()?;
    let own = dir.path().join("own.img");
    // Machines' disks have sizes of their own.
    blank(&own, disk.bytes + MORE_BYTES)?;
    let image = &disk.image;
    let install = seeds.installer();
    let installer = Boot {
        direct: Some((&image.kernel, &image.initrd, &install)),
        disk: Some(&own),
        ..Boot::new(image.memory_mib())
    };
    let mut machine = Machine::boot(&installer)?;
    machine.await_console("quorate-stage installed ")?;
    // It starts itself again, which ends an emulator with `-no-reboot`.
    machine.await_end()?;
    // The firmware says what is particular to this machine: the image does not.
    let seed = format!("ds=nocloud-net;s={}", seeds.url("seed/"));
    let from_disk = Boot {
        disk: Some(&own),
        serial: Some(&seed),
        words: &["quorate.events=/dev/ttyS1", "quorate.unit-log=/dev/ttyS2"],
        ..Boot::new(image.memory_mib())
    };
    let mut machine = Machine::boot(&from_disk)?;
    machine.await_units(ETCD_SERVES)?;
    machine.check_units(ETCD_RESTARTS, false)?;
    // What the disk has more is room for data, but for what the file system needs for itself.
    let data = machine.data_bytes()?;
    let least = ((u64::from(DATA_MIB) << 20) + MORE_BYTES) * 9 / 10;
    if data < least {
        return Err(format!("{data} bytes for data, of {least} at least").into());
    }
    machine.cut_power()?;
    let mut machine = Machine::boot(&from_disk)?;
    machine.await_units(ETCD_SERVES)?;
    machine.check_units(ETCD_RESTARTS, true)
}

/// One machine, whose firmware tries the disk and then the network; only its power changes. While
/// it is not installed to the end there is nothing to start on its disk, whatever was there before.
fn a_cut_installation(disk: &Disk) -> Result<(), Failed> {
    let seeds = Seeds::serve(disk)?;
    let dir = tempfile::tempdir()?;
    let own = dir.path().join("own.img");
    blank(&own, disk.bytes + MORE_BYTES)?;
    // It once had another system, which would start.
    let mut beginning = vec![0; BEGINNING];
    File::open(&disk.disk)?.read_exact_at(&mut beginning, 0)?;
    File::options()
        .write(true)
        .open(&own)?
        .write_all_at(&beginning, 0)?;
    let (seed, network) = (
        format!("ds=nocloud-net;s={}", seeds.url("seed/")),
        seeds.url("installer.ipxe"),
    );
    let machine = Boot {
        disk: Some(&own),
        network: Network::Boots(&network),
        serial: Some(&seed),
        words: &["quorate.events=/dev/ttyS1", "quorate.unit-log=/dev/ttyS2"],
        ..Boot::new(disk.image.memory_mib())
    };
    let image = &disk.image;
    let install = seeds.installer();
    // As when somebody has the firmware boot from the network once.
    let mut installing = Machine::boot(&Boot {
        direct: Some((&image.kernel, &image.initrd, &install)),
        ..machine.clone()
    })?;
    installing.await_console("50% on /dev/vda")?;
    installing.cut_power()?;
    File::open(&own)?.read_exact_at(&mut beginning, 0)?;
    if beginning.iter().any(|octet| *octet != 0) {
        return Err("there is something to start on a disk that is half written".into());
    }
    let mut installing = Machine::boot(&machine)?;
    for stage in ["installer", "install", "installed"] {
        installing.await_console(&format!("quorate-stage {stage} "))?;
    }
    installing.await_end()?;
    for is_known in [false, true] {
        let mut installed = Machine::boot(&machine)?;
        installed.await_units(ETCD_SERVES)?;
        installed.check_units(ETCD_RESTARTS, is_known)?;
        installed.cut_power()?;
    }
    Ok(())
}

/// The same disk, other firmware.
fn by_uefi(disk: &Disk) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let own = dir.path().join("own.img");
    copy_sparse(&disk.disk, &own)?;
    let firmware = Firmware::uefi();
    let mut machine = Machine::boot(&Boot {
        disk: Some(&own),
        firmware: Some(&firmware),
        words: &["quorate.events=/dev/ttyS1"],
        // The firmware wants some for itself.
        ..Boot::new(disk.image.memory_mib() + 128)
    })?;
    machine.await_console("quorate-stage node ")?;
    machine.await_event(r#""message":"DISCOVER""#)
}

/// A board, a network card and a disk controller as in real servers: the drivers are found by
/// what the devices say that they are.
fn other_hardware(disk: &Disk) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let own = dir.path().join("own.img");
    copy_sparse(&disk.disk, &own)?;
    let mut machine = Machine::boot(&Boot {
        disk: Some(&own),
        hardware: Hardware::Server,
        words: &["quorate.events=/dev/ttyS1"],
        ..Boot::new(disk.image.memory_mib())
    })?;
    // The data disk was found, or it would not come so far.
    machine.await_console("quorate-stage node ")?;
    machine.await_event(r#""type":"leased""#)
}

fn blank(path: &Path, bytes: u64) -> std::io::Result<()> {
    File::create(path)?.set_len(bytes)
}

/// The standard library copies holes as zeros.
fn copy_sparse(from: &PathBuf, to: &Path) -> Result<(), Failed> {
    let mut cp = std::process::Command::new("cp");
    let status = cp.arg("--sparse=always").arg(from).arg(to).status()?;
    if status.success() {
        Ok(())
    } else {
        Err("cp failed".into())
    }
}

/// Room for two of the files in which etcd lays out its log.
const DATA_MIB: u32 = 320;
/// What a machine's disk has more than the image.
const MORE_BYTES: u64 = 192 << 20;
/// What of a disk firmware looks at, and more.
const BEGINNING: usize = 128 << 10;
const ETCD_SERVES: &str = "ready to serve client requests";
const ETCD_RESTARTS: &str = "restarting local member";

//! The world `vm`: stories run by virtual machines under QEMU, and what a run leaves behind:
//! nothing.
//!
//! This program is also the `quorate` that it tests, and the first process of its machines.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed};
use quorate::{Group, Scenario, Verdict, World};
use quorate_needs::need::DEBIAN;
use quorate_needs::{Need, Test};
use quorate_tests::stories::{
    Nobody, check, check_empty, check_exit, cli, conclusive, is_command_line, scenario, text,
    wait_for,
};
use serde_json::Value;

type Case = fn() -> Result<(), Failed>;

const CASES: [(&str, Case); 9] = [
    ("three_members_unchanged_and_without_root", three_members),
    (
        "empty_disks_are_installed_once_and_keep_their_data",
        installed,
    ),
    ("a_program_runs_it_too", by_program),
    ("virtual_and_other_machines_on_one_lan", mixed),
    ("a_cable_a_hang_a_reset_and_a_slow_disk", faults),
    ("certificates_of_1970_are_those_of_a_member", certificates),
    ("a_killed_run_leaves_nothing", || {
        leaves_nothing("three-members", "power on")
    }),
    (
        "a_run_that_is_killed_while_it_installs_leaves_nothing",
        || leaves_nothing("metal-install", "boots: installer"),
    ),
    ("a_qemu_that_ends_is_named_when_it_does", ending_qemu),
];

const UEFI_CASES: [(&str, Case); 3] = [
    ("uefi_boots_over_the_network", uefi),
    ("uefi_boots_by_http_alone", uefi_http),
    ("uefi_machines_are_installed_once_too", installed_by_uefi),
];
const WITHOUT_QEMU: [(&str, Case); 3] = [
    ("a_fresh_machine_gets_qemu_from_debian", fresh_machine),
    ("without_a_network_it_says_why", without_network),
    ("without_qemu_it_says_what_to_do", without_qemu),
];

fn main() -> ExitCode {
    if is_command_line() {
        return quorate_cli::main();
    }
    let mut arguments = Arguments::from_args();
    // Three emulated machines keep the processors of a small host busy.
    arguments.test_threads.get_or_insert(1);
    let all = CASES.into_iter().map(|case| (case, &NEEDS[..]));
    let uefi = UEFI_CASES.into_iter().map(|case| (case, &NEEDS_UEFI[..]));
    let without = WITHOUT_QEMU
        .into_iter()
        .map(|case| (case, &NEEDS_MIRROR[..]));
    let tests = all
        .chain(uefi)
        .chain(without)
        .map(|((name, case), needs)| Test::fallible(name, needs, case));
    quorate_needs::run(&arguments, tests)
}

/// What a story on virtual machines needs. Where these are, exit 3 is a failure.
const NEEDS: [Need; 4] = [
    Need::Qemu,
    Need::Host,
    Need::Etcd("3.5"),
    Need::Package("linux-image-cloud-amd64"),
];
/// Of Debian's packages `ovmf` and `ipxe`.
const NEEDS_UEFI: [Need; 7] = [
    NEEDS[0],
    NEEDS[1],
    NEEDS[2],
    NEEDS[3],
    Need::Firmware("/usr/share/OVMF/OVMF_CODE_4M.fd"),
    Need::Firmware("/usr/lib/ipxe/snponly.efi"),
    Need::Firmware("/usr/lib/ipxe/ipxe.efi"),
];
/// What is missing is fetched, or cannot be.
const NEEDS_MIRROR: [Need; 3] = [Need::Host, Need::Etcd("3.5"), Need::Network(DEBIAN)];

/// The whole way from firmware to quorum, by a user who has nothing; each link of it is shown.
fn three_members() -> Result<(), Failed> {
    let nobody = Nobody::new()?;
    let cache = nobody.home().join("cache");
    cache_for_anybody(&cache, &[])?;
    let mut run = nobody.runs(None);
    run.args(["--world", "vm"]).env("QUORATE_CACHE", &cache);
    let output = conclusive(&mut run)?;
    check_exit(&output, 0)?;
    let said = text(&output.stdout);
    let links = "firmware script kernel initrd userspace discover ack name seed srv etcd";
    check(has_columns(&said, links), "a column for each link", &said)?;
    let lines = said.lines().skip_while(|line| !line.starts_with("ms "));
    let machines = lines.filter(|line| line.starts_with('n'));
    let whole = machines.filter(|line| !line.contains(" - ")).count();
    check(whole == 3, "three machines that reached them all", &said)?;
    nobody.check_nothing_left()
}

/// A user runs a story on a host that has neither QEMU nor firmware, nor what they need.
fn fresh_machine() -> Result<(), Failed> {
    let nobody = Nobody::with("one-machine")?;
    let cache = nobody.home().join("cache");
    cache_for_anybody(&cache, &["qemu-system-x86_64", "mke2fs"])?;
    let mut run = nobody.runs(None);
    run.args(["--world", "vm"]).env("QUORATE_CACHE", &cache);
    let output = conclusive(&mut where_nothing_is_installed(&run, &[]))?;
    check_exit(&output, 0)?;
    let said = text(&output.stdout);
    let links = "firmware script kernel initrd userspace discover";
    check(has_columns(&said, links), "a column for each link", &said)?;
    let got = text(&output.stderr);
    for package in ["qemu-system-x86", "e2fsprogs"] {
        let line = format!("downloading {package} with all that it needs: ");
        check(got.contains(&line), &line, &got)?;
    }
    Ok(())
}

/// The command, with a view of the file system in which programs, firmware and a library of QEMU's
/// are covered; and in these other namespaces.
fn where_nothing_is_installed(command: &Command, namespaces: &[&str]) -> Command {
    let mut within = Command::new("unshare");
    within.arg("--mount").args(namespaces);
    if !rustix::process::geteuid().is_root() {
        within.arg("--map-root-user");
    }
    within.args(["sh", "-c", COVER, "sh"]);
    within.arg(command.get_program()).args(command.get_args());
    let set = command.get_envs();
    within.envs(set.filter_map(|(name, value)| Some((name, value?))));
    within
}

const COVER: &str = r#"
set -e
for name in qemu-system-x86_64 mke2fs; do
    while path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$name"); do
        mount --bind /dev/null "$path"
    done
done
for library in /usr/lib/x86_64-linux-gnu/libpixman-1.so.0; do
    [ ! -e "$library" ] || mount --bind /dev/null "$library"
done
for dir in /usr/share/qemu /usr/share/seabios /usr/lib/ipxe /usr/lib/x86_64-linux-gnu/qemu; do
    [ ! -d "$dir" ] || mount -t tmpfs none "$dir"
done
exec "$@"
"#;

/// Debian's packages, but those, so that each test need not fetch them; the image is made there
/// anew.
fn cache_for_anybody(cache: &Path, but: &[&str]) -> Result<(), Failed> {
    fs::create_dir(cache)?;
    fs::set_permissions(cache, fs::Permissions::from_mode(0o1777))?;
    let own = quorate_obtain::cache::default_dir().ok_or("no cache")?;
    for entry in fs::read_dir(own)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_left_out = but.iter().any(|end| name.ends_with(end));
        if name.starts_with("debian-") && !is_left_out {
            let copied = Command::new("cp")
                .arg("-R")
                .args([entry.path().as_path(), cache])
                .status()?;
            check(copied.success(), "a copy", "none")?;
        }
    }
    let opened = Command::new("chmod")
        .args(["-R", "a+rwX"])
        .arg(cache)
        .status()?;
    check(opened.success(), "an open cache", "a closed one")
}

/// From empty disks to a cluster, and from there over a power cut: what the verdict says is looked
/// at in what was observed, and in what etcd itself has written.
fn installed() -> Result<(), Failed> {
    install("metal-install", &["n1", "n2", "n3"])
}

/// The same with UEFI: the first time by TFTP or by HTTP, and from then on by what is on the disk.
fn installed_by_uefi() -> Result<(), Failed> {
    install("metal-uefi", &["n1", "n2"])
}

fn install(story: &str, machines: &[&str]) -> Result<(), Failed> {
    let report = tempfile::tempdir()?;
    let mut run = cli();
    run.arg("run").arg(scenario(story));
    run.args(["--world", "vm", "--report"]).arg(report.path());
    let output = conclusive(&mut run)?;
    check_exit(&output, 0)?;
    let said = text(&output.stdout);
    let links = "initrd installer installed userspace discover";
    check(has_columns(&said, links), links, &said)?;
    let got = fs::read(report.path().join("report.json"))?;
    let got: Value = serde_json::from_slice(&got)?;
    let note = got["notes"][0].as_str().unwrap_or_default();
    check(note.starts_with("virtual machines "), "how they run", note)?;
    let events = fs::read_to_string(report.path().join("events.jsonl"))?;
    for machine in machines {
        let own = |what: &str| -> Vec<&str> {
            let named = format!("\"machine\":\"{machine}\"");
            let lines = events.lines().filter(|line| line.contains(&named));
            lines.filter(|line| line.contains(what)).collect()
        };
        for (what, times) in [
            ("\"power-on\"", 2),
            ("\"script\"", 1),
            ("\"installer\"", 1),
            ("\"installed\"", 1),
            ("\"userspace\"", 2),
        ] {
            let seen = own(what);
            check(
                seen.len() == times,
                &format!("{times} of {what}"),
                &seen.join("\n"),
            )?;
        }
        let log = report
            .path()
            .join("logs")
            .join(machine)
            .join("etcd.service.log");
        let log = fs::read_to_string(log)?;
        let restarts = log.matches("restarting local member").count();
        check(restarts == 1, "one restart with data", &log)?;
    }
    Ok(())
}

/// True when the table has these columns, one after the other.
fn has_columns(said: &str, columns: &str) -> bool {
    let mut lines = said.lines();
    let legend: BTreeMap<&str, &str> = lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .flat_map(|line| line.split("  "))
        .filter_map(|entry| entry.split_once(' '))
        .collect();
    let head = lines
        .find(|line| line.starts_with("ms "))
        .unwrap_or_default();
    // A wide table has the letters of the legend at its head.
    let shown: Vec<&str> = head
        .split_whitespace()
        .map(|name| legend.get(name).copied().unwrap_or(name))
        .collect();
    shown.join(" ").contains(columns)
}

/// The same world from Rust.
fn by_program() -> Result<(), Failed> {
    comes_by("direct", &["userspace"]).map(drop)
}

/// One machine passes, and comes by all these links; answers what was on the wire.
fn comes_by(boot: &str, way: &[&str]) -> Result<Vec<u8>, Failed> {
    let report = tempfile::tempdir()?;
    let scenario = Scenario::builder("one machine from Rust")
        .machines(Group::etcd("n").set("boot", boot))
        .build()?
        .world(World::Vm)
        .report(report.path());
    let outcome = scenario.run_blocking()?;
    let got = format!("{:?}", outcome.verdict);
    check(outcome.verdict == Verdict::Pass, "a pass", &got)?;
    let lane = outcome.progress.iter().next().ok_or("no machine")?;
    let links: Vec<_> = lane.reached.keys().map(ToString::to_string).collect();
    let has_come = way.iter().all(|link| links.iter().any(|own| own == link));
    check(has_come, "each link of the way", &links.join(" "))?;
    Ok(fs::read(report.path().join("capture.pcapng"))?)
}

/// Each fault happens to a machine under QEMU, and the cluster is whole again before the next.
fn faults() -> Result<(), Failed> {
    let mut run = cli();
    run.arg("run").arg(scenario("metal-faults"));
    let output = conclusive(run.args(["--world", "vm", "--verbose"]))?;
    check_exit(&output, 0)?;
    let got = text(&output.stderr);
    let mut rest = got.as_str();
    let actions = [
        "n1        link down",
        "n1        link up",
        "n1        healthy",
        "n2        freeze",
        "n2        thaw",
        "n2        healthy",
        "n3        reset",
        "n3        boots: firmware",
        "n3        boots: userspace",
        "n3        healthy",
        "slow disk, 1 IOPS",
        // etcd's own words, of a sync that took longer than a second.
        "to keep a write",
    ];
    for action in actions {
        let found = rest.split_once(action);
        (_, rest) =
            found.ok_or_else(|| format!("{action:?} is missing in its place in:\n{got}"))?;
    }
    // n1's clock is its own, and it goes on from what the story says; the others have the world's.
    for (machine, clocks) in [("n1", 1), ("n2", 1), ("n3", 2)] {
        let clock = format!("{machine:8}  its clock says ");
        let says: Vec<_> = got.split(&clock).skip(1).collect();
        let is_1970 = |says: &&str| says.starts_with("1970-01-01T00:0");
        let expected = format!("{clock:?}, {clocks} times, in 1970 on n1 only");
        let lost = says.iter().filter(|says| is_1970(says)).count();
        let holds = says.len() == clocks && lost == usize::from(machine == "n1");
        check(holds, &expected, &got)?;
    }
    // etcd notices, and does without.
    let drift = "finds the clock of a peer ";
    check(got.contains(drift), drift, &got)
}

/// Peers that make certificates for themselves (`--peer-auto-tls`) trust one that is not valid any
/// more, of a machine whose clock has stood still.
fn certificates() -> Result<(), Failed> {
    let member = |name| Group::etcd(name).set("boot", "direct");
    let scenario = Scenario::builder("certificates of 1970")
        .set("etcd", "peers", "https")
        .machines(member("a").set("clock", "1970-01-01T00:00:00"))
        .machines(member("b"))
        .build()?
        .world(World::Vm);
    let outcome = scenario.run_blocking()?;
    let got = format!("{:?}", outcome.verdict);
    check(outcome.verdict == Verdict::Pass, "a pass", &got)
}

/// OVMF, DHCP as architecture 7, iPXE by TFTP, and from there as any other.
fn uefi() -> Result<(), Failed> {
    check_loader(&comes_by("uefi", &BOOT_LINKS)?, true)
}

/// UEFI's HTTP boot: architecture 16, and nobody speaks TFTP.
fn uefi_http() -> Result<(), Failed> {
    check_loader(&comes_by("uefi-http", &BOOT_LINKS)?, false)
}

/// How the firmware got its loader.
fn check_loader(frames: &[u8], by_tftp: bool) -> Result<(), Failed> {
    let has = |text: &str| frames.windows(text.len()).any(|at| at == text.as_bytes());
    // A read request ends in the mode (RFC 1350 §5).
    let seen = (has("snponly.efi\0octet\0"), has("GET /boot/ipxe.efi "));
    let got = format!("by TFTP: {}, by HTTP: {}", seen.0, seen.1);
    check(seen == (by_tftp, !by_tftp), "one of the two", &got)
}

const BOOT_LINKS: [&str; 5] = ["firmware", "script", "kernel", "initrd", "userspace"];

fn mixed() -> Result<(), Failed> {
    check_exit(
        &conclusive(cli().arg("run").arg(scenario("metal-mixed")))?,
        0,
    )
}

/// QEMU's own processes end with the runner, however that ends.
fn leaves_nothing(story: &str, moment: &str) -> Result<(), Failed> {
    let temp = tempfile::tempdir()?;
    let mut child = cli()
        .arg("run")
        .arg(scenario(story))
        .args(["--world", "vm", "--verbose"])
        .env("TMPDIR", temp.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let got = BufReader::new(child.stderr.take().ok_or("no standard error")?).lines();
    // As many lines as there are machines.
    let at_last = got
        .map_while(Result::ok)
        .filter(|line| line.contains(moment));
    check(at_last.take(3).count() == 3, moment, "the end of the run")?;
    let all = wait_for(Duration::from_secs(120), || {
        Some(emulators(temp.path())).filter(|all| all.len() == 3)
    });
    all.ok_or("the run never came to live")?;
    child.kill()?;
    child.wait()?;
    let gone = wait_for(Duration::from_secs(60), || {
        Some(()).filter(|()| emulators(temp.path()).is_empty())
    });
    let left = || format!("still there: {:?}", emulators(temp.path()));
    gone.ok_or_else(left)?;
    // An empty directory may be left; the next run removes it.
    for entry in fs::read_dir(temp.path())? {
        check_empty(&entry?.path())?;
    }
    Ok(())
}

/// The QEMUs that have files below `dir`.
fn emulators(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let lines = entries.filter_map(|entry| {
        let line = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(text(&line).replace('\0', " "))
    });
    let of_dir = dir.display().to_string();
    lines
        .filter(|line| line.contains("qemu-system") && line.contains(&of_dir))
        .collect()
}

fn without_qemu() -> Result<(), Failed> {
    let nothing = tempfile::tempdir()?;
    let mut run = run_in(nothing.path())?;
    run.env("PATH", "/nowhere");
    check_says_what_is_missing(&run.output()?, "apt-get: No such file")
}

/// Nothing else happens then, and nobody waits until the machine should have had its address.
fn ending_qemu() -> Result<(), Failed> {
    let path = tempfile::tempdir()?;
    let qemu = path.path().join("qemu-system-x86_64");
    fs::write(&qemu, "#!/bin/sh\necho no such machine >&2\nexit 7\n")?;
    fs::set_permissions(&qemu, fs::Permissions::from_mode(0o755))?;
    let mut all = path.path().as_os_str().to_owned();
    all.push(":");
    all.push(std::env::var_os("PATH").unwrap_or_default());
    let mut run = cli();
    run.arg("run").arg(scenario("one-machine"));
    run.args(["--world", "vm"]).env("PATH", all);
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    // The story's own limit is three minutes.
    let ended = wait_for(Duration::from_secs(60), || child.try_wait().transpose());
    if ended.is_none() {
        child.kill()?;
    }
    let output = child.wait_with_output()?;
    check_exit(&output, 3)?;
    let got = text(&output.stderr);
    let words = "QEMU ended with exit status: 7\n  no such machine";
    check(got.contains(words), words, &got)
}

fn without_network() -> Result<(), Failed> {
    let nothing = tempfile::tempdir()?;
    let mut run = where_nothing_is_installed(&run_in(nothing.path())?, &["--net"]);
    check_says_what_is_missing(&run.output()?, "Failed to fetch")
}

/// A run with an empty cache in this directory.
fn run_in(nothing: &Path) -> Result<Command, Failed> {
    // The etcd only has to be there: the run does not come to it.
    let etcd = nothing.join("etcd");
    fs::write(&etcd, "#!/bin/sh\necho etcd Version: 3.5.16\n")?;
    fs::set_permissions(&etcd, fs::Permissions::from_mode(0o755))?;
    let mut run = cli();
    run.arg("run").arg(scenario("three-members"));
    run.args(["--world", "vm", "--etcd"]).arg(&etcd);
    run.env("QUORATE_CACHE", nothing.join("cache"));
    Ok(run)
}

fn check_says_what_is_missing(output: &Output, reason: &str) -> Result<(), Failed> {
    check_exit(output, 3)?;
    let got = text(&output.stderr);
    for words in [
        "there is no qemu-system-x86_64",
        "apt install qemu-system-x86",
        "it cannot be fetched from Debian: ",
        reason,
    ] {
        check(got.contains(words), words, &got)?;
    }
    Ok(())
}

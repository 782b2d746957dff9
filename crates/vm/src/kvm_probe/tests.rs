use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A host with a device that opens, a QEMU and a cache, and how often a machine was booted.
struct Bench {
    dir: TempDir,
    boot_id: Option<&'static str>,
    booted: u32,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            dir: tempfile::tempdir().unwrap(),
            boot_id: Some("one"),
            booted: 0,
        };
        fs::write(bench.path("kvm"), "").unwrap();
        fs::write(bench.path("qemu"), "first").unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn decide(&mut self, answer: io::Result<Answer>) -> Accelerator {
        let host = Host {
            device: &self.path("kvm"),
            boot_id: self.boot_id.map(str::to_owned),
            qemu: &self.path("qemu"),
            cache: self.dir.path(),
        };
        host.decide(|| {
            self.booted += 1;
            answer
        })
    }
}

fn hangs() -> io::Result<Answer> {
    Ok(Answer::Fails("a machine did not boot".to_owned()))
}

fn tcg(why: &str) -> Accelerator {
    let why = why.to_owned();
    Accelerator::Tcg { why }
}

const HANGS: &str = "KVM is there, but a machine did not boot";

#[test]
fn without_the_device_nothing_is_booted() {
    let mut bench = Bench::new();
    fs::remove_file(bench.path("kvm")).unwrap();
    let device = bench.path("kvm");
    let none = format!("there is no {}", device.display());
    assert_eq!(bench.decide(Ok(Answer::Boots)), tcg(&none));
    // Like one without permission: it is there, and does not open.
    fs::create_dir(&device).unwrap();
    let Accelerator::Tcg { why } = bench.decide(Ok(Answer::Boots)) else {
        panic!("KVM without a device that opens");
    };
    assert!(why.starts_with(&format!("{}: ", device.display())), "{why}");
    assert_eq!(bench.booted, 0);
}

#[test]
fn what_a_machine_has_shown_is_known_until_the_host_boots_again() {
    let mut bench = Bench::new();
    assert_eq!(bench.decide(hangs()), tcg(HANGS));
    assert_eq!(bench.decide(Ok(Answer::Boots)), tcg(HANGS));
    assert_eq!(bench.booted, 1);
    bench.boot_id = Some("two");
    assert_eq!(bench.decide(Ok(Answer::Boots)), Accelerator::Kvm);
    assert_eq!(bench.decide(hangs()), Accelerator::Kvm);
    assert_eq!(bench.booted, 2);
    // A host that does not say which boot this is.
    bench.boot_id = None;
    assert_eq!(bench.decide(hangs()), tcg(HANGS));
    assert_eq!(bench.decide(hangs()), tcg(HANGS));
    assert_eq!(bench.booted, 4);
}

#[test]
fn another_qemu_is_another_question() {
    let mut bench = Bench::new();
    assert_eq!(bench.decide(hangs()), tcg(HANGS));
    fs::write(bench.path("qemu"), "another").unwrap();
    assert_eq!(bench.decide(Ok(Answer::Boots)), Accelerator::Kvm);
    assert_eq!(bench.booted, 2);
}

#[test]
fn what_could_not_be_tried_or_read_is_tried_again() {
    let mut bench = Bench::new();
    let full = || Err(ErrorKind::StorageFull.into());
    assert!(matches!(bench.decide(full()), Accelerator::Tcg { .. }));
    assert_eq!(bench.decide(Ok(Answer::Boots)), Accelerator::Kvm);
    fs::write(bench.path(KNOWN), "{\"boot_id\":\"one\"").unwrap();
    assert_eq!(bench.decide(hangs()), tcg(HANGS));
    assert_eq!(bench.booted, 3);
}

/// Boots a script in QEMU's place; answers what came of it, and the processes that are left of it.
fn boot_script(script: &str) -> (Answer, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let (written, qemu) = (dir.path().join("script"), dir.path().join("qemu"));
    fs::write(&written, format!("#!/bin/sh\n{script}\n")).unwrap();
    // By another process: what this one has open, a child of another test has open too for a
    // moment, and the kernel runs no program that is open for writing.
    let mut install = Command::new("install");
    let installed = install.args(["-m", "755"]).arg(written).arg(&qemu).status();
    assert!(installed.unwrap().success());
    let files = Files {
        firmware: serde_json::from_value(json!({ "qemu": qemu, "mke2fs": "" })).unwrap(),
        kernel: "vmlinuz".into(),
        initrd: "initrd".into(),
        memory_mib: 64,
        disk: None,
        cache: dir.path().to_owned(),
    };
    let limit = Duration::from_secs(1);
    let answer = boot(&files, &dir.path().join("probe"), limit).unwrap();
    (answer, with_argument(&dir.path().join("probe")))
}

/// The command lines of processes that name a file below `dir`.
fn with_argument(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let lines = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let line = fs::read_to_string(entry.ok()?.path().join("cmdline")).ok()?;
        line.contains(dir).then_some(line)
    });
    lines.collect()
}

#[test]
fn a_machine_that_shows_its_first_process_boots() {
    let script = "printf 'quorate-stage userspace 812\\r\\n' >&5; read -r forever <&4";
    assert_eq!(boot_script(script), (Answer::Boots, Vec::new()));
}

#[test]
fn a_machine_that_hangs_is_killed_at_the_limit() {
    // It says something, of which a boot is not the end.
    let script = "echo 'Decompressing Linux...' >&5; read -r forever <&4";
    let why = "a machine did not boot within 1 s".to_owned();
    assert_eq!(boot_script(script), (Answer::Fails(why), Vec::new()));
}

#[test]
fn an_emulator_that_gives_up_says_why() {
    let script = "echo 'failed to set MSR 0x10a' >&2; kill -ABRT $$";
    let (answer, left) = boot_script(script);
    let Answer::Fails(why) = answer else {
        panic!("it has booted")
    };
    assert!(
        why.contains("SIGABRT") && why.contains("failed to set MSR 0x10a"),
        "{why}"
    );
    assert_eq!(left, Vec::<String>::new());
}

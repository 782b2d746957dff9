//! The world `vm`: stories told to virtual machines under QEMU, and what a run leaves behind:
//! nothing.
//!
//! This program is also the `quorate` that it tests, and the first process of its machines: under
//! [`AS_CLI`] it is the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

/// Set for a child that shall be the command line.
const AS_CLI: &str = "QUORATE_TEST_AS_CLI";

type Case = fn() -> Result<(), Failed>;

const CASES: [(&str, Case); 3] = [
    ("three_members_unchanged_and_without_root", three_members),
    ("virtual_and_other_machines_on_one_lan", mixed),
    ("a_killed_run_leaves_nothing", leaves_nothing),
];

fn main() -> ExitCode {
    if quorate::is_part_of_run() || std::env::var_os(AS_CLI).is_some() {
        return quorate::main();
    }
    let mut arguments = Arguments::from_args();
    // Three emulated machines keep the processors of a small host busy.
    arguments.test_threads.get_or_insert(1);
    let missing = if arguments.list { None } else { missing() };
    let mut trials: Vec<_> = CASES
        .into_iter()
        .map(|(name, case)| Trial::test(name, case))
        .collect();
    if let Some(reason) = missing {
        let kind = format!("not run: {reason}");
        let skip = |trial: Trial| trial.with_kind(&kind).with_ignored_flag(true);
        trials = trials.into_iter().map(skip).collect();
    }
    trials.push(Trial::test("without_qemu_it_says_what_to_do", without_qemu));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Why no story can be told here: no QEMU, no image, or no namespaces for the servers.
fn missing() -> Option<String> {
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs = std::env::split_paths(&dirs);
    if !dirs.any(|dir| dir.join("qemu-system-x86_64").is_file()) {
        return Some("there is no QEMU".to_owned());
    }
    // Gets etcd and the image's packages. Where they cannot be had, the run says 3.
    let one = scenarios().join("one-machine.toml");
    let tried = cli().arg("run").arg(one).args(["--world", "vm"]).output();
    let tried = tried.ok()?;
    let said = text(&tried.stderr);
    (tried.status.code() == Some(3)).then(|| said.lines().last().unwrap_or_default().to_owned())
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// The command line, with a terminal's behaviour off.
fn cli() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.env(AS_CLI, "1").stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn check(holds: bool, expected: &str, told: &str) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(format!("expected {expected}, got {told}").into())
    }
}

fn check_exit(output: &Output, code: i32) -> Result<(), Failed> {
    let told = format!(
        "exit {:?}\n{}\n{}",
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr)
    );
    let expected = format!("exit code {code}");
    check(output.status.code() == Some(code), &expected, &told)
}

/// The whole way from firmware to quorum, by a user who has nothing; each link of it is shown.
fn three_members() -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    let (program, mut command) = if rustix::process::geteuid().is_root() {
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o1777))?;
        let program = home.path().join("quorate");
        fs::copy(std::env::current_exe()?, &program)?;
        let mut command = Command::new("setpriv");
        let nobody = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
        command.args(nobody).arg("--bounding-set=-all").arg("--");
        command.arg(&program);
        (program, command)
    } else {
        let program = std::env::current_exe()?;
        let command = Command::new(&program);
        (program, command)
    };
    let story = home.path().join("three-members.toml");
    fs::copy(scenarios().join("three-members.toml"), &story)?;
    let etcd = home.path().join("etcd");
    fs::copy(fetched_etcd()?, &etcd)?;
    let cache = home.path().join("cache");
    cache_for_anybody(&cache)?;
    let output = command
        .arg("run")
        .arg(&story)
        .args(["--world", "vm", "--etcd"])
        .arg(&etcd)
        .env(AS_CLI, "1")
        .env("TMPDIR", home.path())
        .env("QUORATE_CACHE", &cache)
        .current_dir("/")
        .stdin(Stdio::null())
        .output()?;
    check_exit(&output, 0)?;
    let said = text(&output.stdout);
    let links = "firmware script kernel initrd userspace discover ack name seed srv etcd";
    let mut lines = said.lines();
    let head = lines
        .find(|line| line.starts_with("ms "))
        .unwrap_or_default();
    let shown: Vec<&str> = head.split_whitespace().skip(2).collect();
    check(
        shown.join(" ").starts_with(links),
        "a column for each link",
        &said,
    )?;
    let machines = lines.filter(|line| line.starts_with('n'));
    let whole = machines.filter(|line| !line.contains(" - ")).count();
    check(whole == 3, "three machines that reached them all", &said)?;
    let left = fs::read_dir(home.path())?.filter_map(Result::ok);
    let mine = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("quorate-run-")
    };
    let left: Vec<_> = left.filter(mine).collect();
    check(left.is_empty(), "no files", &format!("{left:?}"))?;
    check(program.is_file(), "the program", "none")
}

/// Debian's packages, so that each test need not fetch them; the image is made there anew.
fn cache_for_anybody(cache: &Path) -> Result<(), Failed> {
    fs::create_dir(cache)?;
    fs::set_permissions(cache, fs::Permissions::from_mode(0o1777))?;
    let own = quorate_obtain::cache::default_dir().ok_or("no cache")?;
    for entry in fs::read_dir(own)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("debian-") {
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

fn fetched_etcd() -> Result<PathBuf, Failed> {
    let fetched = cli()
        .args(["etcd", "fetch", "3.5", "--format", "json"])
        .output()?;
    let fetched: serde_json::Value = serde_json::from_slice(&fetched.stdout)?;
    Ok(fetched["etcd"].as_str().ok_or("no path of etcd")?.into())
}

fn mixed() -> Result<(), Failed> {
    let story = scenarios().join("metal-mixed.toml");
    check_exit(&cli().arg("run").arg(story).output()?, 0)
}

/// QEMU's own processes end with the runner, however that ends.
fn leaves_nothing() -> Result<(), Failed> {
    let temp = tempfile::tempdir()?;
    let mut child = cli()
        .arg("run")
        .arg(scenarios().join("three-members.toml"))
        .args(["--world", "vm"])
        .env("TMPDIR", temp.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
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
    Ok(gone.ok_or_else(left)?)
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

fn wait_for<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn without_qemu() -> Result<(), Failed> {
    let nothing = tempfile::tempdir()?;
    // The etcd only has to be there: the run does not come to it.
    let etcd = nothing.path().join("etcd");
    fs::write(&etcd, "#!/bin/sh\necho etcd Version: 3.5.16\n")?;
    fs::set_permissions(&etcd, fs::Permissions::from_mode(0o755))?;
    let output = cli()
        .arg("run")
        .arg(scenarios().join("three-members.toml"))
        .args(["--world", "vm", "--etcd"])
        .arg(&etcd)
        .env("PATH", "/nowhere")
        .output()?;
    check_exit(&output, 3)?;
    let told = text(&output.stderr);
    check(
        told.contains("there is no qemu-system-x86_64") && told.contains("qemu-system-x86"),
        "the reason and the remedy",
        &told,
    )
}

const NOBODY: &str = "65534";

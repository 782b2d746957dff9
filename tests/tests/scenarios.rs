//! Every scenario file as a test, run by the command line in the world `host`; and what a run
//! leaves behind: nothing.
//!
//! This program is also the `quorate` that it tests.

#[path = "scenarios/left.rs"]
mod left;
#[path = "scenarios/starved.rs"]
mod starved;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::Duration;

use left::{Host, Process};
use libtest_mimic::{Arguments, Failed};
use quorate_needs::{Need, Test};
use quorate_tests::stories::{
    Nobody, Servers, check, check_empty, check_exit, cli, conclusive, ends_with_servers,
    is_command_line, scenario, scenarios, text, wait_for,
};

/// Stories that the tests of the world `sim` run: so many processes would starve a small host,
/// above all in a debug build. Those with hollow machines pass in a release build (README).
const FOR_SIM: [&str; 7] = [
    "datacenter-10k",
    "datacenter-100k",
    "rack-300",
    "rack-600",
    "stampede-10000",
    "stampede-5000",
    "swarm-50",
];

/// Stories with virtual machines, which `tests/vm.rs` runs.
const FOR_VM: [&str; 4] = ["metal-faults", "metal-install", "metal-mixed", "metal-uefi"];

type Case = fn() -> Result<(), Failed>;

/// How runs end.
const LEAVES_NOTHING: [(&str, Case); 6] = [
    ("a_run_leaves_nothing", || {
        leaves_nothing("three-members", None)
    }),
    ("a_killed_run_leaves_nothing", || {
        leaves_nothing("three-members", Some("KILL"))
    }),
    ("a_terminated_run_leaves_nothing", || {
        leaves_nothing("three-members", Some("TERM"))
    }),
    ("a_killed_run_with_hollow_machines_leaves_nothing", || {
        leaves_nothing("stampede-1000", Some("KILL"))
    }),
    ("an_interrupted_comparison_leaves_nothing", || {
        is_interrupted(&["compare", "--runs", "100"], "last power-on to healthy")
    }),
    ("an_interrupted_bench_leaves_nothing", || {
        let verb = ["bench", "--find-knee", "--group", "n", "--world", "host"];
        is_interrupted(&verb, "formed<=5s")
    }),
];

/// Stories whose last step is one of the servers, in the world `sim` as well: the worlds judge alike.
const SERVERS: [(&str, Case); 4] = [
    ("servers_started_last_are_waited_for", || {
        ends_with_servers("host", Servers::Started)
    }),
    ("what_stopped_servers_do_not_say_is_judged", || {
        ends_with_servers("host", Servers::Stopped)
    }),
    ("servers_started_last_answer_in_sim", || {
        ends_with_servers("sim", Servers::Started)
    }),
    ("what_stopped_servers_do_not_say_is_judged_in_sim", || {
        ends_with_servers("sim", Servers::Stopped)
    }),
];

/// Runs on a host that is too slow.
const STARVED: [(&str, Case); 2] = [
    (
        "a_starved_run_is_inconclusive",
        starved::a_starved_run_is_inconclusive,
    ),
    (
        "a_late_run_that_holds_passes",
        starved::a_late_run_that_holds_passes,
    ),
];

fn main() -> ExitCode {
    if is_command_line() {
        return quorate_cli::main();
    }
    let mut arguments = Arguments::from_args();
    // A run keeps both cores of a small machine busy, and some stories are about time.
    arguments.test_threads.get_or_insert(2);
    let mut tests = Vec::new();
    for file in story_files() {
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if [&FOR_SIM[..], &FOR_VM[..]]
            .concat()
            .contains(&name.as_str())
        {
            continue;
        }
        tests.push(test(&name.clone(), move || runs_as_expected(&name, &file)));
    }
    tests.push(test(
        "an_ordinary_user_needs_no_root",
        an_ordinary_user_needs_no_root,
    ));
    let ends = LEAVES_NOTHING.into_iter().chain(SERVERS).chain(STARVED);
    tests.extend(ends.map(|(name, end)| test(name, end)));
    tests.push(test("the_report_has_everything", the_report_has_everything));
    quorate_needs::run(&arguments, tests)
}

fn test(name: &str, run: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Test {
    Test::fallible(name, &NEEDS, run)
}

/// What a story in the world `host` needs. Where these are, exit 3 is a failure.
const NEEDS: [Need; 3] = [Need::Host, Need::Etcd("3.5"), Need::Etcd("3.4")];

fn story_files() -> Vec<PathBuf> {
    let entries = fs::read_dir(scenarios()).expect("the scenarios are in the repository");
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    files
}

/// Runs a story. The artifacts of one that fails go away with its temporary directory; what it
/// printed is in the test's message.
fn run(file: &Path) -> Result<Output, Failed> {
    let temp = tempfile::tempdir()?;
    let mut run = cli();
    run.arg("run").arg(file).env("TMPDIR", temp.path());
    Ok(conclusive(&mut run)?)
}

/// How the first line of a story that is expected to fail begins; the others end with PASS.
fn first_line_of_failure(story: &str) -> Option<&'static str> {
    match story {
        // The IDs are what etcd's formula makes of these names, so they never change.
        "gradual-records" => Some(
            "FAIL cluster-id n1: the cluster split into 3: \
             b214b580e6756e99 on n1 (saw n1); \
             97d11626a4215663 on n2 (saw n1 n2); \
             366158d82220db8a on n3 (saw n1 n2 n3, the right one)",
        ),
        // How often it was started depends on the time that etcd takes.
        "discovery-service-power-loss" => Some("FAIL etcd n1: etcd has not bootstrapped in "),
        _ => None,
    }
}

fn runs_as_expected(name: &str, file: &Path) -> Result<(), Failed> {
    let output = run(file)?;
    let (said, noted) = (text(&output.stdout), text(&output.stderr));
    let got = format!("exit {:?}\n{said}\n{noted}", output.status.code());
    match first_line_of_failure(name) {
        Some(line) => {
            check(output.status.code() == Some(1), "exit code 1", &got)?;
            let first = said.lines().next().unwrap_or_default();
            check(first.starts_with(line), line, &got)
        }
        None => {
            check(output.status.code() == Some(0), "exit code 0", &got)?;
            let last = said.lines().last().unwrap_or_default();
            check(
                last.starts_with("PASS"),
                "a last line that begins with PASS",
                &got,
            )
        }
    }
}

/// The whole chain as `nobody`, with nothing but a cache that it can write to.
fn an_ordinary_user_needs_no_root() -> Result<(), Failed> {
    if !rustix::process::geteuid().is_root() {
        // Then every other test here has shown it.
        return Ok(());
    }
    check_exit(&conclusive(&mut Nobody::new()?.runs(None))?, 0)
}

/// After a run no process, namespace, mount, interface or file of it is left; whatever ended it.
fn leaves_nothing(story: &str, signal: Option<&str>) -> Result<(), Failed> {
    let temp = tempfile::tempdir()?;
    let before = Host::look()?;
    let mut command = cli();
    command.arg("run").arg(scenario(story));
    let (mut child, all) = alive(command, temp.path(), signal.is_some())?;
    if let Some(signal) = signal {
        kill(signal, &child.id().to_string())?;
    }
    child.wait()?;
    all_gone(&all, &before)?;
    // An empty directory may be left by a killed run; the next one removes it.
    if signal == Some("KILL") {
        cli()
            .arg("run")
            .arg(scenario("one-machine"))
            .env("TMPDIR", temp.path())
            .output()?;
    }
    check_empty(temp.path())
}

/// What a terminal does on Ctrl-C, to a verb in the midst of many runs: it prints what it has.
fn is_interrupted(verb: &[&str], prints: &str) -> Result<(), Failed> {
    use std::os::unix::process::CommandExt as _;
    let temp = tempfile::tempdir()?;
    let before = Host::look()?;
    let mut command = cli();
    command
        .args(verb)
        .arg(scenario("three-members"))
        .process_group(0);
    let (child, all) = alive(command, temp.path(), true)?;
    kill("INT", &format!("-{}", child.id()))?;
    let output = child.wait_with_output()?;
    let got = text(&output.stdout);
    let code = output.status.code();
    check(code == Some(130), "exit code 130", &format!("{code:?}"))?;
    check(got.contains(prints), "what it has", &got)?;
    all_gone(&all, &before)?;
    check_empty(temp.path())
}

/// A verb that runs three members, once they live, and all its processes. One that ends by
/// itself need not be seen alive.
fn alive(mut command: Command, temp: &Path, must: bool) -> Result<(Child, Vec<Process>), Failed> {
    let child = command
        .env("TMPDIR", temp)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    // Three etcd processes, their agents and namespace holders, the servers, and the sandbox.
    let all = wait_for(Duration::from_secs(60), || {
        let all = left::descendants(child.id());
        (all.len() >= 14 || !must).then_some(all)
    });
    Ok((child, all.ok_or("the run never came to live")?))
}

fn kill(signal: &str, whom: &str) -> Result<(), Failed> {
    let killed = Command::new("kill")
        .args([&format!("-{signal}"), "--", whom])
        .status()?;
    check(killed.success(), "a signal", "none")
}

/// Waits until none of these processes lives, and looks for what they could have left.
fn all_gone(all: &[Process], before: &Host) -> Result<(), Failed> {
    let gone = wait_for(Duration::from_secs(20), || {
        let lives = all.iter().any(Process::lives);
        (!lives && left::holders_of_namespaces(all).is_empty()).then_some(())
    });
    gone.ok_or_else(|| {
        let living = all.iter().filter(|one| one.lives());
        let living: Vec<_> = living.map(Process::shown).collect();
        let holders = left::holders_of_namespaces(all);
        format!("still there: {living:?}, in their namespaces: {holders:?}")
    })?;
    let after = Host::look()?;
    check(
        before.mounts == after.mounts,
        "the same mounts",
        &format!("{:?}", after.mounts.difference(&before.mounts)),
    )?;
    check(
        before.interfaces == after.interfaces,
        "the same interfaces",
        &format!("{after:?}"),
    )
}

fn the_report_has_everything() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let story = scenario("three-members");
    let output = cli()
        .arg("run")
        .arg(&story)
        .arg("--report")
        .arg(dir.path())
        .args(["--format", "json"])
        .output()?;
    let got: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {} {}", text(&output.stdout), text(&output.stderr)))?;
    check(got["verdict"] == "pass", "verdict pass", &got.to_string())?;
    let lasted = |time: &serde_json::Value| time.as_u64().is_some_and(|nanos| nanos > 0);
    let teardown = &got["torn_down"];
    check(
        lasted(teardown),
        "the time of the teardown",
        &teardown.to_string(),
    )?;
    let leases = &got["leases"];
    let is_there = leases[0]["discover_to_ack"]["count"] == 3
        && lasted(&leases[0]["discover_to_ack"]["p99"])
        && lasted(&leases[0]["since_power_on"]["p99"]);
    check(is_there, "how long three leases took", &leases.to_string())?;
    for file in [
        "events.jsonl",
        "capture.pcapng",
        "leases.json",
        "zone-history.jsonl",
        "report.html",
        "report.json",
        "junit.xml",
        "recording.json",
        "scenario.toml",
    ] {
        let path = dir.path().join(file);
        let is_there = path.metadata().is_ok_and(|metadata| metadata.len() > 0);
        check(is_there, file, "no such file, or an empty one")?;
    }
    let capture = fs::read(dir.path().join("capture.pcapng"))?;
    for label in [
        "n2, discover: DHCPDISCOVER",
        "n3, ack: DHCPACK",
        "n1, srv: asks for SRV",
    ] {
        let is_there = capture
            .windows(label.len())
            .any(|bytes| bytes == label.as_bytes());
        check(is_there, label, "no such comment in the capture")?;
    }
    for machine in ["n1", "n2", "n3"] {
        let log = fs::read_to_string(
            dir.path()
                .join("logs")
                .join(machine)
                .join("etcd.service.log"),
        )?;
        check(log.contains("starting"), "etcd's log", &log)?;
    }
    let events = fs::read_to_string(dir.path().join("events.jsonl"))?;
    let got = |what: &str| events.lines().filter(|line| line.contains(what)).count();
    check(got("\"healthy\"") >= 3, "three healthy members", &events)
}

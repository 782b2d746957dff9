//! `kill -INT PID` of `quorate run` ends it as Ctrl-C does, whenever it comes.
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use quorate_needs::{Need, Test};

fn main() -> ExitCode {
    let needs = [Need::Host, Need::Etcd("3.5")];
    let test = |name: &str, run: fn()| Test::new(name, &needs, run);
    quorate_needs::main([
        test("a_run_ends_at_any_moment", a_run_ends_at_any_moment),
        test("what_was_seen_is_reported", what_was_seen_is_reported),
    ])
}

/// It cannot form: one of its machines gets power after an hour.
const FOREVER: &str = "title = \"forever\"\n[etcd]\n[[machines]]\nname = \"n\"\ncount = 2\n\
    class = \"etcd\"\nevery = \"1h\"\n";

fn start(dir: &Path) -> Child {
    let scenario = dir.join("forever.toml");
    fs::write(&scenario, FOREVER).unwrap();
    let temp = dir.join("tmp");
    fs::create_dir_all(&temp).unwrap();
    // A job in the background of a shell, which this test may be, ignores SIGINT, and so would what it
    // starts until it handles signals.
    Command::new("env")
        .args(["--default-signal=INT,TERM", env!("CARGO_BIN_EXE_quorate")])
        .arg("run")
        .arg(&scenario)
        .arg("--report")
        .arg(dir.join("report"))
        .env("TMPDIR", &temp)
        .stdout(Stdio::null())
        .stderr(fs::File::create(dir.join("stderr")).unwrap())
        .spawn()
        .unwrap()
}

/// Sends the signal to that one process, and checks how it ends.
fn interrupt(mut child: Child, dir: &Path) {
    let began = Instant::now();
    let pid = child.id().to_string();
    let kill = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(kill.success());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(5));
    };
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    let said = fs::read_to_string(dir.join("stderr")).unwrap();
    // A process that has not come to handle signals dies of them.
    use std::os::unix::process::ExitStatusExt as _;
    let is_interrupted = status.code() == Some(130) || status.signal() == Some(2);
    assert!(is_interrupted, "{status}: {said}");
    let left: Vec<_> = fs::read_dir(dir.join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let own = dir.display().to_string();
    assert_eq!(processes_in(&own), Vec::<String>::new());
}

/// What runs with this directory in its environment: the parts of the sandbox.
fn processes_in(dir: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let all = all.filter_map(|entry| fs::read(entry.path().join("environ")).ok());
    let all = all.map(|text| String::from_utf8_lossy(&text).replace('\0', " "));
    all.filter(|text| text.contains(dir)).collect()
}

fn a_run_ends_at_any_moment() {
    for millis in [0, 5, 10, 20, 35, 50, 80, 150, 300] {
        let dir = tempfile::tempdir().unwrap();
        let child = start(dir.path());
        thread::sleep(Duration::from_millis(millis));
        interrupt(child, dir.path());
    }
}

fn what_was_seen_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let child = start(dir.path());
    let leased = || {
        let said = fs::read_to_string(dir.path().join("stderr")).unwrap();
        said.contains("leased")
    };
    let end = Instant::now() + Duration::from_secs(60);
    while !leased() {
        assert!(Instant::now() < end, "no lease");
        thread::yield_now();
    }
    interrupt(child, dir.path());
    let read = |name: &str| fs::read_to_string(dir.path().join("report").join(name)).unwrap();
    assert!(read("events.jsonl").contains("leased"));
    assert!(read("report.txt").contains("INCONCLUSIVE the run was interrupted"));
    assert!(read("report.html").contains("the run was interrupted"));
    assert!(dir.path().join("report/logs/n1").is_dir());
    let said = fs::read_to_string(dir.path().join("stderr")).unwrap();
    assert!(
        said.ends_with("interrupted; nothing is left of the run\n"),
        "{said}"
    );
    assert!(said.contains("report.html"), "{said}");
}

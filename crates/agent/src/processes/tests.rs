use std::fs;
use std::time::{Duration, Instant};

use super::*;

struct Bench {
    log_dir: tempfile::TempDir,
    processes: Processes,
    env_files: Vec<EnvironmentFile>,
}

fn bench() -> Bench {
    let log_dir = tempfile::tempdir().unwrap();
    let processes = Processes::new(log_dir.path(), None);
    Bench {
        log_dir,
        processes,
        env_files: Vec::new(),
    }
}

impl Bench {
    fn sh(&mut self, script: &str) -> Pid {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        let pid = self
            .processes
            .spawn(&Program {
                unit: "a.service",
                argv: &argv,
                env: &[("A".into(), "b c".into())],
                env_files: &self.env_files,
                open_files: Some((64, 128)),
            })
            .unwrap();
        Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_dir.path().join("a.service.log")).unwrap()
    }

    /// What has ended, once something has.
    fn ended(&mut self) -> Vec<(String, ExitStatus)> {
        let processes = &mut self.processes;
        until(|| Some(processes.reap()).filter(|ended| !ended.is_empty()))
    }
}

fn until<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it never came");
        std::thread::yield_now();
    }
}

fn ended(status: ExitStatus) -> Vec<(String, ExitStatus)> {
    vec![("a.service".into(), status)]
}

#[test]
fn a_process_has_its_environment_limits_and_log_and_no_more() {
    let mut bench = bench();
    bench.sh("/usr/bin/env | /usr/bin/sort; ulimit -Sn; ulimit -Hn; echo error >&2; pwd; exit 3");
    assert_eq!(bench.ended(), ended(ExitStatus::Code { code: 3 }));
    let log = bench.log();
    let lines: Vec<&str> = log
        .lines()
        // Shells set these for themselves.
        .filter(|line| {
            !["PWD=", "OLDPWD=", "SHLVL=", "_="]
                .iter()
                .any(|own| line.starts_with(own))
        })
        .collect();
    assert_eq!(lines, ["A=b c", "64", "128", "error", "/"]);
}

#[test]
fn files_add_to_the_environment_and_only_some_must_be_there() {
    let mut bench = bench();
    let written = bench.log_dir.path().join("written.env");
    fs::write(&written, "A=file\nB=2\n").unwrap();
    let file = |path: &Path, optional| EnvironmentFile {
        path: path.display().to_string(),
        optional,
    };
    let absent = bench.log_dir.path().join("absent.env");
    bench.env_files = vec![file(&absent, true), file(&written, false)];
    bench.sh("echo $A $B");
    bench.ended();
    assert_eq!(bench.log(), "file 2\n");
    let error = bench.processes.spawn(&Program {
        unit: "b.service",
        argv: &["/bin/true".to_owned()],
        env: &[],
        env_files: &[file(&absent, false)],
        open_files: None,
    });
    assert!(error.unwrap_err().to_string().contains("absent.env"));
}

#[test]
fn the_log_of_a_second_run_follows_the_first() {
    let mut bench = bench();
    for _ in 0..2 {
        bench.sh("echo run");
        bench.ended();
    }
    assert_eq!(bench.log(), "run\nrun\n");
}

/// A machine runs for years.
#[test]
fn logs_have_an_end_whatever_a_unit_says() {
    let mut bench = bench();
    bench.sh("/usr/bin/yes what a unit says all day | /usr/bin/head -c 40000000; echo bye");
    assert_eq!(bench.ended(), ended(ExitStatus::Code { code: 0 }));
    assert!(bench.log().ends_with("\nbye\n"));
    let files = fs::read_dir(bench.log_dir.path()).unwrap();
    let kept: u64 = files.map(|it| it.unwrap().metadata().unwrap().len()).sum();
    assert!((8_000_000..=16 << 20).contains(&kept), "{kept}");
}

#[test]
fn a_signal_reaches_the_group_and_is_reported() {
    let mut bench = bench();
    bench.sh("echo up; while :; do /bin/sleep 1000; done");
    until(|| bench.log().contains("up").then_some(()));
    bench.processes.signal("a.service", StopSignal::Term);
    assert_eq!(bench.ended(), ended(ExitStatus::Signal { signal: 15 }));
}

#[test]
fn what_a_process_leaves_behind_is_killed() {
    let mut bench = bench();
    let group = bench.sh("/bin/sleep 1000 & exit 0");
    assert_eq!(bench.ended(), ended(ExitStatus::Code { code: 0 }));
    until(|| {
        rustix::process::test_kill_process_group(group)
            .is_err()
            .then_some(())
    });
}

#[test]
fn nothing_outlives_the_processes() {
    let mut bench = bench();
    let group = bench.sh("trap '' TERM; echo up; while :; do /bin/sleep 1000; done");
    until(|| bench.log().contains("up").then_some(()));
    drop(bench.processes);
    until(|| {
        rustix::process::test_kill_process_group(group)
            .is_err()
            .then_some(())
    });
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let mut bench = bench();
    let argv = ["/nonexistent".to_owned()];
    let error = bench.processes.spawn(&Program {
        unit: "a.service",
        argv: &argv,
        env: &[],
        env_files: &[],
        open_files: None,
    });
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(bench.processes.reap(), []);
}

#[test]
fn one_file_can_take_the_output_of_every_unit() {
    let log_dir = tempfile::tempdir().unwrap();
    let log_file = log_dir.path().join("all");
    let mut bench = Bench {
        processes: Processes::new(log_dir.path(), Some(log_file.clone())),
        log_dir,
        env_files: Vec::new(),
    };
    bench.sh("echo hello");
    bench.ended();
    assert_eq!(fs::read_to_string(log_file).unwrap(), "hello\n");
    assert!(!bench.log_dir.path().join("a.service.log").exists());
}

//! `kill -9` of a process that writes: what it acknowledged is there.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use quorate_store::{Log, StoreError};

const DIR_VARIABLE: &str = "QUORATE_STORE_KILL_DIR";
const ROUNDS: usize = 20;
/// Compaction happens on the way, so that kills meet it too.
const REWRITE_EVERY: u64 = 64;

#[test]
fn acknowledged_records_survive_kill_9() {
    if let Some(dir) = std::env::var_os(DIR_VARIABLE) {
        write_until_killed(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let before = acknowledged;
        acknowledged = acknowledged.max(run_and_kill(dir.path(), 3 + round * 7));
        assert!(acknowledged > before, "round {round}: nothing was written");
        let (_log, records) = Log::open(dir.path()).unwrap();
        let numbers: Vec<u64> = records.iter().map(|record| number(&record)).collect();
        let last = *numbers.last().unwrap();
        assert!(
            last >= acknowledged,
            "round {round}: {acknowledged} was acknowledged, {last} is there"
        );
        assert!(
            numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "round {round}: records are missing in {numbers:?}"
        );
        acknowledged = last;
    }
}

/// Runs a writer until it has acknowledged `lines` batches, kills it, and answers the last
/// number that it acknowledged before it died.
fn run_and_kill(dir: &Path, lines: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "acknowledged_records_survive_kill_9",
            "--nocapture",
        ])
        .env(DIR_VARIABLE, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut last = 0;
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The test harness of the child writes to the same pipe.
        if let Some(acknowledged) = line.unwrap().strip_prefix("acknowledged ") {
            last = acknowledged.parse().unwrap();
            seen += 1;
            if seen == lines {
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();
    last
}

fn write_until_killed(dir: &Path) -> ! {
    let (mut log, records) = Log::open(dir).unwrap();
    let last = records.iter().last();
    let mut next = last.map_or(1, |record| number(&record) + 1);
    drop(records);
    let mut stdout = std::io::stdout();
    loop {
        for _ in 0..3 {
            log.append(&record(next));
            next += 1;
        }
        log.sync().unwrap();
        writeln!(stdout, "acknowledged {}", next - 1).unwrap();
        if next % REWRITE_EVERY < 3 {
            let last = [record(next - 2), record(next - 1)];
            let new = log.rewriter().unwrap().run(|_, emit| {
                let mut last = last.iter();
                last.try_for_each(|record| emit(record))
            });
            let new: Result<_, StoreError> = new;
            log.adopt(new.unwrap()).unwrap();
        }
    }
}

/// A record that is not all alike, so that mixed-up bytes are noticed.
fn record(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(1 + number as usize % 50)
}

fn number(bytes: &[u8]) -> u64 {
    let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(bytes, record(number), "a record came back altered");
    number
}

//! The last words of a process, whatever form they have.

use serde_json::Value;

use super::{LogEvent, parse_line};

/// Why a process ended that wrote this since its start: the last error that ends it, else the last
/// plain line, else the last warning. `None` when it said nothing that may be a reason.
pub fn last_words(log: &str) -> Option<String> {
    let fatal = |line| {
        if let Some(LogEvent::Fatal { error }) = parse_line(line) {
            Some(error)
        } else {
            None
        }
    };
    let lines = || log.lines().rev().filter(|line| !line.trim().is_empty());
    // zap has logged why, before Go's panic says where.
    lines()
        .filter(|line| of_go(line).is_none())
        .find_map(fatal)
        .or_else(|| lines().find_map(of_go).map(str::to_owned))
        .or_else(|| lines().find(|line| is_plain(line)).map(shortened))
        .or_else(|| lines().find_map(warning))
}

/// How Go ends a process: `panic: …` in the code, `fatal error: …` in the runtime.
pub(super) fn of_go(line: &str) -> Option<&str> {
    let error = line
        .strip_prefix("panic: ")
        .or_else(|| line.strip_prefix("fatal error: "))?;
    // A panic that repeats what zap has logged begins with its address.
    Some(error.trim_end_matches(" [recovered]"))
}

/// A line of no logger: of a shell, a loader or a runtime.
fn is_plain(line: &str) -> bool {
    let is_zap = line.starts_with('{') && line.ends_with('}');
    let is_capnslog = line.starts_with("raft20") || line.contains(" | ");
    !is_zap && !is_capnslog && !line.starts_with(BEFORE_ETCD)
}

/// A warning or an error of zap's, with its reason.
fn warning(line: &str) -> Option<String> {
    let fields: Value = serde_json::from_str(line).ok()?;
    matches!(fields["level"].as_str(), Some("warn" | "error")).then_some(())?;
    let message = fields["msg"].as_str()?;
    Some(match fields["error"].as_str() {
        Some(error) => format!("{message}: {error}"),
        None => message.to_owned(),
    })
}

/// What fits a line; garbage has no end.
fn shortened(line: &str) -> String {
    let printable = line.chars().map(|c| if c.is_control() { '?' } else { c });
    let text: String = printable.take(LENGTH_MAX).collect();
    text.trim().to_owned()
}

const LENGTH_MAX: usize = 200;
/// The step before etcd, which writes into the same log.
const BEFORE_ETCD: &str = "await-peers: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_last_words_is_read() {
        let panic = "{\"level\":\"panic\",\"msg\":\"failed to open WAL\",\"error\":\"wal: crc mismatch\"}\npanic: failed to open WAL\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:3 +0x1d\n";
        for (log, words) in [
            (panic, "wal: crc mismatch"),
            ("panic: boom\n\ngoroutine 1 [running]:\n", "boom"),
            (
                "fatal error: runtime: out of memory\n\ngoroutine 0\n",
                "runtime: out of memory",
            ),
            ("{\"level\":\"fatal\",\"msg\":\"x\",\"error\":\"e\"}\n", "e"),
            (
                "{\"level\":\"warn\",\"msg\":\"failed to verify flags\",\"error\":\"bad flag\"}\n",
                "bad flag",
            ),
            (
                "{\"level\":\"info\",\"msg\":\"hi\"}\nsh: etcd: Exec format error\n\n",
                "sh: etcd: Exec format error",
            ),
            (
                "{\"level\":\"warn\",\"msg\":\"slow\",\"error\":\"disk\"}\n{\"level\":\"info\",\"msg\":\"hi\"}\n",
                "slow: disk",
            ),
        ] {
            assert_eq!(last_words(log).as_deref(), Some(words), "{log}");
        }
        assert_eq!(last_words("{\"level\":\"info\",\"msg\":\"hi\"}\n"), None);
        assert_eq!(
            last_words("await-peers: etcd may start as member 1 of 3\n"),
            None
        );
        assert_eq!(last_words(""), None);
    }
}

//! Running other programs: their output line by line, with a limit on their time.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::FetchError;
use crate::provider::{Progress, Silent};
use crate::version::Version;

/// The longest that one program may take; a slow mirror needs some minutes for an index.
const RUN_SECS_MAX: u64 = 600;
/// How many of the last lines of a failed program's output its error repeats.
const ERROR_LINES_MAX: usize = 4;

/// Runs a program to its end; every line that it prints goes to `progress`.
pub fn run(command: &mut Command, progress: &dyn Progress) -> Result<Vec<String>, FetchError> {
    let program = display_name(command.get_program());
    let not_started = |source| FetchError::NotStarted {
        program: program.clone(),
        source,
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_started)?;
    let (sender, lines) = mpsc::channel();
    let stdout = child
        .stdout
        .take()
        .map(|pipe| forward(pipe, sender.clone()));
    let stderr = child.stderr.take().map(|pipe| forward(pipe, sender));

    let deadline = Instant::now() + Duration::from_secs(RUN_SECS_MAX);
    let mut output = Vec::new();
    let late = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => {
                progress.line(&line);
                output.push(line);
            }
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    if late {
        // It may have ended by itself just now.
        drop(child.kill());
        drop(child.wait());
        return Err(FetchError::TimedOut {
            program,
            secs: RUN_SECS_MAX,
        });
    }
    for reader in [stdout, stderr].into_iter().flatten() {
        if reader.join().is_err() {
            return Err(FetchError::OutputLost { program });
        }
    }
    let status = child.wait().map_err(not_started)?;
    if status.success() {
        return Ok(output);
    }
    let from = output.len().saturating_sub(ERROR_LINES_MAX);
    Err(FetchError::Failed {
        program,
        status,
        last_lines: output[from..].join(" / "),
    })
}

/// The version that an etcd binary says it has.
pub fn etcd_version(etcd: &Path) -> Result<Version, FetchError> {
    let lines = run(Command::new(etcd).arg("--version"), &Silent)?;
    lines
        .iter()
        .find_map(|line| line.strip_prefix("etcd Version: "))
        .and_then(|version| version.trim().parse().ok())
        .ok_or_else(|| FetchError::NotEtcd(etcd.to_owned()))
}

/// Whether a program of this name is in `$PATH`.
pub fn find(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    find_in(name, &path)
}

/// The first executable file of this name in a search path.
pub fn find_in(name: &str, search_path: &OsStr) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    std::env::split_paths(search_path)
        .map(|dir| dir.join(name))
        .find(|file| {
            file.metadata()
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        })
}

fn forward(pipe: impl Read + Send + 'static, to: mpsc::Sender<String>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let Ok(line) = line else { return };
            // Progress bars rewrite their line; the last state of it is enough.
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end().rsplit('\r').next().unwrap_or_default();
            if !text.is_empty() && to.send(text.to_owned()).is_err() {
                return;
            }
        }
    })
}

fn display_name(program: &OsStr) -> String {
    Path::new(program).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_program_has_its_last_lines() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo no space left >&2; exit 3"]);
        let error = run(&mut command, &Silent).unwrap_err().to_string();
        assert!(error.starts_with("sh: exit status: 3: "), "{error}");
        assert!(error.contains("no space left"), "{error}");
    }

    #[test]
    fn a_program_that_is_absent_is_named() {
        let error = run(&mut Command::new("no-such-program"), &Silent);
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("no-such-program: "), "{error}");
    }
}

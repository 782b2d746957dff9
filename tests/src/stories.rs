//! Test programs that run stories by the command line, from start to exit.
//!
//! Such a program is also the `quorate` that it tests: it starts itself again by [`cli`], and is
//! the command line when [`is_command_line`].

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use tempfile::TempDir;

/// True when this process shall be `quorate` and nothing else. Ask before the first thread starts.
pub fn is_command_line() -> bool {
    quorate_cli::is_part_of_run() || std::env::var_os(AS_CLI).is_some()
}

/// The command line, with a terminal's behaviour off.
///
/// # Panics
/// When this program has no path.
pub fn cli() -> Command {
    command_line(std::env::current_exe().expect("this program has a path"))
}

fn command_line(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env(AS_CLI, "1").stdin(Stdio::null());
    command
}

/// The directory of the stories that people find in the repository.
pub fn scenarios() -> PathBuf {
    crate::root().join("scenarios")
}

/// A story of it, by its name.
pub fn scenario(name: &str) -> PathBuf {
    scenarios().join(name).with_extension("toml")
}

/// The path of an etcd of this version; fetched when there is none.
pub fn fetched_etcd(version: &str) -> Result<PathBuf, Failed> {
    let fetched = cli()
        .args(["etcd", "fetch", version, "--format", "json"])
        .output()?;
    check_exit(&fetched, 0)?;
    let fetched: serde_json::Value = serde_json::from_slice(&fetched.stdout)?;
    Ok(fetched["etcd"].as_str().ok_or("no path of etcd")?.into())
}

/// What a program said.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// # Errors
/// What was expected and what came instead, when it does not hold.
pub fn check(holds: bool, expected: &str, got: &str) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(format!("expected {expected}, got {got}").into())
    }
}

/// What a run says. One that is inconclusive says nothing of what is tested, only that this host was
/// too slow just then: it runs once more.
///
/// # Errors
/// When the program cannot be started.
pub fn conclusive(run: &mut Command) -> io::Result<Output> {
    let output = run.output()?;
    match output.status.code() {
        Some(INCONCLUSIVE) => run.output(),
        Some(_) | None => Ok(output),
    }
}

/// # Errors
/// All that a run said, when it ended otherwise.
pub fn check_exit(output: &Output, code: i32) -> Result<(), Failed> {
    let got = format!(
        "exit {:?}\n{}\n{}",
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr)
    );
    let expected = format!("exit code {code}");
    check(output.status.code() == Some(code), &expected, &got)
}

/// # Errors
/// The names of the files in a directory that should be empty.
pub fn check_empty(dir: &Path) -> Result<(), Failed> {
    let files: Vec<_> = fs::read_dir(dir)?.filter_map(Result::ok).collect();
    check(files.is_empty(), "no files", &format!("{files:?}"))
}

/// Looks again and again, until there is something to see; none when patience ends.
pub fn wait_for<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() > end {
            return None;
        }
        thread::park_timeout(LOOK_AGAIN);
    }
}

/// How a story ends that stops its servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// They are down.
    Stopped,
    /// The last step starts them again.
    Started,
}

/// Runs a story in `world` that ends with a step of the servers, and holds the world to what it
/// judges.
///
/// # Errors
/// When another thing is judged, or there is no report.
pub fn ends_with_servers(world: &str, servers: Servers) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let (story, report) = (dir.path().join("story.toml"), dir.path().join("report"));
    let stop = "[[steps]]\nafter_formed = \"200ms\"\ndo = \"servers-stop\"\n";
    let start = match servers {
        Servers::Stopped => "",
        Servers::Started => "[[steps]]\nafter_formed = \"300ms\"\ndo = \"servers-start\"\n",
    };
    let head = "title = \"servers at the end\"\n[etcd]\n\
                [[machines]]\nname = \"n1\"\nclass = \"etcd\"\n\
                [[machines]]\nname = \"n2\"\nclass = \"etcd\"\n";
    fs::write(&story, format!("{head}{stop}{start}"))?;
    let mut run = cli();
    run.arg("run").arg(&story).args(["--world", world]);
    run.arg("--report").arg(&report).env("TMPDIR", dir.path());
    let output = conclusive(&mut run)?;
    let got = text(&output.stdout);
    match servers {
        Servers::Started => check_exit(&output, 0)?,
        Servers::Stopped => {
            check_exit(&output, 1)?;
            let lines = "FAIL ack: the servers do not answer: nothing is known of leases, names and \
                         records\n  cause: a step stopped them, and they were down when the story ended\n";
            check(got.starts_with(lines), lines, &got)?;
            check(!got.contains("also:"), "one finding", &got)?;
        }
    }
    let page = fs::read_to_string(report.join("report.html"))?;
    check(
        page.contains("servers at the end"),
        "a page of the story",
        &page,
    )
}

/// A user who has nothing but a directory with this program, a story and an etcd.
/// It is `nobody` if root runs these tests, else the user who runs them.
#[derive(Debug)]
pub struct Nobody {
    home: TempDir,
    story: PathBuf,
}

impl Nobody {
    /// Copies everything; the story is `three-members`.
    pub fn new() -> Result<Self, Failed> {
        Self::with("three-members")
    }

    /// Copies everything.
    pub fn with(story: &str) -> Result<Self, Failed> {
        let home = tempfile::tempdir()?;
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o1777))?;
        fs::copy(std::env::current_exe()?, home.path().join("quorate"))?;
        let copy = home.path().join(story).with_extension("toml");
        fs::copy(scenario(story), &copy)?;
        fs::copy(fetched_etcd("3.5")?, home.path().join("etcd"))?;
        let story = copy;
        Ok(Self { home, story })
    }

    /// The directory, which anybody may write to. Temporary files go there too.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// `quorate run STORY --etcd …`, as a member of this group only.
    pub fn runs(&self, group: Option<&str>) -> Command {
        let program = self.home().join("quorate");
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = command_line("setpriv");
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--bounding-set=-all"]);
            match group {
                Some(group) => command.args(["--groups", group]),
                None => command.arg("--clear-groups"),
            };
            command.arg("--").arg(program);
            command
        } else {
            command_line(program)
        };
        command.arg("run").arg(&self.story);
        command.arg("--etcd").arg(self.home().join("etcd"));
        command.env("TMPDIR", self.home()).current_dir("/");
        command
    }

    /// # Errors
    /// The directories of runs that are left.
    pub fn check_nothing_left(&self) -> Result<(), Failed> {
        let left = fs::read_dir(self.home())?.filter_map(Result::ok);
        let of_run = |entry: &fs::DirEntry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("quorate-run-")
        };
        let left: Vec<_> = left.filter(of_run).collect();
        check(left.is_empty(), "no files", &format!("{left:?}"))
    }
}

/// Set for a child that shall be the command line.
/// The exit code for that.
const INCONCLUSIVE: i32 = 4;
const AS_CLI: &str = "QUORATE_TEST_AS_CLI";
const NOBODY: &str = "65534";
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_repeated_when_it_is_inconclusive_and_only_then() {
        for (code, times) in [(0, 1), (1, 1), (3, 1), (4, 2)] {
            let dir = tempfile::tempdir().unwrap();
            let script = format!("echo >>runs; exit {code}");
            let mut run = Command::new("sh");
            let output = conclusive(run.args(["-c", &script]).current_dir(dir.path())).unwrap();
            assert_eq!(output.status.code(), Some(code));
            let runs = fs::read_to_string(dir.path().join("runs")).unwrap();
            assert_eq!(runs.len(), times, "{code}");
        }
    }
}

//! The world `container`: stories run by containers of a Docker engine, and what a run leaves
//! behind in it: nothing.
//!
//! This program is also the `quorate` that it tests.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed};
use quorate_container::engine::LABEL;
use quorate_container::{Engine, Image};
use quorate_needs::{Need, Test};
use quorate_tests::stories::{
    Nobody, Servers, check, check_empty, check_exit, cli, conclusive, ends_with_servers,
    fetched_etcd, is_command_line, scenario, text, wait_for,
};
use testcontainers::GenericBuildableImage;
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::ListContainersOptionsBuilder;
use testcontainers::core::BuildImageOptions;
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::AsyncBuilder as _;

type Case = fn() -> Result<(), Failed>;

const CASES: [(&str, Case); 15] = [
    ("three_members_unchanged", || passes("three-members", &[])),
    ("a_member_loses_power_and_keeps_its_disk", || {
        passes("power-cycle", &[])
    }),
    ("a_member_hangs_and_goes_on", || {
        passes("frozen-machine", &[])
    }),
    ("thirty_machines_form_ten_clusters", || {
        passes("containers-30", &[])
    }),
    ("a_cluster_splits_here_too", a_cluster_splits_here_too),
    ("old_etcd_in_an_image_that_somebody_names", a_named_image),
    ("a_user_of_the_group_docker_needs_no_root", a_docker_user),
    ("kept_disks_belong_to_the_user", kept_disks),
    ("a_run_leaves_nothing", || leaves_nothing(None)),
    ("a_killed_run_leaves_nothing", || {
        leaves_nothing(Some("KILL"))
    }),
    ("a_terminated_run_leaves_nothing", || {
        leaves_nothing(Some("TERM"))
    }),
    (
        "a_run_killed_while_a_machine_hangs_leaves_nothing",
        killed_while_frozen,
    ),
    ("what_a_dead_run_has_left_is_swept", sweep),
    ("servers_started_last_are_waited_for", || {
        ends_with_servers("container", Servers::Started)
    }),
    ("what_stopped_servers_do_not_say_is_judged", || {
        ends_with_servers("container", Servers::Stopped)
    }),
];

fn main() -> ExitCode {
    if is_command_line() {
        return quorate_cli::main();
    }
    let mut arguments = Arguments::from_args();
    // A run keeps both cores of a small machine busy.
    arguments.test_threads.get_or_insert(2);
    let test = |(name, case): (&str, Case)| Test::fallible(name, &NEEDS, case);
    let without = Test::fallible(
        "without_an_engine_it_says_what_to_do",
        &[Need::Host, Need::Etcd("3.5")],
        without_an_engine,
    );
    let tests = CASES.into_iter().map(test).chain([without]);
    quorate_needs::run(&arguments, tests)
}

/// What a story in containers needs. Where these are, exit 3 is a failure.
const NEEDS: [Need; 4] = [
    Need::Docker,
    Need::Host,
    Need::Etcd("3.5"),
    Need::Etcd("3.4"),
];

/// A run in the world `container`, in the directory for temporary files `temp`.
fn contained(file: &Path, temp: &Path) -> Command {
    let mut command = cli();
    command.arg("run").arg(file).args(["--world", "container"]);
    command.env("TMPDIR", temp);
    command
}

fn run(file: &Path, more: &[&str]) -> Result<Output, Failed> {
    let temp = tempfile::tempdir()?;
    Ok(conclusive(contained(file, temp.path()).args(more))?)
}

/// A file of `scenarios/` runs in containers as it is.
fn passes(story: &str, more: &[&str]) -> Result<(), Failed> {
    check_exit(&run(&scenario(story), more)?, 0)
}

/// The same words as in the world `host`: the IDs are what etcd's formula makes of the names.
fn a_cluster_splits_here_too() -> Result<(), Failed> {
    let output = run(&scenario("gradual-records"), &[])?;
    check_exit(&output, 1)?;
    let said = text(&output.stdout);
    check(
        said.starts_with("FAIL cluster-id n1: the cluster split into 3: b214b580e6756e99 on n1"),
        "the split, with its IDs",
        &said,
    )
}

/// An image without our layout, as etcd's own: the program is somewhere in its `PATH`.
fn a_named_image() -> Result<(), Failed> {
    let etcd = fetched_etcd("3.4")?;
    let ours = Image::with_etcd(&Engine::connect()?, &etcd)?.shown();
    let dockerfile = format!(
        "FROM {ours} AS ours\nFROM scratch\n\
         COPY --from=ours /opt/etcd/etcd /usr/local/bin/etcd\n\
         COPY --from=ours /lib /lib\nCOPY --from=ours /lib64 /lib64\n\
         USER 1001\nENTRYPOINT [\"/usr/local/bin/etcd\"]\n"
    );
    let tag = ours.rsplit(':').next().unwrap_or_default();
    let named = GenericBuildableImage::new("localhost/quorate-test-etcd", tag)
        .with_dockerfile_string(dockerfile);
    let options = BuildImageOptions::new().with_skip_if_exists(true);
    let _ = block_on(named.build_image_with(options))?;
    let image = format!("localhost/quorate-test-etcd:{tag}");
    let output = run(&scenario("old-etcd"), &["--image", &image])?;
    check_exit(&output, 0)?;
    let said = text(&output.stdout);
    check(
        said.contains("etcd Version: 3.4."),
        "the image's version",
        &said,
    )
}

/// The whole chain as the user `nobody`, whose only right is to use the engine.
fn a_docker_user() -> Result<(), Failed> {
    if !rustix::process::geteuid().is_root() {
        // Then every other test here has shown it.
        return Ok(());
    }
    let group = fs::metadata("/var/run/docker.sock")?.gid().to_string();
    let nobody = Nobody::new()?;
    let contained = |group| nobody.runs(group).args(["--world", "container"]).output();
    check_exit(&contained(Some(&group))?, 0)?;
    nobody.check_nothing_left()?;
    // And without the group: no engine, and how to get one.
    let refused = contained(None)?;
    check_exit(&refused, 3)?;
    let got = text(&refused.stderr);
    check(got.contains("group `docker`"), "the remedy", &got)
}

fn kept_disks() -> Result<(), Failed> {
    let temp = tempfile::tempdir()?;
    let output = contained(&scenario("one-machine"), temp.path())
        .arg("--keep")
        .output()?;
    check_exit(&output, 0)?;
    let got = text(&output.stderr);
    let kept = got.lines().find_map(|line| line.strip_prefix("kept: "));
    let kept = Path::new(kept.ok_or("it does not say where")?);
    let data = kept.join("machines/solo/disk/etcd/member/wal");
    let owner = fs::metadata(kept)?.uid();
    check(data.metadata()?.uid() == owner, "the user's", "another one")?;
    check(owned(temp.path())?.is_empty(), "no container", "some")
}

/// Whatever ends a run, no container and no file of it is left; three members, the reaper, and
/// the servers were there.
fn leaves_nothing(signal: Option<&str>) -> Result<(), Failed> {
    let temp = tempfile::tempdir()?;
    let story = scenario("three-members");
    let mut child = contained(&story, temp.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(signal) = signal {
        let all = wait_for(Duration::from_secs(60), || {
            owned(temp.path()).ok().filter(|all| all.len() == 4)
        });
        all.ok_or("the run never came to live")?;
        Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(child.id().to_string())
            .status()?;
    }
    child.wait()?;
    let patience = match signal {
        Some(_) => Duration::from_secs(10),
        // It waits until they are gone.
        None => Duration::ZERO,
    };
    let gone = wait_for(patience, || {
        owned(temp.path()).ok().filter(Vec::is_empty).map(drop)
    });
    let left = || format!("still there: {:?}", owned(temp.path()));
    gone.ok_or_else(left)?;
    // An empty directory may be left by a killed run; the next one removes it.
    if signal == Some("KILL") {
        let next = scenario("one-machine");
        check_exit(&contained(&next, temp.path()).output()?, 0)?;
    }
    check_empty(temp.path())
}

/// A machine that hangs cannot see that its runner is gone; its PID 1 does.
fn killed_while_frozen() -> Result<(), Failed> {
    let temp = tempfile::tempdir()?;
    let source = fs::read_to_string(scenario("one-machine"))?;
    let steps = [("1ms", "freeze"), ("10m", "thaw")].map(|(after, action)| {
        format!("[[steps]]\nafter_formed = \"{after}\"\ndo = \"{action}\"\nmachine = \"solo\"\n")
    });
    let dir = tempfile::tempdir()?;
    let story = dir.path().join("story.toml");
    fs::write(
        &story,
        format!(
            "{source}
{}",
            steps.concat()
        ),
    )?;
    let mut child = contained(&story, temp.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let said = BufReader::new(child.stderr.take().ok_or("it is piped")?);
    let hangs =
        |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line.ends_with("freeze"));
    let seen = said.lines().any(|line| hangs(&line));
    child.kill()?;
    child.wait()?;
    check(seen, "a machine that hangs", "an end before that")?;
    let gone = wait_for(Duration::from_secs(30), || {
        owned(temp.path()).ok().filter(Vec::is_empty)
    });
    gone.ok_or_else(|| format!("still there: {:?}", owned(temp.path())))?;
    Ok(())
}

/// A container whose PID 1 is stopped too cannot see that its runner is gone. The next run removes it.
fn sweep() -> Result<(), Failed> {
    let temp = tempfile::tempdir()?;
    let mut child = contained(&scenario("one-machine"), temp.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let frozen = wait_for(Duration::from_secs(60), || {
        let all = owned(temp.path()).ok()?;
        let machine = all.iter().find(|name| name.ends_with("-solo"))?.clone();
        let freeze = async { docker().await.ok()?.pause_container(&machine).await.ok() };
        block_on(freeze).map(|()| machine)
    });
    let frozen = frozen.ok_or("the run never came to live")?;
    child.kill()?;
    child.wait()?;
    let only = wait_for(Duration::from_secs(10), || {
        owned(temp.path())
            .ok()
            .filter(|all| *all == [frozen.as_str()])
    });
    only.ok_or_else(|| format!("{frozen} alone, got {:?}", owned(temp.path())))?;
    check_exit(
        &contained(&scenario("one-machine"), temp.path()).output()?,
        0,
    )?;
    let left = owned(temp.path())?;
    check(left.is_empty(), "no container", &format!("{left:?}"))
}

fn without_an_engine() -> Result<(), Failed> {
    let temp = tempfile::tempdir()?;
    let nowhere = format!("unix://{}/none.sock", temp.path().display());
    let output = contained(&scenario("three-members"), temp.path())
        .env("DOCKER_HOST", nowhere)
        .output()?;
    check_exit(&output, 3)?;
    let got = text(&output.stderr);
    check(
        got.contains("no Docker engine answers") && got.contains("systemctl start docker"),
        "the reason and the remedy",
        &got,
    )
}

/// Names of the containers of runs in the directory for temporary files `temp`.
fn owned(temp: &Path) -> Result<Vec<String>, Failed> {
    let filters = HashMap::from([("label".to_owned(), vec![LABEL.to_owned()])]);
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    let found = block_on(async { docker().await?.list_containers(Some(options)).await })?;
    let mine = found.into_iter().filter(|container| {
        let run = container
            .labels
            .as_ref()
            .and_then(|labels| labels.get(LABEL));
        run.is_some_and(|run| Path::new(run).starts_with(temp))
    });
    let name = |names: Vec<String>| names.concat().trim_start_matches('/').to_owned();
    Ok(mine.filter_map(|one| one.names.map(name)).collect())
}

async fn docker() -> Result<Docker, testcontainers::bollard::errors::Error> {
    let client = docker_client_instance().await;
    Ok(client.expect("the engine answered when the tests began"))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}

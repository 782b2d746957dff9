//! The Docker engine: spoken to through testcontainers, and swept.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// The label of every container of a run: the run's directory, which is locked while it lasts.
pub const LABEL: &str = "quorate.run";

/// Why the world `container` cannot run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("no Docker engine answers: {0}")]
    NoEngine(String),
    #[error("the Docker engine cannot make {what}: {why}")]
    Refused { what: String, why: String },
    #[error("the image {image} cannot be used: {why}")]
    Image { image: String, why: String },
    #[error("{what}: {source}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
}

impl EngineError {
    /// What the user can do about it.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::NoEngine(_) => Some(
                "start one (`systemctl start docker`), or become a member of the group `docker` \
                 (`usermod -aG docker $USER`, then log in again); $DOCKER_HOST must name a Unix \
                 socket",
            ),
            Self::Refused { .. } => Some(
                "the engine must run on this machine, see its files, and allow NET_ADMIN and \
                 SYS_ADMIN; not in a virtual machine, not rootless",
            ),
            Self::Image { .. } => Some("--image NAME:TAG needs an image that has etcd in its PATH"),
            Self::Io { .. } => None,
        }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// A Docker engine that answers.
#[derive(Debug)]
pub struct Engine {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    docker: Docker,
}

impl Engine {
    /// Finds the engine where `$DOCKER_HOST` says, else where it usually is.
    pub fn connect() -> Result<Self, EngineError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("docker")
            .enable_all()
            .build()
            .map_err(EngineError::io("threads for the Docker engine"))?;
        let answer = wait_on(&runtime, async {
            let docker = docker_client_instance().await.map_err(said)?;
            match tokio::time::timeout(ANSWER_MAX, docker.ping()).await {
                Ok(Ok(_)) => Ok(docker),
                Ok(Err(error)) => Err(said(error)),
                Err(_) => Err("it is silent".to_owned()),
            }
        });
        let docker = answer.map_err(EngineError::NoEngine)?;
        Ok(Self {
            runtime: Some(runtime),
            docker,
        })
    }

    /// Does `work` on the engine's own threads, and waits for it; from any other thread.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        wait_on(self.runtime(), work)
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is dropped last")
    }

    /// Removes the containers of runs that are no more. Answers how many there were.
    ///
    /// # Errors
    /// When the engine cannot say which there are.
    pub fn sweep(&self) -> Result<usize, EngineError> {
        let dead: Vec<_> = self
            .labelled(None)?
            .into_iter()
            .filter_map(|(id, run)| is_dead(Path::new(&run)).then_some(id))
            .collect();
        let count = dead.len();
        self.remove(dead);
        Ok(count)
    }

    /// Removes the containers of one run, and returns when they are gone.
    ///
    /// # Errors
    /// When the engine cannot say which there are, or some stay.
    pub(crate) fn sweep_run(&self, run: &Path) -> Result<(), EngineError> {
        let end = Instant::now() + GONE_MAX;
        loop {
            let left = self.labelled(Some(run))?;
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(EngineError::Refused {
                    what: "an end of its containers".to_owned(),
                    why: format!("{} are left", left.len()),
                });
            }
            self.remove(left.into_iter().map(|(id, _)| id).collect());
        }
    }

    /// Identifiers of the containers of a run, or of all runs, with the run of each.
    fn labelled(&self, run: Option<&Path>) -> Result<Vec<(String, String)>, EngineError> {
        let label = run.map_or_else(
            || LABEL.to_owned(),
            |run| format!("{LABEL}={}", run.display()),
        );
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let docker = self.docker.clone();
        let found = self
            .wait(async move { docker.list_containers(Some(options)).await })
            .map_err(|error| EngineError::NoEngine(said(error)))?;
        Ok(found
            .into_iter()
            .filter_map(|container| Some((container.id?, container.labels?.remove(LABEL)?)))
            .collect())
    }

    /// Kills and removes, all at once. Returns when they are gone.
    pub(crate) fn remove(&self, ids: Vec<String>) {
        let docker = self.docker.clone();
        self.wait(async move {
            let removals = ids.into_iter().map(|id| {
                let docker = docker.clone();
                async move { remove(&docker, &id).await }
            });
            removals.collect::<JoinSet<()>>().join_all().await;
        });
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Waiting for its threads is not allowed on the threads of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn wait_on<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    let (reply, answer) = channel();
    runtime.spawn(async move {
        // The receiver is gone only when its thread is being unwound.
        let _ = reply.send(work.await);
    });
    answer.recv().expect("the work does not panic")
}

/// Kills and removes one container, and waits until it is gone. It may be ending by itself
/// already, which the engine calls a conflict. One that stays is found by the next look.
async fn remove(docker: &Docker, id: &str) {
    let end = Instant::now() + GONE_MAX;
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true);
    let mut gone = docker.remove_container(id, Some(options.build())).await;
    while gone.as_ref().is_err_and(|error| !is_missing(error)) && Instant::now() < end {
        tokio::time::sleep(AGAIN).await;
        let look = docker.inspect_container(id, None::<InspectContainerOptions>);
        gone = match look.await {
            Ok(_) => continue,
            Err(error) => Err(error),
        };
    }
}

/// Whether the engine says that there is no such thing.
const fn is_missing(error: &DockerError) -> bool {
    matches!(
        error,
        DockerError::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}

/// True when no process holds the lock on a run's directory.
fn is_dead(run: &Path) -> bool {
    match File::open(run) {
        Ok(dir) => dir.try_lock().is_ok(),
        // Another user's, who sweeps it themself.
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// An error with what caused it, on one line.
pub(crate) fn said(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

const ANSWER_MAX: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(5);
const GONE_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_dead_when_its_directory_is_gone_or_unlocked() {
        let dir = tempfile::tempdir().unwrap();
        let lock = File::open(dir.path()).unwrap();
        lock.lock().unwrap();
        assert!(!is_dead(dir.path()));
        drop(lock);
        assert!(is_dead(dir.path()));
        let gone = dir.path().to_owned();
        dir.close().unwrap();
        assert!(is_dead(&gone));
    }

    #[test]
    fn causes_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: {source}")]
        struct Outer {
            source: io::Error,
        }
        let source = io::Error::other("inner");
        assert_eq!(said(Outer { source }), "outer: inner");
    }
}

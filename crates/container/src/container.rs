//! One container, which ends with the value that stands for it.

use std::sync::Arc;

use testcontainers::core::error::Result;
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerRequest, GenericImage};

use crate::engine::Engine;

/// A container that was started. Killed and removed when dropped.
#[derive(Debug)]
pub(crate) struct Container {
    engine: Arc<Engine>,
    /// `None` when it was removed.
    id: Option<String>,
}

impl Container {
    /// Starts containers at the same time, and answers them in the order of the requests. One
    /// that fails takes the others with it.
    pub(crate) fn start_all(
        engine: &Arc<Engine>,
        requests: Vec<ContainerRequest<GenericImage>>,
    ) -> Result<Vec<Self>> {
        let started = engine.wait(async move {
            // In the order of the requests, whichever starts first.
            let starts = requests.into_iter().map(|one| tokio::spawn(start(one)));
            let mut started = Vec::new();
            for start in starts.collect::<Vec<_>>() {
                started.push(start.await.expect("a start does not panic"));
            }
            started
        });
        let own = |id| Self {
            engine: Arc::clone(engine),
            id: Some(id),
        };
        let started: Vec<_> = started.into_iter().map(|id| id.map(own)).collect();
        started.into_iter().collect()
    }

    /// Removes containers at the same time.
    pub(crate) fn remove_all(containers: impl IntoIterator<Item = Self>) {
        let mut containers: Vec<_> = containers.into_iter().collect();
        let ids = containers.iter_mut().filter_map(|one| one.id.take());
        let ids = ids.collect();
        if let Some(first) = containers.first() {
            first.engine.remove(ids);
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.engine.remove(vec![id]);
        }
    }
}

async fn start(request: ContainerRequest<GenericImage>) -> Result<String> {
    let container = request.start().await?;
    let id = container.id().to_owned();
    // Dropped, it would be removed from this thread, and complain when it was removed already.
    std::mem::forget(container);
    Ok(id)
}

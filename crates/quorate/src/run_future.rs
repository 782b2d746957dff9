//! A run as a future of no particular executor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use quorate_scenario::Outcome;

use crate::run::{RunError, RunRequest, run};
use crate::stop::StopHandle;

/// A run that goes on in a thread. Killed when dropped.
#[derive(Debug)]
pub(crate) struct RunFuture {
    stop: StopHandle,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    result: Option<Result<Outcome, RunError>>,
    waker: Option<Waker>,
}

impl RunFuture {
    pub(crate) fn start(request: RunRequest) -> Self {
        let future = Self {
            stop: StopHandle::default(),
            shared: Arc::default(),
        };
        let (stop, shared) = (future.stop.clone(), Arc::clone(&future.shared));
        let work = move || {
            // A bug must not leave the future waiting for ever.
            let result = catch_unwind(AssertUnwindSafe(|| run(&request, &stop)));
            let result = result.unwrap_or_else(|_| {
                let why = "the thread of the run panicked, which is a bug".to_owned();
                Err(RunError::CannotRun(why))
            });
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.result = Some(result);
            if let Some(waker) = shared.waker.take() {
                waker.wake();
            }
        };
        if let Err(error) = thread::Builder::new().name("quorate".into()).spawn(work) {
            future.shared().result = Some(Err(RunError::CannotRun(error.to_string())));
        }
        future
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for RunFuture {
    type Output = Result<Outcome, RunError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut shared = self.shared();
        match shared.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                shared.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for RunFuture {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

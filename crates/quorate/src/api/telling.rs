//! A run as a future of no particular executor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use quorate_scenario::Outcome;

use crate::tell::{Order, RunError, Stop, tell};

/// A run that goes on in a thread. Killed when dropped.
#[derive(Debug)]
pub(super) struct Telling {
    stop: Stop,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    told: Option<Result<Outcome, RunError>>,
    waker: Option<Waker>,
}

impl Telling {
    pub(super) fn start(order: Order) -> Self {
        let telling = Self {
            stop: Stop::default(),
            shared: Arc::default(),
        };
        let (stop, shared) = (telling.stop.clone(), Arc::clone(&telling.shared));
        let run = move || {
            // A bug must not leave the future waiting for ever.
            let told = catch_unwind(AssertUnwindSafe(|| tell(&order, &stop)));
            let told = told.unwrap_or_else(|_| {
                let why = "the thread of the run panicked, which is a bug".to_owned();
                Err(RunError::CannotRun(why))
            });
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.told = Some(told);
            if let Some(waker) = shared.waker.take() {
                waker.wake();
            }
        };
        if let Err(error) = thread::Builder::new().name("quorate".into()).spawn(run) {
            let mut shared = telling.shared();
            shared.told = Some(Err(RunError::CannotRun(error.to_string())));
            drop(shared);
        }
        telling
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Telling {
    type Output = Result<Outcome, RunError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut shared = self.shared();
        match shared.told.take() {
            Some(told) => Poll::Ready(told),
            None => {
                shared.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

//! How this program plays its parts of a run, when it is started again.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use quorate_host::machine::BEFORE_MAIN;

/// How this program plays its parts, when it is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plays {
    /// It calls [`main`](crate::main).
    InMain,
    /// It has [`before_main!`](crate::before_main).
    BeforeMain,
    /// It has not said so, and would do something else.
    Never,
}

static IN_MAIN: AtomicBool = AtomicBool::new(false);
static IS_LOADED: AtomicBool = AtomicBool::new(false);

impl Plays {
    /// Notes what this program does. One that calls `main` in every process needs nothing else.
    pub(crate) fn set(self) {
        match self {
            Self::InMain => IN_MAIN.store(true, Ordering::Relaxed),
            Self::BeforeMain => IS_LOADED.store(true, Ordering::Relaxed),
            Self::Never => {}
        }
    }

    pub(crate) fn now() -> Self {
        if IN_MAIN.load(Ordering::Relaxed) {
            Self::InMain
        } else if IS_LOADED.load(Ordering::Relaxed) {
            Self::BeforeMain
        } else {
            Self::Never
        }
    }

    /// Lets `child`, and all that it starts, know where to play its part.
    pub(crate) fn prepare(self, child: &mut Command) {
        if self == Self::BeforeMain {
            child.env(BEFORE_MAIN, "1");
        }
    }
}

//! From power-on to quorum: scenarios in your own programs and tests.
//!
//! A [`Scenario`] says which machines boot, what happens to them, and what has to hold. It comes from
//! a file, or from a [`Builder`]. It runs in a [`World`], and ends with an [`Outcome`]: the verdict
//! with its findings, all observations, and the state of servers and members at the end.
//!
//! The world `sim` runs the same engines on virtual time and needs nothing:
//!
//! ```
//! use std::time::Duration;
//! use quorate::{Group, Scenario, Step, Verdict, World};
//!
//! let scenario = Scenario::builder("a member hangs")
//!     .machines(Group::etcd("n").count(3).spread(Duration::from_secs(2)))
//!     .step(Step::after_formed(Duration::from_secs(1), "freeze").machine("n2"))
//!     .step(Step::after_formed(Duration::from_secs(9), "thaw").machine("n2"))
//!     .build()?
//!     .world(World::Sim);
//! let outcome = scenario.run_blocking()?;
//! assert_eq!(outcome.verdict, Verdict::Pass);
//! assert_eq!(outcome.evidence.members.len(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The worlds `host`, `container` and `vm` are made of processes that start the running program
//! again: as a sandbox, as servers, as machines. A program that runs scenarios there says how it
//! takes those parts, in one of two ways:
//!
//! - [`before_main!`] at the root of the program: the parts run before `main`. A test program of the
//!   standard harness needs it, because namespaces are made by a process with one thread.
//! - [`main`] as the first thing in `main`, when [`is_part_of_run`]. A program on musl needs it.
//!
//! A program that does neither gets [`RunError::CannotRun`] from those worlds. Virtual machines run
//! more verbs of the command line than this library has: a program that starts them calls `main` of
//! the crate `quorate-cli` instead.
//!
//! [`runner`] is what the command line is built on.

mod builder;
mod containers;
mod etcd;
mod exit;
mod interrupt;
mod job;
mod part;
mod plays;
mod recorder;
mod report_dir;
mod run;
mod run_dir;
mod run_future;
pub mod runner;
mod sandboxed;
mod scenario;
mod sim;
mod stop;
mod view;
mod virtual_machines;
mod world;
mod world_run;

pub use builder::{Builder, Group, Step};
pub use part::{is_part_of_run, main};
pub use quorate_scenario::{Finding, Outcome, Verdict};
pub use run::RunError;
pub use scenario::Scenario;
pub use world::World;

#[doc(hidden)]
pub use part::before_main as __before_main;

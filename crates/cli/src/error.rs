//! Why a verb did not do what it was asked, and the one place where that becomes text and exit code.
//!
//! 0 all expectations held · 1 one failed · 2 bad input · 3 the world cannot run here · 4
//! inconclusive: something failed, or did not answer in time, and the host was too slow · 130
//! interrupted. A verb that is not about expectations answers 0, 2 or 3.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use quorate::RunError;
use quorate::runner::{EtcdError, NoMachines, NoVersion, ReportDirError};
use quorate_container::EngineError;
use quorate_daemon::ConfigError;
use quorate_daemon::ServeError;
use quorate_image::ImageError;
use quorate_init::install::InstallError;
use quorate_obtain::request::NoCacheDir;
use quorate_report::recording::ReadError;
use quorate_scenario::{Story, StoryError, WorldError};
use quorate_sim::shrink::ShrinkError;
use thiserror::Error;

use crate::notes::note;

/// An expected failure of a verb.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    #[error("{}: {source}\n  {help}", path.display())]
    ReadScenario {
        path: PathBuf,
        source: io::Error,
        help: String,
    },
    #[error(transparent)]
    Scenario(#[from] StoryError),
    #[error(transparent)]
    ServeConfig(#[from] ConfigError),
    #[error("{option}: {why}")]
    Option { option: &'static str, why: String },
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    DecisionLog {
        path: PathBuf,
        source: quorate_sim::decision_log::LogError,
    },
    #[error("{}: {source}\nname the directory: quorate list DIR", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("{0}\n  `quorate run --report DIR` writes what this verb reads")]
    Recording(#[from] ReadError),
    #[error("{}: {source}", path.display())]
    Shrink { path: PathBuf, source: ShrinkError },
    #[error(
        "no group of machines can grow: name one that the scenario has (--group NAME), or add a \
         group of class = \"plain\""
    )]
    NoGroup,
    #[error(transparent)]
    NoVersion(#[from] NoVersion),
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    #[error(transparent)]
    Unsupported(StoryError),
    #[error("the world `{world}` broke: {source}")]
    World {
        world: quorate::World,
        source: WorldError,
    },
    #[error("the world `container` cannot run here: {}{}", .0, indented(.0.remedy()))]
    Engine(#[from] EngineError),
    #[error("--report {0}")]
    ReportDir(#[from] ReportDirError),
    #[error(transparent)]
    NoMachines(#[from] NoMachines),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Serve(ServeError),
    #[error(transparent)]
    Agent(#[from] quorate_agent::AgentError),
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error(transparent)]
    Run(RunError),
    #[error("{}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the artifacts cannot be written: {0}")]
    Artifacts(io::Error),
    #[error("{what}: {source}")]
    System {
        what: &'static str,
        source: io::Error,
    },
    #[error("standard output: {0}")]
    Output(io::Error),
    #[error("interrupted; nothing is left of the run")]
    Interrupted { signal: u8 },
}

fn indented(remedy: Option<&str>) -> String {
    remedy.map_or_else(String::new, |remedy| format!("\n  {remedy}"))
}

impl From<NoCacheDir> for CliError {
    fn from(error: NoCacheDir) -> Self {
        Self::Etcd(error.into())
    }
}

impl From<ServeError> for CliError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Config(error) => Self::ServeConfig(error),
            error @ (ServeError::Store(_)
            | ServeError::OwnKey { .. }
            | ServeError::Record(_)
            | ServeError::Socket { .. }) => Self::Serve(error),
        }
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Interrupted => Self::Interrupted { signal: SIGINT },
            error @ (RunError::Scenario(_) | RunError::Etcd(_) | RunError::CannotRun(_)) => {
                Self::Run(error)
            }
        }
    }
}

impl CliError {
    /// Says it on standard error, and answers the exit code.
    pub(crate) fn report(self) -> u8 {
        let code = self.exit_code();
        if let Self::Scenario(error) | Self::Unsupported(error) = self {
            show(error);
        } else if let Self::ServeConfig(error) = self {
            show(error);
        } else {
            note(self);
        }
        code
    }

    const fn exit_code(&self) -> u8 {
        match self {
            Self::Output(_) => 1,
            Self::ReadScenario { .. }
            | Self::Scenario(_)
            | Self::ServeConfig(_)
            | Self::Option { .. }
            | Self::Read { .. }
            | Self::DecisionLog { .. }
            | Self::List { .. }
            | Self::Recording(_)
            | Self::NoGroup
            | Self::NoVersion(_)
            | Self::Shrink { .. }
            | Self::Etcd(EtcdError::Version(_) | EtcdError::NoProgram(_))
            | Self::ReportDir(ReportDirError::NotOurs(_))
            | Self::Image(ImageError::Architecture(_)) => BAD_INPUT,
            Self::Etcd(_)
            | Self::Unsupported(_)
            | Self::World { .. }
            | Self::Engine(_)
            | Self::ReportDir(_)
            | Self::NoMachines(_)
            | Self::Image(_)
            | Self::Serve(_)
            | Self::Agent(_)
            | Self::Install(_)
            | Self::Run(_)
            | Self::Write { .. }
            | Self::Artifacts(_)
            | Self::System { .. } => CANNOT_RUN,
            Self::Interrupted { signal } => SIGNALLED + *signal,
        }
    }
}

/// Shows a diagnostic with its source on standard error.
pub(crate) fn show(diagnostic: impl Diagnostic + Send + Sync + 'static) {
    note(format_args!("{:?}", miette::Report::new(diagnostic)));
}

/// Shows what the story asks for and will hardly get, on standard error.
pub(crate) fn warn(story: &Story) {
    for warning in &story.warnings {
        note(format_args!(
            "warning: {}\n  help: {}",
            warning.message, warning.help
        ));
    }
}

/// The input is not what the verb expects.
pub(crate) const BAD_INPUT: u8 = 2;
/// What the verb needs is not here.
pub(crate) const CANNOT_RUN: u8 = 3;
/// What shells answer for a process that a signal ended, beside the signal's number.
pub(crate) const SIGNALLED: u8 = 128;
const SIGINT: u8 = 2;

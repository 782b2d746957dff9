//! The servers of a run: `quorate serve --config FILE --format json`.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;

use quorate_daemon::ConfigError;
use quorate_daemon::{Config, EventLines, Line, ServeError};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{BAD_INPUT, CANNOT_RUN};

/// The verb of the command line that does the same.
pub(super) const VERB: &str = "serve";

/// Serves what the arguments of a run name.
pub(super) fn main<T: From<u8>>(arguments: impl Iterator<Item = OsString>) -> T {
    let arguments: Vec<OsString> = arguments.collect();
    let served = match &arguments[..] {
        [config, path, format, json]
            if config == "--config" && format == "--format" && json == "json" =>
        {
            serve_file(Path::new(path))
        }
        _ => Err(format!("a run starts its servers by {VERB} --config FILE --format json").into()),
    };
    match served {
        Ok(()) => T::from(0),
        Err(Failure(code, why)) => {
            // The run reads it from the console's log.
            let _ = writeln!(io::stderr(), "{why}");
            T::from(code)
        }
    }
}

/// With the exit code.
struct Failure(u8, String);

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self(BAD_INPUT, why)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self(BAD_INPUT, format!("{:?}", miette::Report::new(error)))
    }
}

fn serve_file(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let mut lines = EventLines::to_stdout(|line| serde_json::to_string(line).unwrap_or_default());
    serve(config, || {}, |line| lines.emit(line)).map_err(|error| match error {
        ServeError::Config(error) => error.into(),
        error @ (ServeError::Store(_)
        | ServeError::OwnKey { .. }
        | ServeError::Record(_)
        | ServeError::Socket { .. }) => Failure(CANNOT_RUN, error.to_string()),
    })
}

/// Serves until SIGINT or SIGTERM; `stopping` is called at the first of them, `emit` for each event.
///
/// # Errors
/// When the servers cannot start, or one of them fails.
pub fn serve(
    config: Config,
    stopping: impl FnOnce(),
    emit: impl FnMut(&Line),
) -> Result<(), ServeError> {
    quorate_daemon::confine(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|source| ServeError::Socket {
            what: "threads to serve with".to_owned(),
            source,
        })?;
    runtime.block_on(async {
        // SIGHUP ends nothing: a terminal is gone, or somebody wants the file to be read again. Once
        // it was caught, tokio catches it for the rest of the process.
        drop(signal(SignalKind::hangup()));
        let stop = async {
            until_signal().await;
            stopping();
        };
        quorate_daemon::run(config, stop, emit).await
    })
}

/// Completes at the first SIGINT or SIGTERM.
async fn until_signal() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// The main loop waits for the disk in place; the other thread serves meanwhile.
const WORKERS: usize = 2;

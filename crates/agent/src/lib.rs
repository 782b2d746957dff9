//! The node agent: drives one machine's life on a real kernel
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")
)]
mod fetch;
mod frame;
mod processes;
mod system_files;
